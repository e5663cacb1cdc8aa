//! From a decision to the answer that API Gateway understands.
//!
//! See [output for REST and WebSocket](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html)
//! and [for HTTP APIs](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html).

use std::borrow::Cow;

use aws_lambda_events::event::iam::IamPolicyDocument;
use serde::Serialize;
use serde_json::value::RawValue;

use super::policy::{Policy, ResourceScope};
use crate::access::{Permit, Refusal, RouteDecisions};
use crate::context::Context;
use crate::error::{Class, Error};
use crate::gateway::request::{AuthorizerRequest, EventKind, MethodArn};

/// The largest answer that a WebSocket API takes, in bytes.
pub const MAX_ANSWER_LENGTH: usize = 8192;

/// How answers are put, as far as that is a matter of choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseRules {
    /// What a policy covers.
    pub resource_scope: ResourceScope,
    /// What a payload 2.0 event gets.
    pub http_api_response: HttpApiResponse,
    /// What a caller gets who did not prove who they are.
    pub unauthenticated_response: UnauthenticatedResponse,
}

/// What a payload 2.0 event gets; the API's `EnableSimpleResponses` must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpApiResponse {
    /// `isAuthorized` and a context.
    Simple,
    /// A policy, as the other events get.
    Policy,
}

/// What a caller gets who did not prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnauthenticatedResponse {
    /// The function error `Unauthorized`, which API Gateway makes a 401.
    Error,
    /// A Deny, which it makes a 403, and which counts as no failed invocation.
    Deny,
}

/// An answer, as the JSON that is sent.
pub type Answer = Box<RawValue>;

/// A function error: what Lambda reports in the place of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionError {
    /// Lambda's `errorType`.
    pub error_type: &'static str,
    /// Lambda's `errorMessage`, which API Gateway compares with `Unauthorized`.
    pub error_message: String,
}

impl FunctionError {
    /// Says that it cannot be told whether the request may enter.
    #[must_use]
    pub fn fault(error: &Error) -> Self {
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
struct PolicyAnswer<'a> {
    principal_id: &'a str,
    policy_document: IamPolicyDocument,
    context: &'a Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_identifier_key: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SimpleAnswer<'a> {
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
    ) -> Result<Answer, Error> {
        self.answer(request.kind, caller, true, || {
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
    ) -> Result<Answer, Error> {
        // A policy of routes is cached, and the routes that it allows need the context. After any
        // other refusal, nothing behind API Gateway reads it.
        let is_cached = refusal.routes().is_some() && self.reach(request.kind) == Reach::Stage;
        if !is_cached {
            caller.context = Context::default();
        }
        caller.context.set_reason(refusal.error().reason());
        self.answer(request.kind, &caller, false, || {
            self.policy(request, refusal.routes(), Policy::deny)
        })
    }

    /// Refuses a caller who is not known by a Deny, which is a 403.
    ///
    /// # Errors
    ///
    /// [`Error::ContextTooLarge`].
    pub fn deny_unauthenticated(
        &self,
        kind: EventKind,
        arn: &MethodArn<'_>,
        reason: &'static str,
    ) -> Result<Answer, Error> {
        let mut caller = Caller::unauthenticated();
        caller.context.set_reason(reason);
        self.answer(kind, &caller, false, || Policy::deny(arn, self.resource_scope))
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

    fn answer(
        &self,
        kind: EventKind,
        caller: &Caller<'_>,
        is_authorized: bool,
        policy: impl FnOnce() -> Policy,
    ) -> Result<Answer, Error> {
        let context = &caller.context;
        if self.reach(kind) == Reach::NoPolicy {
            return within_limit(&SimpleAnswer { is_authorized, context }, context);
        }
        let answer = PolicyAnswer {
            principal_id: &caller.principal,
            policy_document: policy().into_document(),
            context,
            usage_identifier_key: caller.usage_key.as_deref(),
        };
        within_limit(&answer, context)
    }

    /// Returns the function error that a refusal is, or nothing where it is a Deny.
    #[must_use]
    pub fn function_error(&self, error: &Error) -> Option<FunctionError> {
        match (error.class(), self.unauthenticated_response) {
            (Class::Unauthenticated, UnauthenticatedResponse::Error) => Some(FunctionError {
                error_type: "Unauthorized",
                // API Gateway makes a 401 of exactly this.
                error_message: "Unauthorized".to_owned(),
            }),
            (Class::Unauthenticated, UnauthenticatedResponse::Deny) | (Class::Forbidden, _) => None,
            (Class::Fault, _) => Some(FunctionError::fault(error)),
        }
    }
}

fn within_limit<T: Serialize>(answer: &T, context: &Context<'_>) -> Result<Answer, Error> {
    let answer = serde_json::value::to_raw_value(answer)
        .map_err(|_| Error::UnusableEvent("the answer cannot be written as JSON"))?;
    let length = answer.get().len();
    if length > MAX_ANSWER_LENGTH {
        return Err(Error::ContextTooLarge {
            length,
            limit: MAX_ANSWER_LENGTH,
            biggest: context.biggest(),
        });
    }
    Ok(answer)
}

#[cfg(test)]
mod tests;
