//! An HTTP API with an authorizer for each stage.
//!
//! What clients get, which an HTTP API cannot change:
//!
//! | decision | status and body | source |
//! |---|---|---|
//! | identity source missing | 401 `{"message":"Unauthorized"}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html) for the status; the body is not documented |
//! | the error `Unauthorized` | 401 `{"message":"Unauthorized"}` | not documented for HTTP APIs |
//! | `isAuthorized: false`, or a Deny | 403 `{"message":"Forbidden"}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html) for the status; the body is not documented |
//! | another error, a time-out, a malformed response | 500 `{"message":"Internal Server Error"}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html) for the status; the body is not documented |
//! | the integration fails, or its response is malformed | 500 `{"message":"Internal Server Error"}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html) for the body; the status is not documented |
//! | a body over 10 MB | 413 `{"message":"Request Entity Too Large"}` | not documented, apart from the limit |
//! | the integration's time limit | 503 `{"message":"Service Unavailable"}` | not documented; [measured by others] |
//!
//! Each method and path is a route of its own. The integration gets its event in payload format 2.0,
//! whatever the authorizer's payload format is.
//!
//! [measured by others]: https://github.com/cortexlabs/cortex/issues/1225

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::{Map, Value, json};

use crate::authorizer::Refusal;
use crate::client_request::{json_answer, read_body, read_request};
use crate::events::HTTP_API_STAGE;
use crate::identity::ApiKind;
use crate::integration::{Integrated, Integration};
use crate::recorder::Recorder;
use crate::request;
use crate::server::{self, Answer, Disconnect, Server};
use crate::stage::{self, Stage};

/// An HTTP API on loopback. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct HttpApi {
    server: Server,
    api: Arc<Api>,
}

#[derive(Debug)]
struct Api {
    stages: Vec<Stage>,
    integration: Arc<Integration>,
    recorder: Arc<Recorder>,
}

impl HttpApi {
    /// Starts listening on `port`, or on a free one if another program has it.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start(
        port: u16,
        stages: Vec<Stage>,
        integration: Arc<Integration>,
        recorder: Arc<Recorder>,
    ) -> io::Result<Self> {
        let api = Arc::new(Api { stages, integration, recorder });
        let handler = Arc::clone(&api);
        let listener = server::listen_preferring(port).await?;
        let server = Server::start(listener, move |request| Arc::clone(&handler).handle(request))?;
        Ok(Self { server, api })
    }

    /// Returns the URL of the stage `$default`, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Returns each stage with its URL.
    pub fn stages(&self) -> impl Iterator<Item = (String, Stage)> {
        let stages = self.api.stages.iter();
        stages.map(|stage| (format!("{}{}", self.url(), stage.path()), stage.clone()))
    }
}

impl Api {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, Disconnect> {
        let (parts, body) = request.into_parts();
        let body = read_body(body).await?;
        let number = self.recorder.number();
        let mut request = with_cookies(read_request(&parts));
        let stage = stage::find(&self.stages, &request.path);
        let (authorization, integrated, answer) = match (stage, body) {
            (None, _) => (None, None, message(StatusCode::NOT_FOUND, "Not Found")),
            (Some(_), None) => {
                (None, None, message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"))
            }
            (Some((stage, below)), Some(body)) => {
                request.path = below;
                request.stage = (stage.name != HTTP_API_STAGE).then(|| stage.name.clone());
                let authorization = stage.authorizer.authorize(number, &request).await;
                let (integrated, answer) = match &authorization.decision {
                    Ok(context) => {
                        let event = proxy_event(&request, context, &body);
                        let integrated = self.integration.call(ApiKind::Http, event).await;
                        let answer = answer(&integrated);
                        (Some(integrated), answer)
                    }
                    Err(refusal) => (None, refuse(refusal)),
                };
                (Some(authorization), integrated, answer)
            }
        };
        let (authorization, integrated) = (authorization.as_ref(), integrated.as_ref());
        let recorder = &self.recorder;
        recorder.record(number, ApiKind::Http, &request, authorization, integrated, &answer).await;
        Ok(answer)
    }
}

/// Moves cookies from the headers to where payload format 2.0 has them.
fn with_cookies(mut request: request::Request) -> request::Request {
    let is_cookie = |(name, _): &(String, String)| name.eq_ignore_ascii_case("cookie");
    let (cookies, headers) = request.headers.into_iter().partition(is_cookie);
    request.headers = headers;
    let cookies: Vec<(String, String)> = cookies;
    for (_, value) in cookies {
        request.cookies.extend(value.split(';').map(|cookie| cookie.trim().to_owned()));
    }
    request
}

fn refuse(refusal: &Refusal) -> Answer {
    let (status, text) = match refusal {
        Refusal::MissingIdentity | Refusal::InvalidToken | Refusal::Unauthorized => {
            (StatusCode::UNAUTHORIZED, "Unauthorized")
        }
        Refusal::ExplicitDeny
        | Refusal::ImplicitDeny
        | Refusal::NotAuthorized
        | Refusal::InvalidApiKey => (StatusCode::FORBIDDEN, "Forbidden"),
        Refusal::Failed(_) | Refusal::NoOutcome(_) | Refusal::Malformed(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    };
    message(status, text)
}

/// Returns what the client gets of an integration's response.
fn answer(integrated: &Integrated) -> Answer {
    match &integrated.result {
        Ok(response) => response.answer(),
        Err(error) if error.is_timeout() => {
            message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
        Err(_) => message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
    }
}

fn message(status: StatusCode, text: &str) -> Answer {
    json_answer(status, &json!({ "message": text }))
}

/// Returns the event of a proxy integration with payload format 2.0.
///
/// Which types of bodies are text is not documented; it was [measured by others]. The others are Base64,
/// also without a type, and also those of forms.
///
/// [measured by others]: https://github.com/ministackorg/ministack/pull/766
fn proxy_event(request: &request::Request, context: &Map<String, Value>, body: &[u8]) -> Value {
    let mut event = request.http_api_2_proxy();
    event["requestContext"]["authorizer"] = json!({ "lambda": context });
    if body.is_empty() {
        return event;
    }
    let content_type = event.pointer("/headers/content-type").and_then(Value::as_str);
    if content_type.is_some_and(is_text) {
        event["body"] = String::from_utf8_lossy(body).into();
    } else {
        event["body"] = STANDARD.encode(body).into();
        event["isBase64Encoded"] = true.into();
    }
    event
}

fn is_text(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.starts_with("text/")
        || ["application/json", "application/xml", "application/javascript"]
            .contains(&media_type.as_str())
}
