//! Every kind of event, answered in its own form.

use aws_lambda_events::event::apigw::{
    ApiGatewayCustomAuthorizerResponse, ApiGatewayV2CustomAuthorizerIamPolicyResponse,
    ApiGatewayV2CustomAuthorizerSimpleResponse,
};
use aws_lambda_events::event::iam::IamPolicyEffect;
use insta::assert_json_snapshot;
use local_gateway::invocation::FunctionOutcome;
use local_gateway::issuer::{Issuer, now_seconds};
use local_gateway::policy::{PolicyDecision, evaluate};
use local_gateway::request::Request;
use serde_json::{Value, json};

use crate::tokens::{connect, good_token, token_with};
use test_support::deployment::Deployment;
use test_support::gateway::{fault, forbidden, unauthorized};

/// A fixed time, so that answers are the same each time: the year 2100.
const EXP: u64 = 4_102_444_800;

/// What becomes an event of each kind.
type AsEvent = fn(&Request) -> Value;

/// Every kind of event, by its name in the log.
const KINDS: [(&str, AsEvent); 5] = [
    ("websocket", Request::websocket_connect),
    ("rest_request", Request::rest_request),
    ("rest_token", Request::rest_token),
    ("http_api_1.0", Request::http_api_1),
    ("http_api_2.0", Request::http_api_2),
];

/// Asks in one kind of event for a request of each fate, and returns the answers.
async fn answers(as_event: AsEvent, settings: &[(&str, &str)]) -> Value {
    let issuer = Issuer::start().await.unwrap();
    let needs_a_scope = [("AUTHORIZER_REQUIRED_SCOPES", "chat:read")];
    let mut deployment =
        Deployment::trusting(issuer.url(), &[&needs_a_scope, settings].concat()).await;
    let event = |token: &str| as_event(&Request::new("GET", "/orders/1").bearer(token));
    let good = token_with(&issuer, json!({ "exp": EXP }));
    let expired = token_with(&issuer, json!({ "exp": now_seconds() - 60 }));
    let without_scope = token_with(&issuer, json!({ "exp": EXP, "scope": "chat:write" }));
    let mut without_arn = event(&good);
    for name in ["methodArn", "routeArn"] {
        without_arn.as_object_mut().unwrap().remove(name);
    }

    let mut answers = json!({});
    for (fate, event, expected) in [
        ("let in", event(&good), Ok(())),
        ("401", event(&expired), Err(unauthorized("expired"))),
        ("403", event(&without_scope), Err(forbidden("insufficient_scope"))),
        ("500", without_arn, Err(fault("unusable_event"))),
    ] {
        assert_eq!(deployment.ask(&event).await.map(drop), expected, "{fate}");
        answers[fate] = in_json(&deployment.invoke(event.to_string()).await, &issuer);
        deployment.decision().await;
    }
    answers
}

/// Shows an answer without what differs from one run to the next.
fn in_json(answer: &FunctionOutcome, issuer: &Issuer) -> Value {
    match answer {
        FunctionOutcome::Response(body) => {
            let body = String::from_utf8(body.to_vec()).unwrap();
            serde_json::from_str(&body.replace(issuer.url(), "https://issuer.example")).unwrap()
        }
        FunctionOutcome::Error(error) => {
            json!({ "errorType": error.error_type, "errorMessage": error.error_message })
        }
    }
}

#[tokio::test]
async fn answers_a_websocket_connect() {
    assert_json_snapshot!(answers(Request::websocket_connect, &[]).await);
}

#[tokio::test]
async fn answers_a_rest_request() {
    assert_json_snapshot!(answers(Request::rest_request, &[]).await);
}

#[tokio::test]
async fn answers_a_rest_token() {
    assert_json_snapshot!(answers(Request::rest_token, &[]).await);
}

#[tokio::test]
async fn answers_an_http_api_with_payload_1() {
    assert_json_snapshot!(answers(Request::http_api_1, &[]).await);
}

#[tokio::test]
async fn answers_an_http_api_with_payload_2_simply() {
    assert_json_snapshot!(answers(Request::http_api_2, &[]).await);
}

#[tokio::test]
async fn answers_an_http_api_with_payload_2_by_a_policy_when_told_to() {
    let policy = [("AUTHORIZER_HTTP_API_RESPONSE", "policy")];
    assert_json_snapshot!(answers(Request::http_api_2, &policy).await);
}

