//! What the settings make of an answer: context, principal, usage key, and what an Allow covers.

use insta::assert_json_snapshot;
use local_gateway::invocation::FunctionOutcome;
use local_gateway::issuer::Issuer;
use local_gateway::policy::PolicyDecision;
use local_gateway::request::Request;
use serde_json::{Value, json};

use crate::tokens::{claims_with, claims_without, connect, good_token, token_with};
use test_support::deployment::Deployment;
use test_support::gateway::{evaluate, unauthorized};

#[tokio::test]
async fn context_claims_are_flat() {
    let issuer = Issuer::start().await.unwrap();
    let claims = [
        "email",
        "mail=email",
        "realm",
        "roles=/realm/roles",
        "first=/realm/roles/0",
        "level",
        "ok",
        "none",
        "nothing",
        "url=https://example.com/x",
        "slash=/a~1b",
    ];
    let claims = [("AUTHORIZER_CONTEXT_CLAIMS", &*claims.join(","))];
    let mut deployment = Deployment::trusting(issuer.url(), &claims).await;
    let token = token_with(
        &issuer,
        json!({
            "email": "alice@example.com",
            "realm": { "roles": ["a", "b"] },
            "level": 1.5,
            "ok": true,
            "none": null,
            "https://example.com/x": "y",
            "a/b": "z",
            "exp": 4_102_444_800_u64,
        }),
    );
    let mut context = deployment.ask(&connect(&token)).await.unwrap().context;
    assert_eq!(context.remove("iss").unwrap(), issuer.url());
    assert_json_snapshot!(context, @r#"
    {
      "client_id": "local-client",
      "email": "alice@example.com",
      "exp": 4102444800,
      "first": "a",
      "level": 1.5,
      "mail": "alice@example.com",
      "ok": true,
      "realm": "{\"roles\":[\"a\",\"b\"]}",
      "roles": "[\"a\",\"b\"]",
      "scope": "chat:read chat:write",
      "slash": "z",
      "sub": "alice",
      "url": "y"
    }
    "#);
}

#[tokio::test]
async fn context_claims_that_cannot_be_read_refuse_the_token() {
    let issuer = Issuer::start().await.unwrap();
    let claims = [("AUTHORIZER_CONTEXT_CLAIMS", "email")];
    let mut deployment = Deployment::trusting(issuer.url(), &claims).await;
    let claims = issuer.claims().to_string();
    for (depth, expected) in [(100, Ok(())), (1000, Err(unauthorized("malformed_token")))] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let claims = claims.replacen('{', &format!(r#"{{"x":{deep},"#), 1);
        let token = issuer.sign(&issuer.key().header(), claims.as_bytes());
        assert_eq!(deployment.ask(&connect(&token)).await.map(drop), expected, "{depth} deep");
    }
}

#[tokio::test]
async fn principal_claim_is_sub_unless_set() {
    let issuer = Issuer::start().await.unwrap();
    let without_sub = claims_without(&issuer, "sub");
    let mut by_azp = without_sub.clone();
    by_azp.as_object_mut().unwrap().remove("client_id").unwrap();
    by_azp["azp"] = "web".into();
    let mut anonymous = by_azp.clone();
    anonymous.as_object_mut().unwrap().remove("azp").unwrap();
    let by_email = [("AUTHORIZER_PRINCIPAL_CLAIM", "email")];
    let by_pointer = [("AUTHORIZER_PRINCIPAL_CLAIM", "/user/id")];
    let with = |replaced: Value| claims_with(&issuer, replaced);
    for (settings, cases) in [
        (
            &[][..],
            vec![
                (issuer.claims(), "alice"),
                (with(json!({ "sub": "" })), "local-client"),
                (without_sub.clone(), "local-client"),
                (by_azp, "web"),
                (anonymous, issuer.url()),
            ],
        ),
        (
            &by_email,
            vec![
                (with(json!({ "email": "alice@example.com" })), "alice@example.com"),
                (issuer.claims(), "local-client"),
            ],
        ),
        (&by_pointer, vec![(with(json!({ "user": { "id": 7 } })), "7")]),
    ] {
        let mut deployment = Deployment::trusting(issuer.url(), settings).await;
        for (claims, principal) in cases {
            let caller = deployment.ask(&connect(&issuer.token(&claims))).await.unwrap();
            assert_eq!(caller.principal_id, principal, "{claims} with {settings:?}");
        }
    }
}

#[tokio::test]
async fn usage_key_claim_becomes_the_usage_identifier_key() {
    let issuer = Issuer::start().await.unwrap();
    let by_claim = [("AUTHORIZER_USAGE_KEY_CLAIM", "/plan/key")];
    let deployment = Deployment::trusting(issuer.url(), &by_claim).await;
    for (claims, key) in
        [(json!({ "plan": { "key": "abc" } }), json!("abc")), (json!({ "plan": {} }), json!(null))]
    {
        let event = Request::new("GET", "/").bearer(&token_with(&issuer, claims)).rest_request();
        let FunctionOutcome::Response(body) = deployment.invoke(event.to_string()).await else {
            panic!("refused")
        };
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["usageIdentifierKey"], key);
        assert_eq!(answer.get("usageIdentifierKey").is_some(), !key.is_null(), "absent, not null");
    }
}

#[tokio::test]
async fn resource_scope_says_what_an_allow_covers() {
    let issuer = Issuer::start().await.unwrap();
    let request = Request::new("GET", "/orders/1").bearer(&good_token(&issuer));
    let event = request.rest_request();
    let arn = event["methodArn"].as_str().unwrap();
    let other_route = arn.replace("/GET/orders/1", "/POST/users");
    let other_stage = arn.replace("/prod/", "/dev/");
    let other_api = arn.replace("a1b2c3d4e5", "zzzzzzzzzz");
    for (scope, covered) in [
        ("request", [true, false, false, false]),
        ("stage", [true, true, false, false]),
        ("api", [true, true, true, false]),
    ] {
        let settings = [("AUTHORIZER_RESOURCE_SCOPE", scope)];
        let deployment = Deployment::trusting(issuer.url(), &settings).await;
        let FunctionOutcome::Response(body) = deployment.invoke(event.to_string()).await else {
            panic!("refused")
        };
        let allowed = [arn, &other_route, &other_stage, &other_api].map(|arn| {
            matches!(evaluate(&json!({ "methodArn": arn }), &body), PolicyDecision::Allow(_))
        });
        assert_eq!(allowed, covered, "{scope}");
    }
}

/// A resource in a policy has 512 characters at most, and a caller chooses the path.
#[tokio::test]
async fn resource_scope_request_stands_any_path() {
    let issuer = Issuer::start().await.unwrap();
    let settings = [("AUTHORIZER_RESOURCE_SCOPE", "request")];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    for path in
        [format!("/{}", "x".repeat(2000)), format!("/{}", "ü".repeat(500)), "/*/?".to_owned()]
    {
        let request = Request::new("GET", &*path).bearer(&good_token(&issuer));
        assert!(deployment.ask(&request.rest_request()).await.is_ok(), "{path}");
    }
}

/// Metrics go to the log, on lines of their own.
#[tokio::test]
async fn metrics_namespace_counts_decisions_and_key_refreshes() {
    let issuer = Issuer::start().await.unwrap();
    let namespace = [("AUTHORIZER_METRICS_NAMESPACE", "Test")];
    for (settings, expected) in
        [(&[][..], &[][..]), (&namespace, &["fetched", "allow", "unauthorized"])]
    {
        let mut deployment = Deployment::trusting(issuer.url(), settings).await;
        deployment.ask(&connect(&good_token(&issuer))).await.unwrap();
        deployment.ask(&connect("not-a-token")).await.unwrap_err();
        // A diagnosis is no decision.
        let question = json!({ "type": "EXPLAIN", "token": "not-a-token" });
        deployment.invoke(question.to_string()).await;
        let log = deployment.end().await;
        let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let metrics = lines.filter(|line| line["_aws"].is_object());
        let counted = metrics.map(|line| {
            let outcome = line["Decision"].as_str().or(line["Outcome"].as_str());
            outcome.unwrap().to_owned()
        });
        assert_eq!(counted.collect::<Vec<_>>(), expected);
    }
}
