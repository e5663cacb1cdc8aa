//! The response to API Gateway: a policy, a simple response, or a function error.
//!
//! This is the one place that makes policies. An Allow needs a [`Permit`].
//!
//! See [output for REST and WebSocket](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html)
//! and [for HTTP APIs](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html).

mod policy;

use std::borrow::Cow;

use aws_lambda_events::event::iam::IamPolicyDocument;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::access::{Permit, Refusal, RouteDecisions};
use crate::context::Context;
use crate::error::{Class, Error};
use crate::gateway::request::{AuthorizerRequest, EventKind, MethodArn};

pub use policy::{Policy, ResourceScope};

/// The largest response that a WebSocket API accepts, in bytes.
pub const MAX_RESPONSE_LENGTH: usize = 8192;

/// How to respond, where there is a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseRules {
    /// What an Allow or a Deny covers.
    pub resource_scope: ResourceScope,
    /// The response to a payload 2.0 event.
    pub http_api_response: HttpApiResponse,
    /// The response to a caller who did not prove who they are.
    pub unauthenticated_response: UnauthenticatedResponse,
}

/// The response to a payload 2.0 event. The API's `EnableSimpleResponses` must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpApiResponse {
    /// `isAuthorized` and a context.
    Simple,
    /// A policy, like for other events.
    Policy,
}

/// The response to a caller who did not prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnauthenticatedResponse {
    /// The function error `Unauthorized`, to which API Gateway answers 401.
    Error,
    /// A Deny, to which it answers 403. It does not count as a failed invocation.
    Deny,
}

/// A response, as JSON.
#[derive(Debug, Clone)]
pub struct Response(Box<RawValue>);

impl Response {
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

/// A function error, which Lambda reports instead of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// Lambda's `errorType`.
    pub error_type: &'static str,
    /// Lambda's `errorMessage`, which API Gateway compares with `Unauthorized`.
    pub error_message: String,
}

impl FunctionError {
    /// The caller did not prove who they are. API Gateway answers 401 to exactly this message.
    fn unauthorized() -> Self {
        const UNAUTHORIZED: &str = "Unauthorized";
        Self { error_type: UNAUTHORIZED, error_message: UNAUTHORIZED.to_owned() }
    }

    /// The function cannot decide. API Gateway answers 500.
    fn fault(error: &Error) -> Self {
        Self { error_type: error.reason(), error_message: format!("{}: {error}", error.reason()) }
    }
}

impl From<FunctionError> for lambda_runtime::Diagnostic {
    fn from(error: FunctionError) -> Self {
        Self { error_type: error.error_type.to_owned(), error_message: error.error_message }
    }
}

/// The caller, as functions behind API Gateway see them.
pub struct Caller<'a> {
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

/// The routes that a response is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Those of the whole stage: API Gateway caches the policy for them.
    Stage,
    /// The one that was asked about, in a policy that is not cached.
    Route,
    /// The one that was asked about, without a policy.
    NoPolicy,
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
    /// Tells which routes the response to an event of this kind is about. The response to a
    /// `$connect` is never cached, and about one route it stays within a WebSocket API's limit,
    /// however many rules there are.
    fn reach(&self, kind: EventKind) -> Reach {
        match (kind, self.http_api_response) {
            (EventKind::WebSocket, _) => Reach::Route,
            (EventKind::HttpApi2, HttpApiResponse::Simple) => Reach::NoPolicy,
            (EventKind::HttpApi2, HttpApiResponse::Policy)
            | (EventKind::RestRequest | EventKind::RestToken | EventKind::HttpApi1, _) => {
                Reach::Stage
            }
        }
    }

    /// Lets the request in.
    ///
    /// # Errors
    ///
    /// [`Error::ContextTooLarge`].
    pub fn allow(
        &self,
        request: &AuthorizerRequest<'_>,
        caller: &Caller<'_>,
        permit: &Permit<'_>,
    ) -> Result<Response, Error> {
        self.respond(request.kind, caller, true, || {
            self.policy(request, permit.routes(), Policy::allow)
        })
    }

    /// Refuses a caller who is known, which is a 403.
    ///
    /// # Errors
    ///
    /// [`Error::ContextTooLarge`].
    pub fn deny(
        &self,
        request: &AuthorizerRequest<'_>,
        mut caller: Caller<'_>,
        refusal: &Refusal<'_>,
    ) -> Result<Response, Error> {
        // A policy of routes is cached, and the routes that it allows need the context. After any
        // other refusal, nothing behind API Gateway reads it.
        let is_cached = refusal.routes().is_some() && self.reach(request.kind) == Reach::Stage;
        if !is_cached {
            caller.context = Context::default();
        }
        caller.context.set_reason(refusal.error().reason());
        self.respond(request.kind, &caller, false, || {
            self.policy(request, refusal.routes(), Policy::deny)
        })
    }

    /// Refuses a request whose caller is not known, by a function error or a Deny. `asked` is what
    /// is known of the request.
    ///
    /// # Errors
    ///
    /// The [`FunctionError`], which is a 401 or a 500.
    pub fn refuse(
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
                let policy = || Policy::deny(arn, self.resource_scope);
                self.respond(kind, &caller, false, policy)
                    .map_err(|error| FunctionError::fault(&error))
            }
            (Class::Fault, _, _) | (_, _, None) => Err(FunctionError::fault(error)),
        }
    }

    /// Makes the policy of a response. `one` allows or denies what a resource scope covers.
    fn policy(
        &self,
        request: &AuthorizerRequest<'_>,
        routes: Option<RouteDecisions<'_>>,
        one: impl FnOnce(&MethodArn<'_>, ResourceScope) -> Policy,
    ) -> Policy {
        match (routes, self.reach(request.kind)) {
            (None, _) => one(&request.arn, self.resource_scope),
            (Some(routes), Reach::Stage) => Policy::of_routes(&request.arn, routes),
            (Some(_), Reach::Route | Reach::NoPolicy) => one(&request.arn, ResourceScope::Request),
        }
    }

    fn respond(
        &self,
        kind: EventKind,
        caller: &Caller<'_>,
        is_authorized: bool,
        policy: impl FnOnce() -> Policy,
    ) -> Result<Response, Error> {
        let context = &caller.context;
        if self.reach(kind) == Reach::NoPolicy {
            return within_limit(&SimpleResponse { is_authorized, context }, context);
        }
        let response = PolicyResponse {
            principal_id: &caller.principal,
            policy_document: policy().into_document(),
            context,
            usage_identifier_key: caller.usage_key.as_deref(),
        };
        within_limit(&response, context)
    }
}

fn within_limit<T: Serialize>(response: &T, context: &Context<'_>) -> Result<Response, Error> {
    let json = serde_json::value::to_raw_value(response)
        .map_err(|_| Error::UnusableEvent("the response cannot be written as JSON"))?;
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
