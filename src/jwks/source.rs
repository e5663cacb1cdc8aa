//! The seam between the cache and the network: what is asked for, and what
//! comes back.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use url::Url;

use super::key_set::{KeySet, KeySetError, SkippedKey};
use crate::error::Excerpt;
use crate::jwt::SignatureAlgorithm;
use crate::uri::{UriError, key_uri};

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

/// A key set's URI, and when it was discovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) uri: Url,
    pub(super) found_at: SystemTime,
}
