//! A REST API with an authorizer for each stage, and with gateway responses.
//!
//! It does what API Gateway does, in the same order: it checks the identity sources, looks into the
//! cache, asks the authorizer, evaluates the policy, and passes the request to the integration. The
//! client gets a refusal as a gateway response. What clients get by default:
//!
//! | decision | status and body | source |
//! |---|---|---|
//! | identity source missing, a token that the validation expression does not match, or the error `Unauthorized` | 401 `{"message":"Unauthorized"}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html) for the status; the body was [measured by others] |
//! | explicit or implicit Deny | 403 with `Message`, one text for each | [AWS](https://repost.aws/knowledge-center/api-gateway-403-error-lambda-authorizer) for the texts; the upper-case `Message` was [measured by others] |
//! | another error, a time-out, a malformed response | 500 `{"message":null}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html) for the status; the body was [measured by others] |
//! | `usageIdentifierKey` missing or unknown, if the methods require an API key | 403 `{"message":"Forbidden"}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-key-source.html) |
//! | a path outside the stages | 403 `{"message":"Forbidden"}` | not documented |
//! | the integration fails, or its response is malformed | 502 `{"message":"Internal server error"}` | [AWS](https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway-errors.html); the gateway response, `DEFAULT_5XX`, is not documented |
//! | the integration's time limit | 504 `{"message":"Endpoint request timed out"}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html) for the status; the body is not documented |
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
mod customization;
mod gateway_response;
mod template;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Incoming;
use serde_json::{Value, json};

use self::backend::answer_of_backend;
pub use self::customization::GatewayResponses;
use self::gateway_response::{GatewayResponse, refusal_of};
use crate::authorizer::{Authorization, Authorizer, AuthorizerConfig, AuthorizerKind, Refusal};
use crate::client_request::read_request;
use crate::events::STAGE;
use crate::identity::ApiKind;
use crate::integration::Integration;
use crate::recorder::Recorder;
use crate::request;
use crate::runtime_api::RuntimeApi;
use crate::server::{self, Answer, Disconnect, Server};
use crate::stage::{self, Stage};

/// The path whose requests the function answers itself.
const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// What holds for each stage of a REST API.
#[derive(Clone, Debug, Default)]
pub struct RestSettings {
    /// What is changed of the gateway responses.
    pub gateway_responses: GatewayResponses,
    /// The API keys of the usage plan. If there are any, each method requires an API key, and the API's
    /// key source is `AUTHORIZER`: the key is the `usageIdentifierKey` of the authorizer's response.
    pub api_keys: Vec<String>,
    /// What is behind every method.
    pub integration: Arc<Integration>,
}

/// A REST API on loopback. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct RestApi {
    server: Server,
    api: Arc<Api>,
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
        gateway_responses: GatewayResponses,
    ) -> io::Result<Self> {
        let config = AuthorizerConfig {
            kind: AuthorizerKind::RestRequest,
            identity_sources: vec![String::from("method.request.header.Authorization")],
            ttl: Duration::ZERO,
        };
        let authorizer =
            Authorizer::new(Arc::clone(&runtime_api), config).map_err(io::Error::other)?;
        let api = Api {
            stages: vec![Stage::new(STAGE, Arc::new(authorizer))],
            settings: RestSettings {
                gateway_responses,
                api_keys: Vec::new(),
                integration: Arc::new(Integration::function(runtime_api)),
            },
            recorder: Arc::default(),
            backend: Some(backend),
        };
        Self::serve(listening, api)
    }

    /// Answers requests below its stages.
    ///
    /// # Errors
    ///
    /// When the operating system does not tell the port.
    pub fn start_stages(
        listening: Listening,
        stages: Vec<Stage>,
        settings: RestSettings,
        recorder: Arc<Recorder>,
    ) -> io::Result<Self> {
        Self::serve(listening, Api { stages, settings, recorder, backend: None })
    }

    fn serve(listening: Listening, api: Api) -> io::Result<Self> {
        let api = Arc::new(api);
        let handler = Arc::clone(&api);
        let server =
            Server::start(listening.0, move |request| Arc::clone(&handler).handle(request))?;
        Ok(Self { server, api })
    }

    /// Returns the URL of the first stage, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        let stage = match self.api.backend {
            None => self.api.stages.first().map(Stage::path),
            Some(_) => None,
        };
        format!("http://{}{}", self.server.address(), stage.unwrap_or_default())
    }

    /// Returns each stage with its URL.
    pub fn stages(&self) -> impl Iterator<Item = (String, Stage)> {
        let address = self.server.address();
        let stages = self.api.stages.iter();
        stages.map(move |stage| (format!("http://{address}{}", stage.path()), stage.clone()))
    }
}

