//! What API Gateway hands an authorizer, for each kind of API, told of the same client request.
//!
//! The shapes are those of real events, oddities included: `$connect` has no `version`, `path` or
//! `httpMethod`; REST and WebSocket APIs keep the client's header case, HTTP APIs lower it; payload
//! 2.0 has no multi-value maps. Tests that need a broken event break one of these.
//!
//! The identity source of TOKEN and HTTP API events is the `Authorization` header.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

/// The account that owns the APIs.
pub const ACCOUNT_ID: &str = "123456789012";
/// The id of every API.
pub const API_ID: &str = "a1b2c3d4e5";
/// The stage of REST and WebSocket APIs.
pub const STAGE: &str = "prod";
/// The stage of HTTP APIs.
pub const HTTP_API_STAGE: &str = "$default";
/// The region of every API.
pub const REGION: &str = "eu-west-1";

const DOMAIN_NAME: &str = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com";
const REQUEST_ID: &str = "GnIxmFqQjoEEPqQ=";
const USER_AGENT: &str = "local-gateway";

/// A client's request, before API Gateway makes an event of it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The HTTP method; a WebSocket handshake has `GET`.
    pub method: String,
    /// The path below the stage.
    pub path: String,
    /// The headers in the client's case and order.
    pub headers: Vec<(String, String)>,
    /// The query string's parameters, decoded.
    pub query: Vec<(String, String)>,
    /// The cookies, each as `name=value`.
    pub cookies: Vec<String>,
    /// When it came.
    pub received_at: SystemTime,
    /// Where it came from.
    pub source_ip: String,
    /// The id that a WebSocket API gives the connection.
    pub connection_id: String,
}

