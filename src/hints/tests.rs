//! What must get no hint, next to what gets one. The tests of the executable produce every hint.

use super::*;
use crate::error::Error;
use crate::gateway::request::EventKind;
use crate::jwt::testing::claims;

/// Calls a function with the claims in `members`, and returns the hint's text or nothing.
fn of_claims(
    members: &str,
    hint: impl Fn(&crate::jwt::TokenContent<'_>) -> Option<Hint>,
) -> Option<Hint> {
    let payload = format!("{{{members}}}");
    hint(claims(&payload).content())
}

#[test]
fn recognizes_the_issuer_of_the_same_provider_only() {
    #[track_caller]
    fn check(named: &str, configured: &[&str], expected: Option<Hint>) {
        let found = of_claims("", |token| issuer(named, token, configured.iter().copied()));
        assert_eq!(found, expected, "{named} and {configured:?}");
    }
    for (named, configured) in [
        ("", "https://id.example"),
        ("https://other", "https://id.example"),
        ("https://other.example", "https://id.example"),
        ("https://other.example/", "https://id.example/"),
        ("https://auth.other.example/", "https://auth.id.example/realms/x"),
        ("https://login.other.com/a/v2.0", "https://login.microsoftonline.com/a/v2"),
        ("https://id.example/a/b", "https://id.example/a"),
        ("https://id.example", "https://id.example/a"),
        ("https://okta.com.evil.example", "https://id.example/oauth2/default"),
        ("accounts.google.com", "https://id.example"),
        ("supabase", "https://abc.supabase.co/auth/v1"),
    ] {
        check(named, &[configured], None);
    }
    check("https://a.id.example", &["https://b.id.example"], Some(Hint::OTHER_HOST));
    check("https://id.example/a", &["https://id.example/b"], Some(Hint::OTHER_INSTANCE));
    // The comparisons with many issuers cost no more for an `iss` as long as a token.
    let long = |length: usize| format!("{:a<length$}", "https://id.example/");
    check(&(long(255) + "/"), &[&long(255)], Some(Hint::SLASH));
    check(&(long(256) + "/"), &[&long(256)], None);
    // The issuer that differs least decides, wherever it is in the list.
    let list = ["https://a.example/x", "https://b.example/y", "https://b.example/x"];
    check("https://b.example/x/", &list, Some(Hint::SLASH));
    check("https://c.example/y", &list, Some(Hint::OTHER_HOST));
    // The tenants of a template are compared elsewhere.
    let tenants = ["https://login.microsoftonline.com/{tenant}/v2.0"];
    check("https://login.microsoftonline.com/x/v2.0/", &tenants, Some(Hint::SLASH));
    check("http://login.microsoftonline.com/x/v2.0", &tenants, Some(Hint::SCHEME));
    check("login.microsoftonline.com/x/v2.0", &tenants, Some(Hint::NO_SCHEME));
    check("https://sts.windows.net/x/", &tenants, Some(Hint::ENTRA_V1));
}

#[test]
fn recognizes_an_id_token_unless_it_may_be_an_access_token() {
    #[track_caller]
    fn check(members: &str, expected: Option<Hint>) {
        assert_eq!(of_claims(members, missing_client), expected, "{members}");
    }
    for members in [
        r#""nonce":"n""#,
        r#""at_hash":"h""#,
        r#""c_hash":"h""#,
        r#""token_use":"id""#,
        r#""typ":"ID","scope":"openid""#,
        r#""aud":"web","azp":"web""#,
        r#""aud":["web"],"client_id":"web""#,
    ] {
        check(members, Some(Hint::ID_TOKEN));
    }
    for members in [
        "",
        r#""email":"a@example.com""#,
        r#""nonce":"n","typ":"Bearer""#,
        r#""nonce":"n","scope":"openid""#,
        r#""nonce":"n","token_use":"access""#,
        r#""nonce":7"#,
        r#""aud":"web","azp":"web","scp":"Chat.Connect""#,
        r#""aud":["web","api"],"azp":"web""#,
        r#""aud":"api","azp":"web""#,
        r#""aud":"web""#,
    ] {
        check(members, None);
    }
}

#[test]
fn recognizes_the_audience_of_a_provider_only_in_its_tokens() {
    #[track_caller]
    fn check(members: &str, expected: Option<Hint>) {
        let wanted = ["api".to_owned(), "web".to_owned()];
        let found = of_claims(members, |token| audience(token, &wanted, None));
        assert_eq!(found, expected, "{members}");
    }
    check(r#""aud":"other""#, None);
    check(r#""aud":["account"]"#, Some(Hint::KEYCLOAK_AUDIENCE));
    check(r#""aud":["account","other"]"#, None);
    check(r#""aud":"authenticated","iss":"https://id.example""#, None);
    check(
        r#""aud":"authenticated","iss":"https://x.example/auth/v1""#,
        Some(Hint::SUPABASE_AUDIENCE),
    );
    check(r#""aud":"api://api""#, Some(Hint::ENTRA_AUDIENCE));
    check(r#""aud":"API""#, Some(Hint::CASE));
    check(r#""aud":"x","azp":"web","scope":"a""#, Some(Hint::ACCESS_TOKEN));
    check(r#""aud":"x","azp":"other","scope":"a""#, None);

    let missing =
        |members: &str| of_claims(members, |token| missing_audience(token, &["api".to_owned()]));
    assert_eq!(missing(r#""iss":"https://id.example","scope":"a""#), None);
    assert_eq!(missing(r#""token_use":"id""#), None);
    let access_token = missing(r#""token_use":"access","client_id":"web""#);
    assert_eq!(access_token, Some(Hint::COGNITO_AUDIENCE));
}

#[test]
fn recognizes_a_broken_text_but_not_any_text() {
    for text in ["", "a.b.c", "a.b", "a.b.c.d", "eyJ.eyJ.-_", "nullx.undefined.x"] {
        assert_eq!(token(text).filter(|hint| *hint != Hint::OPAQUE), None, "{text:?}");
    }
    // The first six bytes may end within a character.
    assert_eq!(token("Beare\u{e9}.b.c"), None);
    assert_eq!(token("BEARER a.b.c"), Some(Hint::BEARER_TWICE));
    assert_eq!(token("a+b/c=="), Some(Hint::OPAQUE));

    let credential = |header| credential(header, EventKind::WebSocket);
    assert_eq!(credential(None), None);
    assert_eq!(credential(Some("")), Some(Hint::NOT_BEARER));
    assert_eq!(credential(Some("eyJa.eyJb")), Some(Hint::NOT_BEARER));
    assert_eq!(credential(Some("eyJa.eyJb.c")), Some(Hint::BEARER_MISSING));
}

#[test]
fn recognizes_a_clock_that_a_leeway_can_cover() {
    for (seconds, expected) in [
        (1, Some(Hint::CLOCK)),
        (300, Some(Hint::CLOCK)),
        (301, None),
        (99_999_999_999, None),
        (100_000_000_000, Some(Hint::MILLISECONDS)),
        (i64::MAX, Some(Hint::MILLISECONDS)),
    ] {
        assert_eq!(clock(seconds), expected, "{seconds}");
    }
}

#[test]
fn recognizes_a_scope_in_another_claim_only_as_a_whole() {
    #[track_caller]
    fn check(members: &str, expected: Option<Hint>) {
        let error = Error::InsufficientScope {
            any_of: vec!["chat/admin".to_owned(), "chat/read".to_owned()],
            required_by: String::new(),
            hint: None,
        };
        let payload = format!("{{{members}}}");
        let error = with_scope_hint(error, claims(&payload).content());
        let Error::InsufficientScope { hint, .. } = error else { panic!("{error}") };
        assert_eq!(hint, expected, "{members}");
    }
    for members in [
        "",
        r#""permissions":["chat/rea","chat/readonly"]"#,
        r#""permissions":{"chat/read":true}"#,
        r#""permissions":null"#,
        r#""permissions":"a,chat/read""#,
        r#""roles":[["chat/read"]]"#,
        r#""other":["chat/read"]"#,
        r#""scope":"chat/write""#,
    ] {
        check(members, None);
    }
    check(r#""permissions":"a chat/read""#, Some(Hint::SCOPE_IN_PERMISSIONS));
    check(r#""scope":"a,chat/read""#, Some(Hint::SCOPE_SEPARATOR));
    check(r#""scope":"read""#, Some(Hint::SCOPE_PREFIX));
}

#[test]
fn hints_are_clauses_and_no_two_are_alike() {
    for (index, hint) in Hint::ALL.iter().enumerate() {
        assert!(!hint.as_str().ends_with('.'), "{hint}");
        assert!(!hint.as_str().contains(';') || *hint == Hint::OTHER_SIGNER, "{hint}");
        assert!(!Hint::ALL[..index].contains(hint), "{hint}");
    }
    assert_eq!(clause(None).to_string(), "");
    assert_eq!(
        clause(Some(&Hint::NOT_ATTACHED)).to_string(),
        "; is the function attached as an authorizer?"
    );
}
