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
    responses: Mutex<Responses>,
}

type Responses = HashMap<Vec<String>, Entry>;

/// A response, when it was stored, and the number of the request for which the function returned it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) response: Bytes,
    pub(crate) stored_at: Instant,
    pub(crate) number: u64,
}

impl Entry {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.stored_at)
    }
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
        Self { ttl, responses: Mutex::default() }
    }

    /// Returns the response that is cached for these values, if it is not too old.
    pub(crate) fn find(&self, values: &[String], now: Instant) -> Option<Hit> {
        let responses = self.responses();
        let entry = responses.get(values)?;
        let age = entry.age(now);
        (age < self.ttl).then(|| Hit {
            response: entry.response.clone(),
            age,
            number: entry.number,
        })
    }

    /// Stores a response, and removes those that are too old.
    pub(crate) fn store(&self, values: Vec<String>, entry: Entry) {
        let now = entry.stored_at;
        let mut responses = self.responses();
        responses.retain(|_, stored| stored.age(now) < self.ttl);
        responses.insert(values, entry);
    }

    /// Removes every response, as `flush-stage-authorizers-cache` does.
    pub(crate) fn flush(&self) {
        self.responses().clear();
    }

    fn responses(&self) -> MutexGuard<'_, Responses> {
        self.responses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_no_responses_that_are_too_old() {
        let cache = ResultCache::new(DEFAULT_TTL);
        let start = Instant::now();
        let store = |name: &str, after| {
            let entry = Entry { response: Bytes::new(), stored_at: start + after, number: 1 };
            cache.store(vec![name.to_owned()], entry);
        };
        store("a", Duration::ZERO);
        store("b", Duration::from_secs(1));
        assert_eq!(cache.responses().len(), 2);
        store("c", DEFAULT_TTL);
        assert_eq!(cache.responses().len(), 2);
        assert!(cache.find(&[String::from("b")], start + DEFAULT_TTL).is_some());
    }
}
