//! Many requests at once: with unknown keys, or before there are keys.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_gateway::issuer::{DISCOVERY_PATH, Issuer, KEY_SET_PATH};
use local_gateway::served::Served;
use serde_json::json;

use test_support::deployment::Deployment;
use test_support::gateway::{Gateway, Verdict};

/// How many tokens with unknown keys come.
const FLOOD: usize = 10_000;

/// As many as Lambda hands out at once in the flood.
const CALLERS: usize = 8;

/// Every so many tokens of the flood there is a good one.
const GOOD_ONE_AFTER: usize = 50;

const COOLDOWN: Duration = Duration::from_secs(2);

/// Much longer than a decision takes on a busy machine.
const SLOWEST_GOOD_TOKEN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_unknown_keys_costs_the_issuer_one_fetch_per_cooldown() {
    let issuer = Issuer::start().await.unwrap();
    let good = issuer.token(&issuer.claims());
    let settings = [
        ("AUTHORIZER_JWKS_COOLDOWN_SECONDS", "2"),
        ("AWS_LAMBDA_MAX_CONCURRENCY", "8"),
        // A line for each decision would be most of the work.
        ("AWS_LAMBDA_LOG_LEVEL", "WARN"),
    ];
    let deployment = Deployment::trusting(issuer.url(), &settings).await;
    let before = issuer.requests(KEY_SET_PATH);

    let started = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (gateway, good) = (deployment.gateway(), good.clone());
            tokio::spawn(async move { flood(&gateway, &good, caller).await })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for caller in callers {
        slowest = slowest.max(caller.await.unwrap());
    }
    let took = started.elapsed();

    let fetches = issuer.requests(KEY_SET_PATH) - before;
    println!(
        "{FLOOD} unknown keys in {:.1} s, a cooldown of {} s: {fetches} fetches; slowest good token {:.1} ms",
        took.as_secs_f64(),
        COOLDOWN.as_secs(),
        slowest.as_secs_f64() * 1_000.0
    );
    assert!(slowest < SLOWEST_GOOD_TOKEN, "a good token waited {slowest:?}");
    assert!(fetches >= 1, "a key may be new");
    let cooldowns = took.as_secs() / COOLDOWN.as_secs();
    assert!(fetches as u64 <= 1 + cooldowns, "{fetches} fetches in {took:?}");
}

/// Asks with a caller's share of the flood, and returns how long the slowest good token took.
async fn flood(gateway: &Gateway, good: &str, caller: usize) -> Duration {
    let mut slowest = Duration::ZERO;
    for number in (caller..FLOOD).step_by(CALLERS) {
        let unknown = with_kid(good, &format!("made-up-{number}"));
        assert_eq!(gateway.ask(&unknown).await, Verdict::Unauthorized);
        if number % GOOD_ONE_AFTER < CALLERS {
            let asked = Instant::now();
            assert_eq!(gateway.ask(good).await, Verdict::Allow);
            slowest = slowest.max(asked.elapsed());
        }
    }
    slowest
}

/// Puts a header of its own before a token's payload and signature.
fn with_kid(token: &str, kid: &str) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    let header = json!({ "alg": "RS256", "kid": kid }).to_string();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
}

/// As many invocations as Lambda hands out at once.
const INVOCATIONS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_on_a_cold_cache_wait_for_one_fetch() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token(&issuer.claims());
    // The start finds no key set, so it does not request it. It tries once more.
    issuer.serve_discovery(Served::Disconnect);
    let settings = [("AWS_LAMBDA_MAX_CONCURRENCY", "64")];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    assert_eq!((issuer.requests(DISCOVERY_PATH), issuer.requests(KEY_SET_PATH)), (2, 0));

    issuer.serve_key_set(Served::Hang);
    issuer.serve_discovery(Served::Own);
    let mut waiting = vec![deployment.ask_until_requested(&token, &issuer, 1).await];
    waiting.extend(deployment.ask_at_once(&token, INVOCATIONS - 1).await);
    issuer.serve_key_set(Served::Own);
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), Verdict::Allow);
    }
    assert_eq!((issuer.requests(DISCOVERY_PATH), issuer.requests(KEY_SET_PATH)), (3, 1));
}