#[tokio::test]
async fn answers_read_back_as_the_types_that_api_gateway_documents() {
    let rest = answers(Request::rest_request, &[("AUTHORIZER_USAGE_KEY_CLAIM", "sub")]).await;
    for (fate, effect, key) in [
        ("let in", IamPolicyEffect::Allow, Some("alice")),
        ("403", IamPolicyEffect::Deny, Some("alice")),
    ] {
        let answer: ApiGatewayCustomAuthorizerResponse =
            serde_json::from_value(rest[fate].clone()).unwrap();
        assert_eq!(answer.principal_id.as_deref(), Some("alice"), "{fate}");
        assert_eq!(answer.policy_document.statement[0].effect, effect, "{fate}");
        assert_eq!(answer.usage_identifier_key.as_deref(), key, "{fate}");
    }

    let policy = [("AUTHORIZER_HTTP_API_RESPONSE", "policy")];
    let by_policy = answers(Request::http_api_2, &policy).await;
    let answer: ApiGatewayV2CustomAuthorizerIamPolicyResponse =
        serde_json::from_value(by_policy["let in"].clone()).unwrap();
    assert_eq!(answer.policy_document.statement[0].effect, IamPolicyEffect::Allow);

    let simple = answers(Request::http_api_2, &[]).await;
    for (fate, is_authorized) in [("let in", true), ("403", false)] {
        let answer: ApiGatewayV2CustomAuthorizerSimpleResponse =
            serde_json::from_value(simple[fate].clone()).unwrap();
        assert_eq!(answer.is_authorized, is_authorized, "{fate}");
    }
}

#[tokio::test]
async fn names_the_kind_of_event_in_the_log() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let request = Request::new("GET", "/").bearer(&good_token(&issuer));
    for (kind, as_event) in KINDS {
        let (outcome, line) = deployment.ask_for_more(&as_event(&request)).await;
        assert!(outcome.is_ok(), "{kind}");
        assert_eq!(line["event_kind"], kind);
        assert_eq!(line["issuer"], issuer.url());
        assert_eq!((&line["kid"], &line["keys"]), (&json!("key-1"), &json!("fresh")), "{kind}");
        assert!(line["duration_us"].is_u64() && line["requestId"].is_string(), "{line}");
    }
}

/// What may surround a good request without making it another one.
#[tokio::test]
async fn takes_events_however_they_are_put() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let token = good_token(&issuer);
    let bearer = format!("Bearer {token}");
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));

    let mut absent = connect(&token);
    for name in ["queryStringParameters", "multiValueQueryStringParameters", "stageVariables"] {
        absent.as_object_mut().unwrap().remove(name).unwrap();
    }
    let with = |changes: Value| {
        let mut event = connect(&token);
        event.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        event.to_string()
    };
    for (case, event) in [
        ("maps are absent", absent.to_string()),
        (
            "maps are null",
            with(json!({
                "multiValueHeaders": null, "queryStringParameters": null,
                "multiValueQueryStringParameters": null, "stageVariables": null,
                "requestContext": null, "cookies": null, "version": null, "routeArn": null,
            })),
        ),
        (
            "values are null or of another type",
            with(json!({ "headers": {
                "A": null, "B": 1, "C": ["x", null], "D": {}, "authorization": bearer,
            } })),
        ),
        (
            "header names are odd",
            with(json!({ "headers": {
                "": "x", " ": "x", "\u{0}": "x", "Zoë: ☃": "x", "a\r\nb": "x",
                "auThORization": bearer,
            } })),
        ),
        (
            "only the multi-value headers are there",
            with(json!({ "headers": null, "multiValueHeaders": { "AUTHORIZATION": [bearer] } })),
        ),
        ("a field is not known", with(json!({ "newField": { "a": [1, 2.5, true, null] } }))),
        (
            "a part that does not matter is nested deeply",
            connect(&token).to_string().replacen(
                r#""stageVariables":{}"#,
                &format!(r#""stageVariables":{deep}"#),
                1,
            ),
        ),
        (
            "strings are escaped",
            connect(&token).to_string().replacen("Bearer ", r"\u0042earer\u0020", 1),
        ),
        ("there is space around", format!("\n\t {} \r\n", connect(&token))),
    ] {
        let answer = deployment.invoke(event).await;
        assert!(matches!(answer, FunctionOutcome::Response(_)), "{case}: {answer:?}");
        assert_eq!(deployment.decision().await["decision"], "allow", "{case}");
    }
}

