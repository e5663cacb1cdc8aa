//! One fetch of an issuer's keys by the function's own code, and the report of it.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::cure;
use super::observed::{Exchange, Observed};
use super::report::{DiscoveryReport, IssuerReport, KeyFileReport, KeyReport, KeySetReport};
use crate::config::IssuerConfig;
use crate::excerpt::Excerpt;
use crate::jwks::{
    CacheRules, Document, FetchError, Fetched, HttpKeySource, InspectedKey, KeyLocation,
    KeyRequest, KeySet, KeysUnavailableCause, lifetime,
};

/// A fetch that has ended.
pub(super) struct Probe {
    outcome: Result<Fetched, Failure>,
    observed: Observed,
}

/// Why a fetch has no result.
pub(super) enum Failure {
    /// The fetch failed, as it would for the function.
    Fetch(FetchError),
    /// There was no time for the whole fetch.
    Deadline,
}

impl Failure {
    fn message(&self) -> String {
        match self {
            Self::Fetch(error) => error.to_string(),
            Self::Deadline => KeysUnavailableCause::Deadline.to_string(),
        }
    }
}

impl Probe {
    /// Fetches an issuer's keys as the function does when it has none, and stores nothing.
    pub(super) async fn run(
        source: &HttpKeySource,
        issuer: &IssuerConfig,
        rules: &CacheRules,
        deadline: Option<Instant>,
    ) -> Self {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = left.unwrap_or(Duration::MAX).min(rules.timeout);
        let mut observed = Observed::new(&issuer.keys);
        let request = KeyRequest { origin: &issuer.keys, discovered_uri: None, etag: None };
        let outcome = timeout(limit, source.fetch_observed(request, &mut observed)).await;
        observed.end();
        let outcome = match outcome {
            Ok(outcome) => outcome.map_err(Failure::Fetch),
            Err(_) if limit < rules.timeout => Err(Failure::Deadline),
            Err(_) => Err(Failure::Fetch(FetchError::Timeout(rules.timeout))),
        };
        Self { outcome, observed }
    }

    /// Reports the fetch, together with the keys that the issuer has in a file.
    pub(super) fn report(
        self,
        issuer: &IssuerConfig,
        key_file: Option<KeyFileReport>,
        rules: &CacheRules,
    ) -> IssuerReport {
        let discovery = self.discovery(issuer);
        let key_set = self.key_set(issuer, rules);
        let usable = |keys: &[KeyReport]| keys.iter().filter(|key| key.usable).count();
        let of_file = key_file.as_ref().map_or(0, |file| usable(&file.keys));
        let usable_keys = if key_set.ok { usable(&key_set.keys) } else { of_file };
        let mut warnings = Vec::new();
        if !key_set.ok && usable_keys > 0 {
            warnings.push(cure::only_from_file(issuer, rules));
        }
        let clock_skew_s = self.observed.clock_skew_s();
        warnings.extend(clock_skew_s.and_then(|skew| cure::clock_skew(issuer, skew)));
        IssuerReport {
            issuer: issuer.rules.issuer.as_str().to_owned(),
            ok: usable_keys > 0,
            discovery,
            key_set,
            key_file,
            usable_keys,
            clock_skew_s,
            warnings,
        }
    }

    /// Returns the document that the fetch failed at, and why.
    fn failure(&self, issuer: &IssuerConfig) -> Option<(Document, &Failure)> {
        let failure = self.outcome.as_ref().err()?;
        let is_key_set = matches!(issuer.keys.location, KeyLocation::Uri(_))
            || self.observed.exchange(Document::KeySet).is_some();
        Some((if is_key_set { Document::KeySet } else { Document::Discovery }, failure))
    }

    /// Returns the error and the hint of a document.
    fn error_of(
        &self,
        document: Document,
        issuer: &IssuerConfig,
    ) -> (Option<String>, Option<String>) {
        match self.failure(issuer) {
            Some((failed, failure)) if failed == document => {
                let hint = cure::hint(failure, document, issuer, &self.observed);
                (Some(failure.message()), hint)
            }
            Some(_) | None => (None, None),
        }
    }

    fn discovery(&self, issuer: &IssuerConfig) -> Option<DiscoveryReport> {
        let url = match &issuer.keys.location {
            KeyLocation::Uri(_) => return None,
            KeyLocation::Discovery(url) => url.to_string(),
        };
        let exchange = self.observed.exchange(Document::Discovery);
        let (error, hint) = self.error_of(Document::Discovery, issuer);
        Some(DiscoveryReport {
            url,
            ok: error.is_none(),
            status: exchange.and_then(|exchange| exchange.status),
            duration_ms: exchange.and_then(Exchange::duration_ms),
            error,
            hint,
        })
    }

    fn key_set(&self, issuer: &IssuerConfig, rules: &CacheRules) -> KeySetReport {
        let exchange = self.observed.exchange(Document::KeySet);
        let configured = match &issuer.keys.location {
            KeyLocation::Uri(url) => Some(url.to_string()),
            KeyLocation::Discovery(_) => None,
        };
        let (mut error, hint) = self.error_of(Document::KeySet, issuer);
        if exchange.is_none() && error.is_none() {
            error = Some("not requested, because its URL is not known".to_owned());
        }
        let fetched = self.outcome.as_ref().ok();
        let lifetime = fetched.map(|fetched| (lifetime(fetched.max_age, rules), fetched.max_age));
        KeySetReport {
            url: exchange.map(|exchange| exchange.url.clone()).or(configured),
            ok: fetched.is_some(),
            status: exchange.and_then(|exchange| exchange.status),
            duration_ms: exchange.and_then(Exchange::duration_ms),
            bytes: exchange.and_then(|exchange| exchange.bytes),
            lifetime_s: lifetime.map(|((length, _), _)| length.as_secs()),
            lifetime_why: lifetime.map(|((_, cause), max_age)| cure::lifetime(cause, max_age)),
            etag: exchange.and_then(|exchange| exchange.etag.clone()),
            error,
            hint,
            keys: self.observed.keys().iter().map(KeyReport::of).collect(),
        }
    }
}

impl KeyReport {
    fn of(key: &InspectedKey) -> Self {
        let text = |excerpt: &Option<Excerpt>| excerpt.as_ref().map(|it| it.as_str().to_owned());
        Self {
            kid: text(&key.kid),
            kty: text(&key.kty),
            alg: text(&key.alg),
            usable: key.skipped.is_none(),
            why: key.skipped.as_ref().map(ToString::to_string),
        }
    }
}

/// Returns each key of a file.
pub(super) fn keys(json: &[u8], issuer: &IssuerConfig) -> Vec<KeyReport> {
    KeySet::inspect(json, &issuer.keys.issuer, &issuer.keys.algorithms)
        .iter()
        .map(KeyReport::of)
        .collect()
}
