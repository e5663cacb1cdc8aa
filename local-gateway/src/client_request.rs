//! Reads a client's HTTP request, and writes a JSON response to it.

use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use serde_json::Value;

use crate::request::Request;
use crate::server::{Answer, Disconnect};

/// The largest body of a request to a REST or an HTTP API.
///
/// - REST: <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
/// - HTTP: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// Reads what the events need from a request.
pub(crate) fn read_request(parts: &Parts) -> Request {
    let mut request = Request::new(parts.method.as_str(), parts.uri.path());
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

/// Reads a request's body. Returns `None` if it is too large.
pub(crate) async fn read_body(body: Incoming) -> Result<Option<Bytes>, Disconnect> {
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Ok(None);
    }
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(Some(body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Ok(None),
        Err(_) => Err(Disconnect),
    }
}

/// Returns a response with a JSON body.
pub(crate) fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Answer::new(Full::from(body.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// Returns a successful response whose body is already JSON.
pub(crate) fn json_bytes(body: Bytes) -> Answer {
    let mut answer = Answer::new(Full::new(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
