//! Several issuers, and what they may serve in place of keys.

use local_gateway::issuer::{AUDIENCE, DISCOVERY_PATH, Issuer, KEY_SET_PATH};
use serde_json::{Value, json};

use crate::signer::{Signer, publish};
use crate::tokens::{claims_with, connect, good_token};
use test_support::deployment::Deployment;
use test_support::gateway::unauthorized;

async fn trusting_all(issuers: Value) -> Deployment {
    Deployment::start(&[("AUTHORIZER_ISSUERS", &issuers.to_string())]).await
}

#[tokio::test]
async fn keeps_issuers_apart() {
    let (a, b) = tokio::join!(Issuer::start(), Issuer::start());
    let (a, b) = (a.unwrap(), b.unwrap());
    let es256 = Signer::generate("ES256");
    publish(&b, &[b.key().jwk(), es256.jwk()]);
    let mut deployment = trusting_all(json!([
        { "issuer": a.url(), "audience": "for-a" },
        { "issuer": b.url(), "audience": ["for-b", "for-both"], "algorithms": ["RS256", "ES256"],
          "token_use": "access" },
    ]))
    .await;
    let of_a = claims_with(&a, json!({ "aud": "for-a" }));
    let of_b = claims_with(&b, json!({ "aud": "for-b", "token_use": "access" }));
    let with = |claims: &Value, name: &str, value: &str| {
        let mut claims = claims.clone();
        claims[name] = value.into();
        claims
    };
    for (case, token, expected) in [
        ("a's token", a.token(&of_a), Ok(())),
        ("b's token", b.token(&of_b), Ok(())),
        ("b's token by its other key", es256.token(&of_b), Ok(())),
        // The keys of both have the same kid.
        ("a's token signed by b", b.token(&of_a), Err(unauthorized("invalid_signature"))),
        ("b's token signed by a", a.token(&of_b), Err(unauthorized("invalid_signature"))),
        (
            "a's token for b's audience",
            a.token(&with(&of_a, "aud", "for-b")),
            Err(unauthorized("wrong_audience")),
        ),
        (
            "b's token for a's audience",
            b.token(&with(&of_b, "aud", "for-a")),
            Err(unauthorized("wrong_audience")),
        ),
        (
            "an algorithm that only b may use",
            es256.token(&of_a),
            Err(unauthorized("unsupported_algorithm")),
        ),
        (
            "a rule that only b has",
            b.token(&with(&of_b, "token_use", "id")),
            Err(unauthorized("wrong_token_use")),
        ),
        ("a claim that only b has a rule for", a.token(&with(&of_a, "token_use", "id")), Ok(())),
    ] {
        assert_eq!(deployment.ask(&connect(&token)).await.map(drop), expected, "{case}");
    }
}

#[tokio::test]
async fn fetches_from_listed_issuers_only_and_once() {
    let (listed, also_listed, unlisted) =
        tokio::join!(Issuer::start(), Issuer::start(), Issuer::start());
    let (listed, also_listed, unlisted) =
        (listed.unwrap(), also_listed.unwrap(), unlisted.unwrap());
    let mut deployment = trusting_all(json!([
        { "issuer": listed.url(), "audience": AUDIENCE },
        { "issuer": also_listed.url(), "audience": AUDIENCE, "jwks_uri": also_listed.key_set_url() },
    ]))
    .await;
    for _ in 0..3 {
        for (issuer, expected) in [
            (&listed, Ok(())),
            (&also_listed, Ok(())),
            (&unlisted, Err(unauthorized("unknown_issuer"))),
        ] {
            let outcome = deployment.ask(&connect(&good_token(issuer))).await.map(drop);
            assert_eq!(outcome, expected, "{}", issuer.url());
        }
    }
    assert_eq!((listed.requests(DISCOVERY_PATH), listed.requests(KEY_SET_PATH)), (1, 1));
    assert_eq!((also_listed.requests(DISCOVERY_PATH), also_listed.requests(KEY_SET_PATH)), (0, 1));
    assert_eq!(unlisted.connections(), 0);
}

#[tokio::test]
async fn follows_a_rotation_and_forgets_the_key_that_was_withdrawn() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let old = good_token(&issuer);
    let (outcome, line) = deployment.ask_for_more(&connect(&old)).await;
    assert_eq!((outcome.is_ok(), &line["keys"]), (true, &json!("fresh")));

    issuer.rotate().unwrap();
    assert!(deployment.ask(&connect(&old)).await.is_ok(), "it is fresh still");
    let (outcome, line) = deployment.ask_for_more(&connect(&good_token(&issuer))).await;
    assert_eq!((outcome.is_ok(), &line["keys"]), (true, &json!("fetched")));
    let outcome = deployment.ask(&connect(&old)).await;
    assert_eq!(outcome, Err(unauthorized("unknown_key")));

    // The cooldown that the first unknown kid began holds now.
    issuer.rotate().unwrap();
    let outcome = deployment.ask(&connect(&good_token(&issuer))).await;
    assert_eq!(outcome, Err(unauthorized("unknown_key")));
    assert_eq!(issuer.requests(KEY_SET_PATH), 2);
}

#[tokio::test]
async fn keeps_serving_when_the_issuer_is_gone() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let token = good_token(&issuer);
    let unknown =
        issuer.sign(&json!({ "alg": "RS256", "kid": "x" }), issuer.claims().to_string().as_bytes());
    drop(issuer);
    for _ in 0..3 {
        assert_eq!(deployment.ask(&connect(&unknown)).await, Err(unauthorized("unknown_key")));
        assert!(deployment.ask(&connect(&token)).await.is_ok());
    }
}
