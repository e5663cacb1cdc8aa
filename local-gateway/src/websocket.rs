//! A WebSocket API that asks the authorizer at `$connect`.
//!
//! It does what API Gateway does, in the same order: it builds the event from the handshake, invokes
//! the authorizer, evaluates the policy, and then upgrades the connection. The subprotocol of the
//! handshake's response comes from the authorizer's context, because the `$connect` integration sets
//! it, not the authorizer. The API answers each text message with the event that a function behind it
//! would receive.
//!
//! By default there are no identity sources, so the API always asks the authorizer. Deliberately absent:
//! routes other than `$default`, messages to other connections, and the limits on idle and total time. The HTTP library
//! converts header names to lower case; API Gateway keeps the client's case.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

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

use crate::authorizer::{Authorization, Authorizer, AuthorizerConfig, Refusal};
use crate::events::STAGE;
use crate::identity::ApiKind;
use crate::recorder::Recorder;
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
        let config = AuthorizerConfig {
            api: ApiKind::WebSocket,
            identity_sources: Vec::new(),
            ttl: Duration::ZERO,
            simple_responses: false,
        };
        let authorizer = Authorizer::new(runtime_api, &config).map_err(io::Error::other)?;
        Self::start_at(0, Arc::new(authorizer), Arc::default()).await
    }

    /// Starts listening on `port`, or on a free one if another program has it.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start_at(
        port: u16,
        authorizer: Arc<Authorizer>,
        recorder: Arc<Recorder>,
    ) -> io::Result<Self> {
        let connections = Arc::new(AtomicU64::new(1));
        let api = Arc::new(Api { authorizer, recorder });
        let server = Server::start(server::listen_preferring(port).await?, move |request| {
            let number = connections.fetch_add(1, Ordering::Relaxed);
            Arc::clone(&api).handle(number, request)
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
enum HandshakeError<'a> {
    #[error("the request is not a WebSocket handshake: {0}")]
    NotAHandshake(#[source] tungstenite::Error),
    #[error("the path is not the stage `{STAGE}`")]
    UnknownStage,
    #[error("{0}")]
    Refused(&'a Refusal),
}

impl HandshakeError<'_> {
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotAHandshake(_) => (StatusCode::BAD_REQUEST, "Bad Request"),
            Self::Refused(Refusal::MissingIdentity | Refusal::Unauthorized) => {
                (StatusCode::UNAUTHORIZED, "Unauthorized")
            }
            Self::UnknownStage
            | Self::Refused(
                Refusal::ExplicitDeny | Refusal::ImplicitDeny | Refusal::NotAuthorized,
            ) => (StatusCode::FORBIDDEN, "Forbidden"),
            Self::Refused(Refusal::Failed(_) | Refusal::NoOutcome(_) | Refusal::Malformed(_)) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
            }
        }
    }

    fn response(&self, connection_id: &str) -> server::Answer {
        let (status, message) = self.status();
        let body = json!({
            "message": message,
            "connectionId": connection_id,
            "requestId": connection_id,
        });
        let mut response = server::Answer::new(Full::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // A header cannot hold line breaks. The function's log has such a cause.
        if let Ok(cause) = HeaderValue::from_str(&self.to_string()) {
            headers.insert(CAUSE_HEADER, cause);
        }
        response
    }
}

#[derive(Debug)]
struct Api {
    authorizer: Arc<Authorizer>,
    recorder: Arc<Recorder>,
}

impl Api {
    async fn handle(
        self: Arc<Self>,
        number: u64,
        mut request: Request<Incoming>,
    ) -> Result<server::Answer, Disconnect> {
        let handshake = read_handshake(number, &request);
        let number = self.recorder.number();
        let (authorization, answer) = match check(&request) {
            Err(error) => (None, error.response(&handshake.connection_id)),
            Ok(response) => {
                let authorization = self.authorizer.authorize(number, &handshake).await;
                let answer = connect(&mut request, response, &handshake, &authorization);
                (Some(authorization), answer)
            }
        };
        let recorder = &self.recorder;
        let authorization = authorization.as_ref();
        recorder.record(number, ApiKind::WebSocket, &handshake, authorization, &answer).await;
        Ok(answer)
    }
}

/// Returns the response to a handshake that may connect, if the request is one for the stage.
fn check(request: &Request<Incoming>) -> Result<server::Answer, HandshakeError<'static>> {
    let response =
        create_response_with_body(request, Full::default).map_err(HandshakeError::NotAHandshake)?;
    if request.uri().path().trim_matches('/') != STAGE {
        return Err(HandshakeError::UnknownStage);
    }
    Ok(response)
}

/// Connects the client to the backend, or refuses it.
fn connect(
    request: &mut Request<Incoming>,
    mut response: server::Answer,
    handshake: &request::Request,
    authorization: &Authorization,
) -> server::Answer {
    let authorizer = match &authorization.decision {
        Ok(context) => context.clone(),
        Err(refusal) => {
            return HandshakeError::Refused(refusal).response(&handshake.connection_id);
        }
    };
    let subprotocol = authorizer.get("subprotocol").and_then(Value::as_str);
    if let Some(Ok(subprotocol)) = subprotocol.map(HeaderValue::from_str) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    let backend = Backend { handshake: handshake.clone(), authorizer };
    tokio::spawn(backend.serve(upgrade::on(request)));
    response
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
