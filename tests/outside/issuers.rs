//! Several issuers, and what they may serve in place of keys.

use jsonwebtoken::{Algorithm, Header};
use local_gateway::issuer::{AUDIENCE, DISCOVERY_PATH, Issuer, KEY_SET_PATH, now_seconds};
use local_gateway::served::Served;
use serde_json::{Value, json};

use crate::deployment::{Deployment, fault, unauthorized};
use crate::signer::{Signer, publish};
use crate::tokens::{claims_with, connect, good_token};
use crate::wiremock_fixtures::{Fixtures, SIGNING_KID, signing_key};

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
    let mut deployment = Deployment::trusting(&issuer, &[]).await;
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
    let mut deployment = Deployment::trusting(&issuer, &[]).await;
    let token = good_token(&issuer);
    let unknown =
        issuer.sign(&json!({ "alg": "RS256", "kid": "x" }), issuer.claims().to_string().as_bytes());
    drop(issuer);
    for _ in 0..3 {
        assert_eq!(deployment.ask(&connect(&unknown)).await, Err(unauthorized("unknown_key")));
        assert!(deployment.ask(&connect(&token)).await.is_ok());
    }
}

/// Each issuer of `wiremock-fixtures/` that does not take ten seconds, and what comes of it.
#[tokio::test]
async fn has_keys_or_none_whatever_an_issuer_serves() {
    let with_keys = ["healthy", "cache-control", "wrong-content-type", "largest"];
    let without = [
        "oversize",
        "empty-set",
        "no-usable-key",
        "wrong-issuer",
        "redirect",
        "garbage",
        "html",
        "not-found",
        "error-500",
        "fault-empty-response",
    ];
    let outcomes = with_keys.map(|name| (name, Ok(()))).into_iter();
    let outcomes = outcomes.chain(without.map(|name| (name, Err(fault("keys_unavailable")))));
    let fixtures = Fixtures::serve().await.unwrap();
    let listed: Vec<_> = outcomes
        .clone()
        .map(|(name, _)| json!({ "issuer": fixtures.issuer(name), "audience": AUDIENCE }))
        .collect();
    let mut deployment = trusting_all(json!(listed)).await;
    for (name, expected) in outcomes {
        let token = fixture_token(&fixtures.issuer(name), SIGNING_KID);
        let outcome = deployment.ask(&connect(&token)).await.map(drop);
        assert_eq!(outcome, expected, "{name}");
    }
}

/// As above, with the address of the key set given: then nothing of discovery matters.
#[tokio::test]
async fn needs_no_discovery_where_the_key_set_is_given() {
    let fixtures = Fixtures::serve().await.unwrap();
    let outcomes = [
        ("wrong-issuer", Ok(())),
        ("healthy", Ok(())),
        ("redirect", Err(fault("keys_unavailable"))),
        ("oversize", Err(fault("keys_unavailable"))),
        ("html", Err(fault("keys_unavailable"))),
    ];
    let listed = outcomes.clone().map(|(name, _)| {
        json!({ "issuer": fixtures.issuer(name), "audience": AUDIENCE, "jwks_uri": fixtures.jwks_uri(name) })
    });
    let mut deployment = trusting_all(json!(listed)).await;
    for (name, expected) in outcomes {
        let token = fixture_token(&fixtures.issuer(name), SIGNING_KID);
        let outcome = deployment.ask(&connect(&token)).await.map(drop);
        assert_eq!(outcome, expected, "{name}");
        let discovery = format!("/{name}{DISCOVERY_PATH}");
        assert_eq!(fixtures.requests_to(&discovery).await, 0, "{name}");
    }
}

#[tokio::test]
async fn skips_keys_that_must_not_be_used_without_harm_to_their_neighbours() {
    let fixtures = Fixtures::serve().await.unwrap();
    let issuer = fixtures.issuer("healthy");
    let settings = [("AUTHORIZER_ISSUER", &*issuer), ("AUTHORIZER_AUDIENCE", AUDIENCE)];
    let mut deployment = Deployment::start(&settings).await;
    for (kid, expected) in [
        (SIGNING_KID, Ok(())),
        ("test-encryption-key", Err(unauthorized("unknown_key"))),
        ("test-symmetric-key", Err(unauthorized("unknown_key"))),
        ("test-unknown-type-key", Err(unauthorized("unknown_key"))),
        ("1", Err(unauthorized("unknown_key"))),
        ("test-truncated-key", Err(unauthorized("unknown_key"))),
        ("test-short-key", Err(unauthorized("unknown_key"))),
    ] {
        let outcome = deployment.ask(&connect(&fixture_token(&issuer, kid))).await.map(drop);
        assert_eq!(outcome, expected, "{kid}");
    }
}

/// A token by the fixtures' one key.
fn fixture_token(issuer: &str, kid: &str) -> String {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(kid.to_owned());
    let claims = json!({ "iss": issuer, "aud": AUDIENCE, "exp": now_seconds() + 60 });
    jsonwebtoken::encode(&header, &claims, &signing_key()).unwrap()
}

/// What a list reads like must not be taken for an object, nor a key set for one that is not.
#[tokio::test]
async fn takes_no_documents_that_are_not_what_they_should_be() {
    let issuer = Issuer::start().await.unwrap();
    for (case, discovery, key_set) in [
        ("a discovery document that is a list", Some(json!(["ISSUER", "ISSUER/jwks.json"])), None),
        (
            "another issuer's",
            Some(json!({ "issuer": "ISSUER/", "jwks_uri": "ISSUER/jwks.json" })),
            None,
        ),
        (
            "a key set far away over plain HTTP",
            Some(json!({ "issuer": "ISSUER", "jwks_uri": "http://192.0.2.1/jwks.json" })),
            None,
        ),
        (
            "a key set that is a file",
            Some(json!({ "issuer": "ISSUER", "jwks_uri": "file:///etc/passwd" })),
            None,
        ),
        ("no key set", Some(json!({ "issuer": "ISSUER" })), None),
        ("a key set that is a list", None, Some(json!([["KEY"]]))),
        ("a key set that is a list of keys", None, Some(json!(["KEY"]))),
        ("a key set that is an object", None, Some(json!({ "keys": { "key-1": "KEY" } }))),
        ("a key that is a list", None, Some(json!({ "keys": [["key-1", "sig", null, "RS256"]] }))),
    ] {
        let served = |document: Option<Value>| match document {
            None => Served::own(),
            Some(document) => {
                let document = document.to_string().replace("ISSUER", issuer.url());
                Served::bytes(document.replace("\"KEY\"", &issuer.key().jwk().to_string()))
            }
        };
        issuer.serve_discovery(served(discovery));
        issuer.serve_key_set(served(key_set));
        let mut deployment = Deployment::trusting(&issuer, &[]).await;
        let outcome = deployment.ask(&connect(&good_token(&issuer))).await;
        assert_eq!(outcome, Err(fault("keys_unavailable")), "{case}");
    }
}
