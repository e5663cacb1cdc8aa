//! Why a key of a key set is skipped, and why a whole key set cannot be used.

use std::fmt;

use crate::excerpt::Excerpt;
use crate::jwt::PublicKeyError;

/// A key that was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// The key's `kid`, shortened; its position in the key set if it has none.
    pub kid: Excerpt,
    /// Why.
    pub reason: SkipReason,
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kid, self.reason)
    }
}

/// Why a key was skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// It is not a JSON object, or its `kid`, `use`, `key_ops`, `alg` or `issuer` has the wrong type.
    #[error(
        "it is not a JWK: not a JSON object, or its kid, use, key_ops, alg or issuer has a wrong type"
    )]
    NotAJwk,
    /// Its `kty` is missing or not a string.
    #[error("its kty is missing or not a string")]
    NoKeyType,
    /// Neither [RFC 7518 §6.1](https://www.rfc-editor.org/rfc/rfc7518#section-6.1) nor RFC 8037
    /// defines its `kty`.
    #[error("its kty is {0:?}, which is not a known key type")]
    UnknownKeyType(Excerpt),
    /// Its `kty` is known, but a parameter of that type is missing or cannot be read.
    #[error("its kty is {kty}, but one of its parameters {parameters} is missing or not supported")]
    Incomplete {
        /// The key type.
        kty: &'static str,
        /// The parameters that a key of this type needs.
        parameters: &'static str,
    },
    /// Its `use` or `key_ops` does not allow it to verify signatures.
    #[error("its use or key_ops is not for verifying signatures")]
    OtherUse,
    /// Its `issuer` is not the configured issuer.
    #[error("its issuer is {0:?}, which is not the configured issuer")]
    OtherIssuer(Excerpt),
    /// It is symmetric. A public key set must not contain such a key.
    #[error("it is symmetric")]
    Symmetric,
    /// Its `alg` or its key type fits none of the issuer's allowed algorithms.
    #[error("its alg or its key type fits no allowed algorithm")]
    OtherAlgorithm,
    /// Its parameters are not usable.
    #[error("{0}")]
    Unfit(#[from] PublicKeyError),
}

/// Why a key set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is not a JSON object with a list `keys`.
    #[error("the key set is not a JSON object with a list of keys")]
    NotAKeySet,
    /// It has no keys.
    #[error("the key set is empty")]
    Empty,
    /// None of its keys is usable.
    #[error("none of the key set's {} keys is usable: {}", skipped.len(), Listing(skipped))]
    NoUsableKey {
        /// Each key, and why it was skipped.
        skipped: Vec<SkippedKey>,
    },
}

/// Shows the first few items of a list.
pub(crate) struct Listing<'a, T>(pub(crate) &'a [T]);

impl<T: fmt::Display> fmt::Display for Listing<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        for (index, item) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{item}")?;
        }
        if self.0.len() > SHOWN { write!(f, "; and {} more", self.0.len() - SHOWN) } else { Ok(()) }
    }
}
