//! The life of a WebSocket after its handshake, with a real client and an authorizer in this process.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use local_gateway::authorizer::{Authorizer, AuthorizerConfig, AuthorizerKind};
use local_gateway::clock::Clock;
use local_gateway::integration::Integration;
use local_gateway::recorder::Recorder;
use local_gateway::runtime_api::RuntimeApi;
use local_gateway::websocket::{CAUSE_HEADER, Routes, WebSocketApi, WebSocketSettings};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use support::{http_client, run_function};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long an API may take to close a connection, in real time.
const CLOSES_WITHIN: Duration = Duration::from_secs(20);

const KIB: usize = 1024;
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/execute-api/aws4_request";

struct Gateway {
    api: WebSocketApi,
    clock: Clock,
    recorder: Arc<Recorder>,
    _runtime_api: Arc<RuntimeApi>,
}

/// Starts an API whose authorizer lets everyone in as `alice`.
async fn start(settings: WebSocketSettings) -> Gateway {
    let runtime_api = Arc::new(RuntimeApi::start().await.unwrap());
    run_function(runtime_api.address(), |_| {
        Ok(json!({
            "principalId": "alice",
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    { "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*" }
                ],
            },
            "context": { "tenant": "acme", "subprotocol": "bearer" },
        })
        .to_string())
    });
    let config = AuthorizerConfig {
        kind: AuthorizerKind::WebSocket,
        identity_sources: Vec::new(),
        ttl: Duration::ZERO,
    };
    let authorizer = Arc::new(Authorizer::new(Arc::clone(&runtime_api), config).unwrap());
    let clock = authorizer.clock().clone();
    let recorder = Arc::new(Recorder::default());
    let for_api = Arc::clone(&recorder);
    let api = WebSocketApi::start_with(0, authorizer, settings, for_api).await.unwrap();
    Gateway { api, clock, recorder, _runtime_api: runtime_api }
}

fn integration(command: &str) -> WebSocketSettings {
    let integration = Arc::new(Integration::parse(command).unwrap());
    WebSocketSettings { integration, ..WebSocketSettings::default() }
}

impl Gateway {
    fn request(&self) -> ClientRequestBuilder {
        ClientRequestBuilder::new(self.api.url().parse().unwrap())
    }

    async fn connect(&self) -> Socket {
        let request =
            self.request().with_sub_protocol("bearer").with_header("User-Agent", "a test");
        tokio_tungstenite::connect_async(request).await.unwrap().0
    }

