//! Signing keys that are made at the start, one for each kind of signature.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The private key of [RFC 8037, appendix A.1](https://www.rfc-editor.org/rfc/rfc8037#appendix-A.1).
/// Its signatures are the same in each run.
const ED25519_SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

/// The signing keys of the issuer, and one that it does not publish.
pub struct Keys {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
    foreign: Ed25519KeyPair,
}

/// Who signs a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// The key `rsa`, for RS256.
    Rsa,
    /// The key `ec`, for ES256.
    Ec,
    /// The key `ed`, for EdDSA.
    Ed25519,
    /// A key that the issuer does not publish.
    Foreign,
}

impl Keys {
    /// Makes the keys.
    #[must_use]
    pub fn new() -> Self {
        let seed = decode(ED25519_SEED).expect("the seed is base64url");
        let ed25519 =
            |seed: &[u8]| Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed has 32 bytes");
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).expect("there is randomness"),
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .expect("there is randomness"),
            ed25519: ed25519(&seed),
            foreign: ed25519(&[7; 32]),
        }
    }

    /// Returns the key set of the issuer.
    #[must_use]
    pub fn key_set(&self) -> Value {
        let rsa = self.rsa.public_key();
        let point = self.ec.public_key().as_ref();
        json!({ "keys": [
            {
                "kty": "RSA", "kid": "rsa", "alg": "RS256", "use": "sig",
                "n": encode(rsa.modulus().big_endian_without_leading_zero()),
                "e": encode(rsa.exponent().big_endian_without_leading_zero()),
            },
            { "kty": "EC", "kid": "ec", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]) },
            self.ed25519_jwk(),
        ] })
    }

    /// Returns the JWK of the Ed25519 key.
    #[must_use]
    pub fn ed25519_jwk(&self) -> Value {
        json!({ "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": self.ed25519_x() })
    }

    /// Returns the parameter `x` of the Ed25519 key.
    #[must_use]
    pub fn ed25519_x(&self) -> String {
        encode(self.ed25519.public_key().as_ref())
    }

    /// Returns a compact JWS of any bytes.
    #[must_use]
    pub fn sign(&self, signer: Signer, header: &[u8], payload: &[u8]) -> String {
        let input = format!("{}.{}", encode(header), encode(payload));
        let signature = self.signature(signer, input.as_bytes());
        format!("{input}.{}", encode(&signature))
    }

    fn signature(&self, signer: Signer, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match signer {
            Signer::Rsa => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                self.rsa
                    .sign(&RSA_PKCS1_SHA256, &random, input, &mut signature)
                    .expect("a generated key signs");
                signature
            }
            Signer::Ec => {
                self.ec.sign(&random, input).expect("a generated key signs").as_ref().to_vec()
            }
            Signer::Ed25519 => self.ed25519.sign(input).as_ref().to_vec(),
            Signer::Foreign => self.foreign.sign(input).as_ref().to_vec(),
        }
    }

    /// Returns whether a published key made the signature by the algorithm `alg`. Without a `kid`,
    /// the algorithm chooses the key, because each has one.
    #[must_use]
    pub fn verifies(&self, alg: &str, kid: Option<&str>, input: &[u8], signature: &[u8]) -> bool {
        let is_key = |name: &str| kid.is_none_or(|kid| kid == name);
        match alg {
            "RS256" if is_key("rsa") => {
                let public = self.rsa.public_key().as_ref();
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
                    .verify(input, signature)
                    .is_ok()
            }
            "ES256" if is_key("ec") => {
                let public = self.ec.public_key().as_ref();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
                    .verify(input, signature)
                    .is_ok()
            }
            "EdDSA" | "Ed25519" if is_key("ed") => {
                let public = self.ed25519.public_key().as_ref();
                UnparsedPublicKey::new(&ED25519, public).verify(input, signature).is_ok()
            }
            _ => false,
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::new()
    }
}

/// Encodes base64url without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes base64url without padding.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
