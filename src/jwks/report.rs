//! What the log says of a fetch: one line for each, and one more when an issuer
//! begins to fail or is well again.

use std::time::Duration;

use tracing::{info, warn};

use super::key_set::Listing;
use super::source::{Content, FetchError, Fetched, KeyOrigin};
use super::state::{Cause, KeyState};

/// The outcome of a fetch, as far as the log wants it.
pub(super) struct Report {
    outcome: &'static str,
    kids: String,
    skipped: String,
    error: Option<FetchError>,
}

impl Report {
    pub(super) fn of(outcome: &Result<Fetched, FetchError>) -> Self {
        let report =
            |outcome| Self { outcome, kids: String::new(), skipped: String::new(), error: None };
        match outcome {
            Ok(Fetched { content: Content::Keys { keys, skipped, .. }, .. }) => Self {
                kids: Listing(&keys.kids().collect::<Vec<_>>()).to_string(),
                skipped: Listing(skipped).to_string(),
                ..report("fetched")
            },
            Ok(Fetched { content: Content::NotModified, .. }) => report("not_modified"),
            Err(error) => Self { error: Some(error.clone()), ..report("failed") },
        }
    }

    pub(super) fn log(
        &self,
        origin: &KeyOrigin,
        cause: Cause,
        before: &KeyState,
        after: &KeyState,
        took: Duration,
    ) {
        let issuer = &*origin.issuer;
        let cause = match cause {
            Cause::Age => "age",
            Cause::UnknownKey => "unknown_key",
        };
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let Self { outcome, kids, skipped, error } = self;
        if let Some(error) = error {
            warn!(issuer, outcome, cause, error = error.to_string(), duration_ms, "key refresh");
        } else {
            let lifetime_s = after.lifetime().as_secs();
            info!(issuer, outcome, cause, kids, skipped, lifetime_s, duration_ms, "key refresh");
        }
        match (before.is_failing(), after.is_failing()) {
            (false, true) => warn!(
                issuer,
                "the issuer's keys cannot be refreshed; those held serve as long as they may"
            ),
            (true, false) => info!(issuer, "the issuer's keys can be refreshed again"),
            (false, false) | (true, true) => {}
        }
    }
}
