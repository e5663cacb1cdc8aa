//! The response to API Gateway: a policy, a simple response, or a function error.
//!
//! This is the one place that makes policies. An Allow needs a [`Permit`].
//!
//! See [output for REST and WebSocket](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html)
//! and [for HTTP APIs](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html).

mod function_error;
mod policy;

use std::borrow::Cow;

use aws_lambda_events::event::iam::{IamPolicyDocument, IamPolicyEffect};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::access::{Permit, Refusal, RouteDecisions};
use crate::context::Context;
use crate::error::{Class, Error};
use crate::gateway::request::{AuthorizerRequest, EventKind, MethodArn};

pub use function_error::FunctionError;
pub(crate) use policy::{Policy, ResourceScope};

/// The largest response that a WebSocket API accepts, in bytes.
pub(crate) const MAX_RESPONSE_LENGTH: usize = 8192;

/// How to respond, where there is a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResponseRules {
    /// What an Allow or a Deny covers.
    pub resource_scope: ResourceScope,
    /// The response to a payload 2.0 event.
    pub http_api_response: HttpApiResponse,
    /// The response to a caller who did not prove who they are.
    pub unauthenticated_response: UnauthenticatedResponse,
}

/// The response to a payload 2.0 event. The API's `EnableSimpleResponses` must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpApiResponse {
    /// `isAuthorized` and a context.
    Simple,
    /// A policy, like for other events.
    Policy,
}

/// The response to a caller who did not prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnauthenticatedResponse {
    /// The function error `Unauthorized`, to which API Gateway answers 401.
    Error,
    /// A Deny, to which it answers 403. It does not count as a failed invocation.
    Deny,
}

/// A response, as JSON.
#[derive(Debug, Clone)]
pub struct Response(Box<RawValue>);

impl Response {
    /// Makes the response to a direct invocation, which is not for API Gateway.
    ///
    /// # Errors
    ///
    /// [`FunctionError`] if the report cannot be written as JSON.
    pub(crate) fn of_report(report: &impl Serialize) -> Result<Self, FunctionError> {
        let json = serde_json::value::to_raw_value(report);
        json.map(Self).map_err(|error| FunctionError::of_diagnosis(&error.to_string()))
    }

    /// Makes the response of an integration to API Gateway.
    ///
    /// # Errors
    ///
    /// [`FunctionError`] if it cannot be written as JSON.
    pub(crate) fn of_integration(response: &impl Serialize) -> Result<Self, FunctionError> {
        let json = serde_json::value::to_raw_value(response);
        json.map(Self).map_err(|_| FunctionError::fault(&UNWRITABLE))
    }

    /// Returns the JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

impl Serialize for Response {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The caller, as functions behind API Gateway see them.
pub(crate) struct Caller<'a> {
    /// The policy's `principalId`.
    pub principal: Cow<'a, str>,
    /// The API key of a REST API's usage plan.
    pub usage_key: Option<Cow<'a, str>>,
    /// The context.
    pub context: Context<'a>,
}

impl Caller<'_> {
    fn unauthenticated() -> Self {
        let principal = Cow::Borrowed("unauthenticated");
        Self { principal, usage_key: None, context: Context::default() }
    }
}

/// The form of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A policy that API Gateway may cache and apply to every route of the stage.
    StagePolicy,
    /// A policy that is used once, for the route that was asked about.
    RoutePolicy,
    /// `isAuthorized`, without a policy.
    Simple,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyResponse<'a> {
    principal_id: &'a str,
    policy_document: IamPolicyDocument,
    context: &'a Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_identifier_key: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SimpleResponse<'a> {
    is_authorized: bool,
    context: &'a Context<'a>,
}

impl ResponseRules {
    /// Returns the form of the response to an event. The response to a `$connect` is never cached.
    /// A policy for this route alone stays within a WebSocket API's limit, however many rules there
    /// are.
    pub(crate) fn form(&self, kind: EventKind) -> Form {
        match (kind, self.http_api_response) {
            (EventKind::WebSocket, _) => Form::RoutePolicy,
            (EventKind::HttpApi2, HttpApiResponse::Simple) => Form::Simple,
            (EventKind::HttpApi2, HttpApiResponse::Policy)
            | (EventKind::RestRequest | EventKind::RestToken | EventKind::HttpApi1, _) => {
                Form::StagePolicy
            }
        }
    }

