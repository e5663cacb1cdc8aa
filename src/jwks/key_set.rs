//! Parses a key set into keys that are ready to verify signatures.
//!
//! Each key is parsed on its own ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
//! A key that is broken, of an unknown type or for another use is skipped, and the others are used.

mod error;
mod inspect;

use std::collections::HashSet;

use jsonwebtoken::jwk::AlgorithmParameters;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) use self::error::Listing;
pub use self::error::{KeySetError, SkipReason, SkippedKey};
pub(crate) use self::inspect::InspectedKey;
use crate::excerpt::Excerpt;
use crate::issuer::{IssuerName, KeyTenant};
use crate::json::{object, object_in_utf8, present};
use crate::jwt::{PublicKey, PublicKeyError, SignatureAlgorithm};

/// An issuer's keys, prepared for the algorithms that it may use. It is never empty.
#[derive(Debug)]
pub struct KeySet {
    entries: Vec<Entry>,
}

/// The keys with one `kid` for one algorithm and the same tenants: one, unless the issuer uses a `kid`
/// for several keys. A key without a `kid` has its own entry.
#[derive(Debug)]
struct Entry {
    kid: Option<Box<str>>,
    tenant: KeyTenant,
    algorithm: &'static SignatureAlgorithm,
    keys: Vec<PublicKey>,
}

#[derive(Deserialize)]
struct RawKeySet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// The parameters that any JWK may have ([RFC 7517 §4](https://www.rfc-editor.org/rfc/rfc7517#section-4))
/// and that say what it is for, and the `issuer` that Entra ID adds. Other parameters, such as `x5c`, are ignored.
#[derive(Deserialize)]
struct Purpose {
    kid: Option<String>,
    #[serde(rename = "use")]
    public_key_use: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    #[serde(default, deserialize_with = "present")]
    issuer: Option<String>,
}

/// A key of a key set, and whether it is used.
struct ParsedKey<'k> {
    jwk: &'k RawValue,
    purpose: Option<&'k Purpose>,
    added: &'k Result<(), SkipReason>,
}

impl Purpose {
    fn allows_verifying(&self) -> bool {
        let is_signature_key =
            self.public_key_use.as_ref().is_none_or(|public_key_use| public_key_use == "sig");
        let may_verify = self
            .key_ops
            .as_ref()
            .is_none_or(|key_ops| key_ops.iter().any(|operation| operation == "verify"));
        is_signature_key && may_verify
    }

    /// Returns whose tokens the key may verify. Without an `issuer` member, those of every tenant.
    fn tenant(&self, issuer: &IssuerName) -> Result<KeyTenant, SkipReason> {
        let Some(of_key) = &self.issuer else { return Ok(KeyTenant::Every) };
        issuer.key_tenant(of_key).ok_or_else(|| SkipReason::OtherIssuer(of_key.as_str().into()))
    }
}

