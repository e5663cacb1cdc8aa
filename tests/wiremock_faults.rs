//! What the built function makes of each issuer in `wiremock-fixtures/`.
//!
//! Asked of the loader, or of the real WireMock that `WIREMOCK_URL` names, as `.ci/wiremock` does:
//! only that one has the faults of `mappings/real-wiremock-only/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/outage.rs"]
mod outage;
#[path = "support/wiremock_fixtures.rs"]
mod wiremock_fixtures;

use std::collections::BTreeSet;
use std::path::Path;

use jsonwebtoken::{Algorithm, Header};
use local_gateway::issuer::{AUDIENCE, now_seconds};
use serde_json::json;
use tokio::task::JoinSet;

use gateway::Verdict;
use outage::{Environment, SLACK};
use wiremock_fixtures::{Fixtures, REAL_WIREMOCK_ONLY, ROOT, SIGNING_KID, signing_key};

/// As short as it can be while a debug build fetches from Java within it.
const TIMEOUT_MS: u64 = 2_000;

/// Each issuer, and what the log says of its discovery document and its key set where no keys come
/// of them. Tokens of the others are allowed.
const ISSUERS: &[(&str, Option<&str>, Option<&str>)] = &[
    ("healthy", None, None),
    ("cache-control", None, None),
    ("wrong-content-type", None, None),
    ("largest", None, None),
    ("wrong-issuer", Some("must be exactly the configured issuer"), None),
    ("oversize", Some("more than 150000 bytes"), Some("more than 150000 bytes")),
    ("empty-set", Some("the key set is empty"), Some("the key set is empty")),
    (
        "no-usable-key",
        Some("none of the key set's 6 keys is usable"),
        Some("none of the key set's 6 keys is usable"),
    ),
    ("redirect", Some("returned status 302"), Some("returned status 302")),
    ("slow", Some("no response within 2000 ms"), Some("no response within 2000 ms")),
    ("garbage", Some("not a JSON object"), Some("not a JSON object")),
    ("html", Some("not a JSON object"), Some("not a JSON object")),
    ("not-found", Some("returned status 404"), Some("returned status 404")),
    ("error-500", Some("returned status 500"), Some("returned status 500")),
    ("fault-empty-response", Some(CLOSED), Some(CLOSED)),
    ("fault-connection-reset", Some("reset by peer"), Some("reset by peer")),
    ("fault-malformed-chunk", Some("chunk size"), Some("chunk size")),
    ("fault-random-data", Some("invalid HTTP"), Some("invalid HTTP")),
    ("slow-drip", Some("no response within 2000 ms"), Some("no response within 2000 ms")),
];
const CLOSED: &str = "connection closed before message completed";

/// Names the fixtures below a folder of mappings; a file has the name of its issuer.
fn fixtures(folder: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mappings = files.filter(|path| path.is_file());
    mappings.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn only_in_the_real_wiremock() -> BTreeSet<String> {
    fixtures(&Path::new(ROOT).join("mappings").join(REAL_WIREMOCK_ONLY))
}

#[test]
fn knows_what_to_expect_of_every_fixture() {
    let mut written = fixtures(&Path::new(ROOT).join("mappings"));
    written.append(&mut only_in_the_real_wiremock());
    let expected = ISSUERS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(written, expected);
}

/// Signs a token that nothing speaks against.
fn token(issuer: &str) -> String {
    let header = Header { kid: Some(SIGNING_KID.to_owned()), ..Header::new(Algorithm::RS256) };
    let claims = json!({
        "iss": issuer, "sub": "alice", "aud": AUDIENCE, "exp": now_seconds() + 600,
    });
    jsonwebtoken::encode(&header, &claims, &signing_key()).unwrap()
}

/// Starts the function with an issuer, and asks for a token of it.
async fn check(issuer: String, key_set: Option<String>, error: Option<&str>) {
    let timeout_ms = TIMEOUT_MS.to_string();
    let mut settings =
        vec![("AUTHORIZER_ISSUER", &*issuer), ("AUTHORIZER_JWKS_TIMEOUT_MS", &*timeout_ms)];
    settings.extend(key_set.as_deref().map(|uri| ("AUTHORIZER_JWKS_URI", uri)));
    let mut environment = Environment::start(&settings).await;
    let decision = environment.ask(&token(&issuer)).await;
    let logged = environment.refreshes.iter().map(|refresh| refresh.error.as_str());
    let logged = logged.collect::<Vec<_>>().join("; ");
    let at = key_set.as_deref().unwrap_or(&issuer);
    match error {
        None => assert_eq!(decision.verdict, Verdict::Allow, "{at}: {logged}"),
        Some(error) => {
            assert_eq!(decision.verdict, Verdict::keys_unavailable(), "{at}");
            assert!(logged.contains(error), "{at}: {logged}");
            let limit = std::time::Duration::from_millis(TIMEOUT_MS) + SLACK;
            assert!(decision.took < limit, "{at}: {decision}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_good_keys_are_taken_and_no_issuer_can_do_harm() {
    let wiremock = std::env::var("WIREMOCK_URL").ok();
    let loader = match wiremock {
        Some(_) => None,
        None => Some(Fixtures::serve().await.unwrap()),
    };
    let not_loaded = only_in_the_real_wiremock();
    let mut checks = JoinSet::new();
    for &(name, discovery_error, key_set_error) in ISSUERS {
        let issuer = match (&wiremock, &loader) {
            (Some(url), _) => format!("{}/{name}", url.trim_end_matches('/')),
            (None, Some(_)) if not_loaded.contains(name) => continue,
            (None, Some(loader)) => loader.issuer(name),
            (None, None) => unreachable!("one of the two serves"),
        };
        checks.spawn(check(issuer.clone(), None, discovery_error));
        checks.spawn(check(issuer.clone(), Some(format!("{issuer}/jwks.json")), key_set_error));
    }
    let checked = checks.join_all().await.len();
    println!("{checked} ways to fetch from {}", wiremock.as_deref().unwrap_or("the loader"));
}
