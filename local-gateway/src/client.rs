//! A WebSocket client that connects once and reports what it received.

use futures_util::{SinkExt, StreamExt};
use hyper::header::SEC_WEBSOCKET_PROTOCOL;
use local_gateway::stack::Stack;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::http::uri::InvalidUri;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// The token that a client sends, and where.
pub(crate) enum Credential {
    /// The client sends no token.
    None,
    /// A bearer token in the `Authorization` header.
    Header(String),
    /// A subprotocol after the marker `bearer`. Browsers have no other way.
    Subprotocol(String),
}

/// What the client received.
pub(crate) enum Received {
    /// The API accepted the connection.
    Connection {
        /// The subprotocol that the API selected.
        subprotocol: Option<String>,
        /// The authorizer's context, as the function behind the API received it.
        authorizer: Value,
    },
    /// The API refused the handshake with an HTTP error.
    HttpError {
        /// The HTTP status.
        status: u16,
        /// The part of the body that came with the headers.
        body: String,
    },
}

/// Why the client received neither a connection nor an HTTP error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("{url} is not a URL")]
    Url { url: String, source: InvalidUri },
    #[error("could not connect to {url}")]
    Connect { url: String, source: Error },
    #[error("could not send a message to {url}")]
    Send { url: String, source: Error },
    #[error("could not receive a message from {url}")]
    Receive { url: String, source: Error },
    #[error("{url} closed the connection without a reply")]
    NoReply { url: String },
    #[error("{url} sent a reply that is not JSON")]
    Reply { url: String, source: serde_json::Error },
}

/// Connects with `credential`. Once connected, sends a message, reads the reply and closes.
pub(crate) async fn connect(
    stack: &Stack,
    credential: Credential,
) -> Result<Received, ClientError> {
    let url = stack.websocket_api.url();
    let request = match url.parse() {
        Ok(target) => ClientRequestBuilder::new(target),
        Err(source) => return Err(ClientError::Url { url, source }),
    };
    let request = match credential {
        Credential::None => request,
        Credential::Header(token) => {
            request.with_header("Authorization", format!("Bearer {token}"))
        }
        Credential::Subprotocol(token) => {
            request.with_sub_protocol("bearer").with_sub_protocol(token)
        }
    };
    let (socket, response) = match tokio_tungstenite::connect_async(request).await {
        Ok(connected) => connected,
        Err(Error::Http(response)) => {
            let status = response.status().as_u16();
            let body = response.into_body().unwrap_or_default();
            let body = String::from_utf8_lossy(&body).into_owned();
            return Ok(Received::HttpError { status, body });
        }
        Err(source) => return Err(ClientError::Connect { url, source }),
    };
    let subprotocol = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
    let subprotocol = subprotocol.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let event = exchange(socket, &url).await?;
    let authorizer = event.pointer("/requestContext/authorizer").cloned().unwrap_or_default();
    Ok(Received::Connection { subprotocol, authorizer })
}

/// Sends a message and returns the reply, which is the event that the API's backend received.
async fn exchange(
    mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    url: &str,
) -> Result<Value, ClientError> {
    let send = |source| ClientError::Send { url: url.to_owned(), source };
    let receive = |source| ClientError::Receive { url: url.to_owned(), source };
    socket.send(Message::text("hello")).await.map_err(send)?;
    let Some(reply) = socket.next().await else {
        return Err(ClientError::NoReply { url: url.to_owned() });
    };
    let reply = reply.map_err(receive)?.into_text().map_err(receive)?;
    let event = serde_json::from_str(&reply)
        .map_err(|source| ClientError::Reply { url: url.to_owned(), source })?;
    socket.close(None).await.map_err(send)?;
    Ok(event)
}
