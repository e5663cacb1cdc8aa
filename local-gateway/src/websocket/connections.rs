//! `@connections`: what a backend does with the open connections of the API.
//!
//! AWS's own clients work with the stage's URL as their endpoint. The API is below
//! `/STAGE/@connections/ID`, on the port of the WebSocket API. The ID is URL-encoded.
//!
//! | request | status | source |
//! |---|---|---|
//! | `POST` sends its body to the client, as text | 200 | [AWS], and [the service's model] for the status |
//! | `GET` tells when the client connected, when it was last active, and who it is | 200 | [AWS], and [the service's model] |
//! | `DELETE` closes the connection with code 1000 | 204 | [AWS], and [the service's model]; the code was [measured by others] |
//! | no such connection, also before `$connect` is answered | 410 `GoneException` | [the service's model]; the body is not documented |
//! | a client that does not read its messages | 429 `LimitExceededException` | [the service's model]; how many messages wait for a client, and the body, is not documented |
//! | a body over 128 kB | 413 `PayloadTooLargeException` | [the service's model]; the limit is [that of messages]; the body is not documented |
//! | an ID that is not Base64 | 400 `BadRequestException` | not documented |
//! | no signature | 403 | [AWS] says that it is needed; the answer is not documented. It is IAM's to other APIs |
//!
//! A request is signed if it has an `Authorization` header of AWS Signature Version 4. Deliberately
//! absent: the check of the signature, of the key and of IAM's permissions. Any key is accepted. In their
//! place, `guard` refuses requests that a web page elsewhere makes.
//!
//! [AWS]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
//! [the service's model]: https://github.com/aws/aws-sdk-js-v3/blob/main/codegen/sdk-codegen/aws-models/apigatewaymanagementapi.json
//! [that of messages]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-routes-integrations.html
//! [measured by others]: https://github.com/boto/boto3/issues/3789

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::MAX_MESSAGE_BYTES;
use crate::client_request::json_answer;
use crate::clock::Clock;
use crate::events::STAGE;
use crate::guard::{self, Foreign};
use crate::server::Answer;

/// The scheme of an `Authorization` header with a signature.
const SIGNATURE: &str = "AWS4-HMAC-SHA256 ";

/// The header from which AWS's clients read the kind of an error.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// What the API does with a connection, apart from answering the client's messages.
#[derive(Debug)]
pub(super) enum Command {
    /// Sends a message.
    Send(String),
    /// Closes the connection normally.
    Close,
}

/// A connection as its API knows it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) commands: Sender<Command>,
    pub(super) connected_at: SystemTime,
    pub(super) last_active_at: SystemTime,
    pub(super) source_ip: String,
    pub(super) user_agent: Option<String>,
}

impl Known {
    fn send(&self, command: Command) -> Result<(), CallError> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => CallError::BufferFull,
            TrySendError::Closed(_) => CallError::Gone,
        })
    }
}

/// The open connections of an API, by their ID.
#[derive(Debug)]
pub(super) struct Connections {
    /// The API's address.
    address: SocketAddr,
    known: Mutex<HashMap<String, Known>>,
}

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error(transparent)]
    Foreign(#[from] Foreign),
    #[error("Missing Authentication Token")]
    NotSigned,
    #[error("Invalid connectionId: {0}")]
    InvalidId(String),
    #[error("the connection is closed")]
    Gone,
    #[error("Message too long")]
    TooLarge,
    #[error("the client does not read its messages")]
    BufferFull,
}

impl CallError {
    fn answer(&self) -> Answer {
        let (status, error_type) = match self {
            Self::Foreign(_) => (StatusCode::FORBIDDEN, "ForbiddenException"),
            Self::NotSigned => (StatusCode::FORBIDDEN, "MissingAuthenticationTokenException"),
            Self::InvalidId(_) => (StatusCode::BAD_REQUEST, "BadRequestException"),
            Self::Gone => (StatusCode::GONE, "GoneException"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException"),
            Self::BufferFull => (StatusCode::TOO_MANY_REQUESTS, "LimitExceededException"),
        };
        let message = (status != StatusCode::GONE).then(|| self.to_string());
        let mut answer = json_answer(status, &json!({ "message": message }));
        answer.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(error_type));
        answer
    }
}

