//! What a request and the function see of a configuration.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::runtime_api::RuntimeApi;

const POLICY: &str = r#"{"principalId":"a","policyDocument":{"Version":"2012-10-17","Statement":[{
    "Effect":"Allow","Action":"execute-api:Invoke","Resource":"*"}]}}"#;

fn config(kind: AuthorizerKind, sources: &[&str], ttl: u64) -> AuthorizerConfig {
    let identity_sources = sources.iter().map(|source| (*source).to_owned()).collect();
    AuthorizerConfig { kind, identity_sources, ttl: Duration::from_secs(ttl) }
}

#[tokio::test]
async fn a_request_keeps_the_configuration_with_which_it_began() {
    let runtime_api = Arc::new(RuntimeApi::start().await.unwrap());
    let of_rest =
        |ttl| config(AuthorizerKind::RestRequest, &["method.request.header.Authorization"], ttl);
    let authorizer = Authorizer::new(Arc::clone(&runtime_api), of_rest(300)).unwrap();
    let request = Request::new("GET", "/").bearer("t");
    let ask = async |number, changes| {
        let answer = async {
            let (_, id) = runtime_api.take().await.unwrap();
            if changes {
                authorizer.configure(of_rest(60)).unwrap();
            }
            runtime_api.complete(&id, FunctionOutcome::Response(POLICY.into()));
            std::future::pending::<()>().await;
        };
        tokio::select! {
            authorization = authorizer.authorize(number, &request) => authorization.cache,
            () = answer => unreachable!("it has no end"),
        }
    };
    assert_eq!(ask(1, true).await, CacheUse::Miss);
    // The response is not in the new cache.
    assert_eq!(ask(2, false).await, CacheUse::Miss);
    assert!(matches!(ask(3, false).await, CacheUse::Hit { number: 2, .. }));
}

#[test]
fn the_variables_of_an_http_api_are_the_same_for_each_payload_format() {
    let request = Request::new("GET", "/orders").bearer("t").cookie("a", "1").header("X", "y");
    let sources = [
        ("$request.header.authorization", Some("Bearer t")),
        ("$request.header.Cookie", Some("a=1")),
        ("$context.routeKey", Some("GET /orders")),
        ("$context.httpMethod", Some("GET")),
        ("$context.identity.sourceIp", Some("127.0.0.1")),
        ("$context.identity.user", None),
    ];
    let texts = sources.map(|(text, _)| text);
    for kind in [AuthorizerKind::Http1, AuthorizerKind::Http2 { simple_responses: true }] {
        let checked = Checked::new(config(kind, &texts, 0)).unwrap();
        let (_, identity) = checked.event(&request);
        let found: Vec<_> =
            identity.iter().map(|(text, value)| (text.as_str(), value.as_deref())).collect();
        assert_eq!(found, sources);
    }
}

#[test]
fn a_payload_of_format_1_has_all_identity_sources_in_one_text() {
    let request = Request::new("GET", "/orders").bearer("t");
    let sources = ["$request.header.Authorization", "$context.routeKey"];
    for (sources, expected) in [
        (&sources[..], json!("Bearer t,GET /orders")),
        (&sources[..1], json!("Bearer t")),
        (&[], json!(null)),
    ] {
        let checked = Checked::new(config(AuthorizerKind::Http1, sources, 0)).unwrap();
        let (event, _) = checked.event(&request);
        assert_eq!(event["identitySource"], expected);
        assert_eq!(event["authorizationToken"], expected);
    }
}
