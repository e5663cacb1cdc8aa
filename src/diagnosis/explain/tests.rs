use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::super::text::Style;
use super::*;
use crate::jwks::{Content, FetchError, Fetched, KeyRequest, KeySet};
use crate::jwt::testing::{self, KEYS, OTHER_KEYS};

const ISSUER: &str = "https://issuer.example/";
const NOW: u64 = 1_700_000_000;

/// Publishes one key, or none.
struct Source {
    is_up: bool,
}

impl KeySource for Source {
    async fn fetch(&self, request: KeyRequest<'_>) -> Result<Fetched, FetchError> {
        let uri = url::Url::parse("https://issuer.example/jwks.json").unwrap();
        if !self.is_up {
            return Err(FetchError::Status { url: uri.to_string(), status: 503 });
        }
        let mut jwk = KEYS[3].jwk();
        jwk["kid"] = "k1".into();
        let set = json!({ "keys": [jwk] }).to_string();
        let (keys, skipped) =
            KeySet::parse(set.as_bytes(), &request.origin.issuer, &request.origin.algorithms)
                .unwrap();
        Ok(Fetched { content: Content::Keys { keys, skipped, etag: None }, uri, max_age: None })
    }
}

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn invocation() -> Invocation<'static> {
    Invocation { request_id: "1", trace_id: None, deadline: time(NOW + 10) }
}

/// An authorizer with strict settings, some of them replaced.
async fn authorizer(settings: &[(&str, &str)], is_up: bool) -> Authorizer<Source> {
    let mut variables = std::collections::BTreeMap::from([
        ("AUTHORIZER_ISSUER", ISSUER),
        ("AUTHORIZER_AUDIENCE", "chat"),
        ("AUTHORIZER_ALGORITHMS", "EdDSA"),
        ("AUTHORIZER_REQUIRED_SCOPES", "chat:read"),
        ("AUTHORIZER_CONTEXT_CLAIMS", "email"),
    ]);
    variables.extend(settings.iter().copied());
    variables.retain(|_, value| !value.is_empty());
    let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::from_variables(variables).unwrap();
    Authorizer::with_source(config, Source { is_up }, Arc::new(|| time(NOW))).await.unwrap()
}

fn good_claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": "chat",
        "sub": "alice-7f3a",
        "email": "alice@example.com",
        "scope": "chat:read chat:write",
        "iat": NOW - 60,
        "exp": NOW + 3_240,
    })
}

/// The good claims, some of them replaced, and without those that are null.
fn claims(replaced: Value) -> Value {
    let mut claims = good_claims();
    let members = claims.as_object_mut().unwrap();
    members.extend(replaced.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    claims
}

fn header() -> Value {
    json!({ "alg": "EdDSA", "kid": "k1", "typ": "JWT" })
}

fn sign(header: &Value, claims: &Value) -> String {
    let (header, claims) = (header.to_string(), claims.to_string());
    let signature = KEYS[3].sign("EdDSA", testing::signing_input(&header, &claims).as_bytes());
    testing::token(&header, &claims, &signature)
}

fn forge(claims: &Value) -> String {
    let (header, claims) = (header().to_string(), claims.to_string());
    let signature =
        OTHER_KEYS[3].sign("EdDSA", testing::signing_input(&header, &claims).as_bytes());
    testing::token(&header, &claims, &signature)
}

/// A REST API's request.
fn event(route: &str, token: &str) -> Value {
    json!({
        "type": "REQUEST",
        "methodArn": format!("arn:aws:execute-api:eu-west-1:123456789012:a1b2c3/prod/{route}"),
        "headers": { "authorization": format!("Bearer {token}") },
    })
}

async fn explain_token(settings: &[(&str, &str)], token: &str) -> Explanation {
    let subject = Subject::Token(token.to_owned());
    authorizer(settings, true).await.explain(&subject, None, Values::Shown, invocation()).await
}

async fn explain_event(settings: &[(&str, &str)], event: &Value) -> Explanation {
    let subject = Subject::Event(event.to_string());
    authorizer(settings, true).await.explain(&subject, None, Values::Shown, invocation()).await
}

fn step<'e>(explanation: &'e Explanation, name: &str) -> &'e Step {
    explanation.steps.iter().find(|step| step.step == name).unwrap()
}

