//! What a token must prove.
//!
//! Each stage is a type, and each consumes the one before:
//! [`RawToken`] → [`DecodedToken`] → [`UnverifiedToken`] → [`VerifiedToken`] → [`Claims`].
//! Only [`verify()`] makes a [`VerifiedToken`], and only [`Claims::check`] makes [`Claims`]. So code
//! that leaves out a check does not compile.
//!
//! Not here: where the token is in a request (`gateway`), and where keys come from (`jwks`). Time is
//! an argument.
//!
//! See RFC 7515 (JWS), RFC 7519 (JWT) and RFC 8725 (best practices).

mod algorithm;
mod base64url;
mod binding;
mod claims;
mod claims_set;
mod content;
mod required_claim;
#[cfg(test)]
pub(crate) mod testing;
mod token;
mod verify;

pub use algorithm::{SUPPORTED_ALGORITHMS, SignatureAlgorithm};
pub(crate) use binding::TokenBinding;
pub(crate) use claims::{Audience, ClaimCheck, ClaimRules, Claims, check_each};
pub(crate) use claims_set::ClaimsSet;
pub(crate) use content::TokenContent;
pub(crate) use required_claim::{ClaimFault, ClaimPath, RequiredClaim};
pub(crate) use token::{DecodedToken, RawToken, UnverifiedToken, unsupported_algorithm};
pub use verify::PublicKeyError;
pub(crate) use verify::{PublicKey, VerifiedToken, verify};
