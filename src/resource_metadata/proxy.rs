//! The events and the responses of a proxy integration.
//!
//! See [REST](https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html)
//! and [HTTP APIs](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::json::{Text, object};

/// A request that API Gateway passes to an integration.
pub(super) struct ProxyRequest<'a> {
    /// The HTTP method.
    pub(super) method: Text<'a>,
    /// The path.
    pub(super) path: Text<'a>,
}

/// The fields that are read, of a proxy event of any API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    /// Events to authorizers have it.
    #[serde(rename = "type")]
    kind: Option<IgnoredAny>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    http_method: Option<Text<'a>>,
    #[serde(borrow)]
    path: Option<Text<'a>>,
    #[serde(borrow)]
    raw_path: Option<Text<'a>>,
    #[serde(borrow)]
    request_context: Option<RequestContext<'a>>,
}

#[derive(Deserialize)]
struct RequestContext<'a> {
    #[serde(borrow)]
    http: Option<Http<'a>>,
}

#[derive(Deserialize)]
struct Http<'a> {
    #[serde(borrow)]
    method: Option<Text<'a>>,
}

impl<'a> ProxyRequest<'a> {
    /// Reads the event of a REST API, or of an HTTP API with payload 1.0 or 2.0. Returns `None` for
    /// any other event.
    pub(super) fn parse(json: &'a str) -> Option<Self> {
        let event: Event<'a> = object(json)?;
        let context = event.request_context?;
        let (method, path) = match (event.kind, event.version.as_deref()) {
            (None, None | Some("1.0")) => (event.http_method, event.path),
            (None, Some("2.0")) => (context.http?.method, event.raw_path),
            _ => return None,
        };
        Some(Self { method: method?, path: path? })
    }
}

/// The response of an integration. It has the same form for every API.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProxyResponse<'r> {
    status_code: u16,
    headers: BTreeMap<&'static str, &'static str>,
    body: &'r str,
    is_base64_encoded: bool,
}

impl<'r> ProxyResponse<'r> {
    pub(super) fn new(status_code: u16, body: &'r str) -> Self {
        Self { status_code, headers: BTreeMap::new(), body, is_base64_encoded: false }
    }

    /// Makes a response with a JSON body that says what is wrong.
    pub(super) fn error(status_code: u16, body: &'r str) -> Self {
        Self::new(status_code, body).header("Content-Type", "application/json")
    }

    pub(super) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(name, value);
        self
    }
}
