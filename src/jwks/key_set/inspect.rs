//! Describes each key of a key set, usable or not, for a diagnosis.

use serde::Deserialize;
use serde_json::Value;

use super::{KeySet, ParsedKey, SkipReason};
use crate::excerpt::Excerpt;
use crate::issuer::IssuerName;
use crate::json::object;
use crate::jwt::SignatureAlgorithm;

/// A key of a key set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InspectedKey {
    /// Its `kid`, shortened, if it has one.
    pub(crate) kid: Option<Excerpt>,
    /// Its `kty`, shortened, if it has one.
    pub(crate) kty: Option<Excerpt>,
    /// Its `alg`, shortened, if it has one.
    pub(crate) alg: Option<Excerpt>,
    /// Why it is skipped, unless it is used.
    pub(crate) skipped: Option<SkipReason>,
}

impl KeySet {
    /// Returns every key of a key set, as [`KeySet::parse`] uses or skips it. Returns none if this is
    /// not a key set.
    pub(crate) fn inspect(
        json: &[u8],
        issuer: &IssuerName,
        allowed: &[&'static SignatureAlgorithm],
    ) -> Vec<InspectedKey> {
        let mut keys = Vec::new();
        // The keys were all inspected, even if none is usable.
        let _ =
            Self::parse_each(json, issuer, allowed, &mut |key| keys.push(InspectedKey::of(&key)));
        keys
    }
}

impl InspectedKey {
    fn of(key: &ParsedKey<'_>) -> Self {
        #[derive(Deserialize)]
        struct KeyType {
            kty: Value,
        }

        let kty: Option<KeyType> = object(key.jwk.get());
        let purpose = key.purpose;
        Self {
            kid: purpose.and_then(|purpose| purpose.kid.as_deref()).map(Excerpt::from),
            kty: kty.and_then(|KeyType { kty }| kty.as_str().map(Excerpt::from)),
            alg: purpose.and_then(|purpose| purpose.alg.as_deref()).map(Excerpt::from),
            skipped: key.added.as_ref().err().cloned(),
        }
    }
}
