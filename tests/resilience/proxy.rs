//! The way out leads through a proxy, as Lambda's deployment may say.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::trust::Authority;
use test_support::deployment::Deployment;
use test_support::gateway::Verdict;
use test_support::line::{RemoteIssuer, read_head};

/// A proxy that writes down each request line, until it is dropped.
struct Proxy {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let accepting = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                loop {
                    let (client, _) = listener.accept().await.unwrap();
                    tokio::spawn(pass_on(client, Arc::clone(&seen)));
                }
            }
        });
        Self { url, seen, accepting }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Does what one request asks for: a tunnel, or a resource under its whole URL.
///
/// See [RFC 9112 §3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2).
async fn pass_on(client: TcpStream, seen: Arc<Mutex<Vec<String>>>) {
    let mut client = BufReader::new(client);
    let head = read_head(&mut client).await;
    let request_line = head.lines().next().unwrap().to_owned();
    seen.lock().unwrap().push(request_line.clone());
    let [method, target, _] = request_line.split(' ').collect::<Vec<_>>()[..] else {
        panic!("no request line: {request_line}");
    };
    let tunnel = method == "CONNECT";
    let authority = match target.strip_prefix("http://") {
        Some(rest) => rest.split('/').next().unwrap(),
        None => target,
    };
    let mut server = TcpStream::connect(authority).await.unwrap();
    if tunnel {
        client.write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n").await.unwrap();
        client.flush().await.unwrap();
    } else {
        server.write_all(head.as_bytes()).await.unwrap();
    }
    // How either side goes away is no concern of ours.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

async fn ask(issuer: &RemoteIssuer, settings: &[(&str, &str)]) -> Verdict {
    Deployment::trusting(&issuer.url(), settings).await.ask_token(&issuer.token()).await.verdict
}

#[tokio::test]
async fn fetches_through_the_proxy_for_http() {
    let (proxy, issuer) = (Proxy::start().await, RemoteIssuer::start().await);
    assert_eq!(ask(&issuer, &[("HTTP_PROXY", &proxy.url)]).await, Verdict::Allow);
    let url = issuer.url();
    let expected = [
        format!("GET {url}/.well-known/openid-configuration HTTP/1.1"),
        format!("GET {url}/jwks.json HTTP/1.1"),
    ];
    assert_eq!(proxy.seen(), expected);
}

#[tokio::test]
async fn fetches_through_a_tunnel_of_the_proxy_for_https() {
    let authority = Authority::new();
    let issuer = RemoteIssuer::secured(authority.acceptor("127.0.0.1")).await;
    let (proxy, file) = (Proxy::start().await, authority.file("tunnel.pem"));
    let settings = [("HTTPS_PROXY", &*proxy.url), ("AUTHORIZER_CA_FILE", &*file)];
    assert_eq!(ask(&issuer, &settings).await, Verdict::Allow);
    let host = issuer.url().replace("https://", "");
    assert_eq!(
        proxy.seen(),
        [format!("CONNECT {host} HTTP/1.1"), format!("CONNECT {host} HTTP/1.1")]
    );
}

#[tokio::test]
async fn goes_past_the_proxy_where_it_is_told_to() {
    let (proxy, issuer) = (Proxy::start().await, RemoteIssuer::start().await);
    let settings = [("HTTP_PROXY", &*proxy.url), ("NO_PROXY", "127.0.0.1")];
    assert_eq!(ask(&issuer, &settings).await, Verdict::Allow);
    assert_eq!(proxy.seen(), [""; 0]);
}
