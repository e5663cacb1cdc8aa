//! What must hold of every answer.
//!
//! The answers alone do not say which keys the function had. So its answers about the issuer's keys are
//! judged at the end, with the fetches in its log.

use std::time::Duration;

use crate::Failure;
use crate::log::Refresh;

/// How long keys are fresh.
pub(crate) const TTL: Duration = Duration::from_secs(1);

/// How long stale keys may be used.
pub(crate) const MAX_STALE: Duration = Duration::from_secs(3);

/// The log rounds the time of a fetch, and its line is written a little later.
const TOLERANCE: Duration = Duration::from_millis(100);

/// A valid token of a key of the issuer's, and its answer. Times count from 1970.
pub(crate) struct Record {
    pub(crate) invocation: u64,
    /// The number of the key.
    pub(crate) key: usize,
    /// When the issuer withdrew the key, if it has.
    pub(crate) withdrawn: Option<Duration>,
    pub(crate) sent: Duration,
    pub(crate) answered: Duration,
    pub(crate) is_allowed: bool,
}

/// Checks all answers about one issuer's keys. `kids` has the name of each key.
pub(crate) fn check(
    records: &[Record],
    refreshes: &[Refresh],
    kids: &[&str],
) -> Result<(), Failure> {
    let mut history = History { next: refreshes.iter().peekable(), last: None, has_failed: false };
    for record in records {
        history.advance_to(record.invocation);
        let kid = kids.get(record.key).copied().unwrap_or_default();
        let mistake = if record.is_allowed {
            history.mistake_in_allowing(record, kid)
        } else {
            history.mistake_in_refusing(record, kid)
        };
        if let Some(mistake) = mistake {
            let Record { invocation, withdrawn, sent, answered, .. } = record;
            return Err(format!(
                "invocation {invocation}: {mistake}. Key {kid}, withdrawn at {withdrawn:?}, token \
                 sent at {sent:?}, answered at {answered:?}; the last successful refresh before: \
                 {:?}",
                history.last
            )
            .into());
        }
    }
    Ok(())
}

/// The fetches before an invocation, and those that it waited for.
struct History<'a> {
    /// The fetches of this invocation and later ones.
    next: std::iter::Peekable<std::slice::Iter<'a, Refresh>>,
    /// The last successful fetch before it.
    last: Option<&'a Refresh>,
    /// Whether a fetch has failed since then.
    has_failed: bool,
}

impl<'a> History<'a> {
    fn advance_to(&mut self, invocation: u64) {
        while let Some(refresh) = self.next.next_if(|next| next.invocation < invocation) {
            self.has_failed = refresh.kids.is_none();
            if refresh.kids.is_some() {
                self.last = Some(refresh);
            }
        }
    }

    /// Returns the fetches that an invocation waited for: others follow its answer.
    fn waited(&self, record: &Record) -> impl Iterator<Item = &'a Refresh> {
        let Record { invocation, answered, .. } = *record;
        let of_it = self.next.clone().take_while(move |next| next.invocation == invocation);
        of_it.filter(move |refresh| refresh.started <= answered)
    }

    fn mistake_in_allowing(&self, record: &Record, kid: &str) -> Option<&'static str> {
        if record.withdrawn.is_some_and(|withdrawn| record.sent > withdrawn + TTL + MAX_STALE) {
            return Some("allowed a key after the TTL and the stale time");
        }
        let waited = || self.waited(record);
        if !self.last.into_iter().chain(waited()).any(|refresh| refresh.has(kid)) {
            return Some("allowed a key that is not in the last key set");
        }
        let has_failed = self.has_failed || waited().next().is_some();
        let longest = if has_failed { TTL + MAX_STALE } else { 2 * TTL };
        let is_old = |last: &Refresh| record.sent > last.started + longest + TOLERANCE;
        if self.last.is_some_and(is_old) && !waited().any(|refresh| refresh.has(kid)) {
            return Some("allowed a key that should have been refreshed, or has expired");
        }
        None
    }

    fn mistake_in_refusing(&self, record: &Record, kid: &str) -> Option<&'static str> {
        let is_usable = |last: &Refresh| {
            last.has(kid) && record.answered + TOLERANCE < last.started + TTL + MAX_STALE
        };
        let is_mistake = record.withdrawn.is_none() && self.last.is_some_and(is_usable);
        is_mistake.then_some("refused a published key that is in the last key set")
    }
}

