//! The events that API Gateway sends to an authorizer and to an integration, for each kind of API.
//!
//! Each event describes the same [`Request`]. The shapes are those of real events: `$connect` has no
//! `version`, `path` or `httpMethod`; REST and WebSocket APIs keep the client's header case, HTTP APIs
//! use lower case; payload format 2.0 has no multi-value maps. Tests make malformed events from these.
//!
//! The identity source of TOKEN and HTTP API events is the `Authorization` header. The client's
//! certificate is in events of REST and HTTP APIs. AWS documents no place for it in WebSocket events.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

mod maps;

use serde_json::{Map, Value, json};

use self::maps::{all_values, joined_values, last_values, lower_case};
use crate::request::Request;

/// The account that owns the APIs.
pub const ACCOUNT_ID: &str = "123456789012";
/// The ID of every API.
pub const API_ID: &str = "a1b2c3d4e5";
/// The usual stage of REST and WebSocket APIs.
pub const STAGE: &str = "prod";
/// The usual stage of HTTP APIs.
pub const HTTP_API_STAGE: &str = "$default";
/// The region of every API.
pub const REGION: &str = "eu-west-1";

const DOMAIN_NAME: &str = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com";
const REQUEST_ID: &str = "GnIxmFqQjoEEPqQ=";
const USER_AGENT: &str = "local-gateway";

impl Request {
    /// Returns the REQUEST event of a WebSocket API. API Gateway sends it for `$connect` only.
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

    /// Returns the event of a WebSocket API's `$connect` to an integration.
    #[must_use]
    pub fn websocket_connect_proxy(&self) -> Value {
        let mut event = self.websocket_connect();
        of_integration(&mut event, &["type", "methodArn"]);
        // Unlike that of a REST API, this one has no empty members.
        if let Value::Object(members) = &mut event {
            members.retain(|_, value| !value.is_null());
        }
        event
    }

    /// Returns the `requestContext` of a WebSocket API's event for `route_key`.
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

    /// Returns the REQUEST event of a REST API.
    #[must_use]
    pub fn rest_request(&self) -> Value {
        let headers = self.sent_headers();
        json!({
            "type": "REQUEST",
            "methodArn": self.arn(self.stage_or(STAGE)),
            "resource": self.path,
            "path": self.path,
            "httpMethod": self.method,
            "headers": last_values(&headers),
            "multiValueHeaders": all_values(&headers),
            "queryStringParameters": last_values(&self.query),
            "multiValueQueryStringParameters": all_values(&self.query),
            "pathParameters": {},
            "stageVariables": {},
            "requestContext": self.http_context(self.stage_or(STAGE)),
        })
    }

    /// Returns the TOKEN event of a REST API. Of the request, it has the `Authorization` header only.
    #[must_use]
    pub fn rest_token(&self) -> Value {
        json!({
            "type": "TOKEN",
            "authorizationToken": self.identity(),
            "methodArn": self.arn(self.stage_or(STAGE)),
        })
    }

    /// Returns the event of an HTTP API with payload format 1.0.
    #[must_use]
    pub fn http_api_1(&self) -> Value {
        let headers = lower_case(self.sent_headers());
        json!({
            "version": "1.0",
            "type": "REQUEST",
            "methodArn": self.arn(self.stage_or(HTTP_API_STAGE)),
            "identitySource": self.identity(),
            "authorizationToken": self.identity(),
            "resource": self.path,
            "path": self.path,
            "httpMethod": self.method,
            "headers": last_values(&headers),
            "queryStringParameters": last_values(&self.query),
            "pathParameters": {},
            "stageVariables": {},
            "requestContext": self.http_context(self.stage_or(HTTP_API_STAGE)),
        })
    }

