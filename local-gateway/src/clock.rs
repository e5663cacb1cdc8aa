//! The gateway's clock, which can be advanced.
//!
//! Caches and the limits of connections use it, so that nobody waits an hour to see a response expire.
//! It does not change the time of the function and of the issuer: a token does not expire sooner.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use tokio::time;

/// A clock that runs as the real one does, and can be ahead of it. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead: watch::Sender<Duration>,
}

impl Clock {
    /// Moves the clock forward. What waits for a time that has then come, goes on.
    pub fn advance(&self, duration: Duration) {
        self.ahead.send_modify(|ahead| *ahead = ahead.saturating_add(duration));
    }

    /// Returns the clock's time, to measure durations.
    pub(crate) fn now(&self) -> Instant {
        later(*self.ahead.borrow())
    }

    /// Returns the clock's time of day.
    pub(crate) fn wall_time(&self) -> SystemTime {
        let real = SystemTime::now();
        real.checked_add(*self.ahead.borrow()).unwrap_or(real)
    }

    /// Completes when the clock reaches `deadline`.
    pub(crate) async fn sleep_until(&self, deadline: Instant) {
        let mut ahead = self.ahead.subscribe();
        loop {
            let now = later(*ahead.borrow_and_update());
            let left = deadline.saturating_duration_since(now);
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = time::sleep(left) => {}
                // The sender is `self`, so it exists.
                _ = ahead.changed() => {}
            }
        }
    }
}

fn later(ahead: Duration) -> Instant {
    let real = Instant::now();
    real.checked_add(ahead).unwrap_or(real)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn wakes_when_a_clone_is_advanced_far_enough() {
        let clock = Clock::default();
        let mut sleep = pin!(clock.sleep_until(clock.now() + HOUR));
        let mut is_over =
            || sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(!is_over());
        clock.clone().advance(HOUR / 2);
        assert!(!is_over());
        clock.clone().advance(HOUR / 2);
        assert!(is_over());
    }

    #[test]
    fn both_times_advance() {
        let clock = Clock::default();
        let (now, wall_time) = (clock.now(), clock.wall_time());
        clock.advance(HOUR);
        assert!(clock.now() >= now + HOUR);
        assert!(clock.wall_time() >= wall_time + HOUR);
        clock.advance(Duration::MAX);
        let _ = (clock.now(), clock.wall_time());
    }
}
