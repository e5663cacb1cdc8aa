//! What Lambda says of an invocation in its `REPORT` line.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::invocation::{FunctionOutcome, InvokeError};

/// An invocation and its outcome.
#[derive(Debug)]
pub struct Invocation {
    /// What the function sent, or why there is no outcome.
    pub outcome: Result<FunctionOutcome, InvokeError>,
    /// What Lambda says of it, if an execution environment got the event.
    pub report: Option<Report>,
}

/// What Lambda says of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The number of the execution environment, from 1.
    pub environment: u64,
    /// How the invocation ended.
    pub status: Status,
    /// How long the environment's start took, if the invocation waited for it: a cold start.
    pub init: Option<Duration>,
    /// How long the environment had been frozen, if it was.
    pub frozen: Option<Duration>,
    /// From the delivery of the event to the answer.
    pub duration: Duration,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The function returned a response.
    Success,
    /// The function failed, crashed or did not start.
    Error,
    /// The function's timeout ended it.
    Timeout,
}

impl Report {
    /// Returns what Lambda would bill: start and duration, rounded up to a millisecond.
    ///
    /// Lambda's duration ends when the function asks for its next event, a little after the answer.
    ///
    /// <https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/>
    #[must_use]
    pub fn billed(&self) -> Duration {
        let used = self.duration + self.init.unwrap_or_default();
        let millis = used.as_nanos().div_ceil(1_000_000);
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// Describes it for the page.
    pub(crate) fn describe(&self) -> Value {
        json!({
            "environment": self.environment,
            "status": self.status,
            "cold_start": self.init.is_some(),
            "init_ms": self.init.map(millis),
            "frozen_ms": self.frozen.map(millis),
            "duration_ms": millis(self.duration),
            "billed_ms": self.billed().as_millis(),
        })
    }
}

/// Returns a duration in milliseconds.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bills_the_start_and_rounds_up() {
        for (duration_us, init_us, billed_ms) in
            [(1, None, 1), (1000, None, 1), (1001, None, 2), (1001, Some(2000), 4)]
        {
            let report = Report {
                environment: 1,
                status: Status::Success,
                init: init_us.map(Duration::from_micros),
                frozen: None,
                duration: Duration::from_micros(duration_us),
            };
            assert_eq!(report.billed(), Duration::from_millis(billed_ms));
        }
    }
}
