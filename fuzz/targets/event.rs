//! An event of any bytes. `${TOKEN}` in it stands for a valid token.
//!
//! No event without the token is allowed, every response is one that API Gateway accepts, and the log
//! has no signature.

#![no_main]

use std::sync::LazyLock;

use jwks_authorizer_fuzz::authorizer::TestAuthorizer;
use jwks_authorizer_fuzz::event::{PLACEHOLDER, allows_anything, arn_in, is_check};
use jwks_authorizer_fuzz::keys::Keys;
use jwks_authorizer_fuzz::{iam, log, tokens};
use libfuzzer_sys::fuzz_target;

struct Fixture {
    authorizers: Vec<TestAuthorizer>,
    token: String,
    signature: String,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let keys = Keys::new();
    let token = tokens::valid(&keys, "r");
    let signature = token.rsplit('.').next().unwrap_or_default().to_owned();
    let key_set = keys.key_set().to_string();
    let sources = "header:authorization,header:x-token,query:token,cookie:token,subprotocol:bearer";
    let routes = r#"{"GET /orders/*": ["r"], "* /admin/*": ["admin"], "$connect": []}"#;
    let settings: [&[(&str, &str)]; 3] = [
        &[],
        &[
            ("TOKEN_SOURCES", sources),
            ("ALLOWED_ORIGINS", "https://app.example.com"),
            ("ROUTE_RULES", routes),
            ("HTTP_API_RESPONSE", "policy"),
            ("UNAUTHENTICATED_RESPONSE", "deny"),
            ("CONTEXT_CLAIMS", "groups,all=/groups"),
        ],
        &[
            ("RESOURCE", "https://api.example.com/mcp"),
            ("TOKEN_BINDING", "mtls"),
            ("RESOURCE_SCOPE", "request"),
            ("REPORT_ONLY_ROUTE_RULES", routes),
        ],
    ];
    let authorizers = settings.map(|settings| TestAuthorizer::new(&key_set, settings)).into();
    log::keep();
    Fixture { authorizers, token, signature }
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Fixture { authorizers, token, signature } = &*FIXTURE;
    let event = text.replace(PLACEHOLDER, token);
    if is_check(&event) {
        return;
    }
    let arn = arn_in(&event);
    for authorizer in authorizers {
        let Ok(response) = authorizer.answer(&event) else { continue };
        let response = response.as_json();
        assert!(event != text || !allows_anything(response), "{response}");
        if let Some(arn) = &arn {
            // Not a report or metadata. It is what API Gateway accepts, or this panics.
            let _ = iam::allows(response, arn);
        }
    }
    let log = log::take();
    assert!(!log.contains(signature.as_str()), "{log}");
});
