//! A key set of any bytes.
//!
//! A key that signs nothing but the tokens of this target verifies them only if the key set has it,
//! for signatures.

#![no_main]

use std::sync::LazyLock;

use jwks_authorizer::jwks::KeySet;
use jwks_authorizer::{IssuerName, SignatureAlgorithm};
use jwks_authorizer_fuzz::authorizer::{ISSUER, TestAuthorizer};
use jwks_authorizer_fuzz::event::handshake;
use jwks_authorizer_fuzz::json::Object;
use jwks_authorizer_fuzz::keys::Keys;
use jwks_authorizer_fuzz::tokens;
use libfuzzer_sys::fuzz_target;

struct Fixture {
    issuer: IssuerName,
    algorithms: Vec<&'static SignatureAlgorithm>,
    event: String,
    x: String,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let keys = Keys::new();
    let algorithms = ["RS256", "ES256", "EdDSA"];
    Fixture {
        issuer: IssuerName::exact(ISSUER),
        algorithms: algorithms.iter().filter_map(|name| SignatureAlgorithm::named(name)).collect(),
        event: handshake(&tokens::valid(&keys, "")),
        x: keys.ed25519_x(),
    }
});

fuzz_target!(|bytes: &[u8]| {
    let Fixture { issuer, algorithms, event, x } = &*FIXTURE;
    match KeySet::parse(bytes, issuer, algorithms) {
        Err(error) => drop(error.to_string()),
        Ok((_, skipped)) => {
            skipped.iter().for_each(|key| drop(key.to_string()));
            let json = std::str::from_utf8(bytes).expect("a key set that is read is UTF-8");
            if TestAuthorizer::new(json, &[]).answer(event).is_ok() {
                assert!(has_key(json, x), "{json}");
            }
        }
    }
});

/// Returns whether a key set has the public key of the token, by the token's `kid`.
fn has_key(json: &str, x: &str) -> bool {
    let key_set = Object::read(json).expect("a key set that is read is an object");
    key_set.objects("keys").iter().any(|key| {
        let is = |name: &str, values: &[&str]| {
            key.get(name).is_some_and(|value| values.iter().any(|wanted| value == *wanted))
        };
        // Null is read as absence here, which restricts nothing.
        let is_if_present = |name: &str, values: &[&str]| {
            key.get(name).is_none_or(|it| it.is_null()) || is(name, values)
        };
        let operations = key.get("key_ops").filter(|operations| !operations.is_null());
        is("kty", &["OKP"])
            && is("crv", &["Ed25519"])
            && is("x", &[x])
            && is("kid", &["ed"])
            && is_if_present("use", &["sig"])
            && is_if_present("alg", &["EdDSA", "Ed25519"])
            && is_if_present("issuer", &[ISSUER])
            && operations.is_none_or(|operations| {
                operations.as_array().is_some_and(|it| it.contains(&"verify".into()))
            })
    })
}
