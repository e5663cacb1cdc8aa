//! Reads a token, without verifying it.
//!
//! A token is a JWS in compact serialization
//! ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)). Of the JOSE header, only
//! `alg`, `kid`, `typ` and the parameters that must be refused are read. `jku`, `x5u`, `jwk` and
//! `x5c` are ignored: a token cannot choose the key that verifies it.

use std::fmt;

use memchr::memchr_iter;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::algorithm::SignatureAlgorithm;
use super::base64url;
use super::content::TokenContent;
use crate::error::Error;
use crate::excerpt::Excerpt;
use crate::hints;
use crate::json::{Text, object_in_utf8, present};

/// The longest token that is accepted, in bytes. API Gateway accepts 10 kB of headers.
pub(crate) const MAX_TOKEN_LENGTH: usize = 8192;

/// A token as it came with the request.
///
/// `Debug` shows only its length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawToken<'a>(&'a str);

impl<'a> RawToken<'a> {
    /// Takes the text of a token.
    #[must_use]
    pub(crate) fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// Splits the token and decodes its parts.
    ///
    /// # Errors
    ///
    /// [`Error::TokenTooLarge`]. [`Error::MalformedToken`] unless the token is three parts of
    /// canonical base64url without padding.
    pub(crate) fn decode(self) -> Result<DecodedToken<'a>, Error> {
        if self.0.len() > MAX_TOKEN_LENGTH {
            return Err(Error::TokenTooLarge { length: self.0.len(), limit: MAX_TOKEN_LENGTH });
        }
        let mut dots = memchr_iter(b'.', self.0.as_bytes());
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(self.malformed(
                "the token is not a signed JWT: it does not have three parts separated by dots",
            ));
        };
        let (signing_input, signature) = (&self.0[..second], &self.0[second + 1..]);
        let (header, payload) = (&signing_input[..first], &signing_input[first + 1..]);
        let decode = |part, fault| base64url::decode(part).ok_or_else(|| self.malformed(fault));
        Ok(DecodedToken {
            signing_input,
            header: decode(header, "the header is not base64url")?,
            payload: decode(payload, "the payload is not base64url")?,
            signature: decode(signature, "the signature is not base64url")?,
        })
    }

    fn malformed(self, fault: &'static str) -> Error {
        Error::MalformedToken { fault, hint: hints::token(self.0) }
    }
}

impl fmt::Debug for RawToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawToken({} bytes)", self.0.len())
    }
}

/// The decoded parts of a token. The later stages borrow from it.
pub(crate) struct DecodedToken<'a> {
    signing_input: &'a str,
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl DecodedToken<'_> {
    /// Returns the header's bytes.
    pub(crate) fn unverified_header(&self) -> &[u8] {
        &self.header
    }

    /// Returns the payload's bytes.
    pub(crate) fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }
}

/// A token whose header and claims could be read. Nothing in it is verified.
pub(crate) struct UnverifiedToken<'a> {
    /// What is signed: the encoded header, a dot, the encoded payload.
    pub(super) signing_input: &'a str,
    /// The decoded signature.
    pub(super) signature: &'a [u8],
    pub(super) content: TokenContent<'a>,
    pub(super) alg: Text<'a>,
    kid: Option<Text<'a>>,
}

/// The parameters of the JOSE header that are read
/// ([RFC 7515 §4.1](https://www.rfc-editor.org/rfc/rfc7515#section-4.1)). A repeated one is an error,
/// and so is one of the wrong type.
#[derive(Deserialize)]
struct JoseHeader<'a> {
    #[serde(borrow)]
    alg: Text<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    kid: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    typ: Option<Text<'a>>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    b64: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    zip: Option<IgnoredAny>,
}

impl<'a> UnverifiedToken<'a> {
    /// Reads the header and the claims.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] if the header or the payload is not JSON as RFC 7515 and RFC 7519
    /// require. [`Error::UnsupportedCriticalHeader`] if there is a `crit`, `b64` or `zip`.
    pub(crate) fn read(decoded: &'a DecodedToken<'a>) -> Result<Self, Error> {
        let header: JoseHeader<'_> =
            object_in_utf8(&decoded.header).ok_or(Error::malformed_token(
                "the header is not a JSON object with an alg, or a parameter is repeated or of the wrong type",
            ))?;
        let unsupported = [("crit", &header.crit), ("b64", &header.b64), ("zip", &header.zip)];
        if let Some((name, _)) = unsupported.iter().find(|(_, value)| value.is_some()) {
            return Err(Error::UnsupportedCriticalHeader(name));
        }
        let claims = object_in_utf8(&decoded.payload).ok_or(Error::malformed_token(
            "the payload is not a JSON object, or a registered claim is repeated or of the wrong type",
        ))?;
        Ok(Self {
            signing_input: decoded.signing_input,
            signature: &decoded.signature,
            content: TokenContent::new(&decoded.payload, claims, header.typ),
            alg: header.alg,
            kid: header.kid,
        })
    }

    /// Returns what the token says. Use it only to find the cause of a refusal.
    #[must_use]
    pub(crate) fn unverified_content(&self) -> &TokenContent<'a> {
        &self.content
    }

    /// Returns the `iss` claim. Use it only to find the configured issuer.
    #[must_use]
    pub(crate) fn unverified_issuer(&self) -> Option<&str> {
        self.content.registered().iss.as_deref()
    }

    /// Returns the `kid` header. Use it only to choose a key.
    #[must_use]
    pub(crate) fn unverified_kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns the `alg` header parameter. Use it only to show it.
    #[must_use]
    pub(crate) fn unverified_alg(&self) -> &str {
        &self.alg
    }

    /// Returns the algorithm that the header names, if it is one of `allowed`.
    ///
    /// # Errors
    ///
    /// [`Error::UnsupportedAlgorithm`] otherwise.
    pub(crate) fn algorithm(
        &self,
        allowed: &[&'static SignatureAlgorithm],
    ) -> Result<&'static SignatureAlgorithm, Error> {
        let named = SignatureAlgorithm::named(&self.alg);
        named
            .filter(|algorithm| allowed.contains(algorithm))
            .ok_or_else(|| unsupported_algorithm(&self.alg, allowed))
    }
}

/// Makes the error for an algorithm that is not one of `allowed`.
#[cold]
pub(crate) fn unsupported_algorithm(alg: &str, allowed: &[&'static SignatureAlgorithm]) -> Error {
    let allowed: Vec<_> = allowed.iter().map(|algorithm| algorithm.name).collect();
    Error::UnsupportedAlgorithm {
        alg: Excerpt::from(alg),
        allowed: allowed.join(", "),
        hint: hints::algorithm(alg),
    }
}

#[cfg(test)]
mod tests;
