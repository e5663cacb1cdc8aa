//! The command `rest`: a REST API in front of a backend on this machine.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;

use local_gateway::function::Function;
use local_gateway::log::Follower;
use local_gateway::rest::{Listening, RestApi};
use local_gateway::runtime_api::RuntimeApi;
use serde_json::{Value, json};

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
        let scope = format!(r#"Bearer error="insufficient_scope", scope="{scope}", {metadata}"#);
        let gateway_responses = json!({
            "UNAUTHORIZED": challenge(&format!("Bearer {metadata}")),
            "ACCESS_DENIED": challenge(&scope),
        });
        let gateway_responses = serde_json::from_value(gateway_responses)
            .map_err(|error| Failure::RestApi(io::Error::other(error)))?;
        let api = RestApi::start(listening, runtime_api, backend, gateway_responses)
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

/// Returns a gateway response with this `WWW-Authenticate` header.
fn challenge(text: &str) -> Value {
    json!({
        "responseParameters": { "gatewayresponse.header.WWW-Authenticate": format!("'{text}'") },
    })
}