#[tokio::test]
async fn survives_events_that_are_none() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let good = connect(&good_token(&issuer));
    let with = |name: &str, value: Value| {
        let mut event = good.clone();
        event[name] = value;
        event
    };
    // Type, version and ARN where a struct that may be read from a list would look for them.
    let in_order =
        json!(["REQUEST", null, good["methodArn"], null, null, good["headers"], {}, {}, {}, null]);
    for (case, event) in [
        ("an empty object", json!({})),
        ("null", json!(null)),
        ("a number", json!(42)),
        ("a string", json!("REQUEST")),
        ("an empty list", json!([])),
        ("a list of what an object would hold", in_order),
        ("no type", with("type", json!(null))),
        ("another type", with("type", json!("request"))),
        ("a type of another type", with("type", json!(["REQUEST"]))),
        ("an event of something else", json!({ "Records": [] })),
        (
            "an HTTP request, not an authorizer's",
            json!({ "version": "2.0", "routeKey": "$default" }),
        ),
        ("no ARN", with("methodArn", json!(null))),
        ("an ARN of another type", with("methodArn", json!(7))),
        ("an ARN of another service", with("methodArn", json!("arn:aws:s3:::bucket/key"))),
        ("an ARN without a stage", with("methodArn", json!("arn:aws:execute-api:r:1:api"))),
        (
            "a TOKEN event without an ARN",
            json!({ "type": "TOKEN", "authorizationToken": "Bearer x" }),
        ),
        ("payload 2.0 with the ARN of 1.0", with("version", json!("2.0"))),
        ("headers that are a string", with("headers", json!("Authorization: Bearer x"))),
        ("headers that are a list", with("headers", json!([["Authorization", "Bearer x"]]))),
    ] {
        let outcome = deployment.ask(&event).await.map(drop);
        assert_eq!(outcome, Err(fault("unusable_event")), "{case}");
    }

    let text = good.to_string();
    let twice = text.replacen('{', r#"{"type":"TOKEN","#, 1);
    deployment.invoke(twice).await;
    assert_eq!(deployment.decision().await["reason"], "unusable_event");

    assert!(deployment.ask(&good).await.is_ok());
}

/// What is no JSON at all never reaches the handler: the runtime answers it.
#[tokio::test]
async fn survives_events_that_are_no_json() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let good = connect(&good_token(&issuer));
    let text = good.to_string();
    for (case, event) in [
        ("nothing", Vec::new()),
        ("a truncated event", text.as_bytes()[..text.len() / 2].to_vec()),
        ("text", b"Bearer".to_vec()),
        ("bytes that are no UTF-8", b"{\"type\":\"\xff\"}".to_vec()),
    ] {
        let answer = deployment.invoke(event).await;
        let FunctionOutcome::Error(error) = answer else { panic!("{case}: {answer:?}") };
        assert_ne!(error.error_message, "Unauthorized", "{case}");
        assert!(deployment.ask(&good).await.is_ok(), "after {case}");
    }
}

/// API Gateway caches a policy for the caller's other routes.
#[tokio::test]
async fn allows_the_caller_the_whole_stage() {
    let issuer = Issuer::start().await.unwrap();
    let deployment = Deployment::trusting(issuer.url(), &[]).await;
    let token = good_token(&issuer);
    let first = Request::new("GET", "/orders/1").bearer(&token);
    let other = Request::new("POST", "/users").bearer(&token);
    for (kind, as_event) in &KINDS[..4] {
        let answer = deployment.invoke(as_event(&first).to_string()).await;
        let FunctionOutcome::Response(body) = answer else { panic!("{kind}: {answer:?}") };
        let arn = as_event(&other)["methodArn"].as_str().unwrap().to_owned();
        let verdict = evaluate(&body, &arn).unwrap();
        assert!(matches!(verdict, PolicyDecision::Allow(_)), "{kind}");
        let elsewhere = arn.replacen("/prod/", "/dev/", 1).replacen("/$default/", "/dev/", 1);
        let verdict = evaluate(&body, &elsewhere).unwrap();
        assert!(matches!(verdict, PolicyDecision::Deny(_)), "{kind}");
    }
}
