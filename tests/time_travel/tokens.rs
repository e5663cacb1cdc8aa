//! A token's times, at the very second.

use serde_json::json;

use crate::world::{NOON, World};

#[tokio::test]
async fn a_token_is_accepted_until_its_exp_and_not_at_it() {
    let mut world = World::at(NOON).await;
    let token = world.token_with(json!({ "exp": NOON + 60 }));
    world.set_millis((NOON + 60) * 1000 - 1);
    world.allows(&token, "fresh", 1).await;
    world.set(NOON + 60);
    world.refuses(&token, "expired").await;
}

#[tokio::test]
async fn the_leeway_moves_each_limit_by_as_much() {
    let mut world = World::with_settings(NOON, &[("AUTHORIZER_LEEWAY_SECONDS", "5")]).await;
    let expires = world.token_with(json!({ "exp": NOON + 60 }));
    let begins = world.token_with(json!({ "nbf": NOON + 200 }));
    let issued = world.token_with(json!({ "iat": NOON + 300 }));
    world.set_millis((NOON + 65) * 1000 - 1);
    world.allows(&expires, "fresh", 1).await;
    world.set(NOON + 65);
    world.refuses(&expires, "expired").await;
    for (token, limit, reason) in
        [(begins, NOON + 195, "not_yet_valid"), (issued, NOON + 295, "issued_in_future")]
    {
        world.set_millis(limit * 1000 - 1);
        world.refuses(&token, reason).await;
        world.set(limit);
        world.allows(&token, "fresh", 1).await;
    }
}

#[tokio::test]
async fn a_token_is_accepted_from_its_nbf_and_its_iat_on() {
    let mut world = World::at(NOON).await;
    for (claim, time, reason) in
        [("nbf", NOON + 60, "not_yet_valid"), ("iat", NOON + 120, "issued_in_future")]
    {
        let token = world.token_with(json!({ claim: time }));
        world.set_millis(time * 1000 - 1);
        world.refuses(&token, reason).await;
        world.set(time);
        world.allows(&token, "fresh", 1).await;
    }
}

/// Seconds since 1970 need more than 31 bits from 2038 on, and more than 32 bits from 2106 on.
#[tokio::test]
async fn nothing_changes_in_2038_2100_and_2106() {
    for (limit, before, after) in [
        (1 << 31, "2038-01-19T03:14:07", "2038-01-19T03:14:08"),
        (4_102_444_800, "2099-12-31T23:59:59", "2100-01-01T00:00:00"),
        (1 << 32, "2106-02-07T06:28:15", "2106-02-07T06:28:16"),
    ] {
        let mut world = World::at(limit - 300).await;
        let until = world.token_with(json!({ "exp": limit }));
        let later = world.token_with(json!({ "exp": limit + 3600, "nbf": limit, "iat": limit }));
        world.set(limit - 1);
        world.allows(&until, "fresh", 1).await;
        world.refuses(&later, "not_yet_valid").await;
        world.set(limit);
        world.refuses(&until, "expired").await;
        world.allows(&later, "fresh", 1).await;
        // The age of the keys counts across it.
        world.set(limit + 300);
        world.allows(&later, "stale", 2).await;
        world.allows(&later, "fresh", 2).await;
        let log = world.log();
        for second in [before, after] {
            let logged = |line: &serde_json::Value| {
                line["timestamp"].as_str().is_some_and(|time| time.starts_with(second))
            };
            assert!(log.iter().any(logged), "no line at {second}: {log:#?}");
        }
    }
}

#[tokio::test]
async fn an_exp_in_the_far_future_is_accepted() {
    let mut world = World::at(NOON).await;
    for exp in [json!(1_u64 << 53), json!(u64::MAX), json!(1e300)] {
        let token = world.token_with(json!({ "exp": exp }));
        world.allows(&token, "fresh", 1).await;
    }
}