impl Request {
    /// A request with nothing but a method and a path, at an arbitrary but fixed time.
    #[must_use]
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            headers: Vec::new(),
            query: Vec::new(),
            cookies: Vec::new(),
            received_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_674_162_806_344),
            source_ip: String::from("127.0.0.1"),
            connection_id: String::from("L0SM9cOFIAMCIdw="),
        }
    }

    /// A WebSocket handshake.
    #[must_use]
    pub fn handshake() -> Self {
        Self::new("GET", "/")
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds an `Authorization` header with `token` as its bearer.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Adds a query string parameter.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a cookie.
    #[must_use]
    pub fn cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.push(format!("{name}={value}"));
        self
    }

    /// The REQUEST event of a WebSocket API, which only ever comes for `$connect`.
    #[must_use]
    pub fn websocket_connect(&self) -> Value {
        let headers = self.sent_headers();
        json!({
            "type": "REQUEST",
            "methodArn": connect_arn(),
            "headers": last_values(&headers),
            "multiValueHeaders": all_values(&headers),
            "queryStringParameters": last_values(&self.query),
            "multiValueQueryStringParameters": all_values(&self.query),
            "stageVariables": {},
            "requestContext": self.websocket_context("$connect", "CONNECT"),
        })
    }

    /// The `requestContext` of a WebSocket API's event on `route_key`.
    #[must_use]
    pub fn websocket_context(&self, route_key: &str, event_type: &str) -> Value {
        json!({
            "routeKey": route_key,
            "eventType": event_type,
            "messageDirection": "IN",
            "connectionId": self.connection_id,
            "connectedAt": self.epoch_millis(),
            "requestTime": self.request_time(),
            "requestTimeEpoch": self.epoch_millis(),
            "requestId": REQUEST_ID,
            "extendedRequestId": REQUEST_ID,
            "identity": { "sourceIp": self.source_ip },
            "domainName": DOMAIN_NAME,
            "stage": STAGE,
            "apiId": API_ID,
        })
    }

    /// The REQUEST event of a REST API.
    #[must_use]
    pub fn rest_request(&self) -> Value {
        let headers = self.sent_headers();
        json!({
            "type": "REQUEST",
            "methodArn": self.arn(STAGE),
            "resource": self.path,
            "path": self.path,
            "httpMethod": self.method,
            "headers": last_values(&headers),
            "multiValueHeaders": all_values(&headers),
            "queryStringParameters": last_values(&self.query),
            "multiValueQueryStringParameters": all_values(&self.query),
            "pathParameters": {},
            "stageVariables": {},
            "requestContext": self.http_context(STAGE),
        })
    }

    /// The TOKEN event of a REST API, which holds the whole `Authorization` header and no more.
    #[must_use]
    pub fn rest_token(&self) -> Value {
        json!({
            "type": "TOKEN",
            "authorizationToken": self.identity(),
            "methodArn": self.arn(STAGE),
        })
    }

    /// The event of an HTTP API with payload format 1.0.
    #[must_use]
    pub fn http_api_1(&self) -> Value {
        let headers = lower_case(self.sent_headers());
        json!({
            "version": "1.0",
            "type": "REQUEST",
            "methodArn": self.arn(HTTP_API_STAGE),
            "identitySource": self.identity(),
            "authorizationToken": self.identity(),
            "resource": self.path,
            "path": self.path,
            "httpMethod": self.method,
            "headers": last_values(&headers),
            "queryStringParameters": last_values(&self.query),
            "pathParameters": {},
            "stageVariables": {},
            "requestContext": self.http_context(HTTP_API_STAGE),
        })
    }

    /// The event of an HTTP API with payload format 2.0.
    #[must_use]
    pub fn http_api_2(&self) -> Value {
        let route_key = format!("{} {}", self.method, self.path);
        let mut event = json!({
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": self.arn(HTTP_API_STAGE),
            "identitySource": self.identity().map(|identity| [identity]),
            "routeKey": route_key,
            "rawPath": self.path,
            "rawQueryString": form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&self.query)
                .finish(),
            "headers": joined_values(&lower_case(self.headers.clone())),
            "requestContext": {
                "accountId": ACCOUNT_ID,
                "apiId": API_ID,
                "domainName": DOMAIN_NAME,
                "domainPrefix": API_ID,
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": self.source_ip,
                    "userAgent": USER_AGENT,
                },
                "requestId": REQUEST_ID,
                "routeKey": route_key,
                "stage": HTTP_API_STAGE,
                "time": self.request_time(),
                "timeEpoch": self.epoch_millis(),
            },
        });
        // Unlike the older shapes, this one leaves out what is empty.
        if !self.query.is_empty() {
            event["queryStringParameters"] = joined_values(&self.query);
        }
        if !self.cookies.is_empty() {
            event["cookies"] = json!(self.cookies);
        }
        event
    }

    fn http_context(&self, stage: &str) -> Value {
        json!({
            "accountId": ACCOUNT_ID,
            "apiId": API_ID,
            "domainName": DOMAIN_NAME,
            "domainPrefix": API_ID,
            "httpMethod": self.method,
            "identity": {
                "accountId": null,
                "apiKey": null,
                "caller": null,
                "cognitoIdentityId": null,
                "sourceIp": self.source_ip,
                "user": null,
                "userAgent": USER_AGENT,
                "userArn": null,
            },
            "path": self.path,
            "protocol": "HTTP/1.1",
            "requestId": REQUEST_ID,
            "requestTime": self.request_time(),
            "requestTimeEpoch": self.epoch_millis(),
            "resourceId": "kxyz12",
            "resourcePath": self.path,
            "stage": stage,
        })
    }

    fn arn(&self, stage: &str) -> String {
        arn(stage, &format!("{}{}", self.method, self.path))
    }

    fn identity(&self) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
        Some(value)
    }

    fn sent_headers(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        if !self.cookies.is_empty() {
            headers.push((String::from("Cookie"), self.cookies.join("; ")));
        }
        headers
    }

    fn epoch_millis(&self) -> u64 {
        let since_epoch = self.received_at.duration_since(SystemTime::UNIX_EPOCH);
        u64::try_from(since_epoch.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    }

    /// The time in the common log format: `19/Jan/2023:21:13:26 +0000`.
    fn request_time(&self) -> String {
        let http_date = httpdate::fmt_http_date(self.received_at);
        match http_date.split(' ').collect::<Vec<_>>().as_slice() {
            [_, day, month, year, time, _] => format!("{day}/{month}/{year}:{time} +0000"),
            _ => http_date,
        }
    }
}

/// The ARN that a WebSocket API asks about.
#[must_use]
pub fn connect_arn() -> String {
    arn(STAGE, "$connect")
}

fn arn(stage: &str, route: &str) -> String {
    format!("arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{API_ID}/{stage}/{route}")
}

fn lower_case(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect()
}

fn last_values(pairs: &[(String, String)]) -> Value {
    pairs
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect::<Map<_, _>>()
        .into()
}

fn all_values(pairs: &[(String, String)]) -> Value {
    let mut map = Map::new();
    for (name, value) in pairs {
        if let Value::Array(values) = map.entry(name).or_insert_with(|| json!([])) {
            values.push(json!(value));
        }
    }
    map.into()
}

fn joined_values(pairs: &[(String, String)]) -> Value {
    let mut map = Map::new();
    for (name, value) in pairs {
        match map.entry(name).or_insert_with(|| json!("")) {
            Value::String(joined) if joined.is_empty() => joined.push_str(value),
            Value::String(joined) => {
                joined.push(',');
                joined.push_str(value);
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => {}
        }
    }
    map.into()
}
