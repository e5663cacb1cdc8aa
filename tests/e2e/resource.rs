//! The API's metadata as a protected resource, which the function answers as an integration.

use local_gateway::invocation::FunctionOutcome;
use local_gateway::issuer::Issuer;
use local_gateway::request::Request;
use serde_json::{Value, json};

use crate::tokens::{connect, good_token, token_with};
use test_support::deployment::Deployment;
use test_support::gateway::{fault, unauthorized};

const RESOURCE: &str = "https://api.example.com/mcp";
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

type AsEvent = fn(&Request) -> Value;

/// What becomes the event of an integration, for each kind of API.
const KINDS: [(&str, AsEvent); 3] = [
    ("REST", Request::rest_proxy),
    ("HTTP 1.0", Request::http_api_1_proxy),
    ("HTTP 2.0", Request::http_api_2_proxy),
];

async fn answer(deployment: &Deployment, event: &Value) -> Value {
    match deployment.invoke(event.to_string()).await {
        FunctionOutcome::Response(body) => serde_json::from_slice(&body).unwrap(),
        FunctionOutcome::Error(error) => panic!("{error} for {event}"),
    }
}

#[tokio::test]
async fn describes_the_settings_that_it_enforces() {
    let issuer = Issuer::start().await.unwrap();
    let rules = r#"{"POST /mcp": ["mcp:call", ["mcp:write", "admin"]], "GET /mcp": ["mcp:read"], "* /open": []}"#;
    let settings = [
        ("AUTHORIZER_RESOURCE", RESOURCE),
        ("AUTHORIZER_REQUIRED_SCOPES", "mcp:read,mcp:use"),
        ("AUTHORIZER_ROUTE_RULES", rules),
        ("AUTHORIZER_TOKEN_SOURCES", "header:authorization,query:access_token,cookie:t"),
    ];
    let deployment = Deployment::trusting(issuer.url(), &settings).await;
    let document = json!({
        "resource": RESOURCE,
        "authorization_servers": [issuer.url()],
        // Of several scopes that are enough, the first.
        "scopes_supported": ["mcp:read", "mcp:use", "mcp:call", "mcp:write"],
        "bearer_methods_supported": ["header", "query"],
    });
    for (kind, as_event) in KINDS {
        for path in [WELL_KNOWN.to_owned(), format!("{WELL_KNOWN}/mcp")] {
            let answer = answer(&deployment, &as_event(&Request::new("GET", &path))).await;
            assert_eq!(answer["statusCode"], 200, "{kind}");
            assert_eq!(answer["isBase64Encoded"], false);
            assert_eq!(
                answer["headers"],
                json!({
                    "Access-Control-Allow-Origin": "*",
                    "Cache-Control": "public, max-age=300",
                    "Content-Type": "application/json",
                })
            );
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            assert_eq!(body, document, "{kind} {path}");
        }
    }
}

/// A client needs issuers that exist: the tenants if they are listed, and nothing in place of any.
#[tokio::test]
async fn lists_the_issuers_of_tenants() {
    let issuer = Issuer::start().await.unwrap();
    let template = format!("{}/{{tenant}}/v2.0", issuer.url());
    let key_set = issuer.key_set_url();
    let of = |tenant: &str| format!("{}/{tenant}/v2.0", issuer.url());
    for (tenants, expected) in [("b,a", json!([of("a"), of("b")])), ("*", Value::Null)] {
        let deployment = Deployment::start(&[
            ("AUTHORIZER_ISSUER", &template),
            ("AUTHORIZER_TENANTS", tenants),
            ("AUTHORIZER_JWKS_URI", &key_set),
            ("AUTHORIZER_RESOURCE", RESOURCE),
        ])
        .await;
        let answer = answer(&deployment, &Request::new("GET", WELL_KNOWN).rest_proxy()).await;
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["authorization_servers"], expected, "{tenants}");
    }
}

