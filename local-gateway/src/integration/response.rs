//! The response of a Lambda proxy integration, read as each kind of API does.
//!
//! | rule | source |
//! |---|---|
//! | REST: a response of another format is malformed | [AWS, REST] |
//! | REST: every member may be absent, and a status too; an unknown member is malformed | [measured by LocalStack] |
//! | REST: `headers` and `multiValueHeaders` are merged. A pair that is in both is there once | [AWS, REST] |
//! | REST: `isBase64Encoded` has no effect without binary media types, which this API does not have | [AWS, binary media] |
//! | REST: the default content type is `application/json` | [measured by AWS's test tool] |
//! | REST: `WWW-Authenticate` is renamed to `x-amzn-remapped-www-authenticate` | [AWS, known issues] |
//! | HTTP: JSON without `statusCode` is the body of a 200 of type `application/json`; a string is without its quotation marks | [AWS, HTTP] |
//! | HTTP: each cookie becomes a `Set-Cookie` header, and `isBase64Encoded` is decoded | [AWS, HTTP] |
//! | HTTP: the default content type is `text/plain; charset=utf-8` | [measured by AWS's test tool] |
//! | HTTP: a number with a fraction is no status | [measured by AWS's test tool] |
//! | HTTP: output that is not JSON is malformed | not documented. API Gateway passes it on as the body, says [AWS's test tool](https://github.com/aws/aws-lambda-dotnet/tree/master/Tools/LambdaTestTool-v2) |
//! | WebSocket: as REST, but unknown members are ignored; of the headers, only `Sec-WebSocket-Protocol` reaches the client | [AWS, subprotocols]; the rest is not documented |
//! | all: a status is 200 to 599, as a number or as text | not documented |
//! | all: a header's value is text or a boolean; null is as absent | not documented |
//!
//! [AWS, REST]: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-output-format
//! [AWS, HTTP]: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html#http-api-develop-integrations-lambda.response
//! [AWS, binary media]: https://docs.aws.amazon.com/apigateway/latest/developerguide/lambda-proxy-binary-media.html
//! [AWS, known issues]: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
//! [AWS, subprotocols]: https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-connect-route-subprotocol.html
//! [measured by LocalStack]: https://github.com/localstack/localstack/blob/main/tests/aws/services/apigateway/test_apigateway_lambda.py
//! [measured by AWS's test tool]: https://github.com/aws/aws-lambda-dotnet/tree/master/Tools/LambdaTestTool-v2

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use serde_json::{Map, Value};

use super::{remap_challenge, without_connection};
use crate::identity::ApiKind;
use crate::server::Answer;

/// The members of a response for a REST API.
const MEMBERS: [&str; 5] =
    ["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"];

/// What an integration answers.
#[derive(Clone, Debug)]
pub struct ProxyResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers, without those that API Gateway sets itself.
    pub headers: HeaderMap,
    /// The body, decoded.
    pub body: Bytes,
}

/// Why a response is malformed.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// The output is not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(serde_json::Error),
    /// The JSON is not an object.
    #[error("it is not an object; wanted: {{\"statusCode\": 200, \"body\": \"…\"}}")]
    NotAnObject,
    /// A REST API knows no such member.
    #[error("`{0}` is not one of statusCode, headers, multiValueHeaders, body, isBase64Encoded")]
    UnknownMember(String),
    /// The status cannot be sent.
    #[error("`statusCode` is {0}; wanted: a number from 200 to 599")]
    Status(Value),
    /// The headers are not a map, or a value is of a wrong type.
    #[error("`{0}` is not a map of header names to {1}")]
    Headers(&'static str, &'static str),
    /// A header cannot be sent.
    #[error("the header `{0}` has a character that no header can have")]
    Header(String),
    /// The cookies are not a list of strings.
    #[error("`cookies` is not a list of strings")]
    Cookies,
    /// The body is not a string.
    #[error("`body` is not a string; JSON.stringify or json.dumps makes one of an object")]
    Body,
    /// The flag is not a boolean.
    #[error("`isBase64Encoded` is neither true nor false")]
    Flag,
    /// The body is not Base64.
    #[error("`isBase64Encoded` is true, and `body` is not Base64")]
    Base64,
}

