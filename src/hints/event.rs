//! Events of other origin than an authorizer.

use serde_json::Value;

use super::Hint;

/// Recognizes what sent an event that has no `type` of an authorizer event.
#[cold]
pub(crate) fn event(json: &str) -> Hint {
    let event: Value = serde_json::from_str(json).unwrap_or_default();
    let has = |names: &[&str]| names.iter().all(|name| event.get(name).is_some());
    let is_websocket = event.pointer("/requestContext/eventType").is_some();
    let is_http_api = event.get("version").is_some() && has(&["requestContext"]);
    if has(&["key1", "key2", "key3"]) {
        Hint::CONSOLE_TEST
    } else if is_websocket {
        Hint::WEBSOCKET_INTEGRATION
    } else if has(&["rawPath"]) || has(&["routeKey"]) || is_http_api {
        Hint::HTTP_INTEGRATION
    } else if has(&["resource", "httpMethod"]) {
        Hint::REST_INTEGRATION
    } else {
        Hint::NOT_ATTACHED
    }
}
