//! One line on the terminal for each request: what the client got, and why.

use local_gateway::recorder::Record;
use serde_json::Value;

/// Describes a request, or what happened on a connection, in one line. A function or a backend can put
/// control characters into its error. They become spaces, so that none reaches the terminal.
pub(crate) fn line(record: &Record) -> String {
    described(record).replace(char::is_control, " ")
}

fn described(record: &Record) -> String {
    let described = &record.description;
    let text = |pointer: &str| described.pointer(pointer).and_then(Value::as_str);
    let number = record.number;
    let Some(status) = described.pointer("/answer/status") else {
        let [event, route] = ["/event_type", "/route"].map(|it| text(it).unwrap_or("no route"));
        let handshake = &described["connection"]["handshake"];
        return format!("#{number} WebSocket {event} ({route}) on the connection of #{handshake}");
    };
    let api = match text("/api") {
        Some("websocket") => "WebSocket",
        Some("rest") => "REST",
        Some(_) | None => "HTTP",
    };
    let [method, path] =
        ["/request/method", "/request/path"].map(|it| text(it).unwrap_or_default());
    format!("#{number} {api} {method} {path}: {status}, {}", why(described))
}

fn why(described: &Value) -> String {
    let text = |pointer: &str| described.pointer(pointer).and_then(Value::as_str);
    let authorization = &described["authorization"];
    if authorization.is_null() {
        let too_large = described["answer"]["status"] == 413;
        let why = if too_large { "the body is over 10 MB" } else { "not a request for this API" };
        return why.to_owned();
    }
    let decided = match text("/authorization/cause") {
        Some(cause) => cause.to_owned(),
        None => match text("/integration/error") {
            Some(error) => format!("allowed, but the integration failed: {error}"),
            None => String::from("allowed"),
        },
    };
    if let Some(number) = authorization["cache"]["number"].as_u64() {
        format!("{decided}; the response to #{number} was cached")
    } else if authorization["invoked_ms"].is_null() {
        format!("{decided}; the function was not asked")
    } else {
        decided
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(description: Value, expected: &str) {
        let is_request = description.get("answer").is_some();
        let record = Record { number: 2, is_request, description: Arc::new(description) };
        assert_eq!(line(&record), expected);
    }

    fn request(authorization: &Value, integration: &Value) -> Value {
        json!({
            "api": "rest", "request": { "method": "GET", "path": "/orders" },
            "answer": { "status": 200 }, "authorization": authorization, "integration": integration,
        })
    }

    #[test]
    fn says_what_the_client_got_and_why() {
        let asked = json!({ "cache": { "use": "miss" }, "invoked_ms": 1.5, "cause": null });
        check(request(&asked, &Value::Null), "#2 REST GET /orders: 200, allowed");
        let failed = json!({ "error": "no such command" });
        let allowed_but_failed =
            "#2 REST GET /orders: 200, allowed, but the integration failed: no such command";
        check(request(&asked, &failed), allowed_but_failed);
        let failed = json!({ "error": "two\nlines \u{1b}[2J" });
        let on_one_line =
            "#2 REST GET /orders: 200, allowed, but the integration failed: two lines  [2J";
        check(request(&asked, &failed), on_one_line);
        let cached = json!({ "cache": { "use": "hit", "number": 1 }, "cause": "denied" });
        check(
            request(&cached, &Value::Null),
            "#2 REST GET /orders: 200, denied; the response to #1 was cached",
        );
        let missing = json!({ "cache": { "use": "not_asked" }, "cause": "missing" });
        check(
            request(&missing, &Value::Null),
            "#2 REST GET /orders: 200, missing; the function was not asked",
        );
        check(
            request(&Value::Null, &Value::Null),
            "#2 REST GET /orders: 200, not a request for this API",
        );
        let mut too_large = request(&Value::Null, &Value::Null);
        too_large["answer"]["status"] = json!(413);
        check(too_large, "#2 REST GET /orders: 413, the body is over 10 MB");
    }

    #[test]
    fn names_the_connection_of_a_message() {
        let message = json!({
            "event_type": "MESSAGE", "route": "$default", "connection": { "handshake": 1 },
        });
        check(message, "#2 WebSocket MESSAGE ($default) on the connection of #1");
    }
}
