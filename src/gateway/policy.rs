//! The IAM policy of an answer.
//!
//! See [output from a Lambda authorizer](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html).

use aws_lambda_events::event::iam::{IamPolicyDocument, IamPolicyEffect, IamPolicyStatement};

use super::arn::MethodArn;

/// What an Allow or a Deny covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceScope {
    /// Every route of the stage. API Gateway caches the policy for the caller's
    /// other routes, which a narrower one would then refuse.
    Stage,
    /// Every stage of the API.
    Api,
    /// Only the request that was asked about.
    Request,
}

/// For which routes the answer to one request speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyReach {
    /// For those of the whole stage: API Gateway keeps the policy for them.
    Stage,
    /// For the one that was asked about, in a policy that is not kept.
    Route,
    /// For the one that was asked about, without a policy.
    NoPolicy,
}

/// The policy statements of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<IamPolicyStatement>,
}

impl Policy {
    /// The longest resource that API Gateway takes, in characters.
    pub const MAX_ARN_LENGTH: usize = 512;

    const ACTION: &'static str = "execute-api:Invoke";
    const VERSION: &'static str = "2012-10-17";

    /// Allows what `scope` covers of the ARN that was asked about.
    #[must_use]
    pub fn allow(arn: &MethodArn<'_>, scope: ResourceScope) -> Self {
        Self { statements: vec![statement(IamPolicyEffect::Allow, vec![resource(arn, scope)])] }
    }

    /// Denies what `scope` covers of the ARN that was asked about.
    #[must_use]
    pub fn deny(arn: &MethodArn<'_>, scope: ResourceScope) -> Self {
        Self { statements: vec![statement(IamPolicyEffect::Deny, vec![resource(arn, scope)])] }
    }

    /// Allows and denies routes of the ARN's stage; of one that is both, the
    /// denial holds.
    #[must_use]
    pub fn of_routes<'r>(
        arn: &MethodArn<'_>,
        allowed: impl Iterator<Item = &'r str>,
        denied: impl Iterator<Item = &'r str>,
    ) -> Self {
        let resource = |route: &str| [arn.stage(), "/", route].concat();
        let effects = [
            (IamPolicyEffect::Allow, allowed.map(resource).collect::<Vec<_>>()),
            (IamPolicyEffect::Deny, denied.map(resource).collect()),
        ];
        let present = effects.into_iter().filter(|(_, resources)| !resources.is_empty());
        Self {
            statements: present.map(|(effect, resources)| statement(effect, resources)).collect(),
        }
    }

    /// Returns the policy as the document that API Gateway reads.
    #[must_use]
    pub(super) fn into_document(self) -> IamPolicyDocument {
        let mut document = IamPolicyDocument::default();
        document.version = Some(Self::VERSION.to_owned());
        document.statement = self.statements;
        document
    }
}

fn statement(effect: IamPolicyEffect, resources: Vec<String>) -> IamPolicyStatement {
    let mut statement = IamPolicyStatement::default();
    statement.action = vec![Policy::ACTION.to_owned()];
    statement.effect = effect;
    statement.resource = resources;
    statement
}

fn resource(arn: &MethodArn<'_>, scope: ResourceScope) -> String {
    match scope {
        ResourceScope::Stage => [arn.stage(), "/*"].concat(),
        ResourceScope::Api => [arn.api(), "/*"].concat(),
        ResourceScope::Request => request_resource(arn.as_str()),
    }
}

/// A caller chooses the path, so it may be longer than a resource can be. Then
/// its beginning has to stand for it.
fn request_resource(arn: &str) -> String {
    match arn.char_indices().nth(Policy::MAX_ARN_LENGTH) {
        None => arn.to_owned(),
        Some(_) => arn.chars().take(Policy::MAX_ARN_LENGTH - 1).chain(['*']).collect(),
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
