//! A WebSocket client, and what it sees when it connects once.

use futures_util::{SinkExt, StreamExt};
use hyper::header::SEC_WEBSOCKET_PROTOCOL;
use local_gateway::stack::Stack;
use serde_json::Value;
use tokio_tungstenite::tungstenite::http::uri::InvalidUri;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, Message};

/// How a client sends its token.
pub(crate) enum Offer {
    /// It sends none.
    Nothing,
    /// In the `Authorization` header, as programs do.
    Header(String),
    /// As a second subprotocol, as browsers have to.
    Subprotocol(String),
}

/// What the client sees.
pub(crate) enum Seen {
    /// The connection is open.
    Open {
        /// The subprotocol that the API selected.
        subprotocol: Option<String>,
        /// The authorizer's context, as the backend received it.
        authorizer: Value,
    },
    /// The API answered the handshake with an HTTP error.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The body, where one came with the first bytes.
        body: String,
    },
}

/// Why the client saw neither an open connection nor an HTTP error.
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

/// Connects with `offer`. Once connected, sends a message, reads the backend's reply and closes.
pub(crate) async fn connect(stack: &Stack, offer: Offer) -> Result<Seen, ClientError> {
    let url = || stack.websocket_api.url();
    let target = url().parse().map_err(|source| ClientError::Url { url: url(), source })?;
    let request = ClientRequestBuilder::new(target);
    let request = match offer {
        Offer::Nothing => request,
        Offer::Header(token) => request.with_header("Authorization", format!("Bearer {token}")),
        Offer::Subprotocol(token) => request.with_sub_protocol("bearer").with_sub_protocol(token),
    };
    let (mut socket, answer) = match tokio_tungstenite::connect_async(request).await {
        Ok(connected) => connected,
        Err(Error::Http(answer)) => {
            let status = answer.status().as_u16();
            let body = answer.into_body().unwrap_or_default();
            return Ok(Seen::Refused { status, body: String::from_utf8_lossy(&body).into_owned() });
        }
        Err(source) => return Err(ClientError::Connect { url: url(), source }),
    };
    let subprotocol = answer.headers().get(SEC_WEBSOCKET_PROTOCOL);
    let subprotocol = subprotocol.and_then(|value| value.to_str().ok()).map(str::to_owned);

    let send = |source| ClientError::Send { url: url(), source };
    let receive = |source| ClientError::Receive { url: url(), source };
    socket.send(Message::text("hello")).await.map_err(send)?;
    let reply = socket.next().await.ok_or_else(|| ClientError::NoReply { url: url() })?;
    let reply = reply.map_err(receive)?.into_text().map_err(receive)?;
    let event: Value =
        serde_json::from_str(&reply).map_err(|source| ClientError::Reply { url: url(), source })?;
    socket.close(None).await.map_err(send)?;
    let authorizer = event.pointer("/requestContext/authorizer").cloned().unwrap_or_default();
    Ok(Seen::Open { subprotocol, authorizer })
}
