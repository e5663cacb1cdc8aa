//! An invocation ends before a fetch does: it gets an answer in time, and the fetch goes on.

use std::time::{Duration, SystemTime};

use local_gateway::invocation::Deadline;
use local_gateway::issuer::{Issuer, KEY_SET_PATH};
use local_gateway::served::Served;

use test_support::deployment::{Decision, Deployment};
use test_support::gateway::Verdict;

/// Longer than the test allows an answer to take.
const TIMEOUT_MS: &str = "25000";

/// A deadline of one second, and ten seconds for the answer: a busy machine may miss the deadline.
fn deadline() -> Deadline {
    let end = SystemTime::now() + Duration::from_secs(1);
    let end = end.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    Deadline::Told { header: end.to_string().parse().unwrap(), timeout: Duration::from_secs(10) }
}

/// Asks until a request waits for the key set, and returns all decisions. Without an answer, the
/// verdict is [`Verdict::TimedOut`].
async fn ask_until_late(
    deployment: &mut Deployment,
    issuer: &Issuer,
    token: &str,
) -> Vec<Decision> {
    let requests = issuer.requests(KEY_SET_PATH);
    let mut decisions = Vec::new();
    while issuer.requests(KEY_SET_PATH) == requests {
        decisions.push(deployment.ask_token_before(deadline(), token).await);
    }
    decisions
}

#[tokio::test]
async fn without_keys_it_answers_500_before_the_deadline() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    issuer.serve_discovery(Served::Disconnect);
    let settings = [("AUTHORIZER_JWKS_TIMEOUT_MS", TIMEOUT_MS)];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    issuer.serve_key_set(Served::Hang);
    issuer.serve_discovery(Served::Own);

    for decision in ask_until_late(&mut deployment, &issuer, &token).await {
        assert_eq!(decision.verdict, Verdict::keys_unavailable(), "{decision}");
    }
    issuer.serve_key_set(Served::Own);
    let decision = deployment.ask_token(&token).await;
    assert_eq!(decision.verdict, Verdict::Allow, "{decision}");
    assert_eq!(issuer.requests(KEY_SET_PATH), 1, "the fetch was given up with the invocation");
}

#[tokio::test]
async fn with_stale_keys_it_allows_before_the_deadline() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    let settings =
        [("AUTHORIZER_JWKS_TIMEOUT_MS", TIMEOUT_MS), ("AUTHORIZER_JWKS_TTL_SECONDS", "1")];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    deployment.hold_keys(&token).await;
    issuer.serve_key_set(Served::Hang);

    // The first fetch follows an answer, and the function asks for the next request before the deadline
    // of the first. Later requests do not wait either.
    let mut keys = None;
    while keys.as_deref() != Some("stale") {
        let decision = deployment.ask_token_before(deadline(), &token).await;
        assert_eq!(decision.verdict, Verdict::Allow, "{decision}");
        keys = decision.keys;
    }
    let requests = issuer.requests(KEY_SET_PATH);
    assert_eq!(requests, 2, "one fetch at the start, and one that hangs");
    issuer.serve_key_set(Served::Own);
    let decision = deployment.ask_token(&token).await;
    assert_eq!(decision.verdict, Verdict::Allow, "{decision}");
    assert_eq!(issuer.requests(KEY_SET_PATH), requests, "the fetch was given up");
    assert_eq!(deployment.failures(), 0);
}
