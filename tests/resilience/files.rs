//! The first keys are in the package: there is nothing to fetch, and nothing that could fail.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use test_support::deployment::{Decision, Deployment};
use test_support::gateway::Verdict;
use test_support::line::RemoteIssuer;

fn file(name: &str, content: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path.into_os_string().into_string().unwrap()
}

fn key_set(issuer: &RemoteIssuer) -> String {
    json!({ "keys": [issuer.key().jwk()] }).to_string()
}

#[tokio::test]
async fn starts_and_serves_while_the_issuer_cannot_be_reached() {
    let mut issuer = RemoteIssuer::start().await;
    let (url, file) = (issuer.url(), file("unreachable.json", &key_set(&issuer)));
    issuer.line().unplug().await;
    let settings = [("AUTHORIZER_JWKS_FILE", file.as_str()), ("AUTHORIZER_JWKS_TTL_SECONDS", "1")];
    let mut deployment = Deployment::trusting(&url, &settings).await;
    let token = issuer.token();
    let stale = |seen: &Deployment, decision: &Decision| {
        seen.failures() > 0 && decision.keys.as_deref() == Some("stale")
    };
    let decisions = deployment.ask_until(&token, stale).await;
    let (last, before) = decisions.split_last().unwrap();
    before.iter().for_each(|decision| assert_eq!(decision.verdict, Verdict::Allow, "{decision}"));
    last.is_allowed_by("stale");
    before[0].is_allowed_by("fresh");
    assert!(!before.is_empty(), "nothing was judged by the file alone");
}

#[tokio::test]
async fn fetches_when_the_file_lacks_a_key() {
    let issuer = RemoteIssuer::start().await;
    let (url, file) = (issuer.url(), file("outdated.json", &key_set(&issuer)));
    let old = issuer.token();
    issuer.rotate().unwrap();
    let settings = [("AUTHORIZER_JWKS_FILE", file.as_str())];
    let mut deployment = Deployment::trusting(&url, &settings).await;
    deployment.ask_token(&old).await.is_allowed_by("fresh");
    assert_eq!(issuer.connections(), 0, "the start asked the issuer");
    deployment.ask_token(&issuer.token()).await.is_allowed_by("fetched");
    assert_eq!(issuer.connections(), 2, "one for the discovery document, one for the key set");
}
