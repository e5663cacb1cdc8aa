//! The stages from the issuer to the signature.

use serde_json::Value;

use super::super::text::duration;
use super::report::Outcome;
use super::steps::NO_RULES;
use super::walk::Walk;
use crate::config::{AcceptingIssuer, IssuerConfig};
use crate::error::Error;
use crate::excerpt::Excerpt;
use crate::jwks::{KeyFreshness, KeyQuery, KeySource, SigningKeys};
use crate::jwt::{DecodedToken, UnverifiedToken, verify};

impl<'w, S: KeySource> Walk<'w, S> {
    /// Finds the issuer whose rules apply. If the token names an unknown one, these are the rules of the
    /// issuer that is probably meant.
    pub(super) fn issuer(&mut self, token: &UnverifiedToken<'_>) -> Option<&'w IssuerConfig> {
        let issuers = &self.authorizer.config.issuers;
        let wanted = wanted_issuer(issuers);
        let iss = token.unverified_issuer();
        let found = self.values.claim("iss", iss.map(Value::from).as_ref());
        match self.authorizer.issuer_of(token) {
            Ok(AcceptingIssuer { issuer, .. }) => {
                self.issuer = Some(issuer);
                self.steps.pass("issuer", found, wanted);
                Some(issuer)
            }
            Err(error) => {
                let nearest = issuers.probably_meant(iss);
                let next = match nearest {
                    Some(issuer) => format!(
                        ". The next steps use the rules and the keys of {}",
                        issuer.rules.issuer
                    ),
                    None => String::new(),
                };
                let message = self.values.either(|| error.to_string(), &found);
                self.steps.fail("issuer", &error, &(message + &next), wanted);
                if nearest.is_none() {
                    for step in ["algorithm", "key", "signature"] {
                        self.steps.skip(step, NO_RULES);
                    }
                }
                nearest
            }
        }
    }

    /// Checks the algorithm, and returns what to look for in the issuer's keys.
    pub(super) fn query<'t>(
        &mut self,
        token: &'t UnverifiedToken<'_>,
        issuer: &IssuerConfig,
    ) -> Option<KeyQuery<'t>> {
        let allowed = &issuer.keys.algorithms;
        let names: Vec<_> = allowed.iter().map(|algorithm| algorithm.name).collect();
        let wanted = format!("one of: {} (AUTHORIZER_ALGORITHMS)", names.join(", "));
        let algorithm = match token.algorithm(allowed) {
            Ok(algorithm) => algorithm,
            Err(error) => {
                self.steps.fail("algorithm", &error, &error.to_string(), wanted);
                self.steps.skip("key", "the algorithm is not accepted");
                self.steps.skip("signature", "the algorithm is not accepted");
                return None;
            }
        };
        self.steps.pass("algorithm", algorithm.name.to_owned(), wanted);
        if !self.has_signature {
            self.steps.skip("key", "there is no signature that it could verify");
            self.steps.skip("signature", "it cannot be decoded");
            return None;
        }
        let iss = token.unverified_issuer();
        let tenant = iss.and_then(|iss| issuer.rules.issuer.tenant_in(iss));
        Some(KeyQuery { kid: token.unverified_kid(), algorithm, tenant })
    }

    /// Takes the keys that were found, and verifies the signature.
    pub(super) fn key(
        &mut self,
        decoded: &DecodedToken<'_>,
        query: &KeyQuery<'_>,
        issuer: &IssuerConfig,
        found: Result<SigningKeys, Error>,
    ) {
        let KeyQuery { kid, algorithm, .. } = query;
        let wanted = match kid {
            Some(kid) => {
                format!("a key with the kid {:?} for {}", Excerpt::from(*kid), algorithm.name)
            }
            None => format!("exactly one key for {}, because the token has no kid", algorithm.name),
        };
        let wanted = format!("{wanted}, of {}", issuer.keys.issuer);
        let keys = match found {
            Ok(keys) => keys,
            Err(error) => {
                self.steps.fail("key", &error, &error.to_string(), wanted);
                return self.steps.skip("signature", "there is no key to verify it with");
            }
        };
        // Only claims are judged at another time.
        let now = (self.authorizer.clock)();
        let age = now.duration_since(keys.fetched_at).unwrap_or_default();
        let age = duration(age.as_secs());
        match keys.freshness {
            KeyFreshness::Fetched => {
                self.steps.pass("key", "the key, just fetched".to_owned(), wanted)
            }
            KeyFreshness::Fresh => {
                self.steps.pass("key", format!("the key, fetched {age} ago"), wanted);
            }
            KeyFreshness::Stale => {
                let found = format!("the key, fetched {age} ago; the key set cannot be refreshed");
                self.steps.push("key", Outcome::Warning, Some(found), Some(wanted));
            }
        }

        let wanted = "a signature by that key".to_owned();
        // The verification takes the token, whose claims are still needed if it fails.
        let verified = UnverifiedToken::read(decoded)
            .and_then(|token| verify(token, keys.as_slice()).map(|_| ()));
        match verified {
            Ok(()) => {
                self.verified = true;
                self.steps.pass("signature", "the signature is valid".to_owned(), wanted);
            }
            Err(error) => self.steps.fail("signature", &error, &error.to_string(), wanted),
        }
    }
}

fn wanted_issuer(issuers: &[IssuerConfig]) -> String {
    const SHOWN: usize = 5;
    match issuers {
        [only] => format!("{} (AUTHORIZER_ISSUER)", only.rules.issuer),
        several => {
            let names = several.iter().take(SHOWN).map(|issuer| issuer.rules.issuer.as_str());
            let further = if several.len() > SHOWN { ", …" } else { "" };
            let names = names.collect::<Vec<_>>().join(", ");
            format!("one of: {names}{further} (AUTHORIZER_ISSUERS)")
        }
    }
}
