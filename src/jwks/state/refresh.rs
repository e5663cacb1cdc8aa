//! What a refresh requests, and the state after it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::key_set::KeySet;
use super::super::source::{Content, FetchError, Fetched, KeyLocation, KeyOrigin, KeyRequest};
use super::{
    Age, CacheRules, CachedKeys, DiscoveredUri, Failures, Interval, KeyState, RefreshCause,
};

/// Keys are fresh for at least this time, unless the TTL is shorter. It limits how often an issuer
/// with a short `max-age` is asked.
const MIN_LIFETIME: Duration = Duration::from_secs(60);

/// How long a discovered URI is used.
const DISCOVERED_URI_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The shares of their lifetime between which keys become due for a refresh. The jitter chooses one, so
/// that environments that started together do not refresh together for long. The rest is time for a
/// request to come, and for the fetch.
const REFRESH_FROM: f64 = 0.8;
const REFRESH_UNTIL: f64 = 0.95;

/// The longest pause between failing refreshes of usable keys, from the second failure on, as a share of
/// the keys' lifetime. The jitter shortens it by up to half.
///
/// So when an outage ends, environments fetch less than twice as often as usual. `bench fleet` measures
/// this.
const RETRY_SHARE: f64 = 2.0 / 3.0;

/// The limit of the pause for long lifetimes. A pause of hours would keep a withdrawn key for hours after
/// the issuer is back, and hide the failures from an alarm that looks at 15 minutes.
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(400);

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

impl KeyState {
    /// Returns what to request from the issuer.
    pub(crate) fn request<'a>(&'a self, origin: &'a KeyOrigin, now: SystemTime) -> KeyRequest<'a> {
        let discovered = self.discovered_uri(now);
        // A validator is only valid for the URI that it came from.
        let is_known = matches!(origin.location, KeyLocation::Uri(_)) || discovered.is_some();
        let etag = self.cached.as_ref().and_then(|cached| cached.etag.as_deref());
        KeyRequest {
            origin,
            discovered_uri: discovered.map(|discovered| &discovered.uri),
            etag: etag.filter(|_| is_known),
        }
    }

    /// Returns the state after a refresh that began at `started` and ended at `now`.
    ///
    /// `jitter`, from 0 to 1, decides when the next refresh is due, and shortens the pauses after a
    /// failure, so that many environments do not fetch at the same moment.
    pub(crate) fn after(
        &self,
        outcome: Result<Fetched, FetchError>,
        cause: RefreshCause,
        started: SystemTime,
        now: SystemTime,
        jitter: f64,
        rules: &CacheRules,
    ) -> Self {
        let mut next = match outcome {
            Ok(fetched) => self.after_success(fetched, started, jitter, rules),
            Err(error) => self.after_failure(error, now, jitter, rules),
        };
        next.refreshes = self.refreshes + 1;
        if cause == RefreshCause::UnknownKey {
            next.cooldown = Some(Interval { start: now, length: rules.cooldown });
        }
        next
    }

    /// The age of the keys counts from `started`, because the response may be as old as that.
    fn after_success(
        &self,
        fetched: Fetched,
        started: SystemTime,
        jitter: f64,
        rules: &CacheRules,
    ) -> Self {
        let (lifetime, _) = lifetime(fetched.max_age, rules);
        let cached = match fetched.content {
            Content::Keys { keys, etag, .. } => Some((Arc::new(keys), etag)),
            Content::NotModified => self.cached.clone().map(|cached| (cached.keys, cached.etag)),
        };
        let cached =
            cached.map(|(keys, etag)| CachedKeys::new(keys, etag, started, lifetime, jitter));
        let discovered = match self.discovered_uri(started) {
            Some(discovered) => discovered.clone(),
            None => DiscoveredUri { uri: fetched.uri, found_at: started },
        };
        Self { cached, discovered: Some(discovered), failures: None, ..self.clone() }
    }

