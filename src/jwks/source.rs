//! The interface between the cache and the network: what to fetch, and what a fetch returns.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::key_set::{KeySet, KeySetError, SkippedKey};
use crate::excerpt::Excerpt;
use crate::issuer::IssuerName;
use crate::json::object_in_utf8;
use crate::jwt::SignatureAlgorithm;
use crate::uri::{UriError, key_uri};

/// Fetches key sets. The function uses [`super::HttpKeySource`]; tests implement their own.
pub trait KeySource: Send + Sync + 'static {
    /// Fetches an issuer's keys. The caller limits the time.
    ///
    /// # Errors
    ///
    /// [`FetchError`] says why there are no keys.
    fn fetch(
        &self,
        request: KeyRequest<'_>,
    ) -> impl Future<Output = Result<Fetched, FetchError>> + Send;
}

/// Where an issuer's keys are, and which algorithms they are for.
#[derive(Debug, Clone)]
pub struct KeyOrigin {
    /// The issuer, as configured.
    pub issuer: IssuerName,
    /// Where its key set is.
    pub location: KeyLocation,
    /// The algorithms that the issuer may use.
    pub algorithms: Vec<&'static SignatureAlgorithm>,
}

impl KeyOrigin {
    /// Returns the URI of the key set from the issuer's discovery document.
    ///
    /// # Errors
    ///
    /// [`DiscoveryError`] if the document is not the issuer's, or keys may not be fetched from the URI.
    pub fn key_set_uri(&self, document: &[u8]) -> Result<Url, DiscoveryError> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: String,
        }

        let document: Document = object_in_utf8(document).ok_or(DiscoveryError::NotADocument)?;
        if document.issuer != self.issuer.as_str() {
            return Err(DiscoveryError::OtherIssuer(Excerpt::from(document.issuer.as_str())));
        }
        let uri = key_uri(&document.jwks_uri)?;
        // Plain HTTP is for loopback addresses only. A remote issuer must not name one: other services
        // listen there, for example Lambda's Runtime API.
        if uri.scheme() == "http" && self.location.first_uri().scheme() == "https" {
            return Err(DiscoveryError::Downgrade(Excerpt::from(document.jwks_uri.as_str())));
        }
        Ok(uri)
    }
}

/// Where a key set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyLocation {
    /// At this URI.
    Uri(Url),
    /// Where the discovery document at this URI says.
    Discovery(Url),
}

impl KeyLocation {
    /// Derives the URI of the discovery document from an issuer.
    ///
    /// # Errors
    ///
    /// [`UriError`] if nothing may be fetched from the issuer's URI.
    pub(crate) fn discovered(issuer: &str) -> Result<Self, UriError> {
        key_uri(issuer)?;
        // OpenID Connect Discovery 1.0 §4: remove a slash at the end first.
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        key_uri(&format!("{base}/.well-known/openid-configuration")).map(Self::Discovery)
    }

    /// Returns the URI that is requested first: of the key set, or of the discovery document.
    #[must_use]
    pub fn first_uri(&self) -> &Url {
        match self {
            Self::Uri(uri) | Self::Discovery(uri) => uri,
        }
    }
}

/// What to fetch.
#[derive(Debug, Clone, Copy)]
pub struct KeyRequest<'a> {
    /// Where the issuer's keys are.
    pub origin: &'a KeyOrigin,
    /// The URI of the key set from an earlier discovery, if it is not too old.
    pub discovered_uri: Option<&'a Url>,
    /// The validator of the cached keys
    /// ([RFC 9110 §8.8.3](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3)).
    pub etag: Option<&'a str>,
}

/// The result of a successful fetch.
#[derive(Debug)]
pub struct Fetched {
    /// The keys, or that the cached keys have not changed.
    pub content: Content,
    /// The URI of the key set.
    pub uri: Url,
    /// `max-age` of the response's `Cache-Control`
    /// ([RFC 9111 §5.2.2.1](https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.1)).
    pub max_age: Option<Duration>,
}

/// The content of a response.
#[derive(Debug)]
pub enum Content {
    /// A whole key set, which replaces the cached one.
    Keys {
        /// The usable keys.
        keys: KeySet,
        /// The other keys.
        skipped: Vec<SkippedKey>,
        /// The validator for the next request.
        etag: Option<String>,
    },
    /// 304: the cached keys have not changed.
    NotModified,
}

/// Why a fetch failed.
///
/// A `url` is the text of a [`Url`], so it is printable ASCII even if a discovery document named it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// There was no connection, or it broke.
    #[error("{url}: {cause}")]
    Connection {
        /// The requested URL.
        url: String,
        /// The kind of the fault.
        fault: ConnectionFault,
        /// The innermost cause that the HTTP client names. It can quote the server.
        cause: Excerpt,
    },
    /// The response's status was not 200.
    #[error("{url} returned status {status} instead of 200")]
    Status {
        /// The requested URL.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The response's body was longer than the limit.
    #[error("{url} returned more than {limit} bytes, which is the limit")]
    TooLarge {
        /// The requested URL.
        url: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The key set cannot be used.
    #[error("{url}: {cause}")]
    KeySet {
        /// The requested URL.
        url: String,
        /// What is wrong with the key set.
        cause: KeySetError,
    },
    /// The discovery document cannot be used.
    #[error("{url}: {cause}")]
    Discovery {
        /// The requested URL.
        url: String,
        /// What is wrong with the discovery document.
        cause: DiscoveryError,
    },
    /// The fetch took longer than this.
    #[error("no response within {} ms (AUTHORIZER_JWKS_TIMEOUT_MS)", .0.as_millis())]
    Timeout(Duration),
}

/// Why there was no connection, or why it broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionFault {
    /// The host name cannot be resolved.
    Dns,
    /// Nothing listens at the address.
    Refused,
    /// There was no connection in time.
    Timeout,
    /// The network or the host is unreachable.
    NoRoute,
    /// No trusted authority signed the server's certificate.
    UntrustedCertificate,
    /// The server's certificate has expired, or is not valid yet.
    CertificateDates,
    /// The server's certificate is for another host name.
    CertificateName,
    /// Something else.
    Other,
}

/// What is wrong with a discovery document
/// ([OpenID Connect Discovery 1.0 §4.3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation)).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// It is not a JSON object with the strings `issuer` and `jwks_uri`.
    #[error("the discovery document is not a JSON object with the strings issuer and jwks_uri")]
    NotADocument,
    /// Its `issuer` is not the configured one.
    #[error("the discovery document's issuer is {0:?}; it must be exactly the configured issuer")]
    OtherIssuer(Excerpt),
    /// Its `jwks_uri` is plain HTTP, and the issuer's URI is not.
    #[error(
        "the discovery document's jwks_uri is {0:?}; it must be https, because the issuer is https"
    )]
    Downgrade(Excerpt),
    /// Keys may not be fetched from its `jwks_uri`.
    #[error("the discovery document's jwks_uri is {0}")]
    Uri(#[from] UriError),
}

#[cfg(test)]
mod tests;
