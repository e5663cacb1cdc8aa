//! The cache under many callers, and against a plain model of what it promises.
//!
//! Time is injected: a wall clock that the tests set, and tokio's paused timers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use tokio::sync::Semaphore;

use super::*;
use crate::error::Error;
use crate::jwks::{Content, Fetched, KeyRequest};
use crate::jwt::SignatureAlgorithm;

const RULES: CacheRules = CacheRules {
    ttl: Duration::from_secs(600),
    max_stale: Duration::from_secs(3_600),
    cooldown: Duration::from_secs(30),
    timeout: Duration::from_secs(3),
};

/// As many kids as the tests tell apart.
const KIDS: [&str; 4] = ["a", "b", "c", "d"];

fn eddsa() -> &'static SignatureAlgorithm {
    SignatureAlgorithm::named("EdDSA").unwrap()
}

fn key_set(kids: &BTreeSet<&'static str>) -> KeySet {
    static X: OnceLock<String> = OnceLock::new();
    let x =
        X.get_or_init(|| URL_SAFE_NO_PAD.encode(Ed25519KeyPair::generate().unwrap().public_key()));
    let jwk = |kid: &&str| format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{x}"}}"#);
    let json = format!(r#"{{"keys":[{}]}}"#, kids.iter().map(jwk).collect::<Vec<_>>().join(","));
    KeySet::parse(json.as_bytes(), &[eddsa()]).unwrap().0
}

/// How the fake issuer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Answers,
    Fails,
    Hangs,
}

/// A source that counts, and answers as it is told to.
struct FakeIssuer {
    mode: Mutex<Mode>,
    kids: Mutex<BTreeSet<&'static str>>,
    /// Holds every fetch until it gets permits.
    gate: Option<Semaphore>,
    fetches: AtomicU64,
    seconds: Arc<AtomicU64>,
    /// What it said last, and when it was asked.
    said: Mutex<Option<(BTreeSet<&'static str>, u64)>>,
}

impl FakeIssuer {
    fn new(kids: &[&'static str]) -> Self {
        Self {
            mode: Mutex::new(Mode::Answers),
            kids: Mutex::new(kids.iter().copied().collect()),
            gate: None,
            fetches: AtomicU64::new(0),
            seconds: Arc::new(AtomicU64::new(1_700_000_000)),
            said: Mutex::new(None),
        }
    }

    fn gated(kids: &[&'static str]) -> Self {
        Self { gate: Some(Semaphore::new(0)), ..Self::new(kids) }
    }

    fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl KeySource for Arc<FakeIssuer> {
    async fn fetch(&self, request: KeyRequest<'_>) -> Result<Fetched, FetchError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let asked_at = self.seconds.load(Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        let mode = *self.mode.lock().unwrap();
        match mode {
            Mode::Answers => {
                let kids = self.kids.lock().unwrap().clone();
                *self.said.lock().unwrap() = Some((kids.clone(), asked_at));
                let content =
                    Content::Keys { keys: key_set(&kids), skipped: Vec::new(), etag: None };
                Ok(Fetched { content, uri: request.origin.discovery_uri.clone(), max_age: None })
            }
            Mode::Fails => Err(FetchError::Status {
                url: request.origin.discovery_uri.to_string(),
                status: 500,
            }),
            Mode::Hangs => std::future::pending().await,
        }
    }
}

/// An invocation that can wait for so long; for as long as it takes without.
fn invocation(now: SystemTime, time_left: Option<Duration>) -> Invocation<'static> {
    const TIME_TO_ANSWER: Duration = Duration::from_millis(100);
    let deadline = time_left.map_or(UNIX_EPOCH, |time_left| now + time_left + TIME_TO_ANSWER);
    Invocation { request_id: "request", trace_id: None, deadline }
}

/// A cache over a fake issuer, at a time that the test sets.
struct World {
    issuer: Arc<FakeIssuer>,
    cache: Arc<KeyCache<Arc<FakeIssuer>>>,
    origin: Arc<KeyOrigin>,
    seconds: Arc<AtomicU64>,
}

impl World {
    fn new(issuer: FakeIssuer) -> Self {
        Self::with_rules(issuer, RULES)
    }

    fn with_rules(issuer: FakeIssuer, rules: CacheRules) -> Self {
        let issuer = Arc::new(issuer);
        let seconds = Arc::clone(&issuer.seconds);
        let clock = {
            let seconds = Arc::clone(&seconds);
            Arc::new(move || UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::SeqCst)))
        };
        let cache =
            Arc::new(KeyCache::new(Arc::clone(&issuer), rules, clock, Arc::new(Metrics::off()), 2));
        let origin =
            Arc::new(KeyOrigin::new("https://issuer.example", None, vec![eddsa()]).unwrap());
        Self { issuer, cache, origin, seconds }
    }

