//! Starts the issuer, the Runtime API, the function and the WebSocket API together.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use crate::function::Function;
use crate::invocation::FunctionError;
use crate::issuer::{AUDIENCE, Issuer};
use crate::runtime_api::RuntimeApi;
use crate::websocket::WebSocketApi;

/// The settings that name the issuers. A user who sets one of them also sets the audience.
pub const ISSUER_SETTINGS: [&str; 2] = ["AUTHORIZER_ISSUER", "AUTHORIZER_ISSUERS"];

/// The running servers and the function. Dropping it stops all of them.
#[derive(Debug)]
pub struct Stack {
    /// The issuer of the tokens.
    pub issuer: Issuer,
    /// The authorizer.
    pub function: Function,
    /// The Runtime API from which the function takes invocations.
    pub runtime_api: Arc<RuntimeApi>,
    /// The API to which clients connect.
    pub websocket_api: WebSocketApi,
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
    /// The WebSocket API has no port.
    #[error("could not start the WebSocket API on a free port of 127.0.0.1")]
    WebSocketApi(#[source] io::Error),
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
        let issuer = Issuer::start().await.map_err(StartError::Issuer)?;
        let runtime_api = Arc::new(RuntimeApi::start().await.map_err(StartError::RuntimeApi)?);
        let websocket_api = WebSocketApi::start(Arc::clone(&runtime_api))
            .await
            .map_err(StartError::WebSocketApi)?;
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
        Ok(Self { issuer, function, runtime_api, websocket_api })
    }
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