/// Returns the ID in the path, if the request is one to `@connections`.
pub(super) fn connection_id(request: &Request<Incoming>) -> Option<String> {
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy();
    let id = path.strip_prefix('/')?.strip_prefix(STAGE)?.strip_prefix("/@connections/")?;
    Some(id.to_owned())
}

impl Connections {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, known: Mutex::default() }
    }

    /// Adds a connection.
    pub(super) fn open(&self, id: String, connection: Known) {
        self.known().insert(id, connection);
    }

    /// Removes a connection.
    pub(super) fn close(&self, id: &str) {
        self.known().remove(id);
    }

    /// Notes that the client sent or received something.
    pub(super) fn touch(&self, id: &str, at: SystemTime) {
        if let Some(connection) = self.known().get_mut(id) {
            connection.last_active_at = at;
        }
    }

    /// Answers a backend's request.
    pub(super) async fn answer(
        &self,
        id: &str,
        request: Request<Incoming>,
        clock: &Clock,
    ) -> Answer {
        self.call(id, request, clock).await.unwrap_or_else(|error| error.answer())
    }

    async fn call(
        &self,
        id: &str,
        request: Request<Incoming>,
        clock: &Clock,
    ) -> Result<Answer, CallError> {
        guard::check(self.address, request.headers())?;
        let signature = request.headers().get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        if !signature.is_some_and(|it| it.starts_with(SIGNATURE)) {
            return Err(CallError::NotSigned);
        }
        if STANDARD.decode(id).is_err() {
            return Err(CallError::InvalidId(id.to_owned()));
        }
        let method = request.method().clone();
        if method == Method::POST {
            let body = Limited::new(request.into_body(), MAX_MESSAGE_BYTES).collect().await;
            let body = body.map_err(|_| CallError::TooLarge)?.to_bytes();
            self.send(id, &body, clock.wall_time())?;
            Ok(Answer::default())
        } else if method == Method::GET {
            let known = self.known();
            let connection = known.get(id).ok_or(CallError::Gone)?;
            Ok(json_answer(StatusCode::OK, &describe(connection)))
        } else if method == Method::DELETE {
            let mut known = self.known();
            known.get(id).ok_or(CallError::Gone)?.send(Command::Close)?;
            known.remove(id);
            let mut answer = Answer::default();
            *answer.status_mut() = StatusCode::NO_CONTENT;
            Ok(answer)
        } else {
            Err(CallError::NotSigned)
        }
    }

    fn send(&self, id: &str, body: &Bytes, at: SystemTime) -> Result<(), CallError> {
        let mut known = self.known();
        let connection = known.get_mut(id).ok_or(CallError::Gone)?;
        let text = String::from_utf8_lossy(body).into_owned();
        connection.send(Command::Send(text))?;
        connection.last_active_at = at;
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn describe(connection: &Known) -> Value {
    json!({
        "connectedAt": rfc_3339(connection.connected_at),
        "identity": { "sourceIp": connection.source_ip, "userAgent": connection.user_agent },
        "lastActiveAt": rfc_3339(connection.last_active_at),
    })
}

/// Returns a time as in `2020-02-04T16:11:23.123Z`.
fn rfc_3339(time: SystemTime) -> String {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let http_date = httpdate::fmt_http_date(time);
    let millis = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_millis();
    match http_date.split(' ').collect::<Vec<_>>().as_slice() {
        [_, day, month, year, time, _] => {
            let month = MONTHS.find(month).unwrap_or_default() / 3 + 1;
            format!("{year}-{month:02}-{day}T{time}.{millis:03}Z")
        }
        _ => http_date,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn writes_times_as_rfc_3339() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_580_832_683_123, "2020-02-04T16:11:23.123Z"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
            assert_eq!(rfc_3339(time), expected);
        }
    }
}
