//! A token of any bytes, and tokens that are signed: see `tokens.rs`.
//!
//! A token that is accepted passes an independent check, and the log has no signature.

#![no_main]

use std::sync::LazyLock;

use jwks_authorizer_fuzz::authorizer::TestAuthorizer;
use jwks_authorizer_fuzz::event::{allows_anything, handshake};
use jwks_authorizer_fuzz::keys::Keys;
use jwks_authorizer_fuzz::log;
use jwks_authorizer_fuzz::tokens::{self, Rules, STRICT, may_be_accepted};
use libfuzzer_sys::fuzz_target;

struct Fixture {
    keys: Keys,
    plain: TestAuthorizer,
    strict: TestAuthorizer,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let keys = Keys::new();
    let key_set = keys.key_set().to_string();
    let plain = TestAuthorizer::new(&key_set, &[]);
    let strict = TestAuthorizer::new(&key_set, STRICT);
    let valid = handshake(&tokens::valid(&keys, "r w"));
    for authorizer in [&plain, &strict] {
        assert!(authorizer.answer(&valid).is_ok(), "the valid token is accepted");
    }
    log::keep();
    Fixture { keys, plain, strict }
});

fuzz_target!(|bytes: &[u8]| {
    let Fixture { keys, plain, strict } = &*FIXTURE;
    let Some(token) = tokens::of_bytes(keys, bytes) else { return };
    let event = handshake(&token.text);
    for (authorizer, rules) in [(plain, Rules::Plain), (strict, Rules::Strict)] {
        let Ok(response) = authorizer.answer(&event) else { continue };
        if allows_anything(response.as_json()) {
            assert!(may_be_accepted(keys, &token.text, rules), "{}", token.text);
        }
    }
    if let Some(signature) = token.signature {
        assert!(!log::take().contains(&signature));
    }
});
