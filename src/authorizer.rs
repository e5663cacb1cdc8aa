//! The way of a request, top to bottom, and the log line about it.

use std::cell::LazyCell;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::timeout;
use tracing::{debug, error, info, warn};

use crate::config::{Config, IssuerConfig};
use crate::error::{Class, Error, Excerpt};
use crate::gateway::{
    Answer, AuthorizerRequest, EventKind, FunctionError, MethodArn, Verdict, find_credential,
};
use crate::invocation::Invocation;
use crate::jwks::{
    ClientError, Clock, HttpKeySource, KeyCache, KeyQuery, KeySet, KeySetError, KeySource, KeysUsed,
};
use crate::jwt::{Claims, RawToken, UnverifiedToken, verify};
use crate::metrics::{DecisionMetrics, Metrics};

/// Answers authorizer events.
pub struct Authorizer<S = HttpKeySource> {
    config: Config,
    keys: KeyCache<S>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

/// Why the authorizer cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file cannot be read.
    #[error("{variable} cannot be read: {cause}")]
    File {
        /// The setting that names it.
        variable: &'static str,
        /// What the operating system or the PEM reader says.
        cause: String,
    },
    /// A key set file is of no use.
    #[error("AUTHORIZER_JWKS_FILE of {issuer} cannot be used: {cause}")]
    KeySet {
        /// The issuer whose keys it should hold.
        issuer: String,
        /// What is wrong with it.
        cause: KeySetError,
    },
    /// There is no HTTP client.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// How long the start waits for keys. Lambda ends the init phase after 10 s, and an issuer that
/// hangs must not keep the others' tokens out.
const TIME_TO_START: Duration = Duration::from_secs(5);

impl Authorizer<HttpKeySource> {
    /// Makes an authorizer that fetches keys over HTTP, and fetches them: every
    /// issuer's at once, so that the first request finds them. A fetch that
    /// fails is logged and tried again when a request needs it.
    ///
    /// # Errors
    ///
    /// [`StartError`] where a file that the settings name is of no use.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let roots = match &config.ca_file {
            None => Vec::new(),
            Some(path) => {
                let fail = |cause| StartError::File { variable: "AUTHORIZER_CA_FILE", cause };
                let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
                let certificates: Vec<_> = certificates.map_err(|error| fail(error.to_string()))?;
                if certificates.is_empty() {
                    return Err(fail("it holds no PEM certificate".to_owned()));
                }
                certificates
            }
        };
        let source = HttpKeySource::new(roots, config.cache.timeout)?;
        let authorizer = Self::new(config, source, Arc::new(SystemTime::now)).await?;
        // The fetches go on without us, and a request that needs one joins it.
        let _ = timeout(TIME_TO_START, authorizer.prefetch()).await;
        Ok(authorizer)
    }
}

impl<S: KeySource> Authorizer<S> {
    /// Makes an authorizer with keys from `source` and time from `clock`.
    ///
    /// # Errors
    ///
    /// [`StartError`] where a key set file is of no use.
    pub async fn new(config: Config, source: S, clock: Clock) -> Result<Self, StartError> {
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
        for issuer in &config.issuers {
            let Some(path) = &issuer.jwks_file else { continue };
            let json = std::fs::read(path).map_err(|error| StartError::File {
                variable: "AUTHORIZER_JWKS_FILE",
                cause: error.to_string(),
            })?;
            let (set, skipped) =
                KeySet::parse(&json, &issuer.keys.algorithms).map_err(|cause| {
                    StartError::KeySet { issuer: issuer.rules.issuer.clone(), cause }
                })?;
            for key in skipped {
                warn!(
                    issuer = issuer.rules.issuer,
                    key = key.to_string(),
                    "a key of AUTHORIZER_JWKS_FILE is skipped"
                );
            }
            keys.seed(&issuer.keys, set).await;
        }
        Ok(Self { config, keys, clock, metrics })
    }

    /// Fetches every issuer's keys that are not at hand, all at once, and waits for the outcomes,
    /// which are logged.
    pub async fn prefetch(&self) {
        self.keys.prefetch(self.config.issuers.iter().map(|issuer| &issuer.keys)).await;
    }

    /// Answers one event, and logs one line about it.
    ///
    /// # Errors
    ///
    /// The [`FunctionError`] that API Gateway makes a 401 (its message is exactly
    /// `Unauthorized`) or a 500.
    pub async fn authorize(
        &self,
        event: &str,
        invocation: Invocation<'_>,
    ) -> Result<Answer, FunctionError> {
        let started = Instant::now();
        let mut trail = Trail::default();
        let (answer, error) = match self.decide(event, invocation, &mut trail).await {
            Ok(answer) => (Ok(answer), None),
            Err(Refusal { error, answer: Some(answer) }) => (Ok(answer), Some(error)),
            Err(Refusal { error, answer: None }) => self.refuse(error, &trail),
        };
        // Read once, before the line is written, and only where it is told.
        let took = LazyCell::new(|| started.elapsed());
        trail.log(error.as_ref(), invocation, || *took);
        self.metrics.decided(|| trail.count(error.as_ref(), (self.clock)(), *took));
        answer
    }