fn found<'e>(explanation: &'e Explanation, name: &str) -> (Outcome, &'e str) {
    let step = step(explanation, name);
    (step.outcome, step.found.as_deref().unwrap())
}

/// Holds what is true of every explanation, whatever it explains.
#[track_caller]
fn check_form(explanation: &Explanation) {
    assert_eq!(explanation.reasons.first().copied(), explanation.reason);
    assert_eq!(explanation.decision == "allow", explanation.reasons.is_empty());
    let first_failed = explanation.steps.iter().find(|step| step.outcome == Outcome::Failed);
    assert_eq!(first_failed.and_then(|step| step.reason), explanation.reason);
    for step in &explanation.steps {
        assert_eq!(step.outcome == Outcome::Failed, step.cure.is_some(), "{}", step.step);
        assert!(step.found.is_some(), "{}", step.step);
    }
    assert_eq!(explanation.cures.len(), explanation.reasons.len());
    assert_eq!(explanation.steps.last().unwrap().step, "response");
}

#[tokio::test]
async fn explains_an_allowed_token() {
    let explanation = explain_token(&[], &sign(&header(), &good_claims())).await;
    check_form(&explanation);
    assert_eq!((explanation.decision, explanation.client_sees), ("allow", 101));
    assert_eq!((explanation.event_kind, explanation.verified), (None, true));
    assert_eq!(explanation.issuer.as_deref(), Some(ISSUER));
    assert_eq!(explanation.claims, Some(good_claims()));
    let answer = explanation.answer.as_ref().unwrap();
    assert_eq!(answer["principalId"], "alice-7f3a");
    assert_eq!(answer["context"]["email"], "alice@example.com");
    let skipped: Vec<_> = explanation
        .steps
        .iter()
        .filter(|step| step.outcome != Outcome::Passed)
        .map(|step| step.step)
        .collect();
    assert_eq!(skipped, ["event", "origin", "route"]);
    let (outcome, text) = found(&explanation, "expiry");
    assert_eq!((outcome, text), (Outcome::Passed, "exp is 2023-11-14T23:07:20Z (in 54 min)"));
}

#[tokio::test]
async fn says_one_age_of_a_time_within_a_second() {
    let authorizer = authorizer(&[], true).await;
    let at = Some(time(NOW) + Duration::from_millis(400));
    for (replaced, step, text) in [
        (
            json!({ "exp": NOW - 66 }),
            "expiry",
            "the token expired 67 s ago; exp is 2023-11-14T22:12:14Z (1 min 7 s ago)",
        ),
        (
            json!({ "nbf": NOW + 400 }),
            "not_before",
            "the token is not valid yet, nbf is 400 s in the future; nbf is 2023-11-14T22:20:00Z (in 6 min 40 s)",
        ),
    ] {
        let subject = Subject::Token(sign(&header(), &claims(replaced)));
        let explanation = authorizer.explain(&subject, at, Values::Shown, invocation()).await;
        assert_eq!(found(&explanation, step), (Outcome::Failed, text));
    }
}

#[tokio::test]
async fn says_the_age_of_a_cached_key_at_the_present_time() {
    let authorizer = authorizer(&[], true).await;
    let subject = Subject::Token(sign(&header(), &good_claims()));
    let in_a_year = Some(time(NOW + 365 * 86_400));
    for (at, text) in [
        (None, "the key, just fetched"),
        (None, "the key, fetched 0 s ago"),
        (in_a_year, "the key, fetched 0 s ago"),
    ] {
        let explanation = authorizer.explain(&subject, at, Values::Shown, invocation()).await;
        assert_eq!(found(&explanation, "key"), (Outcome::Passed, text));
    }
}

