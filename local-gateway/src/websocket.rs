//! A WebSocket API that asks the authorizer at `$connect`.
//!
//! It does what API Gateway does, in the same order: it builds the event from the handshake, invokes
//! the authorizer, evaluates the policy, asks the `$connect` integration, and then upgrades the
//! connection. The subprotocol of the handshake's response is the integration's. Each message then goes
//! to the integration of its route, always with the context of the authorizer, which is not asked again.
//!
//! - `handshake`: what the client gets if it may not connect,
//! - [`Routes`]: which route a message takes,
//! - `connection`: limits, close codes, and the end of a connection,
//! - `backend`: the events for the integration, and the replies,
//! - `connections`: `@connections`, with which a backend reaches its clients.
//!
//! By default there are no identity sources, so the API always asks the authorizer. All routes have the
//! same integration, and each has a route response. The HTTP library converts header names to lower
//! case; API Gateway keeps the client's case.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>

mod backend;
mod connection;
mod connections;
mod handshake;
mod routes;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use hyper::upgrade;
use tokio::sync::mpsc;

use self::backend::Backend;
use self::connections::{Connections, Known};
pub use self::handshake::CAUSE_HEADER;
use self::handshake::HandshakeError;
pub use self::routes::{NotASelection, Routes};
use crate::authorizer::{Authorization, Authorizer, AuthorizerConfig, AuthorizerKind};
use crate::clock::Clock;
use crate::events::STAGE;
use crate::identity::ApiKind;
use crate::integration::{Integrated, Integration};
use crate::recorder::Recorder;
use crate::request;
use crate::runtime_api::RuntimeApi;
use crate::server::{self, Answer, Disconnect, Server};

/// The largest message that API Gateway accepts, from a client or by `@connections`.
const MAX_MESSAGE_BYTES: usize = 128 * 1024;

/// How many messages wait for a client or for its integration, until they are read.
const MAX_WAITING: usize = 32;

/// What can be chosen of a WebSocket API, apart from its authorizer.
#[derive(Clone, Debug, Default)]
pub struct WebSocketSettings {
    /// The routes for messages.
    pub routes: Routes,
    /// What is behind every route.
    pub integration: Arc<Integration>,
}

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
            kind: AuthorizerKind::WebSocket,
            identity_sources: Vec::new(),
            ttl: Duration::ZERO,
        };
        let authorizer = Authorizer::new(runtime_api, config).map_err(io::Error::other)?;
        Self::start_at(0, Arc::new(authorizer), Arc::default()).await
    }

    /// Starts listening on `port`, or on a free one if another program has it. The integration is an echo.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start_at(
        port: u16,
        authorizer: Arc<Authorizer>,
        recorder: Arc<Recorder>,
    ) -> io::Result<Self> {
        Self::start_with(port, authorizer, WebSocketSettings::default(), recorder).await
    }

    /// Starts listening as [`WebSocketApi::start_at`] does, with these settings. The limits of
    /// connections use the authorizer's clock.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start_with(
        port: u16,
        authorizer: Arc<Authorizer>,
        settings: WebSocketSettings,
        recorder: Arc<Recorder>,
    ) -> io::Result<Self> {
        let listener = server::listen_preferring(port).await?;
        let api = Arc::new(Api {
            authorizer,
            settings,
            recorder,
            connections: Connections::new(listener.local_addr()?),
            next_connection: AtomicU64::new(1),
        });
        let server = Server::start(listener, move |request| Arc::clone(&api).handle(request))?;
        Ok(Self { server })
    }

    /// Returns the URL for WebSocket clients. With `http` in place of `ws`, it is the endpoint for
    /// AWS's clients of `@connections`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/{STAGE}", self.server.address())
    }
}

#[derive(Debug)]
struct Api {
    authorizer: Arc<Authorizer>,
    settings: WebSocketSettings,
    recorder: Arc<Recorder>,
    connections: Connections,
    next_connection: AtomicU64,
}

impl Api {
    fn clock(&self) -> &Clock {
        self.authorizer.clock()
    }

    async fn handle(self: Arc<Self>, mut request: Request<Incoming>) -> Result<Answer, Disconnect> {
        if let Some(id) = connections::connection_id(&request) {
            return Ok(self.connections.answer(&id, request, self.clock()).await);
        }
        let id = self.next_connection.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let handshake = handshake::read(STANDARD.encode(id), &request, self.clock());
        let number = self.recorder.number();
        let (authorization, integrated, answer) = match handshake::check(&request) {
            Err(error) => (None, None, error.response(&handshake.connection_id)),
            Ok(response) => {
                let authorization = self.authorizer.authorize(number, &handshake).await;
                let (integrated, answer) =
                    self.connect(&mut request, response, number, &handshake, &authorization).await;
                (Some(authorization), integrated, answer)
            }
        };
        let (authorization, integrated) = (authorization.as_ref(), integrated.as_ref());
        let (recorder, api) = (&self.recorder, ApiKind::WebSocket);
        recorder.record(number, api, &handshake, authorization, integrated, &answer).await;
        Ok(answer)
    }

    /// Connects the client to the backend, or refuses it.
    async fn connect(
        self: &Arc<Self>,
        request: &mut Request<Incoming>,
        mut response: Answer,
        number: u64,
        handshake: &request::Request,
        authorization: &Authorization,
    ) -> (Option<Integrated>, Answer) {
        let id = &handshake.connection_id;
        let authorizer = match &authorization.decision {
            Ok(context) => context.clone(),
            Err(refusal) => return (None, HandshakeError::Refused(refusal).response(id)),
        };
        let (commands, received) = mpsc::channel(MAX_WAITING);
        let backend = Backend {
            api: Arc::clone(self),
            number,
            handshake: handshake.clone(),
            authorizer,
            replies: commands.clone(),
        };
        let integrated = backend.connect().await;
        let refusal = match &integrated.result {
            Err(error) => Some(HandshakeError::NoIntegration(error)),
            Ok(proxy) if !proxy.status.is_success() => {
                Some(HandshakeError::Integration(proxy.status))
            }
            Ok(proxy) => {
                if let Some(subprotocol) = proxy.headers.get(SEC_WEBSOCKET_PROTOCOL) {
                    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, subprotocol.clone());
                }
                None
            }
        };
        if let Some(refusal) = refusal {
            let response = refusal.response(id);
            return (Some(integrated), response);
        }
        let user_agent = request.headers().get(USER_AGENT).and_then(|it| it.to_str().ok());
        let known = Known {
            commands,
            connected_at: handshake.received_at,
            last_active_at: handshake.received_at,
            source_ip: handshake.source_ip.clone(),
            user_agent: user_agent.map(str::to_owned),
        };
        self.connections.open(id.clone(), known);
        let opened_at = self.clock().now();
        tokio::spawn(connection::serve(backend, upgrade::on(request), opened_at, received));
        (Some(integrated), response)
    }
}
