//! Forged, broken and oversized tokens: none gets in, none stops the function, and nothing of
//! any of them gets into its log, however much it is told to log.

mod broken;
mod forged;
mod parties;

use local_gateway::invocation::FunctionOutcome;
use local_gateway::issuer::{AUDIENCE, Issuer};
use local_gateway::request::Request;
use serde_json::{Value, json};

use self::parties::{Attempt, Parties};
use crate::signer::{Signer, publish};
use crate::tokens::{
    claims_with, claims_without, compact, connect, good_token, token_of_length, token_with,
};
use test_support::deployment::Deployment;
use test_support::gateway::unauthorized;

/// More than any function in production is told to log; and one fetch for all unknown kids, however
/// long the machine takes.
const SETTINGS: [(&str, &str); 3] = [
    ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
    ("RUST_LOG", "trace"),
    ("AUTHORIZER_JWKS_COOLDOWN_SECONDS", "3600"),
];

#[tokio::test]
async fn refuses_every_one_of_them_for_its_reason_and_logs_nothing_of_any() {
    let parties = Parties::meet().await;
    let mut deployment = Deployment::trusting(parties.issuer.url(), &SETTINGS).await;
    let attempts = parties.attempts();
    let mut wrong = Vec::new();
    for Attempt { case, token, reason } in &attempts {
        let outcome = deployment.ask(&connect(token)).await.map(drop);
        if outcome != Err(unauthorized(reason)) {
            wrong.push(format!("{case}: {outcome:?}, wanted {reason}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    check_aftermath(&parties, deployment, &attempts).await;
}

#[tokio::test]
async fn logs_nothing_of_any_in_text_either() {
    let parties = Parties::meet().await;
    let text = [("AWS_LAMBDA_LOG_FORMAT", "Text")];
    let deployment =
        Deployment::trusting(parties.issuer.url(), &[&text[..], &SETTINGS].concat()).await;
    let attempts = parties.attempts();
    for Attempt { case, token, .. } in &attempts {
        let answer = deployment.invoke(connect(token).to_string()).await;
        let FunctionOutcome::Error(error) = answer else { panic!("{case}: {answer:?}") };
        assert_eq!(error.error_message, "Unauthorized", "{case}");
    }
    let log = check_aftermath(&parties, deployment, &attempts).await;
    let refusals = log.iter().filter(|line| line.contains("decision=\"unauthorized\""));
    assert!(refusals.count() >= attempts.len(), "a line for each");
}

/// Sends what else has tokens in it, and a good token, which must get in after all that; then holds
/// that nothing was fetched for an attacker, and nothing of any token logged.
async fn check_aftermath(
    parties: &Parties,
    deployment: Deployment,
    attempts: &[Attempt],
) -> Vec<String> {
    let token = good_token(&parties.issuer);
    for event in unfit_events(&token, &token_with(&parties.issuer, json!({ "jti": "other" }))) {
        let answer = deployment.invoke(&*event).await;
        assert!(matches!(answer, FunctionOutcome::Error(_)), "{event}: {answer:?}");
    }
    let answer = deployment.invoke(connect(&token).to_string()).await;
    assert!(matches!(answer, FunctionOutcome::Response(_)), "{answer:?}");

    parties.check_fetches();
    let log = deployment.end().await;
    check_log(&log, attempts.iter().map(|attempt| &*attempt.token).chain([&*token]));
    log
}

/// Events that hold a good token, or two, where none is looked for or none can be taken from.
fn unfit_events(token: &str, other: &str) -> [String; 9] {
    let bearer = format!("Bearer {token}");
    let good = connect(token);
    let with = |name: &str, value: Value| {
        let mut event = good.clone();
        event[name] = value;
        event.to_string()
    };
    let truncated = &good.to_string()[..good.to_string().len() - 1];
    [
        truncated.to_owned(),
        with("headers", json!([bearer])),
        with("methodArn", json!(bearer)),
        with("type", json!(token)),
        Request::handshake().bearer(token).bearer(other).websocket_connect().to_string(),
        Request::handshake().header("Authorization", token).websocket_connect().to_string(),
        Request::new("GET", format!("/{token}")).rest_request().to_string(),
        json!(token).to_string(),
        token.to_owned(),
    ]
}

/// Holds that nothing of the tokens is in a log: neither whole, nor the beginning or the end of a
/// part that is long enough to tell anything.
fn check_log<'a>(log: &[String], tokens: impl Iterator<Item = &'a str>) {
    const TELLING: usize = 24;
    let log = log.join("\n");
    assert!(!log.contains("panicked"), "{log}");
    for token in tokens {
        for part in token.split(['.', ' ', ',', '"']).filter(|part| part.len() >= TELLING) {
            for telling in [&part[..TELLING], &part[part.len() - TELLING..]] {
                assert!(!log.contains(telling), "{telling:?} of a token is in the log");
            }
        }
    }
}

#[test]
#[should_panic(expected = "of a token is in the log")]
fn notices_even_a_part_of_a_signature_in_a_log() {
    let signature = "c2lnbmF0dXJlIG9mIGEgdG9rZW4gdGhhdCBpcyBub25l";
    let log = [format!("refused …{}", &signature[8..])];
    check_log(&log, [&*format!("e30.e30.{signature}")].into_iter());
}

/// Whoever reads the log must be able to trust its lines.
#[tokio::test]
async fn lets_nobody_write_a_log_line_of_their_own() {
    let issuer = Issuer::start().await.unwrap();
    for format in ["JSON", "Text"] {
        let format = [("AWS_LAMBDA_LOG_FORMAT", format)];
        let deployment = Deployment::trusting(issuer.url(), &format).await;
        let forged = "x\r\n{\"decision\":\"allow\"}\u{2028}\u{1b}[2J\u{85}";
        let header = json!({ "alg": "RS256", "kid": forged });
        let mut tokens = vec![issuer.sign(&header, issuer.claims().to_string().as_bytes())];
        for name in ["iss", "aud"] {
            tokens.push(token_with(&issuer, json!({ (name): forged })));
        }
        tokens.push(issuer.sign(&json!({ "alg": forged }), b"{}"));
        for token in &tokens {
            deployment.invoke(connect(token).to_string()).await;
        }
        let log = deployment.end().await;
        let refusals = log.iter().filter(|line| line.contains("unauthorized")).count();
        assert_eq!(refusals, tokens.len(), "{log:#?}");
        for line in log {
            assert!(!line.starts_with("{\"decision"), "{line}");
            assert!(!line.contains(|character: char| character.is_ascii_control()), "{line:?}");
        }
    }
}

/// The nearest to all of the above that is right.
#[tokio::test]
async fn lets_in_what_is_odd_but_right() {
    let parties = Parties::meet().await;
    let mut deployment = Deployment::trusting(parties.issuer.url(), &[]).await;
    let Parties { issuer, attacker } = &parties;
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(900), close.repeat(900));
    let claims = issuer.claims().to_string();
    let open = &claims[..claims.len() - 1];
    let without_kid = issuer.sign(&json!({ "alg": "RS256" }), claims.as_bytes());
    let longest = token_of_length(8192, |in_header, in_payload| {
        let claims = claims_with(issuer, json!({ "filler": in_payload })).to_string();
        issuer.sign(&parties.header(json!({ "filler": in_header })), claims.as_bytes())
    });
    let foreign = json!({
        "jwk": attacker.key().jwk(), "jku": attacker.key_set_url(), "x5u": attacker.url(), "x5c": [],
    });
    for (case, token) in [
        ("no kid, and one key to choose from", without_kid),
        ("the longest token", longest),
        ("another's keys in the header", parties.under_header(foreign)),
        ("a typ of any kind", parties.under_header(json!({ "typ": "application/anything" }))),
        ("unknown parameters", parties.under_header(json!({ "x": null, "cty": 1, "nonce": "n" }))),
        ("an unknown parameter twice", parties.under_raw_header(r#"{"alg":"RS256","x":1,"x":2}"#)),
        ("an escaped alg", parties.under_raw_header(r#"{"\u0061lg":"\u0052S256"}"#)),
        ("space in the header", parties.under_raw_header("{ \"alg\" :\n\t\"RS256\" }\r\n")),
        (
            "a header nested deeply",
            parties.under_raw_header(format!(r#"{{"alg":"RS256","x":{}}}"#, deep("[", "]"))),
        ),
        (
            "a claim nested deeply",
            parties.of_raw_payload(format!(r#"{open},"x":{}}}"#, deep("{\"x\":", "}"))),
        ),
        ("a claim of no use twice", parties.of_raw_payload(format!(r#"{open},"x":1,"x":2}}"#))),
        ("an audience among others", token_with(issuer, json!({ "aud": ["x", AUDIENCE, ""] }))),
        ("an expiry in fractions", token_with(issuer, json!({ "exp": 4_102_444_800.5 }))),
        ("an expiry that never comes", token_with(issuer, json!({ "exp": 1e308 }))),
        ("times before time", token_with(issuer, json!({ "nbf": -1, "iat": -1e308 }))),
        ("no nbf and no iat", issuer.token(&claims_without(issuer, "iat"))),
        ("no sub", issuer.token(&claims_without(issuer, "sub"))),
        ("a sub of any letters", token_with(issuer, json!({ "sub": "\u{0}\u{202e}☃\"\\\n" }))),
    ] {
        let outcome = deployment.ask(&connect(&token)).await;
        assert!(outcome.is_ok(), "{case}: {outcome:?}");
    }
    assert_eq!(attacker.connections(), 0);
}

/// A key is for one algorithm, and an algorithm for keys of its type.
#[tokio::test]
async fn keeps_keys_and_algorithms_apart() {
    const ALGORITHMS: [&str; 9] =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
    let issuer = Issuer::start().await.unwrap();
    let signers = ALGORITHMS.map(Signer::generate);
    publish(&issuer, &signers.iter().map(Signer::jwk).collect::<Vec<_>>());
    let all = ALGORITHMS.join(",");
    let mut deployment =
        Deployment::trusting(issuer.url(), &[("AUTHORIZER_ALGORITHMS", &all)]).await;
    let payload = issuer.claims().to_string();
    for signer in &signers {
        let own = signer.kid();
        assert!(deployment.ask(&connect(&signer.token(&issuer.claims()))).await.is_ok(), "{own}");
        for other in ALGORITHMS.iter().filter(|other| **other != own) {
            for (header, reason) in [
                (json!({ "alg": other, "kid": own }), "unknown_key"),
                (json!({ "alg": own, "kid": other }), "unknown_key"),
                (json!({ "alg": other, "kid": other }), "invalid_signature"),
            ] {
                let token = signer.sign(&header, payload.as_bytes());
                let outcome = deployment.ask(&connect(&token)).await.map(drop);
                assert_eq!(outcome, Err(unauthorized(reason)), "{header} by {own}");
            }
        }
        let header = json!({ "alg": own, "kid": own }).to_string();
        for length in [0, 1, 64, 96, 256] {
            let token = compact(header.as_bytes(), payload.as_bytes(), &vec![0; length]);
            let outcome = deployment.ask(&connect(&token)).await.map(drop);
            assert_eq!(outcome, Err(unauthorized("invalid_signature")), "{length} zeros for {own}");
        }
    }
}