#[tokio::test]
async fn shows_every_mistake_of_a_token_and_the_decision_s_first() {
    #[track_caller]
    fn check(explanation: &Explanation, verified: bool, reasons: &[&str]) {
        check_form(explanation);
        assert_eq!((&*explanation.reasons, explanation.verified), (reasons, verified));
    }
    let three = claims(json!({ "exp": NOW - 66, "aud": "other", "scope": "openid" }));
    let explanation = explain_token(&[], &sign(&header(), &three)).await;
    check(&explanation, true, &["expired", "wrong_audience", "insufficient_scope"]);
    assert_eq!((explanation.decision, explanation.client_sees), ("unauthorized", 401));
    assert_eq!(explanation.answer, None);
    assert_eq!(
        found(&explanation, "expiry").1,
        "the token expired 66 s ago; exp is 2023-11-14T22:12:14Z (1 min 6 s ago)"
    );

    // The claims of a forged token are checked as well, and marked.
    let explanation = explain_token(&[], &forge(&three)).await;
    check(
        &explanation,
        false,
        &["invalid_signature", "expired", "wrong_audience", "insufficient_scope"],
    );
    assert!(found(&explanation, "audience").1.ends_with("(not verified)"));
    assert!(found(&explanation, "client").1.ends_with("(not verified)"));

    let explanation = explain_token(&[], &forge(&good_claims())).await;
    check(&explanation, false, &["invalid_signature"]);

    let other_key = json!({ "alg": "EdDSA", "kid": "k2" });
    let explanation = explain_token(&[], &sign(&other_key, &three)).await;
    check(&explanation, false, &["unknown_key", "expired", "wrong_audience", "insufficient_scope"]);
    assert_eq!(step(&explanation, "signature").outcome, Outcome::Skipped);

    // Of a token that was cut off, the claims can still be read.
    let token = sign(&header(), &three);
    let explanation = explain_token(&[], &token[..token.len() - 1]).await;
    check(
        &explanation,
        false,
        &["malformed_token", "expired", "wrong_audience", "insufficient_scope"],
    );
    assert_eq!(explanation.claims, Some(three.clone()));
    assert_eq!(step(&explanation, "key").outcome, Outcome::Skipped);
    let cut_within_the_claims = &token[..token.rfind('.').unwrap() - 3];
    check(&explain_token(&[], cut_within_the_claims).await, false, &["malformed_token"]);

    let none = json!({ "alg": "none", "kid": "k1" });
    let explanation = explain_token(&[], &sign(&none, &three)).await;
    check(
        &explanation,
        false,
        &["unsupported_algorithm", "expired", "wrong_audience", "insufficient_scope"],
    );
    assert_eq!(step(&explanation, "key").outcome, Outcome::Skipped);
}

