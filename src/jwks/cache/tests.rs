//! Tests of the cache with many callers, and against a simple model.
//!
//! The tests set the wall clock, and Tokio's timers are paused.

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
use crate::issuer::IssuerName;
use crate::jwks::KeyLocation;
use crate::jwks::{Content, FetchError, Fetched, KeyRequest};
use crate::jwt::SignatureAlgorithm;

const RULES: CacheRules = CacheRules {
    ttl: Duration::from_secs(600),
    max_stale: Duration::from_secs(3_600),
    cooldown: Duration::from_secs(30),
    timeout: Duration::from_secs(3),
};

/// The key ids that the tests use.
const KIDS: [&str; 4] = ["a", "b", "c", "d"];

fn eddsa() -> &'static SignatureAlgorithm {
    SignatureAlgorithm::named("EdDSA").unwrap()
}

fn origin(issuer: &str) -> KeyOrigin {
    KeyOrigin {
        issuer: IssuerName::exact(issuer),
        location: KeyLocation::discovered(issuer).unwrap(),
        algorithms: vec![eddsa()],
    }
}

fn key_set(kids: &BTreeSet<&'static str>) -> KeySet {
    static X: OnceLock<String> = OnceLock::new();
    let x =
        X.get_or_init(|| URL_SAFE_NO_PAD.encode(Ed25519KeyPair::generate().unwrap().public_key()));
    let jwk = |kid: &&str| format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{x}"}}"#);
    let json = format!(r#"{{"keys":[{}]}}"#, kids.iter().map(jwk).collect::<Vec<_>>().join(","));
    KeySet::parse(json.as_bytes(), &IssuerName::exact("https://issuer.example"), &[eddsa()])
        .unwrap()
        .0
}

/// How the fake issuer responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Responds,
    Fails,
    Hangs,
}

/// A key source that counts the fetches, and responds as its mode says.
struct FakeIssuer {
    mode: Mutex<Mode>,
    kids: Mutex<BTreeSet<&'static str>>,
    /// Each fetch waits for a permit.
    gate: Option<Semaphore>,
    fetches: AtomicU64,
    seconds: Arc<AtomicU64>,
    /// The key ids of the last response, and the time of that request in seconds. If a fetch fails
    /// before that time, because the clock was set back, it becomes the time of keys that are just stale.
    last_response: Mutex<Option<(BTreeSet<&'static str>, u64)>>,
}

impl FakeIssuer {
    fn new(kids: &[&'static str]) -> Self {
        Self {
            mode: Mutex::new(Mode::Responds),
            kids: Mutex::new(kids.iter().copied().collect()),
            gate: None,
            fetches: AtomicU64::new(0),
            seconds: Arc::new(AtomicU64::new(1_700_000_000)),
            last_response: Mutex::new(None),
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
        let requested_at = self.seconds.load(Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        let mode = *self.mode.lock().unwrap();
        match mode {
            Mode::Responds => {
                let kids = self.kids.lock().unwrap().clone();
                *self.last_response.lock().unwrap() = Some((kids.clone(), requested_at));
                let content =
                    Content::Keys { keys: key_set(&kids), skipped: Vec::new(), etag: None };
                Ok(Fetched {
                    content,
                    uri: request.origin.location.first_uri().clone(),
                    max_age: None,
                })
            }
            Mode::Fails => Err(FetchError::Status {
                url: request.origin.location.first_uri().to_string(),
                status: 500,
            }),
            Mode::Hangs => std::future::pending().await,
        }
    }
}

/// Returns an invocation that can wait this long; without a limit for `None`.
fn invocation(now: SystemTime, time_left: Option<Duration>) -> Invocation<'static> {
    const TIME_TO_RESPOND: Duration = Duration::from_millis(100);
    let deadline = time_left.map_or(UNIX_EPOCH, |time_left| now + time_left + TIME_TO_RESPOND);
    Invocation { request_id: "request", trace_id: None, deadline }
}

/// A cache with a fake issuer, and a clock that the test sets.
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
        let origin = Arc::new(origin("https://issuer.example"));
        Self { issuer, cache, origin, seconds }
    }

