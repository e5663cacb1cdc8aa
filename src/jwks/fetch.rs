//! The only HTTP: an issuer's discovery document and its key set.
//!
//! A fetch is bounded in size here and in time by its caller. It follows no
//! redirects and takes nothing but a 200 or, when it asked with a validator, a
//! 304. Connections are not kept: by the next refresh, minutes and as a rule a
//! freeze later, a pooled one would be dead, and might not say so.
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
    Content, DiscoveryError, FetchError, Fetched, KeyOrigin, KeyRequest, KeySource,
};
use crate::error::Excerpt;
use crate::json::object_in_utf8;
use crate::uri::key_uri;

/// Fetches key sets over HTTP.
#[derive(Debug, Clone)]
pub struct HttpKeySource {
    client: Client,
}

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A certificate of the CA file is not one.
    #[error("not a root certificate: {0}")]
    Root(rustls::Error),
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Tls(rustls::Error),
    /// The client cannot be set up.
    #[error("HTTP client: {0}")]
    Http(reqwest::Error),
}

/// The longest body that is read, in bytes: as much as API Gateway's own JWT
/// authorizer reads.
const MAX_BODY_LENGTH: usize = 150_000;

/// The longest cause of a broken connection that is shown, in characters: as many as the names in a
/// server's certificate take.
const MAX_CAUSE_CHARS: usize = 512;

/// A key set is fetched in two requests at most, each tried twice, and all must
/// fit into the refresh; so a connection may take no more than this part of it.
const CONNECT_SHARE: u32 = 3;

impl HttpKeySource {
    /// Makes the one client, which trusts the compiled-in root certificates and
    /// `further_roots`. `timeout` is that of a whole refresh.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
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

    async fn discover(&self, origin: &KeyOrigin) -> Result<Url, FetchError> {
        let url = &origin.discovery_uri;
        let body = self.get(url, None).await?.body;
        key_set_uri(origin, &body)
            .map_err(|cause| FetchError::Discovery { url: url.to_string(), cause })
    }

    /// Sends a request, and once more if the connection or the server fails.
    async fn get(&self, url: &Url, etag: Option<&str>) -> Result<Reply, FetchError> {
        match self.try_get(url, etag).await {
            Err(FetchError::Connection { .. }) => self.try_get(url, etag).await,
            Err(FetchError::Status { status, .. }) if status >= 500 => {
                self.try_get(url, etag).await
            }
            outcome => outcome,
        }
    }

    async fn try_get(&self, url: &Url, etag: Option<&str>) -> Result<Reply, FetchError> {
        let mut request = self.client.get(url.clone());
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await.map_err(|error| broken(url, &error))?;
        let status = response.status();
        if status != StatusCode::OK && !(status == StatusCode::NOT_MODIFIED && etag.is_some()) {
            return Err(FetchError::Status { url: url.to_string(), status: status.as_u16() });
        }
        let headers = response.headers().clone();
        Ok(Reply { status, headers, body: read_body(response, url).await? })
    }
}

/// A response that was read to its end.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl KeySource for HttpKeySource {
    async fn fetch(&self, request: KeyRequest<'_>) -> Result<Fetched, FetchError> {
        let origin = request.origin;
        let uri = match origin.jwks_uri.as_ref().or(request.known_uri) {
            Some(uri) => uri.clone(),
            None => self.discover(origin).await?,
        };
        let Reply { status, headers, body } = self.get(&uri, request.etag).await?;
        let max_age = max_age(&headers);
        if status == StatusCode::NOT_MODIFIED {
            return Ok(Fetched { content: Content::NotModified, uri, max_age });
        }
        let (keys, skipped) = KeySet::parse(&body, &origin.algorithms)
            .map_err(|cause| FetchError::KeySet { url: uri.to_string(), cause })?;
        let etag = headers.get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        Ok(Fetched { content: Content::Keys { keys, skipped, etag }, uri, max_age })
    }
}

/// Takes the key set's URI from a discovery document.
fn key_set_uri(origin: &KeyOrigin, document: &[u8]) -> Result<Url, DiscoveryError> {
    #[derive(Deserialize)]
    struct Document {
        issuer: String,
        jwks_uri: String,
    }

    let document: Document = object_in_utf8(document).ok_or(DiscoveryError::NotADocument)?;
    if document.issuer != *origin.issuer {
        return Err(DiscoveryError::OtherIssuer(Excerpt::from(document.issuer.as_str())));
    }
    let uri = key_uri(&document.jwks_uri)?;
    // Plain HTTP, which reaches loopback only, is for issuers that are there themselves: what else
    // listens there, as Lambda's own Runtime API, is none of an issuer's business.
    if uri.scheme() == "https" || origin.discovery_uri.scheme() == "http" {
        Ok(uri)
    } else {
        Err(DiscoveryError::Downgrade(Excerpt::from(document.jwks_uri.as_str())))
    }
}