    /// Returns the event of an HTTP API with payload format 2.0.
    #[must_use]
    pub fn http_api_2(&self) -> Value {
        let mut event = json!({
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": self.arn(self.stage_or(HTTP_API_STAGE)),
            "identitySource": self.identity().map(|identity| [identity]),
            "routeKey": self.http_api_2_route_key(),
            "rawPath": self.http_api_2_path(),
            "rawQueryString": form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&self.query)
                .finish(),
            "headers": joined_values(&lower_case(self.headers.clone())),
            "requestContext": self.http_api_2_context(),
        });
        // Unlike the other events, this one has no empty members.
        if !self.query.is_empty() {
            event["queryStringParameters"] = joined_values(&self.query);
        }
        if !self.cookies.is_empty() {
            event["cookies"] = json!(self.cookies);
        }
        event
    }

    /// Returns what the identity sources of an HTTP API are read from, in the shape of an event. The
    /// variables do not depend on the payload format.
    pub(crate) fn http_api_variables(&self) -> Value {
        let mut variables = self.http_api_2();
        if !self.cookies.is_empty() {
            variables["headers"]["cookie"] = self.cookies.join("; ").into();
        }
        let Value::Object(context) = self.http_context(self.stage_or(HTTP_API_STAGE)) else {
            return variables;
        };
        for (name, value) in context {
            let known = &mut variables["requestContext"][name];
            if known.is_null() {
                *known = value;
            }
        }
        variables
    }

    /// Returns the event of a REST API to a proxy integration.
    #[must_use]
    pub fn rest_proxy(&self) -> Value {
        let mut event = self.rest_request();
        of_integration(&mut event, &["type", "methodArn"]);
        event
    }

    /// Returns the event of an HTTP API to a proxy integration with payload format 1.0.
    #[must_use]
    pub fn http_api_1_proxy(&self) -> Value {
        let mut event = self.http_api_1();
        of_integration(&mut event, &["type", "methodArn", "identitySource", "authorizationToken"]);
        event
    }

    /// Returns the event of an HTTP API to a proxy integration with payload format 2.0.
    #[must_use]
    pub fn http_api_2_proxy(&self) -> Value {
        let mut event = self.http_api_2();
        of_integration(&mut event, &["type", "routeArn", "identitySource"]);
        // Unlike the other events, this one has no empty members.
        if let Value::Object(members) = &mut event {
            members.remove("body");
        }
        event
    }

    fn http_api_2_context(&self) -> Value {
        let mut context = json!({
            "accountId": ACCOUNT_ID,
            "apiId": API_ID,
            "domainName": DOMAIN_NAME,
            "domainPrefix": API_ID,
            "http": {
                "method": self.method,
                "path": self.http_api_2_path(),
                "protocol": "HTTP/1.1",
                "sourceIp": self.source_ip,
                "userAgent": USER_AGENT,
            },
            "requestId": REQUEST_ID,
            "routeKey": self.http_api_2_route_key(),
            "stage": self.stage_or(HTTP_API_STAGE),
            "time": self.request_time(),
            "timeEpoch": self.epoch_millis(),
        });
        if let Some(certificate) = self.certificate() {
            context["authentication"] = json!({ "clientCert": certificate });
        }
        context
    }

    /// Returns `clientCert`. Only the PEM is the request's.
    fn certificate(&self) -> Option<Value> {
        let pem = self.client_certificate.as_ref()?;
        Some(json!({
            "clientCertPem": pem,
            "subjectDN": "CN=client",
            "issuerDN": "CN=issuer",
            "serialNumber": "1",
            "validity": {
                "notBefore": "May 28 12:30:02 2019 GMT",
                "notAfter": "Aug  5 09:36:04 2121 GMT",
            },
        }))
    }

    fn http_api_2_route_key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Returns the path with the stage. It is not documented that named stages are in it.
    fn http_api_2_path(&self) -> String {
        let stage = self.stage.as_ref().map(|stage| format!("/{stage}"));
        format!("{}{}", stage.unwrap_or_default(), self.path)
    }

    fn stage_or<'a>(&'a self, usual: &'a str) -> &'a str {
        self.stage.as_deref().unwrap_or(usual)
    }

    fn http_context(&self, stage: &str) -> Value {
        let mut context = json!({
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
        });
        if let Some(certificate) = self.certificate() {
            context["identity"]["clientCert"] = certificate;
        }
        context
    }

    fn arn(&self, stage: &str) -> String {
        arn(stage, &format!("{}{}", self.method, self.path))
    }
}

/// Makes an authorizer's event one of an integration: without what only authorizers get, with null in
/// place of an empty map, and with the body.
fn of_integration(event: &mut Value, only_for_authorizers: &[&str]) {
    if let Value::Object(members) = event {
        members.retain(|name, _| !only_for_authorizers.contains(&name.as_str()));
        for value in members.values_mut() {
            if value.as_object().is_some_and(Map::is_empty) {
                *value = Value::Null;
            }
        }
        members.insert(String::from("body"), Value::Null);
        members.insert(String::from("isBase64Encoded"), Value::Bool(false));
    }
}

/// Returns the ARN of a WebSocket API's `$connect`, as in its events.
#[must_use]
pub fn connect_arn() -> String {
    arn(STAGE, "$connect")
}

fn arn(stage: &str, route: &str) -> String {
    format!("arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{API_ID}/{stage}/{route}")
}
