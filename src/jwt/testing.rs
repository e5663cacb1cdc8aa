//! Keys and tokens for tests, made at run time.

use std::sync::LazyLock;
use std::time::SystemTime;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{
    ClaimRules, Claims, PublicKey, RawToken, SignatureAlgorithm, TokenContent, UnverifiedToken,
    verify,
};
use crate::error::Error;

/// A key pair of one of the types that the supported algorithms take.
pub(crate) enum SigningKey {
    Rsa(rsa::KeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Keys to share, since an RSA key takes its time to be made.
pub(crate) static KEYS: LazyLock<[SigningKey; 4]> = LazyLock::new(SigningKey::of_every_type);
/// The same types of keys, but other keys.
pub(crate) static OTHER_KEYS: LazyLock<[SigningKey; 4]> = LazyLock::new(SigningKey::of_every_type);

/// Returns the one of some keys that can sign by an algorithm.
pub(crate) fn key_for<'k>(
    keys: &'k [SigningKey; 4],
    algorithm: &SignatureAlgorithm,
) -> &'k SigningKey {
    keys.iter().find(|key| key.fits(algorithm.name)).unwrap()
}

impl SigningKey {
    fn of_every_type() -> [Self; 4] {
        [
            Self::Rsa(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap()),
            Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
            Self::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()),
            Self::Ed25519(Ed25519KeyPair::generate().unwrap()),
        ]
    }

    pub(crate) fn fits(&self, algorithm: &str) -> bool {
        match self {
            Self::Rsa(_) => algorithm.starts_with("RS") || algorithm.starts_with("PS"),
            Self::P256(_) => algorithm == "ES256",
            Self::P384(_) => algorithm == "ES384",
            Self::Ed25519(_) => algorithm == "EdDSA",
        }
    }

    /// Returns the public half, with neither `kid` nor `alg`.
    pub(crate) fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let ec = |pair: &EcdsaKeyPair, curve| {
            let point = &pair.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
        };
        match self {
            Self::Rsa(pair) => {
                let public = pair.public_key();
                json!({
                    "kty": "RSA",
                    "n": encode(public.modulus().big_endian_without_leading_zero()),
                    "e": encode(public.exponent().big_endian_without_leading_zero()),
                })
            }
            Self::P256(pair) => ec(pair, "P-256"),
            Self::P384(pair) => ec(pair, "P-384"),
            Self::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) })
            }
        }
    }

    /// Signs with the algorithm of this name, which must fit the key.
    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        assert!(self.fits(algorithm));
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match algorithm {
                    "RS256" => &RSA_PKCS1_SHA256,
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => unreachable!("fits"),
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::P256(pair) | Self::P384(pair) => {
                pair.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// Puts a token together.
pub(crate) fn token(header: &str, payload: &str, signature: &[u8]) -> String {
    let input = signing_input(header, payload);
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Returns what a signature is over.
pub(crate) fn signing_input(header: &str, payload: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

/// Returns claims that were neither signed nor checked, for tests of what comes after.
pub(crate) fn claims(payload: &str) -> Claims<'_> {
    let registered = serde_json::from_str(payload).unwrap();
    Claims::of_test(TokenContent::new(payload.as_bytes(), registered, None))
}

/// The key of the tokens of [`with_claims`], whose header must have `"alg":"EdDSA"`.
static CLAIMS_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::Ed25519(Ed25519KeyPair::generate().unwrap()));

/// Signs a header and a payload, takes the token through every stage up to the claims, and hands
/// the outcome on.
pub(crate) fn with_claims<R>(
    header: &str,
    payload: &str,
    rules: &ClaimRules,
    now: SystemTime,
    then: impl FnOnce(Result<Claims<'_>, Error>) -> R,
) -> R {
    let signature = CLAIMS_KEY.sign("EdDSA", signing_input(header, payload).as_bytes());
    let text = token(header, payload, &signature);
    let decoded = RawToken::new(&text).decode().unwrap();
    let unverified = UnverifiedToken::read(&decoded).unwrap();
    let jwk = serde_json::from_value(CLAIMS_KEY.jwk()).unwrap();
    let key = PublicKey::prepare(&jwk, SignatureAlgorithm::named("EdDSA").unwrap()).unwrap();
    let verified = verify(unverified, &[key]).unwrap();
    let certificate = || Err(Error::WrongCertificate("the event has none"));
    then(Claims::check(verified, rules, now, certificate))
}
