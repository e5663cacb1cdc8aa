//! Starts the issuer, the Runtime API, the function and the APIs together.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use crate::authorizer::{Authorizer, AuthorizerConfig, AuthorizerKind, ConfigError};
use crate::cache::DEFAULT_TTL;
use crate::clock::Clock;
use crate::events::{HTTP_API_STAGE, STAGE};
use crate::http_api::HttpApi;
use crate::integration::Integration;
use crate::invocation::FunctionError;
use crate::invoke::InvokeApi;
use crate::issuer::{AUDIENCE, Issuer};
use crate::lambda::{Lambda, LambdaOptions};
use crate::recorder::Recorder;
use crate::rest::{GatewayResponses, Listening, RestApi, RestSettings};
use crate::stage::Stage;
use crate::websocket::{WebSocketApi, WebSocketSettings};

/// The settings that name the issuers. A user who sets one of them also sets the audience.
pub const ISSUER_SETTINGS: [&str; 2] = ["AUTHORIZER_ISSUER", "AUTHORIZER_ISSUERS"];

/// The stage of the REST API with a TOKEN authorizer.
const TOKEN_STAGE: &str = "token";

/// The stage of the HTTP API with payload format 1.0.
const PAYLOAD_1_STAGE: &str = "v1";

/// The setting that makes the function answer an HTTP API with a policy.
const HTTP_API_RESPONSE: &str = "AUTHORIZER_HTTP_API_RESPONSE";

/// The ports that the servers take if they are free. 0 is any free port.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    /// That of the WebSocket API.
    pub websocket_api: u16,
    /// That of the REST API.
    pub rest_api: u16,
    /// That of the HTTP API.
    pub http_api: u16,
    /// That of Lambda's Invoke API.
    pub invoke_api: u16,
    /// That of the issuer.
    pub issuer: u16,
}

/// What is not the same in every stack, apart from the function's settings.
#[derive(Debug, Default)]
pub struct StackOptions {
    /// The ports that the servers prefer.
    pub ports: Ports,
    /// What is changed of the REST API's gateway responses.
    pub gateway_responses: GatewayResponses,
    /// What is behind each API.
    pub integration: Integration,
    /// How the function is run.
    pub lambda: LambdaOptions,
}

/// The running servers and the function. Dropping it stops all of them.
#[derive(Debug)]
pub struct Stack {
    /// The issuer of the tokens.
    pub issuer: Arc<Issuer>,
    /// The function.
    pub lambda: Arc<Lambda>,
    /// Lambda's API for direct invocation of the function.
    pub invoke_api: InvokeApi,
    /// The API to which WebSocket clients connect. It has no identity source.
    pub websocket_api: WebSocketApi,
    /// A REST API. The identity source is the `Authorization` header, and the caches are on. The stage
    /// `prod` has a REQUEST authorizer, `token` has a TOKEN authorizer.
    pub rest_api: RestApi,
    /// An HTTP API with its caches on. The stage `$default` has payload format 2.0, and the identity
    /// sources are the `Authorization` header and the route. It expects simple responses, unless the
    /// settings make the function return policies. The stage `v1` has payload format 1.0, and the identity
    /// source is the `Authorization` header.
    pub http_api: HttpApi,
    /// The authorizer of the WebSocket API.
    pub websocket_authorizer: Arc<Authorizer>,
    /// The stages of all APIs, with their URLs.
    pub stages: Vec<(String, Stage)>,
    /// The clock of the caches and the connections.
    pub clock: Clock,
    /// The requests to the APIs.
    pub recorder: Arc<Recorder>,
}

