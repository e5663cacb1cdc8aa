//! Reads a client's HTTP request, and writes a JSON response to it.

use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::Full;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use serde_json::Value;

use crate::request::Request;
use crate::server::Answer;

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