    fn now(&self) -> SystemTime {
        self.cache.now()
    }

    /// Makes the cached keys just stale if they are from the future, as a failed fetch does.
    fn note_failure_before_response(&self) {
        let now = self.seconds.load(Ordering::SeqCst);
        if let Some((_, requested_at)) = &mut *self.issuer.last_response.lock().unwrap()
            && *requested_at > now
        {
            *requested_at = now - RULES.ttl.as_secs();
        }
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
        let query = KeyQuery { kid: Some(kid), algorithm: eddsa(), tenant: None };
        let found = self.cache.find(&self.origin, &query, invocation(self.now(), time_left)).await;
        found.map(|keys| keys.freshness).map_err(|error| Error::from(error).reason())
    }

    /// Starts finding a key in its own task, like one of several concurrent invocations.
    fn spawn_find(
        &self,
        kid: &'static str,
        time_left: Option<Duration>,
    ) -> tokio::task::JoinHandle<Result<KeyFreshness, &'static str>> {
        let (cache, origin, now) = (Arc::clone(&self.cache), Arc::clone(&self.origin), self.now());
        tokio::spawn(async move {
            let query = KeyQuery { kid: Some(kid), algorithm: eddsa(), tenant: None };
            let found = cache.find(&origin, &query, invocation(now, time_left)).await;
            found.map(|keys| keys.freshness).map_err(|error| Error::from(error).reason())
        })
    }

    fn set(&self, mode: Mode) {
        *self.issuer.mode.lock().unwrap() = mode;
    }

