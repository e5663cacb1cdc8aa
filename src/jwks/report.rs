//! What the log says of a fetch: one line for each, and one more when an issuer
//! begins to fail or is well again.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use tracing::{info, warn};

use super::cache::Job;
use super::key_set::Listing;
use super::source::{Content, FetchError, Fetched};
use super::state::{Cause, KeyState};
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
    pub(super) fn log(&self, before: &KeyState, after: &KeyState) {
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
        if let Some(error) = error {
            line!(warn, outcome, cause, error, duration_ms, "key refresh");
        } else {
            let lifetime_s = after.lifetime().as_secs();
            line!(info, outcome, cause, kids, skipped, lifetime_s, duration_ms, "key refresh");
        }
        match (before.is_failing(), after.is_failing()) {
            (false, true) => line!(
                warn,
                "the issuer's keys cannot be refreshed; those held serve as long as they may"
            ),
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
