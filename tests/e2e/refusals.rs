//! Every reason code: a request that is refused for it, and the nearest one that is let in.

use local_gateway::invocation::FunctionOutcome;
use local_gateway::issuer::{AUDIENCE, Issuer, now_seconds};
use local_gateway::request::Request;
use local_gateway::served::Served;
use serde_json::{Value, json};

use crate::binding::ClientCertificate;
use crate::signer::{Signer, publish};
use crate::tokens::{
    claims_with, claims_without, compact, connect, good_token, token_of_length, token_with,
};
use test_support::deployment::Deployment;
use test_support::gateway::{Refused, fault, forbidden, unauthorized};

/// All that can be told apart, in the order of the documentation.
const REASONS: [(u16, &[&str]); 3] = [
    (
        401,
        &[
            "missing_token",
            "malformed_token",
            "token_too_large",
            "unsupported_algorithm",
            "unsupported_critical_header",
            "unknown_issuer",
            "wrong_tenant",
            "unknown_key",
            "invalid_signature",
            "expired",
            "not_yet_valid",
            "issued_in_future",
            "too_old",
            "wrong_audience",
            "wrong_client",
            "wrong_token_use",
            "wrong_token_type",
            "wrong_certificate",
            "unsupported_binding",
            "missing_claim",
            "claim_mismatch",
        ],
    ),
    (
        403,
        &[
            "insufficient_scope",
            "route_claim_mismatch",
            "route_forbidden",
            "ambiguous_path",
            "origin_not_allowed",
        ],
    ),
    (500, &["keys_unavailable", "unusable_event", "context_too_large"]),
];

/// A refusal, the request that meets it, and the nearest that does not.
struct Pair {
    refusal: Refused,
    refused: Value,
    accepted: Value,
}

/// A function with a rule of every kind, and issuers with and without keys.
struct Strict {
    good: Issuer,
    rs384: Signer,
    without_keys: Issuer,
    settings: Vec<(&'static str, String)>,
}

impl Strict {
    async fn new() -> Self {
        let (good, without_keys) = tokio::join!(Issuer::start(), Issuer::start());
        let (good, without_keys) = (good.unwrap(), without_keys.unwrap());
        let rs384 = Signer::generate("RS384");
        publish(&good, &[good.key().jwk(), rs384.jwk()]);
        without_keys.serve_key_set(Served::Disconnect);
        let strict = json!({
            "issuer": good.url(),
            "audience": AUDIENCE,
            "client_ids": ["local-client"],
            "token_types": ["at+jwt"],
            "token_use": "access",
            "required_scopes": ["chat:read"],
            "required_claims": { "tenant": ["a", "b"] },
            "max_token_age_seconds": 3600,
            "leeway_seconds": 300,
        });
        let lenient = json!({ "issuer": without_keys.url(), "audience": AUDIENCE });
        let with_tenants = json!({
            "issuer": format!("{}/{{tenant}}", good.url()), "tenants": ["a", "b"],
            "jwks_uri": good.key_set_url(), "audience": AUDIENCE,
        });
        let settings = vec![
            ("AUTHORIZER_ISSUERS", json!([strict, lenient, with_tenants]).to_string()),
            ("AUTHORIZER_ALLOWED_ORIGINS", "https://app.example".to_owned()),
            (
                "AUTHORIZER_ROUTE_RULES",
                r#"{"$connect": [], "GET /orders/*": [], "GET /b": {"claims": {"tenant": "b"}}}"#
                    .to_owned(),
            ),
            ("AUTHORIZER_CONTEXT_CLAIMS", "big,again=big".to_owned()),
        ];
        Self { good, rs384, without_keys, settings }
    }

    fn claims(&self, replaced: Value) -> Value {
        let mut claims = claims_with(&self.good, json!({ "tenant": "a", "token_use": "access" }));
        claims.as_object_mut().unwrap().extend(replaced.as_object().unwrap().clone());
        claims
    }

    fn header(&self, replaced: Value) -> Value {
        let mut header = self.good.key().header();
        header["typ"] = "at+jwt".into();
        header.as_object_mut().unwrap().extend(replaced.as_object().unwrap().clone());
        header
    }

    fn token(&self, header: Value, claims: Value) -> String {
        let claims = self.claims(claims).to_string();
        self.good.sign(&self.header(header), claims.as_bytes())
    }

