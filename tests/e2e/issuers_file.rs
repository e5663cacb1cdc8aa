//! Issuers from a file, up to a thousand, and whose keys a start fetches.

use local_gateway::issuer::{AUDIENCE, Issuer, KEY_SET_PATH};
use serde_json::{Value, json};

use crate::start::{TestFile, init_error};
use crate::tokens::{claims_with, connect};
use test_support::deployment::Deployment;
use test_support::gateway::unauthorized;

/// Returns so many issuers, all of whose keys this one publishes.
fn issuers(issuer: &Issuer, count: usize) -> Vec<Value> {
    let object = |index| {
        json!({
            "issuer": name(issuer, index), "audience": AUDIENCE, "jwks_uri": issuer.key_set_url()
        })
    };
    (0..count).map(object).collect()
}

fn name(issuer: &Issuer, index: usize) -> String {
    format!("{}/{index}", issuer.url())
}

fn token_of(issuer: &Issuer, index: usize) -> String {
    issuer.token(&claims_with(issuer, json!({ "iss": name(issuer, index) })))
}

#[tokio::test]
async fn trusts_a_thousand_issuers_and_fetches_the_first_keys_of_32() {
    let issuer = Issuer::start().await.unwrap();
    let file = TestFile::new("1000-issuers.json", &json!(issuers(&issuer, 1000)).to_string());
    let mut deployment = Deployment::start(&[("AUTHORIZER_ISSUERS_FILE", file.path())]).await;
    assert_eq!(issuer.requests(KEY_SET_PATH), 32);
    for (index, keys, requests) in [
        (0, "fresh", 32),
        (31, "fresh", 32),
        (32, "fetched", 33),
        (999, "fetched", 34),
        (999, "fresh", 34),
    ] {
        let (outcome, line) = deployment.ask_for_more(&connect(&token_of(&issuer, index))).await;
        assert!(outcome.is_ok(), "{index}: {outcome:?}");
        assert_eq!((&line["keys"], &line["issuer"]), (&json!(keys), &json!(name(&issuer, index))));
        assert_eq!(issuer.requests(KEY_SET_PATH), requests, "{index}");
    }
    let outcome = deployment.ask(&connect(&token_of(&issuer, 1000))).await;
    assert_eq!(outcome, Err(unauthorized("unknown_issuer")));
    assert_eq!(issuer.requests(KEY_SET_PATH), 34);
}

#[tokio::test]
async fn fetches_the_first_keys_of_the_chosen_issuers() {
    let issuer = Issuer::start().await.unwrap();
    let mut list = issuers(&issuer, 40);
    for index in [3, 39] {
        list[index]["prefetch"] = true.into();
    }
    let file = TestFile::new("chosen-issuers.json", &json!(list).to_string());
    let mut deployment = Deployment::start(&[("AUTHORIZER_ISSUERS_FILE", file.path())]).await;
    assert_eq!(issuer.requests(KEY_SET_PATH), 2);
    for (index, keys) in [(39, "fresh"), (0, "fetched")] {
        let (outcome, line) = deployment.ask_for_more(&connect(&token_of(&issuer, index))).await;
        assert_eq!((outcome.is_ok(), &line["keys"]), (true, &json!(keys)), "{index}");
    }
}

#[tokio::test]
async fn fetches_no_first_keys_for_an_issuer_that_says_so() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment =
        Deployment::trusting(issuer.url(), &[("AUTHORIZER_PREFETCH", "false")]).await;
    assert_eq!(issuer.connections(), 0);
    let token = issuer.token(&issuer.claims());
    let (outcome, line) = deployment.ask_for_more(&connect(&token)).await;
    assert_eq!((outcome.is_ok(), &line["keys"]), (true, &json!("fetched")));
}

#[tokio::test]
async fn names_every_mistake_in_a_file_at_once() {
    let file = TestFile::new(
        "wrong-issuers.json",
        &json!([
            { "issuer": "https://a.example", "audience": "chat", "algorithm": "RS256" },
            { "issuer": "https://a.example", "audience": "chat", "leeway_seconds": 900 },
            { "issuer": "https://b.example/{tenant}", "audience": "chat" },
            { "prefetch": "yes" },
        ])
        .to_string(),
    );
    let path = file.path();
    let settings = [("AUTHORIZER_ISSUERS_FILE", path), ("AUTHORIZER_AUDIENCE", "chat")];
    let message = init_error(&settings).await;
    for mistake in [
        "9 mistakes in the settings:".to_owned(),
        "AUTHORIZER_AUDIENCE is set together with AUTHORIZER_ISSUERS_FILE. Move it".to_owned(),
        format!("{path}[0].algorithm is not a setting. Did you mean {path}[0].algorithms?"),
        format!("{path}[1].leeway_seconds is \"900\""),
        format!("{path}[2].tenants is not set, but the issuer has {{tenant}}."),
        format!("{path}[2].jwks_uri is not set."),
        format!("{path}[3].issuer is not set."),
        format!("{path}[3].audience is not set."),
        format!("{path}[3].prefetch is \"yes\""),
        format!("{path} has the issuer \"https://a.example\" twice."),
    ] {
        assert!(message.contains(&mistake), "{mistake:?} is not in {message}");
    }
}

#[tokio::test]
async fn does_not_start_with_a_file_that_is_of_no_use() {
    let issuer = Issuer::start().await.unwrap();
    let good = TestFile::new("good-issuers.json", &json!(issuers(&issuer, 1)).to_string());
    let started = Deployment::start(&[("AUTHORIZER_ISSUERS_FILE", good.path())]).await;
    drop(started);
    let too_many = TestFile::new("1001-issuers.json", &json!(issuers(&issuer, 1001)).to_string());
    let object = TestFile::new("an-object.json", "{}");
    let broken = TestFile::new("broken-issuers.json", "[{]");
    let empty = TestFile::new("no-issuers.json", "[]");
    let list = json!(issuers(&issuer, 1)).to_string();
    for (path, further, fault) in [
        ("/nonexistent", None, "it cannot be read (No such file or directory"),
        ("/", None, "it cannot be read (Is a directory"),
        (too_many.path(), None, "has 1001 issuers. The limit is 1000."),
        (object.path(), None, "it cannot be read as a JSON list of objects"),
        (broken.path(), None, "it cannot be read as a JSON list of objects"),
        (empty.path(), None, "the list is empty"),
        (
            good.path(),
            Some(("AUTHORIZER_ISSUERS", list.as_str())),
            "AUTHORIZER_ISSUERS_FILE is set together with AUTHORIZER_ISSUERS. Remove one",
        ),
    ] {
        let mut settings = vec![("AUTHORIZER_ISSUERS_FILE", path)];
        settings.extend(further);
        let message = init_error(&settings).await;
        assert!(message.contains(fault), "{path}: {message}");
    }
}
