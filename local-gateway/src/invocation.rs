//! The words of one invocation: what it may take, how it ends, and how it fails to end.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderValue;
use serde::Deserialize;

/// The time that an invocation gets unless told otherwise.
///
/// An HTTP API waits this long for its authorizer, the shortest patience of all kinds of API.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// When the function must have answered, and how it is told.
#[derive(Clone, Debug)]
pub enum Deadline {
    /// The function is told the truth: this long from now, in milliseconds since the epoch.
    In(Duration),
    /// The function is told `header`, whatever it says, while the invocation times out after
    /// `timeout`.
    ///
    /// `cargo lambda` tells every function `600000`, a moment in 1970.
    Told {
        /// The value of `Lambda-Runtime-Deadline-Ms`.
        header: HeaderValue,
        /// How long the invocation waits for its answer.
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

/// How the function ended an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The handler returned this.
    Response(Bytes),
    /// The handler failed.
    Error(FunctionError),
}

/// An error that the function reported, in the form Lambda gives every runtime.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror>
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", default)]
#[error("{error_type}: {error_message}")]
pub struct FunctionError {
    /// What kind of error it was.
    pub error_type: String,
    /// What it said; API Gateway turns exactly `Unauthorized` into a 401.
    pub error_message: String,
}

impl FunctionError {
    /// Reads the body of an error report; one that isn't an error report becomes the message.
    pub(crate) fn from_report(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_else(|_| Self {
            error_type: String::from("Unknown"),
            error_message: String::from_utf8_lossy(body).into_owned(),
        })
    }
}

/// Why an invocation has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The function's start failed, so nothing will ever take the invocation.
    #[error("the function failed to start: {0}")]
    InitError(FunctionError),
    /// The function did not answer in time.
    #[error("the function timed out after {0:?}")]
    Timeout(Duration),
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
    fn keeps_what_is_no_error_report_as_the_message() {
        assert_eq!(FunctionError::from_report(b"oops").error_message, "oops");
    }
}