    fn pairs(&self) -> Vec<Pair> {
        let token = self.token(json!({}), json!({}));
        let good = connect(&token);
        let now = now_seconds();
        let pair = |refusal, refused: Value, accepted: Value| Pair { refusal, refused, accepted };
        // Both have these claims but for one.
        let by_claim = |reason: &str, refused: Value, accepted: Value| {
            let event = |claims| connect(&self.token(json!({}), claims));
            pair(unauthorized(reason), event(refused), event(accepted))
        };
        // Both have this header but for one parameter.
        let by_header = |reason: &str, refused: Value, accepted: Value| {
            let event = |header| connect(&self.token(header, json!({})));
            pair(unauthorized(reason), event(refused), event(accepted))
        };
        let by_token = |reason: &str, refused: &str| {
            pair(unauthorized(reason), connect(refused), good.clone())
        };
        let without_exp = {
            let mut claims = self.claims(json!({}));
            claims.as_object_mut().unwrap().remove("exp").unwrap();
            self.good.sign(&self.header(json!({})), claims.to_string().as_bytes())
        };
        let (signed, _) = token.rsplit_once('.').unwrap();
        let elsewhere = self.token(json!({}), json!({ "sub": "mallory" }));
        let (_, other_signature) = elsewhere.rsplit_once('.').unwrap();
        let rs384 = {
            let header = self.header(json!({ "alg": "RS384", "kid": self.rs384.kid() }));
            self.rs384.sign(&header, self.claims(json!({})).to_string().as_bytes())
        };
        let of_length = |length| {
            token_of_length(length, |header, payload| {
                self.token(json!({ "filler": header }), json!({ "filler": payload }))
            })
        };
        let with_origin = |origin: &str| {
            Request::handshake().bearer(&token).header("Origin", origin).websocket_connect()
        };
        let order = |path: &str| Request::new("GET", path).bearer(&token).rest_request();
        let (own, other) = (ClientCertificate::generate(), ClientCertificate::generate());
        let bound = |cnf: Value, presented: &ClientCertificate| {
            let token = self.token(json!({}), json!({ "cnf": cnf }));
            let request = Request::new("GET", "/orders/1").bearer(&token);
            request.client_certificate(&presented.pem).rest_request()
        };
        let of_tenant = |tenant: &str| {
            let token = self.token(json!({}), json!({ "tenant": tenant }));
            Request::new("GET", "/b").bearer(&token).rest_request()
        };
        let mut without_arn = good.clone();
        without_arn.as_object_mut().unwrap().remove("methodArn").unwrap();

        vec![
            pair(
                unauthorized("missing_token"),
                Request::handshake().websocket_connect(),
                good.clone(),
            ),
            by_token("malformed_token", &token[..token.len() - 1]),
            pair(
                unauthorized("token_too_large"),
                connect(&of_length(8193)),
                connect(&of_length(8192)),
            ),
            by_token("unsupported_algorithm", &rs384),
            by_header(
                "unsupported_critical_header",
                json!({ "crit": ["exp"] }),
                json!({ "critical": ["exp"] }),
            ),
            by_claim(
                "unknown_issuer",
                json!({ "iss": format!("{}/", self.good.url()) }),
                json!({ "iss": self.good.url() }),
            ),
            by_claim(
                "wrong_tenant",
                json!({ "iss": format!("{}/a", self.good.url()), "tid": "b" }),
                json!({ "iss": format!("{}/b", self.good.url()), "tid": "b" }),
            ),
            by_header("unknown_key", json!({ "kid": "key-2" }), json!({ "kid": "key-1" })),
            by_token("invalid_signature", &format!("{signed}.{other_signature}")),
            by_claim("expired", json!({ "exp": now - 400 }), json!({ "exp": now - 200 })),
            by_claim("not_yet_valid", json!({ "nbf": now + 400 }), json!({ "nbf": now + 200 })),
            by_claim("issued_in_future", json!({ "iat": now + 400 }), json!({ "iat": now + 200 })),
            by_claim("too_old", json!({ "iat": now - 4000 }), json!({ "iat": now - 3800 })),
            by_claim(
                "wrong_audience",
                json!({ "aud": ["a", "b"] }),
                json!({ "aud": ["a", AUDIENCE] }),
            ),
            by_claim(
                "wrong_client",
                json!({ "client_id": "x" }),
                json!({ "client_id": "local-client" }),
            ),
            by_claim(
                "wrong_token_use",
                json!({ "token_use": "id" }),
                json!({ "token_use": "access" }),
            ),
            by_header(
                "wrong_token_type",
                json!({ "typ": "JWT" }),
                json!({ "typ": "application/AT+jwt" }),
            ),
            pair(
                unauthorized("wrong_certificate"),
                bound(json!({ "x5t#S256": own.fingerprint }), &other),
                bound(json!({ "x5t#S256": own.fingerprint }), &own),
            ),
            pair(
                unauthorized("unsupported_binding"),
                bound(json!({ "x5t#S256": own.fingerprint, "jkt": "x" }), &own),
                bound(json!({ "x5t#S256": own.fingerprint }), &own),
            ),
            by_token("missing_claim", &without_exp),
            by_claim("claim_mismatch", json!({ "tenant": "c" }), json!({ "tenant": "b" })),
            pair(
                forbidden("insufficient_scope"),
                connect(&self.token(json!({}), json!({ "scope": "chat:rea chat:readonly" }))),
                connect(&self.token(json!({}), json!({ "scope": "chat:readonly chat:read" }))),
            ),
            pair(forbidden("route_claim_mismatch"), of_tenant("a"), of_tenant("b")),
            pair(forbidden("route_forbidden"), order("/users/1"), order("/orders/1")),
            pair(forbidden("ambiguous_path"), order("/orders/1/"), order("/orders/1")),
            pair(
                forbidden("origin_not_allowed"),
                with_origin("https://app.example.evil.example"),
                with_origin("https://app.example"),
            ),
            pair(fault("keys_unavailable"), connect(&good_token(&self.without_keys)), good.clone()),
            pair(fault("unusable_event"), without_arn, good.clone()),
            pair(
                fault("context_too_large"),
                connect(&self.token(json!({}), json!({ "big": "x".repeat(4100) }))),
                connect(&self.token(json!({}), json!({ "big": "x".repeat(3500) }))),
            ),
        ]
    }

