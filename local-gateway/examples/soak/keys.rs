//! The issuer's keys, and the tokens that they sign.
//!
//! To sign a token takes longer than to verify it. So each key signs one token of each kind when it is
//! made, and then none.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_gateway::issuer::AUDIENCE;
use local_gateway::keys::SigningKey;
use serde_json::{Value, json};

use crate::Failure;

/// The name of the user in every token.
pub(crate) const SUBJECT: &str = "alice";

const YEAR_2100: u64 = 4_102_444_800;

/// A key of the issuer, with its tokens.
pub(crate) struct Key {
    pub(crate) kid: String,
    pub(crate) jwk: Value,
    /// A valid token.
    pub(crate) valid: String,
    /// Tokens that must be refused although they name this key.
    pub(crate) invalid: Vec<String>,
}

impl Key {
    /// Makes an RSA key, which takes long.
    pub(crate) fn rsa(issuer: &str, kid: &str) -> Result<Self, Failure> {
        let key = SigningKey::generate(kid)?;
        Self::with_tokens(issuer, kid, key.jwk(), |claims| Ok(key.sign(&key.header(), claims)))
    }

    /// Makes an ECDSA key.
    pub(crate) fn ecdsa(issuer: &str, kid: &str) -> Result<Self, Failure> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        // An uncompressed point: a byte, and the two coordinates.
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let jwk =
            json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": kid, "x": x, "y": y });
        let header = json!({ "alg": "ES256", "kid": kid }).to_string();
        Self::with_tokens(issuer, kid, jwk, |claims| {
            let token = unsigned(&header, claims);
            let signature = pair.sign(&SystemRandom::new(), token.as_bytes())?;
            Ok(format!("{token}.{}", URL_SAFE_NO_PAD.encode(signature)))
        })
    }

    fn with_tokens(
        issuer: &str,
        kid: &str,
        jwk: Value,
        sign: impl Fn(&[u8]) -> Result<String, Failure>,
    ) -> Result<Self, Failure> {
        // The times are the same in all tokens, and so are the answers.
        let claims = json!({
            "iss": issuer, "sub": SUBJECT, "aud": AUDIENCE, "scope": "chat:read",
            "iat": 1_700_000_000, "exp": YEAR_2100,
        });
        let token = |name: &str, value: Value| {
            let mut claims = claims.clone();
            claims[name] = value;
            sign(claims.to_string().as_bytes())
        };
        let valid = sign(claims.to_string().as_bytes())?;
        let administrator = token("sub", "administrator".into())?;
        let forged = match (administrator.rsplit_once('.'), valid.rsplit_once('.')) {
            (Some((content, _)), Some((_, signature))) => format!("{content}.{signature}"),
            (None, _) | (_, None) => return Err("a token has no signature".into()),
        };
        let invalid = vec![
            forged,
            token("exp", 1_700_000_060.into())?,
            token("exp", Value::Null)?,
            token("nbf", YEAR_2100.into())?,
            token("aud", "another-service".into())?,
            token("iss", "https://another-issuer.example".into())?,
        ];
        Ok(Self { kid: kid.to_owned(), jwk, valid, invalid })
    }
}

/// Returns the parts of a token that a signature covers.
pub(crate) fn unsigned(header: &str, claims: &[u8]) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}
