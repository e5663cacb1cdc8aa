//! Connects a client to a WebSocket API whose integration is a real command.

#![cfg(unix)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use local_gateway::authorizer::{Authorizer, AuthorizerConfig, AuthorizerKind};
use local_gateway::integration::Integration;
use local_gateway::recorder::Recorder;
use local_gateway::runtime_api::RuntimeApi;
use local_gateway::websocket::{WebSocketApi, WebSocketSettings};
use serde_json::{Value, json};
use support::run_function;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Api {
    api: WebSocketApi,
    recorder: Arc<Recorder>,
    _runtime_api: Arc<RuntimeApi>,
}

impl Api {
    async fn start(integration: Integration) -> Self {
        let runtime_api = Arc::new(RuntimeApi::start().await.unwrap());
        run_function(runtime_api.address(), |_| {
            let statement =
                json!({ "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*" });
            let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
            let context = json!({ "sub": "alice", "subprotocol": "bearer" });
            let policy =
                json!({ "principalId": "a", "policyDocument": document, "context": context });
            Ok(policy.to_string())
        });
        let config = AuthorizerConfig {
            kind: AuthorizerKind::WebSocket,
            identity_sources: Vec::new(),
            ttl: Duration::ZERO,
        };
        let authorizer = Authorizer::new(Arc::clone(&runtime_api), config).unwrap();
        let recorder = Arc::new(Recorder::default());
        let integration = Arc::new(integration);
        let settings = WebSocketSettings { integration, ..WebSocketSettings::default() };
        let api =
            WebSocketApi::start_with(0, Arc::new(authorizer), settings, Arc::clone(&recorder));
        Self { api: api.await.unwrap(), recorder, _runtime_api: runtime_api }
    }

    async fn connect(&self, query: &str) -> Result<(Socket, Response<Option<Vec<u8>>>), Error> {
        let url = format!("{}{query}", self.api.url());
        let request = ClientRequestBuilder::new(url.parse().unwrap());
        let request = request.with_sub_protocol("bearer").with_sub_protocol("chat");
        tokio_tungstenite::connect_async(request).await
    }

    /// Connects, and returns the status and the body of the refusal.
    async fn refused(&self, query: &str) -> (u16, String) {
        match self.connect(query).await {
            Err(Error::Http(response)) => {
                let status = response.status().as_u16();
                (status, String::from_utf8(response.into_body().unwrap()).unwrap())
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Returns what the last request's record says of the integration.
    fn recorded(&self) -> Value {
        self.recorder.all().pop().unwrap().description["integration"].clone()
    }
}

fn command(arguments: &str) -> Integration {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts/integration");
    Integration::parse(&format!("'{script}' {arguments}")).unwrap()
}

async fn exchange(socket: &mut Socket, message: &str) -> String {
    socket.send(Message::text(message)).await.unwrap();
    socket.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}

#[tokio::test]
async fn the_integration_selects_the_subprotocol() {
    let api = Api::start(command("chats")).await;
    let (_socket, response) = api.connect("?room=a").await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
    assert!(!response.headers().contains_key("x-other"));
    let recorded = api.recorded();
    assert_eq!(recorded["error"], Value::Null);
    assert_eq!(recorded["response"]["statusCode"], 200);
    let event = &recorded["event"];
    for (pointer, expected) in [
        ("/requestContext/routeKey", json!("$connect")),
        ("/requestContext/eventType", json!("CONNECT")),
        ("/requestContext/authorizer/sub", json!("alice")),
        ("/requestContext/authorizer/principalId", json!("a")),
        ("/queryStringParameters", json!({ "room": "a" })),
        ("/headers/sec-websocket-protocol", json!("bearer, chat")),
        ("/isBase64Encoded", json!(false)),
    ] {
        assert_eq!(event.pointer(pointer), Some(&expected), "{pointer} in {event:#}");
    }
    for absent in ["type", "methodArn", "stageVariables", "body"] {
        assert!(event.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn an_echo_selects_the_subprotocol_of_the_context() {
    let api = Api::start(Integration::echo()).await;
    let (_socket, response) = api.connect("").await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "bearer");
    assert!(api.recorded()["event"].get("queryStringParameters").is_none());
}

#[tokio::test]
async fn the_integration_refuses_a_connection() {
    let api = Api::start(command("chats")).await;
    let (status, body) = api.refused("?room=full").await;
    assert_eq!(status, 429);
    assert!(body.contains(r#""message":"Too Many Requests""#), "{body}");
    assert_eq!(api.recorded()["response"]["statusCode"], 429);
}

#[tokio::test]
async fn a_failed_integration_refuses_a_connection() {
    for (action, error) in [
        ("fails", "the command failed (exit status: 3)"),
        ("garbage", "the response is malformed: it is not JSON"),
    ] {
        let api = Api::start(command(action)).await;
        let (status, body) = api.refused("").await;
        assert_eq!(status, 502, "{action}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["message"], "Internal server error");
        assert!(body["connectionId"].is_string());
        assert!(api.recorded()["error"].as_str().unwrap().contains(error));
    }
    // A server that does not accept.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let hangs = Integration::parse(&url).unwrap().time_limit(Duration::from_secs(1));
    let (status, body) = Api::start(hangs).await.refused("").await;
    assert_eq!(status, 504);
    assert!(body.contains(r#""message":"Endpoint request timed out""#), "{body}");
}

#[tokio::test]
async fn the_integration_answers_messages() {
    let api = Api::start(command("chats")).await;
    let (mut socket, _) = api.connect("?room=a").await.unwrap();
    let error: Value = serde_json::from_str(&exchange(&mut socket, "fail").await).unwrap();
    assert_eq!(error["message"], "Internal server error");
    assert!(error["connectionId"].is_string() && error["requestId"].is_string());
    // Without a body there is no answer. The next one is that of the next message.
    socket.send(Message::text("quiet")).await.unwrap();
    let event = STANDARD.decode(exchange(&mut socket, "hello").await).unwrap();
    let event: Value = serde_json::from_slice(&event).unwrap();
    assert_eq!(event["body"], "hello");
    assert_eq!(event["requestContext"]["eventType"], "MESSAGE");
    assert_eq!(event["requestContext"]["authorizer"]["sub"], "alice");
    assert_eq!(event["requestContext"]["connectionId"], error["connectionId"]);
}
