//! The bare signature check: the least work that any authorizer does for a request.

use std::hint::black_box;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::sample::cpu_seconds;

/// The RS256 signature of a token, and its key, which is parsed only once.
pub struct SignatureCheck {
    key: ParsedPublicKey,
    signing_input: Vec<u8>,
    signature: Vec<u8>,
}

impl SignatureCheck {
    /// Prepares the check of a token with the JWK that signed it.
    ///
    /// # Errors
    ///
    /// When the token is malformed or another key signed it.
    pub fn new(jwk: &Value, token: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let parameter = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap_or_default());
        let components = RsaPublicKeyComponents { n: parameter("n")?, e: parameter("e")? };
        let (signing_input, signature) =
            token.rsplit_once('.').ok_or("the token has no signature")?;
        let check = Self {
            key: components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)?,
            signing_input: signing_input.as_bytes().to_vec(),
            signature: URL_SAFE_NO_PAD.decode(signature)?,
        };
        if check.passes() { Ok(check) } else { Err("another key signed the token".into()) }
    }

    /// Checks the signature once.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.key.verify_sig(black_box(&self.signing_input), black_box(&self.signature)).is_ok()
    }

    /// Returns the CPU time of one check with warm caches, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let measure = || cpu_seconds(50, || assert!(self.passes()));
        measure();
        measure()
    }
}
