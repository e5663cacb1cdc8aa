//! What Lambda says of an invocation.

use std::time::{Duration, SystemTime};

/// One call of the function.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// The id that Lambda gave it.
    pub request_id: &'a str,
    /// The X-Ray trace that it belongs to.
    pub trace_id: Option<&'a str>,
    /// When Lambda will end it.
    pub deadline: SystemTime,
}

/// The ids by which log lines are found again.
#[derive(Debug, Clone)]
pub struct InvocationIds {
    /// The id that Lambda gave the invocation.
    pub request_id: String,
    /// The X-Ray trace that it belongs to.
    pub trace_id: Option<String>,
}

/// What an answer needs beyond what the deadline leaves.
const TIME_TO_ANSWER: Duration = Duration::from_millis(100);

impl Invocation<'_> {
    /// Returns how long the invocation may wait for something. Some emulators
    /// send deadlines that have long passed; those are none.
    #[must_use]
    pub fn patience(&self, now: SystemTime) -> Option<Duration> {
        let left = self.deadline.duration_since(now).ok();
        left.map(|left| left.saturating_sub(TIME_TO_ANSWER))
    }

    /// Returns ids that outlive the invocation.
    #[must_use]
    pub fn ids(&self) -> InvocationIds {
        InvocationIds {
            request_id: self.request_id.to_owned(),
            trace_id: self.trace_id.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn leaves_time_to_answer_and_takes_a_past_deadline_for_none() {
        #[track_caller]
        fn check(deadline_ms: u64, patience_ms: Option<u64>) {
            let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            let deadline = UNIX_EPOCH + Duration::from_millis(deadline_ms);
            let invocation = Invocation { request_id: "", trace_id: None, deadline };
            assert_eq!(invocation.patience(now), patience_ms.map(Duration::from_millis));
        }
        check(1_700_000_003_000, Some(2_900));
        check(1_700_000_000_100, Some(0));
        check(1_700_000_000_000, Some(0));
        check(1_699_999_999_999, None);
        check(600_000, None);
    }
}
