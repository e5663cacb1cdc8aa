//! The IAM policy of a response.
//!
//! See [output from a Lambda authorizer](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html).

use aws_lambda_events::event::iam::{IamPolicyDocument, IamPolicyEffect, IamPolicyStatement};

use crate::access::{AMBIGUOUS_PATHS, RouteDecisions};
use crate::gateway::request::MethodArn;

/// What an Allow or a Deny covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceScope {
    /// Every route of the stage. API Gateway caches the policy and applies it to the caller's other
    /// routes, which a narrower policy would then refuse.
    Stage,
    /// Every stage of the API.
    Api,
    /// Only the route that was asked about.
    Request,
}

/// The statements of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    statements: Vec<IamPolicyStatement>,
}

impl Policy {
    /// The longest resource that API Gateway accepts, in characters.
    pub(crate) const MAX_ARN_LENGTH: usize = 512;

    const ACTION: &'static str = "execute-api:Invoke";
    const VERSION: &'static str = "2012-10-17";

    /// Allows or denies what `scope` covers.
    pub(super) fn new(effect: IamPolicyEffect, arn: &MethodArn<'_>, scope: ResourceScope) -> Self {
        Self { statements: vec![statement(effect, vec![resource(arn, scope)])] }
    }

    /// Denies the route that was asked about as well.
    ///
    /// A policy can spell a `*` or a `?` of a route only as a wildcard. As `?`, it also denies the
    /// routes that differ in these characters, but none of another length.
    pub(super) fn and_deny(mut self, arn: &MethodArn<'_>) -> Self {
        let asked = [arn.stage(), "/", &arn.route().replace('*', "?")].concat();
        let resource = request_resource(&asked);
        self.statements.push(statement(IamPolicyEffect::Deny, vec![resource]));
        self
    }

    /// Writes the route rules into a policy for the caller's whole stage: an Allow for the rules
    /// that the token meets, a Deny for the others, and a Deny for paths that might bypass a
    /// rule by another spelling. Where a Deny and an Allow match, the Deny wins.
    pub(super) fn of_routes(arn: &MethodArn<'_>, routes: &RouteDecisions<'_>) -> Self {
        let resource = |pattern: &str| [arn.stage(), "/", pattern].concat();
        let allowed = routes.allowed().flat_map(|rule| rule.allowed());
        let allowed: Vec<_> = allowed.map(|pattern| resource(pattern)).collect();
        let denied = routes.denied().flat_map(|rule| rule.denied());
        let denied = denied.map(|pattern| resource(pattern)).collect();
        // Without wildcards, a pattern matches only the spellings that the rule lists.
        let has_wildcard = routes.allowed().any(|rule| rule.pattern().contains(['*', '?']));
        let ambiguous = if has_wildcard { ambiguous_paths(arn) } else { Vec::new() };
        let statements = [
            (IamPolicyEffect::Allow, allowed),
            (IamPolicyEffect::Deny, denied),
            (IamPolicyEffect::Deny, ambiguous),
        ];
        let present = statements.into_iter().filter(|(_, resources)| !resources.is_empty());
        Self {
            statements: present.map(|(effect, resources)| statement(effect, resources)).collect(),
        }
    }

    /// Returns the policy document for API Gateway.
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

/// Returns the resources that match each path of [`AMBIGUOUS_PATHS`].
///
/// They name no region, account, API or stage. With these, they would take most of the 8 kB that a
/// response may have. A policy applies to one API in any case.
fn ambiguous_paths(arn: &MethodArn<'_>) -> Vec<String> {
    let any_api = ["arn:", arn.partition(), ":execute-api:*:*:*"].concat();
    let resource = |start: &str, part: &str, end: &str| [&any_api, start, part, end].concat();
    let within = AMBIGUOUS_PATHS.iter().map(|part| resource("", part, "*"));
    let at_the_end = [
        resource("", "/.", ""),
        resource("", "/..", ""),
        // API, stage, method, a path that is not the root, and a slash.
        resource("/*/", "*/?*/", ""),
    ];
    within.chain(at_the_end).collect()
}

fn resource(arn: &MethodArn<'_>, scope: ResourceScope) -> String {
    match scope {
        ResourceScope::Stage => [arn.stage(), "/*"].concat(),
        ResourceScope::Api => [arn.api(), "/*"].concat(),
        ResourceScope::Request => request_resource(arn.as_str()),
    }
}

/// Returns the ARN, shortened by `*` if the path that the caller chose makes it too long.
fn request_resource(arn: &str) -> String {
    match arn.char_indices().nth(Policy::MAX_ARN_LENGTH) {
        None => arn.to_owned(),
        Some(_) => arn.chars().take(Policy::MAX_ARN_LENGTH - 1).chain(['*']).collect(),
    }
}

#[cfg(test)]
mod tests;
