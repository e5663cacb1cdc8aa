//! `explain`: what the function decides on a token or on an event, and why.
//!
//! The decision comes from the pipeline itself. The steps come from [`walk`], which runs the same
//! stages and goes on after a failure, so that an expired token for a wrong audience shows both.
//! Of a token, only its header and its claims are shown: never the token and never the signature.
//!
//! A token alone is judged as if it came in the `Authorization` header of a WebSocket handshake, by
//! the settings without origins and route rules: both are questions about a request.

mod claims;
mod keys;
mod render;
mod report;
mod routes;
mod rules;
mod steps;
mod values;
mod walk;

use std::time::SystemTime;

use serde_json::{Value, json};

pub use report::{Explanation, Outcome, Step};
pub use values::Values;

use self::routes::OtherRoutes;
use self::walk::{Judged, Walk};
use crate::access::{AccessRules, AllowedOrigins};
use crate::authorizer::{Authorizer, UnloggedDecision};
use crate::config::Config;
use crate::error::Error;
use crate::gateway::request::{EventKind, TokenSource};
use crate::gateway::response::{FunctionError, MAX_RESPONSE_LENGTH, Response};
use crate::invocation::Invocation;
use crate::jwks::KeySource;

/// What to explain.
///
/// There is no `Debug`: it has a token.
pub enum Subject {
    /// A token, without a request.
    Token(String),
    /// The JSON of an authorizer event.
    Event(String),
}

impl<S: KeySource> Authorizer<S> {
    /// Explains what [`Authorizer::authorize`] decides. It fetches keys as a request does, and logs no
    /// decision. Claims are checked at the time `at`, or else now.
    pub async fn explain(
        &self,
        subject: &Subject,
        at: Option<SystemTime>,
        values: Values,
        invocation: Invocation<'_>,
    ) -> Explanation {
        let now = at.unwrap_or_else(|| (self.clock)());
        match subject {
            Subject::Event(event) => {
                explain(self, Judged::Request, event, now, values, invocation).await
            }
            Subject::Token(token) => {
                let alone = self.with_config(config_for_token(&self.config));
                let event = event_with_token(token).to_string();
                explain(&alone, Judged::Token, &event, now, values, invocation).await
            }
        }
    }
}

/// Returns the settings without what depends on a request.
fn config_for_token(config: &Config) -> Config {
    Config {
        token_sources: vec![TokenSource::Header("authorization".to_owned())],
        access: AccessRules { allowed_origins: AllowedOrigins::Unrestricted, route_rules: None },
        access_on_trial: None,
        ..config.clone()
    }
}

/// Returns the event of a handshake with a token. The words in capitals are not known.
fn event_with_token(token: &str) -> Value {
    json!({
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/$connect",
        "headers": { "authorization": format!("Bearer {token}") },
    })
}

async fn explain<S: KeySource>(
    authorizer: &Authorizer<S>,
    judged: Judged,
    event: &str,
    now: SystemTime,
    values: Values,
    invocation: Invocation<'_>,
) -> Explanation {
    let walk = Walk::new(authorizer, judged, now, values).run(event, invocation).await;
    let UnloggedDecision { decision, refusal, trial, answer } =
        authorizer.decide_unlogged(event, invocation, now).await;
    let reason = refusal.as_ref().map(|(reason, ..)| *reason);
    let first_failed = walk.steps.0.iter().find(|step| step.outcome == Outcome::Failed);
    let is_of_route = first_failed.is_some_and(|step| step.step == "route");
    let is_explained = first_failed.and_then(|step| step.reason) == reason;
    let client_sees = client_sees(reason, &answer, walk.kind);
    let other_routes = walk.kind.filter(|_| answer.is_ok()).map(|kind| {
        let responses = &authorizer.config.responses;
        let rules = walk.rules.filter(|_| reason.is_none() || is_of_route);
        OtherRoutes::of(
            kind,
            responses.form(kind),
            responses.resource_scope,
            reason.is_none(),
            rules,
        )
    });
    let mut steps = walk.steps;
    if let Some(change) = trial {
        steps.trial(change, values);
    }
    let mut steps = steps.0;
    steps.push(response_step(refusal.filter(|_| !is_explained), &answer));
    let mut reasons: Vec<_> = reason.into_iter().collect();
    for reason in steps.iter().filter_map(|step| step.reason) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    let is_reason = |(reason, _): &&(&str, _)| reasons.contains(reason);
    let answer = answer.ok().and_then(|answer| serde_json::from_str(answer.as_json()).ok());
    Explanation {
        decision,
        reason,
        client_sees,
        event_kind: walk.kind.filter(|_| judged == Judged::Request).map(EventKind::as_str),
        issuer: walk.issuer.map(|issuer| issuer.rules.issuer.to_string()),
        verified: walk.verified,
        claims: walk.claims.map(|claims| values.json(claims)),
        answer: answer.map(|answer| values.answer(answer)),
        other_routes,
        cures: Error::CURES.iter().filter(is_reason).copied().collect(),
        reasons,
        steps,
    }
}

/// Returns the status that the client sees, if the API behind API Gateway accepts an allowed request.
fn client_sees(
    reason: Option<&str>,
    answer: &Result<Response, FunctionError>,
    kind: Option<EventKind>,
) -> u16 {
    match (answer, reason) {
        (Ok(_), None) if kind == Some(EventKind::WebSocket) => 101,
        (Ok(_), None) => 200,
        (Ok(_), Some(_)) => 403,
        (Err(error), _) if error.is_unauthorized() => 401,
        (Err(_), _) => 500,
    }
}

/// Describes the response. `refusal` is the reason of the decision, if no earlier step has it: then
/// the response could not be made.
fn response_step(
    refusal: Option<(&'static str, String, &'static str)>,
    answer: &Result<Response, FunctionError>,
) -> Step {
    let wanted = format!("a response of at most {MAX_RESPONSE_LENGTH} bytes");
    let passed = Step {
        step: "response",
        outcome: Outcome::Passed,
        found: None,
        wanted: Some(wanted),
        cure: None,
        reason: None,
    };
    match (refusal, answer) {
        (Some((reason, message, cure)), _) => Step {
            outcome: Outcome::Failed,
            found: Some(message),
            cure: Some(cure),
            reason: Some(reason),
            ..passed
        },
        (None, Ok(answer)) => {
            Step { found: Some(format!("{} bytes", answer.as_json().len())), ..passed }
        }
        (None, Err(error)) => Step {
            outcome: Outcome::Skipped,
            found: Some(format!("the function error {:?} takes its place", error.error_type)),
            wanted: None,
            ..passed
        },
    }
}

#[cfg(test)]
mod tests;
