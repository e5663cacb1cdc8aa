//! What the settings want of a token: its claims, its header, its algorithm.

use local_gateway::issuer::{Issuer, now_seconds};
use serde_json::{Value, json};

use crate::signer::{Signer, publish};
use crate::tokens::connect;
use test_support::deployment::Deployment;
use test_support::gateway::{Refused, forbidden, unauthorized};

/// Asks one function for tokens that differ from a good one in these claims; null leaves one out.
async fn check(settings: &[(&str, &str)], cases: &[(Value, Result<(), Refused>)]) {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), settings).await;
    for (claims, expected) in cases {
        let mut all = issuer.claims();
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let outcome = deployment.ask(&connect(&issuer.token(&all))).await.map(drop);
        assert_eq!(outcome, *expected, "{claims} with {settings:?}");
    }
}

#[tokio::test]
async fn audience_is_any_of_a_list() {
    check(
        &[("AUTHORIZER_AUDIENCE", "chat, https://api.example/")],
        &[
            (json!({ "aud": "chat" }), Ok(())),
            (json!({ "aud": ["x", "https://api.example/"] }), Ok(())),
            (json!({ "aud": "https://api.example" }), Err(unauthorized("wrong_audience"))),
            (json!({ "aud": "chat, https://api.example/" }), Err(unauthorized("wrong_audience"))),
            (json!({ "aud": null }), Err(unauthorized("missing_claim"))),
        ],
    )
    .await;
}

#[tokio::test]
async fn audience_is_unchecked_in_so_many_words() {
    check(
        &[("AUTHORIZER_AUDIENCE", "*")],
        &[
            (json!({ "aud": "anything" }), Ok(())),
            (json!({ "aud": [] }), Ok(())),
            (json!({ "aud": null }), Ok(())),
            // It is still a claim with a type.
            (json!({ "aud": 1 }), Err(unauthorized("malformed_token"))),
        ],
    )
    .await;
}

#[tokio::test]
async fn client_ids_are_those_of_client_id_or_else_azp() {
    check(
        &[("AUTHORIZER_CLIENT_IDS", "web,mobile")],
        &[
            (json!({ "client_id": "web" }), Ok(())),
            (json!({ "client_id": null, "azp": "mobile" }), Ok(())),
            (json!({ "client_id": "other", "azp": "web" }), Err(unauthorized("wrong_client"))),
            (json!({ "client_id": "Web" }), Err(unauthorized("wrong_client"))),
            (json!({ "client_id": "web,mobile" }), Err(unauthorized("wrong_client"))),
            (json!({ "client_id": null }), Err(unauthorized("missing_claim"))),
        ],
    )
    .await;
}

#[tokio::test]
async fn token_types_are_media_types() {
    let issuer = Issuer::start().await.unwrap();
    let types = [("AUTHORIZER_TOKEN_TYPES", "at+jwt,application/vnd.example+jwt")];
    let mut deployment = Deployment::trusting(issuer.url(), &types).await;
    let payload = issuer.claims().to_string();
    for (typ, expected) in [
        (Some("at+jwt"), Ok(())),
        (Some("AT+JWT"), Ok(())),
        (Some("application/at+jwt"), Ok(())),
        (Some("vnd.example+jwt"), Ok(())),
        (Some("JWT"), Err(unauthorized("wrong_token_type"))),
        (Some("text/at+jwt"), Err(unauthorized("wrong_token_type"))),
        (Some(""), Err(unauthorized("wrong_token_type"))),
        (None, Err(unauthorized("wrong_token_type"))),
    ] {
        let mut header = json!({ "alg": "RS256", "kid": "key-1" });
        if let Some(typ) = typ {
            header["typ"] = typ.into();
        }
        let token = issuer.sign(&header, payload.as_bytes());
        assert_eq!(deployment.ask(&connect(&token)).await.map(drop), expected, "{typ:?}");
    }
}

#[tokio::test]
async fn token_use_is_cognitos() {
    check(
        &[("AUTHORIZER_TOKEN_USE", "access")],
        &[
            (json!({ "token_use": "access" }), Ok(())),
            (json!({ "token_use": "id" }), Err(unauthorized("wrong_token_use"))),
            (json!({}), Err(unauthorized("missing_claim"))),
        ],
    )
    .await;
}

