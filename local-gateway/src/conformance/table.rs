//! The table's form.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::authorizer::{AuthorizerConfig, AuthorizerKind};
use crate::cache::DEFAULT_TTL;

/// The table of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[serde(rename = "about")]
    _about: Vec<String>,
    /// What the stub returns, by credential.
    pub responses: BTreeMap<String, Value>,
    /// The settings of the real function.
    pub settings: BTreeMap<String, String>,
    /// The APIs, by name.
    pub apis: BTreeMap<String, Api>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// An API's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// The kind of API: `websocket`, `rest` or `http`.
    pub kind: String,
    /// The authorizer's type, or its payload format. See the table.
    pub authorizer: Option<String>,
    /// The identity sources, in the syntax of the API.
    pub identity_sources: Vec<String>,
    /// The token validation expression.
    pub validation: Option<String>,
    /// The cache's time to live.
    pub ttl_seconds: Option<u64>,
    /// The keys of the usage plan.
    #[serde(default)]
    pub api_keys: Vec<String>,
    /// The gateway responses.
    #[serde(default)]
    pub gateway_responses: BTreeMap<String, Value>,
}

/// A rule, and requests that show it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The rule.
    pub rule: String,
    /// The page that has it, or `not documented`.
    pub source: String,
    /// The name of the API.
    pub api: String,
    /// The function that is the authorizer.
    #[serde(default)]
    pub function: Function,
    /// The requests, in their order.
    pub requests: Vec<Exchange>,
}

/// The function that is the authorizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// The stub, which returns a response of the table.
    #[default]
    Stub,
    /// The real one.
    JwksAuthorizer,
}

/// A request, and what API Gateway does with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The method and the path, or `CONNECT` and the query string.
    pub request: String,
    /// The request's headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How long to wait before the request.
    #[serde(default)]
    pub after_seconds: u64,
    /// The status.
    pub status: u16,
    /// The body.
    #[serde(default, deserialize_with = "present")]
    pub body: Option<Value>,
    /// Some of the answer's headers; null for one that is not there.
    #[serde(default)]
    pub answer_headers: BTreeMap<String, Option<String>>,
    /// What the integration gets of the authorizer.
    pub context: Option<Value>,
    /// Whether the function is asked.
    pub invoked: bool,
    /// Whether the answer is made of a cached response.
    pub cached: bool,
}

/// Reads a member that may be null.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

impl Table {
    /// Reads the table that this program contains.
    ///
    /// # Errors
    ///
    /// When it has another form.
    pub fn read() -> serde_json::Result<Self> {
        serde_json::from_str(include_str!("../../tests/cases.json"))
    }
}

impl Case {
    /// Returns how long the case waits for cached responses to expire.
    #[must_use]
    pub fn waits(&self) -> Duration {
        Duration::from_secs(self.requests.iter().map(|exchange| exchange.after_seconds).sum())
    }
}

impl Api {
    /// Returns the configuration of the API's authorizer, or `None` if the table has an unknown word.
    #[must_use]
    pub fn authorizer(&self) -> Option<AuthorizerConfig> {
        let validation = self.validation.clone();
        let kind = match (self.kind.as_str(), self.authorizer.as_deref()) {
            ("websocket", None) => AuthorizerKind::WebSocket,
            ("rest", None) => AuthorizerKind::RestRequest,
            ("rest", Some("TOKEN")) => AuthorizerKind::RestToken { validation },
            ("http", None) => AuthorizerKind::Http2 { simple_responses: true },
            ("http", Some("2.0, policy")) => AuthorizerKind::Http2 { simple_responses: false },
            ("http", Some("1.0")) => AuthorizerKind::Http1,
            _ => return None,
        };
        let default = if kind == AuthorizerKind::WebSocket { Duration::ZERO } else { DEFAULT_TTL };
        let ttl = self.ttl_seconds.map_or(default, Duration::from_secs);
        Some(AuthorizerConfig { kind, identity_sources: self.identity_sources.clone(), ttl })
    }
}
