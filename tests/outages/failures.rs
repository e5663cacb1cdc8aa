//! Every way for an issuer to fail, before the function has keys and while it holds stale ones.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use local_gateway::StatusCode;
use local_gateway::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use local_gateway::issuer::{DISCOVERY_PATH, Issuer, KEY_SET_PATH};
use local_gateway::served::Served;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::line::{Fault, RemoteIssuer};
use crate::outage::{Decision, Environment, SLACK, Verdict};

/// As short as it can be while a debug build fetches within it.
const TIMEOUT: Duration = Duration::from_millis(300);

/// How many good tokens an issuer's failure must not harm.
const TOKENS: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    UnreachablePort,
    ConnectionReset,
    EmptyAnswer,
    Garbage,
    MalformedChunk,
    ServerError,
    NotFound,
    Redirect,
    SlowStart,
    SlowDrip,
    BodyOverTheLimit,
    Html,
    DiscoveryOfAnotherIssuer,
}

impl Failure {
    /// Each with what the log says of it.
    const ALL: [(Self, &str); 13] = [
        (Self::UnreachablePort, "Connection refused"),
        (Self::ConnectionReset, "Connection reset by peer"),
        (Self::EmptyAnswer, "connection closed before message completed"),
        (Self::Garbage, "invalid HTTP"),
        (Self::MalformedChunk, "chunk size"),
        (Self::ServerError, "answered 500"),
        (Self::NotFound, "answered 404"),
        (Self::Redirect, "answered 302"),
        (Self::SlowStart, "no answer within 300 ms"),
        (Self::SlowDrip, "no answer within 300 ms"),
        (Self::BodyOverTheLimit, "more than 150000 bytes"),
        (Self::Html, "not a JSON object"),
        (Self::DiscoveryOfAnotherIssuer, "which is not exactly the configured one"),
    ];
}

/// An issuer, and another one that must never be asked.
struct World {
    issuer: RemoteIssuer,
    decoy: Issuer,
}

impl World {
    async fn new() -> Self {
        Self { issuer: RemoteIssuer::start().await, decoy: Issuer::start().await.unwrap() }
    }

    fn token(&self) -> String {
        self.issuer.token()
    }

