//! The cache: a state for each issuer, and one refresh of an issuer at a time.
//!
//! Moka stores the states and lets refreshes of one issuer run one after the other. Its expiry is not
//! used: it counts by a clock that may stop while Lambda freezes the process. To read a state takes no
//! lock that a refresh holds, so a request with a fresh key never waits.
//!
//! A refresh runs in its own task. So it continues for the other requests if one of them gives up.
//!
//! Where the keys may be used before they are refreshed, the request only notes that the refresh is due,
//! and [`KeyCache::refresh_ahead`] makes it after the answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::Entry;
use moka::future::Cache;
use moka::ops::compute::{CompResult, Op};
use tokio::time::timeout;

use super::due::{DueRefresh, DueRefreshes};
use super::error::{KeyError, KeysUnavailableCause};
use super::key_set::KeySet;
use super::refresh::{Clock, RefreshRequest, Refresher, jitter};
use super::source::{KeyOrigin, KeySource};
use super::state::{Age, CacheRules, KeyQuery, KeyState, NoKey, RefreshCause, SelectedKeys, Step};
use crate::invocation::{Invocation, time_left};
use crate::jwt::PublicKey;
use crate::metrics::Metrics;

/// Caches every issuer's keys while the execution environment exists.
pub(crate) struct KeyCache<S>(Arc<Shared<S>>);

impl<S> Clone for KeyCache<S> {
    /// Returns another handle of the same cache.
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<S> {
    states: Cache<Arc<str>, Arc<KeyState>>,
    refresher: Refresher<S>,
    due: DueRefreshes,
}

/// The signing keys that match a token's `kid` and `alg`.
pub(crate) struct SigningKeys {
    key_set: Arc<KeySet>,
    entry: usize,
    /// Where the keys came from.
    pub(crate) freshness: KeyFreshness,
    /// When they were fetched.
    pub(crate) fetched_at: SystemTime,
}

impl SigningKeys {
    /// Returns the keys: one, unless the issuer uses a `kid` for several keys.
    pub(crate) fn as_slice(&self) -> &[PublicKey] {
        self.key_set.keys(self.entry)
    }
}

/// Where these keys came from: the cache, a stale entry, or a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyFreshness {
    /// From the cache, within their lifetime.
    Fresh,
    /// From the cache, past their lifetime: a refresh follows the answer, or has failed.
    Stale,
    /// From a fetch that the request waited for.
    Fetched,
}

impl KeyFreshness {
    /// Returns the name in log entries.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Fetched => "fetched",
        }
    }
}

impl<S: KeySource> KeyCache<S> {
    /// Creates an empty cache for this number of issuers.
    pub(crate) fn new(
        source: S,
        rules: CacheRules,
        clock: Clock,
        metrics: Arc<Metrics>,
        issuers: usize,
    ) -> Self {
        let refresher = Refresher::new(source, rules, clock, metrics);
        let states = Cache::new(issuers as u64);
        Self(Arc::new(Shared { states, refresher, due: DueRefreshes::default() }))
    }

    /// Stores an issuer's first keys, from a file.
    pub(crate) async fn seed(&self, origin: &KeyOrigin, keys: KeySet) {
        let state = KeyState::from_file(keys, self.now(), jitter(), self.rules());
        self.0.states.insert(Arc::clone(origin.issuer.shared()), Arc::new(state)).await;
    }

    /// Fetches the keys of all issuers without keys at the same time, and waits until all fetches have
    /// ended. A failed fetch is logged, and a later request fetches again.
    pub(crate) async fn prefetch(&self, origins: impl IntoIterator<Item = &Arc<KeyOrigin>>) {
        let mut refreshes = Vec::new();
        for origin in origins {
            let state = self.state(origin).await;
            if state.age(self.now(), self.rules()) == Age::Expired {
                let request = RefreshRequest {
                    origin: Arc::clone(origin),
                    cause: RefreshCause::Age,
                    invocation: None,
                };
                refreshes
                    .push(tokio::spawn(Arc::clone(&self.0).refresh(request, state.refreshes())));
            }
        }
        for refresh in refreshes {
            // The refresh has logged its own failure.
            let _ = refresh.await;
        }
    }

    /// Finds the signing keys for a token. Waits for a refresh if the state needs one, but not past
    /// the invocation's deadline.
    pub(crate) async fn find(
        &self,
        origin: &Arc<KeyOrigin>,
        query: &KeyQuery<'_>,
        invocation: Invocation<'_>,
    ) -> Result<SigningKeys, KeyError> {
        let state = self.state(origin).await;
        // The clock is read after the state. A refresh that ends in between would otherwise begin a
        // cooldown or backoff after `now`. That would look like a clock that was set back, so the
        // pause would count as over, and this request would fetch again immediately.
        let now = self.now();
        let (found, waited) = match state.next_step(query, now, self.rules()) {
            Step::Answer(found) => (found, Waited::No),
            Step::AnswerThenRefresh(found) => {
                self.0.due.note(origin, state.refreshes(), invocation);
                (found, Waited::No)
            }
            Step::Refresh(cause) => {
                match self.wait_for_refresh(origin, &state, cause, now, invocation).await {
                    Some(refreshed) => {
                        let found = refreshed.lookup_after_refresh(query, self.now(), self.rules());
                        (found, Waited::ForRefresh)
                    }
                    None => (state.lookup(query, now, self.rules()), Waited::UntilDeadline),
                }
            }
        };
        found
            .map(|selected| signing_keys(selected, waited))
            .map_err(|no_key| key_error(no_key, waited, origin, query))
    }

