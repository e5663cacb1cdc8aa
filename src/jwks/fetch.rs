//! Fetches an issuer's discovery document and key set over HTTP.
//!
//! This file limits the size of a response, and the caller limits the time. Redirects are not
//! followed. Only a 200 is accepted, and a 304 to a request with a validator.
//!
//! Connections are closed after each fetch. The next refresh is minutes later, mostly after a freeze.
//! A pooled connection would have broken by then, possibly unnoticed.
//!
//! See [OpenID Connect Discovery 1.0 §4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig).

use std::error::Error;
use std::io;
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CACHE_CONTROL, ETAG, HeaderMap, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode, redirect};
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, ClientConfig, InvalidMessage, RootCertStore};
use serde::Deserialize;
use url::Url;

use super::key_set::KeySet;
use super::source::{
    Content, DiscoveryError, FetchError, Fetched, KeyLocation, KeyRequest, KeySource,
};
use crate::excerpt::Excerpt;
use crate::issuer::IssuerName;
use crate::json::object_in_utf8;
use crate::uri::key_uri;

/// Fetches key sets over HTTP.
#[derive(Debug, Clone)]
pub struct HttpKeySource {
    client: Client,
}

/// Why the HTTP client cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A certificate of `AUTHORIZER_CA_FILE` is not a root certificate.
    #[error("AUTHORIZER_CA_FILE contains a certificate that is not a root certificate: {0}")]
    Root(rustls::Error),
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(rustls::Error),
    /// The client cannot be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Http(reqwest::Error),
}

/// The longest accepted body, in bytes: the limit of API Gateway's own JWT authorizer.
const MAX_BODY_LENGTH: usize = 150_000;

/// The most characters of a connection error that are shown: enough for the names in a server's
/// certificate.
const MAX_CAUSE_CHARS: usize = 512;

/// A connection may take this fraction of the time limit of a refresh: a refresh has up to two
/// requests, and each of them up to two attempts.
const CONNECT_SHARE: u32 = 3;

