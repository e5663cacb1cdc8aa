//! The events for the function, and the answers that they must get.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_gateway::invocation::FunctionError;
use local_gateway::policy::{self, PolicyDecision};
use local_gateway::request::Request;
use serde_json::Value;

use crate::Failure;
use crate::keys::{SUBJECT, unsigned};
use crate::random::Random;
use crate::runtime_api::Answer;
use crate::world::World;

/// A token's place in a template. `TOKEN` alone is a type of event.
const TOKEN: &str = "<TOKEN>";

/// What a request must get.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// The token is valid, and signed by the key with this number. If it was withdrawn, then when.
    AllowedIf { key: usize, withdrawn: Option<Duration> },
    /// The token is invalid.
    Refused,
    /// The event is not one of an authorizer.
    Unusable,
}

/// The outcome of an invocation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Allowed,
    /// The error that the function reported.
    Error(String),
}

/// Makes events of several kinds of APIs.
pub(crate) struct Requests {
    templates: Vec<Template>,
}

/// An event without a token.
struct Template {
    parts: Vec<String>,
    arn: String,
    /// The answers that allow the request. There is one for all valid tokens of an issuer.
    allowed: Vec<Vec<u8>>,
}

impl Requests {
    pub(crate) fn new() -> Self {
        let request = Request::new("GET", "/orders/42").bearer(TOKEN);
        let events = [
            Request::handshake().bearer(TOKEN).websocket_connect(),
            request.rest_request(),
            request.rest_token(),
            request.http_api_1(),
        ];
        Self { templates: events.iter().map(Template::new).collect() }
    }

    /// Writes a random event. Returns the number of its template, and what it must get.
    pub(crate) fn write(
        &self,
        event: &mut String,
        world: &World,
        random: &mut Random,
    ) -> Result<(usize, Expected), Failure> {
        let number = usize::try_from(random.below(self.templates.len() as u64))?;
        let template = &self.templates[number];
        event.clear();
        let (key_number, key, withdrawn) = world.any_key(random);
        let expected = match random.below(20) {
            0..=11 => {
                template.write(event, &key.valid);
                Expected::AllowedIf { key: key_number, withdrawn }
            }
            12..=15 => {
                template.write(event, random.one_of(&key.invalid).map_or("", String::as_str));
                Expected::Refused
            }
            16..=18 => {
                template.write(event, &unknown(&key.valid, random));
                Expected::Refused
            }
            _ => {
                event.push_str(r#"{"type":"REQUEST"}"#);
                Expected::Unusable
            }
        };
        Ok((number, expected))
    }

    /// Returns the outcome, and fails if it is not one of those that are expected.
    pub(crate) fn check(
        &mut self,
        template: usize,
        expected: Expected,
        answer: &Answer<'_>,
    ) -> Result<Outcome, Failure> {
        let outcome = if answer.is_response {
            self.templates[template].check_allowed(answer.body)?;
            Outcome::Allowed
        } else {
            let error: FunctionError = serde_json::from_slice(answer.body)?;
            Outcome::Error(error.error_type)
        };
        let is_expected = match (&outcome, expected) {
            (Outcome::Allowed, Expected::AllowedIf { .. }) => true,
            (Outcome::Allowed, Expected::Refused | Expected::Unusable) => false,
            (Outcome::Error(error), Expected::AllowedIf { .. } | Expected::Refused) => {
                ["Unauthorized", "keys_unavailable"].contains(&error.as_str())
            }
            (Outcome::Error(error), Expected::Unusable) => error == "unusable_event",
        };
        if is_expected {
            Ok(outcome)
        } else {
            Err(format!("{outcome:?}, but {expected:?}: {}", answer.body.escape_ascii()).into())
        }
    }
}

impl Template {
    fn new(event: &Value) -> Self {
        let arn = event["methodArn"].as_str().or_else(|| event["routeArn"].as_str());
        Self {
            parts: event.to_string().split(TOKEN).map(str::to_owned).collect(),
            arn: arn.unwrap_or_default().to_owned(),
            allowed: Vec::new(),
        }
    }

    fn write(&self, event: &mut String, token: &str) {
        for (index, part) in self.parts.iter().enumerate() {
            event.push_str(if index == 0 { "" } else { token });
            event.push_str(part);
        }
    }

    /// Checks that a response allows the request, for the user whom every token names.
    fn check_allowed(&mut self, response: &[u8]) -> Result<(), Failure> {
        if self.allowed.iter().any(|allowed| allowed == response) {
            return Ok(());
        }
        match policy::evaluate(response, &self.arn)? {
            PolicyDecision::Allow(caller) if caller.principal_id == SUBJECT => {
                self.allowed.push(response.to_vec());
                Ok(())
            }
            PolicyDecision::Allow(_) | PolicyDecision::Deny(_) => {
                Err(format!("an unexpected response: {}", response.escape_ascii()).into())
            }
        }
    }
}

/// Returns a token that no key has signed, with a new `kid` or without form.
fn unknown(valid: &str, random: &mut Random) -> String {
    let number = random.number();
    let parts: Vec<_> = valid.split('.').collect();
    let claims = parts.get(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims = claims.unwrap_or_default();
    match random.below(5) {
        0 => format!("{}.", unsigned(r#"{"alg":"none"}"#, &claims)),
        1 => "x".repeat(usize::try_from(number % 9_000).unwrap_or_default()),
        2 => valid.chars().rev().collect(),
        _ => {
            let header = format!(r#"{{"alg":"RS256","kid":"unknown-{number:x}"}}"#);
            let signature = parts.get(2).copied().unwrap_or_default();
            format!("{}.{signature}", unsigned(&header, &claims))
        }
    }
}
