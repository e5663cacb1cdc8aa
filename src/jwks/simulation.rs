//! The state of one environment's keys, driven by hand. `bench` simulates a fleet of environments with it.
//!
//! It is not part of the library's interface.

use std::time::SystemTime;

use super::source::{FetchError, Fetched};
use super::state::{CacheRules, KeyQuery, KeyState, RefreshCause, Step};
use crate::jwt::SignatureAlgorithm;

/// The keys of one issuer in one environment.
#[derive(Debug, Default)]
pub struct SimulatedKeys(KeyState);

/// A fetch that a request needs.
#[derive(Debug)]
pub struct SimulatedFetch {
    cause: RefreshCause,
}

impl SimulatedKeys {
    /// Decides on a token with this `kid`, and returns the fetch that the request needs. Whether the
    /// request waits for it makes no difference to the issuer.
    #[must_use]
    pub fn request(
        &self,
        kid: &str,
        algorithm: &'static SignatureAlgorithm,
        now: SystemTime,
        rules: &CacheRules,
    ) -> Option<SimulatedFetch> {
        let query = KeyQuery { kid: Some(kid), algorithm, tenant: None };
        match self.0.next_step(&query, now, rules) {
            Step::Answer(_) => None,
            Step::AnswerThenRefresh(_) => Some(SimulatedFetch { cause: RefreshCause::Age }),
            Step::Refresh(cause) => Some(SimulatedFetch { cause }),
        }
    }

    /// Ends a fetch.
    pub fn fetched(
        &mut self,
        fetch: &SimulatedFetch,
        outcome: Result<Fetched, FetchError>,
        now: SystemTime,
        jitter: f64,
        rules: &CacheRules,
    ) {
        self.0 = self.0.after(outcome, fetch.cause, now, now, jitter, rules);
    }

    /// Returns whether there are cached keys, of any age.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.0.has_keys()
    }
}
