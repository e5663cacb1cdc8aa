//! The clock is set back or forward.

use local_gateway::served::Served;
use serde_json::json;

use test_support::gateway::Verdict;

use crate::world::{DUE, MAX_STALE, NOON, NOT_DUE, PAUSE, TTL, World};

const HOUR: u64 = 3600;

#[tokio::test]
async fn set_back_by_an_hour_it_fetches_once_and_goes_on() {
    let mut world = World::at(NOON).await;
    let withdrawn = world.token();
    world.issuer.rotate().unwrap();
    world.set(NOON - HOUR);
    world.refuses(&withdrawn, "unknown_key").await;
    let token = world.token();
    let begins = world.token_with(json!({ "nbf": NOON }));
    world.allows(&token, "fresh", 2).await;
    world.refuses(&begins, "not_yet_valid").await;
    // The age counts from the fetch by the new clock.
    world.set(NOON - HOUR + NOT_DUE);
    world.allows(&token, "fresh", 2).await;
    world.set(NOON - HOUR + DUE);
    world.allows(&token, "fresh", 3).await;
}

#[tokio::test]
async fn set_forward_by_an_hour_and_back_it_fetches_at_each_change() {
    let mut world = World::at(NOON).await;
    let token = world.token();
    let expires = world.token_with(json!({ "exp": NOON + 60 }));
    world.set(NOON + HOUR);
    world.allows(&token, "fetched", 2).await;
    world.refuses(&expires, "expired").await;
    world.set(NOON + 1);
    world.allows(&token, "fetched", 3).await;
    world.allows(&expires, "fresh", 3).await;
}

/// A backoff or a cooldown that began in the future is over.
#[tokio::test]
async fn set_back_by_an_hour_no_pause_lasts_an_hour() {
    let mut world = World::at(NOON).await;
    let unknown = world.token();
    world.issuer.rotate().unwrap();
    let token = world.token();
    world.issuer.serve_key_set(Served::Disconnect);
    world.refuses(&token, "unknown_key").await;
    world.refuses(&token, "unknown_key").await;
    assert_eq!(world.fetches(), 3, "a fetch and its retry, and then the backoff");
    world.issuer.serve_key_set(Served::Own);
    world.set(NOON - HOUR);
    world.allows(&token, "fetched", 4).await;
    world.refuses(&unknown, "unknown_key").await;
}

/// A minute can have 61 seconds. Unix time has no number for the last one: it repeats the one before.
#[tokio::test]
async fn a_repeated_second_costs_one_fetch_at_most() {
    let mut world = World::at(NOON).await;
    let token = world.token();
    let expires = world.token_with(json!({ "exp": NOON + 60 }));
    let begins = world.token_with(json!({ "nbf": NOON + 60 }));
    // Between two fetches, nothing happens but that a token's times come twice.
    for time in [NOON + 60, NOON + 59, NOON + 60] {
        world.set(time);
        world.allows(&token, "fresh", 1).await;
        let (refused, reason, accepted) = match time - NOON {
            60 => (&expires, "expired", &begins),
            _ => (&begins, "not_yet_valid", &expires),
        };
        world.refuses(refused, reason).await;
        world.allows(accepted, "fresh", 1).await;
    }
    // In the second of a fetch, the keys are from the future, and are fetched again.
    world.set(NOON + DUE);
    world.allows(&token, "fresh", 2).await;
    world.set_millis((NOON + DUE) * 1000 - 500);
    world.allows(&token, "fetched", 3).await;
    world.allows(&token, "fresh", 3).await;
}

/// The issuer fails after the clock was set back.
#[tokio::test]
async fn set_back_by_an_hour_it_uses_the_keys_while_the_issuer_fails() {
    let mut world = World::at(NOON).await;
    let token = world.token();
    world.issuer.serve_key_set(Served::Disconnect);
    world.set(NOON - HOUR);
    world.allows(&token, "stale", 3).await;
    world.allows(&token, "stale", 3).await;
    world.issuer.serve_key_set(Served::Own);
    world.set(NOON - HOUR + TTL * 2 + PAUSE);
    world.ask(&token).await.is_allowed_by("fetched");
}

/// A stale time is as long as it is set, by whichever clock.
#[tokio::test]
async fn set_back_by_a_year_it_does_not_use_the_keys_for_a_year() {
    const YEAR: u64 = 365 * 24 * HOUR;
    let mut world = World::at(NOON).await;
    let token = world.token();
    world.issuer.serve_key_set(Served::Disconnect);
    world.set(NOON - YEAR);
    world.ask(&token).await.is_allowed_by("stale");
    world.set(NOON - YEAR + TTL + MAX_STALE);
    assert_eq!(world.ask(&token).await.verdict, Verdict::keys_unavailable());
}
