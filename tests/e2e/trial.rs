//! Rules on trial: they change no answer, and the log says where they would.

use local_gateway::issuer::{AUDIENCE, Issuer, now_seconds};
use local_gateway::request::Request;
use serde_json::{Value, json};

use crate::tokens::{connect, token_with};
use test_support::deployment::Deployment;
use test_support::gateway::{Refused, forbidden, unauthorized};

/// What the log says of the rules on trial: nothing, or what they would decide.
type Trial = Option<&'static str>;

/// Asks one function for events, and compares the decision and what the log says of the rules on
/// trial.
async fn check_events(
    settings: &[(&str, &str)],
    cases: impl Fn(&Issuer) -> Vec<(Value, Result<(), Refused>, Trial)>,
) {
    let issuer = Issuer::start().await.unwrap();
    let settings = [&[("AUTHORIZER_ALGORITHMS", "RS256,ES256")], settings].concat();
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    for (event, expected, trial) in cases(&issuer) {
        let (outcome, line) = deployment.ask_for_more(&event).await;
        assert_eq!(outcome.map(drop), expected, "{settings:?}");
        assert_eq!(line["trial"].as_str(), trial, "{line} with {settings:?}");
        let level = if expected.is_ok() && trial.is_none() { "DEBUG" } else { "INFO" };
        assert_eq!(line["level"], level, "{line}");
    }
}

/// The same for handshakes whose tokens differ from a good one in these claims.
async fn check(settings: &[(&str, &str)], cases: &[(Value, Result<(), Refused>, Trial)]) {
    check_events(settings, |issuer| {
        let event = |claims: &Value| connect(&token_with(issuer, claims.clone()));
        let case = |(claims, expected, trial): &(Value, _, _)| {
            (event(claims), Result::clone(expected), *trial)
        };
        cases.iter().map(case).collect()
    })
    .await;
}

