//! The seam between the cache and the network: what is asked for, and what
//! comes back.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use url::Url;

use super::key_set::{KeySet, KeySetError, SkippedKey};
use crate::error::Excerpt;
use crate::jwt::SignatureAlgorithm;

/// Fetches key sets. [`super::HttpKeySource`] is the one in use; tests bring
/// their own.
pub trait KeySource: Send + Sync + 'static {
    /// Fetches an issuer's keys. The caller bounds the time.
    ///
    /// # Errors
    ///
    /// [`FetchError`] says what went wrong.
    fn fetch(
        &self,
        request: KeyRequest<'_>,
    ) -> impl Future<Output = Result<Fetched, FetchError>> + Send;
}

/// An issuer, as far as its keys go.
#[derive(Debug, Clone)]
pub struct KeyOrigin {
    /// The exact issuer.
    pub issuer: Arc<str>,
    /// Where its discovery document is.
    pub discovery_uri: Url,
    /// Where its key set is; discovered where that is not configured.
    pub jwks_uri: Option<Url>,
    /// The algorithms to prepare its keys for.
    pub algorithms: Vec<&'static SignatureAlgorithm>,
}

impl KeyOrigin {
    /// Takes an issuer as it is configured.
    ///
    /// # Errors
    ///
    /// [`UriError`] where nothing may be fetched from it.
    pub fn new(
        issuer: &str,
        jwks_uri: Option<Url>,
        algorithms: Vec<&'static SignatureAlgorithm>,
    ) -> Result<Self, UriError> {
        key_uri(issuer)?;
        // OpenID Connect Discovery 1.0 §4: a slash at the end is removed first.
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        let discovery_uri = key_uri(&format!("{base}/.well-known/openid-configuration"))?;
        Ok(Self { issuer: issuer.into(), discovery_uri, jwks_uri, algorithms })
    }
}

/// What to fetch.
#[derive(Debug, Clone, Copy)]
pub struct KeyRequest<'a> {
    /// Whose keys.
    pub origin: &'a KeyOrigin,
    /// Where the key set was found before, if that still counts.
    pub known_uri: Option<&'a Url>,
    /// The validator of the keys that are held
    /// ([RFC 9110 §8.8.3](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3)).
    pub etag: Option<&'a str>,
}

/// What a fetch brought.
#[derive(Debug)]
pub struct Fetched {
    /// The keys, or that those held are still right.
    pub content: Content,
    /// Where the key set is.
    pub uri: Url,
    /// `max-age` of the response's `Cache-Control`
    /// ([RFC 9111 §5.2.2.1](https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.1)).
    pub max_age: Option<Duration>,
}

/// What a response said of the keys.
#[derive(Debug)]
pub enum Content {
    /// A whole key set, which replaces the one before.
    Keys {
        /// The keys that can be used.
        keys: KeySet,
        /// Those that cannot.
        skipped: Vec<SkippedKey>,
        /// The validator to ask with next time.
        etag: Option<String>,
    },
    /// 304: the keys have not changed.
    NotModified,
}

/// Why a fetch failed.
///
/// A `url` is what [`Url`] makes of one: printable ASCII, whatever a discovery document holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No connection, or one that broke.
    #[error("{url}: {cause}")]
    Connection {
        /// What was fetched.
        url: String,
        /// The innermost cause that the HTTP client names. It can quote the server.
        cause: Excerpt,
    },
    /// An answer other than 200.
    #[error("{url} answered {status}")]
    Status {
        /// What was fetched.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// A body over the limit.
    #[error("{url} answered with more than {limit} bytes")]
    TooLarge {
        /// What was fetched.
        url: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The key set is of no use.
    #[error("{url}: {cause}")]
    KeySet {
        /// What was fetched.
        url: String,
        /// What is wrong with it.
        cause: KeySetError,
    },
    /// The discovery document is of no use.
    #[error("{url}: {cause}")]
    Discovery {
        /// What was fetched.
        url: String,
        /// What is wrong with it.
        cause: DiscoveryError,
    },
    /// It took too long.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
}

/// What is wrong with a discovery document
/// ([OpenID Connect Discovery 1.0 §4.3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation)).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// It is not a JSON object with an `issuer` and a `jwks_uri`.
    #[error("it is not a JSON object with an issuer and a jwks_uri")]
    NotADocument,
    /// It is another issuer's.
    #[error("its issuer is {0:?}, which is not exactly the configured one")]
    OtherIssuer(Excerpt),
    /// Its `jwks_uri` is plain HTTP, though the issuer is not.
    #[error("its jwks_uri is {0:?}, which is not https as the issuer is")]
    Downgrade(Excerpt),
    /// Its `jwks_uri` is not one that may be fetched from.
    #[error("its jwks_uri is {0}")]
    Uri(#[from] UriError),
}

/// Why a URI may not be fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriError {
    uri: Excerpt,
    fault: &'static str,
}