impl ProxyResponse {
    /// Reads an integration's output.
    pub(crate) fn read(api: ApiKind, output: &[u8]) -> Result<Self, Malformed> {
        let value: Value = serde_json::from_slice(output).map_err(Malformed::NotJson)?;
        let members = match value {
            Value::Object(members) if api != ApiKind::Http || has(&members, "statusCode") => {
                members
            }
            inferred if api == ApiKind::Http => return Ok(Self::inferred(&inferred, output)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => return Err(Malformed::NotAnObject),
        };
        if api == ApiKind::Rest
            && let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str()))
        {
            return Err(Malformed::UnknownMember(unknown.clone()));
        }
        let mut headers = without_connection(headers(api, &members)?);
        let default_type = match api {
            ApiKind::Http => "text/plain; charset=utf-8",
            ApiKind::Rest | ApiKind::WebSocket => "application/json",
        };
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(default_type));
        if api == ApiKind::Rest {
            remap_challenge(&mut headers);
        }
        Ok(Self { status: status(&members)?, headers, body: body(api, &members)? })
    }

    /// Makes the output the body of a response for an HTTP API.
    fn inferred(value: &Value, output: &[u8]) -> Self {
        let body = match value {
            Value::String(text) => Bytes::copy_from_slice(text.as_bytes()),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => Bytes::copy_from_slice(output.trim_ascii()),
        };
        let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { status: StatusCode::OK, headers: HeaderMap::from_iter([json]), body }
    }

    /// Returns what the client of a REST or an HTTP API gets.
    pub(crate) fn answer(&self) -> Answer {
        let mut answer = Answer::new(self.body.clone().into());
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers.clone();
        answer
    }
}

/// Returns whether a member is there and not null.
fn has(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name).is_some_and(|value| !value.is_null())
}

fn status(members: &Map<String, Value>) -> Result<StatusCode, Malformed> {
    let number = match members.get("statusCode") {
        None | Some(Value::Null) => return Ok(StatusCode::OK),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    let status = number.filter(|number| (200..600).contains(number));
    let status = status.and_then(|number| StatusCode::from_u16(u16::try_from(number).ok()?).ok());
    status.ok_or_else(|| Malformed::Status(members.get("statusCode").cloned().unwrap_or_default()))
}

fn headers(api: ApiKind, members: &Map<String, Value>) -> Result<HeaderMap, Malformed> {
    let mut headers = HeaderMap::new();
    if api != ApiKind::Http {
        let wanted = || Malformed::Headers("multiValueHeaders", "lists of strings");
        for (name, values) in map(members, "multiValueHeaders").ok_or_else(wanted)? {
            for value in values.as_array().ok_or_else(wanted)? {
                append(&mut headers, name, &text(value).ok_or_else(wanted)?)?;
            }
        }
    }
    let wanted = || Malformed::Headers("headers", "strings");
    for (name, value) in map(members, "headers").ok_or_else(wanted)? {
        if value.is_null() {
            continue;
        }
        let value = text(value).ok_or_else(wanted)?;
        let same = |other: &HeaderValue| other.as_bytes() == value.as_bytes();
        if !headers.get_all(name).iter().any(same) {
            append(&mut headers, name, &value)?;
        }
    }
    if api == ApiKind::Http && has(members, "cookies") {
        let cookies = members.get("cookies").and_then(Value::as_array);
        for cookie in cookies.ok_or(Malformed::Cookies)? {
            let cookie = cookie.as_str().ok_or(Malformed::Cookies)?;
            append(&mut headers, SET_COOKIE.as_str(), cookie)?;
        }
    }
    Ok(headers)
}

/// Returns a member's entries. An absent member has none; one that is not a map has no entries at all.
fn map<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Option<impl Iterator<Item = (&'a String, &'a Value)>> {
    let map = if has(members, name) { Some(members.get(name)?.as_object()?) } else { None };
    Some(map.into_iter().flatten())
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn append(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Malformed> {
    let pair = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
    let (header, value) = pair.ok_or_else(|| Malformed::Header(name.to_owned()))?;
    headers.append(header, value);
    Ok(())
}

fn body(api: ApiKind, members: &Map<String, Value>) -> Result<Bytes, Malformed> {
    let encoded = match members.get("isBase64Encoded") {
        None | Some(Value::Null) => false,
        Some(flag) => flag.as_bool().ok_or(Malformed::Flag)?,
    };
    let body = match members.get("body") {
        None | Some(Value::Null) => "",
        Some(body) => body.as_str().ok_or(Malformed::Body)?,
    };
    if encoded && api == ApiKind::Http {
        return Ok(STANDARD.decode(body).map_err(|_| Malformed::Base64)?.into());
    }
    Ok(Bytes::copy_from_slice(body.as_bytes()))
}

#[cfg(test)]
mod tests;
