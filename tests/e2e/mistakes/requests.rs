//! Events of other origin, and texts that are not one JWT.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use local_gateway::issuer::{AUDIENCE, Issuer};
use local_gateway::request::Request;
use serde_json::{Value, json};

use super::{Provider, Table};
use crate::tokens::compact;
use test_support::gateway::{fault, unauthorized};

/// What is no event of an authorizer.
pub(super) fn events(keys: &Issuer) -> Table {
    let provider = Provider::new(keys, "https://id.example", json!({ "aud": AUDIENCE }));
    let request = Request::new("GET", "/orders/1").bearer(&provider.token(json!({})));
    // The integration of each API gets the event of its authorizer without what names the route.
    let integration = |mut event: Value| {
        for name in ["type", "methodArn", "routeArn", "identitySource", "authorizationToken"] {
            event.as_object_mut().unwrap().remove(name);
        }
        event
    };
    let mut message = integration(request.websocket_connect());
    message["requestContext"] = request.websocket_context("$default", "MESSAGE");
    let not_an_authorizer = || fault("unusable_event");
    let example = json!({ "key1": "value1", "key2": "value2", "key3": "value3" });
    let mut empty = request.rest_token();
    empty["authorizationToken"] = "".into();
    let mut absent = request.rest_token();
    absent["authorizationToken"] = Value::Null;
    provider.table(
        &[("AUTHORIZER_AUDIENCE", AUDIENCE)],
        vec![
            ("the console's example", example, not_an_authorizer(), "Lambda console"),
            (
                "a REST API's integration",
                integration(request.rest_request()),
                not_an_authorizer(),
                "integration of a REST API",
            ),
            (
                "an HTTP API's integration, payload 1.0",
                integration(request.http_api_1()),
                not_an_authorizer(),
                "integration of an HTTP API",
            ),
            (
                "an HTTP API's integration, payload 2.0",
                integration(request.http_api_2()),
                not_an_authorizer(),
                "integration of an HTTP API",
            ),
            (
                "a WebSocket API's integration of $connect",
                integration(request.websocket_connect()),
                not_an_authorizer(),
                "integration of a WebSocket API",
            ),
            (
                "a WebSocket API's integration of a message",
                message,
                not_an_authorizer(),
                "integration of a WebSocket API",
            ),
            (
                "an event of another service",
                json!({ "Records": [] }),
                not_an_authorizer(),
                "is the function attached",
            ),
            (
                "an empty TOKEN event",
                empty,
                unauthorized("missing_token"),
                "authorizationToken of the TOKEN event is empty",
            ),
            (
                "a TOKEN event without a token",
                absent,
                unauthorized("missing_token"),
                "authorizationToken of the TOKEN event is empty",
            ),
        ],
    )
}

/// What is around a token, and what is no JWT.
pub(super) fn texts(keys: &Issuer) -> Table {
    let provider = Provider::new(keys, "https://id.example", json!({ "aud": AUDIENCE }));
    let token = provider.token(json!({}));
    let header =
        |value: &str| Request::handshake().header("Authorization", value).websocket_connect();
    let bearer = |token: &str| header(&format!("Bearer {token}"));
    let malformed = || unauthorized("malformed_token");
    let missing = || unauthorized("missing_token");
    let in_base64 = {
        let parts: Vec<_> = token.split('.').collect();
        let mut payload = provider.claims.to_string();
        while payload.len().is_multiple_of(3) {
            payload.push(' ');
        }
        let payload = STANDARD.encode(payload);
        format!("{}.{payload}.{}", parts[0], parts[2])
    };
    let (start, end) = token.split_at(76);
    provider.table(
        &[("AUTHORIZER_AUDIENCE", AUDIENCE)],
        vec![
            ("no Bearer", header(&token), missing(), "a token without \"Bearer\""),
            ("another scheme", header("Basic YTpi"), missing(), "is not \"Bearer\" and a token"),
            ("Bearer and nothing", header("Bearer "), missing(), "is not \"Bearer\" and a token"),
            ("quotes around Bearer", header(&format!("\"Bearer {token}\"")), missing(), "quotes"),
            ("Bearer twice", bearer(&format!("Bearer {token}")), malformed(), "is there twice"),
            ("Bearer: twice", bearer(&format!("bearer:{token}")), malformed(), "is there twice"),
            ("quotes", bearer(&format!("\"{token}\"")), malformed(), "quotes around"),
            ("single quotes", bearer(&format!("'{token}'")), malformed(), "quotes around"),
            ("a line break", bearer(&format!("{start}\n{end}")), malformed(), "line break"),
            ("an escaped line break", bearer(&format!("{token}\\n")), malformed(), "line break"),
            ("an encoded line break", bearer(&format!("{token}%0A")), malformed(), "line break"),
            ("undefined", bearer("undefined"), malformed(), "\"undefined\""),
            ("null", bearer("null"), malformed(), "\"undefined\""),
            ("base64", bearer(&in_base64), malformed(), "characters of base64"),
            ("an opaque token", bearer("X3kR9pZq7LmN2vB8"), malformed(), "it has one part"),
            (
                "an encrypted token of Auth0",
                bearer(&format!("{}..AAAA.BBBB.CCCC", {
                    let dir = compact(br#"{"alg":"dir","enc":"A256GCM"}"#, b"", b"");
                    dir.split('.').next().unwrap().to_owned()
                })),
                malformed(),
                "five parts",
            ),
            ("Google's access token", bearer("ya29.a0AfH6SMBx"), malformed(), "token of Google"),
        ],
    )
}
