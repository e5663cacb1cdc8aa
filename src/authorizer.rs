//! The pipeline: from an event to the response.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tracing::debug;

use crate::config::{AcceptingIssuer, Config};
use crate::decision_log::{self, LogEntry};
use crate::diagnosis::Question;
use crate::error::{Class, Error};
use crate::excerpt::Excerpt;
use crate::gateway::request::{AuthorizerRequest, find_credential};
use crate::gateway::response::{Caller, FunctionError, Response};
use crate::hints;
use crate::invocation::Invocation;
use crate::jwks::{Clock, HttpKeySource, KeyCache, KeyOrigin, KeyQuery, KeySet, KeySource};
use crate::jwt::{Claims, RawToken, UnverifiedToken, verify};
use crate::metrics::Metrics;
use crate::trial::{TrialChange, TrialRules};

/// Decides on authorizer events. See the crate's documentation for an example.
pub struct Authorizer<S = HttpKeySource> {
    pub(crate) config: Config,
    pub(crate) keys: KeyCache<S>,
    pub(crate) clock: Clock,
    metrics: Arc<Metrics>,
}

impl<S: KeySource> Authorizer<S> {
    pub(crate) fn new(config: Config, source: S, clock: Clock) -> Self {
        let metrics = Arc::new(match &config.metrics_namespace {
            None => Metrics::off(),
            Some(namespace) => Metrics::to(Box::new(std::io::stdout()), namespace),
        });
        let keys = KeyCache::new(
            source,
            config.cache,
            Arc::clone(&clock),
            Arc::clone(&metrics),
            config.issuers.len(),
        );
        Self { config, keys, clock, metrics }
    }

    /// Returns an authorizer with other settings, but for the issuers and the cache of keys, which
    /// both share.
    pub(crate) fn with_config(&self, config: Config) -> Self {
        let (keys, clock) = (self.keys.clone(), Arc::clone(&self.clock));
        Self { config, keys, clock, metrics: Arc::clone(&self.metrics) }
    }

    /// Stores an issuer's keys that were read from a file.
    pub(crate) async fn seed(&self, origin: &KeyOrigin, keys: KeySet) {
        self.keys.seed(origin, keys).await;
    }

    /// Fetches the keys of the issuers that the settings choose for the start, all at once, unless
    /// they have some. Waits until all fetches have ended. A fetch that fails is logged.
    pub async fn prefetch(&self) {
        let issuers = self.config.issuers.iter().filter(|issuer| issuer.prefetch);
        self.keys.prefetch(issuers.map(|issuer| &issuer.keys)).await;
    }

    /// Refreshes the keys that requests found near the end of their lifetime, or past it. Call it when
    /// the answer to a request has been sent: no request waits for a refresh of keys that it can use.
    ///
    /// The fetches start at once, each in a task of the current Tokio runtime, and are logged. Await the
    /// future where the process may be frozen after an answer, as Lambda does with one invocation at a
    /// time; the wait ends before the deadline of the invocation. Otherwise drop it.
    ///
    /// Without this call, and if the issuer answers, keys are used for up to twice their lifetime,
    /// withdrawn ones too. Then a request refreshes them and waits, unless a token with an unknown key
    /// did so before.
    pub fn refresh_ahead(&self) -> impl Future<Output = ()> + Send + use<S> {
        self.keys.refresh_ahead()
    }

    /// Decides on one event, and logs one line.
    ///
    /// # Errors
    ///
    /// A [`FunctionError`]. API Gateway answers 401 if its message is exactly `Unauthorized`, and 500
    /// otherwise.
    pub async fn authorize(
        &self,
        event: &str,
        invocation: Invocation<'_>,
    ) -> Result<Response, FunctionError> {
        let started = now();
        let mut entry = LogEntry::default();
        let decision = self.decide(event, invocation, (self.clock)(), &mut entry).await;
        if let Err(Refused { error: Error::UnusableEvent { .. }, .. }) = &decision {
            if let Some(question) = Question::parse(event) {
                return Box::pin(question?.answer(self, invocation)).await;
            }
            if let Some(answer) = self.answer_about_resource(event, invocation) {
                return answer;
            }
        }
        let duration = started.elapsed();
        let error = decision.as_ref().err().map(|refused| &refused.error);
        entry.log(error, invocation, duration);
        self.metrics.decided(|| entry.metrics(error, (self.clock)(), duration));
        self.respond(decision, &entry)
    }

    /// Answers a request for the API's metadata. Returns `None` if the event is not one of an
    /// integration, or if the API has no metadata.
    fn answer_about_resource(
        &self,
        event: &str,
        invocation: Invocation<'_>,
    ) -> Option<Result<Response, FunctionError>> {
        let answer = self.config.resource.as_ref()?.answer(event)?;
        let Invocation { request_id, trace_id, .. } = invocation;
        debug!(requestId = request_id, xrayTraceId = trace_id, "answered about the resource");
        Some(answer)
    }

