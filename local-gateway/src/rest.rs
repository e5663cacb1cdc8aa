//! A REST API with an authorizer of type REQUEST and with gateway responses, as `docs/deploy/mcp.yaml`
//! describes it.
//!
//! It does what API Gateway does, in the same order: it checks that the identity source is there, asks
//! the authorizer, evaluates the policy, and passes the request to an HTTP integration. The client
//! gets a refusal as a gateway response. Requests for the protected resource metadata have no
//! authorizer; their integration is the function itself.
//!
//! Deliberately absent: the authorizer's cache, stages in the URL (the API is behind a custom domain
//! name), request bodies over 10 MB, and streams. The HTTP library converts header names to lower
//! case; API Gateway keeps the client's case.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/setup-http-integrations.html>

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, WWW_AUTHENTICATE,
};
use hyper::{HeaderMap, Request, StatusCode, client};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpStream;

use crate::invocation::FunctionOutcome;
use crate::policy::{self, PolicyDecision};
use crate::request;
use crate::runtime_api::RuntimeApi;
use crate::server::{self, Answer, Disconnect, Server};

/// The path whose requests the function answers itself.
const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// What API Gateway renames a `WWW-Authenticate` header of an integration to. Only gateway responses
/// can send the header itself.
const REMAPPED: HeaderName = HeaderName::from_static("x-amzn-remapped-www-authenticate");

/// Headers that are about one connection (RFC 9110 §7.6.1).
const OF_CONNECTION: [&str; 5] =
    ["connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"];

/// The `WWW-Authenticate` headers of the gateway responses.
#[derive(Clone, Debug)]
pub struct Challenges {
    /// That of `UNAUTHORIZED`, a 401.
    pub unauthorized: HeaderValue,
    /// That of `ACCESS_DENIED`, a 403.
    pub access_denied: HeaderValue,
}

/// A REST API on loopback. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct RestApi {
    server: Server,
}

/// A REST API that has its port, and does not answer yet.
#[derive(Debug)]
pub struct Listening(tokio::net::TcpListener);

impl Listening {
    /// Takes a free port. What the API says of itself contains its URL.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start() -> io::Result<Self> {
        server::listen().await.map(Self)
    }

    /// Returns the URL, without a slash at its end.
    ///
    /// # Errors
    ///
    /// When the operating system does not tell the port.
    pub fn url(&self) -> io::Result<String> {
        Ok(format!("http://{}", self.0.local_addr()?))
    }
}

impl RestApi {
    /// Answers requests. The function behind `runtime_api` is the authorizer, and `backend` is the
    /// HTTP integration.
    ///
    /// # Errors
    ///
    /// When the operating system does not tell the port.
    pub fn start(
        listening: Listening,
        runtime_api: Arc<RuntimeApi>,
        backend: SocketAddr,
        challenges: Challenges,
    ) -> io::Result<Self> {
        let api = Arc::new(Api { runtime_api, backend, challenges });
        let server = Server::start(listening.0, move |request| Arc::clone(&api).handle(request))?;
        Ok(Self { server })
    }

    /// Returns the URL, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }
}

#[derive(Debug)]
struct Api {
    runtime_api: Arc<RuntimeApi>,
    backend: SocketAddr,
    challenges: Challenges,
}

/// The function's response as an integration.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProxyResponse {
    status_code: u16,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
    is_base64_encoded: bool,
}