impl UriError {
    /// Returns what is wrong with the URI, as a clause about it.
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

/// Blanks out a password that somebody put into a URI, so that it can be shown.
#[must_use]
pub fn without_credentials(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return Cow::Borrowed(text) };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        None => Cow::Borrowed(text),
        Some(at) => Cow::Owned(format!("{scheme}://…{}", &rest[at..])),
    }
}

/// Far more characters than a key set's URI needs.
const MAX_URI_LENGTH: usize = 2048;

/// Takes a URI that keys may be fetched from: `https`, or `http` on a loopback
/// address, without credentials and without a fragment.
///
/// # Errors
///
/// [`UriError`] says what else it is.
pub fn key_uri(text: &str) -> Result<Url, UriError> {
    let error = |fault| UriError { uri: Excerpt::from(&*without_credentials(text)), fault };
    // It stands in every line about a fetch that fails.
    if text.len() > MAX_URI_LENGTH {
        return Err(error("which is too long"));
    }
    let url = Url::parse(text).map_err(|_| error("which is not a URL"))?;
    let loopback = match url.host() {
        Some(url::Host::Domain(domain)) => domain == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(error("which has no host")),
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err(error("which is not https (http is for loopback addresses only)"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(error("which has credentials or a fragment in it"));
    }
    Ok(url)
}

/// A key set's URI, and when it was discovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) uri: Url,
    pub(super) found_at: SystemTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_password() {
        for (text, shown) in [
            ("https://u:s3cret@a.example/k", "https://…@a.example/k"),
            ("https://u:p@ss@a.example", "https://…@a.example"),
            ("https://a.example/k@v", "https://a.example/k@v"),
            ("a@b", "a@b"),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
        assert!(
            !key_uri("https://u:s3cret@a.example/k").unwrap_err().to_string().contains("s3cret")
        );
    }

    #[test]
    fn shows_a_uri_as_printable_ascii() {
        let shown = |text: &str| key_uri(text).unwrap().to_string();
        let uri = "https://a.example/\u{1b}\n\u{2028}\u{202e}é \u{7f}?\u{85}\u{202e}é \r\u{1b}";
        assert!(shown(uri).bytes().all(|byte| byte.is_ascii_graphic()), "{}", shown(uri));
        assert_eq!(shown("https://é.example/k"), "https://xn--9ca.example/k");
        let refused = key_uri("http://a.example/\n\u{202e}").unwrap_err().to_string();
        assert!(refused.contains(r"/\n\u{202e}"), "{refused}");
    }

    #[test]
    fn fetches_over_https_or_from_loopback_only() {
        for good in [
            "https://a.example/keys?x=1",
            "http://127.0.0.1:8080/k",
            "http://127.9.9.9/k",
            "http://[::1]/k",
            "http://localhost:1/k",
        ] {
            assert!(key_uri(good).is_ok(), "{good}");
        }
        let padded = |length: usize| format!("https://a.example/{}", "x".repeat(length - 18));
        assert!(key_uri(&padded(2048)).is_ok());
        assert!(key_uri(&padded(2049)).is_err());
        for bad in [
            "http://a.example/keys",
            "http://127.0.0.1.a.example/k",
            "http://localhost.a.example/k",
            "https://user:secret@a.example/k",
            "https://a.example/k#f",
            "ftp://a.example/k",
            "file:///etc/passwd",
            "data:,x",
            "/keys",
            "",
        ] {
            assert!(key_uri(bad).is_err(), "{bad}");
        }
    }
}
