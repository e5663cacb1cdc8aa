//! The gateway responses of a REST API.

use hyper::StatusCode;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use serde_json::json;

use super::Challenges;
use crate::authorizer::{Authorization, Refusal};
use crate::client_request::json_answer;
use crate::server::Answer;

/// The gateway responses of this API.
#[derive(Clone, Copy)]
pub(super) enum GatewayResponse {
    Unauthorized,
    ExplicitDeny,
    ImplicitDeny,
    AuthorizerFailure,
    UnknownStage,
    IntegrationFailure,
}

/// Returns the gateway response to a request that may not enter.
pub(super) fn refusal_of(authorization: &Authorization) -> Option<GatewayResponse> {
    let refusal = authorization.decision.as_ref().err()?;
    Some(match refusal {
        Refusal::MissingIdentity | Refusal::Unauthorized => GatewayResponse::Unauthorized,
        Refusal::ExplicitDeny | Refusal::NotAuthorized => GatewayResponse::ExplicitDeny,
        Refusal::ImplicitDeny => GatewayResponse::ImplicitDeny,
        Refusal::Failed(_) | Refusal::NoOutcome(_) | Refusal::Malformed(_) => {
            GatewayResponse::AuthorizerFailure
        }
    })
}

impl GatewayResponse {
    pub(super) fn answer(self, challenges: Option<&Challenges>) -> Answer {
        let (status, error_type, body) = match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "UnauthorizedException",
                json!({ "message": "Unauthorized" }),
            ),
            Self::ExplicitDeny => (
                StatusCode::FORBIDDEN,
                "AccessDeniedException",
                json!({ "Message": "User is not authorized to access this resource with an explicit deny" }),
            ),
            Self::ImplicitDeny => (
                StatusCode::FORBIDDEN,
                "AccessDeniedException",
                json!({ "Message": "User is not authorized to access this resource" }),
            ),
            Self::AuthorizerFailure => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "AuthorizerConfigurationException",
                json!({ "message": null }),
            ),
            Self::UnknownStage => {
                (StatusCode::FORBIDDEN, "ForbiddenException", json!({ "message": "Forbidden" }))
            }
            Self::IntegrationFailure => (
                StatusCode::BAD_GATEWAY,
                "InternalServerErrorException",
                json!({ "message": "Internal server error" }),
            ),
        };
        let mut answer = json_answer(status, &body);
        let headers = answer.headers_mut();
        headers.insert("x-amzn-errortype", HeaderValue::from_static(error_type));
        let challenge = challenges.and_then(|challenges| match self {
            Self::Unauthorized => Some(&challenges.unauthorized),
            Self::ExplicitDeny | Self::ImplicitDeny => Some(&challenges.access_denied),
            Self::AuthorizerFailure | Self::UnknownStage | Self::IntegrationFailure => None,
        });
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        answer
    }
}
