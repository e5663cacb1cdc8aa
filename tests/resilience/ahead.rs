//! Fetches follow answers: no request waits for keys that can still be used.

use std::time::Duration;

use local_gateway::issuer::{Issuer, KEY_SET_PATH};
use local_gateway::served::Served;
use serde_json::Value;

use test_support::deployment::{Decision, Deployment};
use test_support::gateway::Verdict;

/// How many lifetimes a test takes.
const LIFETIMES: usize = 10;

/// How long a fetch may take in a test in which it hangs. A request that waited for it would take as
/// long, which is longer than a decision takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A time that no fetch reaches.
const ENDLESS: (&str, &str) = ("AUTHORIZER_JWKS_TIMEOUT_MS", "25000");

const TTL: (&str, &str) = ("AUTHORIZER_JWKS_TTL_SECONDS", "1");

/// Starts an issuer and a function that has its keys. Returns a valid token too.
async fn start() -> (Issuer, String, Deployment) {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    let timeout = TIMEOUT.as_millis().to_string();
    let settings = [TTL, ("AUTHORIZER_JWKS_TIMEOUT_MS", timeout.as_str())];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    deployment.hold_keys(&token).await;
    (issuer, token, deployment)
}

#[tokio::test]
async fn every_request_has_its_answer_before_the_issuer_answers() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    let mut deployment = Deployment::trusting(issuer.url(), &[TTL, ENDLESS]).await;
    deployment.hold_keys(&token).await;
    for _ in 0..LIFETIMES {
        issuer.serve_key_set(Served::Hang);
        let next = issuer.requests(KEY_SET_PATH) + 1;
        for decision in deployment.ask_until_fetch_follows(&token, &issuer, next).await {
            assert_eq!(decision.verdict, Verdict::Allow, "{decision}");
            assert_ne!(decision.keys.as_deref(), Some("fetched"), "{decision}");
            // A request that waited would wait until its deadline.
            assert!(decision.duration < TIMEOUT, "waited: {decision}");
        }
        issuer.serve_key_set(Served::Own);
        deployment.idle().await;
        assert_eq!(issuer.requests(KEY_SET_PATH), next);
    }
    assert_eq!(deployment.failures(), 0);
}

#[tokio::test]
async fn concurrent_requests_go_on_during_a_refresh() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    let settings = [TTL, ENDLESS, ("AWS_LAMBDA_MAX_CONCURRENCY", "2")];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    deployment.hold_keys(&token).await;
    issuer.serve_key_set(Served::Hang);
    let stale = |_: &Deployment, decision: &Decision| decision.keys.as_deref() == Some("stale");
    deployment.ask_until(&token, stale).await;
    // Both workers take requests.
    for _ in 0..4 {
        let decision = deployment.ask_token(&token).await;
        assert_eq!(decision.verdict, Verdict::Allow, "{decision}");
    }
    assert_eq!(issuer.requests(KEY_SET_PATH), 2, "one at the start, and one that hangs");
    issuer.serve_key_set(Served::Own);
    let fresh = |_: &Deployment, decision: &Decision| decision.keys.as_deref() == Some("fresh");
    deployment.ask_until(&token, fresh).await;
    assert_eq!(deployment.failures(), 0);
}

#[tokio::test]
async fn no_request_waits_while_the_issuer_hangs() {
    let (issuer, token, mut deployment) = start().await;
    issuer.serve_key_set(Served::Hang);
    let decisions = deployment.ask_until(&token, |seen, _| seen.failures() == 2).await;
    for decision in &decisions {
        assert_eq!(decision.verdict, Verdict::Allow, "{decision}");
        assert!(decision.duration < TIMEOUT, "waited: {decision}, {:?}", decision.duration);
    }
    // The request after the outage does not wait either.
    issuer.serve_key_set(Served::Own);
    let fresh = |_: &Deployment, decision: &Decision| decision.keys.as_deref() == Some("fresh");
    for decision in deployment.ask_until(&token, fresh).await {
        assert_ne!(decision.keys.as_deref(), Some("fetched"), "{decision}");
    }
}

#[tokio::test]
async fn an_unknown_key_is_fetched_at_once_though_the_keys_are_stale() {
    let issuer = Issuer::start().await.unwrap();
    let old = issuer.token(&issuer.claims());
    let mut deployment = Deployment::trusting(issuer.url(), &[TTL]).await;
    deployment.hold_keys(&old).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    issuer.rotate().unwrap();
    deployment.ask_token(&issuer.token(&issuer.claims())).await.is_allowed_by("fetched");
}

#[tokio::test]
async fn a_refresh_is_logged_with_the_invocation_whose_answer_it_followed() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    let mut deployment = Deployment::trusting(issuer.url(), &[TTL]).await;
    deployment.hold_keys(&token).await;
    deployment.ask_until(&token, |seen, _| seen.refreshes.len() == 2).await;
    let lines: Vec<Value> =
        deployment.log().iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let refresh = lines.iter().rposition(|line| line["message"] == "key refresh").unwrap();
    let before = lines[..refresh].iter().rfind(|line| line["decision"].is_string()).unwrap();
    assert_eq!(lines[refresh]["cause"], "age");
    assert!(before["requestId"].is_string());
    assert_eq!(lines[refresh]["requestId"], before["requestId"]);
}

/// Prints how long answers take over [`LIFETIMES`] with an issuer that takes 300 ms, and while it hangs.
#[tokio::test]
async fn answers_take_as_long_near_a_refresh_as_between_two() {
    const SLOW: Duration = Duration::from_millis(300);
    let (issuer, token, mut deployment) = start().await;
    deployment.idle().await;

    let mut decisions = Vec::new();
    for _ in 0..LIFETIMES {
        issuer.serve_key_set(Served::Hang);
        let next = issuer.requests(KEY_SET_PATH) + 1;
        decisions.extend(deployment.ask_until_fetch_follows(&token, &issuer, next).await);
        tokio::time::sleep(SLOW).await;
        issuer.serve_key_set(Served::Own);
        deployment.idle().await;
    }
    print("an issuer that takes 300 ms", &decisions);
    issuer.serve_key_set(Served::Hang);
    let mut hanging = Vec::new();
    while deployment.failures() < 2 {
        hanging.push(deployment.ask_token(&token).await);
        deployment.idle().await;
    }
    print("an issuer that hangs", &hanging);
    for decision in decisions.iter().chain(&hanging) {
        assert_eq!(decision.verdict, Verdict::Allow, "{decision}");
        assert!(decision.took < TIMEOUT, "waited: {decision}");
    }
}

/// Prints the times from the delivery of the event to the answer: the function was idle before.
fn print(issuer: &str, decisions: &[Decision]) {
    let mut times: Vec<_> = decisions.iter().map(|decision| decision.took).collect();
    times.sort();
    let (median, slowest) = (times[times.len() / 2], times.last().unwrap());
    println!("{} answers, {issuer}: median {median:?}, slowest {slowest:?}", times.len());
}
