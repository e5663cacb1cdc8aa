//! What the log says of a fetch: one line for each, and one more when an issuer
//! begins to fail or is well again.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use tracing::{error, info, warn};

use super::cache::Job;
use super::key_set::Listing;
use super::source::{Content, FetchError, Fetched};
use super::state::{Age, CacheRules, Cause, KeyState};
use crate::error::Excerpt;
use crate::metrics::{Metrics, RefreshMetrics};

/// A fetch that has ended, as far as the log and the metrics want it.
pub(super) struct Report<'a> {
    job: &'a Job,
    outcome: &'static str,
    kids: String,
    skipped: String,
    error: Option<String>,
    ended_at: SystemTime,
    took: Duration,
}

impl<'a> Report<'a> {
    pub(super) fn of(
        job: &'a Job,
        outcome: &Result<Fetched, FetchError>,
        time: Range<SystemTime>,
    ) -> Self {
        let (outcome, kids, skipped, error) = match outcome {
            Ok(Fetched { content: Content::Keys { keys, skipped, .. }, .. }) => {
                let kids: Vec<_> = keys.kids().map(Excerpt::from).collect();
                let kids = Listing(&kids).to_string();
                ("fetched", kids, Listing(skipped).to_string(), None)
            }
            Ok(Fetched { content: Content::NotModified, .. }) => {
                ("not_modified", String::new(), String::new(), None)
            }
            Err(error) => ("failed", String::new(), String::new(), Some(error.to_string())),
        };
        let took = time.end.duration_since(time.start).unwrap_or_default();
        Self { job, outcome, kids, skipped, error, ended_at: time.end, took }
    }

    /// Writes the line about the fetch, and one about a change for the worse or
    /// the better.
    ///
    /// A failed fetch is an error only if it leaves the issuer without keys that serve. The backoff
    /// bounds how often that is, whatever callers do, so an alarm can count it.
    pub(super) fn log(&self, before: &KeyState, after: &KeyState, rules: &CacheRules) {
        let Self { job, outcome, kids, skipped, error, .. } = self;
        let issuer = &*job.origin.issuer;
        let cause = match job.cause {
            Cause::Age => "age",
            Cause::UnknownKey => "unknown_key",
        };
        let request_id = job.on_behalf_of.as_ref().map(|ids| ids.request_id.as_str());
        let trace_id = job.on_behalf_of.as_ref().and_then(|ids| ids.trace_id.as_deref());
        /// The same ids, whatever the level.
        macro_rules! line {
            ($level:ident, $($rest:tt)+) => {
                $level!(issuer, requestId = request_id, xrayTraceId = trace_id, $($rest)+)
            };
        }
        let duration_ms = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        match error {
            Some(error) if after.age(self.ended_at, rules) == Age::Dead => {
                line!(error, outcome, cause, error, duration_ms, "key refresh");
            }
            Some(error) => line!(warn, outcome, cause, error, duration_ms, "key refresh"),
            None => {
                let lifetime_s = after.lifetime().as_secs();
                line!(info, outcome, cause, kids, skipped, lifetime_s, duration_ms, "key refresh");
            }
        }
        match (before.is_failing(), after.is_failing()) {
            (false, true) => line!(warn, "{}", consequence(after, self.ended_at, rules)),
            (true, false) => line!(info, "the issuer's keys can be refreshed again"),
            (false, false) | (true, true) => {}
        }
    }

    pub(super) fn count(&self, metrics: &Metrics) {
        metrics.refreshed(|| RefreshMetrics {
            at: self.ended_at,
            issuer: &self.job.origin.issuer,
            outcome: self.outcome,
            key_refresh_duration: self.took,
            key_refreshes: 1,
        });
    }
}

/// Says what a failed fetch means for the issuer's tokens.
fn consequence(state: &KeyState, now: SystemTime, rules: &CacheRules) -> String {
    let seconds = state.serves_for(now, rules).as_secs();
    match (state.holds_keys(), state.age(now, rules)) {
        (false, _) => {
            "the issuer's keys cannot be fetched, and none are held: its tokens cannot be verified until a fetch succeeds".to_owned()
        }
        (true, Age::Dead) => {
            "the issuer's keys cannot be refreshed, and the held keys are too old: its tokens cannot be verified until a fetch succeeds".to_owned()
        }
        (true, Age::Stale) => {
            format!("the issuer's keys cannot be refreshed: the held keys are stale and serve for {seconds} s more")
        }
        (true, Age::Fresh) => {
            format!("the issuer's keys cannot be refreshed: the held keys are fresh and serve for {seconds} s more")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::json;

    use super::*;
    use crate::jwks::KeySet;
    use crate::jwt::SUPPORTED_ALGORITHMS;
    use crate::jwt::testing::KEYS;

    const RULES: CacheRules = CacheRules {
        ttl: Duration::from_secs(600),
        max_stale: Duration::from_secs(3_600),
        cooldown: Duration::from_secs(30),
        timeout: Duration::from_secs(3),
    };

    #[test]
    fn says_what_a_failure_means_for_what_is_held() {
        let fetched_at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let jwks = json!({ "keys": [KEYS[0].jwk()] }).to_string();
        let (keys, _) = KeySet::parse(jwks.as_bytes(), &SUPPORTED_ALGORITHMS.each_ref()).unwrap();
        let held = KeyState::from_file(keys, fetched_at, &RULES);
        let check = |state: &KeyState, seconds: u64, expected: &str| {
            let now = fetched_at + Duration::from_secs(seconds);
            let said = consequence(state, now, &RULES);
            assert!(said.ends_with(expected), "{said}");
        };
        let until = ": its tokens cannot be verified until a fetch succeeds";
        check(&KeyState::default(), 0, &format!("cannot be fetched, and none are held{until}"));
        check(&held, 0, "cannot be refreshed: the held keys are fresh and serve for 4200 s more");
        check(&held, 599, "the held keys are fresh and serve for 3601 s more");
        check(&held, 600, "the held keys are stale and serve for 3600 s more");
        check(&held, 4_199, "the held keys are stale and serve for 1 s more");
        check(&held, 4_200, &format!("cannot be refreshed, and the held keys are too old{until}"));
        let set_back = fetched_at - Duration::from_secs(60);
        let said = consequence(&held, set_back, &RULES);
        assert!(said.ends_with("the held keys are stale and serve for 4260 s more"), "{said}");
    }
}
