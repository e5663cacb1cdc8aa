//! A WebSocket client, and what it sees of one attempt to connect.

use futures_util::{SinkExt, StreamExt};
use hyper::header::SEC_WEBSOCKET_PROTOCOL;
use local_gateway::stack::Stack;
use serde_json::Value;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, Message};

use crate::Failure;

/// How a client shows its token.
pub(crate) enum Offer {
    /// Not at all.
    Nothing,
    /// In the `Authorization` header, as programs do.
    Header(String),
    /// As a second subprotocol, as browsers have to.
    Subprotocol(String),
}

/// What the client sees.
pub(crate) enum Seen {
    /// The connection stands.
    Open {
        /// The subprotocol that was agreed on.
        subprotocol: Option<String>,
        /// What the backend reports to have got from the authorizer.
        authorizer: Value,
    },
    /// The handshake was answered with an HTTP error.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The body, where one came with the first bytes.
        body: String,
    },
}

/// Connects with `offer`; if let in, says one word, reads the backend's report and leaves.
pub(crate) async fn connect(stack: &Stack, offer: Offer) -> Result<Seen, Failure> {
    let request = ClientRequestBuilder::new(stack.websocket_api.url().parse()?);
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
        Err(error) => return Err(error.into()),
    };
    let subprotocol = answer.headers().get(SEC_WEBSOCKET_PROTOCOL);
    let subprotocol = subprotocol.and_then(|value| value.to_str().ok()).map(str::to_owned);

    socket.send(Message::text("hello")).await?;
    let reply = socket.next().await.ok_or("the backend closed without a reply")??;
    let event: Value = serde_json::from_str(reply.to_text()?)?;
    socket.close(None).await?;
    let authorizer = event.pointer("/requestContext/authorizer").cloned().unwrap_or_default();
    Ok(Seen::Open { subprotocol, authorizer })
}