    /// Takes a request from its event to the answer. `trail` gathers what is
    /// known of it on the way, for the log line and in case it is refused.
    async fn decide<'a>(
        &'a self,
        event: &'a str,
        invocation: Invocation<'_>,
        trail: &mut Trail<'a>,
    ) -> Result<Answer, Refusal> {
        let now = (self.clock)();
        let request = AuthorizerRequest::parse(event)?;
        trail.asked = Some((request.kind, request.arn.clone()));
        let credential = find_credential(&request, &self.config.token_sources)?;
        let decoded = RawToken::new(&credential.token).decode()?;
        let token = UnverifiedToken::read(&decoded)?;
        trail.kid = token.unverified_kid().map(Excerpt::from);

        let issuer = self.issuer_of(&token)?;
        trail.issuer = Some(&issuer.rules.issuer);
        let algorithm = token.algorithm(&issuer.keys.algorithms)?;
        let query = KeyQuery { kid: token.unverified_kid(), algorithm };
        let keys = self.keys.find(&issuer.keys, &query, invocation).await?;
        trail.keys = Some((keys.used, keys.fetched_at));

        let token = verify(token, keys.as_slice())?;
        let claims = Claims::check(token, &issuer.rules, now)?;
        let access = self.config.access.judge(
            &issuer.required_scopes,
            &request,
            credential.ambient,
            claims.registered(),
            self.config.responses.policy_reach(request.kind),
        );
        let verdict = Verdict {
            principal: self.config.context.principal(&claims)?,
            usage_key: self.config.context.usage_key(&claims)?,
            context: self.config.context.context(&claims, credential.subprotocol)?,
            routes: access.policy,
        };

        let (kind, arn) = (request.kind, &request.arn);
        match access.refusal {
            None => Ok(self.config.responses.allow(kind, arn, verdict)?),
            Some(error) => {
                let answer = self.config.responses.deny(kind, arn, verdict, error.reason())?;
                Err(Refusal { error, answer: Some(answer) })
            }
        }
    }

    /// Finds the configured issuer that a token names. The name goes no further.
    fn issuer_of(&self, token: &UnverifiedToken<'_>) -> Result<&IssuerConfig, Error> {
        let named =
            token.unverified_issuer().ok_or_else(|| Error::MissingClaim("iss".to_owned()))?;
        let issuer = self.config.issuers.iter().find(|issuer| issuer.rules.issuer == named);
        issuer.ok_or_else(|| Error::UnknownIssuer { issuer: Excerpt::from(named) })
    }

    /// Refuses a request of which no claims are known.
    fn refuse(
        &self,
        error: Error,
        trail: &Trail<'_>,
    ) -> (Result<Answer, FunctionError>, Option<Error>) {
        let rules = &self.config.responses;
        let answer = match (rules.function_error(&error), &trail.asked) {
            (None, Some((kind, arn))) => rules
                .deny(*kind, arn, Verdict::unauthenticated(), error.reason())
                .map_err(|error| FunctionError::fault(&error)),
            (None, None) => Err(FunctionError::fault(&error)),
            (Some(function_error), _) => Err(function_error),
        };
        (answer, Some(error))
    }
}

/// A refusal, with the answer where claims went into it.
struct Refusal {
    error: Error,
    answer: Option<Answer>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, answer: None }
    }
}

/// What becomes known of a request on its way.
#[derive(Default)]
struct Trail<'a> {
    asked: Option<(EventKind, MethodArn<'a>)>,
    issuer: Option<&'a str>,
    kid: Option<Excerpt>,
    /// How the keys were come by, and when.
    keys: Option<(KeysUsed, SystemTime)>,
}

impl Trail<'_> {
    fn log(&self, error: Option<&Error>, invocation: Invocation<'_>, took: impl Fn() -> Duration) {
        let duration_us = || u64::try_from(took().as_micros()).unwrap_or(u64::MAX);
        let event_kind = self.asked.as_ref().map(|(kind, _)| kind.as_str());
        let kid = self.kid.as_ref().map(Excerpt::as_str);
        let keys = self.keys.map(|(used, _)| used.as_str());
        let issuer = self.issuer;
        let Invocation { request_id, trace_id, .. } = invocation;
        /// The same fields, whatever the level.
        macro_rules! line {
            ($level:ident, $reason:expr, $($message:tt)+) => {
                $level!(
                    decision = decision(error), reason = $reason, event_kind, issuer, kid, keys,
                    duration_us = duration_us(), requestId = request_id, xrayTraceId = trace_id, $($message)+
                )
            };
        }
        match error.map(|error| (error.class(), error, error.reason())) {
            None => line!(debug, None::<&str>, "allowed"),
            Some((Class::Unauthenticated | Class::Forbidden, error, reason)) => {
                line!(info, reason, "{error}")
            }
            Some((Class::Fault, error, reason)) => line!(error, reason, "{error}"),
        }
    }

    fn count(&self, error: Option<&Error>, now: SystemTime, took: Duration) -> DecisionMetrics {
        let key_age =
            self.keys.map(|(_, fetched_at)| now.duration_since(fetched_at).unwrap_or_default());
        DecisionMetrics {
            at: now,
            decision: decision(error),
            reason: error.map(Error::reason),
            key_age,
            decision_duration: took,
            decisions: 1,
        }
    }
}

/// Names the decision in log lines and metrics.
fn decision(error: Option<&Error>) -> &'static str {
    match error.map(Error::class) {
        None => "allow",
        Some(Class::Unauthenticated) => "unauthorized",
        Some(Class::Forbidden) => "deny",
        Some(Class::Fault) => "error",
    }
}
