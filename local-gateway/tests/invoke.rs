//! Invokes a function in this process through Lambda's Invoke API.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use local_gateway::invoke::InvokeApi;
use local_gateway::runtime_api::RuntimeApi;
use support::{http_client, run_function};

#[tokio::test]
async fn invokes_the_function_as_lambda_does() {
    let runtime_api = Arc::new(RuntimeApi::start().await.unwrap());
    run_function(runtime_api.address(), |event| match event["type"].as_str() {
        Some("CHECK") => Ok(String::from(r#"{"ok":true}"#)),
        _ => Err(String::from("invalid_event")),
    });
    let api = InvokeApi::start(0, runtime_api).await.unwrap();
    let port = api.url().rsplit_once(':').unwrap().1.to_owned();
    let invoke = "/2015-03-31/functions/jwks-authorizer/invocations";
    let check = r#"{"type":"CHECK"}"#;
    let own = format!("127.0.0.1:{port}");
    let failed = r#"{"errorMessage":"invalid_event","errorType":"FakeError"}"#;
    for (path, host, event, status, body) in [
        (invoke, own.as_str(), check, 200, r#"{"ok":true}"#),
        (invoke, &own, "{}", 200, failed),
        (invoke, &own, "{", 400, r#"{"message":"the event is not JSON"}"#),
        (
            "/2015-03-31/functions/",
            &own,
            check,
            404,
            r#"{"message":"the only operation is Invoke"}"#,
        ),
        (
            invoke,
            "rebound.example",
            check,
            403,
            r#"{"message":"the Host header is not this server's address"}"#,
        ),
    ] {
        let request = http_client().post(format!("{}{path}", api.url())).header("Host", host);
        let response = request.body(event).send().await.unwrap();
        assert_eq!(response.status(), status, "{path} {host} {event}");
        let is_failure = response.headers().contains_key("x-amz-function-error");
        assert_eq!(response.text().await.unwrap(), body);
        assert_eq!(is_failure, body == failed);
    }
}
