//! One refresh: the fetch with its time limit, and the new state.
//!
//! Lambda may freeze the process during a fetch. After that the response is old, and a failure is not
//! the issuer's fault. So the fetch restarts once, and a second freeze counts as a timeout.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::refresh_log::RefreshLogEntry;
use super::source::{FetchError, Fetched, KeyOrigin, KeySource};
use super::state::{CacheRules, KeyState, RefreshCause};
use crate::invocation::InvocationIds;
use crate::metrics::Metrics;

/// Reads the wall clock.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Which keys to refresh, and why.
pub(super) struct RefreshRequest {
    pub(super) origin: Arc<KeyOrigin>,
    pub(super) cause: RefreshCause,
    /// The invocation that needed the refresh; `None` in the init phase.
    pub(super) invocation: Option<InvocationIds>,
}

/// Fetches keys, and logs and counts each refresh.
pub(super) struct Refresher<S> {
    source: S,
    rules: CacheRules,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// Tells the fetches in flight that one more request waits.
    new_waiter: Notify,
}

impl<S: KeySource> Refresher<S> {
    pub(super) fn new(source: S, rules: CacheRules, clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self { source, rules, clock, metrics, new_waiter: Notify::new() }
    }

    pub(super) fn rules(&self) -> &CacheRules {
        &self.rules
    }

    pub(super) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// Tells the fetches in flight that one more request waits. They then check whether the process
    /// was frozen.
    pub(super) fn announce_waiter(&self) {
        self.new_waiter.notify_waiters();
    }

    /// Fetches an issuer's keys, and returns its new state.
    pub(super) async fn refresh(&self, request: &RefreshRequest, state: &KeyState) -> KeyState {
        let RefreshRequest { origin, cause, invocation } = request;
        let (started, outcome) = self.fetch(origin, state).await;
        let now = self.now();
        let log_entry = RefreshLogEntry::new(
            origin.issuer.as_str(),
            *cause,
            invocation.as_ref(),
            &outcome,
            started..now,
        );
        let next = state.after(outcome, *cause, started, now, jitter(), &self.rules);
        log_entry.log(state, &next, &self.rules);
        log_entry.count(&self.metrics);
        next
    }

    /// Fetches, and once more if the process was frozen. Returns when the last fetch started, and its
    /// outcome.
    async fn fetch(
        &self,
        origin: &KeyOrigin,
        state: &KeyState,
    ) -> (SystemTime, Result<Fetched, FetchError>) {
        let started = self.now();
        if let Some(outcome) = self.fetch_unless_frozen(origin, state, started).await {
            return (started, outcome);
        }
        let restarted = self.now();
        let outcome = self.fetch_unless_frozen(origin, state, restarted).await;
        (restarted, outcome.unwrap_or_else(|| self.timed_out()))
    }

    /// Fetches once. Returns `None` if the process was frozen during the fetch.
    async fn fetch_unless_frozen(
        &self,
        origin: &KeyOrigin,
        state: &KeyState,
        started: SystemTime,
    ) -> Option<Result<Fetched, FetchError>> {
        let fetch = self.source.fetch(state.request(origin, started));
        let outcome = tokio::select! {
            outcome = timeout(self.rules.timeout, fetch) => {
                outcome.unwrap_or_else(|_| self.timed_out())
            }
            () = self.waiter_after_freeze(started) => return None,
        };
        (!self.was_frozen_since(started)).then_some(outcome)
    }

    /// Waits for a request that comes after a freeze.
    ///
    /// During a freeze the timer may have stopped too, and the connection has most likely broken.
    /// Without this check, the new request would wait for both.
    async fn waiter_after_freeze(&self, started: SystemTime) {
        loop {
            self.new_waiter.notified().await;
            if self.was_frozen_since(started) {
                return;
            }
        }
    }

    /// Returns whether more time has passed since the start of a fetch than its timer allows.
    fn was_frozen_since(&self, started: SystemTime) -> bool {
        /// A busy machine delays a timer by less than this.
        const LONGEST_TIMER_DELAY: Duration = Duration::from_secs(2);
        let limit = self.rules.timeout + LONGEST_TIMER_DELAY;
        self.now().duration_since(started).is_ok_and(|passed| passed > limit)
    }

    fn timed_out(&self) -> Result<Fetched, FetchError> {
        Err(FetchError::Timeout(self.rules.timeout))
    }
}

/// Returns a random number from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "53 random bits are enough")]
pub(super) fn jitter() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}
