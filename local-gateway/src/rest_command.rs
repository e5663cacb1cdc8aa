//! The command `rest`: a REST API in front of a backend on this machine.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;

use local_gateway::function::Function;
use local_gateway::header::HeaderValue;
use local_gateway::log::Follower;
use local_gateway::rest::{Challenges, Listening, RestApi};
use local_gateway::runtime_api::RuntimeApi;

use crate::Failure;
use crate::settings::Settings;

/// The path of the resource.
const RESOURCE_PATH: &str = "/mcp";

/// A running REST API and its function.
pub(crate) struct Rest {
    /// Answers until it is dropped.
    pub(crate) api: RestApi,
    function: Function,
    log: Follower,
}

impl Rest {
    /// Starts the API for the `backend`, and the function's `executable` with `settings`. The resource is the API's
    /// `/mcp`. A 403 names `scope`.
    pub(crate) async fn start(
        executable: &Path,
        backend: SocketAddr,
        scope: &str,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let listening = Listening::start().await.map_err(Failure::RestApi)?;
        let url = listening.url().map_err(Failure::RestApi)?;
        let runtime_api = Arc::new(RuntimeApi::start().await.map_err(Failure::RestApi)?);
        let resource = format!("{url}{RESOURCE_PATH}");
        let defaults = [("AWS_LAMBDA_LOG_LEVEL", "DEBUG"), ("AUTHORIZER_RESOURCE", &resource)];
        let defaults = defaults.map(|(name, value)| (name.into(), value.into()));
        let variables = defaults.iter().chain(settings.variables());
        let variables = variables.map(|(name, value)| (name.as_os_str(), value.as_os_str()));
        let mut function = Function::start(executable, runtime_api.address(), variables)
            .map_err(Failure::RestApi)?;
        let log = function.follow_log();
        tokio::select! {
            biased;
            ready = runtime_api.ready() => ready.map_err(Failure::Init)?,
            status = function.wait() => {
                return Err(Failure::Ended(status.map_err(Failure::Wait)?));
            }
        }
        let metadata = format!(
            r#"resource_metadata="{url}/.well-known/oauth-protected-resource{RESOURCE_PATH}""#
        );
        let challenges = Challenges {
            unauthorized: challenge(&format!("Bearer {metadata}"))?,
            access_denied: challenge(&format!(
                r#"Bearer error="insufficient_scope", scope="{scope}", {metadata}"#
            ))?,
        };
        let api = RestApi::start(listening, runtime_api, backend, challenges)
            .map_err(Failure::RestApi)?;
        Ok(Self { api, function, log })
    }

    /// Prints the function's log until the function ends.
    pub(crate) async fn print_log(&mut self) -> io::Result<ExitStatus> {
        while let Some(line) = self.log.line(|_| true).await {
            println!("{line}");
        }
        self.function.wait().await
    }
}

fn challenge(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|error| Failure::RestApi(io::Error::other(error)))
}
