//! Lambda's Invoke API, to invoke the function directly, for example with `aws lambda invoke`.
//!
//! Deliberately absent: signatures, asynchronous invocation, and every other operation of Lambda.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::io;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::client_request::{json_answer, json_bytes};
use crate::guard;
use crate::invocation::{FunctionOutcome, InvokeError};
use crate::lambda::Target;
use crate::server::{self, Answer, Disconnect, Server};

/// The path of the function, whatever its name.
const PREFIX: &str = "/2015-03-31/functions/";
const SUFFIX: &str = "/invocations";

/// An Invoke API on loopback. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct InvokeApi {
    server: Server,
}

impl InvokeApi {
    /// Starts listening on `port`, or on a free one if another program has it.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start(port: u16, function: impl Into<Target>) -> io::Result<Self> {
        let function = function.into();
        let listener = server::listen_preferring(port).await?;
        let address = listener.local_addr()?;
        let server = Server::start(listener, move |request| {
            let function = function.clone();
            async move {
                match guard::check(address, request.headers()) {
                    Ok(()) => handle(&function, request).await,
                    Err(foreign) => Ok(error(StatusCode::FORBIDDEN, &foreign.to_string())),
                }
            }
        })?;
        Ok(Self { server })
    }

    /// Returns the URL, without a slash at its end: the `--endpoint-url` of `aws lambda invoke`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }
}

async fn handle(function: &Target, request: Request<Incoming>) -> Result<Answer, Disconnect> {
    let path = request.uri().path();
    let name = path.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    if request.method() != Method::POST || name.is_none_or(|name| name.contains('/')) {
        return Ok(error(StatusCode::NOT_FOUND, "the only operation is Invoke"));
    }
    let event = request.into_body().collect().await.map_err(|_| Disconnect)?.to_bytes();
    if serde_json::from_slice::<Value>(&event).is_err() {
        return Ok(error(StatusCode::BAD_REQUEST, "the event is not JSON"));
    }
    let failure = match function.invoke(event).await.outcome {
        Ok(FunctionOutcome::Response(response)) => return Ok(json_bytes(response)),
        Ok(FunctionOutcome::Error(error)) => {
            json!({ "errorType": error.error_type, "errorMessage": error.error_message })
        }
        Err(InvokeError::Throttled(_)) => return Ok(throttled()),
        Err(error) => json!({ "errorMessage": error.to_string() }),
    };
    let mut answer = json_answer(StatusCode::OK, &failure);
    answer.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    Ok(answer)
}

/// Answers that the concurrency is used up.
///
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors>
fn throttled() -> Answer {
    let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
    let body = json!({ "Reason": reason, "Type": "User", "message": "Rate Exceeded." });
    let mut answer = json_answer(StatusCode::TOO_MANY_REQUESTS, &body);
    let error_type = HeaderValue::from_static("TooManyRequestsException");
    answer.headers_mut().insert("x-amzn-errortype", error_type);
    answer
}

fn error(status: StatusCode, message: &str) -> Answer {
    json_answer(status, &json!({ "message": message }))
}
