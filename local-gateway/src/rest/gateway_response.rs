//! The gateway responses of a REST API: what the client gets in place of an integration's response.
//!
//! AWS documents `AUTHORIZER_FAILURE` for an authorizer that "failed to authenticate the caller", and
//! `AUTHORIZER_CONFIGURATION_ERROR` for "failing to connect" to one. [Others] got the latter for every
//! failure, so the former is never sent here.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html>
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>
//!
//! [Others]: https://loige.co/debugging-custom-apigateway-authorizers/

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;

use super::customization::{Customization, DEFAULT_5XX, GatewayResponses};
use super::template::Variables;
use crate::authorizer::{Authorization, Refusal};
use crate::integration::IntegrationError;
use crate::request::Request;
use crate::server::Answer;

/// The type of a response to a denied request.
const ACCESS_DENIED: &str = "ACCESS_DENIED";

/// A gateway response that this API sends.
#[derive(Clone, Copy, Debug)]
pub(super) enum GatewayResponse {
    Unauthorized,
    ExplicitDeny,
    ImplicitDeny,
    AuthorizerFailure,
    InvalidApiKey,
    UnknownStage,
    RequestTooLarge,
    IntegrationFailure,
    IntegrationTimeout,
    MalformedResponse,
}

/// What a gateway response is without a change.
struct Usual {
    /// None if there is no API whose owner could change it.
    response_type: Option<&'static str>,
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
    /// Returns the gateway response to a request whose proxy integration has no response.
    pub(super) fn of_integration(error: &IntegrationError) -> Self {
        if error.is_timeout() { Self::IntegrationTimeout } else { Self::MalformedResponse }
    }

    fn usual(self) -> Usual {
        let (response_type, status, error_type, message) = match self {
            Self::Unauthorized => {
                (Some("UNAUTHORIZED"), 401, "UnauthorizedException", Some("Unauthorized"))
            }
            Self::ExplicitDeny => (
                Some(ACCESS_DENIED),
                403,
                "AccessDeniedException",
                Some("User is not authorized to access this resource with an explicit deny"),
            ),
            Self::ImplicitDeny => (
                Some(ACCESS_DENIED),
                403,
                "AccessDeniedException",
                Some("User is not authorized to access this resource"),
            ),
            Self::AuthorizerFailure => (
                Some("AUTHORIZER_CONFIGURATION_ERROR"),
                500,
                "AuthorizerConfigurationException",
                None,
            ),
            Self::InvalidApiKey => {
                (Some("INVALID_API_KEY"), 403, "ForbiddenException", Some("Forbidden"))
            }
            Self::UnknownStage => (None, 403, "ForbiddenException", Some("Forbidden")),
            Self::RequestTooLarge => (
                Some("REQUEST_TOO_LARGE"),
                413,
                "RequestTooLargeException",
                Some("Request Too Long"),
            ),
            Self::IntegrationFailure => (
                Some("INTEGRATION_FAILURE"),
                504,
                "InternalServerErrorException",
                Some("Network error communicating with endpoint"),
            ),
            Self::IntegrationTimeout => (
                Some("INTEGRATION_TIMEOUT"),
                504,
                "InternalServerErrorException",
                Some("Endpoint request timed out"),
            ),
            Self::MalformedResponse => (
                Some(DEFAULT_5XX),
                502,
                "InternalServerErrorException",
                Some("Internal server error"),
            ),
        };
        let key = if response_type == Some(ACCESS_DENIED) { "Message" } else { "message" };
        let status = StatusCode::from_u16(status).unwrap_or_default();
        Usual { response_type, status, error_type, key, message }
    }

    /// Returns the response to a request.
    pub(super) fn answer(
        self,
        responses: &GatewayResponses,
        request: &Request,
        authorization: Option<&Authorization>,
    ) -> Answer {
        let Usual { response_type, status, error_type, key, message } = self.usual();
        let (custom, status) = match response_type {
            None => (None, status),
            Some(response_type) => responses.find(response_type, status),
        };
        let response_type = response_type.unwrap_or_default();
        let variables = Variables::new(request, authorization, response_type, message);
        let (content_type, body) = match custom.and_then(Customization::template) {
            Some((content_type, template)) => (content_type, variables.fill(template)),
            None => ("application/json", format!("{{\"{key}\":{}}}", Value::from(message))),
        };
        let mut answer = Answer::new(Bytes::from(body).into());
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert("x-amzn-errortype", HeaderValue::from_static(error_type));
        if let Ok(content_type) = HeaderValue::from_str(content_type) {
            headers.insert(CONTENT_TYPE, content_type);
        }
        for (name, expression) in custom.into_iter().flat_map(Customization::headers) {
            let value = variables.parameter(expression);
            if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
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