    /// Waits for the end of a refresh of `state`. Returns `None` if the deadline comes first.
    async fn wait_for_refresh(
        &self,
        origin: &Arc<KeyOrigin>,
        state: &KeyState,
        cause: RefreshCause,
        now: SystemTime,
        invocation: Invocation<'_>,
    ) -> Option<Arc<KeyState>> {
        let origin = Arc::clone(origin);
        let request = RefreshRequest { origin, cause, invocation: Some(invocation.ids()) };
        self.0.refresh_within(invocation.time_left(now), request, state.refreshes()).await
    }

    /// Starts the refreshes that are due, each in its own task. The future waits for them, but not past
    /// the deadlines of the invocations that needed them.
    pub(crate) fn refresh_ahead(&self) -> impl Future<Output = ()> + Send + use<S> {
        let due = self.0.due.take();
        let refreshes: Vec<_> =
            due.into_iter().map(|due| tokio::spawn(Arc::clone(&self.0).refresh_due(due))).collect();
        async move {
            for refresh in refreshes {
                // The refresh has logged its own failure.
                let _ = refresh.await;
            }
        }
    }

    async fn state(&self, origin: &KeyOrigin) -> Arc<KeyState> {
        self.0.states.get(origin.issuer.shared()).await.unwrap_or_default()
    }

    fn now(&self) -> SystemTime {
        self.0.refresher.now()
    }

    fn rules(&self) -> &CacheRules {
        self.0.refresher.rules()
    }
}

impl<S: KeySource> Shared<S> {
    async fn refresh_due(self: Arc<Self>, due: DueRefresh) {
        let DueRefresh { origin, refreshes, invocation, deadline } = due;
        let issuer = Arc::clone(origin.issuer.shared());
        let time_left = time_left(deadline, self.refresher.now());
        let request =
            RefreshRequest { origin, cause: RefreshCause::Age, invocation: Some(invocation) };
        self.refresh_within(time_left, request, refreshes).await;
        self.due.end(&issuer);
    }

    /// Waits for the end of a refresh, which has a task of its own. Returns `None` if the time ends
    /// first.
    async fn refresh_within(
        self: &Arc<Self>,
        time_left: Option<Duration>,
        request: RefreshRequest,
        refreshes: u64,
    ) -> Option<Arc<KeyState>> {
        self.refresher.announce_waiter();
        let refresh = tokio::spawn(Arc::clone(self).refresh(request, refreshes));
        match time_left {
            None => refresh.await.ok(),
            Some(time_left) => timeout(time_left, refresh).await.ok()?.ok(),
        }
    }

    /// Refreshes an issuer's state, and returns the new one.
    ///
    /// `refreshes` is the count in the state that the caller has seen. If it has changed, another
    /// refresh has ended in the meantime. The caller shares its result.
    async fn refresh(self: Arc<Self>, request: RefreshRequest, refreshes: u64) -> Arc<KeyState> {
        let refresh = |entry: Option<Entry<Arc<str>, Arc<KeyState>>>| async {
            let state = entry.map(Entry::into_value).unwrap_or_default();
            if state.refreshes() != refreshes {
                return Op::Nop;
            }
            Op::Put(Arc::new(self.refresher.refresh(&request, &state).await))
        };
        let issuer = Arc::clone(request.origin.issuer.shared());
        match self.states.entry(issuer).and_compute_with(refresh).await {
            CompResult::Inserted(entry)
            | CompResult::ReplacedWith(entry)
            | CompResult::Unchanged(entry)
            | CompResult::Removed(entry) => entry.into_value(),
            CompResult::StillNone(_) => Arc::default(),
        }
    }
}

/// What a request waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    No,
    ForRefresh,
    UntilDeadline,
}

fn signing_keys(selected: SelectedKeys, waited: Waited) -> SigningKeys {
    let freshness = match (selected.age, waited) {
        (Age::Fresh | Age::Due, Waited::ForRefresh) => KeyFreshness::Fetched,
        (Age::Fresh | Age::Due, Waited::No | Waited::UntilDeadline) => KeyFreshness::Fresh,
        (Age::Stale | Age::Expired, _) => KeyFreshness::Stale,
    };
    let SelectedKeys { keys: key_set, entry, fetched_at, .. } = selected;
    SigningKeys { key_set, entry, freshness, fetched_at }
}

fn key_error(no_key: NoKey, waited: Waited, origin: &KeyOrigin, query: &KeyQuery<'_>) -> KeyError {
    let cause = match (no_key, waited) {
        (NoKey::Unknown, Waited::No | Waited::ForRefresh) => return unknown_key(query),
        (NoKey::Unavailable(last), Waited::No) => KeysUnavailableCause::Backoff(last),
        (NoKey::Unavailable(last), Waited::ForRefresh) => KeysUnavailableCause::Fetch(last),
        (NoKey::Unknown | NoKey::Unavailable(_), Waited::UntilDeadline) => {
            KeysUnavailableCause::Deadline
        }
    };
    KeyError::Unavailable { issuer: origin.issuer.to_string(), cause }
}

fn unknown_key(query: &KeyQuery<'_>) -> KeyError {
    KeyError::Unknown(match (query.kid, query.tenant) {
        (Some(_), None) => "the issuer has no usable key with the token's kid for its alg",
        (Some(_), Some(_)) => {
            "the issuer has no usable key with the token's kid for its alg and its tenant"
        }
        (None, None) => {
            "the token has no kid, and not exactly one of the issuer's keys fits its alg"
        }
        (None, Some(_)) => {
            "the token has no kid, and not exactly one of the issuer's keys fits its alg and its tenant"
        }
    })
}

#[cfg(test)]
mod tests;
