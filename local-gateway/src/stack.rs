//! Starts the issuer, the Runtime API, the function and the APIs together.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use crate::authorizer::{Authorizer, AuthorizerConfig};
use crate::cache::DEFAULT_TTL;
use crate::function::Function;
use crate::http_api::HttpApi;
use crate::identity::ApiKind;
use crate::invocation::FunctionError;
use crate::invoke::InvokeApi;
use crate::issuer::{AUDIENCE, Issuer};
use crate::recorder::Recorder;
use crate::rest::{Listening, RestApi};
use crate::runtime_api::RuntimeApi;
use crate::websocket::WebSocketApi;

/// The settings that name the issuers. A user who sets one of them also sets the audience.
pub const ISSUER_SETTINGS: [&str; 2] = ["AUTHORIZER_ISSUER", "AUTHORIZER_ISSUERS"];

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

/// The running servers and the function. Dropping it stops all of them.
#[derive(Debug)]
pub struct Stack {
    /// The issuer of the tokens.
    pub issuer: Arc<Issuer>,
    /// The authorizer.
    pub function: Function,
    /// The Runtime API from which the function takes invocations.
    pub runtime_api: Arc<RuntimeApi>,
    /// Lambda's API for direct invocation of the function.
    pub invoke_api: InvokeApi,
    /// The API to which WebSocket clients connect. It has no identity source.
    pub websocket_api: WebSocketApi,
    /// A REST API. Its identity source is the `Authorization` header, and its cache is on.
    pub rest_api: RestApi,
    /// An HTTP API. Its identity sources are the `Authorization` header and the route, and its cache
    /// is on. It expects simple responses, unless the settings make the function return policies.
    pub http_api: HttpApi,
    /// The authorizer of each API.
    pub authorizers: [Arc<Authorizer>; 3],
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
        Self::start_at(Ports::default(), executable, settings).await
    }

    /// Starts everything as [`Stack::start`] does, on these ports if they are free.
    ///
    /// # Errors
    ///
    /// When a part cannot be started, or the function's start fails.
    pub async fn start_at<K, V>(
        ports: Ports,
        executable: &Path,
        settings: &[(K, V)],
    ) -> Result<Self, StartError>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let issuer = Issuer::start_at(ports.issuer).await.map_err(StartError::Issuer)?;
        let issuer = Arc::new(issuer);
        let runtime_api = Arc::new(RuntimeApi::start().await.map_err(StartError::RuntimeApi)?);
        let policies = settings
            .iter()
            .any(|(name, value)| name.as_ref() == HTTP_API_RESPONSE && value.as_ref() == "policy");
        let authorizers = authorizers(&runtime_api, !policies).map_err(StartError::Api)?;
        let [websocket, rest, http] = authorizers.clone();
        let recorder = Arc::new(Recorder::default());
        let record = || Arc::clone(&recorder);
        let started = async {
            let invoke_api = InvokeApi::start(ports.invoke_api, Arc::clone(&runtime_api)).await?;
            let websocket_api =
                WebSocketApi::start_at(ports.websocket_api, websocket, record()).await?;
            let listening = Listening::at(ports.rest_api).await?;
            let rest_api = RestApi::start_echo(listening, rest, record())?;
            let http_api = HttpApi::start(ports.http_api, http, record()).await?;
            Ok((invoke_api, websocket_api, rest_api, http_api))
        };
        let (invoke_api, websocket_api, rest_api, http_api) =
            started.await.map_err(StartError::Api)?;
        let environment = environment(&issuer, settings);
        let mut function = Function::start(executable, runtime_api.address(), environment)
            .map_err(|source| StartError::Function { executable: executable.to_owned(), source })?;
        tokio::select! {
            // After a failed start, the function reports an error and ends. The report says more.
            biased;
            ready = runtime_api.ready() => ready.map_err(StartError::Init)?,
            status = function.wait() => {
                let status = status.map_err(StartError::Wait)?;
                // Waits for the end of the log, so that it is complete.
                function.log_line(|_| false).await;
                return Err(StartError::Ended { status, log: function.log().join("\n") });
            }
        }
        Ok(Self {
            issuer,
            function,
            runtime_api,
            invoke_api,
            websocket_api,
            rest_api,
            http_api,
            authorizers,
            recorder,
        })
    }
}

/// Returns the authorizers of the WebSocket, the REST and the HTTP API.
fn authorizers(
    runtime_api: &Arc<RuntimeApi>,
    simple_responses: bool,
) -> io::Result<[Arc<Authorizer>; 3]> {
    let authorizer = |api, sources: &[&str], ttl| {
        let config = AuthorizerConfig {
            api,
            identity_sources: sources.iter().map(|source| (*source).to_owned()).collect(),
            ttl,
            simple_responses: simple_responses && api == ApiKind::Http,
        };
        let authorizer = Authorizer::new(Arc::clone(runtime_api), &config);
        authorizer.map(Arc::new).map_err(io::Error::other)
    };
    Ok([
        authorizer(ApiKind::WebSocket, &[], Duration::ZERO)?,
        authorizer(ApiKind::Rest, &["method.request.header.Authorization"], DEFAULT_TTL)?,
        authorizer(
            ApiKind::Http,
            &["$request.header.Authorization", "$context.routeKey"],
            DEFAULT_TTL,
        )?,
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
