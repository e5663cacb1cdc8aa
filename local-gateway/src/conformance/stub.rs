//! The function of most cases: it returns the response that the credential names.
//!
//! The function in [`template`](super::template) does the same in JavaScript.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::invocation::{FunctionError, FunctionOutcome};

/// The member of the context with the ID of the invocation.
pub(super) const INVOCATION: &str = "invocation";

/// Returns what the stub returns for an event.
pub(super) fn respond(
    responses: &BTreeMap<String, Value>,
    event: &Value,
    invocation: &str,
) -> FunctionOutcome {
    let credential = [
        &event["authorizationToken"],
        &event["headers"]["authorization"],
        &event["queryStringParameters"]["token"],
    ];
    let Some(credential) = credential.into_iter().find_map(Value::as_str) else {
        return fail("Unauthorized");
    };
    // What follows the point distinguishes cases from each other.
    let name = credential.split('.').next().unwrap_or_default();
    let Some(response) = responses.get(name) else {
        return fail(&format!("no response is named {name}"));
    };
    if let Some(message) = response["error"].as_str() {
        return fail(message);
    }
    let mut response = response.clone();
    if response.is_object() {
        response["context"][INVOCATION] = json!(invocation);
    }
    FunctionOutcome::Response(response.to_string().into())
}

fn fail(message: &str) -> FunctionOutcome {
    let error_type = String::from("Error");
    FunctionOutcome::Error(FunctionError { error_type, error_message: message.to_owned() })
}
