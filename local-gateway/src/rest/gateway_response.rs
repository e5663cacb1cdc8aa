//! The gateway responses of a REST API, with what the API's owner changes of them.
//!
//! The form is that of OpenAPI's `x-amazon-apigateway-gateway-responses`, or of a
//! `AWS::ApiGateway::GatewayResponse` in CloudFormation, by response type.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-gateway-responses.html>
//!
//! AWS documents `AUTHORIZER_FAILURE` for an authorizer that "failed to authenticate the caller", and
//! `AUTHORIZER_CONFIGURATION_ERROR` for "failing to connect" to one. [Others] got the latter for every
//! failure, so here the former is accepted, and never sent. Which template is used if there are several
//! is not documented; here it is that of `application/json`, or else the first.
//!
//! [Others]: https://loige.co/debugging-custom-apigateway-authorizers/

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

use super::template::Variables;
use crate::authorizer::{Authorization, Refusal};
use crate::request::Request;
use crate::server::Answer;

/// The response types that AWS documents.
const DOCUMENTED: [&str; 21] = [
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    DEFAULT_4XX,
    DEFAULT_5XX,
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
];

const DEFAULT_4XX: &str = "DEFAULT_4XX";
const DEFAULT_5XX: &str = "DEFAULT_5XX";

/// The beginning of a response parameter's name. Gateway responses have no other parameters.
const HEADER: &str = "gatewayresponse.header.";

/// What an API's owner changes of its gateway responses, by response type.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, Customization>")]
pub struct GatewayResponses(BTreeMap<String, Customization>);

/// What is changed of one gateway response.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Customization {
    #[serde(default, alias = "StatusCode")]
    status_code: Option<Status>,
    /// Values by names such as `gatewayresponse.header.WWW-Authenticate`.
    #[serde(default, alias = "ResponseParameters")]
    response_parameters: BTreeMap<String, String>,
    /// Bodies by content type.
    #[serde(default, alias = "ResponseTemplates")]
    response_templates: BTreeMap<String, String>,
}

/// A status code. YAML and JSON have it as a number or as a string.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Status {
    Number(u16),
    Text(String),
}

