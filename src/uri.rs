//! The URIs that keys may be fetched from.

use std::borrow::Cow;
use std::fmt;

use url::{Host, Url};

use crate::excerpt::Excerpt;

/// Far more characters than a key set's URI needs. Every log line of a failed fetch shows the URI.
const MAX_LENGTH: usize = 2048;

/// Parses a URI that keys may be fetched from: `https`, or `http` to a loopback address, without
/// credentials and without a fragment.
///
/// # Errors
///
/// [`UriError`] says what is wrong with the URI.
pub(crate) fn key_uri(text: &str) -> Result<Url, UriError> {
    let error = |fault| UriError { uri: Excerpt::from(&*without_credentials(text)), fault };
    if text.len() > MAX_LENGTH {
        return Err(error("longer than 2048 characters"));
    }
    let url = Url::parse(text).map_err(|_| error("not a URL"))?;
    let is_loopback = match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(error("a URL without a host")),
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
        return Err(error("not https (http is for loopback addresses only)"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(error("a URL with credentials"));
    }
    if url.fragment().is_some() {
        return Err(error("a URL with a fragment"));
    }
    Ok(url)
}

/// Replaces the user name and the password of each URI in a text by `…`, so that the text can be
/// shown.
pub(crate) fn without_credentials(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    // The slashes after the scheme are optional for a URL parser.
    while let Some(colon) = rest.find(':') {
        let slashes = rest[colon + 1..].find(|next| !matches!(next, '/' | '\\'));
        let (scheme, after) = rest.split_at(colon + 1 + slashes.unwrap_or_default());
        // In a list, this may include the beginning of the next item. To hide too much is safe.
        let authority_end = after.find(['/', '?', '#']).unwrap_or(after.len());
        shown.push_str(scheme);
        rest = after;
        if let Some(at) = after[..authority_end].rfind('@') {
            shown.push('…');
            rest = &after[at..];
        }
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Why keys may not be fetched from a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriError {
    uri: Excerpt,
    fault: &'static str,
}

impl UriError {
    /// Returns what the URI is instead, for example "not a URL".
    #[must_use]
    pub fn fault(&self) -> &'static str {
        self.fault
    }
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {}", self.uri, self.fault)
    }
}

impl std::error::Error for UriError {}

#[cfg(test)]
mod tests;
