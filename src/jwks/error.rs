//! Why there is no key for a token.

use std::sync::Arc;

use super::source::FetchError;
use crate::error::Error;

/// Why there is no key for a token.
#[derive(Debug)]
pub(crate) enum KeyError {
    /// The issuer's keys are known, and the token's key is not one of them. Says what does not match.
    Unknown(&'static str),
    /// It is not known whether the issuer has the token's key.
    Unavailable {
        /// The configured issuer.
        issuer: String,
        /// Why its keys are not known.
        cause: KeysUnavailableCause,
    },
}

/// Why there are no keys to verify a token with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeysUnavailableCause {
    /// The fetch that this request waited for failed.
    #[error("{0}")]
    Fetch(Arc<FetchError>),
    /// An earlier fetch failed, and its backoff has not ended.
    #[error("the last fetch failed ({0}), and the backoff before the next one has not ended")]
    Backoff(Arc<FetchError>),
    /// The invocation's deadline came before the end of the fetch.
    #[error("the fetch did not end before the invocation's deadline")]
    Deadline,
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown(mismatch) => Self::UnknownKey { fault: mismatch, hint: None },
            KeyError::Unavailable { issuer, cause } => {
                Self::KeysUnavailable { issuer, cause: cause.into() }
            }
        }
    }
}