/// Reads a body, counting, since a length that is announced need not be true.
async fn read_body(mut response: Response, url: &Url) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(url, &error))? {
        if body.len() + chunk.len() > MAX_BODY_LENGTH {
            return Err(FetchError::TooLarge { url: url.to_string(), limit: MAX_BODY_LENGTH });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The client's own message says only that it failed; the cause is within.
fn broken(url: &Url, error: &reqwest::Error) -> FetchError {
    let causes = || successors(Some(error as &(dyn Error + 'static)), |error| cause_of(*error));
    let tls = causes().find_map(|error| error.downcast_ref::<rustls::Error>());
    let cause = match tls {
        Some(error) => tls_fault(error),
        None => causes().last().map(ToString::to_string).unwrap_or_default(),
    };
    FetchError::Connection { url: url.to_string(), cause: Excerpt::of(&cause, MAX_CAUSE_CHARS) }
}

fn cause_of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    // What an I/O error wraps is not its source, but that one's source is.
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// Says what went wrong with TLS, and what to do where it is one of the usual mistakes.
fn tls_fault(error: &rustls::Error) -> String {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
    };
    if matches!(error, rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) {
        return "the server did not answer with TLS; the port may speak plain http".to_owned();
    }
    let rustls::Error::InvalidCertificate(fault) = error else { return error.to_string() };
    if matches!(fault, UnknownIssuer) {
        "no trusted certificate authority signed the server's certificate; if a private one did, AUTHORIZER_CA_FILE makes it trusted".to_owned()
    } else if matches!(fault, Expired | ExpiredContext { .. }) {
        format!("the server's certificate has expired ({error})")
    } else if matches!(fault, NotValidForName | NotValidForNameContext { .. }) {
        format!("the server's certificate is for another name ({error})")
    } else {
        error.to_string()
    }
}

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
mod tests {
    use super::*;

    #[test]
    fn takes_the_first_max_age_that_is_a_number() {
        #[track_caller]
        fn check(lines: &[&str], expected: Option<u64>) {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CACHE_CONTROL, line.parse().unwrap());
            }
            assert_eq!(max_age(&headers), expected.map(Duration::from_secs), "{lines:?}");
        }
        check(&["max-age=60"], Some(60));
        check(&["Max-Age=60"], Some(60));
        check(&["max-age=\"60\""], Some(60));
        check(&["max-age=0"], Some(0));
        check(&["public, max-age=60, must-revalidate"], Some(60));
        check(&["public,max-age=60"], Some(60));
        check(&["public", "max-age=60"], Some(60));
        check(&["max-age=60, max-age=90"], Some(60));
        check(&["max-age=x, max-age=90"], Some(90));
        check(&[], None);
        check(&[""], None);
        check(&["no-store"], None);
        check(&["s-maxage=60"], None);
        check(&["x-max-age=60"], None);
        for seconds in ["", "x", "-1", "1.5", "1e3", "60s", "99999999999999999999"] {
            check(&[&format!("max-age={seconds}")], None);
        }
        check(&["max-age"], None);
    }

    #[test]
    fn takes_a_key_set_uri_that_is_the_issuers_to_give() {
        #[track_caller]
        fn check(issuer: &str, document: &str, expected: Result<&str, &str>) {
            let origin = KeyOrigin::new(issuer, None, Vec::new()).unwrap();
            let uri = key_set_uri(&origin, document.as_bytes());
            let got = uri.as_ref().map(Url::as_str).map_err(ToString::to_string);
            match expected {
                Ok(uri) => assert_eq!(got, Ok(uri)),
                Err(fault) => {
                    assert!(got.clone().is_err_and(|error| error.contains(fault)), "{got:?}")
                }
            }
        }
        let (remote, local) = ("https://a.example/", "http://127.0.0.1:1");
        let document = |issuer: &str, uri: &str| {
            format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}","x":1}}"#)
        };
        check(remote, &document(remote, "https://keys.example/k"), Ok("https://keys.example/k"));
        check(local, &document(local, "http://127.0.0.1:2/k"), Ok("http://127.0.0.1:2/k"));
        check(local, &document(local, "https://keys.example/k"), Ok("https://keys.example/k"));
        check(
            remote,
            &document(remote, "http://127.0.0.1:9001/k"),
            Err("not https as the issuer is"),
        );
        check(remote, &document(remote, "http://keys.example/k"), Err("not https"));
        check(remote, &document("https://a.example", "https://keys.example/k"), Err("not exactly"));
        check(remote, r#"{"issuer":"https://a.example/"}"#, Err("not a JSON object"));
        check(
            remote,
            r#"["https://a.example/","https://keys.example/k"]"#,
            Err("not a JSON object"),
        );
    }
}