    /// Allows the request.
    ///
    /// # Errors
    ///
    /// [`Error::ContextTooLarge`] if the response is too large.
    pub(crate) fn allow(
        &self,
        request: &AuthorizerRequest<'_>,
        caller: &Caller<'_>,
        permit: &Permit<'_>,
    ) -> Result<Response, Error> {
        let policy =
            self.policy(request.kind, &request.arn, IamPolicyEffect::Allow, permit.routes());
        respond(caller, true, policy)
    }

    /// Denies the request of a caller who is known. API Gateway answers 403.
    ///
    /// # Errors
    ///
    /// [`Error::ContextTooLarge`] if the response is too large.
    pub(crate) fn deny(
        &self,
        request: &AuthorizerRequest<'_>,
        mut caller: Caller<'_>,
        refusal: &Refusal<'_>,
    ) -> Result<Response, Error> {
        // API Gateway may apply a policy for routes to another route, and allow that one. Only then
        // does anything read the context of a Deny.
        let allows_routes =
            refusal.routes().is_some() && self.form(request.kind) == Form::StagePolicy;
        if !allows_routes {
            caller.context = Context::default();
        }
        caller.context.set_reason(refusal.error().reason());
        let mut policy =
            self.policy(request.kind, &request.arn, IamPolicyEffect::Deny, refusal.routes());
        if matches!(refusal.error(), Error::AmbiguousPath) {
            // The policy for routes cannot deny each ambiguous path, so it denies this one by name.
            policy = policy.map(|policy| policy.and_deny(&request.arn));
        }
        respond(&caller, false, policy)
    }

    /// Refuses a request whose caller is not known, by a function error or a Deny. `asked` is what
    /// is known of the request.
    ///
    /// # Errors
    ///
    /// The [`FunctionError`], which is a 401 or a 500.
    pub(crate) fn refuse(
        &self,
        error: &Error,
        asked: Option<(EventKind, &MethodArn<'_>)>,
    ) -> Result<Response, FunctionError> {
        match (error.class(), self.unauthenticated_response, asked) {
            (Class::Unauthenticated, UnauthenticatedResponse::Error, _) => {
                Err(FunctionError::unauthorized())
            }
            (Class::Unauthenticated | Class::Forbidden, _, Some((kind, arn))) => {
                let mut caller = Caller::unauthenticated();
                caller.context.set_reason(error.reason());
                let policy = self.policy(kind, arn, IamPolicyEffect::Deny, None);
                respond(&caller, false, policy).map_err(|error| FunctionError::fault(&error))
            }
            (Class::Fault, _, _) | (_, _, None) => Err(FunctionError::fault(error)),
        }
    }

    /// Returns the policy of a response, or `None` for a simple response.
    fn policy(
        &self,
        kind: EventKind,
        arn: &MethodArn<'_>,
        effect: IamPolicyEffect,
        routes: Option<&RouteDecisions<'_>>,
    ) -> Option<Policy> {
        let scope = match (self.form(kind), routes) {
            (Form::Simple, _) => return None,
            (Form::StagePolicy, Some(routes)) => return Some(Policy::of_routes(arn, routes)),
            (Form::RoutePolicy, Some(_)) => ResourceScope::Request,
            (Form::StagePolicy | Form::RoutePolicy, None) => self.resource_scope,
        };
        Some(Policy::new(effect, arn, scope))
    }
}

const UNWRITABLE: Error = Error::unusable_event("the response cannot be written as JSON");

fn respond(
    caller: &Caller<'_>,
    is_authorized: bool,
    policy: Option<Policy>,
) -> Result<Response, Error> {
    let context = &caller.context;
    match policy {
        None => within_limit(&SimpleResponse { is_authorized, context }, context),
        Some(policy) => {
            let response = PolicyResponse {
                principal_id: &caller.principal,
                policy_document: policy.into_document(),
                context,
                usage_identifier_key: caller.usage_key.as_deref(),
            };
            within_limit(&response, context)
        }
    }
}

fn within_limit<T: Serialize>(response: &T, context: &Context<'_>) -> Result<Response, Error> {
    let json = serde_json::value::to_raw_value(response).map_err(|_| UNWRITABLE)?;
    let length = json.get().len();
    if length > MAX_RESPONSE_LENGTH {
        return Err(Error::ContextTooLarge {
            length,
            limit: MAX_RESPONSE_LENGTH,
            largest: context.largest_values(),
        });
    }
    Ok(Response(json))
}

#[cfg(test)]
mod tests;
