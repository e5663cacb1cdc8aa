//! The signature check: the only way from an unverified token to a verified one.

use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents, VerificationAlgorithm};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve};

use super::algorithm::{Scheme, SignatureAlgorithm};
use super::base64url;
use super::content::TokenContent;
use super::token::UnverifiedToken;
use crate::error::Error;
use crate::hints;

/// A public key for one algorithm, ready to verify.
///
/// To parse an RSA key takes up to a fifth of the time of a verification. So it is done once, when
/// the key set is read.
#[derive(Debug)]
pub(crate) struct PublicKey {
    algorithm: &'static SignatureAlgorithm,
    parsed: ParsedPublicKey,
}

/// Why a JWK cannot be used with an algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// The JWK's key type or curve is not the algorithm's.
    #[error("its key type is for another algorithm")]
    OtherKeyType,
    /// A parameter is not base64url, or the parameters are not a key.
    #[error("its parameters are not a valid key")]
    Invalid,
    /// The RSA modulus is shorter than 2048 bits
    /// ([RFC 7518 §3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)).
    #[error("its modulus has {0} bits, at least 2048 are needed")]
    WeakRsa(usize),
}

/// The shortest RSA modulus that is accepted, in bits.
const MIN_RSA_BITS: usize = 2048;

/// The longest RSA modulus that AWS-LC accepts, in bits.
const MAX_RSA_BITS: usize = 8192;

impl PublicKey {
    /// Prepares the key that a JWK describes, for one algorithm.
    ///
    /// # Errors
    ///
    /// [`PublicKeyError`] says what is wrong with the JWK.
    pub(crate) fn prepare(
        jwk: &AlgorithmParameters,
        algorithm: &'static SignatureAlgorithm,
    ) -> Result<Self, PublicKeyError> {
        let parsed = match (&algorithm.scheme, jwk) {
            (Scheme::Rsa(parameters), AlgorithmParameters::RSA(rsa)) => {
                let (n, e) = (decode(&rsa.n)?, decode(&rsa.e)?);
                let (n, e) = (without_leading_zeros(&n), without_leading_zeros(&e));
                let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
                if bits < MIN_RSA_BITS {
                    return Err(PublicKeyError::WeakRsa(bits));
                }
                // AWS-LC would only find these when it verifies, and refuse every signature.
                let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
                if bits > MAX_RSA_BITS || !is_odd(n) || !is_odd(e) || e == [1] {
                    return Err(PublicKeyError::Invalid);
                }
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)
            }
            (
                Scheme::Ecdsa(verification, curve, length),
                AlgorithmParameters::EllipticCurve(ec),
            ) => {
                if ec.curve != *curve {
                    return Err(PublicKeyError::OtherKeyType);
                }
                let (x, y) = (decode(&ec.x)?, decode(&ec.y)?);
                // RFC 7518 §6.2.1.2: coordinates have the full length of the curve's field.
                if [&x, &y].iter().any(|coordinate| coordinate.len() != *length) {
                    return Err(PublicKeyError::Invalid);
                }
                parse(*verification, &[&[UNCOMPRESSED_POINT], &x[..], &y[..]].concat())
            }
            (Scheme::EdDsa(verification), AlgorithmParameters::OctetKeyPair(okp)) => {
                if okp.curve != EllipticCurve::Ed25519 {
                    return Err(PublicKeyError::OtherKeyType);
                }
                parse(*verification, &decode(&okp.x)?)
            }
            _ => return Err(PublicKeyError::OtherKeyType),
        };
        let parsed = parsed.map_err(|_| PublicKeyError::Invalid)?;
        Ok(Self { algorithm, parsed })
    }

    /// Returns whether this key made the token's signature, by the algorithm that the token names.
    fn verifies(&self, token: &UnverifiedToken<'_>) -> bool {
        SignatureAlgorithm::named(&token.alg) == Some(self.algorithm)
            && self.parsed.verify_sig(token.signing_input.as_bytes(), token.signature).is_ok()
    }
}

/// The first byte of an uncompressed point (SEC 1, §2.3.3).
const UNCOMPRESSED_POINT: u8 = 4;

fn decode(parameter: &str) -> Result<Vec<u8>, PublicKeyError> {
    base64url::decode(parameter).ok_or(PublicKeyError::Invalid)
}

fn parse(
    algorithm: &'static dyn VerificationAlgorithm,
    bytes: &[u8],
) -> Result<ParsedPublicKey, KeyRejected> {
    ParsedPublicKey::new(algorithm, bytes)
}

/// Some issuers add the sign byte of ASN.1 to RSA parameters.
fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// A token that an issuer's key has signed. Its claims are not checked yet.
pub(crate) struct VerifiedToken<'a>(TokenContent<'a>);

impl<'a> VerifiedToken<'a> {
    /// Returns what the token says.
    #[must_use]
    pub(crate) fn content(&self) -> &TokenContent<'a> {
        &self.0
    }

    /// Returns what the token says, and nothing else.
    #[must_use]
    pub(crate) fn into_content(self) -> TokenContent<'a> {
        self.0
    }
}

/// Checks a token's signature.
///
/// `keys` are those with the token's `kid`: one as a rule. If the issuer uses a `kid` for several
/// keys, the signature of any of them is accepted.
///
/// # Errors
///
/// [`Error::InvalidSignature`] if none of the keys made the signature by the token's algorithm.
pub(crate) fn verify<'a>(
    token: UnverifiedToken<'a>,
    keys: &[PublicKey],
) -> Result<VerifiedToken<'a>, Error> {
    if keys.iter().any(|key| key.verifies(&token)) {
        Ok(VerifiedToken(token.content))
    } else {
        let hint = hints::signature(&token.content, token.unverified_kid());
        Err(Error::InvalidSignature { hint })
    }
}

#[cfg(test)]
mod tests;
