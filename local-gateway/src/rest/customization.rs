//! What an API's owner changes of its gateway responses.
//!
//! The form is that of OpenAPI's `x-amazon-apigateway-gateway-responses`, or of an
//! `AWS::ApiGateway::GatewayResponse` in CloudFormation, by response type.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-gateway-responses.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>
//!
//! Which template is used if there are several is not documented; here it is that of
//! `application/json`, or else the first.

use std::collections::BTreeMap;

use hyper::StatusCode;
use hyper::header::HeaderName;
use serde::Deserialize;

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
pub(super) const DEFAULT_5XX: &str = "DEFAULT_5XX";

/// The beginning of a response parameter's name. Gateway responses have no other parameters.
const HEADER: &str = "gatewayresponse.header.";

/// What an API's owner changes of its gateway responses, by response type.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, Customization>")]
pub struct GatewayResponses(BTreeMap<String, Customization>);

/// What is changed of one gateway response.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Customization {
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
    /// Returns the code, if API Gateway accepts it.
    fn code(&self) -> Option<StatusCode> {
        let code: StatusCode = match self {
            Self::Number(number) => StatusCode::from_u16(*number).ok()?,
            Self::Text(text) => text.parse().ok()?,
        };
        (code.as_u16() < 600).then_some(code)
    }
}

impl GatewayResponses {
    /// Returns what is changed of a response type whose usual status this is, and the status.
    pub(super) fn find(
        &self,
        response_type: &str,
        usual: StatusCode,
    ) -> (Option<&Customization>, StatusCode) {
        let fallback = if usual.is_client_error() { DEFAULT_4XX } else { DEFAULT_5XX };
        let fallback = self.0.get(fallback);
        let custom = self.0.get(response_type).or(fallback);
        let mut statuses = [custom, fallback].into_iter().flatten();
        let changed = statuses.find_map(|custom| custom.status_code.as_ref()?.code());
        (custom, changed.unwrap_or(usual))
    }
}

impl Customization {
    /// Returns the headers, each with the expression of its value.
    pub(super) fn headers(&self) -> impl Iterator<Item = (HeaderName, &str)> {
        let parameters = self.response_parameters.iter();
        parameters.filter_map(|(name, value)| Some((header_name(name)?, value.as_str())))
    }

    /// Returns the content type and the template of the body.
    pub(super) fn template(&self) -> Option<(&str, &str)> {
        let templates = &self.response_templates;
        let template = templates.get_key_value("application/json");
        let (content_type, template) = template.or_else(|| templates.first_key_value())?;
        Some((content_type, template))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_the_forms_of_openapi_and_cloudformation() {
        for accepted in [
            json!({}),
            json!({ "THROTTLED": {} }),
            json!({ "UNAUTHORIZED": { "statusCode": "599" } }),
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
            (
                json!({ "UNAUTHORIZED": { "statusCode": 600 } }),
                "the status code is not one of HTTP",
            ),
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
}
