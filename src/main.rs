//! The executable: environment variables, logging, and Lambda's Runtime API.
//!
//! Only the executable reads the environment. If the start fails, it reports one init error to Lambda,
//! which names every mistake. Without Lambda's Runtime API, it is a tool for troubleshooting.

mod after_answer;
mod logging;
mod start;
mod tool;

use std::process::ExitCode;
use std::sync::Arc;

use jwks_authorizer::{Authorizer, FunctionError, Invocation, Response};
use lambda_runtime::tower::layer::layer_fn;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde_json::value::RawValue;
use tracing::error;

fn main() -> ExitCode {
    if std::env::var_os(start::RUNTIME_API).is_none() {
        return tool::run();
    }
    logging::init(|name| std::env::var(name).ok());
    match start::tokio_runtime().map(|tokio| tokio.block_on(run())) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail(&*error),
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    error!("{error}");
    ExitCode::FAILURE
}

/// Starts the authorizer, and handles invocations.
async fn run() -> Result<(), lambda_runtime::Error> {
    start::check_lambda_environment()?;
    let authorizer = match start::authorizer().await {
        Ok(authorizer) => Arc::new(authorizer),
        Err(error) => {
            start::report_init_error(&*error).await;
            return Err(error);
        }
    };
    let handler = {
        let authorizer = Arc::clone(&authorizer);
        service_fn(move |event| handle(Arc::clone(&authorizer), event))
    };
    let layer = layer_fn(move |service| {
        after_answer::refresh_keys(service, Arc::clone(&authorizer), start::invocations())
    });
    // `lambda_runtime::run_concurrent` would add a span to each invocation. A span takes as long as
    // parsing the event, and our log entry has the same ids.
    Runtime::new(handler).layer(layer).run_concurrent().await
}

/// Handles one invocation. The authorizer parses the event, so that an unusable event also gets a
/// response and a log entry.
async fn handle(
    authorizer: Arc<Authorizer>,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<Response, FunctionError> {
    let context = &event.context;
    let invocation = Invocation {
        request_id: &context.request_id,
        trace_id: context.xray_trace_id.as_deref(),
        deadline: context.deadline(),
    };
    authorizer.authorize(event.payload.get(), invocation).await
}
