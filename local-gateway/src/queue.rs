//! Every invocation between its invoker and its answer, and how far the function's start has come.
//!
//! What the [Runtime API](crate::runtime_api) knows, without its HTTP.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::HeaderValue;
use tokio::sync::{mpsc, oneshot, watch};

use crate::invocation::{Answer, Deadline, FunctionError, InvokeError};

/// What the function is handed.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) id: String,
    pub(crate) event: Bytes,
    /// The value of `Lambda-Runtime-Deadline-Ms`.
    pub(crate) deadline: HeaderValue,
}

/// No invocation of that id is running: it was answered before, timed out, or never was.
#[derive(Debug)]
pub(crate) struct UnknownId;

/// The invocations that wait for the function, and those that the function works on.
#[derive(Debug)]
pub(crate) struct Queue {
    enqueue: mpsc::UnboundedSender<(Invocation, oneshot::Sender<Answer>)>,
    /// One waiting poller holds the lock and the others wait for it. Tokio's mutex is fair, and a
    /// poller that goes away lets go of it.
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<(Invocation, oneshot::Sender<Answer>)>>,
    /// Never locked across an await, so a plain mutex does.
    running: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    phase: watch::Sender<Phase>,
    count: AtomicU64,
    taken: watch::Sender<usize>,
}

/// How far the function's start has come.
#[derive(Clone, Debug)]
enum Phase {
    Init,
    Polling,
    Failed(FunctionError),
}

impl Queue {
    pub(crate) fn new() -> Self {
        let (enqueue, waiting) = mpsc::unbounded_channel();
        Self {
            enqueue,
            waiting: tokio::sync::Mutex::new(waiting),
            running: Mutex::default(),
            phase: watch::Sender::new(Phase::Init),
            count: AtomicU64::new(1),
            taken: watch::Sender::default(),
        }
    }

    /// Queues an invocation and waits for its answer.
    pub(crate) async fn invoke(
        &self,
        deadline: Deadline,
        event: Bytes,
    ) -> Result<Answer, InvokeError> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        let timeout = deadline.timeout();
        let deadline = match deadline {
            Deadline::In(timeout) => epoch_millis(timeout).into(),
            Deadline::Told { header, .. } => header,
        };
        let invocation = Invocation { id: id.clone(), event, deadline };
        let (answer, answered) = oneshot::channel();
        // The receiving half is `self`'s, so it cannot be gone.
        let _ = self.enqueue.send((invocation, answer));

        let error = tokio::select! {
            Ok(answer) = answered => return Ok(answer),
            error = self.init_error() => InvokeError::InitError(error),
            () = tokio::time::sleep(timeout) => InvokeError::Timeout(timeout),
        };
        self.running().remove(&id);
        Err(error)
    }

    /// Waits for the oldest invocation that someone still waits for.
    pub(crate) async fn next(&self) -> Option<Invocation> {
        self.phase.send_if_modified(|phase| {
            let first = matches!(phase, Phase::Init);
            if first {
                *phase = Phase::Polling;
            }
            first
        });
        let mut waiting = self.waiting.lock().await;
        loop {
            let (invocation, answer) = waiting.recv().await?;
            if !answer.is_closed() {
                self.running().insert(invocation.id.clone(), answer);
                self.taken.send_modify(|taken| *taken += 1);
                return Some(invocation);
            }
        }
    }

    /// Waits until `count` invocations were handed out.
    pub(crate) async fn taken(&self, count: usize) {
        // The sender is `self`'s, so this only ends when the count is reached.
        let _ = self.taken.subscribe().wait_for(|taken| *taken >= count).await;
    }

    /// Answers the running invocation `id`.
    pub(crate) fn answer(&self, id: &str, answer: Answer) -> Result<(), UnknownId> {
        let invoker = self.running().remove(id).ok_or(UnknownId)?;
        // An invoker that stopped waiting is no concern of the function's.
        let _ = invoker.send(answer);
        Ok(())
    }

    /// Tells all who wait that the function's start failed.
    pub(crate) fn fail_start(&self, error: FunctionError) {
        self.phase.send_replace(Phase::Failed(error));
    }

    /// Waits until the function's start has succeeded or failed.
    pub(crate) async fn ready(&self) -> Result<(), FunctionError> {
        self.reached(|phase| match phase {
            Phase::Init => None,
            Phase::Polling => Some(Ok(())),
            Phase::Failed(error) => Some(Err(error.clone())),
        })
        .await
    }

    /// Waits until the function's start has failed.
    pub(crate) async fn init_error(&self) -> FunctionError {
        self.reached(|phase| match phase {
            Phase::Init | Phase::Polling => None,
            Phase::Failed(error) => Some(error.clone()),
        })
        .await
    }

    /// Waits for a phase from which `reached` takes something.
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

    fn running(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn epoch_millis(from_now: Duration) -> u64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let deadline = since_epoch.unwrap_or_default() + from_now;
    u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Polls a future once and drops it.
    async fn abandon(future: impl Future) {
        tokio::select! {
            biased;
            _ = future => panic!("it had nothing to wait for"),
            () = std::future::ready(()) => {}
        }
    }

    #[tokio::test]
    async fn a_poller_that_goes_away_makes_room_for_the_next() {
        let queue = Queue::new();
        abandon(queue.next()).await;
        let (_, taken) = tokio::join!(queue.invoke(Deadline::default(), "event".into()), async {
            let taken = queue.next().await.unwrap();
            queue.answer(&taken.id, Answer::Response("answer".into())).unwrap();
            taken
        });
        assert_eq!(taken.event, "event");
    }

    #[tokio::test]
    async fn an_invocation_that_nobody_waits_for_is_not_handed_out() {
        let queue = Queue::new();
        abandon(queue.invoke(Deadline::default(), "abandoned".into())).await;
        abandon(queue.taken(1)).await;
        let (_, taken) = tokio::join!(queue.invoke(Deadline::default(), "awaited".into()), async {
            let taken = queue.next().await.unwrap();
            queue.answer(&taken.id, Answer::Response("answer".into())).unwrap();
            taken
        });
        assert_eq!(taken.event, "awaited");
        queue.taken(1).await;
    }
}