#[derive(Debug)]
struct Api {
    stages: Vec<Stage>,
    settings: RestSettings,
    recorder: Arc<Recorder>,
    /// The HTTP server of the API of `docs/deploy/mcp.yaml`. The integration has the metadata then.
    backend: Option<SocketAddr>,
}

impl Api {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, Disconnect> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Disconnect)?.to_bytes();
        let number = self.recorder.number();
        let mut request = read_request(&parts);
        let (authorization, refusal) = match self.stage(&mut request) {
            None => (None, Some(GatewayResponse::UnknownStage)),
            Some(_) if self.is_for_metadata(&request) => (None, None),
            Some(stage) => {
                let authorization = self.authorize(number, stage, &request).await;
                let refusal = refusal_of(&authorization);
                (Some(authorization), refusal)
            }
        };
        let authorization = authorization.as_ref();
        let (integrated, answer) = match (refusal, self.backend) {
            (Some(refusal), _) => (None, Err(refusal)),
            (None, Some(backend)) if authorization.is_some() => {
                let answer = answer_of_backend(backend, parts, body).await;
                (None, answer.ok_or(GatewayResponse::IntegrationFailure))
            }
            (None, _) => {
                let event = proxy_event(&request, authorization, &body);
                let integrated = self.settings.integration.call(ApiKind::Rest, event).await;
                let answer = match &integrated.result {
                    Ok(response) => Ok(response.answer()),
                    Err(error) => Err(GatewayResponse::of_integration(error)),
                };
                (Some(integrated), answer)
            }
        };
        let answer = answer.unwrap_or_else(|refusal| {
            refusal.answer(&self.settings.gateway_responses, &request, authorization)
        });
        let recorder = &self.recorder;
        let integrated = integrated.as_ref();
        recorder.record(number, ApiKind::Rest, &request, authorization, integrated, &answer).await;
        Ok(answer)
    }

    /// Returns the stage that the request is for, and makes the request's path the one below it.
    fn stage(&self, request: &mut request::Request) -> Option<&Stage> {
        match self.backend {
            // The API's custom domain name has the stage.
            Some(_) => self.stages.first(),
            None => {
                let (stage, below) = stage::find(&self.stages, &request.path)?;
                request.path = below;
                request.stage = (stage.name != STAGE).then(|| stage.name.clone());
                Some(stage)
            }
        }
    }

    /// Tells whether the function itself answers the request, without an authorizer.
    fn is_for_metadata(&self, request: &request::Request) -> bool {
        self.backend.is_some() && request.path.starts_with(METADATA_PATH)
    }

    /// Decides whether a request may enter: the authorizer first, then the API key.
    async fn authorize(
        &self,
        number: u64,
        stage: &Stage,
        request: &request::Request,
    ) -> Authorization {
        let mut authorization = stage.authorizer.authorize(number, request).await;
        let known = |key: &String| self.settings.api_keys.contains(key);
        if authorization.decision.is_ok()
            && !self.settings.api_keys.is_empty()
            && !authorization.usage_identifier_key.as_ref().is_some_and(known)
        {
            authorization.decision = Err(Refusal::InvalidApiKey);
        }
        authorization
    }
}

/// Returns the event of a proxy integration.
///
/// The API has no binary media types, so the body is text.
fn proxy_event(
    request: &request::Request,
    authorization: Option<&Authorization>,
    body: &[u8],
) -> Value {
    let mut event = request.rest_proxy();
    if let Some(context) = authorization.and_then(|it| it.decision.as_ref().ok()) {
        event["requestContext"]["authorizer"] = json!(context);
    }
    if !body.is_empty() {
        event["body"] = String::from_utf8_lossy(body).into();
    }
    event
}
