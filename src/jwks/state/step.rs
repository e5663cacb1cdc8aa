//! What to do for a token: which requests wait for a refresh, and which are followed by one.

use std::time::SystemTime;

use super::{
    Age, CacheRules, Failures, Interval, KeyQuery, KeyState, NoKey, RefreshCause, SelectedKeys,
};

/// What to do for a token.
#[derive(Debug)]
pub(in super::super) enum Step {
    /// Use this result of the lookup.
    Answer(Result<SelectedKeys, NoKey>),
    /// Use this result of the lookup, and refresh the keys after the answer.
    AnswerThenRefresh(Result<SelectedKeys, NoKey>),
    /// Refresh the keys first.
    Refresh(RefreshCause),
}

impl KeyState {
    /// Decides whether a token needs a refresh, and whether its request waits for it.
    pub(in super::super) fn next_step(
        &self,
        query: &KeyQuery<'_>,
        now: SystemTime,
        rules: &CacheRules,
    ) -> Step {
        let found = self.lookup(query, now, rules);
        if self.in_backoff(now) {
            return Step::Answer(found);
        }
        match (self.age(now, rules), &found) {
            (Age::Fresh | Age::Due, Err(NoKey::Unknown)) if !self.in_cooldown(now) => {
                Step::Refresh(RefreshCause::UnknownKey)
            }
            (Age::Fresh, _) => Step::Answer(found),
            (Age::Expired, _) | (Age::Stale, Err(_)) => Step::Refresh(RefreshCause::Age),
            (Age::Stale, Ok(_)) if !self.answers_before_refresh(now) => {
                Step::Refresh(RefreshCause::Age)
            }
            (Age::Due | Age::Stale, _) if self.in_retry_pause(now) => Step::Answer(found),
            (Age::Due | Age::Stale, _) => Step::AnswerThenRefresh(found),
        }
    }

    /// Returns whether stale keys may be used before a refresh: for one more lifetime after theirs, and
    /// after the pause that followed a failed refresh.
    ///
    /// This limits how long a key that was withdrawn can be used in an environment that was frozen
    /// before it could refresh its keys.
    fn answers_before_refresh(&self, now: SystemTime) -> bool {
        let Some(cached) = &self.cached else { return false };
        let grace = Interval { start: cached.fetched_at, length: cached.lifetime * 2 };
        let after_failure =
            |failures: &Failures| failures.retry_pause.extended_by(cached.lifetime).contains(now);
        grace.contains(now) || self.failures.as_ref().is_some_and(after_failure)
    }

    pub(super) fn in_backoff(&self, now: SystemTime) -> bool {
        self.failures.as_ref().is_some_and(|failures| failures.backoff.contains(now))
    }

    pub(super) fn in_retry_pause(&self, now: SystemTime) -> bool {
        self.failures.as_ref().is_some_and(|failures| failures.retry_pause.contains(now))
    }

    pub(super) fn in_cooldown(&self, now: SystemTime) -> bool {
        self.cooldown.is_some_and(|cooldown| cooldown.contains(now))
    }
}
