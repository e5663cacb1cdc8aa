//! What a refresh requests, and the state after it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::source::{Content, FetchError, Fetched, KeyLocation, KeyOrigin, KeyRequest};
use super::{CacheRules, CachedKeys, DiscoveredUri, Failures, Interval, KeyState, RefreshCause};

/// Keys are fresh for at least this time, unless the TTL is shorter. It limits how often an issuer
/// with a short `max-age` is asked.
const MIN_LIFETIME: Duration = Duration::from_secs(60);

/// How long a discovered URI is used.
const DISCOVERED_URI_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

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
    /// `jitter`, from 0 to 1, shortens the backoff, so that many environments do not retry at the same
    /// moment.
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
            Ok(fetched) => self.after_success(fetched, started, rules),
            Err(error) => self.after_failure(error, now, jitter),
        };
        next.refreshes = self.refreshes + 1;
        if cause == RefreshCause::UnknownKey {
            next.cooldown = Some(Interval { start: now, length: rules.cooldown });
        }
        next
    }

    /// The age of the keys counts from `started`, because the response may be as old as that.
    fn after_success(&self, fetched: Fetched, started: SystemTime, rules: &CacheRules) -> Self {
        let (lifetime, _) = lifetime(fetched.max_age, rules);
        let cached = match fetched.content {
            Content::Keys { keys, etag, .. } => {
                Some(CachedKeys { keys: Arc::new(keys), etag, fetched_at: started, lifetime })
            }
            Content::NotModified => {
                let cached = self.cached.clone();
                cached.map(|cached| CachedKeys { fetched_at: started, lifetime, ..cached })
            }
        };
        let discovered = match self.discovered_uri(started) {
            Some(discovered) => discovered.clone(),
            None => DiscoveredUri { uri: fetched.uri, found_at: started },
        };
        Self { cached, discovered: Some(discovered), failures: None, ..self.clone() }
    }

    /// The cached keys stay. The discovered URI does not: the issuer may have moved its key set.
    fn after_failure(&self, error: FetchError, now: SystemTime, jitter: f64) -> Self {
        let earlier = self.failures.as_ref().map_or(0, |failures| failures.count);
        let count = earlier.saturating_add(1);
        let backoff = Interval { start: now, length: backoff(count, jitter) };
        let failures = Failures { count, last: Arc::new(error), backoff };
        Self { discovered: None, failures: Some(failures), ..self.clone() }
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

/// Doubles the backoff with each failure. The jitter shortens it to at least half.
fn backoff(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(failures - 1));
    doubled.min(MAX_BACKOFF).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}
