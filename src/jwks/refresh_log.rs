//! The log entries of a refresh: one for each refresh, and one more when an issuer begins to fail or
//! recovers.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use tracing::{error, info, warn};

use super::key_set::Listing;
use super::source::{Content, FetchError, Fetched};
use super::state::{Age, CacheRules, KeyState, RefreshCause};
use crate::excerpt::Excerpt;
use crate::invocation::InvocationIds;
use crate::metrics::{Metrics, RefreshMetrics};

/// A refresh that has ended.
pub(super) struct RefreshLogEntry<'a> {
    issuer: &'a str,
    cause: RefreshCause,
    invocation: Option<&'a InvocationIds>,
    outcome: &'static str,
    kids: String,
    skipped: String,
    error: Option<String>,
    ended_at: SystemTime,
    duration: Duration,
}

impl<'a> RefreshLogEntry<'a> {
    pub(super) fn new(
        issuer: &'a str,
        cause: RefreshCause,
        invocation: Option<&'a InvocationIds>,
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
        let duration = time.end.duration_since(time.start).unwrap_or_default();
        let ended_at = time.end;
        Self { issuer, cause, invocation, outcome, kids, skipped, error, ended_at, duration }
    }

    /// Logs the refresh, and the change if the issuer begins to fail or recovers.
    ///
    /// A failed refresh is at level `ERROR` only if the issuer has no usable keys. The backoff limits
    /// how often that happens, and no caller can make it happen more often. So an alarm can count it.
    pub(super) fn log(&self, before: &KeyState, after: &KeyState, rules: &CacheRules) {
        let Self { issuer, outcome, kids, skipped, error, .. } = self;
        let cause = match self.cause {
            RefreshCause::Age => "age",
            RefreshCause::UnknownKey => "unknown_key",
        };
        let request_id = self.invocation.map(|ids| ids.request_id.as_str());
        let trace_id = self.invocation.and_then(|ids| ids.trace_id.as_deref());
        /// Logs the same ids at any level.
        macro_rules! log_at {
            ($level:ident, $($rest:tt)+) => {
                $level!(issuer, requestId = request_id, xrayTraceId = trace_id, $($rest)+)
            };
        }
        let duration_ms = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        match error {
            Some(error) if after.age(self.ended_at, rules) == Age::Expired => {
                log_at!(error, outcome, cause, error, duration_ms, "key refresh");
            }
            Some(error) => log_at!(warn, outcome, cause, error, duration_ms, "key refresh"),
            None => {
                let lifetime_s = after.lifetime().as_secs();
                log_at!(
                    info,
                    outcome,
                    cause,
                    kids,
                    skipped,
                    lifetime_s,
                    duration_ms,
                    "key refresh"
                );
            }
        }
        match (before.is_failing(), after.is_failing()) {
            (false, true) => log_at!(warn, "{}", consequence(after, self.ended_at, rules)),
            (true, false) => log_at!(info, "the issuer's keys can be refreshed again"),
            (false, false) | (true, true) => {}
        }
    }

    pub(super) fn count(&self, metrics: &Metrics) {
        metrics.refreshed(|| RefreshMetrics {
            at: self.ended_at,
            issuer: self.issuer,
            outcome: self.outcome,
            key_refresh_duration: self.duration,
            key_refreshes: 1,
        });
    }
}

/// Says what a failed refresh means for the issuer's tokens.
fn consequence(state: &KeyState, now: SystemTime, rules: &CacheRules) -> String {
    let age = match state.age(now, rules) {
        Age::Fresh | Age::Due => "fresh",
        Age::Stale => "stale",
        Age::Expired => {
            let keys = if state.has_keys() {
                "the cached keys have expired"
            } else {
                "no keys are cached"
            };
            return format!(
                "the issuer's keys cannot be refreshed, and {keys}: its tokens cannot be verified until a refresh succeeds"
            );
        }
    };
    let seconds = state.usable_for(now, rules).as_secs();
    format!(
        "the issuer's keys cannot be refreshed: the cached keys are {age} and can be used for {seconds} s more"
    )
}

#[cfg(test)]
mod tests;