#[tokio::test]
async fn answers_methods_and_paths_as_http_wants() {
    let issuer = Issuer::start().await.unwrap();
    let resource = [("AUTHORIZER_RESOURCE", RESOURCE)];
    let deployment = Deployment::trusting(issuer.url(), &resource).await;
    for (kind, as_event) in KINDS {
        for (method, path, status, allow) in [
            ("GET", WELL_KNOWN, 200, None),
            ("HEAD", WELL_KNOWN, 200, None),
            ("OPTIONS", WELL_KNOWN, 204, Some("GET, HEAD, OPTIONS")),
            ("POST", WELL_KNOWN, 405, Some("GET, HEAD, OPTIONS")),
            ("DELETE", WELL_KNOWN, 405, Some("GET, HEAD, OPTIONS")),
            ("get", WELL_KNOWN, 405, Some("GET, HEAD, OPTIONS")),
            ("GET", "/.well-known/oauth-protected-resource/other", 404, None),
            ("GET", "/.well-known/openid-configuration", 404, None),
            ("GET", "/mcp", 404, None),
            ("POST", "/mcp", 404, None),
            ("GET", "/", 404, None),
        ] {
            let answer = answer(&deployment, &as_event(&Request::new(method, path))).await;
            assert_eq!(answer["statusCode"], status, "{kind} {method} {path}");
            assert_eq!(answer["headers"]["Allow"].as_str(), allow, "{kind} {method} {path}");
            let is_empty = ["HEAD", "OPTIONS"].contains(&method);
            assert_eq!(answer["body"].as_str().unwrap().is_empty(), is_empty, "{method}");
            if method == "OPTIONS" {
                assert_eq!(answer["headers"]["Access-Control-Allow-Methods"], "GET, HEAD");
                assert_eq!(answer["headers"]["Access-Control-Allow-Headers"], "*");
            }
        }
    }
}

/// The function is an authorizer, and becomes a web server only when it is told to.
#[tokio::test]
async fn answers_no_integration_without_a_resource() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    for (kind, as_event) in KINDS {
        let event = as_event(&Request::new("GET", WELL_KNOWN));
        let outcome = deployment.ask(&event).await.map(drop);
        assert_eq!(outcome, Err(fault("unusable_event")), "{kind}");
    }
}

#[tokio::test]
async fn decides_on_authorizer_events_as_without_a_resource() {
    let issuer = Issuer::start().await.unwrap();
    let resource = [("AUTHORIZER_RESOURCE", RESOURCE)];
    let mut deployment = Deployment::trusting(issuer.url(), &resource).await;
    let good = good_token(&issuer);
    for as_event in [Request::rest_request, Request::http_api_1, Request::http_api_2] {
        let request = |token| Request::new("GET", WELL_KNOWN).bearer(token);
        assert_eq!(deployment.ask(&as_event(&request(&good))).await.map(drop), Ok(()));
        let expired = token_with(&issuer, json!({ "exp": 1 }));
        let outcome = deployment.ask(&as_event(&request(&expired))).await.map(drop);
        assert_eq!(outcome, Err(unauthorized("expired")));
    }
    // An authorizer's event that cannot be used is not taken for another one.
    let mut without_arn = Request::new("GET", WELL_KNOWN).bearer(&good).rest_request();
    without_arn.as_object_mut().unwrap().remove("methodArn").unwrap();
    assert_eq!(deployment.ask(&without_arn).await.map(drop), Err(fault("unusable_event")));
    let neither = deployment.ask(&json!({ "Records": [] })).await.map(drop);
    assert_eq!(neither, Err(fault("unusable_event")));
}

/// RFC 8707: a token is for the resource that the client has named.
#[tokio::test]
async fn the_resource_is_the_audience_unless_there_is_one() {
    let issuer = Issuer::start().await.unwrap();
    let objects = json!([{ "issuer": issuer.url() }]).to_string();
    let (url, resource) = (("AUTHORIZER_ISSUER", issuer.url()), ("AUTHORIZER_RESOURCE", RESOURCE));
    let audience = ("AUTHORIZER_AUDIENCE", "chat");
    for (settings, accepted, refused) in [
        (&[url, resource][..], RESOURCE, "chat"),
        (&[("AUTHORIZER_ISSUERS", &*objects), resource], RESOURCE, "chat"),
        (&[url, resource, audience], "chat", RESOURCE),
    ] {
        let mut deployment = Deployment::start(settings).await;
        let mut ask = async |aud: &str| {
            let token = token_with(&issuer, json!({ "aud": aud }));
            deployment.ask(&connect(&token)).await.map(drop)
        };
        assert_eq!(ask(accepted).await, Ok(()), "{settings:?}");
        assert_eq!(ask(refused).await, Err(unauthorized("wrong_audience")), "{settings:?}");
        let with_slash = format!("{accepted}/");
        assert_eq!(ask(&with_slash).await, Err(unauthorized("wrong_audience")));
    }
    let error = Deployment::failed_start(&[url]).await;
    assert!(error.error_message.contains("AUTHORIZER_AUDIENCE is not set"), "{error}");
}
