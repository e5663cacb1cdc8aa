//! Starts that go wrong, and what surrounds those that go right.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use insta::assert_snapshot;
use local_gateway::invocation::{Deadline, FunctionOutcome};
use local_gateway::issuer::{AUDIENCE, Issuer, KEY_SET_PATH};
use local_gateway::served::Served;
use serde_json::json;
use tokio::process::Command;

use crate::tokens::{connect, good_token};
use test_support::deployment::{Deployment, executable, in_time};
use test_support::gateway::{fault, unauthorized};

/// Starts a function with wrong settings, and returns what it reports to Lambda.
pub(crate) async fn init_error(settings: &[(&str, &str)]) -> String {
    let error = Deployment::failed_start(settings).await;
    assert_eq!(error.error_type, "Runtime.InvalidSettings");
    error.error_message
}

#[tokio::test]
async fn names_every_mistake_at_once() {
    let message = init_error(&[
        ("AUTHORIZER_ISSUER", "http://issuer.example"),
        ("AUTHORIZER_ALGORITHMS", "RS256,HS256"),
        ("AUTHORIZER_CLIENT_IDS", ""),
        ("AUTHORIZER_REQUIRED_SCOPE", "chat"),
        ("AUTHORIZER_LEEWAY_SECONDS", "900"),
        ("AUTHORIZER_MAX_TOKEN_AGE_SECONDS", "1h"),
        ("AUTHORIZER_REQUIRED_CLAIMS", "tenant=a"),
        ("AUTHORIZER_TOKEN_SOURCES", "header"),
        ("AUTHORIZER_ALLOWED_ORIGINS", "https://app.example/"),
        ("AUTHORIZER_ROUTE_RULES", r#"{"/orders": []}"#),
        ("AUTHORIZER_CONTEXT_CLAIMS", "sub"),
        ("AUTHORIZER_RESOURCE_SCOPE", "Stage"),
        ("AUTHORIZER_CA_FILE", "/nonexistent"),
        ("UNRELATED", "x"),
    ])
    .await;
    assert_snapshot!(message);
}

#[tokio::test]
async fn names_mistakes_within_a_list_of_issuers() {
    let issuers = json!([
        { "issuer": "https://a.example", "audience": "chat", "algorithm": "RS256" },
        { "issuer": "https://a.example", "audience": "chat", "leeway_seconds": 900 },
        { "audience": ["a,b"], "token_sources": "header:x" },
    ]);
    let message = init_error(&[
        ("AUTHORIZER_ISSUERS", &issuers.to_string()),
        ("AUTHORIZER_AUDIENCE", "chat"),
    ])
    .await;
    assert_snapshot!(message);
}

#[tokio::test]
async fn asks_for_what_is_required() {
    let message = init_error(&[]).await;
    for variable in ["AUTHORIZER_ISSUER is not set", "AUTHORIZER_AUDIENCE is not set"] {
        assert!(message.contains(variable), "{message}");
    }
}

#[tokio::test]
async fn suggests_the_nearest_name() {
    let good = [("AUTHORIZER_ISSUER", "https://a.example"), ("AUTHORIZER_AUDIENCE", "chat")];
    for (misspelt, nearest) in [
        ("AUTHORIZER_REQUIRED_SCOPE", "AUTHORIZER_REQUIRED_SCOPES"),
        ("AUTHORIZER_CLIENT_ID", "AUTHORIZER_CLIENT_IDS"),
        ("AUTHORIZER_JWKS_URL", "AUTHORIZER_JWKS_URI"),
        ("AUTHORIZER_TOKEN_TYPE", "AUTHORIZER_TOKEN_TYPES"),
        ("AUTHORIZER_ALOWED_ORIGINS", "AUTHORIZER_ALLOWED_ORIGINS"),
        ("AUTHORIZER_audience", "AUTHORIZER_AUDIENCE"),
        ("AUTHORIZER_LEEWAY", "AUTHORIZER_LEEWAY_SECONDS"),
        ("AUTHORIZER_CLOCK_SKEW", "AUTHORIZER_LEEWAY_SECONDS"),
        ("AUTHORIZER_ROUTE_SCOPES", "AUTHORIZER_ROUTE_RULES"),
    ] {
        let message = init_error(&[&good[..], &[(misspelt, "x")]].concat()).await;
        let problem = format!("{misspelt} is not a setting. Did you mean {nearest}?");
        assert!(message.contains(&problem), "{message}");
    }
}

/// A file for one test, gone with it.
pub(crate) struct TestFile(PathBuf);

impl TestFile {
    pub(crate) fn new(name: &str, content: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, content).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        // One that is left over harms nobody.
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn does_not_start_with_files_that_are_of_no_use() {
    let good = [("AUTHORIZER_ISSUER", "https://a.example"), ("AUTHORIZER_AUDIENCE", "chat")];
    let empty = TestFile::new("empty.json", "");
    let broken = TestFile::new("broken.json", r#"{"keys": ["#);
    let no_keys = TestFile::new("no-keys.json", r#"{"keys":[]}"#);
    let no_pem =
        TestFile::new("no.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (variable, file, fault) in [
        ("AUTHORIZER_JWKS_FILE", "/nonexistent", "there is no such file"),
        ("AUTHORIZER_JWKS_FILE", empty.path(), "not a JSON object with a list of keys"),
        ("AUTHORIZER_JWKS_FILE", broken.path(), "not a JSON object with a list of keys"),
        ("AUTHORIZER_CA_FILE", "/nonexistent", "there is no such file"),
        ("AUTHORIZER_JWKS_FILE", no_keys.path(), "cannot be used: the key set is empty"),
        ("AUTHORIZER_CA_FILE", no_pem.path(), "not a root certificate"),
        ("AUTHORIZER_CA_FILE", no_keys.path(), "it contains no PEM certificate"),
    ] {
        let message = init_error(&[&good[..], &[(variable, file)]].concat()).await;
        assert!(message.contains(fault), "{variable}={file}: {message}");
    }
}

#[tokio::test]
async fn starts_with_keys_from_a_file_and_no_network() {
    let issuer = Issuer::start().await.unwrap();
    let key_set = json!({ "keys": [issuer.key().jwk(), { "kty": "oct", "kid": "s", "k": "AA" }] });
    let file = TestFile::new("keys.json", &key_set.to_string());
    let token = good_token(&issuer);
    let url = issuer.url().to_owned();
    drop(issuer);
    let mut deployment = Deployment::start(&[
        ("AUTHORIZER_ISSUER", &url),
        ("AUTHORIZER_AUDIENCE", AUDIENCE),
        ("AUTHORIZER_JWKS_FILE", file.path()),
    ])
    .await;
    assert!(deployment.logged("AUTHORIZER_JWKS_FILE").await.contains("s: it is symmetric"));
    let (outcome, line) = deployment.ask_for_more(&connect(&token)).await;
    assert_eq!((outcome.is_ok(), &line["keys"]), (true, &json!("fresh")));
}

#[tokio::test]
async fn fetches_before_the_first_event() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    assert_eq!(issuer.requests(KEY_SET_PATH), 1);
    let (_, line) = deployment.ask_for_more(&connect(&good_token(&issuer))).await;
    assert_eq!(line["keys"], "fresh");
    assert_eq!(issuer.requests(KEY_SET_PATH), 1);
}

#[tokio::test]
async fn starts_without_the_issuer_and_recovers_with_it() {
    let issuer = Issuer::start().await.unwrap();
    issuer.serve_discovery(Served::Disconnect);
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let event = connect(&good_token(&issuer));
    let (outcome, line) = deployment.ask_for_more(&event).await;
    assert_eq!(outcome.map(drop), Err(fault("keys_unavailable")));
    let message = line["message"].as_str().unwrap();
    assert!(message.contains(issuer.url()), "{message}");

    issuer.serve_discovery(Served::Own);
    // Within a second the backoff is over; until then each answer comes at once and costs nothing.
    let recovered = async {
        loop {
            match deployment.ask(&event).await {
                Ok(_) => break,
                Err(refused) => assert_eq!(refused, fault("keys_unavailable")),
            }
        }
    };
    in_time(recovered).await;
    assert_eq!(issuer.requests(KEY_SET_PATH), 1);
    deployment.logged("the issuer's keys can be refreshed again").await;
}

/// The setting allows a fetch to take longer than the start may.
#[tokio::test]
async fn starts_without_issuers_that_hang() {
    let (first, second) = tokio::join!(Issuer::start(), Issuer::start());
    let (first, second) = (first.unwrap(), second.unwrap());
    first.serve_discovery(Served::Hang);
    second.serve_key_set(Served::Hang);
    let issuers = json!([
        { "issuer": first.url(), "audience": AUDIENCE },
        { "issuer": second.url(), "audience": AUDIENCE },
    ]);
    let settings =
        [("AUTHORIZER_ISSUERS", &*issuers.to_string()), ("AUTHORIZER_JWKS_TIMEOUT_MS", "25000")];
    let started = Instant::now();
    Deployment::start(&settings).await;
    let took = started.elapsed();
    // The start waits 5 s, for both issuers at once. Lambda allows it 10 s.
    assert!((Duration::from_millis(4_900)..Duration::from_secs(9)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn warns_of_what_is_likely_not_meant() {
    let issuer = Issuer::start().await.unwrap();
    for (settings, warning) in [
        (&[("AUTHORIZER_AUDIENCE", "*")][..], "AUTHORIZER_AUDIENCE=*"),
        (&[("AUTHORIZER_AUDIENCE", "chat api")], "separate them with commas"),
        (
            &[("AUTHORIZER_TOKEN_USE", "access")],
            "AUTHORIZER_TOKEN_USE=access is set together with an audience",
        ),
        (
            &[("AUTHORIZER_TOKEN_SOURCES", "cookie:session")],
            "AUTHORIZER_ALLOWED_ORIGINS is not set",
        ),
    ] {
        let deployment = Deployment::trusting(issuer.url(), settings).await;
        let line = deployment.logged(warning).await;
        assert!(line.contains(r#""level":"WARN""#), "{line}");
    }
}

#[tokio::test]
async fn says_which_variable_of_lambda_is_missing() {
    let environment = [("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")];
    let output = Command::new(executable()).env_clear().envs(environment).output();
    let output = output.await.unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    for helpful in [
        "AWS_LAMBDA_RUNTIME_API is set, but",
        "AWS_LAMBDA_FUNCTION_NAME",
        "cargo run -p local-gateway",
    ] {
        assert!(said.contains(helpful), "{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// As `cargo lambda` has it.
#[tokio::test]
async fn answers_though_its_deadline_is_long_past() {
    let issuer = Issuer::start().await.unwrap();
    let deployment = Deployment::trusting(issuer.url(), &[]).await;
    let past =
        || Deadline::Told { header: "600000".parse().unwrap(), timeout: Duration::from_secs(10) };
    let at_hand = connect(&good_token(&issuer));
    issuer.rotate().unwrap();
    let to_be_fetched = connect(&good_token(&issuer));
    for event in [at_hand, to_be_fetched] {
        let answer = deployment.invoke_before(past(), &event).await;
        assert!(matches!(answer, FunctionOutcome::Response(_)), "{answer:?}");
    }
}

#[tokio::test]
async fn waits_for_keys_no_longer_than_its_deadline_lets_it() {
    let issuer = Issuer::start().await.unwrap();
    let timeout = [("AUTHORIZER_JWKS_TIMEOUT_MS", "25000")];
    let mut deployment = Deployment::trusting(issuer.url(), &timeout).await;
    issuer.rotate().unwrap();
    issuer.serve_key_set(Served::Hang);
    let event = connect(&good_token(&issuer));
    // The truth would leave the answer no time on a machine that is busy.
    let deadline = SystemTime::now() + Duration::from_secs(1);
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let header = deadline.to_string().parse().unwrap();
    let deadline = Deadline::Told { header, timeout: Duration::from_secs(10) };
    let answer = deployment.invoke_before(deadline, &event).await;
    assert!(matches!(answer, FunctionOutcome::Error(_)), "{answer:?}");
    assert_eq!(deployment.decision().await["reason"], "keys_unavailable");

    // The fetch went on without the one who asked for it.
    issuer.serve_key_set(Served::Own);
    assert!(deployment.ask(&event).await.is_ok());
    assert_eq!(issuer.requests(KEY_SET_PATH), 2);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn has_one_thread_unless_lambda_sends_concurrent_invocations() {
    let issuer = Issuer::start().await.unwrap();
    let threads = async |settings: &[(&str, &str)]| {
        let deployment = Deployment::trusting(issuer.url(), settings).await;
        fs::read_dir(format!("/proc/{}/task", deployment.pid())).unwrap().count()
    };
    assert_eq!(threads(&[]).await, 1);
    assert_eq!(threads(&[("AWS_LAMBDA_MAX_CONCURRENCY", "1")]).await, 1);
    assert!(threads(&[("AWS_LAMBDA_MAX_CONCURRENCY", "2")]).await > 1);
}

#[tokio::test]
async fn serves_events_concurrently_where_lambda_does() {
    let issuer = Issuer::start().await.unwrap();
    let concurrency = [("AWS_LAMBDA_MAX_CONCURRENCY", "8")];
    let deployment = Deployment::trusting(issuer.url(), &concurrency).await;
    let known = connect(&good_token(&issuer));
    issuer.rotate().unwrap();
    issuer.serve_key_set(Served::Hang);
    let unknown = connect(&good_token(&issuer));

    let waiting = || deployment.invoke(unknown.to_string());
    let passing = async {
        issuer.requested(KEY_SET_PATH, 2).await;
        // All but one wait for the keys, and the one does not wait for them.
        for _ in 0..3 {
            let answer = deployment.invoke(known.to_string()).await;
            assert!(matches!(answer, FunctionOutcome::Response(_)), "{answer:?}");
        }
        issuer.serve_key_set(Served::Own);
    };
    #[rustfmt::skip]
    let (first, second, third, fourth, fifth, sixth, seventh, ()) = tokio::join!(
        waiting(), waiting(), waiting(), waiting(), waiting(), waiting(), waiting(), passing,
    );
    for answer in [first, second, third, fourth, fifth, sixth, seventh] {
        assert!(matches!(answer, FunctionOutcome::Response(_)), "{answer:?}");
    }
    assert_eq!(issuer.requests(KEY_SET_PATH), 2, "one at the start and one for all who waited");
}

#[tokio::test]
async fn ends_when_lambda_is_gone() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let outcome = deployment.ask(&connect("x")).await.map(drop);
    assert_eq!(outcome, Err(unauthorized("malformed_token")));
    let log = deployment.end().await;
    assert!(!log.join("\n").contains("panicked"), "{log:#?}");
}
