//! An HTTPS issuer on loopback, and the certificate authority that signs its certificate.
//!
//! It serves discovery document and key set from memory. Its certificate has an ECDSA P-256 key, which
//! is the usual kind on the web.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use bench::fixture::Outcome;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use local_gateway::issuer::{DISCOVERY_PATH, KEY_SET_PATH};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A certificate authority, and a TLS acceptor with a certificate of it.
pub(crate) struct Authority {
    file: NamedTempFile,
    acceptor: TlsAcceptor,
}

impl Authority {
    /// Makes the authority, its PEM file, and a server's certificate.
    pub(crate) fn new() -> Outcome<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // It must differ from the server's name, or OpenSSL takes the server's certificate as
        // self-signed.
        params.distinguished_name.push(DnType::CommonName, "The benchmark's authority");
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut file = NamedTempFile::with_prefix("authority-")?;
        file.write_all(params.self_signed(&key)?.pem().as_bytes())?;
        let config = server_config(&rcgen::Issuer::new(params, key))?;
        Ok(Self { file, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Returns the PEM file with its certificate. The file exists while the authority does.
    pub(crate) fn file(&self) -> &Path {
        self.file.path()
    }
}

fn server_config(authority: &rcgen::Issuer<'_, KeyPair>) -> Outcome<ServerConfig> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let params = CertificateParams::new([Ipv4Addr::LOCALHOST.to_string()])?;
    let certificate = params.signed_by(&key, authority)?.der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    // All issuers here share one address: with a ticket, one's handshake would be short because
    // of another's, which real issuers' never are.
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// A running issuer; dropping it closes its port.
pub(crate) struct HttpsIssuer {
    url: String,
    accepting: JoinHandle<()>,
}

impl HttpsIssuer {
    /// Serves `key_set` on a free port.
    pub(crate) async fn start(authority: &Authority, key_set: Vec<u8>) -> Outcome<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("https://{}", listener.local_addr()?);
        let discovery = json!({ "issuer": url, "jwks_uri": format!("{url}{KEY_SET_PATH}") });
        let documents = Arc::new(Documents {
            discovery: discovery.to_string().into(),
            key_set: key_set.into(),
        });
        let accepting = tokio::spawn(accept(listener, authority.acceptor.clone(), documents));
        Ok(Self { url, accepting })
    }

    /// Returns the issuer identifier.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the URL of the key set.
    pub(crate) fn key_set_url(&self) -> String {
        format!("{}{KEY_SET_PATH}", self.url)
    }
}

impl Drop for HttpsIssuer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

struct Documents {
    discovery: Bytes,
    key_set: Bytes,
}

impl Documents {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let document = match request.uri().path() {
            DISCOVERY_PATH => &self.discovery,
            KEY_SET_PATH => &self.key_set,
            _ => {
                let mut nothing = Response::default();
                *nothing.status_mut() = StatusCode::NOT_FOUND;
                return nothing;
            }
        };
        Response::new(Full::new(document.clone()))
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, documents: Arc<Documents>) {
    // If a client has already gone, the benchmark fails where the client is.
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&documents)));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, documents: Arc<Documents>) {
    // The last flight of a handshake must not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let answer = service_fn(|request| {
        let answer = documents.answer(&request);
        async move { Ok::<_, std::convert::Infallible>(answer) }
    });
    // A client that was killed is not an error.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}
