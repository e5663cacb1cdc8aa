//! The issuer, seen from an authorizer that fetches its keys.

#![allow(clippy::unwrap_used, reason = "a test's way to fail")]

mod support;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_gateway::issuer::{DISCOVERY_PATH, Issuer, KEY_SET_PATH, now_seconds};
use local_gateway::served::Served;
use local_gateway::tokens;
use serde_json::{Value, json};
use support::http_client;

async fn text(url: &str) -> String {
    http_client().get(url).send().await.unwrap().text().await.unwrap()
}

async fn document(url: &str) -> Value {
    serde_json::from_str(&text(url).await).unwrap()
}

fn decode(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

fn verifies(token: &str, jwk: &Value) -> bool {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let key = RsaPublicKeyComponents {
        n: decode(jwk["n"].as_str().unwrap()),
        e: decode(jwk["e"].as_str().unwrap()),
    };
    key.verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &decode(signature)).is_ok()
}

#[tokio::test]
async fn leads_from_discovery_to_the_key_that_signs() {
    let issuer = Issuer::start().await.unwrap();
    let discovery = document(&format!("{}{DISCOVERY_PATH}", issuer.url())).await;
    assert_eq!(discovery["issuer"], issuer.url());
    let key_set = document(discovery["jwks_uri"].as_str().unwrap()).await;

    let token = issuer.token(&issuer.claims());
    let header: Value = serde_json::from_slice(&decode(token.split('.').next().unwrap())).unwrap();
    assert_eq!(header["kid"], key_set["keys"][0]["kid"]);
    assert!(verifies(&token, &key_set["keys"][0]));
    assert_eq!((issuer.requests(DISCOVERY_PATH), issuer.requests(KEY_SET_PATH)), (1, 1));
}

#[tokio::test]
async fn mints_tokens_that_are_valid_now() {
    let issuer = Issuer::start().await.unwrap();
    let claims = issuer.claims();
    assert_eq!(claims["iss"], issuer.url());
    assert!(claims["iat"].as_u64().unwrap() <= now_seconds());
    assert!(claims["exp"].as_u64().unwrap() > now_seconds());
}

#[tokio::test]
async fn withdraws_the_old_key_when_it_rotates() {
    let issuer = Issuer::start().await.unwrap();
    let old = issuer.token(&issuer.claims());
    issuer.rotate().unwrap();
    let key_set = document(&issuer.key_set_url()).await;
    assert_eq!(key_set["keys"].as_array().unwrap().len(), 1);
    assert_eq!(key_set["keys"][0]["kid"], "key-2");
    assert!(!verifies(&old, &key_set["keys"][0]));
    assert!(verifies(&issuer.token(&issuer.claims()), &key_set["keys"][0]));
}

#[tokio::test]
async fn keeps_the_old_key_until_it_is_withdrawn() {
    let issuer = Issuer::start().await.unwrap();
    assert!(tokens::of_the_old_key(&issuer).is_none());
    issuer.withdraw_old_key();
    issuer.rotate_with_overlap().unwrap();
    let old = tokens::of_the_old_key(&issuer).unwrap();
    let key_set = document(&issuer.key_set_url()).await;
    let kids: Vec<_> = key_set["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(kids, ["key-2", "key-1"]);
    assert!(verifies(&old, &key_set["keys"][1]));
    assert!(verifies(&tokens::valid(&issuer), &key_set["keys"][0]));
    issuer.withdraw_old_key();
    let key_set = document(&issuer.key_set_url()).await;
    assert_eq!(key_set["keys"].as_array().unwrap().len(), 1);
    assert_eq!(key_set["keys"][0]["kid"], "key-2");
}

#[tokio::test]
async fn signs_what_no_issuer_would() {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.sign(&json!({ "alg": "none" }), br#"{"sub":"a","sub":"b"}"#);
    assert!(verifies(&token, &issuer.key().jwk()));
}

#[tokio::test]
async fn serves_anything_in_place_of_its_documents() {
    let issuer = Issuer::start().await.unwrap();
    issuer.serve_key_set(Served::bytes("oops"));
    issuer.serve_discovery(Served::bytes("{}"));

    let client = http_client();
    assert_eq!(text(&issuer.key_set_url()).await, "oops");
    assert_eq!(text(&format!("{}{DISCOVERY_PATH}", issuer.url())).await, "{}");
    assert_eq!(client.get(issuer.url()).send().await.unwrap().status(), 404);

    issuer.serve_key_set(Served::Own);
    assert!(document(&issuer.key_set_url()).await["keys"].is_array());
}

#[tokio::test]
async fn hangs_until_it_is_let_go() {
    let issuer = Issuer::start().await.unwrap();
    issuer.serve_key_set(Served::Hang);
    let url = issuer.key_set_url();
    let (served, ()) = tokio::join!(text(&url), async {
        issuer.requested(KEY_SET_PATH, 1).await;
        issuer.serve_key_set(Served::bytes("at last"));
    });
    assert_eq!(served, "at last");
}

#[tokio::test]
async fn cuts_the_connection_on_purpose() {
    let issuer = Issuer::start().await.unwrap();
    issuer.serve_key_set(Served::Disconnect);
    let error = http_client().get(issuer.key_set_url()).send().await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
}

#[tokio::test]
async fn counts_connections_not_requests() {
    let issuer = Issuer::start().await.unwrap();
    let client = http_client();
    for _ in 0..3 {
        client.get(issuer.key_set_url()).send().await.unwrap().text().await.unwrap();
    }
    assert_eq!((issuer.connections(), issuer.requests(KEY_SET_PATH)), (1, 3));
}

#[tokio::test]
async fn is_gone_when_dropped_even_for_open_connections() {
    let issuer = Issuer::start().await.unwrap();
    let client = http_client();
    let url = issuer.key_set_url();
    client.get(&url).send().await.unwrap().text().await.unwrap();
    drop(issuer);
    // The port is given back by a task of its own, which yielding lets run.
    while tokio::net::TcpStream::connect(url["http://".len()..].split('/').next().unwrap())
        .await
        .is_ok()
    {
        tokio::task::yield_now().await;
    }
    assert!(client.get(&url).send().await.is_err());
}