    /// Lets the tasks run until all of them wait.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn fetches_once_for_many_waiters() {
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
async fn fails_once_for_many_waiters() {
    let world = World::new(FakeIssuer::gated(&["a"]));
    world.set(Mode::Fails);
    let waiting: Vec<_> = (0..64).map(|_| world.spawn_find("a", None)).collect();
    world.settle().await;
    world.issuer.gate.as_ref().unwrap().add_permits(1);
    for found in waiting {
        assert_eq!(found.await.unwrap(), Err("keys_unavailable"));
    }
    assert_eq!(world.issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn does_not_delay_cache_hits_while_a_fetch_hangs() {
    let world = World::new(FakeIssuer::new(&["a"]));
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    world.set(Mode::Hangs);
    let unknown = world.spawn_find("b", None);
    world.settle().await;
    assert_eq!(world.issuer.fetches(), 2, "the unknown key is being fetched");
    let before = tokio::time::Instant::now();
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fresh));
    assert_eq!(before.elapsed(), Duration::ZERO, "waited for a timer");
    assert!(!unknown.is_finished());
    assert_eq!(unknown.await.unwrap(), Err("unknown_key"));
}

#[tokio::test(start_paused = true)]
async fn does_not_call_a_key_unknown_before_its_fetch_has_ended() {
    let world = World::new(FakeIssuer::new(&["a"]));
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    world.set(Mode::Hangs);
    let time_left = Some(Duration::from_millis(50));
    assert_eq!(world.find_within("b", time_left).await, Err("keys_unavailable"));
    assert_eq!(
        world.find("b").await,
        Err("unknown_key"),
        "the fetch has failed, and the keys are fresh"
    );
}

#[tokio::test(start_paused = true)]
async fn uses_keys_whose_fetch_took_longer_than_their_lifetime() {
    let rules = CacheRules { ttl: Duration::from_secs(1), max_stale: Duration::ZERO, ..RULES };
    let world = World::with_rules(FakeIssuer::gated(&["a"]), rules);
    let found = world.spawn_find("a", None);
    world.settle().await;
    world.pass(2);
    world.issuer.gate.as_ref().unwrap().add_permits(1);
    assert_eq!(found.await.unwrap(), Ok(KeyFreshness::Fetched));
}

#[tokio::test(start_paused = true)]
async fn uses_no_keys_from_before_a_freeze() {
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
async fn counts_a_second_freeze_as_a_failure() {
    let world = World::new(FakeIssuer::new(&["a"]));
    world.set(Mode::Hangs);
    let time_left = Some(Duration::from_millis(50));
    for _ in 0..2 {
        assert_eq!(world.find_within("a", time_left).await, Err("keys_unavailable"));
        world.pass(10);
    }
    assert_eq!(world.find("a").await, Err("keys_unavailable"));
    assert_eq!(world.issuer.fetches(), 2, "restarted once, and then in backoff");
}

#[tokio::test(start_paused = true)]
async fn continues_the_fetch_for_other_callers_when_one_gives_up() {
    let world = World::new(FakeIssuer::gated(&["a"]));
    let short_wait = world.spawn_find("a", Some(Duration::from_millis(50)));
    world.settle().await;
    let long_wait = world.spawn_find("a", None);
    assert_eq!(short_wait.await.unwrap(), Err("keys_unavailable"));
    let dropped = world.spawn_find("a", None);
    world.settle().await;
    dropped.abort();
    world.issuer.gate.as_ref().unwrap().add_permits(1);
    assert_eq!(long_wait.await.unwrap(), Ok(KeyFreshness::Fetched));
    assert_eq!(world.issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn uses_stale_keys_when_the_deadline_comes_first() {
    let world = World::new(FakeIssuer::new(&["a"]));
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    world.pass(1_201);
    world.set(Mode::Hangs);
    assert_eq!(
        world.find_within("a", Some(Duration::from_millis(50))).await,
        Ok(KeyFreshness::Stale)
    );
    assert_eq!(world.find_within("a", Some(Duration::ZERO)).await, Ok(KeyFreshness::Stale));
}

#[tokio::test(start_paused = true)]
async fn refreshes_due_and_stale_keys_after_the_answer() {
    // The jitter of a refresh is random, but it is due at the end of the lifetime at the latest.
    for age in [600, 1_199] {
        let world = World::new(FakeIssuer::new(&["a"]));
        assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
        world.pass(479);
        assert_eq!(world.find("a").await, Ok(KeyFreshness::Fresh));
        world.cache.refresh_ahead().await;
        assert_eq!(world.issuer.fetches(), 1, "refreshed before it was due");

        world.pass(age - 479);
        world.set(Mode::Hangs);
        let before = tokio::time::Instant::now();
        assert_eq!(world.find("a").await, Ok(KeyFreshness::Stale));
        assert_eq!((before.elapsed(), world.issuer.fetches()), (Duration::ZERO, 1));
        world.set(Mode::Responds);
        world.cache.refresh_ahead().await;
        assert_eq!(world.issuer.fetches(), 2);
        assert_eq!(world.find("a").await, Ok(KeyFreshness::Fresh));
    }
}

#[tokio::test(start_paused = true)]
async fn waits_for_a_refresh_of_keys_that_are_stale_for_a_lifetime() {
    let world = World::new(FakeIssuer::new(&["a"]));
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    world.pass(1_200);
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    world.cache.refresh_ahead().await;
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn refuses_a_withdrawn_key_at_the_second_request_after_its_lifetime() {
    let world = World::new(FakeIssuer::new(&["a"]));
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    *world.issuer.kids.lock().unwrap() = ["b"].into();
    world.pass(600);
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Stale));
    world.cache.refresh_ahead().await;
    assert_eq!(world.find("a").await, Err("unknown_key"));
}

#[tokio::test(start_paused = true)]
async fn no_request_waits_while_the_issuer_hangs() {
    let world = World::new(FakeIssuer::new(&["a"]));
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    world.set(Mode::Hangs);
    // As long as an outage of an hour.
    for _ in 0..60 {
        world.pass(60);
        let before = tokio::time::Instant::now();
        assert!(world.find("a").await.is_ok());
        assert_eq!(before.elapsed(), Duration::ZERO);
        world.cache.refresh_ahead().await;
    }
    let fetches = world.issuer.fetches();
    assert!((6..=17).contains(&fetches), "{fetches} fetches in an hour");
}

#[tokio::test(start_paused = true)]
async fn waits_for_a_refresh_ahead_until_the_invocations_deadline_and_then_again() {
    let world = World::new(FakeIssuer::gated(&["a"]));
    world.issuer.gate.as_ref().unwrap().add_permits(1);
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    world.pass(600);
    let time_left = Duration::from_millis(50);
    for _ in 0..2 {
        assert_eq!(world.find_within("a", Some(time_left)).await, Ok(KeyFreshness::Stale));
        let before = tokio::time::Instant::now();
        world.cache.refresh_ahead().await;
        assert_eq!(before.elapsed(), time_left);
    }
    assert_eq!(world.issuer.fetches(), 2, "the fetch goes on");
    let before = tokio::time::Instant::now();
    world.cache.refresh_ahead().await;
    assert_eq!(before.elapsed(), Duration::ZERO, "no request needs it");
    world.issuer.gate.as_ref().unwrap().add_permits(1);
    world.settle().await;
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fresh));
}

#[tokio::test(start_paused = true)]
async fn refreshes_once_for_many_concurrent_answers_and_though_nobody_waits() {
    let world = World::new(FakeIssuer::gated(&["a"]));
    world.issuer.gate.as_ref().unwrap().add_permits(1);
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    world.pass(600);
    for _ in 0..64 {
        assert_eq!(world.find("a").await, Ok(KeyFreshness::Stale));
        drop(world.cache.refresh_ahead());
        world.settle().await;
    }
    world.issuer.gate.as_ref().unwrap().add_permits(64);
    world.settle().await;
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fresh));
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn restarts_a_refresh_ahead_after_a_freeze() {
    let world = World::new(FakeIssuer::new(&["a"]));
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    world.pass(600);
    world.set(Mode::Hangs);
    let time_left = Some(Duration::from_millis(50));
    assert_eq!(world.find_within("a", time_left).await, Ok(KeyFreshness::Stale));
    world.cache.refresh_ahead().await;
    world.pass(60);
    world.set(Mode::Responds);
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Stale));
    let before = tokio::time::Instant::now();
    world.cache.refresh_ahead().await;
    assert_eq!(before.elapsed(), Duration::ZERO, "waited for the old timer");
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fresh));
}