impl KeySet {
    /// Parses an issuer's key set, and prepares each key for the `allowed` algorithm that its `alg`
    /// names, or without `alg` for every `allowed` algorithm that its key type fits.
    ///
    /// Returns the skipped keys too.
    ///
    /// # Errors
    ///
    /// [`KeySetError`] if no key can be used.
    pub fn parse(
        json: &[u8],
        issuer: &IssuerName,
        allowed: &[&'static SignatureAlgorithm],
    ) -> Result<(Self, Vec<SkippedKey>), KeySetError> {
        Self::parse_each(json, issuer, allowed, &mut |_| {})
    }

    /// Does the same as [`KeySet::parse`], and passes each key to `inspect`.
    fn parse_each(
        json: &[u8],
        issuer: &IssuerName,
        allowed: &[&'static SignatureAlgorithm],
        inspect: &mut dyn FnMut(ParsedKey<'_>),
    ) -> Result<(Self, Vec<SkippedKey>), KeySetError> {
        let raw: RawKeySet<'_> = object_in_utf8(json).ok_or(KeySetError::NotAKeySet)?;
        if raw.keys.is_empty() {
            return Err(KeySetError::Empty);
        }
        let mut set = Self { entries: Vec::new() };
        let mut skipped = Vec::new();
        for (index, jwk) in raw.keys.iter().enumerate() {
            let purpose: Option<Purpose> = object(jwk.get());
            let added = match &purpose {
                None => Err(SkipReason::NotAJwk),
                Some(purpose) => set.add(jwk, purpose, issuer, allowed),
            };
            inspect(ParsedKey { jwk, purpose: purpose.as_ref(), added: &added });
            if let Err(reason) = added {
                let kid = purpose.and_then(|purpose| purpose.kid);
                let kid = kid.unwrap_or_else(|| format!("key {}", index + 1));
                skipped.push(SkippedKey { kid: Excerpt::from(kid.as_str()), reason });
            }
        }
        if set.entries.is_empty() {
            return Err(KeySetError::NoUsableKey { skipped });
        }
        Ok((set, skipped))
    }

    fn add(
        &mut self,
        jwk: &RawValue,
        purpose: &Purpose,
        issuer: &IssuerName,
        allowed: &[&'static SignatureAlgorithm],
    ) -> Result<(), SkipReason> {
        if !purpose.allows_verifying() {
            return Err(SkipReason::OtherUse);
        }
        let tenant = purpose.tenant(issuer)?;
        let parameters = read_parameters(jwk)?;
        let named = purpose.alg.as_deref().map(SignatureAlgorithm::named);
        let mut outcome = Err(SkipReason::OtherAlgorithm);
        for &algorithm in allowed {
            if named.is_some_and(|named| named != Some(algorithm)) {
                continue;
            }
            match PublicKey::prepare(&parameters, algorithm) {
                Ok(key) => {
                    self.insert(purpose.kid.as_deref(), &tenant, algorithm, key);
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
        tenant: &KeyTenant,
        algorithm: &'static SignatureAlgorithm,
        key: PublicKey,
    ) {
        let same = |entry: &&mut Entry| {
            kid.is_some()
                && entry.kid.as_deref() == kid
                && entry.algorithm == algorithm
                && entry.tenant == *tenant
        };
        match self.entries.iter_mut().find(same) {
            Some(entry) => entry.keys.push(key),
            None => {
                let (kid, tenant) = (kid.map(Into::into), tenant.clone());
                self.entries.push(Entry { kid, tenant, algorithm, keys: vec![key] });
            }
        }
    }

    /// Selects the entry that matches a token's `kid` and `alg`, and its tenant if the issuer has
    /// tenants. For a token without a `kid`, exactly one entry must fit the rest.
    ///
    /// If the issuer has a `kid` for every tenant and for this one too, the first of the two is
    /// selected.
    pub(super) fn select(
        &self,
        kid: Option<&str>,
        algorithm: &SignatureAlgorithm,
        tenant: Option<&str>,
    ) -> Option<usize> {
        let matches = |entry: &Entry| {
            entry.algorithm == algorithm
                && kid.is_none_or(|kid| entry.kid.as_deref() == Some(kid))
                && entry.tenant.includes(tenant)
        };
        let selected = self.entries.iter().position(matches)?;
        let is_only_match = kid.is_some() || !self.entries[selected + 1..].iter().any(matches);
        is_only_match.then_some(selected)
    }

    /// Returns the keys of an entry that [`KeySet::select`] returned.
    pub(super) fn keys(&self, entry: usize) -> &[PublicKey] {
        self.entries.get(entry).map_or(&[], |entry| &entry.keys)
    }

    /// Returns each `kid` of the usable keys once.
    pub(super) fn kids(&self) -> impl Iterator<Item = &str> {
        let kids = self.entries.iter().map(|entry| entry.kid.as_deref().unwrap_or("(no kid)"));
        let mut seen = HashSet::new();
        kids.filter(move |kid| seen.insert(*kid))
    }
}

/// Reads the parameters of an asymmetric key.
fn read_parameters(jwk: &RawValue) -> Result<AlgorithmParameters, SkipReason> {
    let parameters: AlgorithmParameters =
        serde_json::from_str(jwk.get()).map_err(|_| unreadable(jwk))?;
    if matches!(parameters, AlgorithmParameters::OctetKey(_)) {
        return Err(SkipReason::Symmetric);
    }
    // `jsonwebtoken` returns this for a broken key and for an unknown key type.
    if matches!(parameters, AlgorithmParameters::Other(_)) {
        return Err(unreadable(jwk));
    }
    Ok(parameters)
}

/// Returns why the parameters of a JWK cannot be read.
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