impl Refresh {
    fn has(&self, kid: &str) -> bool {
        self.kids.iter().flatten().any(|published| published == kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Duration {
        Duration::from_secs(1_900_000_000) + Duration::from_millis(millis)
    }

    /// A fetch for an invocation that began then, and brought these keys.
    fn fetched(invocation: u64, millis: u64, kids: &[&str]) -> Refresh {
        let kids = Some(kids.iter().map(|&kid| kid.to_owned()).collect());
        Refresh { issuer: String::new(), invocation, started: at(millis), kids }
    }

    fn failed(invocation: u64, millis: u64) -> Refresh {
        Refresh { kids: None, ..fetched(invocation, millis, &[]) }
    }

    /// Checks the answer of invocation 9 to a token of the key `a`, which took a millisecond.
    #[track_caller]
    fn check_one(
        is_allowed: bool,
        millis: u64,
        withdrawn: Option<u64>,
        refreshes: &[Refresh],
    ) -> bool {
        let (sent, answered) = (at(millis), at(millis + 1));
        let withdrawn = withdrawn.map(at);
        let record = Record { invocation: 9, key: 0, withdrawn, sent, answered, is_allowed };
        check(&[record], refreshes, &["a"]).is_ok()
    }

    #[test]
    fn a_key_may_be_allowed_if_it_is_in_the_last_key_set() {
        let allowed = |refreshes: &[Refresh]| check_one(true, 500, None, refreshes);
        assert!(allowed(&[fetched(1, 0, &["a", "b"])]));
        assert!(!allowed(&[fetched(1, 0, &["b"])]));
        assert!(!allowed(&[fetched(1, 0, &["a"]), fetched(8, 400, &["b"])]));
        assert!(allowed(&[fetched(1, 0, &["b"]), fetched(9, 501, &["a"])]), "waited for it");
        assert!(!allowed(&[fetched(1, 0, &["b"]), fetched(9, 502, &["a"])]), "did not wait");
        assert!(!allowed(&[]) && !allowed(&[failed(1, 0)]));
    }

    #[test]
    fn a_key_may_be_allowed_for_two_lifetimes_and_longer_after_a_failure() {
        let allowed = |millis, refreshes: &[Refresh]| check_one(true, millis, None, refreshes);
        let start = || fetched(1, 0, &["a"]);
        assert!(allowed(2_100, &[start()]));
        assert!(!allowed(2_101, &[start()]));
        assert!(allowed(2_101, &[start(), fetched(9, 2_102, &["a"])]));
        assert!(!allowed(2_101, &[start(), fetched(9, 2_103, &["a"])]), "did not wait");
        assert!(allowed(4_100, &[start(), failed(8, 2_000)]));
        assert!(allowed(2_101, &[start(), failed(9, 2_102)]));
        assert!(!allowed(2_101, &[start(), failed(9, 2_103)]), "did not wait");
        assert!(!allowed(4_101, &[start(), failed(8, 2_000)]));
        assert!(!allowed(2_101, &[failed(0, 0), start()]), "the failure was before");
    }

    #[test]
    fn a_withdrawn_key_may_be_allowed_until_the_stale_time_ends() {
        let refreshes = [fetched(1, 0, &["a"]), fetched(8, 4_000, &["a"])];
        assert!(check_one(true, 4_050, Some(50), &refreshes));
        assert!(!check_one(true, 4_051, Some(50), &refreshes));
    }

    #[test]
    fn a_published_key_may_be_refused_if_the_keys_lack_it_or_have_expired() {
        let refused = |millis, withdrawn, refreshes: &[Refresh]| {
            check_one(false, millis, withdrawn, refreshes)
        };
        let start = || fetched(1, 0, &["a"]);
        assert!(!refused(3_898, None, &[start(), failed(8, 2_000)]));
        assert!(refused(3_899, None, &[start(), failed(8, 2_000)]));
        assert!(refused(3_898, Some(0), &[start()]), "it was withdrawn");
        assert!(refused(500, None, &[fetched(1, 0, &["b"])]));
        assert!(refused(500, None, &[failed(1, 0)]));
    }
}
