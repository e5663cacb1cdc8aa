//! Lambda's Runtime API, between whoever invokes and a function that polls.
//!
//! The function asks for an invocation and is left waiting until there is one; it posts its answer
//! or its error under the invocation's id. Any number of pollers may wait at once, which is how a
//! function with concurrency inside one environment looks from here.
//!
//! Deliberately absent: response streaming, extensions, the 6 MB limit, freezing the function
//! between invocations, and starting it again after a failed start.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use crate::invocation::{Answer, Deadline, FunctionError, InvokeError};
use crate::queue::{Invocation, Queue};
use crate::server::{self, Disconnect, Server};

/// The ARN under which the function is invoked.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:jwks-authorizer";

const VERSION: &str = "/2018-06-01/runtime/";
const TRACE_ID: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

/// A Runtime API on loopback; dropping it cuts off the function.
#[derive(Debug)]
pub struct RuntimeApi {
    server: Server,
    queue: Arc<Queue>,
}

impl RuntimeApi {
    /// Starts listening on a free port.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        let queue = Arc::new(Queue::new());
        let server = Server::start(server::listen().await?, {
            let queue = Arc::clone(&queue);
            move |request| handle(Arc::clone(&queue), request)
        })?;
        Ok(Self { server, queue })
    }

    /// Where the function finds it: the value of `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Invokes the function and waits for its answer, for as long as [`Deadline::default`] allows.
    ///
    /// # Errors
    ///
    /// When the function failed to start, or did not answer in time.
    pub async fn invoke(&self, event: impl Into<Bytes>) -> Result<Answer, InvokeError> {
        self.invoke_before(Deadline::default(), event).await
    }

    /// Invokes the function with a deadline of its own.
    ///
    /// # Errors
    ///
    /// When the function failed to start, or did not answer in time.
    pub async fn invoke_before(
        &self,
        deadline: Deadline,
        event: impl Into<Bytes>,
    ) -> Result<Answer, InvokeError> {
        self.queue.invoke(deadline, event.into()).await
    }

    /// Waits until the function asks for its first invocation.
    ///
    /// # Errors
    ///
    /// When the function reports that its start failed.
    pub async fn ready(&self) -> Result<(), FunctionError> {
        self.queue.ready().await
    }

    /// Waits until the function has taken `count` invocations, counted from its start.
    pub async fn taken(&self, count: usize) {
        self.queue.taken(count).await;
    }

    /// Waits until the function reports that its start failed.
    pub async fn init_error(&self) -> FunctionError {
        self.queue.init_error().await
    }
}

async fn handle(
    queue: Arc<Queue>,
    request: Request<Incoming>,
) -> Result<server::Answer, Disconnect> {
    let (parts, body) = request.into_parts();
    let resource = parts.uri.path().strip_prefix(VERSION).unwrap_or_default();
    let resource: Vec<&str> = resource.split('/').collect();
    match (&parts.method, resource.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => {
            handed(queue.next().await.ok_or(Disconnect)?).map_err(|_| Disconnect)
        }
        (&Method::POST, ["invocation", id, "response"]) => {
            let answer = Answer::Response(read(body).await?);
            Ok(queue.answer(id, answer).map_or_else(|_| unknown_id(), |()| accepted()))
        }
        (&Method::POST, ["invocation", id, "error"]) => {
            let answer = Answer::Error(FunctionError::from_report(&read(body).await?));
            Ok(queue.answer(id, answer).map_or_else(|_| unknown_id(), |()| accepted()))
        }
        (&Method::POST, ["init", "error"]) => {
            queue.fail_start(FunctionError::from_report(&read(body).await?));
            Ok(accepted())
        }
        _ => Ok(refusal(StatusCode::NOT_FOUND, "NotFound")),
    }
}

async fn read(body: Incoming) -> Result<Bytes, Disconnect> {
    let collected = body.collect().await.map_err(|_| Disconnect)?;
    Ok(collected.to_bytes())
}

fn handed(invocation: Invocation) -> Result<server::Answer, hyper::http::Error> {
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", invocation.id)
        .header("Lambda-Runtime-Deadline-Ms", invocation.deadline)
        .header("Lambda-Runtime-Invoked-Function-Arn", FUNCTION_ARN)
        .header("Lambda-Runtime-Trace-Id", TRACE_ID)
        .body(Full::new(invocation.event))
}

fn accepted() -> server::Answer {
    let mut response = Response::new(Full::from(r#"{"status":"OK"}"#));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn unknown_id() -> server::Answer {
    refusal(StatusCode::BAD_REQUEST, "InvalidRequestID")
}

fn refusal(status: StatusCode, error_type: &str) -> server::Answer {
    let body = json!({ "errorType": error_type, "errorMessage": error_type });
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response
}
