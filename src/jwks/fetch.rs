//! Fetches an issuer's discovery document and key set over HTTP.
//!
//! This file limits the size of a response, and the caller limits the time. Redirects are not
//! followed. Only a 200 is accepted, and a 304 to a request with a validator.
//!
//! Connections are closed after each fetch. The next refresh is minutes later, mostly after a freeze.
//! A pooled connection would have broken by then, possibly unnoticed.
//!
//! See [OpenID Connect Discovery 1.0 §4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig).

mod connection;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderName;
use reqwest::header::{AGE, CACHE_CONTROL, CONTENT_TYPE, DATE, ETAG, HeaderMap, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode, redirect};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use self::connection::connection_error;
use super::key_set::KeySet;
use super::observer::{Document, FetchObserver, ResponseHead, Unobserved};
use super::source::{Content, FetchError, Fetched, KeyLocation, KeyOrigin, KeyRequest, KeySource};

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

    /// Does the same as [`KeySource::fetch`], and tells `observer` of each request.
    pub(crate) async fn fetch_observed(
        &self,
        request: KeyRequest<'_>,
        observer: &mut dyn FetchObserver,
    ) -> Result<Fetched, FetchError> {
        let origin = request.origin;
        let uri = match (&origin.location, request.discovered_uri) {
            (KeyLocation::Uri(uri), _) | (KeyLocation::Discovery(_), Some(uri)) => uri.clone(),
            (KeyLocation::Discovery(url), None) => self.discover(url, origin, observer).await?,
        };
        let response = self.get(Document::KeySet, &uri, request.etag, observer).await?;
        let WholeResponse { status, headers, body } = response;
        let max_age = max_age(&headers);
        if status == StatusCode::NOT_MODIFIED {
            return Ok(Fetched { content: Content::NotModified, uri, max_age });
        }
        let (keys, skipped) = KeySet::parse(&body, &origin.issuer, &origin.algorithms)
            .map_err(|cause| FetchError::KeySet { url: uri.to_string(), cause })?;
        let etag = text(&headers, &ETAG).map(str::to_owned);
        Ok(Fetched { content: Content::Keys { keys, skipped, etag }, uri, max_age })
    }

    async fn discover(
        &self,
        url: &Url,
        origin: &KeyOrigin,
        observer: &mut dyn FetchObserver,
    ) -> Result<Url, FetchError> {
        let body = self.get(Document::Discovery, url, None, observer).await?.body;
        origin
            .key_set_uri(&body)
            .map_err(|cause| FetchError::Discovery { url: url.to_string(), cause })
    }

    /// Sends a request. Retries once if the connection breaks or the status is 5xx.
    async fn get(
        &self,
        document: Document,
        url: &Url,
        etag: Option<&str>,
        observer: &mut dyn FetchObserver,
    ) -> Result<WholeResponse, FetchError> {
        match self.try_get(document, url, etag, observer).await {
            Err(FetchError::Connection { .. } | FetchError::Status { status: 500.., .. }) => {
                self.try_get(document, url, etag, observer).await
            }
            outcome => outcome,
        }
    }

    async fn try_get(
        &self,
        document: Document,
        url: &Url,
        etag: Option<&str>,
        observer: &mut dyn FetchObserver,
    ) -> Result<WholeResponse, FetchError> {
        observer.requesting(document, url);
        let mut request = self.client.get(url.clone());
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await.map_err(|error| connection_error(url, &error))?;
        observer.responded(&head(&response));
        let status = response.status();
        if status != StatusCode::OK && !(status == StatusCode::NOT_MODIFIED && etag.is_some()) {
            return Err(FetchError::Status { url: url.to_string(), status: status.as_u16() });
        }
        let headers = response.headers().clone();
        let body = read_body(response, url).await?;
        observer.received(&body);
        Ok(WholeResponse { status, headers, body })
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
        self.fetch_observed(request, &mut Unobserved).await
    }
}

fn head(response: &Response) -> ResponseHead<'_> {
    let headers = response.headers();
    ResponseHead {
        status: response.status().as_u16(),
        content_type: text(headers, &CONTENT_TYPE),
        etag: text(headers, &ETAG),
        date: text(headers, &DATE),
        age: text(headers, &AGE),
    }
}

/// Returns the value of a header, if it is text.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
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
