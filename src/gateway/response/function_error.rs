//! The errors that Lambda reports in place of a response.

use crate::error::Error;

/// A function error, which Lambda reports instead of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// Lambda's `errorType`.
    pub error_type: &'static str,
    /// Lambda's `errorMessage`, which API Gateway compares with `Unauthorized`.
    pub error_message: String,
}

impl FunctionError {
    /// A diagnosis cannot be made.
    pub(crate) fn of_diagnosis(message: &str) -> Self {
        Self { error_type: "Diagnosis", error_message: message.to_owned() }
    }

    /// Returns whether API Gateway answers 401.
    pub(crate) fn is_unauthorized(&self) -> bool {
        *self == Self::unauthorized()
    }

    /// The caller did not prove who they are. API Gateway answers 401 to exactly this message.
    pub(super) fn unauthorized() -> Self {
        const UNAUTHORIZED: &str = "Unauthorized";
        Self { error_type: UNAUTHORIZED, error_message: UNAUTHORIZED.to_owned() }
    }

    /// The function cannot decide. API Gateway answers 500.
    pub(super) fn fault(error: &Error) -> Self {
        Self { error_type: error.reason(), error_message: format!("{}: {error}", error.reason()) }
    }
}

impl From<FunctionError> for lambda_runtime::Diagnostic {
    fn from(error: FunctionError) -> Self {
        Self { error_type: error.error_type.to_owned(), error_message: error.error_message }
    }
}
