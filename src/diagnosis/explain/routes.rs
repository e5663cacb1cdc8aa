//! What an answer means for the caller's other routes, which API Gateway may answer from its cache.

use crate::access::{RouteDecisions, RouteRule};
use crate::gateway::request::EventKind;
use crate::gateway::response::{Form, ResourceScope};

/// What an answer means for the caller's other routes.
pub(super) enum OtherRoutes {
    /// API Gateway asks for each request, so the answer is for this one only.
    NotCached(&'static str),
    /// One sentence says it for all routes.
    All(String),
    /// The policy contains the route rules.
    ByRule(RulePatterns),
}

/// The patterns of the route rules, as the settings have them.
pub(super) struct RulePatterns {
    /// Those that the token meets.
    pub(super) allowed: Vec<String>,
    /// Those that it does not meet. A request that matches one of each is denied.
    pub(super) denied: Vec<String>,
}

impl RulePatterns {
    /// Takes the patterns of the rules.
    pub(super) fn of(decisions: &RouteDecisions<'_>) -> Self {
        let patterns = |rule: &RouteRule| rule.pattern().to_owned();
        Self {
            allowed: decisions.allowed().map(patterns).collect(),
            denied: decisions.denied().map(patterns).collect(),
        }
    }
}

impl OtherRoutes {
    /// Describes an answer that API Gateway got for an event of this kind.
    pub(super) fn of(
        kind: EventKind,
        form: Form,
        scope: ResourceScope,
        is_allowed: bool,
        rules: Option<RulePatterns>,
    ) -> Self {
        let verb = if is_allowed { "allows" } else { "denies" };
        match (form, rules) {
            (Form::RoutePolicy, _) if kind == EventKind::WebSocket => Self::NotCached(
                "API Gateway does not cache it, and authorizes only the handshake. Messages on the connection are not authorized again.",
            ),
            (Form::StagePolicy, Some(rules)) => Self::ByRule(rules),
            (Form::Simple, _) => Self::All(format!(
                "If API Gateway caches it, it {verb} every route, unless $context.routeKey is an identity source."
            )),
            (Form::StagePolicy | Form::RoutePolicy, _) => Self::All(match scope {
                ResourceScope::Stage => {
                    format!("It {verb} every route of the stage, also from API Gateway's cache.")
                }
                ResourceScope::Api => {
                    format!("It {verb} every route of every stage, also from API Gateway's cache.")
                }
                ResourceScope::Request => format!(
                    "It {verb} this route only. Switch API Gateway's cache off (AUTHORIZER_RESOURCE_SCOPE=request)."
                ),
            }),
        }
    }
}
