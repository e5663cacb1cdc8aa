//! The queue of invocations, and the state of the function's start.
//!
//! It does the work of the [Runtime API](crate::runtime_api), which adds the HTTP.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::HeaderValue;
use tokio::sync::{mpsc, oneshot, watch};

use crate::invocation::{Deadline, FunctionError, FunctionOutcome, InvokeError};

/// What the function gets when it asks for its next invocation.
#[derive(Debug)]
pub(crate) struct NextInvocation {
    pub(crate) id: String,
    pub(crate) event: Bytes,
    /// The value of `Lambda-Runtime-Deadline-Ms`.
    pub(crate) deadline: HeaderValue,
}

/// No invocation with this id is running. It was answered, timed out, or never existed.
#[derive(Debug)]
pub(crate) struct UnknownId;

/// An invocation in the queue, with the channel to its invoker.
type Queued = (NextInvocation, oneshot::Sender<FunctionOutcome>);

/// The invocations that wait for the function, and those that the function works on.
#[derive(Debug)]
pub(crate) struct Queue {
    /// The execution environment, a part of each ID, so that no two invocations have the same ID.
    environment: u64,
    enqueue: mpsc::UnboundedSender<Queued>,
    /// The poller that waits for an invocation holds the lock; the others wait for the lock.
    /// Tokio's mutex is fair, and a poller that disconnects releases it.
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Queued>>,
    /// A mutex of the standard library is enough: no lock is held across an await.
    running: Mutex<HashMap<String, oneshot::Sender<FunctionOutcome>>>,
    phase: watch::Sender<Phase>,
    next_number: AtomicU64,
    taken: watch::Sender<usize>,
    asked: watch::Sender<usize>,
}

/// The state of the function's start.
#[derive(Clone, Debug)]
enum Phase {
    Init,
    Polling,
    Failed(FunctionError),
}

impl Queue {
    pub(crate) fn new(environment: u64) -> Self {
        let (enqueue, waiting) = mpsc::unbounded_channel();
        Self {
            environment,
            enqueue,
            waiting: tokio::sync::Mutex::new(waiting),
            running: Mutex::default(),
            phase: watch::Sender::new(Phase::Init),
            next_number: AtomicU64::new(1),
            taken: watch::Sender::default(),
            asked: watch::Sender::default(),
        }
    }

    /// Queues an invocation and waits for its outcome.
    pub(crate) async fn invoke(
        &self,
        deadline: Deadline,
        event: Bytes,
    ) -> Result<FunctionOutcome, InvokeError> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        // The fourth group of a UUID has 14 free bits.
        let group = 0x8000 | (self.environment & 0x3fff);
        let id = format!("00000000-0000-4000-{group:04x}-{number:012x}");
        let timeout = deadline.timeout();
        let deadline = match deadline {
            Deadline::In(timeout) => epoch_millis(timeout).into(),
            Deadline::Told { header, .. } => header,
        };
        let invocation = NextInvocation { id: id.clone(), event, deadline };
        let (sender, outcome) = oneshot::channel();
        // `self` owns the receiver, so sending cannot fail.
        let _ = self.enqueue.send((invocation, sender));

