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

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{mpsc, oneshot, watch};

use crate::invocation::{Answer, Deadline, FunctionError, InvokeError};
use crate::server::{self, Disconnect, Server};

/// The ARN under which the function is invoked.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:jwks-authorizer";

const VERSION: &str = "/2018-06-01/runtime/";
const TRACE_ID: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";

/// A Runtime API on loopback; dropping it cuts off the function.
#[derive(Debug)]
pub struct RuntimeApi {
    server: Server,
    invocations: Arc<Invocations>,
}

impl RuntimeApi {
    /// Starts listening on a free port.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        let invocations = Arc::new(Invocations::default());
        let server = Server::start(server::listen().await?, {
            let invocations = Arc::clone(&invocations);
            move |request| answer(Arc::clone(&invocations), request)
        })?;
        Ok(Self {
            server,
            invocations,
        })
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
        let timeout = deadline.timeout();
        let (invocation, answer) = self.invocations.create(deadline, event.into());
        let id = invocation.id.clone();
        // The receiving half is in `self.invocations`, so it cannot be gone.
        let _ = self.invocations.queue.send(invocation);

        let outcome = tokio::select! {
            Ok(answer) = answer => return Ok(answer),
            error = self.init_error() => InvokeError::InitError(error),
            () = tokio::time::sleep(timeout) => InvokeError::Timeout(timeout),
        };
        self.invocations.running().remove(&id);
        Err(outcome)
    }

    /// Waits until the function asks for its first invocation.
    ///
    /// # Errors
    ///
    /// When the function reports that its start failed.
    pub async fn ready(&self) -> Result<(), FunctionError> {
        let reached = |phase: &Phase| match phase {
            Phase::Init => None,
            Phase::Polling => Some(Ok(())),
            Phase::Failed(error) => Some(Err(error.clone())),
        };
        self.invocations.reached(reached).await
    }

    /// Waits until the function reports that its start failed.
    pub async fn init_error(&self) -> FunctionError {
        let reached = |phase: &Phase| match phase {
            Phase::Init | Phase::Polling => None,
            Phase::Failed(error) => Some(error.clone()),
        };
        self.invocations.reached(reached).await
    }
}

/// How far the function's start has come.
#[derive(Clone, Debug)]
enum Phase {
    Init,
    Polling,
    Failed(FunctionError),
}

#[derive(Debug)]
struct Invocation {
    id: String,
    event: Bytes,
    deadline: HeaderValue,
    answer: oneshot::Sender<Answer>,
}

/// Every invocation between its invoker and its answer.
#[derive(Debug)]
struct Invocations {
    queue: mpsc::UnboundedSender<Invocation>,
    /// Held by one waiting poller while the others wait for the lock: tokio's mutex is fair, and
    /// a poller that goes away lets go of it.
    queued: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    /// Never held across an await, so a plain mutex does.
    running: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    phase: watch::Sender<Phase>,
    count: AtomicU64,
}

impl Default for Invocations {
    fn default() -> Self {
        let (queue, queued) = mpsc::unbounded_channel();
        Self {
            queue,
            queued: tokio::sync::Mutex::new(queued),
            running: Mutex::default(),
            phase: watch::Sender::new(Phase::Init),
            count: AtomicU64::new(1),
        }
    }
}