#[tokio::test]
async fn explains_every_reason_and_what_the_client_sees() {
    async fn check(settings: &[(&str, &str)], token: &str, reason: &str, status: u16) {
        let explanation = explain_token(settings, token).await;
        check_form(&explanation);
        assert_eq!((explanation.reason, explanation.client_sees), (Some(reason), status));
    }
    let with = |replaced: Value| sign(&header(), &claims(replaced));
    check(&[], "", "missing_token", 401).await;
    check(&[], "opaque", "malformed_token", 401).await;
    check(&[], "e30.e30.", "malformed_token", 401).await;
    let read = explain_token(&[], "e30.e30.").await;
    assert!(found(&read, "read").1.ends_with("the header is {}"), "{:?}", found(&read, "read"));
    check(&[], &"x".repeat(1_000_000), "token_too_large", 401).await;
    check(&[], &sign(&json!({ "alg": "HS256" }), &good_claims()), "unsupported_algorithm", 401)
        .await;
    let critical = json!({ "alg": "EdDSA", "crit": ["b64"], "b64": false });
    check(&[], &sign(&critical, &good_claims()), "unsupported_critical_header", 401).await;
    check(&[], &with(json!({ "iss": "https://other.example/" })), "unknown_issuer", 401).await;
    check(&[], &with(json!({ "iss": null })), "missing_claim", 401).await;
    check(&[], &with(json!({ "nbf": NOW + 60 })), "not_yet_valid", 401).await;
    check(&[], &with(json!({ "iat": NOW + 60 })), "issued_in_future", 401).await;
    let age = [("AUTHORIZER_MAX_TOKEN_AGE_SECONDS", "10")];
    check(&age, &with(json!({})), "too_old", 401).await;
    check(&[("AUTHORIZER_CLIENT_IDS", "a")], &with(json!({ "azp": "b" })), "wrong_client", 401)
        .await;
    check(
        &[("AUTHORIZER_TOKEN_USE", "access")],
        &with(json!({ "token_use": "id" })),
        "wrong_token_use",
        401,
    )
    .await;
    check(&[("AUTHORIZER_TOKEN_TYPES", "at+jwt")], &with(json!({})), "wrong_token_type", 401).await;
    check(&[], &with(json!({ "cnf": { "jkt": "x" } })), "unsupported_binding", 401).await;
    let required = [("AUTHORIZER_REQUIRED_CLAIMS", r#"{"tenant": "a"}"#)];
    check(&required, &with(json!({})), "missing_claim", 401).await;
    check(&required, &with(json!({ "tenant": "b" })), "claim_mismatch", 401).await;
    check(&[], &with(json!({ "scope": null })), "insufficient_scope", 403).await;
    check(&[], &with(json!({ "email": "x".repeat(6_000) })), "token_too_large", 401).await;
    let twice = [("AUTHORIZER_CONTEXT_CLAIMS", "email,again=email")];
    check(&twice, &with(json!({ "email": "x".repeat(5_000) })), "context_too_large", 500).await;
    let deny = [("AUTHORIZER_UNAUTHENTICATED_RESPONSE", "deny")];
    check(&deny, &with(json!({ "exp": 1 })), "expired", 403).await;
}

#[tokio::test]
async fn explains_what_a_token_is_bound_to() {
    let cnf = json!({ "x5t#S256": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU" });
    let bound = sign(&header(), &claims(json!({ "cnf": cnf })));
    let explanation = explain_token(&[], &bound).await;
    check_form(&explanation);
    assert_eq!(explanation.reasons, ["wrong_certificate"]);
    assert!(found(&explanation, "binding").1.contains("use --event"));

    let mut request = event("GET/orders", &bound);
    for (pem, text) in [
        (None, "the event has none"),
        // An empty certificate, whose fingerprint the token has, and another one.
        (Some("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), "cnf is {"),
        (Some("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"), "is not the one"),
    ] {
        request["requestContext"] =
            json!({ "identity": { "clientCert": { "clientCertPem": pem } } });
        let explanation = explain_event(&[], &request).await;
        check_form(&explanation);
        let (outcome, found) = found(&explanation, "binding");
        assert!(found.contains(text), "{found}");
        let expected = if text == "cnf is {" { Outcome::Passed } else { Outcome::Failed };
        assert_eq!(outcome, expected, "{pem:?}");
    }
}

#[tokio::test]
async fn explains_missing_keys() {
    let subject = Subject::Token(sign(&header(), &claims(json!({ "aud": "other" }))));
    let authorizer = authorizer(&[], false).await;
    let explanation = authorizer.explain(&subject, None, Values::Shown, invocation()).await;
    check_form(&explanation);
    assert_eq!(explanation.reasons, ["keys_unavailable", "wrong_audience"]);
    assert_eq!((explanation.decision, explanation.client_sees), ("error", 500));
    // The fetch that failed, and not the pause after it.
    let (_, text) = found(&explanation, "key");
    assert!(text.ends_with("returned status 503 instead of 200"), "{text}");
}

#[tokio::test]
async fn checks_a_token_of_an_unknown_issuer_by_the_rules_of_the_one_that_is_meant() {
    let token =
        sign(&header(), &claims(json!({ "iss": "https://issuer.example", "aud": "other" })));
    let explanation = explain_token(&[], &token).await;
    check_form(&explanation);
    assert_eq!(explanation.reasons, ["unknown_issuer", "wrong_audience"]);
    assert_eq!((explanation.issuer.as_deref(), explanation.verified), (None, true));
    let (_, text) = found(&explanation, "issuer");
    assert!(text.ends_with("The next steps use the rules and the keys of https://issuer.example/"));

    // Of several, the one that differs little. Without one, claims cannot be checked.
    let issuers = json!([
        { "issuer": "https://a.example", "audience": "a", "algorithms": "EdDSA" },
        { "issuer": ISSUER, "audience": "chat", "algorithms": "EdDSA" },
    ])
    .to_string();
    let list = [
        ("AUTHORIZER_ISSUER", ""),
        ("AUTHORIZER_AUDIENCE", ""),
        ("AUTHORIZER_ALGORITHMS", ""),
        ("AUTHORIZER_REQUIRED_SCOPES", ""),
        ("AUTHORIZER_ISSUERS", &issuers),
    ];
    let explanation = explain_token(&list, &token).await;
    assert_eq!(explanation.reasons, ["unknown_issuer", "wrong_audience"]);
    let other = sign(&header(), &claims(json!({ "iss": "https://b.example", "aud": "other" })));
    let explanation = explain_token(&list, &other).await;
    check_form(&explanation);
    assert_eq!(explanation.reasons, ["unknown_issuer"]);
    assert_eq!(step(&explanation, "audience").outcome, Outcome::Skipped);
    assert_eq!(step(&explanation, "signature").outcome, Outcome::Skipped);
}

#[tokio::test]
async fn explains_tenants() {
    let settings = [
        ("AUTHORIZER_ISSUER", "https://issuer.example/{tenant}"),
        ("AUTHORIZER_TENANTS", "a,b"),
        ("AUTHORIZER_JWKS_URI", "https://issuer.example/jwks.json"),
    ];
    let ask = async |iss: &str, tid: &str| {
        let claims = claims(json!({ "iss": iss, "tid": tid }));
        let explanation = explain_token(&settings, &sign(&header(), &claims)).await;
        check_form(&explanation);
        assert!(explanation.verified);
        explanation
    };
    let allowed = ask("https://issuer.example/a", "a").await;
    assert_eq!(allowed.issuer.as_deref(), Some("https://issuer.example/{tenant}"));
    assert_eq!(found(&allowed, "tenant"), (Outcome::Passed, r#"tid is "a""#));
    assert_eq!(ask("https://issuer.example/a", "b").await.reasons, ["wrong_tenant"]);
    assert_eq!(ask("https://issuer.example/c", "c").await.reasons, ["unknown_issuer"]);
}

#[tokio::test]
async fn warns_of_what_passes_within_the_leeway_only() {
    async fn check(replaced: Value, name: &str, expected: Outcome) {
        let max_age = [("AUTHORIZER_MAX_TOKEN_AGE_SECONDS", "60")];
        let explanation = explain_token(&max_age, &sign(&header(), &claims(replaced))).await;
        check_form(&explanation);
        assert_eq!(found(&explanation, name).0, expected, "{name}");
    }
    check(json!({ "exp": NOW - 4 }), "expiry", Outcome::Warning).await;
    check(json!({ "exp": NOW }), "expiry", Outcome::Warning).await;
    check(json!({ "exp": NOW + 1 }), "expiry", Outcome::Passed).await;
    check(json!({ "exp": NOW - 5 }), "expiry", Outcome::Failed).await;
    check(json!({ "nbf": NOW + 5 }), "not_before", Outcome::Warning).await;
    check(json!({ "nbf": NOW }), "not_before", Outcome::Passed).await;
    check(json!({ "iat": NOW + 5 }), "issued_at", Outcome::Warning).await;
    check(json!({ "iat": NOW - 60 }), "age", Outcome::Warning).await;
    check(json!({ "iat": NOW - 59 }), "age", Outcome::Passed).await;
    check(json!({ "iat": NOW - 65 }), "age", Outcome::Failed).await;
}

#[tokio::test]
async fn judges_the_claims_at_another_time_if_told_to() {
    let authorizer = authorizer(&[], true).await;
    let subject = Subject::Token(sign(&header(), &good_claims()));
    for (at, expected) in [(NOW + 3_244, None), (NOW + 3_245, Some("expired"))] {
        let explanation =
            authorizer.explain(&subject, Some(time(at)), Values::Shown, invocation()).await;
        assert_eq!(explanation.reason, expected);
    }
}

const ROUTES: [(&str, &str); 1] = [(
    "AUTHORIZER_ROUTE_RULES",
    r#"{"GET /orders/*": [], "DELETE /orders/*": ["orders:write"], "$connect": ["x"]}"#,
)];

#[tokio::test]
async fn explains_events_and_the_routes_that_the_policy_answers() {
    let token = sign(&header(), &good_claims());
    let explanation = explain_event(&ROUTES, &event("GET/orders/1", &token)).await;
    check_form(&explanation);
    assert_eq!((explanation.decision, explanation.client_sees), ("allow", 200));
    assert_eq!(explanation.event_kind, Some("rest_request"));
    let text = explanation.to_text(Style::Plain);
    assert!(text.contains("\n    allowed  GET /orders/*\n"), "{text}");
    assert!(text.contains("\n    denied   DELETE /orders/*\n"), "{text}");

    let refused = event("DELETE/orders/1", &token);
    let explanation = explain_event(&ROUTES, &refused).await;
    check_form(&explanation);
    assert_eq!((explanation.reason, explanation.client_sees), (Some("insufficient_scope"), 403));
    assert_eq!(step(&explanation, "route").outcome, Outcome::Failed);
    let answer = explanation.answer.as_ref().unwrap();
    assert_eq!(answer["context"]["reason"], "insufficient_scope");
    assert!(explanation.to_text(Style::Plain).contains("\n    allowed  GET /orders/*\n"));

    let explanation = explain_event(&ROUTES, &event("GET/other", &token)).await;
    assert_eq!(explanation.reasons, ["route_forbidden"]);
    let explanation = explain_event(&ROUTES, &event("GET/orders//1", &token)).await;
    assert_eq!(explanation.reasons, ["ambiguous_path"]);

    // A token alone has no route.
    let explanation = explain_token(&ROUTES, &token).await;
    check_form(&explanation);
    assert_eq!((explanation.decision, explanation.client_sees), ("allow", 101));

    // A handshake is not cached.
    let explanation = explain_event(&[], &event("$connect", &token)).await;
    assert_eq!((explanation.event_kind, explanation.client_sees), (Some("websocket"), 101));
    assert!(explanation.to_text(Style::Plain).contains("does not cache it"));
}

#[tokio::test]
async fn explains_claims_and_scopes_that_a_route_needs() {
    let rules = r#"{"GET /a": {"claims": {"groups": ["staff"]}}, "GET /b": [["x", "y"]]}"#;
    let settings = [("AUTHORIZER_ROUTE_RULES", rules), ("AUTHORIZER_SCOPE_CLAIMS", "perms")];
    let ask = async |route: &str, replaced: Value| {
        let token = sign(&header(), &claims(replaced));
        let explanation = explain_event(&settings, &event(route, &token)).await;
        check_form(&explanation);
        explanation
    };
    let refused = ask("GET/a", json!({ "groups": ["guests"] })).await;
    assert_eq!(refused.reasons, ["route_claim_mismatch"]);
    assert_eq!(ask("GET/a", json!({ "groups": ["staff"] })).await.decision, "allow");
    let refused = ask("GET/b", json!({ "perms": ["z"] })).await;
    assert_eq!(refused.reasons, ["insufficient_scope"]);
    assert!(found(&refused, "route").1.contains(r#"perms is ["z"]"#));
    assert_eq!(ask("GET/b", json!({ "perms": ["y"] })).await.decision, "allow");

    // A claim that cannot be read stops the pipeline, and what follows is skipped.
    let deep = (0..200).fold(json!("x"), |value, _| json!([value]));
    let refused = ask("GET/b", json!({ "perms": deep })).await;
    assert_eq!(refused.reasons, ["malformed_token"]);
    assert_eq!(step(&refused, "required_scopes").outcome, Outcome::Failed);
    assert_eq!(step(&refused, "route").outcome, Outcome::Skipped);
    assert_eq!(refused.client_sees, 401);
}

#[tokio::test]
async fn explains_origins_and_what_is_no_authorizer_event() {
    let origins = [("AUTHORIZER_ALLOWED_ORIGINS", "https://app.example")];
    let token = sign(&header(), &claims(json!({ "scope": "openid" })));
    let mut foreign = event("$connect", &token);
    foreign["headers"]["origin"] = "https://evil.example".into();
    let explanation = explain_event(&origins, &foreign).await;
    check_form(&explanation);
    assert_eq!(explanation.reasons, ["origin_not_allowed", "insufficient_scope"]);
    for odd in [
        json!({}),
        json!([]),
        json!({ "type": "EXPLAIN", "token": "x" }),
        json!({ "type": "REQUEST" }),
    ] {
        let explanation = explain_event(&[], &odd).await;
        check_form(&explanation);
        assert_eq!(explanation.reasons, ["unusable_event"], "{odd}");
        assert_eq!((explanation.decision, explanation.client_sees), ("error", 500));
        assert_eq!(explanation.event_kind, None);
    }
}

#[tokio::test]
async fn writes_for_people() {
    let three = claims(json!({ "exp": NOW - 180, "aud": "other", "scope": "openid" }));
    let alone = explain_token(&[], &forge(&three)).await;
    insta::assert_snapshot!("a_token", alone.to_text(Style::Plain));
    let denied = event("DELETE/orders/1", &sign(&header(), &good_claims()));
    let in_event = explain_event(&ROUTES, &denied).await;
    insta::assert_snapshot!("an_event", in_event.to_text(Style::Plain));
    let opaque = explain_token(&[], "opaque").await;
    insta::assert_snapshot!("an_opaque_token", opaque.to_text(Style::Plain));
}

/// Every text of an explanation, as a caller can get it.
fn texts(explanation: &Explanation) -> String {
    let json = serde_json::to_string(explanation).unwrap();
    json + &explanation.to_text(Style::Coloured)
}

#[tokio::test]
async fn shows_no_part_of_a_token() {
    for token in [
        sign(&header(), &good_claims()),
        forge(&good_claims()),
        sign(&header(), &claims(json!({ "iss": 7 }))),
        format!("{}x", sign(&header(), &good_claims())),
        format!("Bearer {}", sign(&header(), &good_claims())),
    ] {
        let alone = explain_token(&[], &token).await;
        let in_event = explain_event(&[], &event("GET/", &token)).await;
        for text in [texts(&alone), texts(&in_event)] {
            for part in token.split(['.', ' ']).filter(|part| part.len() > 8) {
                assert!(!text.contains(&part[..8]), "{} of {token} is in {text}", &part[..8]);
                assert!(!text.contains(&part[part.len() - 8..]), "the end of {token} is in {text}");
            }
        }
    }
}

#[tokio::test]
async fn hides_the_values_of_claims_if_told_to() {
    let secret = "s3cr3t";
    let settings = [
        ("AUTHORIZER_CLIENT_IDS", "app"),
        ("AUTHORIZER_TOKEN_USE", "access"),
        ("AUTHORIZER_REQUIRED_CLAIMS", r#"{"tenant": "a"}"#),
        ("AUTHORIZER_CONTEXT_CLAIMS", "email,groups,level"),
        ("AUTHORIZER_MAX_TOKEN_AGE_SECONDS", "60"),
    ];
    let all_wrong = claims(json!({
        "iss": format!("https://{secret}.example/"), "aud": [secret], "azp": secret, "sub": secret,
        "token_use": secret, "tenant": { "name": secret }, "scope": secret, "email": secret,
        "exp": 1_699_123_456, "nbf": 1_799_123_456, "iat": 1_699_123_400,
    }));
    let all_right = claims(json!({
        "azp": "app", "token_use": "access", "tenant": "a", "sub": secret, "email": secret,
        "groups": [secret], "level": 1_799_123_456, "scope": format!("chat:read {secret}"),
    }));
    for (claims, decision) in [(all_wrong, "unauthorized"), (all_right, "allow")] {
        let authorizer = authorizer(&settings, true).await;
        for subject in [
            Subject::Token(sign(&header(), &claims)),
            Subject::Event(event("GET/", &sign(&header(), &claims)).to_string()),
        ] {
            let explanation =
                authorizer.explain(&subject, None, Values::Hidden, invocation()).await;
            check_form(&explanation);
            assert_eq!(explanation.decision, decision);
            let text = texts(&explanation);
            for hidden in [secret, "1699123", "1799123", "2023-11-0", "2027", "alice"] {
                assert!(!text.contains(hidden), "{hidden} is in {text}");
            }
            let shown = explanation.claims.unwrap();
            assert_eq!(
                (&shown["sub"], &shown["exp"]),
                (&json!("(a string)"), &json!("(a number)"))
            );
        }
        let shown = authorizer
            .explain(&Subject::Token(sign(&header(), &claims)), None, Values::Shown, invocation())
            .await;
        assert!(texts(&shown).contains(secret));
    }
}

#[tokio::test]
async fn lets_no_token_write_to_the_terminal() {
    let odd = "a\u{1b}[2J\u{9b}31m\u{202e}\nfake";
    let header = json!({ "alg": "EdDSA", "kid": odd, "typ": odd });
    let claims = claims(json!({ "aud": odd, "sub": odd, odd: odd, "scope": odd }));
    for token in [sign(&header, &claims), forge(&claims)] {
        let text = explain_token(&[], &token).await.to_text(Style::Plain);
        assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{text:?}");
        assert!(!text.lines().any(|line| line.trim() == "fake"), "{text}");
    }
}

#[tokio::test]
async fn asks_the_issuer_as_rarely_as_requests_do() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Counting(Arc<AtomicUsize>);

    impl KeySource for Counting {
        async fn fetch(&self, request: KeyRequest<'_>) -> Result<Fetched, FetchError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Source { is_up: true }.fetch(request).await
        }
    }

    let fetches = Arc::new(AtomicUsize::new(0));
    let config = authorizer(&[], true).await.config;
    let source = Counting(Arc::clone(&fetches));
    let authorizer = Authorizer::with_source(config, source, Arc::new(|| time(NOW)));
    let authorizer = authorizer.await.unwrap();
    let explain = async |kid: &str| {
        let header = json!({ "alg": "EdDSA", "kid": kid });
        let subject = Subject::Token(sign(&header, &good_claims()));
        let explanation = authorizer.explain(&subject, None, Values::Shown, invocation()).await;
        (explanation.reason, fetches.load(Ordering::Relaxed))
    };
    assert_eq!(explain("k1").await, (None, 1));
    assert_eq!(explain("k1").await, (None, 1));
    // One fetch for the first unknown key, and none within the cooldown.
    assert_eq!(explain("k2").await, (Some("unknown_key"), 2));
    assert_eq!(explain("k3").await, (Some("unknown_key"), 2));
}
