//! An API's Lambda authorizer: identity sources, the cache, the function, and its answer's evaluation.
//!
//! - REST: <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html>
//! - HTTP: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
//! - WebSocket: <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>

mod outcome;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Map, Value, json};

pub use self::outcome::{Authorization, CacheUse, Refusal};
use crate::cache::{MAX_TTL, ResultCache};
use crate::identity::{ApiKind, IdentitySource, NotASource};
use crate::invocation::FunctionOutcome;
use crate::policy::{self, Verdict};
use crate::request::Request;
use crate::runtime_api::RuntimeApi;

/// The error message with which a function makes API Gateway answer 401.
const UNAUTHORIZED: &str = "Unauthorized";

/// How an authorizer is set up.
#[derive(Clone, Debug)]
pub struct AuthorizerConfig {
    /// The kind of its API.
    pub api: ApiKind,
    /// The identity sources, in the API's syntax.
    pub identity_sources: Vec<String>,
    /// The cache's time to live. Zero switches the cache off.
    pub ttl: Duration,
    /// Whether an HTTP API expects simple responses. Other APIs have none.
    pub simple_responses: bool,
}

/// Why API Gateway does not accept an authorizer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An identity source has the syntax of another kind of API, or none.
    #[error(transparent)]
    Source(#[from] NotASource),
    /// The time to live is over an hour.
    #[error("the time to live is {} s, over the limit of {} s", .0.as_secs(), MAX_TTL.as_secs())]
    Ttl(Duration),
    /// The cache has no key.
    #[error("the cache needs an identity source; without one, set the time to live to 0")]
    NoKey,
    /// WebSocket APIs have no cache.
    #[error("a WebSocket API does not cache; set the time to live to 0")]
    NoCache,
}

/// An API's authorizer.
#[derive(Debug)]
pub struct Authorizer {
    runtime_api: Arc<RuntimeApi>,
    api: ApiKind,
    sources: Vec<IdentitySource>,
    cache: Option<ResultCache>,
    simple_responses: bool,
}

impl Authorizer {
    /// Sets up the function behind `runtime_api` as an API's authorizer.
    ///
    /// # Errors
    ///
    /// When API Gateway would not accept the configuration.
    pub fn new(
        runtime_api: Arc<RuntimeApi>,
        config: &AuthorizerConfig,
    ) -> Result<Self, ConfigError> {
        let AuthorizerConfig { api, identity_sources, ttl, simple_responses } = config;
        let sources = identity_sources.iter().map(|text| IdentitySource::parse(*api, text));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        if *ttl > MAX_TTL {
            return Err(ConfigError::Ttl(*ttl));
        }
        if !ttl.is_zero() && *api == ApiKind::WebSocket {
            return Err(ConfigError::NoCache);
        }
        if !ttl.is_zero() && sources.is_empty() {
            return Err(ConfigError::NoKey);
        }
        let cache = (!ttl.is_zero()).then(|| ResultCache::new(*ttl));
        Ok(Self { runtime_api, api: *api, sources, cache, simple_responses: *simple_responses })
    }

    /// Returns the kind of the authorizer's API.
    #[must_use]
    pub fn api(&self) -> ApiKind {
        self.api
    }

    /// Returns the identity sources.
    pub fn identity_sources(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(IdentitySource::text)
    }

