//! What became of a request at the authorizer.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::invocation::{FunctionError, FunctionOutcome, InvokeError};
use crate::lambda::Report;
use crate::policy::{MalformedResponse, Matched};

/// What API Gateway did with a request up to the decision, and the decision.
#[derive(Debug)]
pub struct Authorization {
    /// The event, also if the function was not asked.
    pub event: Value,
    /// Each identity source, and its value in the request.
    pub identity: Vec<(String, Option<String>)>,
    /// What the cache did.
    pub cache: CacheUse,
    /// What the function sent, now or when its response was cached.
    pub outcome: Option<FunctionOutcome>,
    /// How long the function took, if it was asked.
    pub duration: Option<Duration>,
    /// What Lambda says of the invocation, if an execution environment got the event.
    pub report: Option<Report>,
    /// The resource in the policy that decides.
    pub matched: Option<Matched>,
    /// What the policy says of the caller, also if the caller is refused. Gateway responses can use it.
    pub context: Map<String, Value>,
    /// The policy's `usageIdentifierKey`.
    pub usage_identifier_key: Option<String>,
    /// What the backend gets as the authorizer's context, or why the client is refused.
    pub decision: Result<Map<String, Value>, Refusal>,
}

/// What the cache did for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheUse {
    /// The authorizer has no cache.
    Off,
    /// The request did not reach the cache.
    NotAsked,
    /// There was no response in it.
    Miss,
    /// It had this response.
    Hit {
        /// How old the response is.
        age: Duration,
        /// The number of the request for which the function returned it.
        number: u64,
    },
}

/// Why a request may not enter.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// An identity source is missing or empty.
    #[error("an identity source is missing or empty")]
    MissingIdentity,
    /// The token does not match the validation expression.
    #[error("the token does not match the validation expression")]
    InvalidToken,
    /// The function failed with exactly this message.
    #[error("the authorizer failed with `Unauthorized`")]
    Unauthorized,
    /// A statement denies the request.
    #[error("a statement of the authorizer's policy denies the request")]
    ExplicitDeny,
    /// No statement is about the request.
    #[error("no statement of the authorizer's policy allows the request")]
    ImplicitDeny,
    /// The simple response has `isAuthorized: false`.
    #[error("the authorizer's response has `isAuthorized: false`")]
    NotAuthorized,
    /// The method requires an API key.
    #[error(
        "the `usageIdentifierKey` of the authorizer's response is not an API key of the usage plan"
    )]
    InvalidApiKey,
    /// The function failed with another message.
    #[error("the authorizer failed: {}", .0.error_message)]
    Failed(FunctionError),
    /// The function did not answer.
    #[error(transparent)]
    NoOutcome(#[from] InvokeError),
    /// The response is malformed.
    #[error(transparent)]
    Malformed(#[from] MalformedResponse),
}

impl Authorization {
    /// Returns the ARN of the requested route.
    #[must_use]
    pub fn arn(&self) -> &str {
        let arn = self.event.get("methodArn").or_else(|| self.event.get("routeArn"));
        arn.and_then(Value::as_str).unwrap_or_default()
    }
}
