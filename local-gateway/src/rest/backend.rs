//! The integrations of the API of `docs/deploy/mcp.yaml`: an HTTP server, and the function itself.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Request, StatusCode, client};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use crate::invocation::FunctionOutcome;
use crate::request;
use crate::runtime_api::RuntimeApi;
use crate::server::Answer;

/// What API Gateway renames a `WWW-Authenticate` header of an integration to. Only gateway responses
/// can send the header itself.
const REMAPPED: HeaderName = HeaderName::from_static("x-amzn-remapped-www-authenticate");

/// Headers that are about one connection (RFC 9110 §7.6.1).
const OF_CONNECTION: [&str; 5] =
    ["connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"];

/// The function's response as an integration.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProxyResponse {
    status_code: u16,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
    is_base64_encoded: bool,
}

/// Invokes the function as an integration. Returns `None` if its response is malformed.
pub(super) async fn answer_of_function(
    runtime_api: &RuntimeApi,
    request: &request::Request,
) -> Option<Answer> {
    let outcome = runtime_api.invoke(request.rest_proxy().to_string()).await.ok()?;
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
    if let Some(challenge) = answer.headers_mut().remove(WWW_AUTHENTICATE) {
        answer.headers_mut().insert(REMAPPED, challenge);
    }
    Some(answer)
}
fn without_connection(mut headers: HeaderMap) -> HeaderMap {
    for name in OF_CONNECTION {
        headers.remove(name);
    }
    headers.remove(CONTENT_LENGTH);
    headers
}
