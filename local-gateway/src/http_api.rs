//! An HTTP API with an authorizer of payload format 2.0.
//!
//! What clients get, which an HTTP API cannot change:
//!
//! | decision | status and body | source |
//! |---|---|---|
//! | identity source missing | 401 `{"message":"Unauthorized"}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html) for the status; the body is not documented |
//! | the error `Unauthorized` | 401 `{"message":"Unauthorized"}` | not documented for HTTP APIs |
//! | `isAuthorized: false`, or a Deny | 403 `{"message":"Forbidden"}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html) for the status; the body is not documented |
//! | another error, a time-out, a malformed response | 500 `{"message":"Internal Server Error"}` | [AWS](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html) for the status; the body is not documented |
//!
//! Each method and path is a route of its own. The stage is `$default`, so it is not in the URL. The
//! integration echoes the event that it gets.

use std::io;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::json;

use crate::authorizer::{Authorization, Authorizer, Refusal};
use crate::client_request::{json_answer, read_request};
use crate::identity::ApiKind;
use crate::recorder::Recorder;
use crate::request;
use crate::server::{self, Answer, Disconnect, Server};

/// An HTTP API on loopback. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct HttpApi {
    server: Server,
}

#[derive(Debug)]
struct Api {
    authorizer: Arc<Authorizer>,
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
        authorizer: Arc<Authorizer>,
        recorder: Arc<Recorder>,
    ) -> io::Result<Self> {
        let api = Arc::new(Api { authorizer, recorder });
        let listener = server::listen_preferring(port).await?;
        let server = Server::start(listener, move |request| Arc::clone(&api).handle(request))?;
        Ok(Self { server })
    }

    /// Returns the URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }
}

impl Api {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, Disconnect> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Disconnect)?.to_bytes();
        let number = self.recorder.number();
        let request = with_cookies(read_request(&parts));
        let authorization = self.authorizer.authorize(number, &request).await;
        let answer = match &authorization.decision {
            Ok(_) => echo(&request, &authorization, &body),
            Err(refusal) => refuse(refusal),
        };
        let recorder = &self.recorder;
        recorder.record(number, ApiKind::Http, &request, Some(&authorization), &answer).await;
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
    let (status, message) = match refusal {
        Refusal::MissingIdentity | Refusal::Unauthorized => {
            (StatusCode::UNAUTHORIZED, "Unauthorized")
        }
        Refusal::ExplicitDeny | Refusal::ImplicitDeny | Refusal::NotAuthorized => {
            (StatusCode::FORBIDDEN, "Forbidden")
        }
        Refusal::Failed(_) | Refusal::NoOutcome(_) | Refusal::Malformed(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    };
    json_answer(status, &json!({ "message": message }))
}

/// Answers with the event that a function behind the API gets.
fn echo(request: &request::Request, authorization: &Authorization, body: &[u8]) -> Answer {
    let mut event = request.http_api_2_proxy();
    let context = authorization.decision.as_ref().ok();
    event["requestContext"]["authorizer"] = json!({ "lambda": context });
    if !body.is_empty() {
        event["body"] = String::from_utf8_lossy(body).into();
    }
    json_answer(StatusCode::OK, &event)
}