    async fn deploy(&self, settings: &[(&str, &str)]) -> Deployment {
        let own = self.settings.iter().map(|(name, value)| (*name, value.as_str()));
        Deployment::start(&own.chain(settings.iter().copied()).collect::<Vec<_>>()).await
    }
}

#[tokio::test]
async fn every_reason_refuses_one_request_and_lets_its_twin_in() {
    let strict = Strict::new().await;
    let mut deployment = strict.deploy(&[]).await;
    let pairs = strict.pairs();
    for Pair { refusal, refused, accepted } in &pairs {
        assert_eq!(deployment.ask(refused).await.as_ref(), Err(refusal));
        let twin = deployment.ask(accepted).await;
        assert!(twin.is_ok(), "the twin of {refusal:?}: {twin:?}");
    }

    let met = pairs.iter().map(|pair| (pair.refusal.status, pair.refusal.reason.as_str()));
    let documented = REASONS
        .iter()
        .flat_map(|(status, reasons)| reasons.iter().map(|reason| (*status, *reason)));
    assert_eq!(met.collect::<Vec<_>>(), documented.collect::<Vec<_>>());
}

/// What is no failed invocation raises no alarm, but a fault still has to.
#[tokio::test]
async fn denies_in_place_of_a_401_when_told_to() {
    let strict = Strict::new().await;
    let mut deployment = strict.deploy(&[("AUTHORIZER_UNAUTHENTICATED_RESPONSE", "deny")]).await;
    for Pair { refusal, refused, accepted } in strict.pairs() {
        let refusal = match refusal.status {
            401 => forbidden(&refusal.reason),
            _ => refusal,
        };
        assert_eq!(deployment.ask(&refused).await, Err(refusal.clone()));
        assert!(deployment.ask(&accepted).await.is_ok(), "the twin of {refusal:?}");
    }
}

/// A diagnosis says what is decided, and its first failed step is the reason.
#[tokio::test]
async fn explains_each_refusal_as_it_is_decided() {
    let strict = Strict::new().await;
    let mut deployment = strict.deploy(&[]).await;
    for Pair { refusal, refused, accepted } in strict.pairs() {
        for (event, expected) in [(&refused, Some(&refusal)), (&accepted, None)] {
            let answer = deployment.invoke(event.to_string()).await;
            let line = deployment.decision().await;
            let explain = json!({ "type": "EXPLAIN", "event": event }).to_string();
            let FunctionOutcome::Response(report) = deployment.invoke(explain).await else {
                panic!("no report for {refusal:?}");
            };
            let report: Value = serde_json::from_slice(&report).unwrap();
            let reason = expected.map(|refusal| &*refusal.reason);
            let success = if line["event_kind"] == "websocket" { 101 } else { 200 };
            let status = expected.map_or(success, |refusal| refusal.status);
            assert_eq!(report["client_sees"], status, "{report}");
            for name in ["decision", "reason", "event_kind"] {
                assert_eq!(report[name], line[name], "{name} of {refusal:?}");
            }
            // A diagnosis may find the issuer after the decision was made.
            assert!(line["issuer"].is_null() || report["issuer"] == line["issuer"], "{report}");
            let mut steps = report["steps"].as_array().unwrap().iter();
            let failed = steps.find(|step| step["outcome"] == "failed");
            assert_eq!(failed.is_some(), reason.is_some(), "{report}");
            assert_eq!(report["reasons"][0].as_str(), reason, "{report}");
            if let FunctionOutcome::Response(answer) = answer {
                let answer: Value = serde_json::from_slice(&answer).unwrap();
                assert_eq!(report["answer"], answer, "{refusal:?}");
            }
        }
    }
}

/// Nothing but the reason code reaches a client, and nothing of the caller's a denied one's context.
#[tokio::test]
async fn says_why_in_the_log_and_only_there() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let token = token_with(&issuer, json!({ "aud": "https://other.example" }));
    let (outcome, line) = deployment.ask_for_more(&connect(&token)).await;
    assert_eq!(outcome, Err(unauthorized("wrong_audience")));
    assert_eq!(
        line["message"],
        r#"aud is ["https://other.example"], expected one of: local-gateway (AUTHORIZER_AUDIENCE)"#
    );
    assert_eq!(line["level"], "INFO");
}

