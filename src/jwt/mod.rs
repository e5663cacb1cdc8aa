//! What a token must prove.
//!
//! The stages are types, and each consumes the one before:
//! [`RawToken`] → [`DecodedToken`] → [`UnverifiedToken`] → [`VerifiedToken`] →
//! [`Claims`]. Only [`verify()`] makes a [`VerifiedToken`] and only
//! [`Claims::check`] makes [`Claims`], so a caller that leaves a check out does
//! not compile.
//!
//! Not here: where a token is found (`gateway`), where keys come from (`jwks`),
//! and any clock; time is an argument.
//!
//! Governed by RFC 7515 (JWS), RFC 7519 (JWT) and RFC 8725 (best practices).

mod algorithm;
mod base64url;
mod claims;
mod claims_set;
#[cfg(test)]
pub(crate) mod testing;
mod token;
mod verify;

pub use algorithm::{SUPPORTED_ALGORITHMS, SignatureAlgorithm};
pub use claims::{Audience, ClaimPath, ClaimRules, Claims, RequiredClaim};
pub use claims_set::{ClaimsSet, NumericDate, Strings};
pub use token::{DecodedToken, MAX_TOKEN_LENGTH, RawToken, UnverifiedToken};
pub use verify::{PublicKey, PublicKeyError, VerifiedToken, verify};
