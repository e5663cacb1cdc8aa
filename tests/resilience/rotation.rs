//! The issuer's keys change while tokens of the old and the new one are under way.

use local_gateway::issuer::{Issuer, KEY_SET_PATH};
use local_gateway::served::Served;
use serde_json::json;
use tokio::sync::watch;

use test_support::deployment::{Decision, Deployment, in_time};
use test_support::gateway::{Gateway, Verdict};

#[tokio::test]
async fn a_new_key_is_taken_at_once_and_the_withdrawn_one_goes_with_it() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let old = issuer.token(&issuer.claims());
    deployment.hold_keys(&old).await;

    issuer.rotate().unwrap();
    let new = issuer.token(&issuer.claims());
    let fetched = issuer.requests(KEY_SET_PATH);
    deployment.ask_token(&new).await.is_allowed_by("fetched");
    deployment.ask_token(&new).await.is_allowed_by("fresh");
    assert_eq!(issuer.requests(KEY_SET_PATH), fetched + 1);

    let withdrawn = deployment.ask_token(&old).await;
    assert_eq!(withdrawn.verdict, Verdict::Unauthorized, "{withdrawn}");
    assert_eq!(withdrawn.reason.as_deref(), Some("unknown_key"));
    assert_eq!(issuer.requests(KEY_SET_PATH), fetched + 1, "the cooldown holds");
}

#[tokio::test]
async fn a_withdrawn_key_dies_with_the_next_refresh() {
    let issuer = Issuer::start().await.unwrap();
    let settings = [("AUTHORIZER_JWKS_TTL_SECONDS", "1")];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    let old = issuer.token(&issuer.claims());
    deployment.hold_keys(&old).await;

    issuer.rotate().unwrap();
    let refused = |_: &Deployment, decision: &Decision| decision.verdict != Verdict::Allow;
    let decisions = deployment.ask_until(&old, refused).await;
    let (last, before) = decisions.split_last().unwrap();
    assert_eq!(last.verdict, Verdict::Unauthorized, "{last}");
    assert_eq!(last.reason.as_deref(), Some("unknown_key"));
    // The request that finds the keys due or stale is still allowed, and the refresh follows its answer.
    for decision in before {
        assert_eq!(decision.verdict, Verdict::Allow, "{decision}");
        assert_ne!(decision.keys.as_deref(), Some("fetched"), "{decision}");
    }
    assert!(deployment.refreshes.iter().any(|refresh| refresh.cause == "age"));
}

/// Which keys the issuer publishes while traffic goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Both,
    New,
    End,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_published_key_is_refused_while_traffic_goes_on() {
    let issuer = Issuer::start().await.unwrap();
    let old_token = issuer.token(&issuer.claims());
    let old_key = issuer.key();
    let settings = [
        ("AUTHORIZER_JWKS_TTL_SECONDS", "1"),
        ("AUTHORIZER_JWKS_COOLDOWN_SECONDS", "1"),
        ("AWS_LAMBDA_MAX_CONCURRENCY", "4"),
    ];
    let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
    deployment.hold_keys(&old_token).await;
    issuer.rotate().unwrap();
    let new_token = issuer.token(&issuer.claims());
    let new_key = issuer.key();
    let publish = |keys: &[serde_json::Value]| {
        issuer.serve_key_set(Served::bytes(json!({ "keys": keys }).to_string()));
    };
    publish(&[old_key.jwk(), new_key.jwk()]);
    let phase = watch::Sender::new(Phase::Both);

    let traffic = |token: &str, refused_from: Phase| {
        let (gateway, phase, token) = (deployment.gateway(), phase.subscribe(), token.to_owned());
        tokio::spawn(ask_through_all_phases(gateway, phase, token, refused_from))
    };
    let callers = [
        traffic(&old_token, Phase::New),
        traffic(&old_token, Phase::New),
        traffic(&new_token, Phase::End),
        traffic(&new_token, Phase::End),
    ];
    // Two lifetimes, so that each set is also fetched for its age.
    let refetched = issuer.requests(KEY_SET_PATH) + 2;
    in_time(issuer.requested(KEY_SET_PATH, refetched)).await;
    // In this order, or a caller could be refused before it reads that it may be.
    phase.send_replace(Phase::New);
    publish(&[new_key.jwk()]);
    in_time(issuer.requested(KEY_SET_PATH, refetched + 2)).await;
    phase.send_replace(Phase::End);

    let mut last = Vec::new();
    for caller in callers {
        last.push(caller.await.unwrap());
    }
    assert_eq!(last[..2], [Verdict::Unauthorized, Verdict::Unauthorized], "withdrawn");
    assert_eq!(last[2..], [Verdict::Allow, Verdict::Allow], "published");
}

/// Asks until the end, and returns the last verdict. Before `refused_from` the token is allowed
/// every time; from then on it may be refused, and is refused for good once it was.
async fn ask_through_all_phases(
    gateway: Gateway,
    phase: watch::Receiver<Phase>,
    token: String,
    refused_from: Phase,
) -> Verdict {
    let mut last = Verdict::Allow;
    loop {
        let verdict = gateway.ask(&token).await;
        // Read after the answer, which a set that was published meanwhile may have decided.
        let now = *phase.borrow();
        match verdict {
            Verdict::Allow => assert_eq!(last, Verdict::Allow, "a withdrawn key came back"),
            Verdict::Unauthorized => assert!(now >= refused_from, "refused in phase {now:?}"),
            Verdict::Deny | Verdict::Fault(_) | Verdict::TimedOut => {
                panic!("{verdict:?} in phase {now:?}")
            }
        }
        last = verdict;
        if now == Phase::End {
            return last;
        }
    }
}
