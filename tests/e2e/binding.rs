//! Tokens that are bound to the client's certificate, and the settings that want them.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use local_gateway::issuer::Issuer;
use local_gateway::request::Request;
use serde_json::{Value, json};

use crate::tokens::{good_token, token_with};
use test_support::deployment::Deployment;
use test_support::gateway::{Refused, forbidden, unauthorized};

/// A client's self-signed certificate.
pub(crate) struct ClientCertificate {
    /// As API Gateway passes it on.
    pub(crate) pem: String,
    /// The value of `x5t#S256`.
    pub(crate) fingerprint: String,
}

impl ClientCertificate {
    pub(crate) fn generate() -> Self {
        let certified = rcgen::generate_simple_self_signed(vec!["client.example".into()]).unwrap();
        let der = certified.cert.der();
        let lines = STANDARD.encode(der);
        let lines: Vec<_> = lines.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let body = lines.join("\n");
        Self {
            pem: format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"),
            fingerprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, der)),
        }
    }
}

type AsEvent = fn(&Request) -> Value;

/// What becomes an event whose identity sources do not leave out the certificate.
const KINDS: [(&str, AsEvent); 3] = [
    ("REST", Request::rest_request),
    ("HTTP 1.0", |request| without_identity_source(request.http_api_1())),
    ("HTTP 2.0", |request| without_identity_source(request.http_api_2())),
];

fn without_identity_source(mut event: Value) -> Value {
    event.as_object_mut().unwrap().remove("identitySource").unwrap();
    event
}

fn request(token: &str, certificate: Option<&ClientCertificate>) -> Request {
    let request = Request::new("GET", "/orders").bearer(token);
    match certificate {
        None => request,
        Some(certificate) => request.client_certificate(&certificate.pem),
    }
}

#[tokio::test]
async fn a_bound_token_is_of_use_with_its_certificate_only() {
    let issuer = Issuer::start().await.unwrap();
    let (own, other) = (ClientCertificate::generate(), ClientCertificate::generate());
    let bearer = good_token(&issuer);
    let bound = |cnf: Value| token_with(&issuer, json!({ "cnf": cnf }));
    let x5t = bound(json!({ "x5t#S256": own.fingerprint }));
    let jkt = bound(json!({ "jkt": own.fingerprint }));
    let both = bound(json!({ "x5t#S256": own.fingerprint, "jkt": own.fingerprint }));
    let short = bound(json!({ "x5t#S256": &own.fingerprint[1..] }));
    let refused = |reason| Err(unauthorized(reason));

    // With the default, and with AUTHORIZER_TOKEN_BINDING=mtls.
    type Outcome = Result<(), Refused>;
    let cases: [(&str, &str, Option<&ClientCertificate>, [Outcome; 2]); 11] = [
        ("bound, its certificate", &x5t, Some(&own), [Ok(()), Ok(())]),
        (
            "bound, another certificate",
            &x5t,
            Some(&other),
            [refused("wrong_certificate"), refused("wrong_certificate")],
        ),
        (
            "bound, no certificate",
            &x5t,
            None,
            [refused("wrong_certificate"), refused("wrong_certificate")],
        ),
        ("not bound, no certificate", &bearer, None, [Ok(()), refused("missing_claim")]),
        ("not bound, a certificate", &bearer, Some(&own), [Ok(()), refused("missing_claim")]),
        (
            "a DPoP key",
            &jkt,
            Some(&own),
            [refused("unsupported_binding"), refused("unsupported_binding")],
        ),
        (
            "a DPoP key, no certificate",
            &jkt,
            None,
            [refused("unsupported_binding"), refused("unsupported_binding")],
        ),
        (
            "a DPoP key as well",
            &both,
            Some(&own),
            [refused("unsupported_binding"), refused("unsupported_binding")],
        ),
        (
            "a fingerprint that is too short",
            &short,
            Some(&own),
            [refused("malformed_token"), refused("malformed_token")],
        ),
        (
            "an empty cnf",
            &bound(json!({})),
            Some(&own),
            [refused("malformed_token"), refused("malformed_token")],
        ),
        (
            "a cnf that is null",
            &bound(json!(null)),
            Some(&own),
            [refused("malformed_token"), refused("malformed_token")],
        ),
    ];
    let mtls = [("AUTHORIZER_TOKEN_BINDING", "mtls")];
    for (index, settings) in [&[][..], &mtls].into_iter().enumerate() {
        let mut deployment = Deployment::trusting(issuer.url(), settings).await;
        for (case, token, certificate, expected) in &cases {
            for (kind, as_event) in KINDS {
                let outcome = deployment.ask(&as_event(&request(token, *certificate))).await;
                let expected = &expected[index];
                assert_eq!(outcome.map(drop), *expected, "{case} in {kind} with {settings:?}");
            }
        }
    }
}

