//! The WebSocket API: asks the authorizer at the upgrade, then answers as a backend would.
//!
//! What API Gateway does at `$connect` happens here in the same order: the event is built from the
//! handshake, the authorizer is invoked, its answer judged, and only then is the connection
//! upgraded. The subprotocol that the client sees is the one that the `$connect` integration picks
//! from the authorizer's context, since an authorizer cannot answer the client itself. Each text
//! message is answered with the event that a function behind the API would get.
//!
//! Deliberately absent: identity sources (the authorizer is always asked), routes other than
//! `$default`, posting to connections, idle and total time limits. Header names reach the event in
//! lower case, as the HTTP library hands them over; API Gateway keeps the client's case.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::upgrade::{self, OnUpgrade};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::events::{self, STAGE};
use crate::invocation::{Answer, InvokeError};
use crate::policy::{self, Caller, MalformedAnswer, Verdict};
use crate::request;
use crate::runtime_api::RuntimeApi;
use crate::server::{self, Disconnect, Server};

/// The header in which a refusal tells a developer what API Gateway keeps to itself.
pub const CAUSE_HEADER: &str = "x-local-gateway-cause";

/// API Gateway's limit for a message.
const MAX_MESSAGE_BYTES: usize = 128 * 1024;

/// A WebSocket API on loopback.
///
/// Dropping it closes its port; clients that are connected stay so.
#[derive(Debug)]
pub struct WebSocketApi {
    server: Server,
}

impl WebSocketApi {
    /// Starts listening on a free port, with the function behind `runtime_api` as the authorizer.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start(runtime_api: Arc<RuntimeApi>) -> io::Result<Self> {
        let connections = Arc::new(AtomicU64::new(1));
        let server = Server::start(server::listen().await?, move |request| {
            let number = connections.fetch_add(1, Ordering::Relaxed);
            handle(Arc::clone(&runtime_api), number, request)
        })?;
        Ok(Self { server })
    }

    /// The address that a WebSocket client takes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/{STAGE}", self.server.address())
    }
}

/// Why the API refuses a client.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the request is not a WebSocket handshake: {0}")]
    NoHandshake(#[source] tungstenite::Error),
    #[error("the only stage is `{STAGE}`")]
    NoStage,
    #[error("the authorizer failed with `Unauthorized`")]
    Unauthorized,
    #[error("the authorizer's policy does not allow the connection")]
    Forbidden,
    #[error("the authorizer failed: {0}")]
    Failed(String),
    #[error(transparent)]
    NotAnswered(#[from] InvokeError),
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoHandshake(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NoStage | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Failed(_) | Self::NotAnswered(_) | Self::Malformed(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn message(&self) -> &'static str {
        match self {
            Self::NoHandshake(_) => "Bad Request",
            Self::Unauthorized => "Unauthorized",
            Self::NoStage | Self::Forbidden => "Forbidden",
            Self::Failed(_) | Self::NotAnswered(_) | Self::Malformed(_) => "Internal server error",
        }
    }

    fn answer(&self, connection_id: &str) -> server::Answer {
        let body = json!({
            "message": self.message(),
            "connectionId": connection_id,
            "requestId": connection_id,
        });
        let mut answer = server::Answer::new(Full::from(body.to_string()));
        *answer.status_mut() = self.status();
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // A cause with line breaks does not fit a header; the function's log has it too.
        if let Ok(cause) = HeaderValue::from_str(&self.to_string()) {
            headers.insert(CAUSE_HEADER, cause);
        }
        answer
    }
}

async fn handle(
    runtime_api: Arc<RuntimeApi>,
    number: u64,
    request: Request<Incoming>,
) -> Result<server::Answer, Disconnect> {
    let handshake = describe(number, &request);
    let connection_id = handshake.connection_id.clone();
    let answer = connect(&runtime_api, request, handshake).await;
    Ok(answer.unwrap_or_else(|refusal| refusal.answer(&connection_id)))
}

async fn connect(
    runtime_api: &RuntimeApi,
    mut request: Request<Incoming>,
    handshake: request::Request,
) -> Result<server::Answer, Refusal> {
    let mut answer =
        create_response_with_body(&request, Full::default).map_err(Refusal::NoHandshake)?;
    if request.uri().path().trim_matches('/') != STAGE {
        return Err(Refusal::NoStage);
    }
    let caller = authorize(runtime_api, &handshake).await?;
    let subprotocol = caller.context.get("subprotocol").and_then(Value::as_str);
    if let Some(Ok(subprotocol)) = subprotocol.map(HeaderValue::from_str) {
        answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    let backend = Backend { handshake, authorizer: caller.authorizer() };
    tokio::spawn(backend.converse(upgrade::on(&mut request)));
    Ok(answer)
}

async fn authorize(
    runtime_api: &RuntimeApi,
    handshake: &request::Request,
) -> Result<Caller, Refusal> {
    let event = handshake.websocket_connect().to_string();
    match runtime_api.invoke(event).await? {
        Answer::Response(answer) => match policy::evaluate(&answer, &events::connect_arn())? {
            Verdict::Allow(caller) => Ok(caller),
            Verdict::Deny(_) => Err(Refusal::Forbidden),
        },
        Answer::Error(error) if error.error_message == "Unauthorized" => Err(Refusal::Unauthorized),
        Answer::Error(error) => Err(Refusal::Failed(error.error_message)),
    }
}

/// Describes the handshake as the events are built from it.
fn describe(number: u64, request: &Request<Incoming>) -> request::Request {
    let mut handshake = request::Request::handshake();
    handshake.received_at = SystemTime::now();
    handshake.connection_id = STANDARD.encode(number.to_be_bytes());
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        handshake = handshake.header(name.as_str(), value);
    }
    let query = request.uri().query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        handshake = handshake.query(name, value);
    }
    handshake
}

/// What stands behind the API: it tells the client what it sees of it.
#[derive(Debug)]
struct Backend {
    handshake: request::Request,
    authorizer: Map<String, Value>,
}

impl Backend {
    async fn converse(self, upgrade: OnUpgrade) {
        // A client that goes away before or during the conversation ends it; nobody else cares.
        let Ok(upgraded) = upgrade.await else { return };
        let limits = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE_BYTES));
        let stream = TokioIo::new(upgraded);
        let mut client = WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits)).await;
        while let Some(Ok(message)) = client.next().await {
            let reply = match message {
                Message::Text(body) => Message::text(self.event(&body).to_string()),
                Message::Binary(_) => Message::Close(Some(CloseFrame {
                    code: CloseCode::Unsupported,
                    reason: "binary messages are not supported".into(),
                })),
                // The library answers pings and closes by itself.
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                    continue;
                }
            };
            if client.send(reply).await.is_err() {
                return;
            }
        }
    }

    /// The event that a function behind the API gets for a message.
    fn event(&self, body: &str) -> Value {
        let mut context = self.handshake.websocket_context("$default", "MESSAGE");
        context["authorizer"] = self.authorizer.clone().into();
        json!({ "requestContext": context, "body": body, "isBase64Encoded": false })
    }
}
