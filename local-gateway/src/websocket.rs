//! A WebSocket API that asks the authorizer at `$connect`.
//!
//! It does what API Gateway does, in the same order: it builds the event from the handshake, invokes
//! the authorizer, evaluates the policy, and then upgrades the connection. The subprotocol of the
//! handshake's response comes from the authorizer's context, because the `$connect` integration sets
//! it, not the authorizer. The API answers each text message with the event that a function behind it
//! would receive.
//!
//! Deliberately absent: identity sources (the API always asks the authorizer), routes other than
//! `$default`, messages to other connections, and the limits on idle and total time. The HTTP library
//! converts header names to lower case; API Gateway keeps the client's case.
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
use crate::invocation::{FunctionOutcome, InvokeError};
use crate::policy::{self, Caller, MalformedResponse, PolicyDecision};
use crate::request;
use crate::runtime_api::RuntimeApi;
use crate::server::{self, Disconnect, Server};

/// The response header that says why a handshake failed. API Gateway does not tell the client.
pub const CAUSE_HEADER: &str = "x-local-gateway-cause";

/// The largest message that API Gateway accepts.
const MAX_MESSAGE_BYTES: usize = 128 * 1024;

/// A WebSocket API on loopback.
///
/// Dropping it closes its port. Open connections stay open.
#[derive(Debug)]
pub struct WebSocketApi {
    server: Server,
}

impl WebSocketApi {
    /// Starts listening on a free port. The authorizer is the function behind `runtime_api`.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start(runtime_api: Arc<RuntimeApi>) -> io::Result<Self> {
        let connections = Arc::new(AtomicU64::new(1));
        let server = Server::start(server::listen().await?, move |request| {
            let number = connections.fetch_add(1, Ordering::Relaxed);
            handle(Arc::clone(&runtime_api), number, request)
        })?;
        Ok(Self { server })
    }

    /// Returns the URL for WebSocket clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/{STAGE}", self.server.address())
    }
}

/// Why the API refuses a handshake.
#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("the request is not a WebSocket handshake: {0}")]
    NotAHandshake(#[source] tungstenite::Error),
    #[error("the path is not the stage `{STAGE}`")]
    UnknownStage,
    #[error("the authorizer failed with `Unauthorized`")]
    Unauthorized,
    #[error("the authorizer's policy does not allow the connection")]
    Forbidden,
    #[error("the authorizer failed: {0}")]
    Failed(String),
    #[error(transparent)]
    NoOutcome(#[from] InvokeError),
    #[error(transparent)]
    Malformed(#[from] MalformedResponse),
}

impl HandshakeError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotAHandshake(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::UnknownStage | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Failed(_) | Self::NoOutcome(_) | Self::Malformed(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn message(&self) -> &'static str {
        match self {
            Self::NotAHandshake(_) => "Bad Request",
            Self::Unauthorized => "Unauthorized",
            Self::UnknownStage | Self::Forbidden => "Forbidden",
            Self::Failed(_) | Self::NoOutcome(_) | Self::Malformed(_) => "Internal server error",
        }
    }

    fn response(&self, connection_id: &str) -> server::Answer {
        let body = json!({
            "message": self.message(),
            "connectionId": connection_id,
            "requestId": connection_id,
        });
        let mut response = server::Answer::new(Full::from(body.to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // A header cannot hold line breaks. The function's log has such a cause.
        if let Ok(cause) = HeaderValue::from_str(&self.to_string()) {
            headers.insert(CAUSE_HEADER, cause);
        }
        response
    }
}

async fn handle(
    runtime_api: Arc<RuntimeApi>,
    number: u64,
    request: Request<Incoming>,
) -> Result<server::Answer, Disconnect> {
    let handshake = read_handshake(number, &request);
    let connection_id = handshake.connection_id.clone();
    let result = connect(&runtime_api, request, handshake).await;
    Ok(result.unwrap_or_else(|error| error.response(&connection_id)))
}

async fn connect(
    runtime_api: &RuntimeApi,
    mut request: Request<Incoming>,
    handshake: request::Request,
) -> Result<server::Answer, HandshakeError> {
    let mut response = create_response_with_body(&request, Full::default)
        .map_err(HandshakeError::NotAHandshake)?;
    if request.uri().path().trim_matches('/') != STAGE {
        return Err(HandshakeError::UnknownStage);
    }
    let caller = authorize(runtime_api, &handshake).await?;
    let subprotocol = caller.context.get("subprotocol").and_then(Value::as_str);
    if let Some(Ok(subprotocol)) = subprotocol.map(HeaderValue::from_str) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    let backend = Backend { handshake, authorizer: caller.authorizer() };
    tokio::spawn(backend.serve(upgrade::on(&mut request)));
    Ok(response)
}

async fn authorize(
    runtime_api: &RuntimeApi,
    handshake: &request::Request,
) -> Result<Caller, HandshakeError> {
    let event = handshake.websocket_connect().to_string();
    let response = match runtime_api.invoke(event).await? {
        FunctionOutcome::Response(response) => response,
        FunctionOutcome::Error(error) if error.error_message == "Unauthorized" => {
            return Err(HandshakeError::Unauthorized);
        }
        FunctionOutcome::Error(error) => return Err(HandshakeError::Failed(error.error_message)),
    };
    match policy::evaluate(&response, &events::connect_arn())? {
        PolicyDecision::Allow(caller) => Ok(caller),
        PolicyDecision::Deny(_) => Err(HandshakeError::Forbidden),
    }
}

/// Reads what the events need from the handshake.
fn read_handshake(number: u64, request: &Request<Incoming>) -> request::Request {
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

/// The function behind the API. It shows the client the events that it receives.
#[derive(Debug)]
struct Backend {
    handshake: request::Request,
    authorizer: Map<String, Value>,
}

impl Backend {
    async fn serve(self, upgrade: OnUpgrade) {
        // A client may disconnect at any time. That is not an error.
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
                // The library itself answers pings and close messages.
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                    continue;
                }
            };
            if client.send(reply).await.is_err() {
                return;
            }
        }
    }

    /// Returns the event that a function behind the API receives for a message.
    fn event(&self, body: &str) -> Value {
        let mut context = self.handshake.websocket_context("$default", "MESSAGE");
        context["authorizer"] = self.authorizer.clone().into();
        json!({ "requestContext": context, "body": body, "isBase64Encoded": false })
    }
}