impl Invocations {
    fn create(&self, deadline: Deadline, event: Bytes) -> (Invocation, oneshot::Receiver<Answer>) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let invocation = Invocation {
            id: format!("00000000-0000-4000-8000-{number:012x}"),
            event,
            deadline: match deadline {
                Deadline::In(timeout) => epoch_millis(timeout).into(),
                Deadline::Told { header, .. } => header,
            },
            answer,
        };
        (invocation, answered)
    }

    /// Takes the oldest invocation that someone still waits for.
    async fn next(&self) -> Option<Invocation> {
        let mut queued = self.queued.lock().await;
        loop {
            let invocation = queued.recv().await?;
            if !invocation.answer.is_closed() {
                return Some(invocation);
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the phase from which `reached` takes something.
    async fn reached<T>(&self, reached: impl Fn(&Phase) -> Option<T>) -> T {
        let mut phase = self.phase.subscribe();
        loop {
            if let Some(reached) = reached(&phase.borrow_and_update()) {
                return reached;
            }
            // The sender is `self`'s, so this is always a new phase, never the channel's end.
            let _ = phase.changed().await;
        }
    }
}

fn epoch_millis(from_now: Duration) -> u64 {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from((since_epoch + from_now).as_millis()).unwrap_or(u64::MAX)
}

async fn answer(
    invocations: Arc<Invocations>,
    request: Request<Incoming>,
) -> Result<server::Answer, Disconnect> {
    let (parts, body) = request.into_parts();
    let Some(resource) = parts.uri.path().strip_prefix(VERSION) else {
        return Ok(refusal(StatusCode::NOT_FOUND, "NotFound"));
    };
    let resource: Vec<&str> = resource.split('/').collect();
    match (&parts.method, resource.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(&invocations).await,
        (&Method::POST, ["invocation", id, "response"]) => {
            let body = read(body).await?;
            Ok(finish(&invocations, id, Answer::Response(body)))
        }
        (&Method::POST, ["invocation", id, "error"]) => {
            let error = FunctionError::from_report(&read(body).await?);
            Ok(finish(&invocations, id, Answer::Error(error)))
        }
        (&Method::POST, ["init", "error"]) => {
            let error = FunctionError::from_report(&read(body).await?);
            invocations.phase.send_replace(Phase::Failed(error));
            Ok(accepted())
        }
        _ => Ok(refusal(StatusCode::NOT_FOUND, "NotFound")),
    }
}

async fn next(invocations: &Invocations) -> Result<server::Answer, Disconnect> {
    invocations.phase.send_if_modified(|phase| {
        let first = matches!(phase, Phase::Init);
        if first {
            *phase = Phase::Polling;
        }
        first
    });
    let Invocation {
        id,
        event,
        deadline,
        answer,
    } = invocations.next().await.ok_or(Disconnect)?;
    let response = Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", &id)
        .header("Lambda-Runtime-Deadline-Ms", deadline)
        .header("Lambda-Runtime-Invoked-Function-Arn", FUNCTION_ARN)
        .header("Lambda-Runtime-Trace-Id", TRACE_ID)
        .body(Full::new(event))
        .map_err(|_| Disconnect)?;
    invocations.running().insert(id, answer);
    Ok(response)
}

fn finish(invocations: &Invocations, id: &str, answer: Answer) -> server::Answer {
    let Some(invoker) = invocations.running().remove(id) else {
        return refusal(StatusCode::BAD_REQUEST, "InvalidRequestID");
    };
    // An invoker that stopped waiting is no concern of the function's.
    let _ = invoker.send(answer);
    accepted()
}

async fn read(body: Incoming) -> Result<Bytes, Disconnect> {
    let collected = body.collect().await.map_err(|_| Disconnect)?;
    Ok(collected.to_bytes())
}

fn accepted() -> server::Answer {
    let mut response = Response::new(Full::from(r#"{"status":"OK"}"#));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn refusal(status: StatusCode, error_type: &str) -> server::Answer {
    let body = serde_json::json!({ "errorType": error_type, "errorMessage": error_type });
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_poller_that_goes_away_makes_room_for_the_next() {
        let invocations = Invocations::default();
        tokio::select! {
            biased;
            _ = invocations.next() => panic!("there is no invocation yet"),
            () = std::future::ready(()) => {}
        }
        let (invocation, _answered) = invocations.create(Deadline::default(), Bytes::from("event"));
        invocations.queue.send(invocation).unwrap();
        assert_eq!(invocations.next().await.unwrap().event, "event");
    }

    #[tokio::test]
    async fn an_invocation_that_nobody_waits_for_is_not_handed_out() {
        let invocations = Invocations::default();
        let (abandoned, answered) = invocations.create(Deadline::default(), "abandoned".into());
        drop(answered);
        let (awaited, _answered) = invocations.create(Deadline::default(), "awaited".into());
        invocations.queue.send(abandoned).unwrap();
        invocations.queue.send(awaited).unwrap();
        assert_eq!(invocations.next().await.unwrap().event, "awaited");
    }
}