    /// Returns the cache's time to live; zero without a cache.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.cache.as_ref().map(ResultCache::ttl).unwrap_or_default()
    }

    /// Makes the cached responses older by `duration`.
    pub fn advance_cache(&self, duration: Duration) {
        if let Some(cache) = &self.cache {
            cache.advance(duration);
        }
    }

    /// Empties the cache.
    pub fn flush_cache(&self) {
        if let Some(cache) = &self.cache {
            cache.flush();
        }
    }

    /// Decides whether a request may enter. `number` is that of the request.
    pub async fn authorize(&self, number: u64, request: &Request) -> Authorization {
        let mut event = match self.api {
            ApiKind::WebSocket => request.websocket_connect(),
            ApiKind::Rest => request.rest_request(),
            ApiKind::Http => request.http_api_2(),
        };
        let identity: Vec<_> = self
            .sources
            .iter()
            .map(|source| (source.text().to_owned(), source.value(&event)))
            .collect();
        if self.api == ApiKind::Http {
            let values: Vec<_> = identity.iter().map(|(_, value)| value).collect();
            event["identitySource"] = if values.is_empty() { Value::Null } else { json!(values) };
        }
        let mut authorization = Authorization {
            event,
            identity,
            cache: if self.cache.is_some() { CacheUse::NotAsked } else { CacheUse::Off },
            outcome: None,
            duration: None,
            matched: None,
            decision: Err(Refusal::MissingIdentity),
        };
        let values: Option<Vec<String>> =
            authorization.identity.iter().map(|(_, value)| value.clone()).collect();
        if let Some(values) = values {
            self.decide(number, values, &mut authorization).await;
        }
        authorization
    }

    /// Finds or asks for a response, and evaluates it.
    async fn decide(&self, number: u64, values: Vec<String>, into: &mut Authorization) {
        let hit = self.cache.as_ref().and_then(|cache| cache.find(&values));
        if let Some(hit) = hit {
            into.cache = CacheUse::Hit { age: hit.age, number: hit.number };
            into.decision = self.evaluate(&hit.response, into);
            into.outcome = Some(FunctionOutcome::Response(hit.response));
            return;
        }
        if self.cache.is_some() {
            into.cache = CacheUse::Miss;
        }
        let asked_at = Instant::now();
        let outcome = self.runtime_api.invoke(into.event.to_string()).await;
        into.duration = Some(asked_at.elapsed());
        into.decision = match &outcome {
            Ok(FunctionOutcome::Response(response)) => {
                let decision = self.evaluate(response, into);
                if let Some(cache) = &self.cache
                    && !matches!(decision, Err(Refusal::Malformed(_)))
                {
                    cache.store(values, response.clone(), number);
                }
                decision
            }
            Ok(FunctionOutcome::Error(error)) if error.error_message == UNAUTHORIZED => {
                Err(Refusal::Unauthorized)
            }
            Ok(FunctionOutcome::Error(error)) => Err(Refusal::Failed(error.clone())),
            Err(error) => Err(Refusal::NoOutcome(error.clone())),
        };
        into.outcome = outcome.ok();
    }

    /// Evaluates a response for the request, and notes which part of the policy decides.
    fn evaluate(
        &self,
        response: &Bytes,
        into: &mut Authorization,
    ) -> Result<Map<String, Value>, Refusal> {
        if self.simple_responses {
            let (is_authorized, context) = policy::read_simple(response)?;
            return if is_authorized { Ok(context) } else { Err(Refusal::NotAuthorized) };
        }
        let evaluation = policy::judge(response, into.arn())?;
        into.matched = evaluation.matched;
        match evaluation.verdict {
            Verdict::Allow if self.api == ApiKind::Http => Ok(evaluation.caller.context),
            Verdict::Allow => Ok(evaluation.caller.authorizer()),
            Verdict::ExplicitDeny => Err(Refusal::ExplicitDeny),
            Verdict::ImplicitDeny => Err(Refusal::ImplicitDeny),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(api: ApiKind, sources: &[&str], ttl: u64) -> Result<(), ConfigError> {
        let runtime_api = Arc::new(RuntimeApi::start().await.unwrap());
        let config = AuthorizerConfig {
            api,
            identity_sources: sources.iter().map(|source| (*source).to_owned()).collect(),
            ttl: Duration::from_secs(ttl),
            simple_responses: false,
        };
        Authorizer::new(runtime_api, &config).map(drop)
    }

    #[tokio::test]
    async fn refuses_what_api_gateway_does_not_accept() {
        let source = "method.request.header.Authorization";
        assert_eq!(check(ApiKind::Rest, &[source], 3600).await, Ok(()));
        let too_long = ConfigError::Ttl(Duration::from_secs(3601));
        assert_eq!(check(ApiKind::Rest, &[source], 3601).await, Err(too_long));
        assert_eq!(check(ApiKind::Rest, &[], 0).await, Ok(()));
        assert_eq!(check(ApiKind::Rest, &[], 1).await, Err(ConfigError::NoKey));
        let source = "route.request.header.Authorization";
        assert_eq!(check(ApiKind::WebSocket, &[source], 0).await, Ok(()));
        assert_eq!(check(ApiKind::WebSocket, &[source], 1).await, Err(ConfigError::NoCache));
        let other_syntax = check(ApiKind::Rest, &[source], 0).await.unwrap_err();
        assert!(matches!(other_syntax, ConfigError::Source(_)));
    }
}
