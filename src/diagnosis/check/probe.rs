//! One fetch of an issuer's keys by the function's own code, and what was observed of it.

use std::time::{Duration, SystemTime};

use tokio::time::{Instant, timeout};
use url::Url;

use super::cure;
use super::report::{DiscoveryReport, IssuerReport, KeyFileReport, KeyReport, KeySetReport};
use crate::config::IssuerConfig;
use crate::diagnosis::text::{parse_time, seconds};
use crate::excerpt::Excerpt;
use crate::jwks::{
    CacheRules, Document, FetchError, FetchObserver, Fetched, HttpKeySource, InspectedKey,
    KeyRequest, KeySet, KeysUnavailableCause, ResponseHead, lifetime,
};
use crate::jwt::{SUPPORTED_ALGORITHMS, SignatureAlgorithm};
use crate::startup::system_time;

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

/// What was observed of a fetch.
pub(super) struct Observed {
    algorithms: Vec<&'static SignatureAlgorithm>,
    discovery: Option<Exchange>,
    key_set: Option<Exchange>,
    current: Document,
    keys: Vec<InspectedKey>,
    /// The algorithms that the keys would fit, if they fit none of the configured ones.
    other_algorithms: Vec<&'static str>,
    clock_skew_s: Option<i64>,
}

/// A request, with its retry, and its last response.
pub(super) struct Exchange {
    url: String,
    started: Instant,
    ended: Option<Instant>,
    status: Option<u16>,
    bytes: Option<usize>,
    etag: Option<String>,
    content_type: Option<String>,
}

impl Exchange {
    fn new(url: &Url) -> Self {
        Self {
            url: url.to_string(),
            started: Instant::now(),
            ended: None,
            status: None,
            bytes: None,
            etag: None,
            content_type: None,
        }
    }

    fn duration_ms(&self) -> Option<u64> {
        let ended = self.ended?;
        u64::try_from(ended.duration_since(self.started).as_millis()).ok()
    }

    /// Returns whether the server says that its response is a web page.
    pub(super) fn is_web_page(&self) -> bool {
        self.content_type.as_ref().is_some_and(|it| it.starts_with("text/html"))
    }
}

impl Observed {
    fn new(algorithms: Vec<&'static SignatureAlgorithm>) -> Self {
        Self {
            algorithms,
            discovery: None,
            key_set: None,
            current: Document::Discovery,
            keys: Vec::new(),
            other_algorithms: Vec::new(),
            clock_skew_s: None,
        }
    }

    pub(super) fn exchange(&self, document: Document) -> Option<&Exchange> {
        match document {
            Document::Discovery => self.discovery.as_ref(),
            Document::KeySet => self.key_set.as_ref(),
        }
    }

    fn current(&mut self) -> &mut Option<Exchange> {
        match self.current {
            Document::Discovery => &mut self.discovery,
            Document::KeySet => &mut self.key_set,
        }
    }

    /// Returns the names of the algorithms that the keys would fit, if they fit none of the
    /// configured ones.
    pub(super) fn other_algorithms(&self) -> &[&'static str] {
        &self.other_algorithms
    }

    fn end(&mut self) {
        if let Some(exchange) = self.current() {
            exchange.ended.get_or_insert_with(Instant::now);
        }
    }
}

impl FetchObserver for Observed {
    fn requesting(&mut self, document: Document, url: &Url) {
        self.current = document;
        // A retry belongs to the request before it.
        let retried = self.current().take();
        let started = retried.map(|exchange| exchange.started);
        let exchange = Exchange::new(url);
        *self.current() =
            Some(Exchange { started: started.unwrap_or(exchange.started), ..exchange });
    }

    fn responded(&mut self, head: &ResponseHead<'_>) {
        self.clock_skew_s = clock_skew(head, system_time()).or(self.clock_skew_s);
        if let Some(exchange) = self.current() {
            exchange.status = Some(head.status);
            exchange.etag = head.etag.map(|etag| Excerpt::from(etag).as_str().to_owned());
            exchange.content_type = head.content_type.map(str::to_ascii_lowercase);
        }
    }

    fn received(&mut self, body: &[u8]) {
        self.end();
        if let Some(exchange) = self.current() {
            exchange.bytes = Some(body.len());
        }
        if self.current == Document::KeySet {
            self.keys = KeySet::inspect(body, &self.algorithms);
            if self.keys.iter().all(|key| key.skipped.is_some()) {
                let fits = |algorithm: &&'static SignatureAlgorithm| {
                    KeySet::parse(body, &[algorithm]).is_ok()
                };
                let fitting = SUPPORTED_ALGORITHMS.iter().filter(fits);
                self.other_algorithms = fitting.map(|algorithm| algorithm.name).collect();
            }
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
        let mut observed = Observed::new(issuer.keys.algorithms.clone());
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
        let clock_skew_s = self.observed.clock_skew_s;
        warnings.extend(clock_skew_s.and_then(|skew| cure::clock_skew(issuer, skew)));
        IssuerReport {
            issuer: issuer.rules.issuer.clone(),
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
        let is_key_set = issuer.keys.jwks_uri.is_some() || self.observed.key_set.is_some();
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
        if issuer.keys.jwks_uri.is_some() {
            return None;
        }
        let exchange = self.observed.exchange(Document::Discovery);
        let (error, hint) = self.error_of(Document::Discovery, issuer);
        Some(DiscoveryReport {
            url: issuer.keys.discovery_uri.to_string(),
            ok: error.is_none(),
            status: exchange.and_then(|exchange| exchange.status),
            duration_ms: exchange.and_then(Exchange::duration_ms),
            error,
            hint,
        })
    }

    fn key_set(&self, issuer: &IssuerConfig, rules: &CacheRules) -> KeySetReport {
        let exchange = self.observed.exchange(Document::KeySet);
        let configured = issuer.keys.jwks_uri.as_ref().map(ToString::to_string);
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
            keys: self.observed.keys.iter().map(KeyReport::of).collect(),
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
    KeySet::inspect(json, &issuer.keys.algorithms).iter().map(KeyReport::of).collect()
}

/// Returns how many seconds `now` is ahead of the time of a response. A cache may have stored the
/// response for its `Age`.
fn clock_skew(head: &ResponseHead<'_>, now: SystemTime) -> Option<i64> {
    let made = parse_http_date(head.date?)?;
    let age = head.age.and_then(|age| age.parse::<u32>().ok()).unwrap_or_default();
    Some(seconds(now) - seconds(made) - i64::from(age))
}

/// Reads a date such as `Sun, 06 Nov 1994 08:49:37 GMT`
/// ([RFC 9110 §5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7)). Servers send no other
/// form.
fn parse_http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<&str> = text.split(' ').collect();
    let [_, day, month, year, time, "GMT"] = parts[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    parse_time(&format!("{year}-{month:02}-{day}T{time}Z"))
}

#[cfg(test)]
mod tests;
