//! From the bytes of a key set to keys that are ready to verify.
//!
//! A key set is read key by key ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)):
//! one that is broken, of an unknown type or for something else is skipped, and
//! costs its neighbours nothing.

use std::collections::HashSet;
use std::fmt;

use jsonwebtoken::jwk::AlgorithmParameters;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Excerpt;
use crate::json::{object, object_in_utf8};
use crate::jwt::{PublicKey, PublicKeyError, SignatureAlgorithm};

/// An issuer's keys, prepared for the algorithms that it may use. Never empty.
#[derive(Debug)]
pub struct KeySet {
    entries: Vec<Entry>,
}

/// The keys of one `kid` for one algorithm: one, unless an issuer repeats itself.
#[derive(Debug)]
struct Entry {
    kid: Option<Box<str>>,
    algorithm: &'static SignatureAlgorithm,
    keys: Vec<PublicKey>,
}

/// A key that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// The key's `kid`, shortened; its place in the set where it has none.
    pub kid: Excerpt,
    /// Why.
    pub reason: SkipReason,
}

/// Why a key was passed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// It is not a JSON object, or one of `kid`, `use`, `key_ops` and `alg` has another type than its own.
    #[error("it is not a JWK: not a JSON object, or its kid, use, key_ops or alg has a wrong type")]
    NotAJwk,
    /// Its `kty` is missing or is not a string.
    #[error("it has no kty, or one that is not a string")]
    NoKeyType,
    /// Its `kty` is none of those that [RFC 7518 §6.1](https://www.rfc-editor.org/rfc/rfc7518#section-6.1)
    /// and RFC 8037 define.
    #[error("its kty is {0:?}, which is not a known key type")]
    UnknownKeyType(Excerpt),
    /// Its `kty` is known, and a parameter of that type is missing or cannot be read.
    #[error("its kty is {kty}, but one of its parameters {parameters} is missing or not supported")]
    Incomplete {
        /// The key type.
        kty: &'static str,
        /// The parameters that a key of this type needs.
        parameters: &'static str,
    },
    /// Its `use` or `key_ops` is for something else.
    #[error("it is not for verifying signatures")]
    OtherUse,
    /// It is symmetric, and so has no business in a public key set.
    #[error("it is symmetric")]
    Symmetric,
    /// Its `alg` or its type is none that this issuer may use.
    #[error("it is for no allowed algorithm")]
    OtherAlgorithm,
    /// Its parameters are unfit.
    #[error("{0}")]
    Unfit(#[from] PublicKeyError),
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kid, self.reason)
    }
}

/// Why a key set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is not a JSON object with a list `keys`.
    #[error("it is not a JSON object with a list of keys")]
    NotAKeySet,
    /// It lists no key.
    #[error("it is empty")]
    Empty,
    /// No key of it can be used.
    #[error("none of its {} keys is usable: {}", skipped.len(), Listing(skipped))]
    NoUsableKey {
        /// Each key and what is wrong with it.
        skipped: Vec<SkippedKey>,
    },
}

/// Shows the first few of a list.
pub(crate) struct Listing<'a, T>(pub(crate) &'a [T]);

impl<T: fmt::Display> fmt::Display for Listing<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        for (place, item) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{item}")?;
        }
        if self.0.len() > SHOWN { write!(f, "; and {} more", self.0.len() - SHOWN) } else { Ok(()) }
    }
}

#[derive(Deserialize)]
struct RawKeySet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// The parameters of any JWK ([RFC 7517 §4](https://www.rfc-editor.org/rfc/rfc7517#section-4))
/// that say whether it is for us. Others, as `x5c`, are not looked at.
#[derive(Deserialize)]
struct Purpose {
    kid: Option<String>,
    #[serde(rename = "use")]
    public_key_use: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
}