    /// The cached keys stay. The discovered URI does not: the issuer may have moved its key set.
    ///
    /// If the clock was set back, the age of the keys is unknown, and from now on they count as just
    /// stale. Otherwise they could be used until the clock reaches their fetch again, and longer.
    fn after_failure(
        &self,
        error: FetchError,
        now: SystemTime,
        jitter: f64,
        rules: &CacheRules,
    ) -> Self {
        let earlier = self.failures.as_ref().map_or(0, |failures| failures.count);
        let count = earlier.saturating_add(1);
        let backoff = backoff(count);
        // The first failure may be the only one, and a request waits for the next refresh of fresh keys.
        let retry_pause = if count == 1 || self.age(now, rules) == Age::Fresh {
            backoff
        } else {
            backoff.max(self.retry_pause(now, rules))
        };
        let pause = |longest: Duration| Interval { start: now, length: shortened(longest, jitter) };
        let (backoff, retry_pause) = (pause(backoff), pause(retry_pause));
        let failures = Failures { count, last: Arc::new(error), backoff, retry_pause };
        let cached = self.cached.clone().map(|cached| cached.not_from_the_future(now));
        Self { cached, discovered: None, failures: Some(failures), ..self.clone() }
    }

    /// Returns the longest pause before the next refresh of usable keys, which leaves time for another
    /// one while they are usable.
    fn retry_pause(&self, now: SystemTime, rules: &CacheRules) -> Duration {
        let share = self.lifetime().mul_f64(RETRY_SHARE).min(MAX_RETRY_PAUSE);
        share.min(self.usable_for(now, rules) / 2)
    }

    fn discovered_uri(&self, now: SystemTime) -> Option<&DiscoveredUri> {
        let discovered = self.discovered.as_ref()?;
        let age = now.duration_since(discovered.found_at).ok()?;
        (age < DISCOVERED_URI_LIFETIME).then_some(discovered)
    }
}

/// What decides how long keys are fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LifetimeCause {
    /// The response's `max-age`.
    AsRequested,
    /// The TTL, because the response has no `max-age`.
    Missing,
    /// The TTL, because the response's `max-age` is longer.
    TooLong,
    /// The shortest lifetime, because the response's `max-age` is shorter.
    TooShort,
}

/// Returns how long keys are fresh, and why.
pub(crate) fn lifetime(max_age: Option<Duration>, rules: &CacheRules) -> (Duration, LifetimeCause) {
    let shortest = MIN_LIFETIME.min(rules.ttl);
    match max_age {
        None => (rules.ttl, LifetimeCause::Missing),
        Some(max_age) if max_age > rules.ttl => (rules.ttl, LifetimeCause::TooLong),
        Some(max_age) if max_age < shortest => (shortest, LifetimeCause::TooShort),
        Some(max_age) => (max_age, LifetimeCause::AsRequested),
    }
}

impl CachedKeys {
    pub(super) fn new(
        keys: Arc<KeySet>,
        etag: Option<String>,
        fetched_at: SystemTime,
        lifetime: Duration,
        jitter: f64,
    ) -> Self {
        let share = REFRESH_FROM + jitter.clamp(0.0, 1.0) * (REFRESH_UNTIL - REFRESH_FROM);
        Self { keys, etag, fetched_at, lifetime, refresh_at: lifetime.mul_f64(share) }
    }

    /// Returns keys that have just become stale, if they were fetched after `now`.
    fn not_from_the_future(self, now: SystemTime) -> Self {
        let fetched_at = match now.checked_sub(self.lifetime) {
            Some(stale_from) if self.fetched_at > now => stale_from,
            Some(_) | None => self.fetched_at,
        };
        Self { fetched_at, ..self }
    }
}

/// Doubles the backoff with each failure.
fn backoff(failures: u32) -> Duration {
    FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(failures - 1)).min(MAX_BACKOFF)
}

/// Shortens a pause to at least half.
fn shortened(longest: Duration, jitter: f64) -> Duration {
    longest.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}
