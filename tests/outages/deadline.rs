//! An invocation ends before a fetch does: it is answered in time, and the fetch goes on.

use std::time::Duration;

use local_gateway::StatusCode;
use local_gateway::invocation::Deadline;
use local_gateway::issuer::{Issuer, KEY_SET_PATH};
use local_gateway::served::Served;

use crate::gateway::Verdict;
use crate::outage::{Decision, Environment};

/// Sooner than the function would give up a fetch by itself.
const DEADLINE: Duration = Duration::from_secs(1);
const TIMEOUT_MS: &str = "10000";

/// Asks until a question waits for the key set, and returns all decisions. A late answer is none:
/// its verdict is [`Verdict::TimedOut`].
async fn ask_until_late(
    environment: &mut Environment,
    issuer: &Issuer,
    token: &str,
) -> Vec<Decision> {
    let requests = issuer.requests(KEY_SET_PATH);
    let mut decisions = Vec::new();
    while issuer.requests(KEY_SET_PATH) == requests {
        decisions.push(environment.ask_before(Deadline::In(DEADLINE), token).await);
    }
    decisions
}

#[tokio::test]
async fn without_keys_it_answers_500_before_the_deadline() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    issuer.serve_discovery(Served::status(StatusCode::NOT_FOUND));
    let settings =
        [("AUTHORIZER_ISSUER", issuer.url()), ("AUTHORIZER_JWKS_TIMEOUT_MS", TIMEOUT_MS)];
    let mut environment = Environment::start(&settings).await;
    issuer.serve_key_set(Served::Hang);
    issuer.serve_discovery(Served::own());

    for decision in ask_until_late(&mut environment, &issuer, &token).await {
        assert_eq!(decision.verdict, Verdict::keys_unavailable(), "{decision}");
    }
    issuer.serve_key_set(Served::own());
    let decision = environment.ask(&token).await;
    assert_eq!(decision.verdict, Verdict::Allow, "{decision}");
    assert_eq!(issuer.requests(KEY_SET_PATH), 1, "the fetch was given up with the invocation");
}

#[tokio::test]
async fn with_stale_keys_it_allows_before_the_deadline() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    let settings = [
        ("AUTHORIZER_ISSUER", issuer.url()),
        ("AUTHORIZER_JWKS_TIMEOUT_MS", TIMEOUT_MS),
        ("AUTHORIZER_JWKS_TTL_SECONDS", "1"),
    ];
    let mut environment = Environment::start(&settings).await;
    environment.hold_keys(&token).await;
    issuer.serve_key_set(Served::Hang);

    let decisions = ask_until_late(&mut environment, &issuer, &token).await;
    let (last, before) = decisions.split_last().unwrap();
    before.iter().for_each(|decision| decision.is_allowed_by("fresh"));
    last.is_allowed_by("stale");
    let requests = issuer.requests(KEY_SET_PATH);
    issuer.serve_key_set(Served::own());
    let decision = environment.ask(&token).await;
    assert_eq!(decision.verdict, Verdict::Allow, "{decision}");
    assert_eq!(issuer.requests(KEY_SET_PATH), requests, "the fetch was given up");
    assert_eq!(environment.failures(), 0);
}
