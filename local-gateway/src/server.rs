//! An HTTP/1.1 server on loopback that is gone when its handle is dropped.
//!
//! Gone means: the port refuses, and every open connection is cut. Tests need an issuer that
//! disappears as much as one that answers, which is why this isn't a framework's graceful server.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What a handler answers with.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Cuts the connection in place of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
pub(crate) struct Disconnect;

/// A listening server; dropping it closes the port and every connection.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

/// Takes a free loopback port; connections queue up from here on.
pub(crate) async fn listen() -> io::Result<TcpListener> {
    listen_at(0).await
}

/// Takes this loopback port, which must be free; 0 is any free port.
pub(crate) async fn listen_at(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// Takes this loopback port, or any free one if another program has it.
pub(crate) async fn listen_preferring(port: u16) -> io::Result<TcpListener> {
    match listen_at(port).await {
        Ok(listener) => Ok(listener),
        Err(_) => listen().await,
    }
}

impl Server {
    /// Answers each request that comes to `listener` with what `handler` returns.
    pub(crate) fn start<H, F, B>(listener: TcpListener, handler: H) -> io::Result<Self>
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response<B>, Disconnect>> + Send + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&connections), handler));
        Ok(Self { address, connections, accepting })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Counts the connections that were accepted so far, closed ones included.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The task owns the listener and the set of connections, so both end with it.
        self.accepting.abort();
    }
}

async fn accept<H, F, B>(listener: TcpListener, connections: Arc<AtomicUsize>, handler: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, Disconnect>> + Send + 'static,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that gave up before it was accepted is no reason to stop.
                let Ok((stream, _)) = accepted else { continue };
                connections.fetch_add(1, Ordering::Relaxed);
                open.spawn(serve(stream, handler.clone()));
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn serve<H, F, B>(stream: TcpStream, handler: H)
where
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Result<Response<B>, Disconnect>> + Send + 'static,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    // Small answers must not wait for a previous one's acknowledgement, benchmarks least of all.
    let _ = stream.set_nodelay(true);
    // How a connection ended concerns the client; it sees it too.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(handler))
        .with_upgrades()
        .await;
}
