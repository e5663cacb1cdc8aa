//! One issuer with many tenants: whose tokens get in, by which keys.

use local_gateway::issuer::{AUDIENCE, DISCOVERY_PATH, Issuer, KEY_SET_PATH};
use serde_json::{Value, json};

use crate::signer::{Signer, publish};
use crate::start::{TestFile, init_error};
use crate::tokens::{claims_with, connect, good_token};
use test_support::deployment::Deployment;
use test_support::gateway::{Refused, fault, unauthorized};

/// The settings of an issuer with tenants.
struct Settings(Vec<(&'static str, String)>);

impl Settings {
    fn of(issuer: &Issuer, tenants: &str) -> Self {
        Self(vec![
            ("AUTHORIZER_ISSUER", format!("{}/{{tenant}}/v2.0", issuer.url())),
            ("AUTHORIZER_TENANTS", tenants.to_owned()),
            ("AUTHORIZER_JWKS_URI", issuer.key_set_url()),
            ("AUTHORIZER_AUDIENCE", AUDIENCE.to_owned()),
        ])
    }

    fn as_pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

/// Good claims of a tenant, some of them replaced.
fn claims_of(issuer: &Issuer, tenant: &str, replaced: Value) -> Value {
    let mut claims = claims_with(issuer, replaced);
    claims["iss"] = format!("{}/{tenant}/v2.0", issuer.url()).into();
    claims
}

/// Sends a token, and returns the tenant in the context. It must be the one in the log line.
async fn tenant_of(deployment: &mut Deployment, token: &str) -> Result<Value, Refused> {
    let (outcome, line) = deployment.ask_for_more(&connect(token)).await;
    outcome.map(|caller| {
        assert_eq!(line["tenant"], caller.context["tenant"], "{line}");
        caller.context["tenant"].clone()
    })
}

const GUID: &str = "8f6f1c5e-3b0a-4c7d-9e21-5a4b3c2d1e0f";

#[tokio::test]
async fn lets_the_listed_tenants_in_and_nobody_else() {
    let issuer = Issuer::start().await.unwrap();
    let settings = Settings::of(&issuer, &format!("{GUID}, contoso"));
    let mut deployment = Deployment::start(&settings.as_pairs()).await;
    let of = |tenant: &str| issuer.token(&claims_of(&issuer, tenant, json!({})));
    let with = |replaced: Value| issuer.token(&claims_of(&issuer, GUID, replaced));
    let iss = |iss: &str| issuer.token(&claims_with(&issuer, json!({ "iss": iss })));
    let url = issuer.url();
    for (case, token, expected) in [
        ("a listed tenant", of(GUID), Ok(json!(GUID))),
        ("another listed tenant", of("contoso"), Ok(json!("contoso"))),
        ("a tenant that is not listed", of("fabrikam"), Err(unauthorized("unknown_issuer"))),
        ("upper case", of(&GUID.to_uppercase()), Err(unauthorized("unknown_issuer"))),
        ("the placeholder", of("{tenant}"), Err(unauthorized("unknown_issuer"))),
        ("Entra's placeholder", of("{tenantid}"), Err(unauthorized("unknown_issuer"))),
        ("no tenant", of(""), Err(unauthorized("unknown_issuer"))),
        ("two segments", of(&format!("x/{GUID}")), Err(unauthorized("unknown_issuer"))),
        ("an encoded letter", of("c%6Fntoso"), Err(unauthorized("unknown_issuer"))),
        ("a query in place of the rest", of("contoso?"), Err(unauthorized("unknown_issuer"))),
        ("a fragment", of("contoso#"), Err(unauthorized("unknown_issuer"))),
        ("the whole list", of(&format!("{GUID},contoso")), Err(unauthorized("unknown_issuer"))),
        (
            "a slash at the end",
            iss(&format!("{url}/contoso/v2.0/")),
            Err(unauthorized("unknown_issuer")),
        ),
        (
            "nothing after the tenant",
            iss(&format!("{url}/contoso")),
            Err(unauthorized("unknown_issuer")),
        ),
        ("the issuer's URL", iss(url), Err(unauthorized("unknown_issuer"))),
        ("tid is the tenant", with(json!({ "tid": GUID })), Ok(json!(GUID))),
        (
            "tid is another tenant",
            with(json!({ "tid": "contoso" })),
            Err(unauthorized("wrong_tenant")),
        ),
        (
            "tid in upper case",
            with(json!({ "tid": GUID.to_uppercase() })),
            Err(unauthorized("wrong_tenant")),
        ),
        ("tid is empty", with(json!({ "tid": "" })), Err(unauthorized("wrong_tenant"))),
        ("tid is a list", with(json!({ "tid": [GUID] })), Err(unauthorized("malformed_token"))),
        ("tid is null", with(json!({ "tid": null })), Err(unauthorized("malformed_token"))),
        ("another audience", with(json!({ "aud": "x" })), Err(unauthorized("wrong_audience"))),
    ] {
        assert_eq!(tenant_of(&mut deployment, &token).await, expected, "{case}");
    }
    // No token makes a request: the start has made the only one.
    assert_eq!((issuer.requests(KEY_SET_PATH), issuer.connections()), (1, 1));
}

#[tokio::test]
async fn lets_any_tenant_in_and_says_so_at_the_start() {
    let issuer = Issuer::start().await.unwrap();
    let mut deployment = Deployment::start(&Settings::of(&issuer, "*").as_pairs()).await;
    deployment.logged("accepts the tokens of every tenant of").await;
    for (tenant, expected) in [
        (GUID, Ok(json!(GUID))),
        ("anybody.example", Ok(json!("anybody.example"))),
        ("..", Err(unauthorized("unknown_issuer"))),
        ("a b", Err(unauthorized("unknown_issuer"))),
        ("a\nb", Err(unauthorized("unknown_issuer"))),
        ("ä", Err(unauthorized("unknown_issuer"))),
        (&"x".repeat(128), Ok(json!("x".repeat(128)))),
        (&"x".repeat(129), Err(unauthorized("unknown_issuer"))),
        ("@evil.example/", Err(unauthorized("unknown_issuer"))),
    ] {
        let token = issuer.token(&claims_of(&issuer, tenant, json!({})));
        assert_eq!(tenant_of(&mut deployment, &token).await, expected, "{tenant}");
    }
    assert_eq!(issuer.connections(), 1);
}

/// Publishes a key, whose `issuer` member is `of_key`, beside the issuer's own key.
fn publish_with(issuer: &Issuer, signer: &Signer, of_key: Value) {
    let mut jwk = signer.jwk();
    jwk["issuer"] = of_key;
    publish(issuer, &[issuer.key().jwk(), jwk]);
}

#[tokio::test]
async fn uses_a_key_for_the_tenants_that_it_names() {
    let (issuer, signer) = (Issuer::start().await.unwrap(), Signer::generate("ES256"));
    let template = |tenant: &str| json!(format!("{}/{tenant}/v2.0", issuer.url()));
    let (for_a, for_b) = (Ok(json!("a")), Ok(json!("b")));
    let unknown = || Err(unauthorized("unknown_key"));
    for (of_key, a, b) in [
        (template("{tenantid}"), for_a.clone(), for_b.clone()),
        (template("a"), for_a.clone(), unknown()),
        (template("b"), unknown(), for_b.clone()),
        (template("A"), unknown(), unknown()),
        (template("{tenant}"), unknown(), unknown()),
        (json!("https://login.example/{tenantid}/v2.0"), unknown(), unknown()),
        (json!(format!("{}/{{tenantid}}", issuer.url())), unknown(), unknown()),
        (json!(null), unknown(), unknown()),
    ] {
        publish_with(&issuer, &signer, of_key.clone());
        let mut settings = Settings::of(&issuer, "a,b").0;
        settings.push(("AUTHORIZER_ALGORITHMS", "RS256,ES256".to_owned()));
        let mut deployment = Deployment::start(&Settings(settings).as_pairs()).await;
        for (tenant, expected) in [("a", a), ("b", b)] {
            let claims = claims_of(&issuer, tenant, json!({}));
            let outcome = tenant_of(&mut deployment, &signer.token(&claims)).await;
            assert_eq!(outcome, expected, "{of_key} for {tenant}");
            // A key that names no issuer is for every tenant.
            let outcome = tenant_of(&mut deployment, &issuer.token(&claims)).await;
            assert_eq!(outcome, Ok(json!(tenant)), "{of_key}");
        }
    }
}

#[tokio::test]
async fn skips_the_key_of_another_issuer_without_tenants_too() {
    let (issuer, signer) = (Issuer::start().await.unwrap(), Signer::generate("ES256"));
    let settings = [("AUTHORIZER_ALGORITHMS", "RS256,ES256")];
    let url = issuer.url();
    for (of_key, expected) in [
        (url.to_owned(), Ok(())),
        (format!("{url}/"), Err(unauthorized("unknown_key"))),
        ("https://login.example".to_owned(), Err(unauthorized("unknown_key"))),
        (String::new(), Err(unauthorized("unknown_key"))),
    ] {
        publish_with(&issuer, &signer, json!(of_key));
        let mut deployment = Deployment::trusting(url, &settings).await;
        if expected.is_err() {
            let skipped = format!("its issuer is {of_key:?}, which is not the configured issuer");
            deployment.logged(&skipped.replace('"', "\\\"")).await;
        }
        let outcome = deployment.ask(&connect(&signer.token(&issuer.claims()))).await;
        assert_eq!(outcome.map(drop), expected, "{of_key}");
        assert!(deployment.ask(&connect(&good_token(&issuer))).await.is_ok(), "{of_key}");
    }
    // The issuer has no other key.
    let mut jwk = issuer.key().jwk();
    jwk["issuer"] = "https://login.example".into();
    publish(&issuer, &[jwk]);
    let mut deployment = Deployment::trusting(url, &[]).await;
    let outcome = deployment.ask(&connect(&good_token(&issuer))).await;
    assert_eq!(outcome, Err(fault("keys_unavailable")));
}

#[tokio::test]
async fn skips_the_key_of_another_issuer_in_a_file() {
    let issuer = Issuer::start().await.unwrap();
    let file_of = |name: &str, of_key: &str| {
        let mut jwk = issuer.key().jwk();
        jwk["issuer"] = of_key.into();
        TestFile::new(name, &json!({ "keys": [jwk] }).to_string())
    };
    let own = file_of("own-issuer.json", issuer.url());
    let mut deployment =
        Deployment::trusting(issuer.url(), &[("AUTHORIZER_JWKS_FILE", own.path())]).await;
    assert!(deployment.ask(&connect(&good_token(&issuer))).await.is_ok());
    let other = file_of("other-issuer.json", "https://login.example");
    let message = init_error(&[
        ("AUTHORIZER_ISSUER", issuer.url()),
        ("AUTHORIZER_AUDIENCE", AUDIENCE),
        ("AUTHORIZER_JWKS_FILE", other.path()),
    ])
    .await;
    let fault =
        r#"key-1: its issuer is "https://login.example", which is not the configured issuer"#;
    assert!(message.contains(fault), "{message}");
    assert_eq!(issuer.connections(), 0);
}

#[tokio::test]
async fn keeps_the_issuers_of_a_list_apart_with_and_without_tenants() {
    let (many, one) = tokio::join!(Issuer::start(), Issuer::start());
    let (many, one) = (many.unwrap(), one.unwrap());
    let own = format!("{}/own/v2.0", many.url());
    let issuers = json!([
        { "issuer": format!("{}/{{tenant}}/v2.0", many.url()), "tenants": ["a", "own"],
          "jwks_uri": many.key_set_url(), "audience": "many" },
        { "issuer": one.url(), "audience": "one" },
        { "issuer": own, "jwks_uri": one.key_set_url(), "audience": "own" },
    ])
    .to_string();
    let mut deployment = Deployment::start(&[("AUTHORIZER_ISSUERS", &issuers)]).await;
    let of_a = claims_of(&many, "a", json!({ "aud": "many" }));
    let of_one = claims_with(&one, json!({ "aud": "one", "tid": 1 }));
    for (case, token, expected) in [
        ("a tenant's", many.token(&of_a), Ok(json!("a"))),
        ("an issuer's without tenants", one.token(&of_one), Ok(Value::Null)),
        ("signed by the other", one.token(&of_a), Err(unauthorized("invalid_signature"))),
        (
            "of a tenant of the issuer without tenants",
            one.token(&claims_of(&one, "a", json!({ "aud": "many" }))),
            Err(unauthorized("unknown_issuer")),
        ),
        // The exact issuer comes before the tenants, with its keys and rules.
        (
            "the own tenant's",
            one.token(&claims_with(&one, json!({ "iss": own, "aud": "own" }))),
            Ok(Value::Null),
        ),
        (
            "the own tenant's by the keys of the many",
            many.token(&claims_of(&many, "own", json!({ "aud": "many" }))),
            Err(unauthorized("invalid_signature")),
        ),
    ] {
        let (outcome, line) = deployment.ask_for_more(&connect(&token)).await;
        let tenant =
            outcome.map(|caller| caller.context.get("tenant").cloned().unwrap_or_default());
        assert_eq!(tenant, expected, "{case}");
        if let Ok(tenant) = &expected {
            assert_eq!(&line["tenant"], tenant, "{case}");
        }
    }
    assert_eq!(many.requests(DISCOVERY_PATH), 0);
}

#[tokio::test]
async fn names_what_an_issuer_with_tenants_lacks() {
    let message = init_error(&[
        ("AUTHORIZER_ISSUER", "https://login.example/{tenant}/v2.0"),
        ("AUTHORIZER_AUDIENCE", "chat"),
        ("AUTHORIZER_CONTEXT_CLAIMS", "tenant=tid"),
    ])
    .await;
    for part in [
        "3 mistakes",
        "AUTHORIZER_TENANTS is not set, but the issuer has {tenant}",
        "AUTHORIZER_JWKS_URI is not set. The key set of an issuer with {tenant} cannot be discovered",
        "AUTHORIZER_CONTEXT_CLAIMS is \"tenant=tid\"",
    ] {
        assert!(message.contains(part), "{message}");
    }
}
