//! A REST API with an authorizer of type REQUEST and with gateway responses.
//!
//! It does what API Gateway does, in the same order: it checks the identity sources, looks into the
//! cache, asks the authorizer, evaluates the policy, and passes the request to the integration. The
//! client gets a refusal as a gateway response. What clients get by default:
//!
//! | decision | status and body | source |
//! |---|---|---|
//! | identity source missing, or the error `Unauthorized` | 401 `{"message":"Unauthorized"}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html) for the status; the body was [measured by others] |
//! | explicit or implicit Deny | 403 with `Message`, one text for each | [AWS](https://repost.aws/knowledge-center/api-gateway-403-error-lambda-authorizer) for the texts; the upper-case `Message` was [measured by others] |
//! | another error, a time-out, a malformed response | 500 `{"message":null}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html) for the status; the body was [measured by others] |
//! | a path outside the stage | 403 `{"message":"Forbidden"}` | not documented |
//! | the header `x-amzn-errortype` | | not documented |
//!
//! The API of `docs/deploy/mcp.yaml` has gateway responses with a `WWW-Authenticate` header, an HTTP
//! integration, and a custom domain name, so it has no stage in its URL. Requests for its protected
//! resource metadata have no authorizer; their integration is the function itself.
//!
//! Deliberately absent: request bodies over 10 MB, and streams. The HTTP library converts header names
//! to lower case; API Gateway keeps the client's case.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/setup-http-integrations.html>
//!
//! [measured by others]: https://dev.to/marcogrcr/api-gateway-lambda-authorizer-lambda-proxy-integration-failure-modes-52bc

mod backend;
mod gateway_response;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode};
use serde_json::json;

use self::backend::{answer_of_backend, answer_of_function};
use self::gateway_response::{GatewayResponse, refusal_of};
use crate::authorizer::{Authorization, Authorizer, AuthorizerConfig};
use crate::client_request::{json_answer, read_request};
use crate::events::STAGE;
use crate::identity::ApiKind;
use crate::recorder::Recorder;
use crate::request;
use crate::runtime_api::RuntimeApi;
use crate::server::{self, Answer, Disconnect, Server};

/// The path whose requests the function answers itself.
const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// The `WWW-Authenticate` headers of the gateway responses.
#[derive(Clone, Debug)]
pub struct Challenges {
    /// That of `UNAUTHORIZED`, a 401.
    pub unauthorized: HeaderValue,
    /// That of `ACCESS_DENIED`, a 403.
    pub access_denied: HeaderValue,
}

/// A REST API on loopback. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct RestApi {
    server: Server,
    stage: String,
}

/// A REST API that has its port, and does not answer yet.
#[derive(Debug)]
pub struct Listening(tokio::net::TcpListener);

impl Listening {
    /// Takes a free port. What the API says of itself contains its URL.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start() -> io::Result<Self> {
        server::listen().await.map(Self)
    }

    /// Takes this port, or a free one if another program has it.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn at(port: u16) -> io::Result<Self> {
        server::listen_preferring(port).await.map(Self)
    }

    /// Returns the URL, without a slash at its end.
    ///
    /// # Errors
    ///
    /// When the operating system does not tell the port.
    pub fn url(&self) -> io::Result<String> {
        Ok(format!("http://{}", self.0.local_addr()?))
    }
}

impl RestApi {
    /// Answers requests as the API of `docs/deploy/mcp.yaml`: the function behind `runtime_api` is the
    /// authorizer, without a cache, and `backend` is the HTTP integration.
    ///
    /// # Errors
    ///
    /// When the operating system does not tell the port.
    pub fn start(
        listening: Listening,
        runtime_api: Arc<RuntimeApi>,
        backend: SocketAddr,
        challenges: Challenges,
    ) -> io::Result<Self> {
        let config = AuthorizerConfig {
            api: ApiKind::Rest,
            identity_sources: vec![String::from("method.request.header.Authorization")],
            ttl: Duration::ZERO,
            simple_responses: false,
        };
        let authorizer =
            Authorizer::new(Arc::clone(&runtime_api), &config).map_err(io::Error::other)?;
        let integration = Integration::Backend { runtime_api, address: backend, challenges };
        let api = Api { authorizer: Arc::new(authorizer), recorder: Arc::default(), integration };
        Self::serve(listening, api)
    }

