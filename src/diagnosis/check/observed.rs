//! What is observed of a fetch: its requests, the keys, and the issuer's clock.

use std::time::SystemTime;

use tokio::time::Instant;
use url::Url;

use crate::diagnosis::text::{parse_time, seconds};
use crate::excerpt::Excerpt;
use crate::issuer::IssuerName;
use crate::jwks::{Document, FetchObserver, InspectedKey, KeyOrigin, KeySet, ResponseHead};
use crate::jwt::{SUPPORTED_ALGORITHMS, SignatureAlgorithm};
use crate::startup::system_time;

/// What was observed of a fetch.
pub(super) struct Observed {
    issuer: IssuerName,
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
    pub(super) url: String,
    started: Instant,
    ended: Option<Instant>,
    pub(super) status: Option<u16>,
    pub(super) bytes: Option<usize>,
    pub(super) etag: Option<String>,
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

    /// Returns how long it took, if it has ended.
    pub(super) fn duration_ms(&self) -> Option<u64> {
        let ended = self.ended?;
        u64::try_from(ended.duration_since(self.started).as_millis()).ok()
    }

    /// Returns whether the server says that its response is a web page.
    pub(super) fn is_web_page(&self) -> bool {
        self.content_type.as_ref().is_some_and(|it| it.starts_with("text/html"))
    }
}

impl Observed {
    /// Begins to observe a fetch of these keys.
    pub(super) fn new(origin: &KeyOrigin) -> Self {
        Self {
            issuer: origin.issuer.clone(),
            algorithms: origin.algorithms.clone(),
            discovery: None,
            key_set: None,
            current: Document::Discovery,
            keys: Vec::new(),
            other_algorithms: Vec::new(),
            clock_skew_s: None,
        }
    }

    /// Returns the request of a document, if there was one.
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

    /// Returns each key of the key set.
    pub(super) fn keys(&self) -> &[InspectedKey] {
        &self.keys
    }

    /// Returns how many seconds this machine's clock is ahead of the issuer's.
    pub(super) fn clock_skew_s(&self) -> Option<i64> {
        self.clock_skew_s
    }

    /// Ends the current request, unless it has ended.
    pub(super) fn end(&mut self) {
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
            self.keys = KeySet::inspect(body, &self.issuer, &self.algorithms);
            if self.keys.iter().all(|key| key.skipped.is_some()) {
                let fits = |algorithm: &&'static SignatureAlgorithm| {
                    KeySet::parse(body, &self.issuer, &[algorithm]).is_ok()
                };
                let fitting = SUPPORTED_ALGORITHMS.iter().filter(fits);
                self.other_algorithms = fitting.map(|algorithm| algorithm.name).collect();
            }
        }
    }
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