    fn settings(&self) -> [(&'static str, String); 4] {
        [
            ("AUTHORIZER_ISSUER", self.issuer.url()),
            ("AUTHORIZER_JWKS_TTL_SECONDS", "1".to_owned()),
            ("AUTHORIZER_JWKS_TIMEOUT_MS", TIMEOUT.as_millis().to_string()),
            ("AUTHORIZER_JWKS_COOLDOWN_SECONDS", "1".to_owned()),
        ]
    }

    async fn start_function(&self) -> Environment {
        let settings = self.settings();
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Environment::start(&settings).await
    }

    fn serve(&self, served: impl Into<Served>) {
        let served = served.into();
        self.issuer.serve_discovery(served.clone());
        self.issuer.serve_key_set(served);
    }

    /// Serves the right documents, with some alteration.
    fn serve_altered(&self, alter: impl Fn(String) -> Served) {
        let url = self.issuer.url();
        let discovery = json!({ "issuer": url, "jwks_uri": self.issuer.key_set_url() });
        self.issuer.serve_discovery(alter(discovery.to_string()));
        let key_set = json!({ "keys": [self.issuer.key().jwk()] });
        self.issuer.serve_key_set(alter(key_set.to_string()));
    }

    async fn fail(&mut self, failure: Failure) {
        match failure {
            Failure::UnreachablePort => self.issuer.line().unplug().await,
            Failure::ConnectionReset => self.issuer.line().set(Fault::Reset),
            Failure::Garbage => self.issuer.line().set(Fault::Garbage),
            Failure::MalformedChunk => self.issuer.line().set(Fault::MalformedChunk),
            Failure::SlowDrip => self.issuer.line().set(Fault::Drip),
            Failure::EmptyAnswer => self.serve(Served::Disconnect),
            Failure::ServerError => self.serve(Served::status(StatusCode::INTERNAL_SERVER_ERROR)),
            Failure::NotFound => self.serve(Served::status(StatusCode::NOT_FOUND)),
            Failure::SlowStart => self.serve(Served::Hang),
            Failure::Redirect => self.redirect_to_decoy(),
            Failure::BodyOverTheLimit => {
                self.serve_altered(|body| padded(body, LIMIT + 1));
            }
            Failure::Html => {
                let page = Served::bytes("<!doctype html><title>Sign in</title>");
                self.serve(page.with_header(CONTENT_TYPE, HeaderValue::from_static("text/html")));
            }
            Failure::DiscoveryOfAnotherIssuer => {
                // Without a key set where it was, it is looked for again.
                self.issuer.serve_key_set(Served::status(StatusCode::NOT_FOUND));
                let url = self.issuer.url();
                let other = json!({ "issuer": format!("{url}/"), "jwks_uri": format!("{url}/k") });
                self.issuer.serve_discovery(Served::bytes(other.to_string()));
            }
        }
    }

    /// Leads to documents that would be accepted.
    fn redirect_to_decoy(&self) {
        self.decoy.serve_discovery(self.issuer.discovery_document());
        let key_set = json!({ "keys": [self.issuer.key().jwk()] });
        self.decoy.serve_key_set(Served::bytes(key_set.to_string()));
        let moved = |path| {
            let target = format!("{}{path}", self.decoy.url());
            Served::status(StatusCode::FOUND).with_header(LOCATION, target.parse().unwrap())
        };
        self.issuer.serve_discovery(moved(DISCOVERY_PATH));
        self.issuer.serve_key_set(moved(KEY_SET_PATH));
    }

    fn mend(&mut self) {
        self.issuer.line().set(Fault::None);
        self.issuer.line().plug_in();
        self.issuer.serve_discovery(self.issuer.discovery_document());
        self.issuer.serve_key_set(Served::own());
    }
}

/// The longest body that is read, in bytes.
const LIMIT: usize = 150_000;

/// Makes JSON longer without making it another.
fn padded(json: String, length: usize) -> Served {
    let padding = " ".repeat(length - json.len());
    Served::bytes(json + &padding).into()
}

/// Runs a check for each failure at the same time, since each waits most of the time.
async fn for_each_failure<T: Send + 'static, F>(check: impl Fn(Failure) -> F) -> Vec<(Failure, T)>
where
    F: Future<Output = (World, Environment, T)> + Send + 'static,
{
    let mut checks = JoinSet::new();
    for (failure, error) in Failure::ALL {
        let check = check(failure);
        checks.spawn(async move {
            let (world, environment, outcome) = check.await;
            assert_eq!(world.decoy.connections(), 0, "{failure:?}: a redirect was followed");
            let last = environment.refreshes.iter().rfind(|refresh| refresh.outcome == "failed");
            let last = last.map(|refresh| refresh.error.as_str()).unwrap_or_default();
            assert!(last.contains(error), "{failure:?} was taken for {last:?}");
            (failure, outcome)
        });
    }
    let mut outcomes = checks.join_all().await;
    outcomes.sort_by_key(|(failure, _)| Failure::ALL.iter().position(|(each, _)| each == failure));
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_keys_it_answers_500_within_the_timeout_and_recovers() {
    for_each_failure(|failure| async move {
        let mut world = World::new().await;
        world.fail(failure).await;
        let token = world.token();
        let mut environment = world.start_function().await;

        // By fetching once more, and at once while the failure of that is recent.
        let mut decisions = environment.ask_until(&token, |seen, _| seen.failures() > 1).await;
        decisions.push(environment.ask(&token).await);
        for decision in &decisions {
            assert_eq!(decision.verdict, Verdict::keys_unavailable(), "{failure:?}: {decision}");
            assert!(decision.took < TIMEOUT + SLACK, "{failure:?}: {decision}");
        }
        assert_eq!(environment.failures(), 2, "{failure:?}: it was asked during the pause");

        world.mend();
        let allowed = |_: &Environment, decision: &Decision| decision.verdict == Verdict::Allow;
        let decisions = environment.ask_until(&token, allowed).await;
        let (last, before) = decisions.split_last().unwrap();
        last.is_allowed_by("fetched");
        for decision in before {
            assert_eq!(decision.verdict, Verdict::keys_unavailable(), "{failure:?}: {decision}");
        }
        (world, environment, ())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_stale_keys_it_allows_every_good_token_and_backs_off() {
    // One at a time is measured, so that they do not measure each other.
    let measuring = Arc::new(Mutex::new(()));
    let rows = for_each_failure(|failure| {
        let measuring = Arc::clone(&measuring);
        async move {
            let mut world = World::new().await;
            let token = world.token();
            let mut environment = world.start_function().await;
            environment.hold_keys(&token).await;
            world.fail(failure).await;

            let alone = measuring.lock().await;
            let (refreshes, calls) = (environment.refreshes.len(), world.issuer.calls());
            let failures = environment.failures();
            let mut decisions =
                environment.ask_until(&token, |seen, _| seen.failures() > failures).await;
            // What went before was still fresh.
            decisions.drain(..decisions.len() - 1);
            let started = Instant::now();
            while decisions.len() < TOKENS {
                decisions.push(environment.ask(&token).await);
            }
            let took = started.elapsed();
            let row = Row {
                failure,
                allowed: decisions.iter().filter(|each| each.verdict == Verdict::Allow).count(),
                refused: decisions.iter().filter(|each| each.verdict != Verdict::Allow).count(),
                refreshes: environment.refreshes.len() - refreshes,
                calls: world.issuer.calls() - calls,
                slowest: decisions.iter().map(|each| each.took).max().unwrap_or_default(),
            };
            drop(alone);

            decisions.iter().for_each(|decision| decision.is_allowed_by("stale"));
            assert!(row.slowest < TIMEOUT + SLACK, "{row}");
            assert!(row.refreshes <= most_refreshes(took), "{row}, in {took:?}");
            // A refresh tries once more, and may look for the key set as well.
            assert!(row.calls <= 4 * row.refreshes, "{row}");

            // It does not give up: the issuer is asked again when the pause is over.
            environment.ask_until(&token, |seen, _| seen.failures() > failures + 1).await;
            (world, environment, row)
        }
    })
    .await;

    println!("failure                    allowed  refused  fetches  requests  slowest ms");
    for (_, row) in rows {
        println!("{row}");
    }
}

/// A line of the table.
struct Row {
    failure: Failure,
    allowed: usize,
    refused: usize,
    refreshes: usize,
    calls: usize,
    slowest: Duration,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failure, allowed, refused, refreshes, calls, slowest } = self;
        let (failure, slowest) = (format!("{failure:?}"), slowest.as_secs_f64() * 1_000.0);
        write!(
            f,
            "{failure:25}  {allowed:7}  {refused:7}  {refreshes:7}  {calls:8}  {slowest:10.1}"
        )
    }
}

/// Counts the fetches that can begin in this time after one has failed, itself included.
///
/// The pauses double, and chance shortens each by half at most: 0.5 s, 1 s, 2 s, ….
fn most_refreshes(time: Duration) -> usize {
    let pauses = (0..).map(|failures| Duration::from_millis(500 * (1 << failures)));
    let ends = pauses.scan(Duration::ZERO, |passed, pause| {
        *passed += pause;
        Some(*passed)
    });
    1 + ends.take_while(|end| *end <= time).count()
}

#[test]
fn counts_the_fetches_that_backing_off_leaves_room_for() {
    for (millis, most) in [(0, 1), (499, 1), (500, 2), (1_499, 2), (1_500, 3), (3_500, 4)] {
        assert_eq!(most_refreshes(Duration::from_millis(millis)), most, "{millis}");
    }
}

#[tokio::test]
async fn takes_a_good_key_set_whatever_its_content_type() {
    let world = World::new().await;
    let text = |body| {
        Served::bytes(body).with_header(CONTENT_TYPE, HeaderValue::from_static("text/plain")).into()
    };
    world.serve_altered(text);
    let mut environment = world.start_function().await;
    environment.hold_keys(&world.token()).await;
}

#[tokio::test]
async fn takes_a_key_set_of_exactly_the_limit() {
    let world = World::new().await;
    world.serve_altered(|body| padded(body, LIMIT));
    let mut environment = world.start_function().await;
    environment.hold_keys(&world.token()).await;
}
