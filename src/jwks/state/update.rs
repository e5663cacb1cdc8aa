//! The state after a refresh.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{CacheRules, CachedKeys, DiscoveredUri, Failures, Interval, KeyState, RefreshCause};
use crate::jwks::source::{Content, FetchError, Fetched};

/// Keys are fresh for at least this time, unless the TTL is shorter. It limits how often an issuer
/// with a short `max-age` is asked.
const MIN_LIFETIME: Duration = Duration::from_secs(60);

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

impl KeyState {
    /// Returns the state after a refresh that began at `started` and ended at `now`.
    ///
    /// `jitter`, from 0 to 1, shortens the backoff, so that many environments do not retry at the same
    /// moment.
    pub(in crate::jwks) fn after(
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
        let lifetime = lifetime(fetched.max_age, rules);
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
}

fn lifetime(max_age: Option<Duration>, rules: &CacheRules) -> Duration {
    let shortest = MIN_LIFETIME.min(rules.ttl);
    max_age.map_or(rules.ttl, |max_age| max_age.clamp(shortest, rules.ttl))
}

/// Doubles the backoff with each failure. The jitter shortens it to at least half.
fn backoff(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(failures - 1));
    doubled.min(MAX_BACKOFF).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}
