//! The ages of keys, as docs/keys.md describes them.

use local_gateway::served::Served;

use test_support::gateway::Verdict;

use crate::world::{DUE, MAX_STALE, NOON, NOT_DUE, PAUSE, TTL, World};

#[tokio::test]
async fn fresh_keys_are_refreshed_only_near_the_end_of_their_lifetime() {
    let mut world = World::at(NOON).await;
    let token = world.token();
    world.set(NOON + NOT_DUE);
    world.allows(&token, "fresh", 1).await;
    world.set(NOON + DUE);
    world.allows(&token, "fresh", 2).await;
    // The age counts from the second fetch.
    world.set(NOON + DUE + NOT_DUE);
    world.allows(&token, "fresh", 2).await;
}

#[tokio::test]
async fn keys_become_stale_at_their_ttl_and_are_refreshed_after_the_answer() {
    let mut world = World::at(NOON).await;
    let token = world.token();
    world.set_millis((NOON + TTL) * 1000 - 1);
    world.allows(&token, "fresh", 2).await;
    let fetched_at = (NOON + TTL) * 1000 - 1;
    world.set_millis(fetched_at + TTL * 1000);
    world.allows(&token, "stale", 3).await;
    world.allows(&token, "fresh", 3).await;
}

#[tokio::test]
async fn a_withdrawn_key_is_used_once_more_before_two_lifetimes_and_never_after_them() {
    for (age_millis, is_allowed) in [(2 * TTL * 1000 - 1, true), (2 * TTL * 1000, false)] {
        let mut world = World::at(NOON).await;
        let withdrawn = world.token();
        world.issuer.rotate().unwrap();
        world.set_millis(NOON * 1000 + age_millis);
        if is_allowed {
            world.allows(&withdrawn, "stale", 2).await;
        }
        // Only a fetch for an unknown key can come on top.
        world.refuses(&withdrawn, "unknown_key").await;
        let valid = world.token();
        world.ask(&valid).await.is_allowed_by("fresh");
    }
}

#[tokio::test]
async fn keys_are_used_until_the_stale_time_ends_while_the_issuer_fails() {
    let mut world = World::at(NOON).await;
    let token = world.token();
    world.issuer.serve_key_set(Served::Disconnect);
    let expired_at = NOON + TTL + MAX_STALE;
    for time in [NOON + DUE, NOON + TTL, NOON + 2 * TTL, NOON + 10 * TTL, expired_at - PAUSE] {
        world.set(time);
        let decision = world.ask(&token).await;
        assert_eq!(decision.verdict, Verdict::Allow, "{decision}");
    }
    world.set_millis(expired_at * 1000 - 1);
    world.ask(&token).await.is_allowed_by("stale");
    world.set(expired_at);
    assert_eq!(world.ask(&token).await.verdict, Verdict::keys_unavailable());

    world.issuer.serve_key_set(Served::Own);
    world.set(expired_at + PAUSE);
    world.ask(&token).await.is_allowed_by("fetched");
}

#[tokio::test]
async fn without_a_stale_time_keys_are_used_until_their_ttl() {
    let mut world = World::with_settings(NOON, &[("AUTHORIZER_JWKS_MAX_STALE_SECONDS", "0")]).await;
    let token = world.token();
    world.issuer.serve_key_set(Served::Disconnect);
    world.set_millis((NOON + TTL) * 1000 - 1);
    world.ask(&token).await.is_allowed_by("fresh");
    world.set(NOON + TTL + PAUSE);
    assert_eq!(world.ask(&token).await.verdict, Verdict::keys_unavailable());
}
