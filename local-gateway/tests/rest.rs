//! Sends requests to the REST API, with an authorizer and a backend in this process.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use local_gateway::issuer::Issuer;
use local_gateway::rest::{Listening, RestApi};
use local_gateway::runtime_api::RuntimeApi;
use serde_json::{Value, json};
use support::{http_client, run_function};

/// Starts an API whose backend is an issuer, which serves its key set.
async fn start(
    function: impl Fn(Value) -> Result<String, String> + Send + 'static,
) -> (RestApi, Arc<RuntimeApi>, Issuer) {
    let runtime_api = Arc::new(RuntimeApi::start().await.unwrap());
    run_function(runtime_api.address(), function);
    let backend = Issuer::start().await.unwrap();
    let address = backend.url().strip_prefix("http://").unwrap().parse().unwrap();
    let challenge = |text: &str| {
        let parameters = json!({ "gatewayresponse.header.WWW-Authenticate": format!("'{text}'") });
        json!({ "responseParameters": parameters })
    };
    let responses = json!({
        "UNAUTHORIZED": challenge("Bearer resource_metadata=\"x\""),
        "ACCESS_DENIED": challenge("Bearer error=\"insufficient_scope\""),
    });
    let responses = serde_json::from_value(responses).unwrap();
    let listening = Listening::start().await.unwrap();
    let api = RestApi::start(listening, Arc::clone(&runtime_api), address, responses).unwrap();
    (api, runtime_api, backend)
}

fn policy(effect: &str) -> Result<String, String> {
    let statement = json!({
        "Effect": effect,
        "Action": "execute-api:Invoke",
        "Resource": "arn:aws:execute-api:*:*:*/prod/GET/jwks.json",
    });
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
    Ok(json!({ "principalId": "a", "policyDocument": document, "context": {} }).to_string())
}

#[tokio::test]
async fn lets_in_whom_the_authorizer_allows() {
    let (api, _runtime_api, backend) =
        start(|event| match event["headers"]["authorization"].as_str().unwrap() {
            "good" => policy("Allow"),
            "denied" => policy("Deny"),
            "unauthorized" => Err("Unauthorized".to_owned()),
            _ => Err("keys_unavailable: no keys".to_owned()),
        })
        .await;
    let unauthorized = Some("Bearer resource_metadata=\"x\"");
    let denied = Some("Bearer error=\"insufficient_scope\"");
    for (path, token, status, challenge) in [
        ("/jwks.json", Some("good"), 200, None),
        ("/jwks.json", Some("denied"), 403, denied),
        ("/jwks.json", Some("unauthorized"), 401, unauthorized),
        ("/jwks.json", Some("fault"), 500, None),
        ("/other", Some("good"), 403, denied),
        // The function is not asked.
        ("/jwks.json", Some(""), 401, unauthorized),
        ("/jwks.json", None, 401, unauthorized),
    ] {
        let mut request = http_client().get(format!("{}{path}", api.url()));
        if let Some(token) = token {
            request = request.header("Authorization", token);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{path} {token:?}");
        let sent = response.headers().get("www-authenticate").map(|it| it.to_str().unwrap());
        assert_eq!(sent, challenge, "{path} {token:?}");
        if status == 200 {
            let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
            assert_eq!(body["keys"][0], backend.key().jwk());
        }
    }
}

#[tokio::test]
async fn the_function_answers_for_the_metadata() {
    let (api, _runtime_api, _backend) = start(|event| {
        assert_eq!(event["type"], Value::Null);
        let body = format!("{} {}", event["httpMethod"].as_str().unwrap(), event["path"]);
        let headers = json!({ "Allow": "GET" });
        let response = json!({
            "statusCode": 418, "headers": headers, "body": body, "isBase64Encoded": false,
        });
        Ok(response.to_string())
    })
    .await;
    let url = format!("{}/.well-known/oauth-protected-resource/mcp", api.url());
    let response = http_client().get(url).send().await.unwrap();
    assert_eq!(response.status(), 418);
    assert_eq!(response.headers()["allow"], "GET");
    let body = response.text().await.unwrap();
    assert_eq!(body, r#"GET "/.well-known/oauth-protected-resource/mcp""#);
}
