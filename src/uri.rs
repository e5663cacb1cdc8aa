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
pub fn key_uri(text: &str) -> Result<Url, UriError> {
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

/// Replaces the user name and the password in a URI by `…`, so that the URI can be shown.
#[must_use]
pub fn without_credentials(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return Cow::Borrowed(text) };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        None => Cow::Borrowed(text),
        Some(at) => Cow::Owned(format!("{scheme}://…{}", &rest[at..])),
    }
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
