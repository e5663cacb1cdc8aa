//! The deadline of an invocation, and its outcome.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderValue;
use serde::Deserialize;

/// The default time-out of an invocation.
///
/// An HTTP API waits this long for its authorizer. The other kinds of API wait longer.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// The deadline of an invocation, and what `Lambda-Runtime-Deadline-Ms` says about it.
#[derive(Clone, Debug)]
pub enum Deadline {
    /// The invocation times out after this duration. The header has the same deadline.
    In(Duration),
    /// The invocation times out after `timeout`. The header has any value.
    ///
    /// For example, `cargo lambda` always sends `600000`, a moment in 1970.
    Told {
        /// The value of `Lambda-Runtime-Deadline-Ms`.
        header: HeaderValue,
        /// The invocation's time-out.
        timeout: Duration,
    },
}

impl Deadline {
    pub(crate) fn timeout(&self) -> Duration {
        match self {
            Self::In(timeout) | Self::Told { timeout, .. } => *timeout,
        }
    }
}

impl Default for Deadline {
    fn default() -> Self {
        Self::In(TIMEOUT)
    }
}

/// What the function sent for an invocation: a response or an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionOutcome {
    /// The handler returned this response.
    Response(Bytes),
    /// The handler failed with this error.
    Error(FunctionError),
}

/// An error that the function reported to Lambda.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror>
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", default)]
#[error("{error_type}: {error_message}")]
pub struct FunctionError {
    /// The kind of the error.
    pub error_type: String,
    /// The message. API Gateway answers 401 if it is exactly `Unauthorized`.
    pub error_message: String,
}

impl FunctionError {
    /// Reads an error report. A body that is not an error report becomes the message.
    pub(crate) fn from_report(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_else(|_| Self {
            error_type: String::from("Unknown"),
            error_message: String::from_utf8_lossy(body).into_owned(),
        })
    }
}

/// Why an invocation has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The function's start failed, so it takes no invocations.
    #[error("the function failed to start: {0}")]
    InitError(FunctionError),
    /// The function did not respond in time.
    #[error("the function timed out after {0:?}")]
    Timeout(Duration),
    /// API Gateway stopped waiting. The function goes on.
    #[error("API Gateway waits {0:?} for an authorizer, and the function had not answered")]
    ApiTimeout(Duration),
    /// Every execution environment was busy, and no other one may be started.
    #[error("Lambda throttled the invocation: {0} of {0} execution environments were busy")]
    Throttled(usize),
    /// The function's resource-based policy does not name the API.
    #[error(
        "API Gateway may not invoke the function: its resource-based policy has no statement that \
         allows lambda:InvokeFunction to apigateway.amazonaws.com for this authorizer"
    )]
    NotPermitted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_error_report() {
        let report =
            br#"{"errorType":"Unauthorized","errorMessage":"Unauthorized","stackTrace":[]}"#;
        assert_eq!(
            FunctionError::from_report(report),
            FunctionError {
                error_type: String::from("Unauthorized"),
                error_message: String::from("Unauthorized"),
            }
        );
    }

    #[test]
    fn takes_any_other_body_as_the_message() {
        assert_eq!(FunctionError::from_report(b"oops").error_message, "oops");
    }
}
