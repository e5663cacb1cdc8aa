//! The cache: a state for each issuer, which one fetch at a time may change.
//!
//! Moka holds the states and makes fetches of one issuer's keys take turns;
//! whether keys are fresh is not its business, since its clock may stand still
//! while Lambda freezes the process. Reading a state takes no lock that a fetch
//! holds, so tokens whose key is known never wait.
//!
//! A fetch runs in a task of its own: a caller who gives up does not end it for
//! the others.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::future::Cache;
use moka::ops::compute::{CompResult, Op};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::key_set::KeySet;
use super::report::Report;
use super::source::{FetchError, KeyOrigin, KeySource};
use super::state::{Age, CacheRules, Cause, Chosen, KeyQuery, KeyState, NoKey, Step};
use crate::error::{Error, KeysUnavailableCause};
use crate::invocation::{Invocation, InvocationIds};
use crate::jwt::PublicKey;
use crate::metrics::Metrics;

/// Reads the wall clock.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Keeps every issuer's keys for as long as the execution environment lives.
pub struct KeyCache<S>(Arc<Shared<S>>);

struct Shared<S> {
    source: S,
    rules: CacheRules,
    clock: Clock,
    metrics: Arc<Metrics>,
    states: Cache<Arc<str>, Arc<KeyState>>,
    /// Tells fetches under way that somebody new is waiting.
    arrivals: Notify,
}

/// The keys that a token may be signed with.
pub struct Keys {
    set: Arc<KeySet>,
    entry: usize,
    /// How they were come by.
    pub used: KeysUsed,
    /// When the issuer was asked for them.
    pub fetched_at: SystemTime,
}

impl Keys {
    /// Returns the keys.
    #[must_use]
    pub fn as_slice(&self) -> &[PublicKey] {
        self.set.keys(self.entry)
    }
}

/// How the keys for a token were come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysUsed {
    /// They were at hand.
    Fresh,
    /// They were past their lifetime, and newer ones were not to be had.
    Stale,
    /// The request waited for them.
    Fetched,
}

impl KeysUsed {
    /// Returns the name in log lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Fetched => "fetched",
        }
    }
}

impl<S: KeySource> KeyCache<S> {
    /// Makes an empty cache for so many issuers.
    #[must_use]
    pub fn new(
        source: S,
        rules: CacheRules,
        clock: Clock,
        metrics: Arc<Metrics>,
        issuers: usize,
    ) -> Self {
        let states = Cache::new(issuers as u64);
        Self(Arc::new(Shared { source, rules, clock, metrics, states, arrivals: Notify::new() }))
    }

    /// Gives an issuer its first keys, from a file.
    pub async fn seed(&self, origin: &KeyOrigin, keys: KeySet) {
        let state = KeyState::from_file(keys, self.0.now(), &self.0.rules);
        self.0.states.insert(Arc::clone(&origin.issuer), Arc::new(state)).await;
    }

    /// Fetches the keys of every issuer that has none, all at once, and waits
    /// for the outcomes. A failure is logged and nothing else: a later request
    /// will fetch again.
    pub async fn prefetch(&self, origins: impl IntoIterator<Item = &Arc<KeyOrigin>>) {
        let mut fetches = Vec::new();
        for origin in origins {
            let state = self.state(origin).await;
            if state.age(self.0.now(), &self.0.rules) == Age::Dead {
                let job = Job { origin: Arc::clone(origin), cause: Cause::Age, on_behalf_of: None };
                fetches.push(tokio::spawn(Arc::clone(&self.0).fetch_once(job, state.fetches())));
            }
        }
        for fetch in fetches {
            // The task reports for itself.
            let _ = fetch.await;
        }
    }

    /// Finds the keys for a token, fetching where the state asks for it.
    ///
    /// The request waits no longer than its invocation's deadline allows. The
    /// fetch itself is bounded in any case.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownKey`] and [`Error::KeysUnavailable`].
    pub async fn find(
        &self,
        origin: &Arc<KeyOrigin>,
        query: &KeyQuery<'_>,
        invocation: Invocation<'_>,
    ) -> Result<Keys, Error> {
        let rules = &self.0.rules;
        let before = self.state(origin).await;
        // In this order: a time from before another request's fetch has ended would look as if the
        // clock had been set back, which ends the pause that the fetch has begun.
        let now = self.0.now();
        let (outcome, waited) = match before.step(query, now, rules) {
            Step::Settled(outcome) => (outcome, Waited::No),
            Step::Fetch(cause) => {
                match self.fetch(origin, before.fetches(), cause, now, invocation).await {
                    Some(after) => {
                        (after.settle(query, after.as_of(self.0.now()), rules), Waited::ForAFetch)
                    }
                    None => (before.settle(query, now, rules), Waited::UntilTheDeadline),
                }
            }
        };
        match outcome {
            Ok(Chosen { keys, entry, age, fetched_at }) => {
                Ok(Keys { set: keys, entry, used: used(age, waited), fetched_at })
            }
            Err(NoKey::Unknown) if waited != Waited::UntilTheDeadline => {
                Err(Error::UnknownKey(unknown_key(query)))
            }
            Err(no_key) => {
                let issuer = origin.issuer.to_string();
                Err(Error::KeysUnavailable { issuer, cause: unavailable(no_key, waited) })
            }
        }
    }