#[tokio::test]
async fn required_scopes_are_needed_all() {
    check(
        &[("AUTHORIZER_REQUIRED_SCOPES", "a,b:c")],
        &[
            (json!({ "scope": "a b:c" }), Ok(())),
            (json!({ "scope": " b:c  a z " }), Ok(())),
            (json!({ "scope": null, "scp": "b:c a" }), Ok(())),
            (json!({ "scope": null, "scp": ["a", "b:c"] }), Ok(())),
            (json!({ "scope": "a", "scp": ["b:c"] }), Ok(())),
            (json!({ "scope": "a" }), Err(forbidden("insufficient_scope"))),
            (json!({ "scope": "a b" }), Err(forbidden("insufficient_scope"))),
            (json!({ "scope": "A B:C" }), Err(forbidden("insufficient_scope"))),
            (json!({ "scope": "a,b:c" }), Err(forbidden("insufficient_scope"))),
            (json!({ "scope": "" }), Err(forbidden("insufficient_scope"))),
            (json!({ "scope": null }), Err(forbidden("insufficient_scope"))),
        ],
    )
    .await;
}

#[tokio::test]
async fn required_claims_have_accepted_values_without_coercion() {
    let rules = json!({
        "tenant": ["a", "b"], "/realm/roles": "admin", "https://example.com/level": 3, "mfa": true,
    });
    let good = |changes: Value| {
        let mut claims = json!({
            "tenant": "a", "realm": { "roles": ["user", "admin"] },
            "https://example.com/level": 3, "mfa": true,
        });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    };
    check(
        &[("AUTHORIZER_REQUIRED_CLAIMS", &rules.to_string())],
        &[
            (good(json!({})), Ok(())),
            (good(json!({ "tenant": "b" })), Ok(())),
            (good(json!({ "tenant": ["x", "b"] })), Ok(())),
            (good(json!({ "realm": { "roles": "admin" } })), Ok(())),
            (good(json!({ "tenant": "c" })), Err(unauthorized("claim_mismatch"))),
            (good(json!({ "tenant": ["c"] })), Err(unauthorized("claim_mismatch"))),
            (good(json!({ "tenant": [["a"]] })), Err(unauthorized("claim_mismatch"))),
            (good(json!({ "tenant": { "a": "a" } })), Err(unauthorized("claim_mismatch"))),
            (good(json!({ "tenant": null })), Err(unauthorized("missing_claim"))),
            (good(json!({ "realm": { "roles": [] } })), Err(unauthorized("claim_mismatch"))),
            (good(json!({ "realm": {} })), Err(unauthorized("missing_claim"))),
            (good(json!({ "realm": "roles" })), Err(unauthorized("missing_claim"))),
            (
                good(json!({ "https://example.com/level": "3" })),
                Err(unauthorized("claim_mismatch")),
            ),
            (good(json!({ "https://example.com/level": 4 })), Err(unauthorized("claim_mismatch"))),
            (good(json!({ "mfa": "true" })), Err(unauthorized("claim_mismatch"))),
            (good(json!({ "mfa": 1 })), Err(unauthorized("claim_mismatch"))),
        ],
    )
    .await;
}

/// A minute either way is more than a test takes, and less than makes a difference.
#[tokio::test]
async fn max_token_age_counts_from_iat() {
    let now = now_seconds();
    check(
        &[("AUTHORIZER_MAX_TOKEN_AGE_SECONDS", "3600")],
        &[
            (json!({ "iat": now - 3540 }), Ok(())),
            (json!({ "iat": now - 3660 }), Err(unauthorized("too_old"))),
            (json!({ "iat": null }), Err(unauthorized("missing_claim"))),
        ],
    )
    .await;
}

#[tokio::test]
async fn leeway_stretches_every_time() {
    let now = now_seconds();
    let claims = [
        (json!({ "exp": now - 60 }), "expired"),
        (json!({ "nbf": now + 60 }), "not_yet_valid"),
        (json!({ "iat": now + 60 }), "issued_in_future"),
    ];
    let refused = claims.clone().map(|(claims, reason)| (claims, Err(unauthorized(reason))));
    let let_in = claims.map(|(claims, _)| (claims, Ok(())));
    check(&[("AUTHORIZER_LEEWAY_SECONDS", "0")], &refused).await;
    check(&[], &refused).await;
    check(&[("AUTHORIZER_LEEWAY_SECONDS", "300")], &let_in).await;
}

