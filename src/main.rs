//! The edge: the environment, logging, and Lambda's Runtime API.
//!
//! Nothing else reads the environment. A start that fails is reported through
//! Lambda's init error, in one message that names every mistake.

mod logging;
mod start;

use std::process::ExitCode;
use std::sync::Arc;

use jwks_authorizer::gateway::response::{FunctionError, Response};
use jwks_authorizer::{Authorizer, Invocation};
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde_json::value::RawValue;
use tracing::error;

fn main() -> ExitCode {
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

/// Serves invocations for as long as Lambda sends any.
async fn run() -> Result<(), lambda_runtime::Error> {
    start::check_lambda_environment()?;
    let authorizer = match start::authorizer().await {
        Ok(authorizer) => Arc::new(authorizer),
        Err(error) => {
            start::report_init_error(&*error).await;
            return Err(error);
        }
    };
    let handler = service_fn(move |event| answer(Arc::clone(&authorizer), event));
    // Not `lambda_runtime::run_concurrent`: that wraps each invocation into a
    // span, which costs as much as reading the event. Our line has the same ids.
    Runtime::new(handler).run_concurrent().await
}

/// Takes the event as it came: reading it is the authorizer's business, so that
/// one that cannot be read still gets an answer and a log line.
async fn answer(
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