    async fn state(&self, origin: &KeyOrigin) -> Arc<KeyState> {
        self.0.states.get(&origin.issuer).await.unwrap_or_default()
    }

    /// Waits for a fetch that ends after the state with `seen` fetches. Returns
    /// nothing when patience ends first.
    async fn fetch(
        &self,
        origin: &Arc<KeyOrigin>,
        seen: u64,
        cause: Cause,
        now: SystemTime,
        invocation: Invocation<'_>,
    ) -> Option<Arc<KeyState>> {
        self.0.arrivals.notify_waiters();
        let job = Job { origin: Arc::clone(origin), cause, on_behalf_of: Some(invocation.ids()) };
        let fetch = tokio::spawn(Arc::clone(&self.0).fetch_once(job, seen));
        match invocation.patience(now) {
            None => fetch.await.ok(),
            Some(patience) => timeout(patience, fetch).await.ok()?.ok(),
        }
    }
}

/// What to fetch, and for whom.
pub(super) struct Job {
    pub(super) origin: Arc<KeyOrigin>,
    pub(super) cause: Cause,
    /// The invocation that needs it first; none in the init phase.
    pub(super) on_behalf_of: Option<InvocationIds>,
}

/// What a request waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    No,
    ForAFetch,
    UntilTheDeadline,
}

fn used(age: Age, waited: Waited) -> KeysUsed {
    match (age, waited) {
        (Age::Fresh, Waited::ForAFetch) => KeysUsed::Fetched,
        (Age::Fresh, _) => KeysUsed::Fresh,
        (Age::Stale | Age::Dead, _) => KeysUsed::Stale,
    }
}

fn unknown_key(query: &KeyQuery<'_>) -> &'static str {
    match query.kid {
        Some(_) => "the issuer has no usable key with the token's kid for its alg",
        None => "the token has no kid, and not exactly one key of the issuer fits its alg",
    }
}

fn unavailable(no_key: NoKey, waited: Waited) -> KeysUnavailableCause {
    match (no_key, waited) {
        (NoKey::Unavailable(last), Waited::No) => KeysUnavailableCause::Backoff(last),
        (NoKey::Unavailable(last), Waited::ForAFetch) => KeysUnavailableCause::Fetch(last),
        (_, _) => KeysUnavailableCause::Deadline,
    }
}

impl<S: KeySource> Shared<S> {
    fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// Fetches, unless another fetch has ended since the caller looked: then its
    /// outcome is the caller's too. Returns the state that holds afterwards.
    async fn fetch_once(self: Arc<Self>, job: Job, seen: u64) -> Arc<KeyState> {
        let fetch = |entry: Option<moka::Entry<Arc<str>, Arc<KeyState>>>| async {
            let state = entry.map(moka::Entry::into_value).unwrap_or_default();
            if state.fetches() == seen {
                Op::Put(Arc::new(self.fetch(&job, &state).await))
            } else {
                Op::Nop
            }
        };
        match self.states.entry(Arc::clone(&job.origin.issuer)).and_compute_with(fetch).await {
            CompResult::Inserted(entry)
            | CompResult::ReplacedWith(entry)
            | CompResult::Unchanged(entry)
            | CompResult::Removed(entry) => entry.into_value(),
            CompResult::StillNone(_) => Arc::default(),
        }
    }

    async fn fetch(&self, job: &Job, state: &KeyState) -> KeyState {
        let mut begun_again = false;
        loop {
            let started = self.now();
            let fetch =
                timeout(self.rules.timeout, self.source.fetch(state.request(&job.origin, started)));
            let outcome = tokio::select! {
                outcome = fetch => outcome.unwrap_or(Err(FetchError::Timeout(self.rules.timeout))),
                () = self.found_frozen(started) => Err(FetchError::Timeout(self.rules.timeout)),
            };
            let outcome = match (self.was_frozen(started), begun_again) {
                (false, _) => outcome,
                (true, false) => {
                    begun_again = true;
                    continue;
                }
                // Whatever was said was said too long ago. Who is frozen again and again has an
                // issuer too slow for the time there is, which is a failure like any other.
                (true, true) => Err(FetchError::Timeout(self.rules.timeout)),
            };
            let now = self.now();
            let report = Report::of(job, &outcome, started..now);
            let next = state.after(outcome, job.cause, started, now, jitter(), &self.rules);
            report.log(state, &next, &self.rules);
            report.count(&self.metrics);
            return next;
        }
    }

    /// Ends when somebody arrives and finds that the process was frozen in the
    /// middle of a fetch. The timer may have stood still too, and the connection
    /// is most likely dead, so waiting for either would cost the newcomer.
    async fn found_frozen(&self, started: SystemTime) {
        loop {
            self.arrivals.notified().await;
            if self.was_frozen(started) {
                return;
            }
        }
    }

    /// Tells whether more time has passed since a fetch began than its timer
    /// would have let pass. Then a failure is no fault of the issuer's, and what
    /// it said is old.
    fn was_frozen(&self, started: SystemTime) -> bool {
        /// More than a busy machine delays a timer.
        const GRACE: Duration = Duration::from_secs(2);
        self.now().duration_since(started).is_ok_and(|passed| passed > self.rules.timeout + GRACE)
    }
}

/// Returns a number from 0 to 1 that differs between environments.
#[expect(clippy::cast_precision_loss, reason = "53 bits of it are plenty")]
fn jitter() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests;
