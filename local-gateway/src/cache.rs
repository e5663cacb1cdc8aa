//! The cache of an authorizer's responses.
//!
//! API Gateway caches what the function returned, an Allow or a Deny, and never an error. The key is
//! the stage and the values of the identity sources. So a REST API evaluates a cached policy again for
//! each route, and an HTTP API applies a cached simple response to each route.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.caching>
//!
//! That errors are not cached, and that requests at the same time each invoke the function, is not
//! documented.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

/// The longest time to live that API Gateway accepts.
pub const MAX_TTL: Duration = Duration::from_secs(3600);

/// The time to live if none is set.
pub const DEFAULT_TTL: Duration = Duration::from_secs(300);

/// Responses by the values of the identity sources.
#[derive(Debug)]
pub(crate) struct ResultCache {
    ttl: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    responses: HashMap<Vec<String>, Entry>,
    /// How far the cache's clock is ahead.
    advanced: Duration,
}

#[derive(Debug)]
struct Entry {
    response: Bytes,
    stored_at: Instant,
    number: u64,
}

/// A response in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) response: Bytes,
    pub(crate) age: Duration,
    /// The number of the request for which the function returned it.
    pub(crate) number: u64,
}

impl ResultCache {
    pub(crate) fn new(ttl: Duration) -> Self {
        Self { ttl, state: Mutex::default() }
    }

    pub(crate) fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Returns the response that is cached for these values, if it is not too old.
    pub(crate) fn find(&self, values: &[String]) -> Option<Hit> {
        let state = self.state();
        let entry = state.responses.get(values)?;
        let age = now(&state).saturating_duration_since(entry.stored_at);
        (age < self.ttl).then(|| Hit {
            response: entry.response.clone(),
            age,
            number: entry.number,
        })
    }

    pub(crate) fn store(&self, values: Vec<String>, response: Bytes, number: u64) {
        let mut state = self.state();
        let stored_at = now(&state);
        state.responses.insert(values, Entry { response, stored_at, number });
    }

    /// Makes every response older by `duration`.
    pub(crate) fn advance(&self, duration: Duration) {
        self.state().advanced += duration;
    }

    /// Removes every response, as `flush-stage-authorizers-cache` does.
    pub(crate) fn flush(&self) {
        self.state().responses.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now(state: &State) -> Instant {
    Instant::now() + state.advanced
}
