//! What tokens and routes need: any of several scopes, scopes in further claims, claims of a route.

use local_gateway::invocation::FunctionOutcome;
use local_gateway::issuer::{AUDIENCE, Issuer};
use local_gateway::policy::PolicyDecision;
use local_gateway::request::Request;
use serde_json::{Value, json};

use crate::tokens::{claims_with, connect, token_with};
use test_support::deployment::Deployment;
use test_support::gateway::{Refused, evaluate, forbidden, unauthorized};

fn insufficient() -> Result<(), Refused> {
    Err(forbidden("insufficient_scope"))
}

#[tokio::test]
async fn a_list_within_a_list_of_scopes_stands_for_any_of_them() {
    const SCOPES: &str = r#"["orders:read", ["orders:write", "admin"]]"#;
    let issuer = Issuer::start().await.unwrap();
    let object = json!([{
        "issuer": issuer.url(), "audience": AUDIENCE,
        "required_scopes": serde_json::from_str::<Value>(SCOPES).unwrap(),
    }]);
    let routes = format!(r#"{{"$connect": {SCOPES}}}"#);
    let mut by_variable =
        Deployment::trusting(issuer.url(), &[("AUTHORIZER_REQUIRED_SCOPES", SCOPES)]).await;
    let mut by_issuer = Deployment::start(&[("AUTHORIZER_ISSUERS", &object.to_string())]).await;
    let mut by_route =
        Deployment::trusting(issuer.url(), &[("AUTHORIZER_ROUTE_RULES", &routes)]).await;
    for (scope, expected) in [
        ("orders:read orders:write", Ok(())),
        ("orders:read admin", Ok(())),
        ("admin orders:write orders:read", Ok(())),
        ("orders:read", insufficient()),
        ("orders:write admin", insufficient()),
        ("admin", insufficient()),
        ("orders:read Admin", insufficient()),
        ("orders:read administrator", insufficient()),
        ("", insufficient()),
    ] {
        let event = connect(&token_with(&issuer, json!({ "scope": scope })));
        for deployment in [&mut by_variable, &mut by_issuer, &mut by_route] {
            assert_eq!(deployment.ask(&event).await.map(drop), expected, "{scope:?}");
        }
    }
}

#[tokio::test]
async fn further_claims_hold_scopes_where_the_issuer_says_so() {
    let issuer = Issuer::start().await.unwrap();
    let routes = ("AUTHORIZER_ROUTE_RULES", r#"{"$connect": ["edit"]}"#);
    let claims = ("AUTHORIZER_SCOPE_CLAIMS", "permissions, /realm_access/roles");
    let mut with = Deployment::trusting(issuer.url(), &[routes, claims]).await;
    let mut without = Deployment::trusting(issuer.url(), &[routes]).await;
    for (claims, expected) in [
        (json!({ "permissions": ["read", "edit"] }), Ok(())),
        (json!({ "permissions": "read edit" }), Ok(())),
        (json!({ "realm_access": { "roles": ["edit"] } }), Ok(())),
        (json!({ "permissions": [1, null, "edit"] }), Ok(())),
        (json!({ "permissions": ["read"], "realm_access": {} }), insufficient()),
        // An item of a list is one scope.
        (json!({ "permissions": ["read edit"] }), insufficient()),
        (json!({ "permissions": ["edit team"] }), insufficient()),
        (json!({ "permissions": "read,edit" }), insufficient()),
        (json!({ "permissions": [["edit"]] }), insufficient()),
        (json!({ "permissions": { "edit": true } }), insufficient()),
        (json!({ "permissions": null }), insufficient()),
        (json!({ "roles": ["edit"] }), insufficient()),
        (json!({}), insufficient()),
    ] {
        let event = connect(&token_with(&issuer, claims.clone()));
        assert_eq!(with.ask(&event).await.map(drop), expected, "{claims}");
        assert_eq!(without.ask(&event).await.map(drop), insufficient(), "{claims}");
    }
    // Besides `scope` and `scp`, which are as they are without the setting.
    for claims in [
        json!({ "scope": "edit" }),
        json!({ "scp": ["edit"] }),
        json!({ "scp": "read edit" }),
        json!({ "scp": ["read edit"] }),
    ] {
        let event = connect(&token_with(&issuer, claims.clone()));
        for deployment in [&mut with, &mut without] {
            assert_eq!(deployment.ask(&event).await.map(drop), Ok(()), "{claims}");
        }
    }
}

#[tokio::test]
async fn a_claim_holds_the_scopes_of_its_own_issuers_tokens_only() {
    let (with, without) = tokio::join!(Issuer::start(), Issuer::start());
    let (with, without) = (with.unwrap(), without.unwrap());
    let issuers = json!([
        { "issuer": with.url(), "audience": AUDIENCE, "scope_claims": ["permissions"] },
        { "issuer": without.url(), "audience": AUDIENCE },
    ]);
    let mut deployment = Deployment::start(&[
        ("AUTHORIZER_ISSUERS", &issuers.to_string()),
        ("AUTHORIZER_ROUTE_RULES", r#"{"$connect": ["edit"]}"#),
    ])
    .await;
    for (issuer, claims, expected) in [
        (&with, json!({ "permissions": ["edit"] }), Ok(())),
        (&without, json!({ "permissions": ["edit"] }), insufficient()),
        (&without, json!({ "scope": "edit" }), Ok(())),
    ] {
        let event = connect(&token_with(issuer, claims.clone()));
        assert_eq!(deployment.ask(&event).await.map(drop), expected, "{claims}");
    }
}

#[tokio::test]
async fn a_required_claim_can_need_all_of_several_values() {
    let issuer = Issuer::start().await.unwrap();
    let rules = r#"{"groups": {"all": ["staff", ["admins", "ops"]]}}"#;
    let settings = [("AUTHORIZER_REQUIRED_CLAIMS", rules)];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    let mismatch = || Err(unauthorized("claim_mismatch"));
    for (claims, expected) in [
        (json!({ "groups": ["ops", "staff"] }), Ok(())),
        (json!({ "groups": ["x", "staff", "admins"] }), Ok(())),
        (json!({ "groups": ["staff"] }), mismatch()),
        (json!({ "groups": ["admins", "ops"] }), mismatch()),
        (json!({ "groups": "staff" }), mismatch()),
        (json!({ "groups": "staff ops" }), mismatch()),
        (json!({}), Err(unauthorized("missing_claim"))),
    ] {
        let event = connect(&token_with(&issuer, claims.clone()));
        assert_eq!(deployment.ask(&event).await.map(drop), expected, "{claims}");
    }
}

const ROUTES: &str = r#"{
    "GET /orders/*": ["read", ["sales", "admin"]],
    "* /orders/*/refund": {"scopes": ["refund"], "claims": {"cognito:groups": ["admins", "ops"]}},
    "PUT /prices": {"claims": {"/realm_access/roles": "editor", "email_verified": true}},
    "PUT /users": {"claims": {"cognito:groups": {"all": ["admins", ["hr", "it"]]}}},
    "GET /health": [],
    "$connect": {"claims": {"level": 3}}
}"#;

/// A route, and a token that differs from the nearest one in what it lacks.
struct Case {
    claims: Value,
    route: (&'static str, &'static str),
    expected: Result<(), Refused>,
}

fn cases() -> Vec<Case> {
    let mismatch = || Err(forbidden("route_claim_mismatch"));
    let (read, refund) = (("GET", "/orders/1"), ("PUT", "/orders/1/refund"));
    let (prices, users) = (("PUT", "/prices"), ("PUT", "/users"));
    let groups = |groups: Value| json!({ "scope": "refund", "cognito:groups": groups });
    let editor = |roles: Value, is_verified: Value| json!({ "realm_access": { "roles": roles }, "email_verified": is_verified });
    let cases = [
        (json!({ "scope": "read sales" }), read, Ok(())),
        (json!({ "scope": "read admin" }), read, Ok(())),
        (json!({ "scope": "read" }), read, insufficient()),
        (json!({ "scope": "sales admin" }), read, insufficient()),
        (groups(json!(["ops"])), refund, Ok(())),
        (groups(json!(["x", "admins"])), refund, Ok(())),
        (groups(json!("ops")), refund, Ok(())),
        (groups(json!(["opsx"])), refund, mismatch()),
        (groups(json!(["ops admins"])), refund, mismatch()),
        (groups(json!([["ops"]])), refund, mismatch()),
        (groups(json!([])), refund, mismatch()),
        (groups(json!(null)), refund, mismatch()),
        (json!({ "scope": "refund" }), refund, mismatch()),
        (json!({ "scope": "refund", "cognito": { "groups": ["ops"] } }), refund, mismatch()),
        (json!({ "cognito:groups": ["ops"] }), refund, insufficient()),
        // Both rules match.
        (
            json!({ "scope": "read sales refund", "cognito:groups": ["ops"] }),
            ("GET", "/orders/1/refund"),
            Ok(()),
        ),
        (groups(json!(["ops"])), ("GET", "/orders/1/refund"), insufficient()),
        (json!({ "scope": "read sales refund" }), ("GET", "/orders/1/refund"), mismatch()),
        (editor(json!(["editor"]), json!(true)), prices, Ok(())),
        (editor(json!("editor"), json!(true)), prices, Ok(())),
        (editor(json!(["editor"]), json!("true")), prices, mismatch()),
        (editor(json!(["editor"]), json!(1)), prices, mismatch()),
        (editor(json!(["editor"]), json!(false)), prices, mismatch()),
        (editor(json!(["viewer"]), json!(true)), prices, mismatch()),
        (json!({ "/realm_access/roles": "editor", "email_verified": true }), prices, mismatch()),
        (groups(json!(["admins", "it"])), users, Ok(())),
        (groups(json!(["hr", "x", "admins"])), users, Ok(())),
        (groups(json!(["admins"])), users, mismatch()),
        (groups(json!(["hr", "it"])), users, mismatch()),
        (groups(json!("admins")), users, mismatch()),
        (json!({}), ("GET", "/health"), Ok(())),
        (groups(json!(["ops"])), ("GET", "/users"), Err(forbidden("route_forbidden"))),
        (groups(json!(["ops"])), ("PUT", "/users/"), Err(forbidden("ambiguous_path"))),
    ];
    cases.map(|(claims, route, expected)| Case { claims, route, expected }).into()
}

#[tokio::test]
async fn a_route_needs_scopes_and_claims() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment =
        Deployment::trusting(issuer.url(), &[("AUTHORIZER_ROUTE_RULES", ROUTES)]).await;
    for Case { claims, route: (method, path), expected } in cases() {
        let request = Request::new(method, path).bearer(&token_with(&issuer, claims.clone()));
        for event in [
            request.rest_request(),
            request.rest_token(),
            request.http_api_1(),
            request.http_api_2(),
        ] {
            let outcome = deployment.ask(&event).await.map(drop);
            assert_eq!(outcome, expected, "{method} {path} with {claims}");
        }
    }
    for (level, expected) in [
        (json!(3), Ok(())),
        (json!([1, 3]), Ok(())),
        (json!("3"), Err(forbidden("route_claim_mismatch"))),
        (json!(4), Err(forbidden("route_claim_mismatch"))),
    ] {
        let event = connect(&token_with(&issuer, json!({ "level": level })));
        assert_eq!(deployment.ask(&event).await.map(drop), expected, "{level}");
    }
}

/// API Gateway asks once and answers the caller's other routes from the policy that it keeps.
#[tokio::test]
async fn a_cached_policy_answers_each_route_as_the_function_does() {
    let issuer = Issuer::start().await.unwrap();
    let deployment =
        Deployment::trusting(issuer.url(), &[("AUTHORIZER_ROUTE_RULES", ROUTES)]).await;
    for Case { claims, route: (method, path), expected } in cases() {
        let token = token_with(&issuer, claims.clone());
        let event = |method, path| Request::new(method, path).bearer(&token).rest_request();
        for (other_method, other_path) in
            [("GET", "/health"), ("GET", "/orders/1"), ("PUT", "/users"), (method, path)]
        {
            let answer = deployment.invoke(event(other_method, other_path).to_string()).await;
            let FunctionOutcome::Response(body) = answer else { panic!("{claims}: {answer:?}") };
            let verdict = evaluate(&event(method, path), &body);
            assert_eq!(
                matches!(verdict, PolicyDecision::Allow(_)),
                expected.is_ok(),
                "{method} {path} with {claims} by the policy for {other_method} {other_path}"
            );
        }
    }
}

/// A claim that cannot be read refuses the token, for the function and thus for any policy.
#[tokio::test]
async fn a_claim_that_cannot_be_read_is_refused_as_soon_as_a_rule_looks() {
    let issuer = Issuer::start().await.unwrap();
    let nested = |depth: usize| {
        let text = "[".repeat(depth) + &"]".repeat(depth);
        let claims = json!({ "scope": "a", "cognito:groups": ["ops"] });
        let claims = claims_with(&issuer, claims).to_string();
        let members = claims.strip_suffix('}').unwrap();
        let payload = format!(r#"{members},"x":{text}}}"#);
        connect(&issuer.sign(&issuer.key().header(), payload.as_bytes()))
    };
    let malformed = || Err(unauthorized("malformed_token"));
    for (setting, value, expected) in [
        ("AUTHORIZER_ROUTE_RULES", r#"{"$connect": ["a"]}"#, Ok(())),
        (
            "AUTHORIZER_ROUTE_RULES",
            r#"{"$connect": {"scopes": ["a"], "claims": {"cognito:groups": "ops"}}}"#,
            malformed(),
        ),
        (
            "AUTHORIZER_ROUTE_RULES",
            r#"{"$connect": ["a"], "GET /x": {"claims": {"cognito:groups": "ops"}}}"#,
            malformed(),
        ),
        ("AUTHORIZER_SCOPE_CLAIMS", "cognito:groups", malformed()),
    ] {
        let mut deployment = Deployment::trusting(issuer.url(), &[(setting, value)]).await;
        assert_eq!(deployment.ask(&nested(100)).await.map(drop), Ok(()), "{value}");
        assert_eq!(deployment.ask(&nested(200)).await.map(drop), expected, "{value}");
    }
}

#[tokio::test]
async fn the_log_names_the_rule_and_what_is_missing() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment =
        Deployment::trusting(issuer.url(), &[("AUTHORIZER_ROUTE_RULES", ROUTES)]).await;
    for (claims, method, path, message) in [
        (
            json!({ "scope": "read" }),
            "GET",
            "/orders/1",
            r#"all of these scopes are missing, and one is needed: sales, admin (AUTHORIZER_ROUTE_RULES, "GET /orders/*")"#,
        ),
        (
            json!({ "scope": "refund" }),
            "PUT",
            "/orders/1/refund",
            r#"the claim "cognito:groups" is missing (AUTHORIZER_ROUTE_RULES, "* /orders/*/refund")"#,
        ),
        (
            json!({ "cognito:groups": ["admins"] }),
            "PUT",
            "/users",
            r#"the claim "cognito:groups" has no accepted value, expected one of: "hr", "it" (AUTHORIZER_ROUTE_RULES, "PUT /users")"#,
        ),
    ] {
        let event = Request::new(method, path).bearer(&token_with(&issuer, claims)).rest_request();
        let (_, line) = deployment.ask_for_more(&event).await;
        assert_eq!(line["message"], message);
    }
}