#[tokio::test(start_paused = true)]
async fn limits_the_time_of_a_fetch_that_hangs() {
    let world = World::new(FakeIssuer::new(&["a"]));
    world.set(Mode::Hangs);
    let before = tokio::time::Instant::now();
    assert_eq!(world.find("a").await, Err("keys_unavailable"));
    assert_eq!(before.elapsed(), RULES.timeout);
}

#[tokio::test(start_paused = true)]
async fn restarts_a_fetch_after_a_freeze() {
    // The timer fires after the freeze, because the monotonic clock did not stop.
    let world = World::new(FakeIssuer::new(&["a"]));
    world.set(Mode::Hangs);
    let found = world.spawn_find("a", None);
    world.settle().await;
    world.pass(3_600);
    world.set(Mode::Responds);
    assert_eq!(found.await.unwrap(), Ok(KeyFreshness::Fetched));
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn restarts_a_fetch_for_a_new_waiter_if_the_timer_stopped() {
    let world = World::new(FakeIssuer::new(&["a"]));
    world.set(Mode::Hangs);
    let abandoned = world.spawn_find("a", None);
    world.settle().await;
    world.pass(3_600);
    world.set(Mode::Responds);
    let before = tokio::time::Instant::now();
    assert_eq!(world.find("a").await, Ok(KeyFreshness::Fetched));
    assert_eq!(before.elapsed(), Duration::ZERO, "waited for the old timer");
    assert_eq!(abandoned.await.unwrap(), Ok(KeyFreshness::Fetched));
}

#[tokio::test(start_paused = true)]
async fn keeps_issuers_apart() {
    let world = World::new(FakeIssuer::new(&["a"]));
    let other = Arc::new(origin("https://other.example"));
    let query = KeyQuery { kid: Some("a"), algorithm: eddsa(), tenant: None };
    assert!(world.cache.find(&other, &query, invocation(world.now(), None)).await.is_ok());
    world.set(Mode::Hangs);
    let hanging = world.spawn_find("a", None);
    world.settle().await;
    let before = tokio::time::Instant::now();
    assert!(world.cache.find(&other, &query, invocation(world.now(), None)).await.is_ok());
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(hanging.await.unwrap(), Err("keys_unavailable"));
    assert!(
        world.cache.find(&other, &query, invocation(world.now(), None)).await.is_ok(),
        "the other issuer's backoff counted"
    );
}

#[tokio::test(start_paused = true)]
async fn prefetches_every_issuer_at_once_and_none_that_has_keys() {
    let world = World::new(FakeIssuer::new(&["a"]));
    world.set(Mode::Hangs);
    let other = Arc::new(origin("https://other.example"));
    let before = tokio::time::Instant::now();
    world.cache.prefetch([&world.origin, &other]).await;
    assert_eq!(before.elapsed(), RULES.timeout, "fetched one after the other");
    assert_eq!(world.issuer.fetches(), 2);
    world.cache.seed(&world.origin, key_set(&["a"].into())).await;
    world.pass(60);
    world.cache.prefetch([&world.origin]).await;
    assert_eq!(world.issuer.fetches(), 2);
}

/// An event of the model test.
#[derive(Debug, Clone)]
enum Event {
    TimePasses(u64),
    ClockIsSetBack(u64),
    IssuerChanges(Mode),
    IssuerRotates(BTreeSet<&'static str>),
    RequestsArrive(&'static str, usize),
    AnswersArePosted,
    Frozen(u64, &'static str),
}

fn event() -> impl Strategy<Value = Event> {
    let kid = || proptest::sample::select(&KIDS[..]);
    let mode =
        proptest::sample::select(&[Mode::Responds, Mode::Responds, Mode::Fails, Mode::Hangs][..]);
    let kids = proptest::collection::btree_set(kid(), 1..=KIDS.len());
    let time = prop_oneof![0..5_u64, 20..40_u64, 590..610_u64, 1_190..1_210_u64, 4_100..4_300_u64];
    prop_oneof![
        3 => time.clone().prop_map(Event::TimePasses),
        1 => (1..700_u64).prop_map(Event::ClockIsSetBack),
        2 => mode.prop_map(Event::IssuerChanges),
        2 => kids.prop_map(Event::IssuerRotates),
        4 => Just(Event::AnswersArePosted),
        6 => (kid(), 1..4_usize).prop_map(|(kid, count)| Event::RequestsArrive(kid, count)),
        1 => (time, kid()).prop_map(|(time, kid)| Event::Frozen(time, kid)),
    ]
}

/// The rules in simple terms: what the issuer responded last, when, and how often it was asked.
#[derive(Default)]
struct Model {
    unknown_key_fetched_at: Option<u64>,
    failed_at: Option<u64>,
    /// When a refresh of stale keys failed.
    stale_failed_at: Option<u64>,
    /// When the last refresh failed, if it did.
    last_failed_at: Option<u64>,
    clock_was_set_back: bool,
    was_frozen: bool,
}

/// Concurrent requests whose tokens have the same `kid`, and their outcome.
struct Requests {
    kid: &'static str,
    outcome: Result<KeyFreshness, &'static str>,
    /// The issuer's last response before the requests.
    response_before: Option<(BTreeSet<&'static str>, u64)>,
    /// How many fetches the requests waited for.
    fetches: u64,
    /// How long they waited.
    waited: Duration,
}

/// The longest pause after a refresh of stale keys that failed.
const RETRY_PAUSE: u64 = 400;

impl Model {
    fn check(&mut self, world: &World, requests: &Requests) {
        let (ttl, max_stale) = (RULES.ttl.as_secs(), RULES.max_stale.as_secs());
        let now = world.seconds.load(Ordering::SeqCst);
        let response = world.issuer.last_response.lock().unwrap().clone();
        let known = response.as_ref().is_some_and(|(kids, _)| kids.contains(requests.kid));
        let age = response.as_ref().map(|(_, requested_at)| now.saturating_sub(*requested_at));
        match requests.outcome {
            Ok(freshness) => {
                assert!(known, "used a key that the issuer does not publish");
                assert!(age.unwrap() < ttl + max_stale, "used an expired key");
                match freshness {
                    KeyFreshness::Fresh | KeyFreshness::Fetched => {
                        assert!(age.unwrap() < ttl, "reported stale keys as fresh")
                    }
                    KeyFreshness::Stale => {
                        assert!(
                            age.unwrap() >= ttl || self.clock_was_set_back,
                            "reported fresh keys as stale"
                        );
                    }
                }
            }
            Err("unknown_key") => {
                assert!(!known, "refused a valid token whose key is in the cache")
            }
            Err("keys_unavailable") => {
                let expired = age.is_none_or(|age| age >= ttl + max_stale);
                let stale = age.is_some_and(|age| age >= ttl) || self.clock_was_set_back;
                assert!(expired || (stale && !known), "did not use keys that may be used");
            }
            Err(other) => panic!("{other}"),
        }
        self.check_wait(requests, now);
        let mode = *world.issuer.mode.lock().unwrap();
        self.check_fetches(requests, now, mode);
        self.note_failure(requests.fetches, requests.response_before.as_ref(), now, mode);
        if requests.fetches > 0 && mode != Mode::Responds {
            world.note_failure_before_response();
        }
    }

    /// No request waits for a refresh of keys that may be used before it, and none uses older keys.
    fn check_wait(&self, requests: &Requests, now: u64) {
        let Some((kids, requested_at)) = &requests.response_before else { return };
        if self.was_frozen || !kids.contains(requests.kid) {
            return;
        }
        let ttl = RULES.ttl.as_secs();
        let within = |start: u64, length| (start..start + length).contains(&now);
        let after_failure = |failed_at: Option<u64>, pause: u64| {
            failed_at.is_some_and(|failed_at| within(failed_at, pause + ttl))
        };
        let is_expired = now >= requested_at + ttl + RULES.max_stale.as_secs();
        if within(*requested_at, 2 * ttl) || (after_failure(self.stale_failed_at, 0) && !is_expired)
        {
            assert_eq!((requests.fetches, requests.waited), (0, Duration::ZERO), "waited");
        } else if requests.fetches == 0 && requests.outcome.is_ok() && self.failed_at != Some(now) {
            let is_retried = after_failure(self.last_failed_at, RETRY_PAUSE);
            assert!(is_retried, "used keys that were not refreshed");
        }
    }

    /// Checks the fetches after answers.
    fn check_ahead(&mut self, world: &World, before: Option<(BTreeSet<&str>, u64)>, fetches: u64) {
        assert!(fetches <= 1);
        if fetches == 0 {
            return;
        }
        let now = world.seconds.load(Ordering::SeqCst);
        let (_, requested_at) = before.as_ref().unwrap();
        let is_due = now * 10 >= requested_at * 10 + RULES.ttl.as_secs() * 8;
        assert!(is_due || self.clock_was_set_back, "refreshed keys that are not due");
        let mode = *world.issuer.mode.lock().unwrap();
        self.failed_at = (mode != Mode::Responds).then_some(now);
        self.note_failure(fetches, before.as_ref(), now, mode);
        if mode != Mode::Responds {
            world.note_failure_before_response();
        }
    }

    fn note_failure<K>(
        &mut self,
        fetches: u64,
        response_before: Option<&(K, u64)>,
        now: u64,
        mode: Mode,
    ) {
        let (ttl, max_stale) = (RULES.ttl.as_secs(), RULES.max_stale.as_secs());
        if fetches == 0 {
            return;
        }
        let is_stale = response_before.is_some_and(|(_, requested_at)| {
            now < *requested_at
                || (requested_at + ttl..requested_at + ttl + max_stale).contains(&now)
        });
        self.last_failed_at = (mode != Mode::Responds).then_some(now);
        self.stale_failed_at = (mode != Mode::Responds && is_stale).then_some(now);
        self.was_frozen = false;
    }

    fn check_fetches(&mut self, requests: &Requests, now: u64, mode: Mode) {
        assert!(
            requests.fetches <= 1,
            "fetched {} times for concurrent requests",
            requests.fetches
        );
        if requests.fetches == 0 {
            return;
        }
        assert!(self.failed_at != Some(now), "fetched during the backoff");
        self.failed_at = (mode != Mode::Responds).then_some(now);
        let was_fresh = requests.response_before.as_ref().is_some_and(|(_, requested_at)| {
            (*requested_at..requested_at + RULES.ttl.as_secs()).contains(&now)
        });
        if was_fresh {
            let cooldown = |start| start..start + RULES.cooldown.as_secs();
            assert!(
                !self.unknown_key_fetched_at.is_some_and(|start| cooldown(start).contains(&now)),
                "fetched during the cooldown"
            );
            self.unknown_key_fetched_at = Some(now);
        }
    }
}

async fn run(events: Vec<Event>) {
    let world = World::new(FakeIssuer::new(&["a", "b"]));
    let mut model = Model::default();
    for event in events {
        match event {
            Event::TimePasses(seconds) => world.pass(seconds),
            Event::ClockIsSetBack(seconds) => {
                world.seconds.fetch_sub(seconds, Ordering::SeqCst);
                model.clock_was_set_back = true;
            }
            Event::IssuerChanges(mode) => world.set(mode),
            Event::IssuerRotates(kids) => *world.issuer.kids.lock().unwrap() = kids,
            Event::RequestsArrive(kid, count) => {
                let (response_before, fetches_before) =
                    (world.issuer.last_response.lock().unwrap().clone(), world.issuer.fetches());
                let started = tokio::time::Instant::now();
                let tasks: Vec<_> = (0..count).map(|_| world.spawn_find(kid, None)).collect();
                let mut outcomes = Vec::new();
                for task in tasks {
                    outcomes.push(task.await.unwrap());
                }
                outcomes.dedup();
                assert_eq!(
                    outcomes.len(),
                    1,
                    "concurrent requests had different outcomes: {outcomes:?}"
                );
                let fetches = world.issuer.fetches() - fetches_before;
                let (outcome, waited) = (outcomes[0], started.elapsed());
                let requests = Requests { kid, outcome, response_before, fetches, waited };
                model.check(&world, &requests);
            }
            Event::AnswersArePosted => {
                let before = world.issuer.last_response.lock().unwrap().clone();
                let fetches_before = world.issuer.fetches();
                world.cache.refresh_ahead().await;
                model.check_ahead(&world, before, world.issuer.fetches() - fetches_before);
            }
            Event::Frozen(seconds, kid) => {
                // The request gives up. A fetch in flight is frozen with the process.
                let fetches_before = world.issuer.fetches();
                let mode = *world.issuer.mode.lock().unwrap();
                let abandoned = world.spawn_find(kid, None);
                world.settle().await;
                abandoned.abort();
                let is_fetched = world.issuer.fetches() > fetches_before;
                if is_fetched && mode == Mode::Fails {
                    world.note_failure_before_response();
                }
                world.pass(seconds);
                tokio::time::sleep(RULES.timeout * 2).await;
                if is_fetched && mode == Mode::Hangs {
                    world.note_failure_before_response();
                }
                // The model does not know the cause of that fetch, or how often it started.
                model = Model {
                    clock_was_set_back: model.clock_was_set_back,
                    was_frozen: true,
                    ..Model::default()
                };
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn follows_the_model_in_every_sequence_of_events(events in proptest::collection::vec(event(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(run(events));
    }
}

#[tokio::test]
async fn keeps_the_keys_of_a_thousand_issuers() {
    let issuer = Arc::new(FakeIssuer::new(&["a"]));
    let clock = Arc::new(|| UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let cache = KeyCache::new(Arc::clone(&issuer), RULES, clock, Arc::new(Metrics::off()), 1000);
    let origin = |index| Arc::new(origin(&format!("https://issuer-{index}.example")));
    let origins: Vec<_> = (0..1000).map(origin).collect();
    for origin in &origins[..500] {
        cache.seed(origin, key_set(&["a"].into())).await;
    }
    let query = KeyQuery { kid: Some("a"), algorithm: eddsa(), tenant: None };
    for _ in 0..3 {
        for origin in &origins {
            assert!(cache.find(origin, &query, invocation(UNIX_EPOCH, None)).await.is_ok());
        }
        assert_eq!(issuer.fetches(), 500);
    }
}
