//! The refreshes that are due: requests note them, and they are made after an answer.
//!
//! An issuer is noted once, and not again while somebody waits for its refresh. So many concurrent
//! requests during one slow fetch do not each start a task that waits for it.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::source::KeyOrigin;
use crate::invocation::{Invocation, InvocationIds};

/// A refresh that a request did not wait for.
pub(super) struct DueRefresh {
    pub(super) origin: Arc<KeyOrigin>,
    /// The count of refreshes in the state that the request has seen.
    pub(super) refreshes: u64,
    pub(super) invocation: InvocationIds,
    /// When Lambda ends the invocation.
    pub(super) deadline: SystemTime,
}

/// The refreshes that are due.
#[derive(Default)]
pub(super) struct DueRefreshes {
    /// Whether `lists` has due refreshes. Nearly every answer reads this, and nothing else.
    any: AtomicBool,
    /// A mutex of the standard library is enough: no lock is held across an await.
    lists: Mutex<Lists>,
}

#[derive(Default)]
struct Lists {
    due: Vec<DueRefresh>,
    /// The issuers whose refreshes were taken and have not ended.
    taken: Vec<Arc<str>>,
}

impl DueRefreshes {
    /// Notes that an issuer's keys are to be refreshed after the answer to this invocation.
    pub(super) fn note(&self, origin: &Arc<KeyOrigin>, refreshes: u64, invocation: Invocation<'_>) {
        let issuer = origin.issuer.shared();
        let mut lists = self.lists();
        let is_due = |due: &DueRefresh| due.origin.issuer.shared() == issuer;
        if lists.taken.contains(issuer) || lists.due.iter().any(is_due) {
            return;
        }
        lists.due.push(DueRefresh {
            origin: Arc::clone(origin),
            refreshes,
            invocation: invocation.ids(),
            deadline: invocation.deadline,
        });
        self.any.store(true, Ordering::Release);
    }

    /// Takes the refreshes that are due.
    pub(super) fn take(&self) -> Vec<DueRefresh> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut lists = self.lists();
        self.any.store(false, Ordering::Release);
        let due = mem::take(&mut lists.due);
        lists.taken.extend(due.iter().map(|due| Arc::clone(due.origin.issuer.shared())));
        due
    }

    /// Lets requests note this issuer again.
    pub(super) fn end(&self, issuer: &Arc<str>) {
        self.lists().taken.retain(|taken| taken != issuer);
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::KeyLocation;
    use super::*;
    use crate::issuer::IssuerName;

    fn note(due: &DueRefreshes, issuer: &str) {
        let location = KeyLocation::discovered(issuer).unwrap();
        let origin =
            KeyOrigin { issuer: IssuerName::exact(issuer), location, algorithms: Vec::new() };
        let invocation =
            Invocation { deadline: SystemTime::UNIX_EPOCH, request_id: "r", trace_id: None };
        due.note(&Arc::new(origin), 0, invocation);
    }

    fn take(due: &DueRefreshes) -> Vec<String> {
        due.take().iter().map(|due| due.origin.issuer.shared().to_string()).collect()
    }

    #[test]
    fn takes_each_issuer_once_until_its_refresh_has_ended() {
        let (due, a, b) = (DueRefreshes::default(), "https://a.example", "https://b.example");
        assert_eq!(take(&due), [""; 0]);
        note(&due, a);
        note(&due, a);
        assert_eq!(take(&due), [a]);
        note(&due, a);
        note(&due, b);
        assert_eq!(take(&due), [b], "the refresh of the first one has not ended");
        due.end(&Arc::from(a));
        note(&due, a);
        note(&due, b);
        assert_eq!(take(&due), [a]);
    }
}
