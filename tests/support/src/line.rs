//! A connection to an issuer that can break.
//!
//! A fixture describes what an HTTP server answers. What is below HTTP happens here: resets, bytes
//! that are not HTTP, a body that never ends, a port that refuses connections, TLS.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use local_gateway::issuer::{Issuer, KEY_SET_PATH};
use local_gateway::served::Served;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// What happens to a request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the request and the response arrive.
    None,
    /// The connection is reset after the request.
    Reset,
    /// The response is not HTTP.
    Garbage,
    /// The response is a 200 whose first chunk has no length.
    MalformedChunk,
    /// The response is a 200 whose body never ends.
    Drip,
}

/// An issuer at the far end of a line. Its URL is the near end of the line.
pub struct RemoteIssuer {
    issuer: Issuer,
    scheme: &'static str,
    line: Line,
}

impl RemoteIssuer {
    /// Starts an issuer.
    pub async fn start() -> Self {
        Self::behind("http", None).await
    }

    /// Starts an issuer with TLS.
    pub async fn secured(acceptor: TlsAcceptor) -> Self {
        Self::behind("https", Some(acceptor)).await
    }

    async fn behind(scheme: &'static str, tls: Option<TlsAcceptor>) -> Self {
        let issuer = Issuer::start().await.unwrap();
        let target = issuer.url().strip_prefix("http://").unwrap().parse().unwrap();
        let line = Line::with_tls(target, tls).await;
        let issuer = Self { issuer, scheme, line };
        issuer.serve_discovery(issuer.discovery_document());
        issuer
    }

    /// Returns the issuer's identifier.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.line.address)
    }

    fn key_set_url(&self) -> String {
        format!("{}{KEY_SET_PATH}", self.url())
    }

    fn discovery_document(&self) -> Served {
        let document = json!({ "issuer": self.url(), "jwks_uri": self.key_set_url() });
        Served::bytes(document.to_string())
    }

    /// Returns a valid token.
    #[must_use]
    pub fn token(&self) -> String {
        let mut claims: Value = self.issuer.claims();
        claims["iss"] = self.url().into();
        self.issuer.token(&claims)
    }

    /// Returns the line.
    pub fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    /// Counts the connections to the near end.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.line.connections()
    }
}

impl std::ops::Deref for RemoteIssuer {
    type Target = Issuer;

    fn deref(&self) -> &Issuer {
        &self.issuer
    }
}

/// A port that forwards connections, or breaks them.
pub struct Line {
    address: SocketAddr,
    target: SocketAddr,
    tls: Option<TlsAcceptor>,
    fault: watch::Sender<Fault>,
    connections: Arc<AtomicUsize>,
    end: NearEnd,
}

enum NearEnd {
    Listening(JoinHandle<()>),
    /// Bound, so that nobody else gets the port, but not listening: connections are refused.
    Unplugged(TcpSocket),
}

impl Line {
    /// Starts a line to a server.
    pub async fn start(target: SocketAddr) -> Self {
        Self::with_tls(target, None).await
    }

    async fn with_tls(target: SocketAddr, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut line = Self {
            address,
            target,
            tls,
            fault: watch::Sender::new(Fault::None),
            connections: Arc::default(),
            end: NearEnd::Unplugged(TcpSocket::new_v4().unwrap()),
        };
        line.listen(listener);
        line
    }

    /// Returns the address of the near end.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Counts the connections to the near end.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Sets what happens to requests from now on.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Cuts all connections and refuses new ones.
    pub async fn unplug(&mut self) {
        if let NearEnd::Listening(listening) = &mut self.end {
            listening.abort();
            // The error says that it was aborted. Now its listener is gone.
            let _ = listening.await;
            self.end = NearEnd::Unplugged(self.hold_port().await);
        }
    }

    /// Undoes [`Line::unplug`].
    pub fn plug_in(&mut self) {
        let unused = NearEnd::Unplugged(TcpSocket::new_v4().unwrap());
        match std::mem::replace(&mut self.end, unused) {
            NearEnd::Unplugged(socket) => self.listen(socket.listen(128).unwrap()),
            listening @ NearEnd::Listening(_) => self.end = listening,
        }
    }

    /// Takes the port, as soon as the listener that had it is gone.
    ///
    /// Closed is not gone: a process that is being started has a copy until it runs its executable.
    async fn hold_port(&self) -> TcpSocket {
        let socket = TcpSocket::new_v4().unwrap();
        // Connections of the listener before linger in the kernel.
        socket.set_reuseaddr(true).unwrap();
        while let Err(error) = socket.bind(self.address) {
            assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
            tokio::task::yield_now().await;
        }
        socket
    }

    fn listen(&mut self, listener: TcpListener) {
        let (target, tls) = (self.target, self.tls.clone());
        let (fault, connections) = (self.fault.subscribe(), Arc::clone(&self.connections));
        self.end = NearEnd::Listening(tokio::spawn(async move {
            let mut open = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let (stream, _) = accepted.unwrap();
                        connections.fetch_add(1, Ordering::Relaxed);
                        let fault = *fault.borrow();
                        if fault == Fault::Reset {
                            // Closing then sends a reset in place of an orderly end.
                            stream.set_zero_linger().unwrap();
                        }
                        match tls.clone() {
                            None => open.spawn(carry(stream, fault, target)),
                            Some(tls) => open.spawn(async move {
                                // A client that does not trust us ends the handshake.
                                let Ok(stream) = tls.accept(stream).await else { return };
                                carry(stream, fault, target).await;
                            }),
                        };
                    }
                    Some(_) = open.join_next() => {}
                }
            }
        }));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let NearEnd::Listening(listening) = &self.end {
            listening.abort();
        }
    }
}

/// Serves one connection. Errors only end it: the client may go away at any time.
async fn carry(stream: impl AsyncRead + AsyncWrite + Unpin, fault: Fault, target: SocketAddr) {
    let mut stream = BufReader::new(stream);
    let answer: &[u8] = match fault {
        Fault::None => {
            let Ok(mut target) = TcpStream::connect(target).await else { return };
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut target).await;
            return;
        }
        Fault::Reset => b"",
        Fault::Garbage => b"\x16\x03lskdu018973t09sylgasjkfg1][]'./.sdlv\r\n\r\n",
        Fault::MalformedChunk => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nlskdu018973t09sylgasjkfg1][]\r\n"
        }
        Fault::Drip => b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"keys\":",
    };
    read_head(&mut stream).await;
    let _ = stream.write_all(answer).await;
    let _ = stream.flush().await;
    if fault == Fault::Drip {
        let mut drops = tokio::time::interval(Duration::from_millis(20));
        while stream.write_all(b" ").await.is_ok() && stream.flush().await.is_ok() {
            drops.tick().await;
        }
    }
    if fault != Fault::Reset {
        let _ = stream.shutdown().await;
    }
}

/// Reads the head of a request. A GET request ends there.
pub async fn read_head(stream: &mut (impl AsyncBufReadExt + Unpin)) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n")
        && stream.read_line(&mut head).await.is_ok_and(|read| read > 0)
    {}
    head
}