/// What was found, what was wanted, and what may be the cause.
#[tokio::test]
async fn says_in_the_log_what_is_configured_and_what_little_differs() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let url = issuer.url();
    let with_issuer = |other: &str| token_with(&issuer, json!({ "iss": other }));
    let unsigned = compact(br#"{"alg":"none"}"#, issuer.claims().to_string().as_bytes(), b"");
    let mut of_cognito = claims_without(&issuer, "aud");
    of_cognito["token_use"] = json!("access");
    let unknown = |iss: &str, hint: &str| {
        format!("iss is {iss:?}, which is not a configured issuer ({url}){hint}")
    };
    let (slash, upper) = (format!("{url}/"), url.to_uppercase());
    let https = url.replacen("http:", "https:", 1);
    for (token, message) in [
        (unsigned, r#"the token's alg is "none", expected one of: RS256 (AUTHORIZER_ALGORITHMS)"#.to_owned()),
        (with_issuer("https://x"), unknown("https://x", "")),
        (with_issuer(&slash), unknown(&slash, "; only the slash at the end differs: write the setting exactly as the token has it")),
        (with_issuer(&upper), unknown(&upper, "; only upper and lower case differ: write the setting exactly as the token has it")),
        (with_issuer(&https), unknown(&https, "; only the scheme differs: the issuer must write its https URL into iss")),
        (
            issuer.token(&claims_without(&issuer, "aud")),
            r#"the claim "aud" is missing"#.to_owned(),
        ),
        (
            issuer.token(&of_cognito),
            r#"the claim "aud" is missing; an access token of Cognito has none: set AUTHORIZER_AUDIENCE=*, AUTHORIZER_CLIENT_IDS and AUTHORIZER_TOKEN_USE=access"#
                .to_owned(),
        ),
    ] {
        let (_, line) = deployment.ask_for_more(&connect(&token)).await;
        assert_eq!(line["message"], message);
    }
}

#[tokio::test]
async fn names_the_biggest_claims_of_an_answer_that_is_too_large() {
    let issuer = Issuer::start().await.unwrap();
    let claims = [("AUTHORIZER_CONTEXT_CLAIMS", "small,big,twin=big")];
    let mut deployment = Deployment::trusting(issuer.url(), &claims).await;
    let token = token_with(&issuer, json!({ "big": "x".repeat(4500), "small": "x" }));
    let (outcome, line) = deployment.ask_for_more(&connect(&token)).await;
    assert_eq!(outcome, Err(fault("context_too_large")));
    let message = line["message"].as_str().unwrap();
    assert!(message.contains("twin (4500 bytes), big (4500 bytes)"), "{message}");
    assert_eq!(line["level"], "ERROR");
}