impl KeySet {
    /// Reads a key set and prepares each key for those of the `allowed`
    /// algorithms that it is for: the one its `alg` names, or else all that its
    /// type fits.
    ///
    /// # Errors
    ///
    /// [`KeySetError`] where not one key can be used.
    pub fn parse(
        json: &[u8],
        allowed: &[&'static SignatureAlgorithm],
    ) -> Result<(Self, Vec<SkippedKey>), KeySetError> {
        let raw: RawKeySet<'_> = object_in_utf8(json).ok_or(KeySetError::NotAKeySet)?;
        if raw.keys.is_empty() {
            return Err(KeySetError::Empty);
        }
        let mut set = Self { entries: Vec::new() };
        let mut skipped = Vec::new();
        for (place, jwk) in raw.keys.iter().enumerate() {
            let purpose: Option<Purpose> = object(jwk.get());
            let kid = purpose.as_ref().and_then(|purpose| purpose.kid.clone());
            let added = purpose
                .ok_or(SkipReason::NotAJwk)
                .and_then(|purpose| set.add(jwk, purpose, allowed));
            if let Err(reason) = added {
                let kid = kid.unwrap_or_else(|| format!("key {}", place + 1));
                skipped.push(SkippedKey { kid: Excerpt::from(kid.as_str()), reason });
            }
        }
        if set.entries.is_empty() {
            Err(KeySetError::NoUsableKey { skipped })
        } else {
            Ok((set, skipped))
        }
    }

    fn add(
        &mut self,
        jwk: &RawValue,
        purpose: Purpose,
        allowed: &[&'static SignatureAlgorithm],
    ) -> Result<(), SkipReason> {
        let for_signatures =
            purpose.public_key_use.is_none_or(|public_key_use| public_key_use == "sig")
                && purpose
                    .key_ops
                    .is_none_or(|key_ops| key_ops.iter().any(|operation| operation == "verify"));
        if !for_signatures {
            return Err(SkipReason::OtherUse);
        }
        let parameters: AlgorithmParameters =
            serde_json::from_str(jwk.get()).map_err(|_| unreadable(jwk))?;
        if matches!(parameters, AlgorithmParameters::OctetKey(_)) {
            return Err(SkipReason::Symmetric);
        }
        // What is broken, or of a type that is not known, is read as this.
        if matches!(parameters, AlgorithmParameters::Other(_)) {
            return Err(unreadable(jwk));
        }
        let named = purpose.alg.as_deref().map(SignatureAlgorithm::named);
        let is_named =
            |row: &&&'static SignatureAlgorithm| named.is_none_or(|it| it == Some(**row));
        let mut outcome = Err(SkipReason::OtherAlgorithm);
        for &algorithm in allowed.iter().filter(is_named) {
            match PublicKey::prepare(&parameters, algorithm) {
                Ok(key) => {
                    self.insert(purpose.kid.as_deref(), algorithm, key);
                    outcome = Ok(());
                }
                Err(PublicKeyError::OtherKeyType) => {}
                Err(error) if outcome.is_err() => outcome = Err(error.into()),
                Err(_) => {}
            }
        }
        outcome
    }

    fn insert(
        &mut self,
        kid: Option<&str>,
        algorithm: &'static SignatureAlgorithm,
        key: PublicKey,
    ) {
        let same = |entry: &&mut Entry| {
            kid.is_some() && entry.kid.as_deref() == kid && entry.algorithm == algorithm
        };
        match self.entries.iter_mut().find(same) {
            Some(entry) => entry.keys.push(key),
            None => {
                self.entries.push(Entry { kid: kid.map(Into::into), algorithm, keys: vec![key] })
            }
        }
    }

    /// Chooses an entry for a token by its `kid` and `alg`. A token without a
    /// `kid` gets one only where exactly one fits its `alg`.
    #[must_use]
    pub fn select(&self, kid: Option<&str>, algorithm: &SignatureAlgorithm) -> Option<usize> {
        let fits = |entry: &Entry| {
            entry.algorithm == algorithm && kid.is_none_or(|kid| entry.kid.as_deref() == Some(kid))
        };
        let chosen = self.entries.iter().position(fits)?;
        // An entry with a `kid` is the only one with it and this algorithm.
        let alone = kid.is_some() || !self.entries[chosen + 1..].iter().any(fits);
        alone.then_some(chosen)
    }

    /// Returns the keys of an entry that [`KeySet::select`] chose.
    #[must_use]
    pub fn keys(&self, entry: usize) -> &[PublicKey] {
        self.entries.get(entry).map_or(&[], |entry| &entry.keys)
    }

    /// Returns each `kid` of the keys that can be used, once.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        let kids = self.entries.iter().map(|entry| entry.kid.as_deref().unwrap_or("(no kid)"));
        let mut seen = HashSet::new();
        kids.filter(move |kid| seen.insert(*kid))
    }
}

/// Says why the parameters of a JWK cannot be read.
fn unreadable(jwk: &RawValue) -> SkipReason {
    #[derive(Deserialize)]
    struct KeyType {
        kty: String,
    }

    let Some(KeyType { kty }) = object(jwk.get()) else { return SkipReason::NoKeyType };
    match kty.as_str() {
        "RSA" => SkipReason::Incomplete { kty: "RSA", parameters: "n, e" },
        "EC" => SkipReason::Incomplete { kty: "EC", parameters: "crv, x, y" },
        "OKP" => SkipReason::Incomplete { kty: "OKP", parameters: "crv, x" },
        "oct" => SkipReason::Symmetric,
        kty => SkipReason::UnknownKeyType(Excerpt::from(kty)),
    }
}

#[cfg(test)]
mod tests;
