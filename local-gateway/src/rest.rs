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
//! | a body over 10 MB | 413 `{"message":"Request Too Long"}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html) for the status; the body is not documented |
//! | the header `x-amzn-errortype` | | not documented |
//!
//! The API of `docs/deploy/mcp.yaml` has gateway responses with a `WWW-Authenticate` header, an HTTP
//! integration, and a custom domain name, so it has no stage in its URL. Requests for its protected
//! resource metadata have no authorizer; their integration is the function itself.
//!
//! Deliberately absent: streams. The HTTP library converts header names
//! to lower case; API Gateway keeps the client's case.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/setup-http-integrations.html>
//!
//! [measured by others]: https://dev.to/marcogrcr/api-gateway-lambda-authorizer-lambda-proxy-integration-failure-modes-52bc

mod api;
mod backend;
mod customization;
mod gateway_response;
mod template;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use self::api::Api;
pub use self::customization::GatewayResponses;
use crate::authorizer::{Authorizer, AuthorizerConfig, AuthorizerKind};
use crate::events::STAGE;
use crate::integration::Integration;
use crate::recorder::Recorder;
use crate::runtime_api::RuntimeApi;
use crate::server::{self, Server};
use crate::stage::Stage;

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
