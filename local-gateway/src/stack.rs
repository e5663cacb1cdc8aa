//! Issuer, Runtime API, function and WebSocket API, started together and wired to each other.

use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;

use crate::function::Function;
use crate::invocation::FunctionError;
use crate::issuer::{AUDIENCE, Issuer};
use crate::runtime_api::RuntimeApi;
use crate::websocket::WebSocketApi;

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

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port, a key or the process could not be had.
    #[error(transparent)]
    Io(#[from] io::Error),
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
    /// The function trusts the issuer and [`AUDIENCE`], and logs every decision; `settings` are
    /// environment variables on top of that.
    ///
    /// # Errors
    ///
    /// When something can't be started, or the function fails to.
    pub async fn start(executable: &Path, settings: &[(&str, &str)]) -> Result<Self, StartError> {
        let issuer = Issuer::start().await?;
        let runtime_api = Arc::new(RuntimeApi::start().await?);
        let websocket_api = WebSocketApi::start(Arc::clone(&runtime_api)).await?;
        let defaults = [
            ("AUTHORIZER_ISSUER", issuer.url()),
            ("AUTHORIZER_AUDIENCE", AUDIENCE),
            // Allowed requests are logged at this level.
            ("AWS_LAMBDA_LOG_LEVEL", "DEBUG"),
        ];
        let environment = defaults.iter().chain(settings).copied();
        let mut function = Function::start(executable, runtime_api.address(), environment)?;
        tokio::select! {
            // A function that reports a failed start then ends: its report says more.
            biased;
            ready = runtime_api.ready() => ready.map_err(StartError::Init)?,
            status = function.wait() => {
                let status = status?;
                // The log is complete once it has ended as well.
                function.log_line(|_| false).await;
                return Err(StartError::Ended { status, log: function.log().join("\n") });
            }
        }
        Ok(Self { issuer, function, runtime_api, websocket_api })
    }
}
