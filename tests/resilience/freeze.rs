//! Lambda freezes the process between invocations, and may do so during a fetch.
//!
//! `SIGSTOP` does the same to it, but for one thing: the monotonic clock goes on. The unit tests of
//! the cache cover a clock that does not.

use std::process::Command;
use std::time::Duration;

use local_gateway::issuer::{AUDIENCE, Issuer, KEY_SET_PATH};
use local_gateway::served::Served;

use test_support::deployment::{Deployment, in_time};
use test_support::gateway::Verdict;

const TTL: Duration = Duration::from_secs(3);

/// More than `AUTHORIZER_JWKS_TIMEOUT_MS` below and the delay that the function takes for a busy
/// machine's: after less, it cannot tell that it was frozen.
const LONG: Duration = Duration::from_millis(3_000 + 2_000 + 200);

const SETTINGS: [(&str, &str); 2] =
    [("AUTHORIZER_JWKS_TTL_SECONDS", "3"), ("AUTHORIZER_JWKS_TIMEOUT_MS", "3000")];

/// A process that stands still until this is thawed.
struct Frozen(u32);

impl Frozen {
    fn freeze(deployment: &Deployment) -> Self {
        signal("-STOP", deployment.pid());
        Self(deployment.pid())
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
async fn thawed_past_the_lifetime_it_uses_a_withdrawn_key_for_one_request_at_most() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    let mut deployment = Deployment::trusting(issuer.url(), &SETTINGS).await;
    deployment.hold_keys(&token).await;

    let frozen = Frozen::freeze(&deployment);
    issuer.rotate().unwrap();
    pass(TTL).await;
    frozen.thaw();
    let first = deployment.ask_token(&token).await;
    // On a busy machine, more than two lifetimes may have passed.
    if first.verdict == Verdict::Allow {
        first.is_allowed_by("stale");
    }
    let withdrawn = deployment.ask_token(&token).await;
    assert_eq!(withdrawn.verdict, Verdict::Unauthorized, "{withdrawn}");
    deployment.ask_token(&issuer.token(&issuer.claims())).await.is_allowed_by("fresh");
    assert_eq!(deployment.failures(), 0);
}

#[tokio::test]
async fn thawed_after_an_idle_freeze_it_fetches_before_it_judges() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    let mut deployment = Deployment::trusting(issuer.url(), &SETTINGS).await;
    deployment.hold_keys(&token).await;

    let frozen = Frozen::freeze(&deployment);
    pass(TTL * 2).await;
    frozen.thaw();
    deployment.ask_token(&token).await.is_allowed_by("fetched");

    // A key that was withdrawn during the freeze is dead after it.
    let frozen = Frozen::freeze(&deployment);
    issuer.rotate().unwrap();
    pass(TTL * 2).await;
    frozen.thaw();
    let withdrawn = deployment.ask_token(&token).await;
    assert_eq!(withdrawn.verdict, Verdict::Unauthorized, "{withdrawn}");
    deployment.ask_token(&issuer.token(&issuer.claims())).await.is_allowed_by("fresh");
    assert_eq!(deployment.failures(), 0);
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
            Self::Answered => Served::Own,
            Self::Closed => Served::Disconnect,
        });
        pass(LONG).await;
        issuer.serve_key_set(Served::Own);
    }
}

async fn check_refresh_ahead(meanwhile: Meanwhile) {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    let mut deployment = Deployment::trusting(issuer.url(), &SETTINGS).await;
    deployment.hold_keys(&token).await;

    issuer.serve_key_set(Served::Hang);
    let next = issuer.requests(KEY_SET_PATH) + 1;
    deployment.ask_until_fetch_follows(&token, &issuer, next).await;
    let frozen = Frozen::freeze(&deployment);
    meanwhile.passes(&issuer).await;
    frozen.thaw();
    // The deadline of the first invocation may have passed. Then this request waits for the fetch.
    let decision = deployment.ask_token(&token).await;
    assert_eq!(decision.verdict, Verdict::Allow, "{meanwhile:?}: {decision}");
    assert_ne!(decision.keys.as_deref(), Some("stale"), "{meanwhile:?}: {decision}");
    assert_eq!(deployment.failures(), 0, "a freeze counts as the issuer's failure");
}

async fn check_refresh(meanwhile: Meanwhile) {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    let mut deployment = Deployment::trusting(issuer.url(), &SETTINGS).await;
    deployment.hold_keys(&token).await;
    let failures = deployment.failures();
    // So that the next request waits.
    let frozen = Frozen::freeze(&deployment);
    pass(TTL * 2).await;
    frozen.thaw();

    issuer.serve_key_set(Served::Hang);
    let next = issuer.requests(KEY_SET_PATH) + 1;
    let waiting = deployment.ask_until_requested(&token, &issuer, next).await;
    let frozen = Frozen::freeze(&deployment);
    meanwhile.passes(&issuer).await;
    frozen.thaw();
    assert_eq!(waiting.await.unwrap(), Verdict::Allow);
    assert_eq!(deployment.decision().await["keys"], "fetched", "{meanwhile:?}");
    assert_eq!(deployment.failures(), failures, "a freeze counts as the issuer's failure");
}

async fn check_start(meanwhile: Meanwhile) {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    issuer.serve_key_set(Served::Hang);
    let trust = [("AUTHORIZER_ISSUER", issuer.url()), ("AUTHORIZER_AUDIENCE", AUDIENCE)];
    let settings = [&trust[..], &SETTINGS].concat();
    let mut deployment = Deployment::begin_to_start(&settings).await;
    in_time(issuer.requested(KEY_SET_PATH, 1)).await;
    let frozen = Frozen::freeze(&deployment);
    meanwhile.passes(&issuer).await;
    frozen.thaw();
    deployment.ready().await;
    let decision = deployment.ask_token(&token).await;
    assert_eq!(decision.verdict, Verdict::Allow, "{meanwhile:?}: {decision}");
    assert_eq!(deployment.failures(), 0, "a freeze counts as the issuer's failure");
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
async fn a_refresh_ahead_begins_again_that_was_answered_during_a_freeze() {
    check_refresh_ahead(Meanwhile::Answered).await;
}

#[tokio::test]
async fn a_refresh_ahead_begins_again_whose_connection_was_closed_during_a_freeze() {
    check_refresh_ahead(Meanwhile::Closed).await;
}

#[tokio::test]
async fn a_start_begins_again_to_fetch_that_was_answered_during_a_freeze() {
    check_start(Meanwhile::Answered).await;
}

#[tokio::test]
async fn a_start_begins_again_to_fetch_whose_connection_was_closed_during_a_freeze() {
    check_start(Meanwhile::Closed).await;
}