impl HttpKeySource {
    /// Sets up an HTTP client. It trusts the compiled-in root certificates and `further_roots`.
    /// `timeout` is the time limit of a whole refresh.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if a certificate is not a root certificate, or the client cannot be set up.
    pub fn new(
        further_roots: Vec<CertificateDer<'static>>,
        timeout: Duration,
    ) -> Result<Self, ClientError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in further_roots {
            roots.add(certificate).map_err(ClientError::Root)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(ClientError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .connect_timeout(timeout / CONNECT_SHARE)
            .build()
            .map_err(ClientError::Http)?;
        Ok(Self { client })
    }

    async fn discover(&self, url: &Url, issuer: &IssuerName) -> Result<Url, FetchError> {
        let body = self.get(url, None).await?.body;
        key_set_uri(url, issuer, &body)
            .map_err(|cause| FetchError::Discovery { url: url.to_string(), cause })
    }

    /// Sends a request. Retries once if the connection breaks or the status is 5xx.
    async fn get(&self, url: &Url, etag: Option<&str>) -> Result<WholeResponse, FetchError> {
        match self.try_get(url, etag).await {
            Err(FetchError::Connection { .. }) => self.try_get(url, etag).await,
            Err(FetchError::Status { status, .. }) if status >= 500 => {
                self.try_get(url, etag).await
            }
            outcome => outcome,
        }
    }

    async fn try_get(&self, url: &Url, etag: Option<&str>) -> Result<WholeResponse, FetchError> {
        let mut request = self.client.get(url.clone());
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await.map_err(|error| connection_error(url, &error))?;
        let status = response.status();
        if status != StatusCode::OK && !(status == StatusCode::NOT_MODIFIED && etag.is_some()) {
            return Err(FetchError::Status { url: url.to_string(), status: status.as_u16() });
        }
        let headers = response.headers().clone();
        Ok(WholeResponse { status, headers, body: read_body(response, url).await? })
    }
}

/// A whole response.
struct WholeResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl KeySource for HttpKeySource {
    async fn fetch(&self, request: KeyRequest<'_>) -> Result<Fetched, FetchError> {
        let origin = request.origin;
        let uri = match (&origin.location, request.discovered_uri) {
            (KeyLocation::Uri(uri), _) | (KeyLocation::Discovery(_), Some(uri)) => uri.clone(),
            (KeyLocation::Discovery(url), None) => self.discover(url, &origin.issuer).await?,
        };
        let WholeResponse { status, headers, body } = self.get(&uri, request.etag).await?;
        let max_age = max_age(&headers);
        if status == StatusCode::NOT_MODIFIED {
            return Ok(Fetched { content: Content::NotModified, uri, max_age });
        }
        let (keys, skipped) = KeySet::parse(&body, &origin.issuer, &origin.algorithms)
            .map_err(|cause| FetchError::KeySet { url: uri.to_string(), cause })?;
        let etag = headers.get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        Ok(Fetched { content: Content::Keys { keys, skipped, etag }, uri, max_age })
    }
}

/// Returns the key set's URI from the discovery document at `url`.
fn key_set_uri(url: &Url, issuer: &IssuerName, document: &[u8]) -> Result<Url, DiscoveryError> {
    #[derive(Deserialize)]
    struct Document {
        issuer: String,
        jwks_uri: String,
    }

    let document: Document = object_in_utf8(document).ok_or(DiscoveryError::NotADocument)?;
    if document.issuer != issuer.as_str() {
        return Err(DiscoveryError::OtherIssuer(Excerpt::from(document.issuer.as_str())));
    }
    let uri = key_uri(&document.jwks_uri)?;
    // Plain HTTP is for loopback addresses only. A remote issuer must not name one: other services
    // listen there, for example Lambda's Runtime API.
    if uri.scheme() == "http" && url.scheme() == "https" {
        return Err(DiscoveryError::Downgrade(Excerpt::from(document.jwks_uri.as_str())));
    }
    Ok(uri)
}

/// Reads a body up to the limit. The bytes are counted, because `Content-Length` may be wrong.
async fn read_body(mut response: Response, url: &Url) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| connection_error(url, &error))? {
        if body.len() + chunk.len() > MAX_BODY_LENGTH {
            return Err(FetchError::TooLarge { url: url.to_string(), limit: MAX_BODY_LENGTH });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Describes a connection error by its innermost cause. The outer errors only say that a request
/// failed.
fn connection_error(url: &Url, error: &reqwest::Error) -> FetchError {
    let causes = || successors(Some(error as &(dyn Error + 'static)), |error| cause_of(*error));
    let tls = causes().find_map(|error| error.downcast_ref::<rustls::Error>());
    let cause = match tls {
        Some(error) => describe_tls_error(error),
        None => causes().last().map(ToString::to_string).unwrap_or_default(),
    };
    FetchError::Connection { url: url.to_string(), cause: Excerpt::of(&cause, MAX_CAUSE_CHARS) }
}

fn cause_of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    // `source` of an I/O error skips the error that it wraps.
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// Says what is wrong with a TLS connection and what to do, for the frequent errors.
fn describe_tls_error(error: &rustls::Error) -> String {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
    };
    if matches!(error, rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) {
        return "the server did not respond with TLS; check the port, which may use plain http"
            .to_owned();
    }
    let rustls::Error::InvalidCertificate(certificate) = error else { return error.to_string() };
    if matches!(certificate, UnknownIssuer) {
        "no trusted certificate authority signed the server's certificate; if a private authority did, set AUTHORIZER_CA_FILE to its certificate".to_owned()
    } else if matches!(certificate, Expired | ExpiredContext { .. }) {
        format!("the server's certificate has expired ({error})")
    } else if matches!(certificate, NotValidForName | NotValidForNameContext { .. }) {
        format!("the server's certificate is for another name ({error})")
    } else {
        error.to_string()
    }
}

/// Returns the first `max-age` that is a number.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = values.flat_map(|value| value.split(','));
    directives.find_map(|directive| {
        let (name, seconds) = directive.trim().split_once('=')?;
        if !name.eq_ignore_ascii_case("max-age") {
            return None;
        }
        seconds.trim_matches('"').parse().ok().map(Duration::from_secs)
    })
}

#[cfg(test)]
mod tests;
