//! An API's Lambda authorizer: identity sources, the cache, the function, and its answer's evaluation.
//!
//! - REST: <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html>
//! - HTTP: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
//! - WebSocket: <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>

mod config;
mod outcome;
mod rules;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::Map;

use self::config::Checked;
pub use self::config::{AuthorizerConfig, AuthorizerKind, AuthorizerType, ConfigError};
pub use self::outcome::{Authorization, CacheUse, Refusal};
use crate::cache::{Entry, ResultCache};
use crate::clock::Clock;
use crate::identity::ApiKind;
use crate::invocation::{FunctionOutcome, InvokeError};
use crate::lambda::{Invocation, Target};
use crate::request::Request;

/// The error message with which a function makes API Gateway answer 401.
const UNAUTHORIZED: &str = "Unauthorized";

/// How long an HTTP API waits for its authorizer.
///
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const HTTP_API_LIMIT: Duration = Duration::from_secs(10);

/// How long the other kinds of API wait for it. Not documented: this is the limit of an integration.
///
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
const LIMIT: Duration = Duration::from_secs(29);

/// An API's authorizer.
#[derive(Debug)]
pub struct Authorizer {
    function: Target,
    /// Whether the function's resource-based policy lets API Gateway invoke it.
    is_permitted: AtomicBool,
    /// Each request uses one setup from its beginning to its end.
    setup: RwLock<Arc<Setup>>,
    /// The time of the cache.
    clock: Clock,
}

/// A configuration and its cache.
#[derive(Debug)]
struct Setup {
    config: Checked,
    cache: Option<ResultCache>,
}

impl Setup {
    fn new(config: AuthorizerConfig) -> Result<Arc<Self>, ConfigError> {
        let config = Checked::new(config)?;
        let cache = (!config.ttl.is_zero()).then(|| ResultCache::new(config.ttl));
        Ok(Arc::new(Self { config, cache }))
    }
}

impl Authorizer {
    /// Sets up the function as an API's authorizer. API Gateway may invoke it.
    ///
    /// # Errors
    ///
    /// When API Gateway would not accept the configuration.
    pub fn new(function: impl Into<Target>, config: AuthorizerConfig) -> Result<Self, ConfigError> {
        let setup = RwLock::new(Setup::new(config)?);
        Ok(Self {
            function: function.into(),
            is_permitted: AtomicBool::new(true),
            setup,
            clock: Clock::default(),
        })
    }

    /// Adds or removes the permission to invoke the function, as `aws lambda add-permission` and
    /// `remove-permission` do. Cached responses are used without it.
    ///
    /// - REST: <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html>
    /// - HTTP: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html>
    /// - WebSocket: not documented
    pub fn permit(&self, is_permitted: bool) {
        self.is_permitted.store(is_permitted, Ordering::Relaxed);
    }

    /// Returns whether API Gateway may invoke the function.
    #[must_use]
    pub fn is_permitted(&self) -> bool {
        self.is_permitted.load(Ordering::Relaxed)
    }

    /// Uses this clock in place of its own.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Returns the clock of the cache, and of a WebSocket API's connections.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Changes the configuration, as an update of the authorizer and a deployment of the API do. The
    /// cache is empty afterwards.
    ///
    /// Whether a deployment empties the cache is not documented: responses with another identity
    /// source or another payload format must not be used in any case.
    ///
    /// # Errors
    ///
    /// When API Gateway would not accept the configuration. The present one then stays.
    pub fn configure(&self, config: AuthorizerConfig) -> Result<(), ConfigError> {
        let setup = Setup::new(config)?;
        *self.setup.write().unwrap_or_else(PoisonError::into_inner) = setup;
        Ok(())
    }

    /// Returns the present configuration.
    #[must_use]
    pub fn config(&self) -> AuthorizerConfig {
        let Checked { kind, sources, ttl, .. } = &self.setup().config;
        let identity_sources = sources.iter().map(|source| source.text().to_owned()).collect();
        AuthorizerConfig { kind: kind.clone(), identity_sources, ttl: *ttl }
    }

    /// Returns the kind of the authorizer's API.
    #[must_use]
    pub fn api(&self) -> ApiKind {
        self.setup().config.kind.api()
    }

    /// Empties the cache.
    pub fn flush_cache(&self) {
        if let Some(cache) = &self.setup().cache {
            cache.flush();
        }
    }

    fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Decides whether a request may enter. `number` is that of the request.
    pub async fn authorize(&self, number: u64, request: &Request) -> Authorization {
        let setup = self.setup();
        let Setup { config, cache } = &*setup;
        let (event, identity) = config.event(request);
        let values: Option<Vec<String>> = identity.iter().map(|(_, value)| value.clone()).collect();
        let mut authorization = Authorization {
            event,
            identity,
            cache: if cache.is_some() { CacheUse::NotAsked } else { CacheUse::Off },
            outcome: None,
            duration: None,
            report: None,
            matched: None,
            context: Map::new(),
            usage_identifier_key: None,
            decision: Err(Refusal::MissingIdentity),
        };
        match values {
            None => {}
            Some(values) if !config.accepts(&values) => {
                authorization.decision = Err(Refusal::InvalidToken);
            }
            Some(values) => self.decide(&setup, number, values, &mut authorization).await,
        }
        authorization
    }

    /// Finds or asks for a response, and evaluates it.
    async fn decide(
        &self,
        setup: &Setup,
        number: u64,
        values: Vec<String>,
        into: &mut Authorization,
    ) {
        let Setup { config, cache } = setup;
        let hit = cache.as_ref().and_then(|cache| cache.find(&values, self.clock.now()));
        if let Some(hit) = hit {
            into.cache = CacheUse::Hit { age: hit.age, number: hit.number };
            into.decision = config.evaluate(&hit.response, into);
            into.outcome = Some(FunctionOutcome::Response(hit.response));
            return;
        }
        if cache.is_some() {
            into.cache = CacheUse::Miss;
        }
        if !self.is_permitted() {
            into.decision = Err(InvokeError::NotPermitted.into());
            return;
        }
        let limit = if self.api() == ApiKind::Http { HTTP_API_LIMIT } else { LIMIT };
        let event = into.event.to_string().into();
        let (Invocation { outcome, report }, duration) =
            self.function.invoke_within(limit, event).await;
        let was_asked = !matches!(outcome, Err(InvokeError::Throttled(_)));
        into.duration = was_asked.then_some(duration);
        into.report = report;
        into.decision = match &outcome {
            Ok(FunctionOutcome::Response(response)) => {
                let decision = config.evaluate(response, into);
                if let Some(cache) = cache
                    && !matches!(decision, Err(Refusal::Malformed(_)))
                {
                    let (response, stored_at) = (response.clone(), self.clock.now());
                    cache.store(values, Entry { response, stored_at, number });
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
}

#[cfg(test)]
mod tests;
