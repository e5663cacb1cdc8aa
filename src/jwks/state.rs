//! The state of one issuer's keys, and the rules for what to do next.
//!
//! The rules are pure functions, and time is an argument. An age is measured by the wall clock: Lambda
//! freezes the environment between invocations, and the monotonic clock may stop during a freeze.
//!
//! No request waits for a refresh of keys that may still be used. Such a refresh follows the answer: near
//! the end of the keys' lifetime, or after it. See `step`.
//!
//! The documentation has a table of every state and what happens in it. The tests check each row.

mod refresh;
mod step;

pub(crate) use refresh::{LifetimeCause, lifetime};

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use url::Url;

pub(super) use self::step::Step;
use super::key_set::KeySet;
use super::source::FetchError;
use crate::jwt::SignatureAlgorithm;

/// How long keys are used, and how often they may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheRules {
    /// The longest time that keys are fresh.
    pub ttl: Duration,
    /// How long keys may be used after their lifetime: for one more lifetime before a refresh is tried,
    /// and after that while refreshes fail.
    pub max_stale: Duration,
    /// The shortest time between two refreshes for unknown keys.
    pub cooldown: Duration,
    /// The longest time that a fetch takes, with its retries.
    pub timeout: Duration,
}

/// What of a token selects its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyQuery<'a> {
    /// The token's `kid`.
    pub(crate) kid: Option<&'a str>,
    /// The token's `alg`.
    pub(crate) algorithm: &'static SignatureAlgorithm,
    /// The tenant in the token's `iss`, if the issuer has many.
    pub(crate) tenant: Option<&'a str>,
}

/// The state of one issuer's keys. The default state has no keys.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyState {
    cached: Option<CachedKeys>,
    discovered: Option<DiscoveredUri>,
    /// The failures since the last successful refresh.
    failures: Option<Failures>,
    cooldown: Option<Interval>,
    refreshes: u64,
}

#[derive(Debug, Clone)]
struct CachedKeys {
    keys: Arc<KeySet>,
    etag: Option<String>,
    fetched_at: SystemTime,
    /// How long the keys are fresh.
    lifetime: Duration,
    /// The age from which they are refreshed after an answer. It is different in each environment.
    refresh_at: Duration,
}

/// The URI of a key set, from the discovery document.
#[derive(Debug, Clone)]
struct DiscoveredUri {
    uri: Url,
    found_at: SystemTime,
}

#[derive(Debug, Clone)]
struct Failures {
    count: u32,
    last: Arc<FetchError>,
    /// No request fetches, and no fetch follows an answer.
    backoff: Interval,
    /// No fetch follows an answer. A request whose key is not cached fetches. It is as long as the
    /// backoff, or longer after several failures while the keys are usable.
    retry_pause: Interval,
}

/// A cooldown, a pause after a failure, or a time for which stale keys are used. If the clock is set back
/// to before its start, it is over.
#[derive(Debug, Clone, Copy)]
struct Interval {
    start: SystemTime,
    length: Duration,
}

impl Interval {
    fn contains(&self, now: SystemTime) -> bool {
        now.duration_since(self.start).is_ok_and(|passed| passed < self.length)
    }

    /// Returns the interval that ends this much later.
    fn extended_by(self, time: Duration) -> Self {
        Self { length: self.length + time, ..self }
    }
}

/// The age of the cached keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// Within their lifetime.
    Fresh,
    /// Within their lifetime, but near its end: time for a refresh.
    Due,
    /// Past their lifetime, or the clock was set back. They may be used for a limited time before a
    /// refresh, and longer if it fails.
    Stale,
    /// Too old to be used, or there are no keys.
    Expired,
}

/// The entry of a key set that matches a token.
#[derive(Debug)]
pub(super) struct SelectedKeys {
    pub(super) keys: Arc<KeySet>,
    /// The entry's index, for [`KeySet::keys`].
    pub(super) entry: usize,
    /// The age of the key set; never [`Age::Expired`].
    pub(super) age: Age,
    pub(super) fetched_at: SystemTime,
}

/// Why there is no key for a token.
#[derive(Debug)]
pub(super) enum NoKey {
    /// The keys are fresh, and the token's key is not one of them.
    Unknown,
    /// There are no usable keys, or stale keys without the token's key. Holds the last failure.
    Unavailable(Arc<FetchError>),
}

