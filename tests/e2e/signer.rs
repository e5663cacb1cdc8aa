//! A key for each algorithm, made at run time, and the tokens that it signs.
//!
//! The mock issuer has an RSA key and signs with RS256 only; it serves any other key when told to.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_gateway::issuer::Issuer;
use local_gateway::served::Served;
use serde_json::{Value, json};

use crate::tokens::{compact, signing_input};

/// A key pair that signs by one algorithm.
pub(crate) struct Signer {
    alg: &'static str,
    pair: Pair,
}

enum Pair {
    Rsa(rsa::KeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// Makes a key for an algorithm by the name that it has in `alg`.
    pub(crate) fn generate(alg: &'static str) -> Self {
        let rsa = |encoding| Pair::Rsa(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap(), encoding);
        let pair = match alg {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384),
            "RS512" => rsa(&RSA_PKCS1_SHA512),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "PS384" => rsa(&RSA_PSS_SHA384),
            "PS512" => rsa(&RSA_PSS_SHA512),
            "ES256" => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
                Pair::Ecdsa(pair, "P-256")
            }
            "ES384" => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
                Pair::Ecdsa(pair, "P-384")
            }
            "EdDSA" | "Ed25519" => Pair::Ed25519(Ed25519KeyPair::generate().unwrap()),
            other => panic!("no signer for {other}"),
        };
        Self { alg, pair }
    }

    /// The `kid`, which is the algorithm's name.
    pub(crate) fn kid(&self) -> &'static str {
        self.alg
    }

    /// The public half, for a key set.
    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Rsa(pair, _) => {
                let key = pair.public_key();
                let n = text(key.modulus().big_endian_without_leading_zero());
                let e = text(key.exponent().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "n": n, "e": e })
            }
            Pair::Ecdsa(pair, curve) => {
                // The byte that says "uncompressed", then both coordinates.
                let (x, y) = pair.public_key().as_ref()[1..]
                    .split_at((pair.public_key().as_ref().len() - 1) / 2);
                json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y) })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) })
            }
        };
        jwk["alg"] = self.alg.into();
        jwk["kid"] = self.kid().into();
        jwk
    }

    /// A token of these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.alg, "kid": self.kid(), "typ": "JWT" });
        self.sign(&header, claims.to_string().as_bytes())
    }

    /// Signs any payload under any header.
    pub(crate) fn sign(&self, header: &Value, payload: &[u8]) -> String {
        let header = header.to_string();
        let signature = self.signature(signing_input(header.as_bytes(), payload).as_bytes());
        compact(header.as_bytes(), payload, &signature)
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Ecdsa(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// Lets an issuer publish these keys in place of its own.
pub(crate) fn publish(issuer: &Issuer, keys: &[Value]) {
    issuer.serve_key_set(Served::bytes(json!({ "keys": keys }).to_string()));
}
