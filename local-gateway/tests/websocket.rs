//! Connects a real client to the WebSocket API, with an authorizer in this process.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use local_gateway::runtime_api::RuntimeApi;
use local_gateway::websocket::{CAUSE_HEADER, WebSocketApi};
use serde_json::{Value, json};
use support::run_function;
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, Message};

/// Starts an API with `authorizer`, which returns a response or the message of an error.
async fn start(
    authorizer: impl Fn(Value) -> Result<String, String> + Send + 'static,
) -> (WebSocketApi, Arc<RuntimeApi>) {
    let runtime_api = Arc::new(RuntimeApi::start().await.unwrap());
    run_function(runtime_api.address(), authorizer);
    let api = WebSocketApi::start(Arc::clone(&runtime_api)).await.unwrap();
    (api, runtime_api)
}

fn policy(effect: &str, context: &Value) -> Result<String, String> {
    let response = json!({
        "principalId": "alice",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": effect,
                "Action": "execute-api:Invoke",
                "Resource": "arn:aws:execute-api:*:*:*/prod/*",
            }],
        },
        "context": context,
    });
    Ok(response.to_string())
}

fn client(url: &str) -> ClientRequestBuilder {
    ClientRequestBuilder::new(url.parse().unwrap())
}

async fn refused(url: &str) -> (u16, Response<Option<Vec<u8>>>) {
    match tokio_tungstenite::connect_async(client(url)).await {
        Err(Error::Http(response)) => (response.status().as_u16(), *response),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn sends_the_handshake_to_the_authorizer_and_the_context_to_the_backend() {
    let (api, _runtime_api) = start(|event| {
        let context = json!({
            "token": event["headers"]["authorization"],
            "room": event["queryStringParameters"]["room"],
            "exp": 7,
        });
        policy("Allow", &context)
    })
    .await;
    let request = client(&format!("{}?room=a%20b", api.url())).with_header("Authorization", "t");
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    let reply = socket.next().await.unwrap().unwrap();
    let event: Value = serde_json::from_str(reply.to_text().unwrap()).unwrap();
    assert_eq!(event["body"], "hello");
    assert_eq!(event["requestContext"]["routeKey"], "$default");
    assert!(event["requestContext"]["connectionId"].is_string());
    assert_eq!(
        event["requestContext"]["authorizer"],
        json!({ "principalId": "alice", "token": "t", "room": "a b", "exp": "7" })
    );
}

#[tokio::test]
async fn selects_the_subprotocol_of_the_context() {
    let (api, _runtime_api) = start(|_| policy("Allow", &json!({ "subprotocol": "bearer" }))).await;
    let request = client(&api.url()).with_sub_protocol("bearer").with_sub_protocol("jwt");
    let (_, response) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "bearer");
}

#[tokio::test]
async fn refuses_with_the_status_and_message_of_api_gateway() {
    type Authorizer = fn(Value) -> Result<String, String>;
    let cases: [(Authorizer, u16, &str, &str); 5] = [
        (
            |_| Err(String::from("Unauthorized")),
            401,
            "Unauthorized",
            "the authorizer failed with `Unauthorized`",
        ),
        (
            |_| policy("Deny", &json!({})),
            403,
            "Forbidden",
            "a statement of the authorizer's policy denies the request",
        ),
        (
            |_| Err(String::from("unauthorized")),
            500,
            "Internal server error",
            "the authorizer failed: unauthorized",
        ),
        (
            |_| policy("Allow", &json!({ "groups": ["a"] })),
            500,
            "Internal server error",
            "the context value `groups` is neither a string, a number nor a boolean",
        ),
        (
            |_| Ok(String::from("null")),
            500,
            "Internal server error",
            "the response does not have the documented shape: \
             invalid type: null, expected struct AuthorizerResponse at line 1 column 4",
        ),
    ];
    for (authorizer, expected, message, cause) in cases {
        let (api, _runtime_api) = start(authorizer).await;
        let (status, response) = refused(&api.url()).await;
        assert_eq!(status, expected, "{cause}");
        assert_eq!(response.headers()[CAUSE_HEADER], cause);
        let body: Value = serde_json::from_slice(response.body().as_deref().unwrap()).unwrap();
        assert_eq!(body["message"], message);
        assert!(body["connectionId"].is_string());
    }
}

#[tokio::test]
async fn refuses_other_stages_and_plain_requests() {
    let (api, _runtime_api) = start(|_| policy("Allow", &json!({}))).await;
    let (status, _) = refused(&api.url().replace("/prod", "/test")).await;
    assert_eq!(status, 403);
    let plain = support::http_client().get(api.url().replacen("ws:", "http:", 1)).send().await;
    assert_eq!(plain.unwrap().status(), 400);
}

#[tokio::test]
async fn closes_the_connection_after_a_binary_message() {
    let (api, _runtime_api) = start(|_| policy("Allow", &json!({}))).await;
    let (mut socket, _) = tokio_tungstenite::connect_async(client(&api.url())).await.unwrap();
    socket.send(Message::binary(&b"hello"[..])).await.unwrap();
    match socket.next().await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1003),
        other => panic!("not closed: {other:?}"),
    }
}
