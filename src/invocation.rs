//! What Lambda says about an invocation.

use std::time::{Duration, SystemTime};

/// One invocation of the function.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// The request id from Lambda.
    pub request_id: &'a str,
    /// The X-Ray trace id, if Lambda sent one.
    pub trace_id: Option<&'a str>,
    /// When Lambda ends the invocation.
    pub deadline: SystemTime,
}

/// The ids of an invocation, for log entries that may be written after its end.
#[derive(Debug, Clone)]
pub(crate) struct InvocationIds {
    /// The request id from Lambda.
    pub(crate) request_id: String,
    /// The X-Ray trace id, if Lambda sent one.
    pub(crate) trace_id: Option<String>,
}

/// The time that the response needs before the deadline, or the request for the next event.
const TIME_TO_RESPOND: Duration = Duration::from_millis(100);

impl Invocation<'_> {
    /// Returns how long the invocation may still wait. Returns `None`, for no limit, if the deadline
    /// has passed: some emulators of Lambda send such deadlines.
    pub(crate) fn time_left(&self, now: SystemTime) -> Option<Duration> {
        time_left(self.deadline, now)
    }

    /// Returns a copy of the ids.
    pub(crate) fn ids(&self) -> InvocationIds {
        InvocationIds {
            request_id: self.request_id.to_owned(),
            trace_id: self.trace_id.map(str::to_owned),
        }
    }
}

/// Returns how long an invocation with this deadline may still wait; see [`Invocation::time_left`].
pub(crate) fn time_left(deadline: SystemTime, now: SystemTime) -> Option<Duration> {
    let left = deadline.duration_since(now).ok();
    left.map(|left| left.saturating_sub(TIME_TO_RESPOND))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn leaves_time_to_respond_and_sets_no_limit_after_the_deadline() {
        #[track_caller]
        fn check(deadline_ms: u64, time_left_ms: Option<u64>) {
            let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            let deadline = UNIX_EPOCH + Duration::from_millis(deadline_ms);
            let invocation = Invocation { request_id: "", trace_id: None, deadline };
            assert_eq!(invocation.time_left(now), time_left_ms.map(Duration::from_millis));
        }
        check(1_700_000_003_000, Some(2_900));
        check(1_700_000_000_100, Some(0));
        check(1_700_000_000_000, Some(0));
        check(1_699_999_999_999, None);
        check(600_000, None);
    }
}