impl Api {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, Disconnect> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Disconnect)?.to_bytes();
        let read = read_request(&parts);
        let answer = if read.path.starts_with(METADATA_PATH) {
            self.answer_of_function(&read).await
        } else {
            match self.authorize(&read).await {
                Ok(()) => self.answer_of_backend(parts, body).await,
                Err(refusal) => Some(refusal),
            }
        };
        Ok(answer.unwrap_or_else(|| gateway_response(StatusCode::BAD_GATEWAY, None)))
    }

    /// Asks the authorizer. Returns the gateway response to a request that may not enter.
    async fn authorize(&self, request: &request::Request) -> Result<(), Answer> {
        let unauthorized = || {
            gateway_response(StatusCode::UNAUTHORIZED, Some(self.challenges.unauthorized.clone()))
        };
        let failed = || gateway_response(StatusCode::INTERNAL_SERVER_ERROR, None);
        if request.identity().is_none_or(str::is_empty) {
            return Err(unauthorized());
        }
        let event = request.rest_request();
        let arn = event["methodArn"].as_str().unwrap_or_default();
        match self.runtime_api.invoke(event.to_string()).await {
            Ok(FunctionOutcome::Response(response)) => match policy::evaluate(&response, arn) {
                Ok(PolicyDecision::Allow(_)) => Ok(()),
                Ok(PolicyDecision::Deny(_)) => {
                    let challenge = Some(self.challenges.access_denied.clone());
                    Err(gateway_response(StatusCode::FORBIDDEN, challenge))
                }
                Err(_) => Err(failed()),
            },
            Ok(FunctionOutcome::Error(error)) if error.error_message == "Unauthorized" => {
                Err(unauthorized())
            }
            Ok(FunctionOutcome::Error(_)) | Err(_) => Err(failed()),
        }
    }

    /// Invokes the function as an integration. Returns `None` if its response is malformed.
    async fn answer_of_function(&self, request: &request::Request) -> Option<Answer> {
        let outcome = self.runtime_api.invoke(request.rest_proxy().to_string()).await.ok()?;
        let FunctionOutcome::Response(response) = outcome else { return None };
        let response: ProxyResponse = serde_json::from_slice(&response).ok()?;
        if response.is_base64_encoded {
            return None;
        }
        let mut answer = Answer::new(Full::from(response.body));
        *answer.status_mut() = StatusCode::from_u16(response.status_code).ok()?;
        for (name, value) in response.headers {
            answer.headers_mut().insert(HeaderName::try_from(name).ok()?, value.try_into().ok()?);
        }
        Some(answer)
    }

    /// Passes the request to the backend. Returns `None` if there is no response.
    async fn answer_of_backend(
        &self,
        parts: hyper::http::request::Parts,
        body: Bytes,
    ) -> Option<Answer> {
        let stream = TcpStream::connect(self.backend).await.ok()?;
        let (mut sender, connection) =
            client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method;
        *request.uri_mut() = parts.uri;
        *request.headers_mut() = without_connection(parts.headers);
        let host = HeaderValue::try_from(self.backend.to_string()).ok()?;
        request.headers_mut().insert(HOST, host);
        let (parts, body) = sender.send_request(request).await.ok()?.into_parts();
        let mut answer = Answer::new(Full::new(body.collect().await.ok()?.to_bytes()));
        *answer.status_mut() = parts.status;
        *answer.headers_mut() = without_connection(parts.headers);
        if let Some(challenge) = answer.headers_mut().remove(WWW_AUTHENTICATE) {
            answer.headers_mut().insert(REMAPPED, challenge);
        }
        Some(answer)
    }
}

fn without_connection(mut headers: HeaderMap) -> HeaderMap {
    for name in OF_CONNECTION {
        headers.remove(name);
    }
    headers.remove(CONTENT_LENGTH);
    headers
}

fn gateway_response(status: StatusCode, challenge: Option<HeaderValue>) -> Answer {
    let message = status.canonical_reason().unwrap_or_default();
    let mut answer = Answer::new(Full::from(json!({ "message": message }).to_string()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(challenge) = challenge {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    answer
}

/// Reads what the events need from a request.
fn read_request(parts: &hyper::http::request::Parts) -> request::Request {
    let mut request = request::Request::new(parts.method.as_str(), parts.uri.path());
    request.received_at = SystemTime::now();
    for (name, value) in &parts.headers {
        request = request.header(name.as_str(), String::from_utf8_lossy(value.as_bytes()));
    }
    let query = parts.uri.query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        request = request.query(name, value);
    }
    request
}
