use std::time::UNIX_EPOCH;

use serde_json::json;

use super::*;
use crate::issuer::IssuerName;
use crate::jwks::KeySet;
use crate::jwt::SUPPORTED_ALGORITHMS;
use crate::jwt::testing::KEYS;

const RULES: CacheRules = CacheRules {
    ttl: Duration::from_secs(600),
    max_stale: Duration::from_secs(3_600),
    cooldown: Duration::from_secs(30),
    timeout: Duration::from_secs(3),
};

#[test]
fn says_what_a_failure_means_for_the_cached_keys() {
    let fetched_at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let jwks = json!({ "keys": [KEYS[0].jwk()] }).to_string();
    let issuer = IssuerName::exact("https://issuer.example");
    let (keys, _) =
        KeySet::parse(jwks.as_bytes(), &issuer, &SUPPORTED_ALGORITHMS.each_ref()).unwrap();
    let cached = KeyState::from_file(keys, fetched_at, 0.5, &RULES);
    let check = |state: &KeyState, seconds: u64, expected: &str| {
        let now = fetched_at + Duration::from_secs(seconds);
        let message = consequence(state, now, &RULES);
        assert!(message.ends_with(expected), "{message}");
    };
    let until = ": its tokens cannot be verified until a refresh succeeds";
    check(&KeyState::default(), 0, &format!("cannot be refreshed, and no keys are cached{until}"));
    check(
        &cached,
        0,
        "cannot be refreshed: the cached keys are fresh and can be used for 4200 s more",
    );
    check(&cached, 599, "the cached keys are fresh and can be used for 3601 s more");
    check(&cached, 600, "the cached keys are stale and can be used for 3600 s more");
    check(&cached, 4_199, "the cached keys are stale and can be used for 1 s more");
    check(&cached, 4_200, &format!("cannot be refreshed, and the cached keys have expired{until}"));
    let set_back = fetched_at - Duration::from_secs(60);
    let message = consequence(&cached, set_back, &RULES);
    assert!(
        message.ends_with("the cached keys are stale and can be used for 3600 s more"),
        "{message}"
    );
}