    /// Answers requests below the stage `prod`. The integration echoes the event that it gets.
    ///
    /// # Errors
    ///
    /// When the operating system does not tell the port.
    pub fn start_echo(
        listening: Listening,
        authorizer: Arc<Authorizer>,
        recorder: Arc<Recorder>,
    ) -> io::Result<Self> {
        Self::serve(listening, Api { authorizer, recorder, integration: Integration::Echo })
    }

    fn serve(listening: Listening, api: Api) -> io::Result<Self> {
        let api = Arc::new(api);
        let stage = match api.integration {
            Integration::Echo => format!("/{STAGE}"),
            Integration::Backend { .. } => String::new(),
        };
        let server = Server::start(listening.0, move |request| Arc::clone(&api).handle(request))?;
        Ok(Self { server, stage })
    }

    /// Returns the URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.server.address(), self.stage)
    }
}

#[derive(Debug)]
struct Api {
    authorizer: Arc<Authorizer>,
    recorder: Arc<Recorder>,
    integration: Integration,
}

/// What is behind the API.
#[derive(Debug)]
enum Integration {
    /// The function itself for the metadata, and an HTTP server for everything else.
    Backend { runtime_api: Arc<RuntimeApi>, address: SocketAddr, challenges: Challenges },
    /// A Lambda proxy integration that responds with its event.
    Echo,
}

impl Api {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, Disconnect> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Disconnect)?.to_bytes();
        let number = self.recorder.number();
        let mut request = read_request(&parts);
        let (authorization, answer) = match &self.integration {
            Integration::Backend { runtime_api, .. } if request.path.starts_with(METADATA_PATH) => {
                (None, answer_of_function(runtime_api, &request).await)
            }
            Integration::Backend { address, challenges, .. } => {
                let authorization = self.authorizer.authorize(number, &request).await;
                let answer = match refusal_of(&authorization) {
                    None => answer_of_backend(*address, parts, body).await,
                    Some(response) => Some(response.answer(Some(challenges))),
                };
                (Some(authorization), answer)
            }
            Integration::Echo => match below_stage(&request.path) {
                None => (None, Some(GatewayResponse::UnknownStage.answer(None))),
                Some(path) => {
                    request.path = path;
                    let authorization = self.authorizer.authorize(number, &request).await;
                    let answer = match refusal_of(&authorization) {
                        None => echo(&request, &authorization, &body),
                        Some(response) => response.answer(None),
                    };
                    (Some(authorization), Some(answer))
                }
            },
        };
        let answer = answer.unwrap_or_else(|| GatewayResponse::IntegrationFailure.answer(None));
        let recorder = &self.recorder;
        recorder.record(number, ApiKind::Rest, &request, authorization.as_ref(), &answer).await;
        Ok(answer)
    }
}

/// Returns the path below the stage, if the request is for the stage.
fn below_stage(path: &str) -> Option<String> {
    let below = path.strip_prefix('/')?.strip_prefix(STAGE)?;
    match below {
        "" => Some(String::from("/")),
        _ => below.starts_with('/').then(|| below.to_owned()),
    }
}

/// Answers with the event that a function behind the API gets.
fn echo(request: &request::Request, authorization: &Authorization, body: &[u8]) -> Answer {
    let mut event = request.rest_proxy();
    event["requestContext"]["authorizer"] = json!(authorization.decision.as_ref().ok());
    if !body.is_empty() {
        event["body"] = String::from_utf8_lossy(body).into();
    }
    json_answer(StatusCode::OK, &event)
}
