//! The log entry of a decision, and what its metrics count.

use std::time::{Duration, SystemTime};

use tracing::{debug, error, info, warn};

use crate::error::{Class, Error};
use crate::excerpt::Excerpt;
use crate::gateway::request::{EventKind, MethodArn};
use crate::invocation::Invocation;
use crate::jwks::KeyFreshness;
use crate::metrics::DecisionMetrics;
use crate::trial::{TrialChange, would_change};

/// What is known of a request. The pipeline adds to it step by step, so that the log entry is
/// complete wherever the request is refused.
#[derive(Default)]
pub(crate) struct LogEntry<'a> {
    request: Option<(EventKind, MethodArn<'a>)>,
    /// The configured issuer that the token names.
    pub(crate) issuer: Option<&'a str>,
    /// The tenant that the token names, if its issuer has many.
    pub(crate) tenant: Option<Excerpt>,
    /// The token's unverified `kid`.
    pub(crate) kid: Option<Excerpt>,
    /// Where the keys came from, and when they were fetched.
    pub(crate) keys: Option<(KeyFreshness, SystemTime)>,
    /// What the rules on trial say, if there are any and the token is verified.
    pub(crate) trial: Option<Result<(), Error>>,
}

impl<'a> LogEntry<'a> {
    /// Sets the kind of the event and the route that it is about.
    pub(crate) fn set_request(&mut self, kind: EventKind, arn: &MethodArn<'a>) {
        self.request = Some((kind, arn.clone()));
    }

    /// Returns the kind of the event and the route that it is about.
    pub(crate) fn request(&self) -> Option<(EventKind, &MethodArn<'a>)> {
        self.request.as_ref().map(|(kind, arn)| (*kind, arn))
    }

    /// Logs one line. `error` says why the request was refused, if it was.
    pub(crate) fn log(
        &self,
        error: Option<&Error>,
        invocation: Invocation<'_>,
        duration: Duration,
    ) {
        let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let event_kind = self.request().map(|(kind, _)| kind.as_str());
        let tenant = self.tenant.as_ref().map(Excerpt::as_str);
        let kid = self.kid.as_ref().map(Excerpt::as_str);
        let keys = self.keys.map(|(freshness, _)| freshness.as_str());
        let reason = error.map(Error::reason);
        let issuer = self.issuer;
        let changed = self.changed_by_trial(error);
        let trial = changed.map(reason_or_allow);
        let Invocation { request_id, trace_id, .. } = invocation;
        /// Logs the same fields at any level.
        macro_rules! log_at {
            ($level:ident, $($message:tt)+) => {
                $level!(
                    decision = decision(error), reason, trial, event_kind, issuer, tenant, kid, keys,
                    duration_us, requestId = request_id, xrayTraceId = trace_id, $($message)+
                )
            };
        }
        let Some(error) = error else {
            return match changed {
                Some(Err(refusal)) => {
                    log_at!(info, "allowed, but the rules on trial refuse: {refusal}")
                }
                Some(Ok(())) | None => log_at!(debug, "allowed"),
            };
        };
        match (error.class(), error) {
            (Class::Unauthenticated | Class::Forbidden, _) => log_at!(info, "{error}"),
            // Not an error, because any caller can name an issuer that is down. The failed refresh
            // of its keys is logged as an error, and no caller can make that more frequent.
            (Class::Fault, Error::KeysUnavailable { .. }) => log_at!(warn, "{error}"),
            (Class::Fault, _) => log_at!(error, "{error}"),
        }
    }

    /// Returns what the rules on trial would change, if there are any and the token is verified.
    pub(crate) fn trial_change(&self, error: Option<&Error>) -> Option<TrialChange> {
        self.trial.as_ref().map(|_| match self.changed_by_trial(error) {
            None => TrialChange::None,
            Some(Ok(())) => TrialChange::Allow,
            Some(Err(refusal)) => TrialChange::Refuse(refusal.to_string()),
        })
    }

    /// Returns what the rules on trial say, if they would change the decision.
    fn changed_by_trial(&self, error: Option<&Error>) -> Option<&Result<(), Error>> {
        self.trial.as_ref().filter(|trial| would_change(error, trial))
    }

    /// Returns what the metrics count.
    pub(crate) fn metrics(
        &self,
        error: Option<&Error>,
        now: SystemTime,
        duration: Duration,
    ) -> DecisionMetrics {
        let key_age =
            self.keys.map(|(_, fetched_at)| now.duration_since(fetched_at).unwrap_or_default());
        DecisionMetrics {
            at: now,
            decision: decision(error),
            reason: error.map(Error::reason),
            key_age,
            decision_duration: duration,
            decisions: 1,
            trial: self.changed_by_trial(error).map(reason_or_allow),
            trial_changes: self
                .trial
                .is_some()
                .then(|| self.changed_by_trial(error).is_some().into()),
        }
    }
}

/// Returns the name of a decision in log lines and metrics.
pub(crate) fn decision(error: Option<&Error>) -> &'static str {
    match error.map(Error::class) {
        None => "allow",
        Some(Class::Unauthenticated) => "unauthorized",
        Some(Class::Forbidden) => "deny",
        Some(Class::Fault) => "error",
    }
}

/// Returns what the rules on trial would decide: the reason code of a refusal, or `allow`.
fn reason_or_allow(trial: &Result<(), Error>) -> &'static str {
    trial.as_ref().map_or_else(Error::reason, |()| decision(None))
}