/// Why keys are refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefreshCause {
    /// The keys are not fresh, or there are none.
    Age,
    /// The keys are fresh, and the token's key is not one of them.
    UnknownKey,
}

impl KeyState {
    /// Returns the state with keys from a file. They are as fresh as keys that were fetched now.
    pub(super) fn from_file(
        keys: KeySet,
        now: SystemTime,
        jitter: f64,
        rules: &CacheRules,
    ) -> Self {
        let cached = CachedKeys::new(Arc::new(keys), None, now, rules.ttl, jitter);
        Self { cached: Some(cached), ..Self::default() }
    }

    /// Returns the age of the cached keys.
    pub(super) fn age(&self, now: SystemTime, rules: &CacheRules) -> Age {
        let Some(cached) = &self.cached else { return Age::Expired };
        match now.duration_since(cached.fetched_at) {
            Ok(age) if age < cached.refresh_at => Age::Fresh,
            Ok(age) if age < cached.lifetime => Age::Due,
            Ok(age) if age - cached.lifetime < rules.max_stale => Age::Stale,
            // The clock was set back.
            Err(_) if !rules.max_stale.is_zero() => Age::Stale,
            Ok(_) | Err(_) => Age::Expired,
        }
    }

    /// Looks up the token's key in the cached keys.
    pub(super) fn lookup(
        &self,
        query: &KeyQuery<'_>,
        now: SystemTime,
        rules: &CacheRules,
    ) -> Result<SelectedKeys, NoKey> {
        let age = self.age(now, rules);
        let (Some(cached), Age::Fresh | Age::Due | Age::Stale) = (&self.cached, age) else {
            return Err(NoKey::Unavailable(self.last_failure(rules)));
        };
        let keys = Arc::clone(&cached.keys);
        match cached.keys.select(query.kid, query.algorithm, query.tenant) {
            Some(entry) => Ok(SelectedKeys { keys, entry, age, fetched_at: cached.fetched_at }),
            None if matches!(age, Age::Fresh | Age::Due) => Err(NoKey::Unknown),
            // The issuer may have published the key since the last refresh.
            None => Err(NoKey::Unavailable(self.last_failure(rules))),
        }
    }

    /// Looks up the token's key for a request that waited for a refresh.
    ///
    /// After a successful refresh the keys count as just fetched. Otherwise, if the fetch took longer
    /// than the keys' lifetime, no request could use them.
    pub(super) fn lookup_after_refresh(
        &self,
        query: &KeyQuery<'_>,
        now: SystemTime,
        rules: &CacheRules,
    ) -> Result<SelectedKeys, NoKey> {
        match &self.cached {
            Some(cached) if !self.is_failing() => self.lookup(query, cached.fetched_at, rules),
            Some(_) | None => self.lookup(query, now, rules),
        }
    }

    /// Returns why the last refresh failed. Before the first failure it is a timeout.
    fn last_failure(&self, rules: &CacheRules) -> Arc<FetchError> {
        match &self.failures {
            Some(failures) => Arc::clone(&failures.last),
            None => Arc::new(FetchError::Timeout(rules.timeout)),
        }
    }

    /// Returns how many refreshes have ended, successful or not.
    pub(super) fn refreshes(&self) -> u64 {
        self.refreshes
    }

    /// Returns whether the last refresh failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures.is_some()
    }

    /// Returns whether there are cached keys, of any age.
    pub(super) fn has_keys(&self) -> bool {
        self.cached.is_some()
    }

    /// Returns how long the cached keys are fresh after a fetch.
    pub(super) fn lifetime(&self) -> Duration {
        self.cached.as_ref().map(|cached| cached.lifetime).unwrap_or_default()
    }

    /// Returns how long the cached keys can still be used if every refresh fails.
    pub(super) fn usable_for(&self, now: SystemTime, rules: &CacheRules) -> Duration {
        let Some(cached) = &self.cached else { return Duration::ZERO };
        if self.age(now, rules) == Age::Expired {
            return Duration::ZERO;
        }
        let longest = cached.lifetime + rules.max_stale;
        match now.duration_since(cached.fetched_at) {
            Ok(age) => longest.saturating_sub(age),
            // The clock was set back. The next failure makes them just stale.
            Err(_) => rules.max_stale,
        }
    }
}

#[cfg(test)]
mod tests;
