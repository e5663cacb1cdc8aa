//! The events that ask for a diagnosis, by direct invocation of the deployed function.
//!
//! API Gateway sends no such event to an authorizer or by a proxy integration: the `type` of the former
//! is always `TOKEN` or `REQUEST`, and the latter has none. Any other integration passes on what a client
//! sends, so the documentation warns of it. Otherwise a caller needs the IAM permission to invoke the
//! function.

use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::info;

use super::check::check_variables;
use super::explain::{Subject, Values};
use crate::authorizer::Authorizer;
use crate::gateway::response::{FunctionError, Response};
use crate::invocation::Invocation;
use crate::json::object;
use crate::jwks::KeySource;

/// A diagnosis that somebody asks for.
pub(crate) enum Question {
    /// `{"type": "EXPLAIN", "token": "…"}` or `{"type": "EXPLAIN", "event": {…}}`.
    Explain(Subject),
    /// `{"type": "CHECK"}`.
    Check,
}

/// The members of an event that asks.
#[derive(Deserialize)]
struct Event<'a> {
    token: Option<String>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

impl Question {
    /// Reads an event that is not an authorizer's. Returns `None` if it asks for no diagnosis.
    pub(crate) fn parse(json: &str) -> Option<Result<Self, FunctionError>> {
        #[derive(Deserialize)]
        struct Kind {
            #[serde(rename = "type")]
            kind: String,
        }

        let Kind { kind } = object(json)?;
        match kind.as_str() {
            "EXPLAIN" => Some(Self::explain(json)),
            "CHECK" => Some(Ok(Self::Check)),
            _ => None,
        }
    }

    fn explain(json: &str) -> Result<Self, FunctionError> {
        match object(json) {
            Some(Event { token: Some(token), event: None, .. }) => {
                Ok(Self::Explain(Subject::Token(token)))
            }
            Some(Event { token: None, event: Some(event), .. }) => {
                Ok(Self::Explain(Subject::Event(event.get().to_owned())))
            }
            Some(_) | None => Err(FunctionError::of_diagnosis(
                "an event of type EXPLAIN has either a token, which is a string, or an event, which is an object",
            )),
        }
    }

    /// Answers with the report as JSON.
    ///
    /// # Errors
    ///
    /// A [`FunctionError`] if the report cannot be written.
    pub(crate) async fn answer<S: KeySource>(
        self,
        authorizer: &Authorizer<S>,
        invocation: Invocation<'_>,
    ) -> Result<Response, FunctionError> {
        let Invocation { request_id, trace_id, .. } = invocation;
        info!(
            diagnosis = self.name(),
            requestId = request_id,
            xrayTraceId = trace_id,
            "a diagnosis was asked for"
        );
        match self {
            Self::Explain(subject) => {
                let report = authorizer.explain(&subject, None, Values::Shown, invocation);
                Response::of_report(&report.await)
            }
            Self::Check => {
                let variables = authorizer.config.variables.clone();
                let time_left = invocation.time_left((authorizer.clock)());
                Response::of_report(&check_variables(variables, time_left).await)
            }
        }
    }

    /// Returns the `type` of its event.
    fn name(&self) -> &'static str {
        match self {
            Self::Explain(_) => "EXPLAIN",
            Self::Check => "CHECK",
        }
    }
}

#[cfg(test)]
mod tests;