#[tokio::test]
async fn algorithms_are_those_that_are_listed() {
    for (alg, others) in [
        ("RS512", "RS256"),
        ("PS256", "RS256"),
        ("ES256", "RS256"),
        ("ES384", "ES256"),
        ("EdDSA", "RS256,ES256"),
    ] {
        let issuer = Issuer::start().await.unwrap();
        let signer = Signer::generate(alg);
        publish(&issuer, &[issuer.key().jwk(), Signer::generate("ES256").jwk(), signer.jwk()]);
        let token = connect(&signer.token(&issuer.claims()));
        let both = format!("{others},{alg}");
        for (listed, expected) in
            [(alg, Ok(())), (&both, Ok(())), (others, Err(unauthorized("unsupported_algorithm")))]
        {
            let algorithms = [("AUTHORIZER_ALGORITHMS", listed)];
            let mut deployment = Deployment::trusting(issuer.url(), &algorithms).await;
            assert_eq!(deployment.ask(&token).await.map(drop), expected, "{alg} of {listed}");
        }
    }
}

/// RFC 9864 names the algorithm of Ed25519 keys anew.
#[tokio::test]
async fn eddsa_and_ed25519_are_one_algorithm() {
    let issuer = Issuer::start().await.unwrap();
    let signer = Signer::generate("Ed25519");
    let sign = |key: &Signer, alg: &str, kid: &str| {
        key.sign(&json!({ "alg": alg, "kid": kid }), issuer.claims().to_string().as_bytes())
    };
    let rsa = Signer::generate("RS256");
    let named = |alg: &str| {
        let mut jwk = signer.jwk();
        jwk["alg"] = alg.into();
        jwk["kid"] = alg.into();
        jwk
    };
    let mut mislabelled = rsa.jwk();
    mislabelled["alg"] = "Ed25519".into();
    mislabelled["kid"] = "mislabelled".into();
    publish(&issuer, &[rsa.jwk(), named("EdDSA"), named("Ed25519"), named("ed25519"), mislabelled]);
    let refused = |reason: &str| Err(unauthorized(reason));
    for listed in ["EdDSA", "Ed25519", "EdDSA,Ed25519"] {
        let listed = format!("RS256,{listed}");
        let settings = [("AUTHORIZER_ALGORITHMS", &*listed)];
        let mut deployment = Deployment::trusting(issuer.url(), &settings).await;
        for (case, token, expected) in [
            ("the same name", sign(&signer, "Ed25519", "Ed25519"), Ok(())),
            ("the old name twice", sign(&signer, "EdDSA", "EdDSA"), Ok(())),
            ("a new token by an old key", sign(&signer, "Ed25519", "EdDSA"), Ok(())),
            ("an old token by a new key", sign(&signer, "EdDSA", "Ed25519"), Ok(())),
            ("an RSA key", sign(&rsa, "Ed25519", "RS256"), refused("unknown_key")),
            (
                "an RSA key of that name",
                sign(&rsa, "Ed25519", "mislabelled"),
                refused("unknown_key"),
            ),
            ("a key of another name", sign(&signer, "Ed25519", "ed25519"), refused("unknown_key")),
            ("lower case", sign(&signer, "ed25519", "Ed25519"), refused("unsupported_algorithm")),
            ("Ed448", sign(&signer, "Ed448", "Ed25519"), refused("unsupported_algorithm")),
        ] {
            let outcome = deployment.ask(&connect(&token)).await.map(drop);
            assert_eq!(outcome, expected, "{case} of {listed}");
        }
    }
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let outcome = deployment.ask(&connect(&sign(&signer, "Ed25519", "Ed25519"))).await.map(drop);
    assert_eq!(outcome, refused("unsupported_algorithm"), "where only RS256 is listed");
}

/// A JWK need not say which of its type's algorithms it is for.
#[tokio::test]
async fn a_key_without_an_alg_serves_each_that_is_listed() {
    let issuer = Issuer::start().await.unwrap();
    let signer = Signer::generate("PS256");
    let mut jwk = signer.jwk();
    jwk.as_object_mut().unwrap().remove("alg").unwrap();
    publish(&issuer, &[jwk]);
    for (listed, expected) in [
        ("RS256,PS256", Ok(())),
        ("PS256", Ok(())),
        ("RS256", Err(unauthorized("unsupported_algorithm"))),
    ] {
        let algorithms = [("AUTHORIZER_ALGORITHMS", listed)];
        let mut deployment = Deployment::trusting(issuer.url(), &algorithms).await;
        let outcome = deployment.ask(&connect(&signer.token(&issuer.claims()))).await.map(drop);
        assert_eq!(outcome, expected, "{listed}");
    }
}
