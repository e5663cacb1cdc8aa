//! Lambda stops the process between invocations, and may do so in the middle of a fetch.
//!
//! `SIGSTOP` does the same to it, but for one thing: the monotonic clock goes on. The unit tests of
//! the cache cover a clock that does not.

use std::process::Command;
use std::time::Duration;

use local_gateway::issuer::{Issuer, KEY_SET_PATH};
use local_gateway::served::Served;

use crate::gateway::Verdict;
use crate::outage::{Environment, in_time};

const TTL: Duration = Duration::from_secs(1);

/// More than `AUTHORIZER_JWKS_TIMEOUT_MS` below and the delay that the function takes for a busy
/// machine's: after less, it cannot tell that it was frozen.
const LONG: Duration = Duration::from_millis(1_000 + 2_000 + 200);

fn settings(issuer: &Issuer) -> [(&str, &str); 3] {
    [
        ("AUTHORIZER_ISSUER", issuer.url()),
        ("AUTHORIZER_JWKS_TTL_SECONDS", "1"),
        ("AUTHORIZER_JWKS_TIMEOUT_MS", "1000"),
    ]
}

/// A process that stands still until this is thawed.
struct Frozen(u32);

impl Frozen {
    fn freeze(environment: &Environment) -> Self {
        signal("-STOP", environment.pid());
        Self(environment.pid())
    }

    fn thaw(self) {
        signal("-CONT", self.0);
    }
}

fn signal(signal: &str, pid: u32) {
    let status = Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Lets real time pass, which is what a freeze is about.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test]
async fn thawed_after_an_idle_freeze_it_fetches_before_it_judges() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    let mut environment = Environment::start(&settings(&issuer)).await;
    environment.hold_keys(&token).await;

    let frozen = Frozen::freeze(&environment);
    pass(TTL).await;
    frozen.thaw();
    environment.ask(&token).await.is_allowed_by("fetched");

    // A key that was withdrawn during the freeze is dead after it.
    let frozen = Frozen::freeze(&environment);
    issuer.rotate().unwrap();
    pass(TTL).await;
    frozen.thaw();
    let withdrawn = environment.ask(&token).await;
    assert_eq!(withdrawn.verdict, Verdict::Unauthorized, "{withdrawn}");
    environment.ask(&issuer.token(&issuer.claims())).await.is_allowed_by("fresh");
    assert_eq!(environment.failures(), 0);
}

/// What becomes of the request that hung when the process froze.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    /// It is answered, and nobody reads the answer for a while.
    Answered,
    /// Its connection is closed, as by a load balancer that waited long enough.
    Closed,
}

impl Meanwhile {
    /// Lets it come to pass during a long freeze, after which the issuer answers again.
    async fn passes(self, issuer: &Issuer) {
        issuer.serve_key_set(match self {
            Self::Answered => Served::own().into(),
            Self::Closed => Served::Disconnect,
        });
        pass(LONG).await;
        issuer.serve_key_set(Served::own());
    }
}

async fn check_refresh(meanwhile: Meanwhile) {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    let mut environment = Environment::start(&settings(&issuer)).await;
    environment.hold_keys(&token).await;
    let failures = environment.failures();

    issuer.serve_key_set(Served::Hang);
    let next = issuer.requests(KEY_SET_PATH) + 1;
    let waiting = environment.ask_until_requested(&token, &issuer, next).await;
    let frozen = Frozen::freeze(&environment);
    meanwhile.passes(&issuer).await;
    frozen.thaw();
    assert_eq!(waiting.await.unwrap(), Verdict::Allow);
    let logged = environment.decisions(1).await;
    assert_eq!(logged[0].keys.as_deref(), Some("fetched"), "{meanwhile:?}");
    assert_eq!(environment.failures(), failures, "a freeze counts as the issuer's failure");
}

async fn check_start(meanwhile: Meanwhile) {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    issuer.serve_key_set(Served::Hang);
    let mut environment = Environment::begin_to_start(&settings(&issuer)).await;
    in_time(issuer.requested(KEY_SET_PATH, 1)).await;
    let frozen = Frozen::freeze(&environment);
    meanwhile.passes(&issuer).await;
    frozen.thaw();
    environment.ready().await;
    let decision = environment.ask(&token).await;
    assert_eq!(decision.verdict, Verdict::Allow, "{meanwhile:?}: {decision}");
    assert_eq!(environment.failures(), 0, "a freeze counts as the issuer's failure");
}

#[tokio::test]
async fn a_refresh_begins_again_that_was_answered_during_a_freeze() {
    check_refresh(Meanwhile::Answered).await;
}

#[tokio::test]
async fn a_refresh_begins_again_whose_connection_was_closed_during_a_freeze() {
    check_refresh(Meanwhile::Closed).await;
}

#[tokio::test]
async fn a_start_begins_again_to_fetch_that_was_answered_during_a_freeze() {
    check_start(Meanwhile::Answered).await;
}

#[tokio::test]
async fn a_start_begins_again_to_fetch_whose_connection_was_closed_during_a_freeze() {
    check_start(Meanwhile::Closed).await;
}
