//! Sends a request to an API, as a client does: through a socket.
//!
//! The browser cannot do it. It cannot set `Authorization` on a WebSocket, and it hides the answers of
//! another origin.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::header::{
    AUTHORIZATION, CONNECTION, COOKIE, HOST, HeaderValue, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Method, Request, Uri, client};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::State;
use crate::identity::ApiKind;
use crate::issuer::Issuer;
use crate::tokens;

/// How long an API may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How long the good token is used. It is valid for an hour.
const GOOD_TOKEN_AGE: Duration = Duration::from_secs(1800);

/// The name of the token in a query string or a cookie.
const PARAMETER: &str = "access_token";

/// A request to send.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    /// The name of the API.
    pub(super) api: String,
    /// The name of the stage; the API's first one if there is none.
    pub(super) stage: Option<String>,
    pub(super) method: String,
    /// The path below the stage, with a query string.
    pub(super) path: String,
    pub(super) place: Place,
    pub(super) token: Token,
}

/// A connection to close.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Connection {
    pub(super) id: String,
}

/// Where the token is.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    Header,
    Subprotocol,
    Query,
    Cookie,
    Nowhere,
}

/// Which token is sent.
#[derive(Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Token {
    Good,
    OldKey,
    Expired,
    WrongAudience,
    OtherIssuer,
    SlashInIssuer,
    Unsigned,
    Forged,
    Pasted { text: String },
}

/// The good token. It stays the same for a while, so that a second request with it can be answered from
/// the cache.
#[derive(Debug, Default)]
pub(super) struct GoodToken(Mutex<Option<Issued>>);

#[derive(Debug)]
struct Issued {
    token: String,
    kid: String,
    at: Instant,
}

impl GoodToken {
    fn token(&self, issuer: &Issuer) -> String {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kid = issuer.key().kid().to_owned();
        let issued = kept
            .take()
            .filter(|issued| issued.kid == kid && issued.at.elapsed() < GOOD_TOKEN_AGE)
            .unwrap_or_else(|| Issued { token: tokens::valid(issuer), kid, at: Instant::now() });
        kept.insert(issued).token.clone()
    }
}

impl State {
    /// Sends a request and returns the status of the response.
    pub(super) async fn send(&self, message: Message) -> Result<Value, String> {
        let (url, stage) = self.stage(&message.api, message.stage.as_deref())?;
        let status = self.send_to(url, stage.authorizer.api(), &message).await?;
        Ok(json!({ "status": status }))
    }

    /// Sends a request to the API at `url` and returns the status of the response.
    pub(super) async fn send_to(
        &self,
        url: &str,
        api: ApiKind,
        message: &Message,
    ) -> Result<u16, String> {
        let token = self.token(&message.token)?;
        let (address, stage) = address_and_stage(url)?;
        let request = request(message, &token, address, &stage, api == ApiKind::WebSocket)?;
        let response = tokio::time::timeout(TIMEOUT, exchange(address, request)).await;
        response.map_err(|_| "the API did not answer in time")?
    }

    /// Closes a connection of the WebSocket API as a backend does: by `@connections`.
    pub(super) async fn disconnect(&self, id: &str) -> Result<Value, String> {
        let (url, _) = self.stage(ApiKind::WebSocket.name(), None)?;
        let (address, stage) = address_and_stage(url)?;
        let id = percent_encode(id.as_bytes(), NON_ALPHANUMERIC);
        let target = format!("{stage}/@connections/{id}");
        let mut request = Request::delete(target).header(HOST, address);
        request = request.header(AUTHORIZATION, "AWS4-HMAC-SHA256 of the page");
        let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
        match tokio::time::timeout(TIMEOUT, exchange(address, request)).await {
            Ok(Ok(204)) => Ok(json!({})),
            Ok(Ok(410)) => Err(String::from("the connection is closed")),
            Ok(Ok(status)) => Err(format!("@connections answered {status}")),
            Ok(Err(message)) => Err(message),
            Err(_) => Err(String::from("the API did not answer in time")),
        }
    }

    /// Returns a token of this kind.
    pub(super) fn token(&self, token: &Token) -> Result<String, String> {
        let issuer = &self.issuer;
        Ok(match token {
            Token::Good => self.good.token(issuer),
            Token::OldKey => tokens::of_the_old_key(issuer)
                .ok_or("there is no old key: rotate the issuer's key first")?,
            Token::Expired => tokens::expired(issuer),
            Token::WrongAudience => tokens::for_another_audience(issuer),
            Token::OtherIssuer => tokens::of_another_issuer(issuer),
            Token::SlashInIssuer => tokens::with_a_slash(issuer),
            Token::Unsigned => tokens::unsigned(issuer),
            Token::Forged => tokens::forged(issuer).map_err(|error| error.to_string())?,
            Token::Pasted { text } => text.trim().to_owned(),
        })
    }
}

/// Splits the URL of a stage into its address, and its stage with a slash in front.
fn address_and_stage(url: &str) -> Result<(&str, String), String> {
    let (_, rest) = url.split_once("://").ok_or("an API has no URL")?;
    let (address, stage) = rest.split_once('/').unwrap_or((rest, ""));
    let stage = if stage.is_empty() { String::new() } else { format!("/{stage}") };
    Ok((address, stage))
}

fn request(
    message: &Message,
    token: &str,
    address: &str,
    stage: &str,
    is_websocket: bool,
) -> Result<Request<Empty<Bytes>>, String> {
    // In a URL of a WebSocket API, only the query string follows the stage.
    let path = if is_websocket {
        message.path.find('?').and_then(|at| message.path.get(at..)).unwrap_or_default()
    } else {
        &message.path
    };
    let mut target = format!("{stage}{path}");
    if matches!(message.place, Place::Query) {
        let separator = if target.contains('?') { '&' } else { '?' };
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair(PARAMETER, token).finish();
        target = format!("{target}{separator}{query}");
    }
    if !target.starts_with('/') {
        return Err(String::from("the path does not begin with a slash"));
    }
    let target: Uri = target.parse().map_err(|error| format!("the path is not valid: {error}"))?;
    let method = if is_websocket { "GET" } else { &message.method };
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|error| format!("the method is not valid: {error}"))?;
    let mut request = Request::new(Empty::new());
    *request.method_mut() = method;
    *request.uri_mut() = target;
    let headers = request.headers_mut();
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| "the token has a character that no header can have")
    };
    headers.insert(HOST, value(address)?);
    if is_websocket {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        // The example of RFC 6455. The server only has to answer it.
        headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
    }
    match message.place {
        Place::Header => headers.insert(AUTHORIZATION, value(&format!("Bearer {token}"))?),
        Place::Subprotocol => {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, value(&format!("bearer, {token}"))?)
        }
        Place::Cookie => headers.insert(COOKIE, value(&format!("{PARAMETER}={token}"))?),
        Place::Query | Place::Nowhere => None,
    };
    Ok(request)
}

/// Sends the request and returns the status. A WebSocket is closed at once.
async fn exchange(address: &str, request: Request<Empty<Bytes>>) -> Result<u16, String> {
    let failed = |error: &dyn std::fmt::Display| format!("could not send the request: {error}");
    let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
    Ok(response.status().as_u16())
}
