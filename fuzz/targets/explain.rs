//! The explanation of an event or of a token. An event has `{` as its first byte, and the tokens of
//! `tokens.rs` have not.
//!
//! It has the decision and the response of the function.

#![no_main]

use std::sync::LazyLock;

use jwks_authorizer::diagnosis::{Explanation, Subject, Values};
use jwks_authorizer_fuzz::authorizer::TestAuthorizer;
use jwks_authorizer_fuzz::event::{PLACEHOLDER, allows_anything, arn_in, handshake};
use jwks_authorizer_fuzz::keys::Keys;
use jwks_authorizer_fuzz::tokens::{self, STRICT};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

struct Fixture {
    keys: Keys,
    token: String,
    of_events: TestAuthorizer,
    of_tokens: TestAuthorizer,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let keys = Keys::new();
    let key_set = keys.key_set().to_string();
    let of_events = [
        ("TOKEN_SOURCES", "header:authorization,query:token,cookie:token,subprotocol:bearer"),
        ("ALLOWED_ORIGINS", "https://app.example.com"),
        ("ROUTE_RULES", r#"{"GET /orders/*": ["r"], "* /admin/*": ["admin"], "$connect": []}"#),
        ("HTTP_API_RESPONSE", "policy"),
        ("REPORT_ONLY_AUDIENCE", "other"),
        ("REPORT_ONLY_ROUTE_RULES", r#"{"* /orders/?": ["w"]}"#),
    ];
    Fixture {
        token: tokens::valid(&keys, "r"),
        of_events: TestAuthorizer::new(&key_set, &of_events),
        of_tokens: TestAuthorizer::new(&key_set, STRICT),
        keys,
    }
});

fuzz_target!(|bytes: &[u8]| {
    let Fixture { keys, token, of_events, of_tokens } = &*FIXTURE;
    if bytes.first() == Some(&b'{') {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let event = text.replace(PLACEHOLDER, token);
        let explain = |values| of_events.explain(&Subject::Event(event.clone()), values);
        explain(Values::Hidden);
        let explanation = explain(Values::Shown);
        if arn_in(&event).is_some() {
            check(&explanation, of_events, &event);
        }
    } else {
        let Some(token) = tokens::of_bytes(keys, bytes) else { return };
        let event = handshake(&token.text);
        let explain = |values| of_tokens.explain(&Subject::Token(token.text.clone()), values);
        explain(Values::Hidden);
        check(&explain(Values::Shown), of_tokens, &event);
    }
});

/// Compares an explanation with the answer to the event.
fn check(explanation: &Explanation, authorizer: &TestAuthorizer, event: &str) {
    let _ = serde_json::to_string(explanation).expect("an explanation is JSON");
    let answer = authorizer.answer(event);
    let (decision, reason) = (explanation.decision, explanation.reason);
    match answer {
        Ok(answer) => {
            let is_allowed = reason.is_none();
            assert_eq!(decision == "allow", is_allowed, "{decision}, {reason:?}");
            // A policy may allow other routes than the one that was asked about.
            assert!(!is_allowed || allows_anything(answer.as_json()), "{}", answer.as_json());
            assert_eq!(explanation.client_sees < 300, is_allowed, "{}", explanation.client_sees);
            let answer: Option<Value> = serde_json::from_str(answer.as_json()).ok();
            assert_eq!(explanation.answer, answer);
        }
        Err(error) => {
            assert_ne!(decision, "allow");
            let wanted = if error.error_message == "Unauthorized" { 401 } else { 500 };
            assert_eq!(explanation.client_sees, wanted, "{error:?}");
            assert!(explanation.answer.is_none());
        }
    }
}
