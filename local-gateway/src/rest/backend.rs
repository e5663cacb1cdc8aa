//! The HTTP server that the local API of `docs/deploy/mcp.yaml` passes requests on to.
//!
//! Unlike a proxy integration, it gets the request itself, not an event.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, client};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::integration::{remap_challenge, without_connection};
use crate::server::Answer;

/// Passes the request to the backend. Returns `None` if there is no response.
pub(super) async fn answer_of_backend(
    backend: SocketAddr,
    parts: hyper::http::request::Parts,
    body: Bytes,
) -> Option<Answer> {
    let stream = TcpStream::connect(backend).await.ok()?;
    let (mut sender, connection) =
        client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = parts.method;
    *request.uri_mut() = parts.uri;
    *request.headers_mut() = without_connection(parts.headers);
    let host = HeaderValue::try_from(backend.to_string()).ok()?;
    request.headers_mut().insert(HOST, host);
    let (parts, body) = sender.send_request(request).await.ok()?.into_parts();
    let mut answer = Answer::new(Full::new(body.collect().await.ok()?.to_bytes()));
    *answer.status_mut() = parts.status;
    *answer.headers_mut() = without_connection(parts.headers);
    remap_challenge(answer.headers_mut());
    Some(answer)
}
