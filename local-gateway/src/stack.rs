//! Issuer, Runtime API, function and WebSocket API, started together and wired to each other.

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

/// The settings that say which issuers the function trusts. A user who sets one of them brings an
/// issuer and its audience.
pub const ISSUER_SETTINGS: [&str; 3] =
    ["AUTHORIZER_ISSUER", "AUTHORIZER_ISSUERS", "AUTHORIZER_ISSUERS_FILE"];

/// Everything that a client needs, running; dropping it stops all of it.
#[derive(Debug)]
pub struct Stack {
    /// Who signs the tokens.
    pub issuer: Issuer,
    /// The authorizer.
    pub function: Function,
    /// How it is invoked.
    pub runtime_api: Arc<RuntimeApi>,
    /// What the client connects to.
    pub websocket_api: WebSocketApi,
}

/// Why the stack does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The issuer got no port or no key.
    #[error("could not start the issuer on a free port of 127.0.0.1")]
    Issuer(#[source] io::Error),
    /// The Runtime API got no port.
    #[error("could not start the Runtime API on a free port of 127.0.0.1")]
    RuntimeApi(#[source] io::Error),
    /// The WebSocket API got no port.
    #[error("could not start the WebSocket API on a free port of 127.0.0.1")]
    WebSocketApi(#[source] io::Error),
    /// The operating system did not start the function.
    #[error("could not start the function, {}", .executable.display())]
    Function {
        /// The function's executable.
        executable: PathBuf,
        /// Why it did not start.
        source: io::Error,
    },
    /// The operating system does not tell how the function ended.
    #[error("could not wait for the function to end")]
    Wait(#[source] io::Error),
    /// The function reported that its start failed.
    #[error("the function failed to start: {0}")]
    Init(FunctionError),
    /// The function ended without a report.
    #[error("the function ended before its first invocation ({status}):\n{log}")]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// What it wrote until then.
        log: String,
    },
}

impl Stack {
    /// Starts all of it with the function's `executable`, and waits until the function is ready.
    ///
    /// The function trusts the issuer and [`AUDIENCE`], and logs every decision. `settings` are
    /// further environment variables, which win. With one of [`ISSUER_SETTINGS`] among them, the
    /// function is not told to trust the issuer and [`AUDIENCE`].
    ///
    /// # Errors
    ///
    /// When something can't be started, or the function fails to.
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
        // Allowed requests are logged at this level.
        let mut environment = vec![(OsStr::new("AWS_LAMBDA_LOG_LEVEL"), OsStr::new("DEBUG"))];
        let trusts = |name: &OsStr| ISSUER_SETTINGS.iter().any(|setting| name == *setting);
        if !settings.iter().any(|(name, _)| trusts(name.as_ref())) {
            environment.push((OsStr::new("AUTHORIZER_ISSUER"), OsStr::new(issuer.url())));
            environment.push((OsStr::new("AUTHORIZER_AUDIENCE"), OsStr::new(AUDIENCE)));
        }
        environment.extend(settings.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
        let mut function = Function::start(executable, runtime_api.address(), environment)
            .map_err(|source| StartError::Function { executable: executable.to_owned(), source })?;
        tokio::select! {
            // A function that reports a failed start then ends: its report says more.
            biased;
            ready = runtime_api.ready() => ready.map_err(StartError::Init)?,
            status = function.wait() => {
                let status = status.map_err(StartError::Wait)?;
                // The log is complete once it has ended as well.
                function.log_line(|_| false).await;
                return Err(StartError::Ended { status, log: function.log().join("\n") });
            }
        }
        Ok(Self { issuer, function, runtime_api, websocket_api })
    }
}
