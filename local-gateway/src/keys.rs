//! An issuer's RSA key: its JWK, and correct RS256 signatures over whatever it is given.
//!
//! It signs bytes, not tokens, so that a token may be hostile in every way and still be signed.
//! [RFC 7515, section 5.1](https://www.rfc-editor.org/rfc/rfc7515#section-5.1) says what is signed,
//! [RFC 7518, section 6.3.1](https://www.rfc-editor.org/rfc/rfc7518#section-6.3.1) what a JWK holds.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// No key could be generated.
#[derive(Debug, thiserror::Error)]
#[error("could not generate an RSA key")]
pub struct KeyError;

/// An RSA key pair of 2048 bits under its key id.
#[derive(Debug)]
pub struct SigningKey {
    kid: String,
    pair: KeyPair,
}

impl SigningKey {
    /// Makes a new key.
    ///
    /// # Errors
    ///
    /// When there is no randomness to be had.
    pub fn generate(kid: impl Into<String>) -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError)?;
        Ok(Self { kid: kid.into(), pair })
    }

    /// The id under which it is published.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half as the issuer publishes it.
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

    /// The header that belongs to a token of this key.
    #[must_use]
    pub fn header(&self) -> Value {
        json!({ "alg": "RS256", "kid": self.kid, "typ": "JWT" })
    }

    /// Signs `payload` under `header`: a compact JWS whose signature is right, whatever they hold.
    #[must_use]
    pub fn sign(&self, header: &Value, payload: &[u8]) -> String {
        self.sign_bytes(header.to_string().as_bytes(), payload)
    }

    /// Signs a header that need not even be JSON.
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
        reason = "every caller would otherwise handle an error that a generated key cannot cause"
    )]
    fn signature(&self, input: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)
            .expect("a generated RSA key signs into a buffer of its modulus' length");
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
    fn what_it_signs_verifies_under_its_jwk() {
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
