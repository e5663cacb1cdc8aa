//! The process stands still while time passes, as when Lambda freezes it.

use local_gateway::issuer::KEY_SET_PATH;
use local_gateway::served::Served;

use test_support::deployment::in_time;

use crate::world::{DUE, NOON, TTL, World};

const HOUR: u64 = 3600;

#[tokio::test]
async fn thawed_within_another_lifetime_it_answers_before_it_fetches() {
    let mut world = World::at(NOON).await;
    let token = world.token();
    world.freeze();
    world.set(NOON + TTL + 1);
    world.thaw();
    world.allows(&token, "stale", 2).await;
}

#[tokio::test]
async fn thawed_after_an_hour_it_fetches_before_it_answers() {
    let mut world = World::at(NOON).await;
    let withdrawn = world.token();
    world.freeze();
    world.issuer.rotate().unwrap();
    world.set(NOON + HOUR);
    world.thaw();
    world.refuses(&withdrawn, "unknown_key").await;
    let token = world.token();
    world.allows(&token, "fresh", 2).await;
}

#[tokio::test]
async fn a_token_ends_during_a_freeze() {
    let mut world = World::at(NOON).await;
    let token = world.token_with(serde_json::json!({ "exp": NOON + 60 }));
    world.allows(&token, "fresh", 1).await;
    world.freeze();
    world.set(NOON + 60);
    world.thaw();
    world.refuses(&token, "expired").await;
}

/// The response came an hour ago, so the keys in it may be old.
#[tokio::test]
async fn a_fetch_begins_again_that_was_answered_during_a_freeze() {
    let mut world = World::at(NOON).await;
    let token = world.token();
    world.issuer.serve_key_set(Served::Hang);
    world.set(NOON + DUE);
    world.ask_without_waiting(&token).await.is_allowed_by("fresh");
    in_time(world.issuer.requested(KEY_SET_PATH, 2)).await;
    world.freeze();
    world.set(NOON + HOUR);
    world.issuer.serve_key_set(Served::Own);
    world.thaw();
    world.idle().await;
    assert_eq!(world.fetches(), 3);
    // The age of the keys counts from the third fetch.
    world.set(NOON + HOUR + TTL / 2);
    world.allows(&token, "fresh", 3).await;
    assert_eq!(world.failures(), 0, "a freeze counts as the issuer's failure");
}
