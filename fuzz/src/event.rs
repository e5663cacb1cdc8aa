//! Events, and what they ask.

use serde_json::json;

use crate::json::Object;

/// Stands for the valid token in events, as in `.ci/third_party/events`.
pub const PLACEHOLDER: &str = "${TOKEN}";

/// Returns the event of a WebSocket handshake with a token in the `Authorization` header, as an
/// explanation of a token imagines it.
#[must_use]
pub fn handshake(token: &str) -> String {
    json!({
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/$connect",
        "headers": { "authorization": format!("Bearer {token}") },
    })
    .to_string()
}

/// Returns the ARN that an event asks about. `None` if it is not an event of an authorizer.
#[must_use]
pub fn arn_in(event: &str) -> Option<String> {
    let event = Object::read(event)?;
    let name = match event.get("type")?.as_str()? {
        "REQUEST" if event.get("version").is_some_and(|it| it == "2.0") => "routeArn",
        "REQUEST" | "TOKEN" => "methodArn",
        _ => return None,
    };
    Some(event.get(name)?.as_str()?.to_owned())
}

/// Returns whether an event makes the function request its issuers' documents over the network.
#[must_use]
pub fn is_check(event: &str) -> bool {
    Object::read(event).and_then(|event| event.get("type")).is_some_and(|kind| kind == "CHECK")
}

/// Returns whether any part of a response allows something. Quotes within texts are escaped.
#[must_use]
pub fn allows_anything(response: &str) -> bool {
    response.contains(r#""Effect":"Allow""#) || response.contains(r#""isAuthorized":true"#)
}