/// Why the stack did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The issuer has no port or no key.
    #[error("could not start the issuer on a free port of 127.0.0.1")]
    Issuer(#[source] io::Error),
    /// The Runtime API has no port.
    #[error("could not start the Runtime API on a free port of 127.0.0.1")]
    RuntimeApi(#[source] io::Error),
    /// An API has no port.
    #[error("could not start an API on a free port of 127.0.0.1")]
    Api(#[source] io::Error),
    /// The operating system did not start the function.
    #[error("could not start the function, {}", .executable.display())]
    Function {
        /// The function's executable.
        executable: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The operating system did not report how the function ended.
    #[error("could not wait for the function to end")]
    Wait(#[source] io::Error),
    /// The function reported that its start failed.
    #[error("the function failed to start: {0}")]
    Init(FunctionError),
    /// The function ended without reporting an error.
    #[error("the function ended before its first invocation ({status}):\n{log}")]
    Ended {
        /// Its exit status.
        status: ExitStatus,
        /// The output until its end.
        log: String,
    },
}

impl Stack {
    /// Starts everything with the function's `executable`, and waits until the function is ready.
    ///
    /// By default, the function trusts the issuer and [`AUDIENCE`], and logs every decision.
    /// `settings` are environment variables that override the defaults. If they have one of
    /// [`ISSUER_SETTINGS`], the default issuer and audience are not set.
    ///
    /// # Errors
    ///
    /// When a part cannot be started, or the function's start fails.
    pub async fn start<K, V>(executable: &Path, settings: &[(K, V)]) -> Result<Self, StartError>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        Self::start_with(StackOptions::default(), executable, settings).await
    }

    /// Starts everything as [`Stack::start`] does, with these options.
    ///
    /// # Errors
    ///
    /// When a part cannot be started, or the function's start fails.
    pub async fn start_with<K, V>(
        options: StackOptions,
        executable: &Path,
        settings: &[(K, V)],
    ) -> Result<Self, StartError>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let StackOptions { ports, gateway_responses, integration, lambda } = options;
        let issuer = Issuer::start_at(ports.issuer).await.map_err(StartError::Issuer)?;
        let issuer = Arc::new(issuer);
        let lambda = Lambda::start(executable, environment(&issuer, settings), lambda).await?;
        let policies = settings
            .iter()
            .any(|(name, value)| name.as_ref() == HTTP_API_RESPONSE && value.as_ref() == "policy");
        let recorder = Arc::new(Recorder::default());
        let clock = Clock::default();
        let integration = Arc::new(integration);
        let started = async {
            let record = || Arc::clone(&recorder);
            let [websocket, rest, token, http, http_1] =
                authorizers(&lambda, !policies, &clock).map_err(io::Error::other)?;
            let invoke_api = InvokeApi::start(ports.invoke_api, Arc::clone(&lambda)).await?;
            let of_websocket = WebSocketSettings {
                integration: Arc::clone(&integration),
                ..WebSocketSettings::default()
            };
            let (port, authorizer) = (ports.websocket_api, Arc::clone(&websocket));
            let websocket_api =
                WebSocketApi::start_with(port, authorizer, of_websocket, record()).await?;
            let websocket_authorizer = Arc::clone(&websocket);
            let rest = vec![Stage::new(STAGE, rest), Stage::new(TOKEN_STAGE, token)];
            let listening = Listening::at(ports.rest_api).await?;
            let of_rest = RestSettings {
                gateway_responses,
                integration: Arc::clone(&integration),
                ..Default::default()
            };
            let rest_api = RestApi::start_stages(listening, rest, of_rest, record())?;
            let http = vec![Stage::new(HTTP_API_STAGE, http), Stage::new(PAYLOAD_1_STAGE, http_1)];
            let http_api = HttpApi::start(ports.http_api, http, integration, record()).await?;
            let websocket = (websocket_api.url(), Stage::new(STAGE, websocket));
            let stages = std::iter::once(websocket).chain(rest_api.stages());
            let stages = stages.chain(http_api.stages()).collect();
            Ok((invoke_api, websocket_api, websocket_authorizer, rest_api, http_api, stages))
        };
        let (invoke_api, websocket_api, websocket_authorizer, rest_api, http_api, stages) =
            started.await.map_err(StartError::Api)?;
        Ok(Self {
            issuer,
            lambda,
            invoke_api,
            websocket_api,
            rest_api,
            http_api,
            websocket_authorizer,
            stages,
            clock,
            recorder,
        })
    }
}

/// Returns the authorizers of the WebSocket API and of both stages of the REST and the HTTP API.
fn authorizers(
    lambda: &Arc<Lambda>,
    simple_responses: bool,
    clock: &Clock,
) -> Result<[Arc<Authorizer>; 5], ConfigError> {
    let authorizer = |kind, sources: &[&str], ttl| {
        let identity_sources = sources.iter().map(|source| (*source).to_owned()).collect();
        let config = AuthorizerConfig { kind, identity_sources, ttl };
        let authorizer = Authorizer::new(Arc::clone(lambda), config);
        authorizer.map(|authorizer| Arc::new(authorizer.with_clock(clock.clone())))
    };
    let of_rest = ["method.request.header.Authorization"];
    let [header, route] = ["$request.header.Authorization", "$context.routeKey"];
    let token = AuthorizerKind::RestToken { validation: None };
    Ok([
        authorizer(AuthorizerKind::WebSocket, &[], Duration::ZERO)?,
        authorizer(AuthorizerKind::RestRequest, &of_rest, DEFAULT_TTL)?,
        authorizer(token, &of_rest, DEFAULT_TTL)?,
        authorizer(AuthorizerKind::Http2 { simple_responses }, &[header, route], DEFAULT_TTL)?,
        authorizer(AuthorizerKind::Http1, &[header], DEFAULT_TTL)?,
    ])
}

/// Returns the function's environment variables: the defaults, then `settings`.
fn environment<'a, K, V>(issuer: &'a Issuer, settings: &'a [(K, V)]) -> Vec<(&'a OsStr, &'a OsStr)>
where
    K: AsRef<OsStr>,
    V: AsRef<OsStr>,
{
    // The function logs allowed requests at this level.
    let mut environment = vec![(OsStr::new("AWS_LAMBDA_LOG_LEVEL"), OsStr::new("DEBUG"))];
    let names_issuer = |name: &OsStr| ISSUER_SETTINGS.iter().any(|setting| name == *setting);
    if !settings.iter().any(|(name, _)| names_issuer(name.as_ref())) {
        environment.push((OsStr::new("AUTHORIZER_ISSUER"), OsStr::new(issuer.url())));
        environment.push((OsStr::new("AUTHORIZER_AUDIENCE"), OsStr::new(AUDIENCE)));
    }
    environment.extend(settings.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
    environment
}