/// Another client could get an Allow that is cached for the token alone.
#[tokio::test]
async fn a_bound_token_is_refused_if_the_cache_key_is_known_to_lack_the_certificate() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let own = ClientCertificate::generate();
    let cnf = json!({ "cnf": { "x5t#S256": own.fingerprint } });
    let bound = token_with(&issuer, cnf);
    let wrong = Err(unauthorized("wrong_certificate"));

    let event = request(&bound, Some(&own)).http_api_2();
    assert_eq!(event["identitySource"], json!([format!("Bearer {bound}")]));
    assert_eq!(deployment.ask(&event).await.map(drop), wrong);
    let mut with_certificate = event.clone();
    with_certificate["identitySource"].as_array_mut().unwrap().push(json!(own.pem));
    assert_eq!(deployment.ask(&with_certificate).await.map(drop), Ok(()));
    assert_eq!(deployment.ask(&without_identity_source(event)).await.map(drop), Ok(()));

    let event = request(&bound, Some(&own)).http_api_1();
    assert_eq!(deployment.ask(&event).await.map(drop), wrong);
    let mut with_certificate = event.clone();
    with_certificate["identitySource"] = json!(format!("Bearer {bound},{}", own.pem));
    assert_eq!(deployment.ask(&with_certificate).await.map(drop), Ok(()));
    assert_eq!(deployment.ask(&without_identity_source(event)).await.map(drop), Ok(()));

    // A token that is not bound needs no certificate in the key.
    let bearer = request(&good_token(&issuer), Some(&own));
    for event in [bearer.http_api_1(), bearer.http_api_2()] {
        assert_eq!(deployment.ask(&event).await.map(drop), Ok(()));
    }
}

/// AWS documents no certificate in these events.
#[tokio::test]
async fn a_bound_token_is_refused_where_events_have_no_certificate() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::trusting(issuer.url(), &[]).await;
    let own = ClientCertificate::generate();
    let bound = token_with(&issuer, json!({ "cnf": { "x5t#S256": own.fingerprint } }));
    for as_event in [Request::websocket_connect, Request::rest_token] {
        let mut event = as_event(&request(&bound, Some(&own)));
        // Not even if there was one.
        event["requestContext"]["identity"]["clientCert"] = json!({ "clientCertPem": own.pem });
        let outcome = deployment.ask(&event).await.map(drop);
        assert_eq!(outcome, Err(unauthorized("wrong_certificate")));
        let twin = as_event(&request(&good_token(&issuer), Some(&own)));
        assert_eq!(deployment.ask(&twin).await.map(drop), Ok(()));
    }
}

#[tokio::test]
async fn each_issuer_has_its_own_binding() {
    let (bound, bearer) = (Issuer::start().await.unwrap(), Issuer::start().await.unwrap());
    let issuers = json!([
        { "issuer": bound.url(), "audience": "local-gateway", "token_binding": "mtls" },
        { "issuer": bearer.url(), "audience": "local-gateway" },
    ]);
    let mut deployment = Deployment::start(&[("AUTHORIZER_ISSUERS", &issuers.to_string())]).await;
    let outcome = deployment.ask(&request(&good_token(&bound), None).rest_request()).await;
    assert_eq!(outcome.map(drop), Err(unauthorized("missing_claim")));
    let outcome = deployment.ask(&request(&good_token(&bearer), None).rest_request()).await;
    assert_eq!(outcome.map(drop), Ok(()));
}

/// Without a certificate, the answer must not depend on the scopes that a thief's token has.
#[tokio::test]
async fn the_binding_is_checked_before_the_scopes() {
    let issuer = Issuer::start().await.unwrap();
    let scopes = [("AUTHORIZER_REQUIRED_SCOPES", "orders:read")];
    let mut deployment = Deployment::trusting(issuer.url(), &scopes).await;
    let own = ClientCertificate::generate();
    let bound = token_with(&issuer, json!({ "cnf": { "x5t#S256": own.fingerprint } }));
    for (certificate, expected) in
        [(None, unauthorized("wrong_certificate")), (Some(&own), forbidden("insufficient_scope"))]
    {
        let outcome = deployment.ask(&request(&bound, certificate).rest_request()).await;
        assert_eq!(outcome.map(drop), Err(expected));
    }
}
