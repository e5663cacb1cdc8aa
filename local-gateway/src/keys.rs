//! An issuer's RSA key, with its JWK and RS256 signatures.
//!
//! It signs any bytes, so that tests can sign tokens that no issuer would make.
//! [RFC 7515, section 5.1](https://www.rfc-editor.org/rfc/rfc7515#section-5.1) defines the signed input,
//! [RFC 7518, section 6.3.1](https://www.rfc-editor.org/rfc/rfc7518#section-6.3.1) the JWK.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A key could not be generated.
#[derive(Debug, thiserror::Error)]
#[error("could not generate an RSA key")]
pub struct KeyError;

/// An RSA key pair of 2048 bits, with its `kid`.
#[derive(Debug)]
pub struct SigningKey {
    kid: String,
    pair: KeyPair,
}

impl SigningKey {
    /// Generates a new key.
    ///
    /// # Errors
    ///
    /// When the random number generator fails.
    pub fn generate(kid: impl Into<String>) -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError)?;
        Ok(Self { kid: kid.into(), pair })
    }

    /// Returns the `kid`.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the public key as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// Returns the JOSE header for a token that this key signs.
    #[must_use]
    pub fn header(&self) -> Value {
        json!({ "alg": "RS256", "kid": self.kid, "typ": "JWT" })
    }

    /// Returns a compact JWS with a valid signature, whatever `header` and `payload` contain.
    #[must_use]
    pub fn sign(&self, header: &Value, payload: &[u8]) -> String {
        self.sign_bytes(header.to_string().as_bytes(), payload)
    }

    /// Does the same as [`SigningKey::sign`], with a header that may be any bytes.
    #[must_use]
    pub fn sign_bytes(&self, header: &[u8], payload: &[u8]) -> String {
        let mut token =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.signature(token.as_bytes());
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        token
    }

    #[expect(
        clippy::expect_used,
        reason = "a generated key cannot cause this error, so callers need not handle it"
    )]
    fn signature(&self, input: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)
            .expect("a generated RSA key signs into a buffer of the length of its modulus");
        signature
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn its_jwk_verifies_what_it_signs() {
        let key = SigningKey::generate("k").unwrap();
        let token = key.sign(&json!({"alg": "RS256", "odd": null}), b"not even JSON");
        let (input, signature) = token.rsplit_once('.').unwrap();
        let jwk = key.jwk();
        let public = RsaPublicKeyComponents {
            n: bytes(jwk["n"].as_str().unwrap()),
            e: bytes(jwk["e"].as_str().unwrap()),
        };
        public.verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &bytes(signature)).unwrap();
        let (header, payload) = input.split_once('.').unwrap();
        assert_eq!(bytes(header), br#"{"alg":"RS256","odd":null}"#);
        assert_eq!(bytes(payload), b"not even JSON");
    }
}