#[tokio::test]
async fn says_which_allowed_requests_each_rule_would_refuse() {
    let good = json!({});
    check(
        &[("AUTHORIZER_REPORT_ONLY_AUDIENCE", "other")],
        &[
            (good.clone(), Ok(()), Some("wrong_audience")),
            (json!({ "aud": [AUDIENCE, "other"] }), Ok(()), None),
        ],
    )
    .await;
    check(
        &[("AUTHORIZER_REPORT_ONLY_CLIENT_IDS", "web")],
        &[
            (json!({ "client_id": "mobile" }), Ok(()), Some("wrong_client")),
            (json!({ "client_id": "web" }), Ok(()), None),
        ],
    )
    .await;
    check(
        &[("AUTHORIZER_REPORT_ONLY_TOKEN_BINDING", "mtls")],
        &[(good.clone(), Ok(()), Some("missing_claim"))],
    )
    .await;
    check(
        &[("AUTHORIZER_REPORT_ONLY_TOKEN_USE", "access")],
        &[
            (json!({ "token_use": "id" }), Ok(()), Some("wrong_token_use")),
            (json!({ "token_use": "access" }), Ok(()), None),
        ],
    )
    .await;
    check(
        &[("AUTHORIZER_REPORT_ONLY_TOKEN_TYPES", "at+jwt")],
        &[(good.clone(), Ok(()), Some("wrong_token_type"))],
    )
    .await;
    check(&[("AUTHORIZER_REPORT_ONLY_TOKEN_TYPES", "jwt")], &[(good.clone(), Ok(()), None)]).await;
    check(
        &[("AUTHORIZER_REPORT_ONLY_REQUIRED_SCOPES", r#"["a",["b","c"]]"#)],
        &[
            (json!({ "scope": "a d" }), Ok(()), Some("insufficient_scope")),
            (json!({ "scope": "a c" }), Ok(()), None),
        ],
    )
    .await;
    check(
        &[("AUTHORIZER_REPORT_ONLY_REQUIRED_CLAIMS", r#"{"tenant":["a"]}"#)],
        &[
            (json!({ "tenant": "b" }), Ok(()), Some("claim_mismatch")),
            (json!({ "tenant": "a" }), Ok(()), None),
        ],
    )
    .await;
    check(
        &[("AUTHORIZER_REPORT_ONLY_MAX_TOKEN_AGE_SECONDS", "600")],
        &[
            (json!({ "iat": now_seconds() - 700 }), Ok(()), Some("too_old")),
            (json!({ "iat": now_seconds() - 500 }), Ok(()), None),
        ],
    )
    .await;
    check(
        &[("AUTHORIZER_REPORT_ONLY_ALGORITHMS", "ES256")],
        &[(good.clone(), Ok(()), Some("unsupported_algorithm"))],
    )
    .await;
    check(&[("AUTHORIZER_REPORT_ONLY_ALGORITHMS", "RS256")], &[(good, Ok(()), None)]).await;
}

#[tokio::test]
async fn says_which_requests_a_rule_for_requests_would_refuse() {
    check_events(&[("AUTHORIZER_REPORT_ONLY_ALLOWED_ORIGINS", "https://app.example")], |issuer| {
        let from = |origin| {
            let token = token_with(issuer, json!({}));
            Request::handshake().bearer(&token).header("Origin", origin).websocket_connect()
        };
        vec![
            (from("https://evil.example"), Ok(()), Some("origin_not_allowed")),
            (from("https://app.example"), Ok(()), None),
        ]
    })
    .await;
    let routes = [("AUTHORIZER_REPORT_ONLY_ROUTE_RULES", r#"{"$connect": ["chat"]}"#)];
    check(
        &routes,
        &[
            (json!({ "scope": "x" }), Ok(()), Some("insufficient_scope")),
            (json!({ "scope": "chat" }), Ok(()), None),
        ],
    )
    .await;
}

#[tokio::test]
async fn says_which_refused_requests_a_wider_rule_would_allow() {
    check(
        &[
            ("AUTHORIZER_REQUIRED_SCOPES", "a,b"),
            ("AUTHORIZER_REPORT_ONLY_REQUIRED_SCOPES", r#"[["a","b"]]"#),
        ],
        &[
            (json!({ "scope": "a" }), Err(forbidden("insufficient_scope")), Some("allow")),
            (json!({ "scope": "c" }), Err(forbidden("insufficient_scope")), None),
            (json!({ "scope": "a b" }), Ok(()), None),
        ],
    )
    .await;
    // A 403 in place of a 401 is a change as well.
    check(
        &[
            ("AUTHORIZER_REPORT_ONLY_AUDIENCE", "*"),
            ("AUTHORIZER_REPORT_ONLY_REQUIRED_SCOPES", "a"),
        ],
        &[
            (
                json!({ "aud": "x" }),
                Err(unauthorized("wrong_audience")),
                Some("insufficient_scope"),
            ),
            (
                json!({ "aud": "x", "scope": "a" }),
                Err(unauthorized("wrong_audience")),
                Some("allow"),
            ),
            (json!({ "scope": "a" }), Ok(()), None),
        ],
    )
    .await;
}

#[tokio::test]
async fn rules_in_force_hold_beside_those_on_trial() {
    let trial = [("AUTHORIZER_CLIENT_IDS", "web"), ("AUTHORIZER_REPORT_ONLY_REQUIRED_SCOPES", "a")];
    check(
        &trial,
        &[
            // Both refuse with a 401, so nothing would change.
            (
                json!({ "client_id": "mobile", "scope": "a" }),
                Err(unauthorized("wrong_client")),
                None,
            ),
            (json!({ "client_id": "web", "scope": "a" }), Ok(()), None),
            (json!({ "client_id": "web", "scope": "b" }), Ok(()), Some("insufficient_scope")),
        ],
    )
    .await;
}

#[tokio::test]
async fn judges_only_verified_tokens() {
    let settings = [("AUTHORIZER_REPORT_ONLY_AUDIENCE", "other")];
    check_events(&settings, |issuer| {
        let token = token_with(issuer, json!({}));
        let (signed, _) = token.rsplit_once('.').unwrap();
        let other = token_with(issuer, json!({ "nonce": "x" }));
        let forged = format!("{signed}.{}", other.rsplit_once('.').unwrap().1);
        vec![
            (connect(&forged), Err(unauthorized("invalid_signature")), None),
            (Request::handshake().websocket_connect(), Err(unauthorized("missing_token")), None),
            (connect(&token), Ok(()), Some("wrong_audience")),
        ]
    })
    .await;
}

#[tokio::test]
async fn each_issuer_of_a_list_can_have_its_own_rules_on_trial() {
    let issuer = Issuer::start().await.unwrap();
    let list = json!([
        { "issuer": issuer.url(), "audience": "chat", "report_only_required_scopes": ["a", ["b"]] },
        { "issuer": "https://other.example", "audience": "chat" },
    ]);
    let settings = [("AUTHORIZER_ISSUERS", &*list.to_string())];
    let mut deployment = Deployment::start(&settings).await;
    for (scope, trial) in [("a", Some("insufficient_scope")), ("a b", None)] {
        let event = connect(&token_with(&issuer, json!({ "scope": scope, "aud": "chat" })));
        let (outcome, line) = deployment.ask_for_more(&event).await;
        outcome.unwrap();
        assert_eq!(line["trial"].as_str(), trial, "{scope}");
    }
}

#[tokio::test]
async fn metrics_count_the_decisions_that_would_change() {
    let issuer = Issuer::start().await.unwrap();
    let settings =
        [("AUTHORIZER_METRICS_NAMESPACE", "Test"), ("AUTHORIZER_REPORT_ONLY_CLIENT_IDS", "web")];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    for client in ["web", "mobile"] {
        let event = connect(&token_with(&issuer, json!({ "client_id": client })));
        deployment.ask(&event).await.unwrap();
    }
    let log = deployment.end().await;
    let metrics = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let decisions: Vec<_> = metrics.filter(|line| line["Decisions"].is_number()).collect();
    let changes: Vec<_> =
        decisions.iter().map(|line| (&line["TrialChanges"], &line["Trial"])).collect();
    assert_eq!(changes, [(&json!(0), &Value::Null), (&json!(1), &json!("wrong_client"))]);
}