impl Status {
    fn code(&self) -> Option<StatusCode> {
        match self {
            Self::Number(number) => StatusCode::from_u16(*number).ok(),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

/// Why API Gateway does not accept gateway responses.
#[derive(Debug, thiserror::Error)]
enum NotAccepted {
    #[error("there is no gateway response type `{0}`; the types are {types}", types = DOCUMENTED.join(", "))]
    Type(String),
    #[error("{0}: the status code is not one of HTTP")]
    Status(String),
    #[error("{0}: `{1}` is not a header such as `{HEADER}WWW-Authenticate`")]
    Parameter(String, String),
}

impl TryFrom<BTreeMap<String, Customization>> for GatewayResponses {
    type Error = String;

    fn try_from(responses: BTreeMap<String, Customization>) -> Result<Self, String> {
        let check = || -> Result<(), NotAccepted> {
            for (name, custom) in &responses {
                if !DOCUMENTED.contains(&name.as_str()) {
                    return Err(NotAccepted::Type(name.clone()));
                }
                if custom.status_code.as_ref().is_some_and(|status| status.code().is_none()) {
                    return Err(NotAccepted::Status(name.clone()));
                }
                let mut parameters = custom.response_parameters.keys();
                if let Some(other) = parameters.find(|parameter| header_name(parameter).is_none()) {
                    return Err(NotAccepted::Parameter(name.clone(), other.clone()));
                }
            }
            Ok(())
        };
        check().map_err(|error| error.to_string())?;
        Ok(Self(responses))
    }
}

fn header_name(parameter: &str) -> Option<HeaderName> {
    parameter.strip_prefix(HEADER)?.parse().ok()
}

/// A gateway response that this API sends.
#[derive(Clone, Copy, Debug)]
pub(super) enum GatewayResponse {
    Unauthorized,
    ExplicitDeny,
    ImplicitDeny,
    AuthorizerFailure,
    InvalidApiKey,
    UnknownStage,
    IntegrationFailure,
}

/// What a gateway response is without a change.
struct Usual {
    /// Empty if there is no API whose owner could change it.
    response_type: &'static str,
    status: StatusCode,
    /// The header `x-amzn-errortype`.
    error_type: &'static str,
    /// The name of the message in the body.
    key: &'static str,
    message: Option<&'static str>,
}

/// Returns the gateway response to a request that may not enter.
pub(super) fn refusal_of(authorization: &Authorization) -> Option<GatewayResponse> {
    let refusal = authorization.decision.as_ref().err()?;
    Some(match refusal {
        Refusal::MissingIdentity | Refusal::InvalidToken | Refusal::Unauthorized => {
            GatewayResponse::Unauthorized
        }
        Refusal::ExplicitDeny | Refusal::NotAuthorized => GatewayResponse::ExplicitDeny,
        Refusal::ImplicitDeny => GatewayResponse::ImplicitDeny,
        Refusal::InvalidApiKey => GatewayResponse::InvalidApiKey,
        Refusal::Failed(_) | Refusal::NoOutcome(_) | Refusal::Malformed(_) => {
            GatewayResponse::AuthorizerFailure
        }
    })
}

impl GatewayResponse {
    fn usual(self) -> Usual {
        let (response_type, status, error_type, message) = match self {
            Self::Unauthorized => {
                ("UNAUTHORIZED", 401, "UnauthorizedException", Some("Unauthorized"))
            }
            Self::ExplicitDeny => (
                "ACCESS_DENIED",
                403,
                "AccessDeniedException",
                Some("User is not authorized to access this resource with an explicit deny"),
            ),
            Self::ImplicitDeny => (
                "ACCESS_DENIED",
                403,
                "AccessDeniedException",
                Some("User is not authorized to access this resource"),
            ),
            Self::AuthorizerFailure => {
                ("AUTHORIZER_CONFIGURATION_ERROR", 500, "AuthorizerConfigurationException", None)
            }
            Self::InvalidApiKey => {
                ("INVALID_API_KEY", 403, "ForbiddenException", Some("Forbidden"))
            }
            Self::UnknownStage => ("", 403, "ForbiddenException", Some("Forbidden")),
            Self::IntegrationFailure => (
                "INTEGRATION_FAILURE",
                502,
                "InternalServerErrorException",
                Some("Internal server error"),
            ),
        };
        let key = if response_type == "ACCESS_DENIED" { "Message" } else { "message" };
        let status = StatusCode::from_u16(status).unwrap_or_default();
        Usual { response_type, status, error_type, key, message }
    }

    /// Returns what is changed of this gateway response, and its status.
    fn change(self, responses: &GatewayResponses) -> (Option<&Customization>, StatusCode) {
        let Usual { response_type, status, .. } = self.usual();
        if response_type.is_empty() {
            return (None, status);
        }
        let fallback = if status.is_client_error() { DEFAULT_4XX } else { DEFAULT_5XX };
        let fallback = responses.0.get(fallback);
        let custom = responses.0.get(response_type).or(fallback);
        let mut statuses = [custom, fallback].into_iter().flatten();
        let changed = statuses.find_map(|custom| custom.status_code.as_ref()?.code());
        (custom, changed.unwrap_or(status))
    }

    /// Returns the response to a request.
    pub(super) fn answer(
        self,
        responses: &GatewayResponses,
        request: &Request,
        authorization: Option<&Authorization>,
    ) -> Answer {
        let Usual { response_type, error_type, key, message, .. } = self.usual();
        let (custom, status) = self.change(responses);
        let variables = Variables::new(request, authorization, response_type, message);
        let template = custom.and_then(|custom| {
            let templates = &custom.response_templates;
            templates.get_key_value("application/json").or_else(|| templates.first_key_value())
        });
        let usual_body = || format!("{{\"{key}\":{}}}", Value::from(message));
        let (content_type, body) = match template {
            Some((content_type, template)) => (content_type.as_str(), variables.fill(template)),
            None => ("application/json", usual_body()),
        };
        let mut answer = Answer::new(Bytes::from(body).into());
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert("x-amzn-errortype", HeaderValue::from_static(error_type));
        if let Ok(content_type) = HeaderValue::from_str(content_type) {
            headers.insert(CONTENT_TYPE, content_type);
        }
        for (parameter, expression) in custom.iter().flat_map(|it| &it.response_parameters) {
            let value = variables.parameter(expression);
            let value = value.and_then(|value| HeaderValue::from_str(&value).ok());
            if let (Some(name), Some(value)) = (header_name(parameter), value) {
                headers.insert(name, value);
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_the_forms_of_openapi_and_cloudformation() {
        for accepted in [
            json!({}),
            json!({ "THROTTLED": {} }),
            json!({ "UNAUTHORIZED": { "statusCode": "418" } }),
            json!({ "DEFAULT_5XX": { "StatusCode": 418 } }),
            json!({ "ACCESS_DENIED": { "ResponseTemplates": { "text/plain": "no" } } }),
            json!({ "UNAUTHORIZED": { "responseParameters": { "gatewayresponse.header.A": "'a'" } } }),
        ] {
            let read = serde_json::from_value::<GatewayResponses>(accepted.clone());
            assert!(read.is_ok(), "{accepted}: {read:?}");
        }
        for (refused, message) in [
            (json!({ "UNAUTHORISED": {} }), "there is no gateway response type `UNAUTHORISED`"),
            (json!({ "UNAUTHORIZED": { "statusCode": 99 } }), "the status code is not one of HTTP"),
            (json!({ "UNAUTHORIZED": { "statusCode": "4XX" } }), "the status code is not one"),
            (
                json!({ "UNAUTHORIZED": { "responseParameters": { "WWW-Authenticate": "'a'" } } }),
                "`WWW-Authenticate` is not a header such as `gatewayresponse.header.",
            ),
            (json!({ "UNAUTHORIZED": { "status": 1 } }), "unknown field `status`"),
        ] {
            let error = serde_json::from_value::<GatewayResponses>(refused).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn nobody_changes_the_answer_of_an_unknown_stage() {
        let responses = json!({ "DEFAULT_4XX": { "statusCode": 418 } });
        let responses = serde_json::from_value(responses).unwrap();
        let request = Request::new("GET", "/");
        let answer = GatewayResponse::UnknownStage.answer(&responses, &request, None);
        assert_eq!(answer.status(), 403);
        let answer = GatewayResponse::Unauthorized.answer(&responses, &request, None);
        assert_eq!(answer.status(), 418);
    }

    #[test]
    fn sends_a_template_of_another_content_type() {
        let responses = json!({ "UNAUTHORIZED": { "responseTemplates": { "text/html": "<p>" } } });
        let responses = serde_json::from_value(responses).unwrap();
        let request = Request::new("GET", "/");
        let answer = GatewayResponse::Unauthorized.answer(&responses, &request, None);
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/html");
        let usual = GatewayResponses::default();
        let answer = GatewayResponse::Unauthorized.answer(&usual, &request, None);
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    }
}