    fn now(&self) -> SystemTime {
        self.cache.now()
    }

    fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn find(&self, kid: &str) -> Result<KeyFreshness, &'static str> {
        self.find_within(kid, None).await
    }

    async fn find_within(
        &self,
        kid: &str,
        time_left: Option<Duration>,
    ) -> Result<KeyFreshness, &'static str> {
        let query = KeyQuery { kid: Some(kid), algorithm: eddsa() };
        let found = self.cache.find(&self.origin, &query, invocation(self.now(), time_left)).await;
        found.map(|keys| keys.freshness).map_err(|error| Error::from(error).reason())
    }

    /// Starts finding a key in a task, as an invocation beside others does.
    fn spawn_find(
        &self,
        kid: &'static str,
        time_left: Option<Duration>,
    ) -> tokio::task::JoinHandle<Result<KeyFreshness, &'static str>> {
        let (cache, origin, now) = (Arc::clone(&self.cache), Arc::clone(&self.origin), self.now());
        tokio::spawn(async move {
            let query = KeyQuery { kid: Some(kid), algorithm: eddsa() };
            let found = cache.find(&origin, &query, invocation(now, time_left)).await;
            found.map(|keys| keys.freshness).map_err(|error| Error::from(error).reason())
        })
    }

    /// Lets every task run until all of them wait.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn fetches_once_for_many_who_wait() {
    let world = World::new(FakeIssuer::gated(&["a"]));
    let waiting: Vec<_> = (0..64).map(|_| world.spawn_find("a", None)).collect();
    world.settle().await;
    assert_eq!(world.issuer.fetches(), 1);
    world.issuer.gate.as_ref().unwrap().add_permits(1);
    for found in waiting {
        assert_eq!(found.await.unwrap(), Ok(KeyFreshness::Fetched));
    }
    assert_eq!(world.issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn fails_once_for_many_who_wait() {
    let world = World::new(FakeIssuer::gated(&["a"]));
    *world.issuer.mode.lock().unwrap() = Mode::Fails;
    let waiting: Vec<_> = (0..64).map(|_| world.spawn_find("a", None)).collect();
    world.settle().await;
    world.issuer.gate.as_ref().unwrap().add_permits(1);
    for found in waiting {
        assert_eq!(found.await.unwrap(), Err("keys_unavailable"));
    }
    assert_eq!(world.issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn lets_hits_pass_while_a_fetch_hangs() {
    let world = World::new(FakeIssuer::new(&["a"]));
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    *world.issuer.mode.lock().unwrap() = Mode::Hangs;
    let unknown = world.spawn_find("b", None);
    world.settle().await;
    assert_eq!(world.issuer.fetches(), 2, "the unknown key is being fetched");
    let before = tokio::time::Instant::now();
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fresh));
    assert_eq!(before.elapsed(), Duration::ZERO, "no timer had to fire");
    assert!(!unknown.is_finished());
    assert_eq!(unknown.await.unwrap(), Err("unknown_key"));
}

#[tokio::test(start_paused = true)]
async fn cannot_tell_of_an_unknown_key_before_the_fetch_for_it_has_ended() {
    let world = World::new(FakeIssuer::new(&["a"]));
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    *world.issuer.mode.lock().unwrap() = Mode::Hangs;
    let time_left = Some(Duration::from_millis(50));
    assert_eq!(world.find_within("b", time_left).await, Err("keys_unavailable"));
    assert_eq!(
        world.find("b").await,
        Err("unknown_key"),
        "the fetch has failed, and the keys are fresh"
    );
}

#[tokio::test(start_paused = true)]
async fn serves_keys_that_took_longer_than_they_live() {
    let rules = CacheRules { ttl: Duration::from_secs(1), max_stale: Duration::ZERO, ..RULES };
    let world = World::with_rules(FakeIssuer::gated(&["a"]), rules);
    let found = world.spawn_find("a", None);
    world.settle().await;
    world.pass(2);
    world.issuer.gate.as_ref().unwrap().add_permits(1);
    assert_eq!(found.await.unwrap(), Ok(KeyFreshness::Fetched));
}

#[tokio::test(start_paused = true)]
async fn takes_no_keys_from_before_a_freeze() {
    let world = World::new(FakeIssuer::gated(&["a"]));
    let found = world.spawn_find("a", None);
    for _ in 0..2 {
        world.settle().await;
        world.pass(3_600);
        world.issuer.gate.as_ref().unwrap().add_permits(1);
    }
    assert_eq!(found.await.unwrap(), Err("keys_unavailable"));
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn counts_a_fetch_that_is_frozen_again_as_failed() {
    let world = World::new(FakeIssuer::new(&["a"]));
    *world.issuer.mode.lock().unwrap() = Mode::Hangs;
    let time_left = Some(Duration::from_millis(50));
    for _ in 0..2 {
        assert_eq!(world.find_within("a", time_left).await, Err("keys_unavailable"));
        world.pass(10);
    }
    assert_eq!(world.find("a").await, Err("keys_unavailable"));
    assert_eq!(world.issuer.fetches(), 2, "begun again once, and then in backoff");
}

#[tokio::test(start_paused = true)]
async fn goes_on_fetching_for_the_others_when_a_caller_gives_up() {
    let world = World::new(FakeIssuer::gated(&["a"]));
    let impatient = world.spawn_find("a", Some(Duration::from_millis(50)));
    world.settle().await;
    let patient = world.spawn_find("a", None);
    assert_eq!(impatient.await.unwrap(), Err("keys_unavailable"));
    let dropped = world.spawn_find("a", None);
    world.settle().await;
    dropped.abort();
    world.issuer.gate.as_ref().unwrap().add_permits(1);
    assert_eq!(patient.await.unwrap(), Ok(KeyFreshness::Fetched));
    assert_eq!(world.issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn serves_stale_keys_to_a_caller_whose_deadline_comes_first() {
    let world = World::new(FakeIssuer::new(&["a"]));
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    world.pass(601);
    *world.issuer.mode.lock().unwrap() = Mode::Hangs;
    assert_eq!(
        world.find_within("a", Some(Duration::from_millis(50))).await,
        Ok(KeyFreshness::Stale)
    );
    assert_eq!(world.find_within("a", Some(Duration::ZERO)).await, Ok(KeyFreshness::Stale));
}

#[tokio::test(start_paused = true)]
async fn bounds_a_fetch_that_hangs() {
    let world = World::new(FakeIssuer::new(&["a"]));
    *world.issuer.mode.lock().unwrap() = Mode::Hangs;
    let before = tokio::time::Instant::now();
    assert_eq!(world.find("a").await, Err("keys_unavailable"));
    assert_eq!(before.elapsed(), RULES.timeout);
}

#[tokio::test(start_paused = true)]
async fn begins_again_when_frozen_in_the_middle_of_a_fetch() {
    // The timer fires after the freeze: the monotonic clock went on.
    let world = World::new(FakeIssuer::new(&["a"]));
    *world.issuer.mode.lock().unwrap() = Mode::Hangs;
    let found = world.spawn_find("a", None);
    world.settle().await;
    world.pass(3_600);
    *world.issuer.mode.lock().unwrap() = Mode::Answers;
    assert_eq!(found.await.unwrap(), Ok(KeyFreshness::Fetched));
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn begins_again_for_a_newcomer_though_the_timer_stood_still() {
    let world = World::new(FakeIssuer::new(&["a"]));
    *world.issuer.mode.lock().unwrap() = Mode::Hangs;
    let abandoned = world.spawn_find("a", None);
    world.settle().await;
    world.pass(3_600);
    *world.issuer.mode.lock().unwrap() = Mode::Answers;
    let before = tokio::time::Instant::now();
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    assert_eq!(before.elapsed(), Duration::ZERO, "nobody waited for the old timer");
    assert_eq!(abandoned.await.unwrap(), Ok(KeyFreshness::Fetched));
}

#[tokio::test(start_paused = true)]
async fn keeps_issuers_apart() {
    let world = World::new(FakeIssuer::new(&["a"]));
    let other = Arc::new(KeyOrigin::new("https://other.example", None, vec![eddsa()]).unwrap());
    let query = KeyQuery { kid: Some("a"), algorithm: eddsa() };
    assert!(world.cache.find(&other, &query, invocation(world.now(), None)).await.is_ok());
    *world.issuer.mode.lock().unwrap() = Mode::Hangs;
    let hanging = world.spawn_find("a", None);
    world.settle().await;
    let before = tokio::time::Instant::now();
    assert!(world.cache.find(&other, &query, invocation(world.now(), None)).await.is_ok());
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(hanging.await.unwrap(), Err("keys_unavailable"));
    assert!(
        world.cache.find(&other, &query, invocation(world.now(), None)).await.is_ok(),
        "in backoff, but not its own"
    );
}

#[tokio::test(start_paused = true)]
async fn prefetches_every_issuer_at_once_and_none_that_has_keys() {
    let world = World::new(FakeIssuer::new(&["a"]));
    *world.issuer.mode.lock().unwrap() = Mode::Hangs;
    let other = Arc::new(KeyOrigin::new("https://other.example", None, vec![eddsa()]).unwrap());
    let before = tokio::time::Instant::now();
    world.cache.prefetch([&world.origin, &other]).await;
    assert_eq!(before.elapsed(), RULES.timeout, "both waited at the same time");
    assert_eq!(world.issuer.fetches(), 2);
    world.cache.seed(&world.origin, key_set(&["a"].into())).await;
    world.pass(60);
    world.cache.prefetch([&world.origin]).await;
    assert_eq!(world.issuer.fetches(), 2);
}

/// What happens in the world.
#[derive(Debug, Clone)]
enum Happening {
    TimePasses(u64),
    ClockIsSetBack(u64),
    IssuerChanges(Mode),
    IssuerRotates(BTreeSet<&'static str>),
    TokensArrive(&'static str, usize),
    Frozen(u64, &'static str),
}

fn happening() -> impl Strategy<Value = Happening> {
    let kid = || proptest::sample::select(&KIDS[..]);
    let mode =
        proptest::sample::select(&[Mode::Answers, Mode::Answers, Mode::Fails, Mode::Hangs][..]);
    let kids = proptest::collection::btree_set(kid(), 1..=KIDS.len());
    let time = prop_oneof![0..5_u64, 20..40_u64, 590..610_u64, 4_100..4_300_u64];
    prop_oneof![
        3 => time.clone().prop_map(Happening::TimePasses),
        1 => (1..700_u64).prop_map(Happening::ClockIsSetBack),
        2 => mode.prop_map(Happening::IssuerChanges),
        2 => kids.prop_map(Happening::IssuerRotates),
        6 => (kid(), 1..4_usize).prop_map(|(kid, count)| Happening::TokensArrive(kid, count)),
        1 => (time, kid()).prop_map(|(time, kid)| Happening::Frozen(time, kid)),
    ]
}

/// The promises, in the plainest terms: what the issuer last said and when, and
/// how often it was asked.
#[derive(Default)]
struct Model {
    unknown_asked_at: Option<u64>,
    failed_at: Option<u64>,
    clock_was_set_back: bool,
}

/// Tokens with one `kid` that arrived together, and what became of them.
struct Arrival {
    kid: &'static str,
    outcome: Result<KeyFreshness, &'static str>,
    /// What the issuer had said before.
    said_before: Option<(BTreeSet<&'static str>, u64)>,
    /// How often it was asked for them.
    asked: u64,
}

impl Model {
    fn check(&mut self, world: &World, arrival: &Arrival) {
        let (ttl, max_stale) = (RULES.ttl.as_secs(), RULES.max_stale.as_secs());
        let now = world.seconds.load(Ordering::SeqCst);
        let said = world.issuer.said.lock().unwrap().clone();
        let known = said.as_ref().is_some_and(|(kids, _)| kids.contains(arrival.kid));
        let age = said.as_ref().map(|(_, said_at)| now.saturating_sub(*said_at));
        match arrival.outcome {
            Ok(freshness) => {
                assert!(known, "a key that the issuer does not publish was used");
                assert!(age.unwrap() < ttl + max_stale, "a key was used past its time");
                match freshness {
                    KeyFreshness::Fresh | KeyFreshness::Fetched => {
                        assert!(age.unwrap() < ttl, "stale keys were called fresh")
                    }
                    KeyFreshness::Stale => {
                        assert!(
                            age.unwrap() >= ttl || self.clock_was_set_back,
                            "fresh keys were called stale"
                        );
                    }
                }
            }
            Err("unknown_key") => {
                assert!(!known, "a good token was refused while its key was known")
            }
            Err("keys_unavailable") => {
                let expired = age.is_none_or(|age| age >= ttl + max_stale);
                let stale = age.is_some_and(|age| age >= ttl) || self.clock_was_set_back;
                assert!(expired || (stale && !known), "keys that may serve were not used");
            }
            Err(other) => panic!("{other}"),
        }
        self.check_asked(arrival, now, *world.issuer.mode.lock().unwrap());
    }

    fn check_asked(&mut self, arrival: &Arrival, now: u64, mode: Mode) {
        assert!(
            arrival.asked <= 1,
            "asked {} times for tokens that arrived together",
            arrival.asked
        );
        if arrival.asked == 0 {
            return;
        }
        assert!(self.failed_at != Some(now), "asked within the backoff");
        self.failed_at = (mode != Mode::Answers).then_some(now);
        let was_fresh = arrival
            .said_before
            .as_ref()
            .is_some_and(|(_, said_at)| (*said_at..said_at + RULES.ttl.as_secs()).contains(&now));
        if was_fresh {
            let cooldown = |asked_at| asked_at..asked_at + RULES.cooldown.as_secs();
            assert!(
                !self.unknown_asked_at.is_some_and(|asked_at| cooldown(asked_at).contains(&now)),
                "asked within the cooldown"
            );
            self.unknown_asked_at = Some(now);
        }
    }
}

async fn run(happenings: Vec<Happening>) {
    let world = World::new(FakeIssuer::new(&["a", "b"]));
    let mut model = Model::default();
    for happening in happenings {
        match happening {
            Happening::TimePasses(seconds) => world.pass(seconds),
            Happening::ClockIsSetBack(seconds) => {
                world.seconds.fetch_sub(seconds, Ordering::SeqCst);
                model.clock_was_set_back = true;
            }
            Happening::IssuerChanges(mode) => *world.issuer.mode.lock().unwrap() = mode,
            Happening::IssuerRotates(kids) => *world.issuer.kids.lock().unwrap() = kids,
            Happening::TokensArrive(kid, count) => {
                let (said_before, asked_before) =
                    (world.issuer.said.lock().unwrap().clone(), world.issuer.fetches());
                let arrivals: Vec<_> = (0..count).map(|_| world.spawn_find(kid, None)).collect();
                let mut outcomes = Vec::new();
                for arrival in arrivals {
                    outcomes.push(arrival.await.unwrap());
                }
                outcomes.dedup();
                assert_eq!(
                    outcomes.len(),
                    1,
                    "tokens that arrived together were judged differently: {outcomes:?}"
                );
                let asked = world.issuer.fetches() - asked_before;
                model.check(&world, &Arrival { kid, outcome: outcomes[0], said_before, asked });
            }
            Happening::Frozen(seconds, kid) => {
                // Whoever waited has gone; the fetch, if there is one, froze with the process.
                let gone = world.spawn_find(kid, None);
                world.settle().await;
                gone.abort();
                world.pass(seconds);
                tokio::time::sleep(RULES.timeout * 2).await;
                // What the fetch was for, and how often it was begun, is nobody's to know.
                (model.unknown_asked_at, model.failed_at) = (None, None);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keeps_its_promises_whatever_happens(happenings in proptest::collection::vec(happening(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(run(happenings));
    }
}
