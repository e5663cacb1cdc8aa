//! The handshake: what the client asks for, and what it gets if it may not connect.
//!
//! | decision | status and body | source |
//! |---|---|---|
//! | identity source missing, or the error `Unauthorized` | 401 `Unauthorized` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html) for the status; the body is not documented |
//! | Deny | 403 `Forbidden` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html) for the status; the body is not documented |
//! | another error, a malformed response | 500 `Internal server error` | not documented |
//! | the `$connect` integration answers with another status than 2xx | that status | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html) says that there is no connection; the status is not documented |
//! | the `$connect` integration fails | 502, or 504 after its time limit | not documented |
//! | the request is not a WebSocket handshake | 400 `Bad Request` | not documented |
//! | another path than that of the stage | 403 `Forbidden` | not documented |

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode};
use serde_json::json;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use crate::authorizer::Refusal;
use crate::client_request::json_answer;
use crate::clock::Clock;
use crate::events::STAGE;
use crate::integration::IntegrationError;
use crate::request;
use crate::server::Answer;

/// The response header that says why a handshake failed. API Gateway does not tell the client.
pub const CAUSE_HEADER: &str = "x-local-gateway-cause";

/// Why the API refuses a handshake.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandshakeError<'a> {
    #[error("the request is not a WebSocket handshake: {0}")]
    NotAHandshake(#[source] tungstenite::Error),
    #[error("the path is not the stage `{STAGE}`")]
    UnknownStage,
    #[error("{0}")]
    Refused(&'a Refusal),
    #[error("the $connect integration answered with HTTP {0}")]
    Integration(StatusCode),
    #[error("the $connect integration failed: {0}")]
    NoIntegration(&'a IntegrationError),
}

impl HandshakeError<'_> {
    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotAHandshake(_) => (StatusCode::BAD_REQUEST, "Bad Request"),
            Self::Refused(
                Refusal::MissingIdentity | Refusal::InvalidToken | Refusal::Unauthorized,
            ) => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Self::UnknownStage
            | Self::Refused(
                Refusal::ExplicitDeny
                | Refusal::ImplicitDeny
                | Refusal::NotAuthorized
                | Refusal::InvalidApiKey,
            ) => (StatusCode::FORBIDDEN, "Forbidden"),
            Self::Refused(Refusal::Failed(_) | Refusal::NoOutcome(_) | Refusal::Malformed(_)) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
            }
            Self::Integration(status) => (*status, status.canonical_reason().unwrap_or_default()),
            Self::NoIntegration(IntegrationError::Timeout(_)) => {
                (StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out")
            }
            Self::NoIntegration(_) => (StatusCode::BAD_GATEWAY, "Internal server error"),
        }
    }

    pub(super) fn response(&self, connection_id: &str) -> Answer {
        let (status, message) = self.status();
        let body = json!({
            "message": message,
            "connectionId": connection_id,
            "requestId": connection_id,
        });
        let mut response = json_answer(status, &body);
        // A header cannot hold line breaks. The function's log has such a cause.
        if let Ok(cause) = HeaderValue::from_str(&self.to_string()) {
            response.headers_mut().insert(CAUSE_HEADER, cause);
        }
        response
    }
}

/// Returns the response to a handshake that may connect, if the request is one for the stage.
pub(super) fn check(request: &Request<Incoming>) -> Result<Answer, HandshakeError<'static>> {
    let response = create_response_with_body(request, Default::default)
        .map_err(HandshakeError::NotAHandshake)?;
    if request.uri().path().trim_matches('/') != STAGE {
        return Err(HandshakeError::UnknownStage);
    }
    Ok(response)
}

/// Reads what the events need from the handshake.
pub(super) fn read(
    connection_id: String,
    request: &Request<Incoming>,
    clock: &Clock,
) -> request::Request {
    let mut handshake = request::Request::handshake();
    handshake.received_at = clock.wall_time();
    handshake.connection_id = connection_id;
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        handshake = handshake.header(name.as_str(), value);
    }
    let query = request.uri().query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        handshake = handshake.query(name, value);
    }
    handshake
}
