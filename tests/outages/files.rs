//! The first keys are in the package: there is nothing to fetch, and nothing that could fail.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::line::RemoteIssuer;
use crate::outage::{Decision, Environment};

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
    let settings = [
        ("AUTHORIZER_ISSUER", url.as_str()),
        ("AUTHORIZER_JWKS_FILE", file.as_str()),
        ("AUTHORIZER_JWKS_TTL_SECONDS", "1"),
    ];
    let mut environment = Environment::start(&settings).await;
    let token = issuer.token();
    let failed = |seen: &Environment, _: &Decision| seen.failures() > 0;
    let decisions = environment.ask_until(&token, failed).await;
    let (last, before) = decisions.split_last().unwrap();
    before.iter().for_each(|decision| decision.is_allowed_by("fresh"));
    last.is_allowed_by("stale");
    assert!(!before.is_empty(), "nothing was judged by the file alone");
}

#[tokio::test]
async fn fetches_when_the_file_lacks_a_key() {
    let issuer = RemoteIssuer::start().await;
    let (url, file) = (issuer.url(), file("outdated.json", &key_set(&issuer)));
    let old = issuer.token();
    issuer.rotate().unwrap();
    let settings = [("AUTHORIZER_ISSUER", url.as_str()), ("AUTHORIZER_JWKS_FILE", file.as_str())];
    let mut environment = Environment::start(&settings).await;
    environment.ask(&old).await.is_allowed_by("fresh");
    assert_eq!(issuer.calls(), 0, "the start asked the issuer");
    environment.ask(&issuer.token()).await.is_allowed_by("fetched");
    assert_eq!(issuer.calls(), 2, "one for the discovery document, one for the key set");
}

#[tokio::test]
async fn does_not_start_with_a_file_of_no_use() {
    let missing = format!("{}/nothing-here.json", env!("CARGO_TARGET_TMPDIR"));
    for (variable, file, complaint) in [
        ("AUTHORIZER_JWKS_FILE", missing.clone(), "there is no file"),
        ("AUTHORIZER_JWKS_FILE", file("broken.json", "{\"keys\": ["), "is not a JSON object"),
        ("AUTHORIZER_JWKS_FILE", file("empty.json", "{\"keys\": []}"), "the key set is empty"),
        ("AUTHORIZER_CA_FILE", missing, "there is no file"),
    ] {
        let settings = [("AUTHORIZER_ISSUER", "https://issuer.example"), (variable, &*file)];
        let error = Environment::failed_start(&settings).await;
        assert_eq!(error.error_type, "Runtime.InvalidSettings");
        let message = error.error_message;
        assert!(message.contains(variable) && message.contains(complaint), "{message}");
    }
}