        let error = tokio::select! {
            Ok(outcome) = outcome => return Ok(outcome),
            error = self.init_error() => InvokeError::InitError(error),
            () = tokio::time::sleep(timeout) => InvokeError::Timeout(timeout),
        };
        self.running().remove(&id);
        Err(error)
    }

    /// Waits for the oldest invocation whose invoker still waits.
    pub(crate) async fn next(&self) -> Option<NextInvocation> {
        self.phase.send_if_modified(|phase| {
            let first = matches!(phase, Phase::Init);
            if first {
                *phase = Phase::Polling;
            }
            first
        });
        self.asked.send_modify(|asked| *asked += 1);
        let mut waiting = self.waiting.lock().await;
        loop {
            let (invocation, sender) = waiting.recv().await?;
            if !sender.is_closed() {
                self.running().insert(invocation.id.clone(), sender);
                self.taken.send_modify(|taken| *taken += 1);
                return Some(invocation);
            }
        }
    }

    /// Waits until the function has taken `count` invocations.
    pub(crate) async fn taken(&self, count: usize) {
        // `self` owns the sender, so the wait ends only when the count is reached.
        let _ = self.taken.subscribe().wait_for(|taken| *taken >= count).await;
    }

    /// Returns how many invocations the function has taken.
    pub(crate) fn taken_so_far(&self) -> usize {
        *self.taken.borrow()
    }

    /// Waits until the function has asked for an invocation `count` times.
    pub(crate) async fn asked(&self, count: usize) {
        // `self` owns the sender, so the wait ends only when the count is reached.
        let _ = self.asked.subscribe().wait_for(|asked| *asked >= count).await;
    }

    /// Returns how often the function has asked for an invocation.
    pub(crate) fn asked_so_far(&self) -> usize {
        *self.asked.borrow()
    }

    /// Ends the running invocation `id` with `outcome`.
    pub(crate) fn complete(&self, id: &str, outcome: FunctionOutcome) -> Result<(), UnknownId> {
        let sender = self.running().remove(id).ok_or(UnknownId)?;
        // Lambda accepts the outcome even if the invoker has stopped waiting.
        let _ = sender.send(outcome);
        Ok(())
    }

    /// Records that the function's start failed, which ends all waiting.
    pub(crate) fn fail_start(&self, error: FunctionError) {
        self.phase.send_replace(Phase::Failed(error));
    }

    /// Waits until the function's start has succeeded or failed.
    pub(crate) async fn ready(&self) -> Result<(), FunctionError> {
        self.wait_for_phase(|phase| match phase {
            Phase::Init => None,
            Phase::Polling => Some(Ok(())),
            Phase::Failed(error) => Some(Err(error.clone())),
        })
        .await
    }

    /// Waits until the function's start has failed.
    pub(crate) async fn init_error(&self) -> FunctionError {
        self.wait_for_phase(|phase| match phase {
            Phase::Init | Phase::Polling => None,
            Phase::Failed(error) => Some(error.clone()),
        })
        .await
    }

    /// Waits for a phase for which `wanted` returns a value, and returns that value.
    async fn wait_for_phase<T>(&self, wanted: impl Fn(&Phase) -> Option<T>) -> T {
        let mut phase = self.phase.subscribe();
        loop {
            if let Some(value) = wanted(&phase.borrow_and_update()) {
                return value;
            }
            // `self` owns the sender, so this waits for the next phase and cannot fail.
            let _ = phase.changed().await;
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<FunctionOutcome>>> {
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
            _ = future => panic!("the future was ready at its first poll"),
            () = std::future::ready(()) => {}
        }
    }

    /// Takes the next invocation, completes it, and returns its event.
    async fn complete_next(queue: &Queue) -> Bytes {
        let taken = queue.next().await.unwrap();
        queue.complete(&taken.id, FunctionOutcome::Response("response".into())).unwrap();
        taken.event
    }

    #[tokio::test]
    async fn a_poller_that_disconnects_does_not_block_the_next() {
        let queue = Queue::new(0);
        abandon(queue.next()).await;
        let invoke = queue.invoke(Deadline::default(), "event".into());
        let (_, event) = tokio::join!(invoke, complete_next(&queue));
        assert_eq!(event, "event");
    }

    #[tokio::test]
    async fn skips_an_invocation_whose_invoker_stopped_waiting() {
        let queue = Queue::new(0);
        abandon(queue.invoke(Deadline::default(), "abandoned".into())).await;
        abandon(queue.taken(1)).await;
        let invoke = queue.invoke(Deadline::default(), "awaited".into());
        let (_, event) = tokio::join!(invoke, complete_next(&queue));
        assert_eq!(event, "awaited");
        queue.taken(1).await;
    }
}
