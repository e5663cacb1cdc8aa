//! From a decision to the answer that API Gateway understands.
//!
//! See [output for REST and WebSocket](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html)
//! and [for HTTP APIs](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html).

use std::borrow::Cow;

use aws_lambda_events::event::iam::IamPolicyDocument;
use serde::Serialize;
use serde_json::value::RawValue;

use super::arn::MethodArn;
use super::event::EventKind;
use super::policy::{Policy, PolicyReach, ResourceScope};
use crate::context::Context;
use crate::error::{Class, Error};

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

/// What an answer says, whether it lets the request in or not.
pub struct Verdict<'a> {
    /// Whom the answer is about.
    pub principal: Cow<'a, str>,
    /// The API key of a REST API's usage plan.
    pub usage_key: Option<Cow<'a, str>>,
    /// What downstream functions see.
    pub context: Context<'a>,
    /// The policy of the route rules, which holds for the whole stage. Without
    /// them, what [`ResponseRules`] say is allowed or denied.
    pub routes: Option<Policy>,
}

impl Verdict<'_> {
    /// Says of a caller who is not known that they are refused.
    #[must_use]
    pub fn unauthenticated() -> Self {
        let principal = Cow::Borrowed("unauthenticated");
        Self { principal, usage_key: None, context: Context::default(), routes: None }
    }
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
    /// Tells for which routes the answer to an event of this kind speaks. A
    /// `$connect` is never cached, and answered alone it stays within a WebSocket
    /// API's limit however many rules there are.
    #[must_use]
    pub fn policy_reach(&self, kind: EventKind) -> PolicyReach {
        match (kind, self.http_api_response) {
            (EventKind::WebSocket, _) => PolicyReach::Route,
            (EventKind::HttpApi2, HttpApiResponse::Simple) => PolicyReach::NoPolicy,
            (EventKind::HttpApi2, HttpApiResponse::Policy)
            | (EventKind::RestRequest | EventKind::RestToken | EventKind::HttpApi1, _) => {
                PolicyReach::Stage
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
        kind: EventKind,
        arn: &MethodArn<'_>,
        verdict: Verdict<'_>,
    ) -> Result<Answer, Error> {
        self.answer(kind, verdict, true, || Policy::allow(arn, self.resource_scope))
    }

    /// Refuses the request with an answer, which is a 403.
    ///
    /// # Errors
    ///
    /// [`Error::ContextTooLarge`].
    pub fn deny(
        &self,
        kind: EventKind,
        arn: &MethodArn<'_>,
        mut verdict: Verdict<'_>,
        reason: &'static str,
    ) -> Result<Answer, Error> {
        // A policy of routes is cached, and those that it allows need the context. Any other refusal
        // lets nobody in who could read it.
        let is_cached = verdict.routes.is_some() && self.policy_reach(kind) == PolicyReach::Stage;
        if !is_cached {
            verdict.context = Context::default();
        }
        verdict.context.set_reason(reason);
        self.answer(kind, verdict, false, || Policy::deny(arn, self.resource_scope))
    }

    fn answer(
        &self,
        kind: EventKind,
        verdict: Verdict<'_>,
        is_authorized: bool,
        whole: impl FnOnce() -> Policy,
    ) -> Result<Answer, Error> {
        let context = &verdict.context;
        if self.policy_reach(kind) == PolicyReach::NoPolicy {
            return within_limit(&SimpleAnswer { is_authorized, context }, context);
        }
        let answer = PolicyAnswer {
            principal_id: &verdict.principal,
            policy_document: verdict.routes.unwrap_or_else(whole).into_document(),
            context,
            usage_identifier_key: verdict.usage_key.as_deref(),
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
#[path = "response_tests.rs"]
mod tests;