    /// Decides on one event like [`Authorizer::authorize`], and logs and counts no decision. Claims are
    /// checked at `now`.
    pub(crate) async fn decide_unlogged(
        &self,
        event: &str,
        invocation: Invocation<'_>,
        now: SystemTime,
    ) -> UnloggedDecision {
        let mut entry = LogEntry::default();
        let decision = self.decide(event, invocation, now, &mut entry).await;
        let error = decision.as_ref().err().map(|refused| &refused.error);
        UnloggedDecision {
            decision: decision_log::decision(error),
            refusal: error.map(|error| (error.reason(), error.to_string(), error.cure())),
            trial: entry.trial_change(error),
            answer: self.respond(decision, &entry),
        }
    }

    fn respond(
        &self,
        decision: Result<Response, Refused>,
        entry: &LogEntry<'_>,
    ) -> Result<Response, FunctionError> {
        match decision {
            Ok(response) | Err(Refused { response: Some(response), .. }) => Ok(response),
            Err(Refused { error, response: None }) => {
                self.config.responses.refuse(&error, entry.request())
            }
        }
    }

    /// Runs the pipeline. Adds what becomes known of the request to `entry`.
    async fn decide<'a>(
        &'a self,
        event: &'a str,
        invocation: Invocation<'_>,
        now: SystemTime,
        entry: &mut LogEntry<'a>,
    ) -> Result<Response, Refused> {
        let request = AuthorizerRequest::parse(event)?;
        entry.set_request(request.kind, &request.arn);
        let credential = find_credential(&request, &self.config.token_sources)?;
        let decoded = RawToken::new(&credential.token).decode()?;
        let token = UnverifiedToken::read(&decoded)?;
        entry.kid = token.unverified_kid().map(Excerpt::from);

        let AcceptingIssuer { issuer, tenant } = self.issuer_of(&token)?;
        entry.issuer = Some(issuer.rules.issuer.as_str());
        entry.tenant = tenant.map(Excerpt::from);
        let algorithm = token.algorithm(&issuer.keys.algorithms)?;
        let query = KeyQuery { kid: token.unverified_kid(), algorithm, tenant };
        let found = self.keys.find(&issuer.keys, &query, invocation).await;
        let keys = found
            .map_err(|error| hints::with_key_hint(error.into(), issuer.rules.issuer.as_str()))?;
        entry.keys = Some((keys.freshness, keys.fetched_at));

        let token = verify(token, keys.as_slice())?;
        let certificate = || request.client_certificate();
        if let Some(trial) = TrialRules::of(&self.config, issuer) {
            let judged = trial.judge(&request, credential.delivery, &token, algorithm, now);
            entry.trial = Some(judged);
        }
        let claims = Claims::check(token, &issuer.rules, now, certificate)?;
        let judgement =
            self.config.access.judge(&request, credential.delivery, &issuer.scopes, &claims);
        let caller = Caller {
            principal: self.config.context.principal(&claims)?,
            usage_key: self.config.context.usage_key(&claims)?,
            context: self.config.context.context(&claims, credential.subprotocol)?,
        };
        match judgement {
            Ok(permit) => Ok(self.config.responses.allow(&request, &caller, &permit)?),
            // A claim cannot be read, so nothing is known of what the caller may do.
            Err(refusal) if refusal.error().class() != Class::Forbidden => {
                Err(refusal.into_error().into())
            }
            Err(refusal) => {
                let response = self.config.responses.deny(&request, caller, &refusal)?;
                Err(Refused { error: refusal.into_error(), response: Some(response) })
            }
        }
    }

    /// Finds the configured issuer that a token names, and the tenant if it has many. The token's `iss`
    /// is used for nothing else.
    pub(crate) fn issuer_of<'t>(
        &self,
        token: &'t UnverifiedToken<'_>,
    ) -> Result<AcceptingIssuer<'_, 't>, Error> {
        let named = token.unverified_issuer().ok_or_else(|| Error::missing_claim("iss"))?;
        self.config
            .issuers
            .find(named)
            .ok_or_else(|| self.config.issuers.unknown(named, token.unverified_content()))
    }
}

/// A decision that was made for a diagnosis.
pub(crate) struct UnloggedDecision {
    /// The decision's name in log lines.
    pub(crate) decision: &'static str,
    /// The reason code, the message and the cure, if the request is refused.
    pub(crate) refusal: Option<(&'static str, String, &'static str)>,
    /// What the rules on trial would change, if there are any and the token is verified.
    pub(crate) trial: Option<TrialChange>,
    /// The response to API Gateway.
    pub(crate) answer: Result<Response, FunctionError>,
}

/// Why a request is refused. The response is already made if it contains claims of the caller.
struct Refused {
    error: Error,
    response: Option<Response>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, response: None }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a decision takes is for the log only")]
fn now() -> Instant {
    Instant::now()
}