    async fn refused(&self) -> (u16, String) {
        match tokio_tungstenite::connect_async(self.request()).await {
            Err(Error::Http(response)) => {
                let cause = response.headers()[CAUSE_HEADER].to_str().unwrap().to_owned();
                (response.status().as_u16(), cause)
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Returns the last record, once there are `count`.
    async fn record(&self, count: usize) -> Arc<Value> {
        self.recorder.recorded(count).await;
        self.recorder.records().get(count - 1).unwrap().description.clone()
    }

    async fn call(&self, method: Method, id: &str, body: Vec<u8>) -> Response {
        let request = self.unsigned(method, id).header("Authorization", SIGNED);
        request.body(body).send().await.unwrap()
    }

    fn unsigned(&self, method: Method, id: &str) -> reqwest::RequestBuilder {
        let id = id.replace('=', "%3D").replace('/', "%2F").replace('+', "%2B");
        let stage = self.api.url().replacen("ws:", "http:", 1);
        http_client().request(method, format!("{stage}/@connections/{id}"))
    }
}

/// Sends a message and returns the reply as JSON.
async fn ask(socket: &mut Socket, message: &str) -> Value {
    socket.send(Message::text(message)).await.unwrap();
    serde_json::from_str(&text(socket).await).unwrap()
}

async fn text(socket: &mut Socket) -> String {
    match socket.next().await {
        Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
        other => panic!("not a text: {other:?}"),
    }
}

/// Waits for the close message. An API that closes nothing fails the test.
async fn closed(socket: &mut Socket) -> (u16, String) {
    let next = tokio::time::timeout(CLOSES_WITHIN, socket.next()).await;
    match next.expect("the connection is still open") {
        Some(Ok(Message::Close(Some(frame)))) => {
            while socket.next().await.is_some() {}
            (frame.code.into(), frame.reason.as_str().to_owned())
        }
        other => panic!("not closed: {other:?}"),
    }
}

/// Sends one message in frames of these sizes.
async fn send_frames(socket: &mut Socket, sizes: &[usize]) {
    for (position, size) in sizes.iter().enumerate() {
        let kind = if position == 0 { Data::Text } else { Data::Continue };
        let is_last = position + 1 == sizes.len();
        let frame = Frame::message(vec![b'a'; *size], OpCode::Data(kind), is_last);
        socket.send(Message::Frame(frame)).await.unwrap();
    }
}

#[tokio::test]
async fn gives_the_context_to_every_route() {
    let gateway = start(WebSocketSettings::default()).await;
    let mut socket = gateway.connect().await;
    let connect = gateway.record(1).await;
    let context = &connect["integration"]["event"]["requestContext"];
    let id = &context["connectionId"];
    let authorizer = json!({ "principalId": "alice", "tenant": "acme", "subprotocol": "bearer" });
    assert_eq!(context["routeKey"], "$connect");
    assert_eq!(context["eventType"], "CONNECT");
    assert_eq!(context["authorizer"], authorizer);

    for (message, route) in
        [(r#"{"action":"hello"}"#, "hello"), (r#"{"action":"x"}"#, "$default"), ("x", "$default")]
    {
        let event = ask(&mut socket, message).await;
        assert_eq!(event["body"], message);
        let context = &event["requestContext"];
        assert_eq!(context["routeKey"], route);
        assert_eq!(context["eventType"], "MESSAGE");
        assert_eq!(context["connectionId"], *id);
        assert_eq!(context["authorizer"], authorizer);
        assert!(context["messageId"].is_string());
    }
    let message = gateway.record(4).await;
    assert_eq!(message["event_type"], "MESSAGE");
    assert_eq!(message["route"], "$default");
    assert_eq!(message["body"], "x");
    assert_eq!(message["connection"], json!({ "id": id, "handshake": 1 }));
    assert!(message["reply"].as_str().unwrap().contains("MESSAGE"));

    let frame = CloseFrame { code: 4000.into(), reason: "done".into() };
    socket.close(Some(frame)).await.unwrap();
    let end = gateway.record(5).await;
    assert_eq!(end["route"], "$disconnect");
    let context = &end["integration"]["event"]["requestContext"];
    assert_eq!(context["routeKey"], "$disconnect");
    assert_eq!(context["eventType"], "DISCONNECT");
    assert_eq!(context["disconnectStatusCode"], 4000);
    assert_eq!(context["disconnectReason"], "done");
    assert_eq!(context["connectionId"], *id);
    assert_eq!(context["authorizer"], authorizer);
}

#[tokio::test]
async fn a_stage_without_the_route_answers_forbidden() {
    let routes = Routes::new("$request.body.action", &["join"]).unwrap();
    let gateway = start(WebSocketSettings { routes, ..WebSocketSettings::default() }).await;
    let mut socket = gateway.connect().await;
    let joined = ask(&mut socket, r#"{"action":"join"}"#).await;
    assert_eq!(joined["requestContext"]["routeKey"], "join");
    for message in [r#"{"action":"leave"}"#, "join"] {
        let refused = ask(&mut socket, message).await;
        assert_eq!(refused["message"], "Forbidden");
        assert_eq!(refused["connectionId"], joined["requestContext"]["connectionId"]);
        assert!(refused["requestId"].is_string());
    }
    assert!(gateway.record(4).await["integration"].is_null());
}

#[tokio::test]
async fn the_connect_integration_can_refuse() {
    let gateway = start(integration(r#"printf '{"statusCode":409}'"#)).await;
    let (status, cause) = gateway.refused().await;
    assert_eq!(status, 409);
    assert_eq!(cause, "the $connect integration answered with HTTP 409 Conflict");
    let (status, cause) = start(integration("false")).await.refused().await;
    assert_eq!(status, 502);
    assert!(cause.starts_with("the $connect integration failed"), "{cause}");

    let gateway = start(integration(r#"printf '{"statusCode":204,"body":"pong"}'"#)).await;
    let request = gateway.request();
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    socket.send(Message::text("ping")).await.unwrap();
    assert_eq!(text(&mut socket).await, "pong");
}

#[tokio::test]
async fn only_the_integration_selects_a_subprotocol() {
    let offer = |gateway: &Gateway| gateway.request().with_sub_protocol("bearer");
    let gateway = start(integration(r#"printf '{"statusCode":200}'"#)).await;
    assert!(tokio_tungstenite::connect_async(offer(&gateway)).await.is_err());
    let echo = start(WebSocketSettings::default()).await;
    assert!(tokio_tungstenite::connect_async(offer(&echo)).await.is_ok());
}

#[tokio::test]
async fn tells_the_client_that_the_integration_failed() {
    let gateway = start(integration("sh -c 'grep -q CONNECT && echo {}'")).await;
    let (mut socket, _) = tokio_tungstenite::connect_async(gateway.request()).await.unwrap();
    let failed = ask(&mut socket, "hello").await;
    assert_eq!(failed["message"], "Internal server error");
    assert!(failed["connectionId"].is_string());
    let record = gateway.record(2).await;
    assert!(record["integration"]["error"].is_string());
}

async fn expect_end(gateway: &Gateway, socket: &mut Socket, count: usize, code: u16) -> String {
    let (seen, reason) = closed(socket).await;
    assert_eq!(seen, code);
    let end = gateway.record(count).await;
    assert_eq!(end["event_type"], "DISCONNECT");
    let context = &end["integration"]["event"]["requestContext"];
    assert_eq!(context["disconnectStatusCode"], code);
    assert_eq!(context["disconnectReason"], reason);
    reason
}

#[tokio::test]
async fn closes_after_a_binary_message() {
    let gateway = start(WebSocketSettings::default()).await;
    let mut socket = gateway.connect().await;
    socket.send(Message::binary(&b"hello"[..])).await.unwrap();
    expect_end(&gateway, &mut socket, 2, 1003).await;
}

#[tokio::test]
async fn closes_after_a_message_or_a_frame_that_is_too_large() {
    let gateway = start(WebSocketSettings::default()).await;
    let mut socket = gateway.connect().await;
    send_frames(&mut socket, &[32 * KIB; 4]).await;
    assert!(text(&mut socket).await.len() > 128 * KIB);
    send_frames(&mut socket, &[32 * KIB, 32 * KIB, 32 * KIB, 32 * KIB, 1]).await;
    expect_end(&gateway, &mut socket, 3, 1009).await;

    let mut socket = gateway.connect().await;
    send_frames(&mut socket, &[32 * KIB + 1]).await;
    expect_end(&gateway, &mut socket, 5, 1009).await;
}

#[tokio::test]
async fn closes_after_a_violation_of_the_protocol() {
    let gateway = start(WebSocketSettings::default()).await;
    let mut socket = gateway.connect().await;
    let frame = Frame::message(&b"a"[..], OpCode::Data(Data::Reserved(3)), true);
    socket.send(Message::Frame(frame)).await.unwrap();
    expect_end(&gateway, &mut socket, 2, 1002).await;
}

#[tokio::test]
async fn closes_an_idle_connection_after_ten_minutes() {
    let gateway = start(WebSocketSettings::default()).await;
    let mut socket = gateway.connect().await;
    let connect = gateway.record(1).await;
    let connected_at = &connect["integration"]["event"]["requestContext"]["connectedAt"];
    for message in 0..2 {
        gateway.clock.advance(Duration::from_secs(9 * 60));
        let event = ask(&mut socket, &message.to_string()).await;
        let context = &event["requestContext"];
        assert_eq!(context["connectedAt"], *connected_at);
        let at = context["requestTimeEpoch"].as_u64().unwrap();
        assert!(at - connected_at.as_u64().unwrap() >= 9 * 60 * 1000, "{context}");
    }
    gateway.clock.advance(Duration::from_secs(10 * 60));
    assert_eq!(expect_end(&gateway, &mut socket, 4, 1001).await, "Going away");
}

#[tokio::test]
async fn closes_every_connection_after_two_hours() {
    let gateway = start(WebSocketSettings::default()).await;
    let mut socket = gateway.connect().await;
    for message in 0..13 {
        gateway.clock.advance(Duration::from_secs(9 * 60));
        ask(&mut socket, &message.to_string()).await;
    }
    gateway.clock.advance(Duration::from_secs(3 * 60));
    assert_eq!(expect_end(&gateway, &mut socket, 15, 1001).await, "Going away");
}

#[tokio::test]
async fn notices_how_a_client_leaves() {
    let gateway = start(WebSocketSettings::default()).await;
    let mut socket = gateway.connect().await;
    socket.close(None).await.unwrap();
    let without_code = gateway.record(2).await;
    drop(gateway.connect().await);
    let without_close = gateway.record(4).await;
    for (end, code, reason) in
        [(without_code, 1005, "Client-side close frame status not set"), (without_close, 1006, "")]
    {
        let context = &end["integration"]["event"]["requestContext"];
        assert_eq!(context["disconnectStatusCode"], code);
        assert_eq!(context["disconnectReason"], reason);
    }
}

async fn id_of(socket: &mut Socket) -> String {
    let event = ask(socket, "hello").await;
    event["requestContext"]["connectionId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_backend_reaches_its_clients() {
    let gateway = start(WebSocketSettings::default()).await;
    let mut socket = gateway.connect().await;
    let id = id_of(&mut socket).await;

    let message = vec![b'a'; 128 * KIB];
    let sent = gateway.call(Method::POST, &id, message).await;
    assert_eq!(sent.status(), 200);
    assert_eq!(sent.text().await.unwrap(), "");
    assert_eq!(text(&mut socket).await.len(), 128 * KIB);

    let told = gateway.call(Method::GET, &id, Vec::new()).await;
    assert_eq!(told.status(), 200);
    let told: Value = serde_json::from_str(&told.text().await.unwrap()).unwrap();
    assert_eq!(told["identity"], json!({ "sourceIp": "127.0.0.1", "userAgent": "a test" }));
    let time = |name: &str| told[name].as_str().unwrap().to_owned();
    assert!(time("connectedAt") < time("lastActiveAt"), "{told}");

    let closed = gateway.call(Method::DELETE, &id, Vec::new()).await;
    assert_eq!(closed.status(), 204);
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let gone = gateway.call(method, &id, Vec::new()).await;
        assert_eq!(gone.status(), 410);
        assert_eq!(gone.headers()["x-amzn-errortype"], "GoneException");
    }
    let reason = expect_end(&gateway, &mut socket, 3, 1000).await;
    assert_eq!(reason, "Connection Closed Normally");
}

#[tokio::test]
async fn refuses_other_requests_to_connections() {
    let gateway = start(WebSocketSettings::default()).await;
    let mut socket = gateway.connect().await;
    let id = id_of(&mut socket).await;
    let unsigned = gateway.unsigned(Method::GET, &id).send().await.unwrap();
    let bearer = gateway.unsigned(Method::GET, &id).bearer_auth("a").send().await.unwrap();
    let too_large = gateway.call(Method::POST, &id, vec![b'a'; 128 * KIB + 1]).await;
    let not_an_id = gateway.call(Method::GET, "a", Vec::new()).await;
    let no_method = gateway.call(Method::PUT, &id, Vec::new()).await;
    for (response, status, error) in [
        (unsigned, 403, "MissingAuthenticationTokenException"),
        (bearer, 403, "MissingAuthenticationTokenException"),
        (too_large, 413, "PayloadTooLargeException"),
        (not_an_id, 400, "BadRequestException"),
        (no_method, 403, "MissingAuthenticationTokenException"),
    ] {
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["x-amzn-errortype"], error);
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert!(body["message"].is_string());
    }
    assert_eq!(gateway.call(Method::GET, &id, Vec::new()).await.status(), 200);
}

#[tokio::test]
async fn a_web_page_elsewhere_reaches_no_client() {
    let gateway = start(WebSocketSettings::default()).await;
    let mut socket = gateway.connect().await;
    let id = id_of(&mut socket).await;
    for (name, value) in [
        ("Origin", "https://elsewhere.example"),
        ("Sec-Fetch-Site", "cross-site"),
        // The page's name resolves to 127.0.0.1, so the browser lets it set any header.
        ("Host", "rebound.example"),
    ] {
        let request = gateway.unsigned(Method::DELETE, &id).header("Authorization", SIGNED);
        let response = request.header(name, value).send().await.unwrap();
        assert_eq!(response.status(), 403, "{name}");
        assert_eq!(response.headers()["x-amzn-errortype"], "ForbiddenException");
    }
    assert_eq!(gateway.call(Method::DELETE, &id, Vec::new()).await.status(), 204);
}

#[tokio::test]
async fn only_so_many_messages_wait_for_a_client_that_does_not_read() {
    let gateway = start(WebSocketSettings::default()).await;
    let mut socket = gateway.connect().await;
    let id = id_of(&mut socket).await;
    let mut sent = 0;
    let full = loop {
        let response = gateway.call(Method::POST, &id, vec![b'a'; 128 * KIB]).await;
        if response.status() != 200 {
            break response;
        }
        sent += 1;
        assert!(sent < 1000, "there is no limit");
    };
    assert_eq!(full.status(), 429);
    assert_eq!(full.headers()["x-amzn-errortype"], "LimitExceededException");
    assert_eq!(gateway.call(Method::DELETE, &id, Vec::new()).await.status(), 429);
    for _ in 0..sent {
        assert_eq!(text(&mut socket).await.len(), 128 * KIB);
    }
    assert_eq!(gateway.call(Method::POST, &id, b"b".to_vec()).await.status(), 200);
    assert_eq!(text(&mut socket).await, "b");

    // A client that still does not read has no longer than others.
    while gateway.call(Method::POST, &id, vec![b'a'; 128 * KIB]).await.status() == 200 {}
    gateway.clock.advance(Duration::from_secs(600));
    let end = gateway.record(3);
    let end = tokio::time::timeout(CLOSES_WITHIN, end).await.expect("the connection is open");
    assert_eq!(end["integration"]["event"]["requestContext"]["disconnectStatusCode"], 1001);
}

#[cfg(unix)]
#[tokio::test]
async fn only_so_many_messages_wait_for_the_integration() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts/integration");
    let slow = Integration::parse(&format!("'{script}' chats")).unwrap();
    let slow = Arc::new(slow.time_limit(Duration::from_secs(2)));
    let settings = WebSocketSettings { integration: slow, ..WebSocketSettings::default() };
    let gateway = start(settings).await;
    let request = gateway.request().with_sub_protocol("chat");
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let send_many = async {
        for _ in 0..2000 {
            socket.send(Message::text("hang".repeat(8 * KIB))).await.unwrap();
        }
    };
    tokio::select! {
        () = send_many => panic!("the API takes everything"),
        // The integration's time limit is over for the first message.
        () = gateway.recorder.recorded(2) => {}
    }
}
