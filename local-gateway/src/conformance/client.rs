//! An HTTP and WebSocket client for the cases, with and without TLS.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper::header::{CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::{Request, Response, Uri, client};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::comparison::Answer;

/// API Gateway waits 29 s for an integration, by default.
const TIME_LIMIT: Duration = Duration::from_secs(35);

/// The method that the table has for a WebSocket's handshake.
const CONNECT: &str = "CONNECT";

/// A stream that may be encrypted.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where a request goes.
#[derive(Debug)]
pub(super) struct Target {
    host: String,
    port: u16,
    with_tls: bool,
    path: String,
    /// The certificate authorities that may have issued the server's certificate.
    roots: RootCertStore,
}

impl Target {
    /// Reads the URL of an API, and appends the path of a request.
    pub(super) fn parse(url: &str, path: &str) -> Result<Self, String> {
        let not_a_url = || format!("{url} is not a URL of an API");
        let parsed: Uri = url.parse().map_err(|_| not_a_url())?;
        let with_tls = match parsed.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            _ => return Err(not_a_url()),
        };
        let host = parsed.host().ok_or_else(not_a_url)?.to_owned();
        let port = parsed.port_u16().unwrap_or(if with_tls { 443 } else { 80 });
        let mut path = format!("{}{path}", parsed.path().trim_end_matches('/'));
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Ok(Self { host, port, with_tls, path, roots })
    }

    /// Sends a request, or connects and sends a message.
    pub(super) async fn send(
        &self,
        method: &str,
        headers: &[(String, String)],
    ) -> Result<Answer, String> {
        tokio::time::timeout(TIME_LIMIT, self.exchange(method, headers))
            .await
            .map_err(|_| format!("no answer within {} s", TIME_LIMIT.as_secs()))?
            .map_err(|error| {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                format!("no answer: {error}{cause}")
            })
    }

    async fn exchange(
        &self,
        method: &str,
        headers: &[(String, String)],
    ) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let is_handshake = method == CONNECT;
        let mut request = Request::builder()
            .method(if is_handshake { "GET" } else { method })
            .uri(&self.path)
            .header(HOST, self.authority());
        if is_handshake {
            // A server that answers twice would be found out by its frames, so any key does.
            request = request
                .header(CONNECTION, "Upgrade")
                .header(UPGRADE, "websocket")
                .header(SEC_WEBSOCKET_VERSION, "13")
                .header(SEC_WEBSOCKET_KEY, STANDARD.encode([0; 16]));
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Empty::<Bytes>::new())?;
        let stream = TokioIo::new(self.connect().await?);
        let (mut sender, connection) = client::conn::http1::handshake(stream).await?;
        let connection = tokio::spawn(connection.with_upgrades());
        let response = sender.send_request(request).await?;
        let answer =
            if response.status() == 101 { talk(response).await } else { read(response).await };
        connection.abort();
        answer
    }

    fn authority(&self) -> String {
        match (self.with_tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, Box<dyn Error + Send + Sync>> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
        if !self.with_tls {
            return Ok(Box::new(tcp));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let name = ServerName::try_from(self.host.clone())?;
        Ok(Box::new(TlsConnector::from(Arc::new(config)).connect(name, tcp).await?))
    }
}

fn head<B>(response: &Response<B>) -> (u16, Vec<(String, String)>) {
    let headers = response.headers().iter();
    let headers = headers
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    (response.status().as_u16(), headers)
}

async fn read(
    response: Response<hyper::body::Incoming>,
) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let (status, headers) = head(&response);
    let body = response.into_body().collect().await?.to_bytes();
    let text = || Value::from(String::from_utf8_lossy(&body));
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| text());
    Ok(Answer { status, headers, body })
}

/// Sends a message over the new WebSocket, and reads the reply.
async fn talk(
    response: Response<hyper::body::Incoming>,
) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    let (status, headers) = head(&response);
    let stream = TokioIo::new(hyper::upgrade::on(response).await?);
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    socket.send(Message::text("hello")).await?;
    let reply = socket.next().await.ok_or("the connection was closed without a reply")??;
    let reply = reply.into_text()?;
    let body = serde_json::from_str(&reply).unwrap_or_else(|_| Value::from(reply.as_str()));
    // The reply is there. How the other side closes does not matter.
    let _ = socket.close(None).await;
    Ok(Answer { status, headers, body })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::server;

    #[test]
    fn appends_the_path_to_the_url() {
        for (url, path, expected) in [
            ("https://a.example/prod", "/orders?a=b", ("a.example", 443, true, "/prod/orders?a=b")),
            ("http://a.example:8080/", "/orders", ("a.example", 8080, false, "/orders")),
            ("wss://a.example/prod", "?token=t", ("a.example", 443, true, "/prod?token=t")),
            ("ws://a.example", "", ("a.example", 80, false, "/")),
        ] {
            let Target { host, port, with_tls, path, .. } = Target::parse(url, path).unwrap();
            assert_eq!((host.as_str(), port, with_tls, path.as_str()), expected);
        }
        for url in ["", "a.example", "ftp://a.example/", "/prod"] {
            let error = Target::parse(url, "/").unwrap_err();
            assert_eq!(error, format!("{url} is not a URL of an API"));
        }
    }

    #[tokio::test]
    async fn trusts_only_certificates_of_its_authorities() {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([String::from("localhost")]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = server::listen().await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut beginning = [0; 3];
                stream.read_exact(&mut beginning).await.unwrap();
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer).await.unwrap();
                stream.flush().await.unwrap();
            }
        });
        let mut target = Target::parse(&url, "/").unwrap();
        let error = target.send("GET", &[]).await.unwrap_err();
        assert!(error.contains("invalid peer certificate"), "{error}");
        target.roots.add(cert.der().clone()).unwrap();
        assert_eq!(target.send("GET", &[]).await.unwrap().status, 200);
    }
}
