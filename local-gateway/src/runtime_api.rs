//! Lambda's Runtime API, from which the function takes invocations.
//!
//! The function asks for its next invocation; the request stays open until there is one. It then
//! posts a response or an error under the invocation's id. Several pollers may wait at the same time,
//! as in a function that handles concurrent invocations.
//!
//! A web page elsewhere must not answer in the function's place, so `guard` checks each request.
//!
//! Deliberately absent: response streaming, extensions, and the limit of 6 MB. `lambda` freezes the
//! function between invocations, and starts it again.
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

use crate::guard;
use crate::invocation::{Deadline, FunctionError, FunctionOutcome, InvokeError};
use crate::queue::{NextInvocation, Queue, UnknownId};
use crate::server::{self, Disconnect, Server};

/// The function's ARN.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:jwks-authorizer";

const VERSION: &str = "/2018-06-01/runtime/";
const TRACE_ID: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

/// A Runtime API on loopback. Dropping it closes its port and every connection.
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
    /// When no port is free.
    pub async fn start() -> io::Result<Self> {
        Self::start_in(0).await
    }

    /// Starts listening on a free port, for this execution environment.
    pub(crate) async fn start_in(environment: u64) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(environment));
        let listener = server::listen().await?;
        let address = listener.local_addr()?;
        let server = Server::start(listener, {
            let queue = Arc::clone(&queue);
            move |request: Request<Incoming>| {
                let queue = Arc::clone(&queue);
                async move {
                    match guard::check(address, request.headers()) {
                        Ok(()) => handle(queue, request).await,
                        Err(foreign) => Ok(error(StatusCode::FORBIDDEN, &foreign.to_string())),
                    }
                }
            }
        })?;
        Ok(Self { server, queue })
    }

    /// Returns its address, the value of `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Invokes the function with the default deadline, and waits for the outcome.
    ///
    /// # Errors
    ///
    /// When the function failed to start, or did not respond in time.
    pub async fn invoke(&self, event: impl Into<Bytes>) -> Result<FunctionOutcome, InvokeError> {
        self.invoke_before(Deadline::default(), event).await
    }

    /// Invokes the function with this deadline, and waits for the outcome.
    ///
    /// # Errors
    ///
    /// When the function failed to start, or did not respond in time.
    pub async fn invoke_before(
        &self,
        deadline: Deadline,
        event: impl Into<Bytes>,
    ) -> Result<FunctionOutcome, InvokeError> {
        self.queue.invoke(deadline, event.into()).await
    }

    /// Takes the next invocation in this process, in place of a function. Returns the event and the
    /// invocation's ID.
    pub(crate) async fn take(&self) -> Option<(Bytes, String)> {
        self.queue.next().await.map(|invocation| (invocation.event, invocation.id))
    }

    /// Ends an invocation that this process took.
    pub(crate) fn complete(&self, id: &str, outcome: FunctionOutcome) {
        // Its invoker may have stopped waiting. Nothing more is to be done then.
        let _ = self.queue.complete(id, outcome);
    }

    /// Waits until the function asks for its first invocation.
    ///
    /// # Errors
    ///
    /// When the function reports that its start failed.
    pub async fn ready(&self) -> Result<(), FunctionError> {
        self.queue.ready().await
    }

    /// Waits until the function has asked for an invocation `count` times since its start. It asks for
    /// the next one when it has done everything that follows an answer.
    pub async fn asked(&self, count: usize) {
        self.queue.asked(count).await;
    }

    /// Waits until the function has taken `count` invocations since its start.
    pub async fn taken(&self, count: usize) {
        self.queue.taken(count).await;
    }

    /// Returns how many invocations the function has taken since its start.
    #[must_use]
    pub fn taken_so_far(&self) -> usize {
        self.queue.taken_so_far()
    }

    /// Returns how often the function has asked for an invocation.
    pub(crate) fn asked_so_far(&self) -> usize {
        self.queue.asked_so_far()
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
            next_invocation(queue.next().await.ok_or(Disconnect)?).map_err(|_| Disconnect)
        }
        (&Method::POST, ["invocation", id, "response"]) => {
            let outcome = FunctionOutcome::Response(read(body).await?);
            Ok(completed(queue.complete(id, outcome)))
        }
        (&Method::POST, ["invocation", id, "error"]) => {
            let outcome = FunctionOutcome::Error(FunctionError::from_report(&read(body).await?));
            Ok(completed(queue.complete(id, outcome)))
        }
        (&Method::POST, ["init", "error"]) => {
            queue.fail_start(FunctionError::from_report(&read(body).await?));
            Ok(accepted())
        }
        _ => Ok(error(StatusCode::NOT_FOUND, "NotFound")),
    }
}

async fn read(body: Incoming) -> Result<Bytes, Disconnect> {
    let collected = body.collect().await.map_err(|_| Disconnect)?;
    Ok(collected.to_bytes())
}

fn next_invocation(invocation: NextInvocation) -> Result<server::Answer, hyper::http::Error> {
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

fn completed(result: Result<(), UnknownId>) -> server::Answer {
    match result {
        Ok(()) => accepted(),
        Err(UnknownId) => error(StatusCode::BAD_REQUEST, "InvalidRequestID"),
    }
}

fn error(status: StatusCode, error_type: &str) -> server::Answer {
    let body = json!({ "errorType": error_type, "errorMessage": error_type });
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response
}
