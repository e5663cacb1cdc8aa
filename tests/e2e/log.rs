//! What others can do to the log: nobody can forge an entry, and no caller can raise an alarm.

use local_gateway::issuer::{AUDIENCE, Issuer};
use local_gateway::served::Served;
use serde_json::{Value, json};

use crate::tokens::{claims_with, connect, good_token};
use test_support::deployment::Deployment;
use test_support::gateway::{fault, unauthorized};

/// Begins a line of its own where it is not escaped, and then turns the text around.
const FORGED: &str = "\n2026-01-01T00:00:00Z ERROR forged\u{2028}\u{2029}\u{202e}\u{1b}[2J";
const FORGED_LINE: &str = "2026-01-01T00:00:00Z ERROR forged";
const UNPRINTABLE: [char; 5] = ['\u{2028}', '\u{2029}', '\u{202e}', '\u{1b}', '\n'];

/// Lets the issuer and the callers write [`FORGED`] wherever they can, and returns all logs.
async fn logs_with_forgeries(format: &str) -> Vec<String> {
    let issuer = Issuer::start().await.unwrap();
    let key = issuer.key().jwk();
    let key_set = |keys: Value| Some(json!({ "keys": keys }).to_string());
    let encryption = json!({ "kty": "RSA", "use": "enc", "kid": FORGED });
    let jwks_uri = |issuer: &str, uri: &str| {
        Some(json!({ "issuer": issuer, "jwks_uri": format!("{uri}{FORGED}") }).to_string())
    };
    let url = issuer.url();
    let documents = [
        (None, key_set(json!([encryption]))),
        (None, key_set(json!([key, encryption]))),
        (None, key_set(json!([{ "kty": FORGED, "kid": "unknown" }]))),
        (None, key_set(json!([merged(&key, json!({ "kid": FORGED }))]))),
        (jwks_uri(FORGED, url), None),
        (jwks_uri(url, "http://issuer.example/"), None),
        (jwks_uri(url, &format!("{url}/")), None),
    ];
    let mut log = Vec::new();
    for (discovery, key_set) in documents {
        let served = |document: Option<String>| document.map_or(Served::Own, Served::bytes);
        issuer.serve_discovery(served(discovery));
        issuer.serve_key_set(served(key_set));
        let settings = [("AWS_LAMBDA_LOG_FORMAT", format), ("AUTHORIZER_TOKEN_TYPES", "jwt")];
        let deployment = Deployment::trusting(issuer.url(), &settings).await;
        for token in tokens(&issuer) {
            deployment.invoke(connect(&token).to_string()).await;
        }
        log.extend(deployment.end().await);
    }
    log
}

/// A good token, and one for each place where a caller can write something.
fn tokens(issuer: &Issuer) -> Vec<String> {
    let header = |members: Value| merged(&json!({ "alg": "RS256", "typ": "JWT" }), members);
    let claims = |members: Value| claims_with(issuer, members);
    let sign = |header: &Value, claims: &Value| issuer.sign(header, claims.to_string().as_bytes());
    let good = header(json!({ "kid": issuer.key().kid() }));
    vec![
        good_token(issuer),
        sign(&header(json!({ "kid": FORGED })), &claims(json!({}))),
        sign(&header(json!({ "alg": FORGED })), &claims(json!({}))),
        sign(&merged(&good, json!({ "typ": FORGED })), &claims(json!({}))),
        sign(&good, &claims(json!({ "iss": FORGED }))),
        sign(&good, &claims(json!({ "aud": FORGED }))),
        sign(&good, &claims(json!({ "aud": [FORGED, "x"] }))),
    ]
}

fn merged(object: &Value, members: Value) -> Value {
    let mut object = object.clone();
    let Value::Object(members) = members else { panic!("{members}") };
    object.as_object_mut().unwrap().extend(members);
    object
}

#[tokio::test]
async fn nobody_can_forge_a_log_line_in_text() {
    let log = logs_with_forgeries("Text").await;
    for line in &log {
        assert!(!line.starts_with(FORGED_LINE), "a forged line");
        assert!(!line.contains(UNPRINTABLE), "{line:?}");
    }
    let with_forgeries = log.iter().filter(|line| line.contains(r"\n2026-01-01T00:00:00Z"));
    assert!(with_forgeries.count() > 20, "the forgeries are not in the log: {log:#?}");
}

#[tokio::test]
async fn nobody_can_forge_a_log_line_in_json() {
    let log = logs_with_forgeries("JSON").await;
    let lines = read(&log);
    for line in &lines {
        let message = line["message"].as_str().unwrap();
        assert!(!message.contains(UNPRINTABLE), "{line:#}");
    }
    // The raw text is in a field, where JSON escapes the line break.
    assert!(lines.iter().any(|line| line["kid"] == FORGED), "{lines:#?}");
}

fn read(log: &[String]) -> Vec<Value> {
    log.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns how many of the lines are errors, and how many tell of a failed fetch.
fn errors_and_failures(lines: &[Value]) -> (usize, usize) {
    let count = |field: &str, value: &str| lines.iter().filter(|line| line[field] == value).count();
    (count("level", "ERROR"), count("outcome", "failed"))
}

/// `template.yaml` alarms on one line at ERROR.
#[tokio::test]
async fn an_issuer_that_is_down_is_an_error_for_each_fetch_and_not_for_each_caller() {
    const TOKENS: usize = 50;
    let (well, ill) = tokio::join!(Issuer::start(), Issuer::start());
    let (well, ill) = (well.unwrap(), ill.unwrap());
    ill.serve_discovery(Served::Disconnect);
    let issuers = json!([
        { "issuer": well.url(), "audience": AUDIENCE },
        { "issuer": ill.url(), "audience": AUDIENCE },
    ]);
    let mut deployment = Deployment::start(&[("AUTHORIZER_ISSUERS", &issuers.to_string())]).await;
    let made_up = connect(&well.token(&claims_with(&well, json!({ "iss": ill.url() }))));
    for _ in 0..TOKENS {
        let (outcome, line) = deployment.ask_for_more(&made_up).await;
        assert_eq!(outcome, Err(fault("keys_unavailable")));
        assert_eq!((&line["level"], &line["decision"]), (&json!("WARN"), &json!("error")));
    }
    assert!(deployment.ask(&connect(&good_token(&well))).await.is_ok());
    let lines = read(&deployment.log());
    let (errors, failures) = errors_and_failures(&lines);
    assert_eq!(errors, failures, "{lines:#?}");
    // One, and on a slow machine one more for each backoff that has ended.
    assert!((1..10).contains(&errors), "{errors} errors");
    let none_held = |line: &Value| line["message"].as_str().unwrap().contains("no keys are cached");
    assert_eq!(lines.iter().filter(|line| none_held(line)).count(), 1);
}

#[tokio::test]
async fn a_failed_fetch_is_no_error_while_keys_serve() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    issuer.serve_key_set(Served::Disconnect);
    let unknown =
        issuer.sign(&json!({ "alg": "RS256", "kid": "x" }), issuer.claims().to_string().as_bytes());
    let outcome = deployment.ask(&connect(&unknown)).await;
    assert_eq!(outcome, Err(unauthorized("unknown_key")));
    let lines = read(&deployment.log());
    assert_eq!(errors_and_failures(&lines), (0, 1));
    let fresh =
        |line: &Value| line["message"].as_str().unwrap().contains("fresh and can be used for");
    assert_eq!(lines.iter().filter(|line| fresh(line)).count(), 1, "{lines:#?}");
}
