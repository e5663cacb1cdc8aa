//! What came back for a request, beside what the table expects.

use serde_json::Value;

use super::stub::INVOCATION;
use super::table::Exchange;

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    /// The body. For a WebSocket, the reply to a message.
    pub(super) body: Value,
}

/// An answer, and what is known of the function.
#[derive(Debug)]
pub(super) struct Found {
    answer: Answer,
    /// Whether the function was asked, if that can be known.
    pub(super) invoked: Option<bool>,
    /// Whether the answer is made of a cached response, if that can be known.
    pub(super) cached: Option<bool>,
}

/// What API Gateway adds to the body of a WebSocket's refusal.
const IDS: [&str; 2] = ["connectionId", "requestId"];

/// What the stub and a REST API add to the context.
const ADDED: [&str; 2] = [INVOCATION, "integrationLatency"];

impl Found {
    pub(super) fn new(answer: Answer) -> Self {
        Self { answer, invoked: None, cached: None }
    }

    /// Concludes from the ID of the invocation whether the function was asked, if the integration got
    /// one. `is_new` tells whether no earlier request had an ID.
    pub(super) fn infer(&mut self, is_new: impl FnOnce(&str) -> bool) {
        let context = &self.answer.body["requestContext"]["authorizer"];
        let id = [&context[INVOCATION], &context["lambda"][INVOCATION]];
        let Some(id) = id.into_iter().find_map(Value::as_str) else { return };
        let is_new = is_new(id);
        self.invoked = Some(is_new);
        self.cached = Some(!is_new);
    }

    /// Returns the differences. What is not known does not differ.
    pub(super) fn compare(&self, expected: &Exchange) -> Vec<String> {
        let Answer { status, headers, body } = &self.answer;
        let mut differences = Vec::new();
        let mut differ = |what: &str, wanted: &str, got: &str| {
            differences.push(format!("{what}: expected {wanted}, got {got}"));
        };
        if *status != expected.status {
            differ("status", &expected.status.to_string(), &status.to_string());
        }
        for (name, wanted) in &expected.answer_headers {
            let got = headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
            let got = got.map(|(_, value)| value);
            if got != wanted.as_ref() {
                let text = |value: Option<&String>| value.map_or("none", String::as_str).to_owned();
                differ(name, &text(wanted.as_ref()), &text(got));
            }
        }
        if let Some(wanted) = &expected.body {
            let got = without(body, &IDS);
            if got != *wanted {
                differ("body", &wanted.to_string(), &got.to_string());
            }
        }
        if let Some(wanted) = &expected.context {
            let mut got = without(&body["requestContext"]["authorizer"], &ADDED);
            if got["lambda"].is_object() {
                got["lambda"] = without(&got["lambda"], &ADDED);
            }
            if !matches(wanted, &got) {
                differ("context", &wanted.to_string(), &got.to_string());
            }
        }
        for (what, wanted, got) in [
            ("the function was asked", expected.invoked, self.invoked),
            ("the response was cached", expected.cached, self.cached),
        ] {
            if let Some(got) = got.filter(|got| *got != wanted) {
                differ(what, yes_or_no(wanted), yes_or_no(got));
            }
        }
        differences
    }
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// Returns the value without these members.
fn without(value: &Value, names: &[&str]) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, _| !names.contains(&name.as_str()));
    }
    value
}

/// Tells whether a value is the expected one. `*` is any value.
fn matches(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::String(any), Value::String(_) | Value::Number(_)) if any == "*" => true,
        (Value::Object(wanted), Value::Object(got)) => {
            wanted.len() == got.len()
                && wanted
                    .iter()
                    .all(|(name, value)| got.get(name).is_some_and(|found| matches(value, found)))
        }
        _ => wanted == got,
    }
}
