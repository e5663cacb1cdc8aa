use serde_json::json;

use super::*;
use crate::gateway::request::Delivery::{CookieOnly, Explicit};
use crate::jwt::{ClaimPath, RequiredClaim, testing};

const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod";

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Each of these scopes is needed. `a|b` is a group.
fn scopes(needed: &[&str]) -> RequiredScopes {
    let group = |group: &&str| group.split('|').map(str::to_owned).collect();
    RequiredScopes(needed.iter().map(group).collect())
}

fn claim(path: &str, groups: serde_json::Value) -> RequiredClaim {
    let groups = serde_json::from_value(groups).unwrap();
    RequiredClaim { path: ClaimPath::new(path), groups }
}

fn rule(pattern: &str, needed: &[&str], claims: Vec<RequiredClaim>) -> RouteRule {
    let (method, path) = pattern.split_at(pattern.find('/').unwrap_or(pattern.len()));
    RouteRule::new(method, path, RouteNeeds { scopes: scopes(needed), claims }).unwrap()
}

fn route_rules(rules: &[(&str, &[&str])]) -> RouteRules {
    RouteRules(rules.iter().map(|(pattern, needed)| rule(pattern, needed, Vec::new())).collect())
}

fn unrestricted() -> AccessRules {
    AccessRules { allowed_origins: AllowedOrigins::Unrestricted, route_rules: None }
}

/// Judges a request for a route, or a handshake with these headers, and returns `allowed` or the
/// reason.
fn judge(
    rules: &AccessRules,
    required_scopes: &[&str],
    (route, headers): (&str, &str),
    delivery: Delivery,
    claims: &str,
) -> &'static str {
    let event =
        format!(r#"{{"type":"REQUEST","methodArn":"{STAGE}/{route}","headers":{headers}}}"#);
    let request = AuthorizerRequest::parse(&event).map_err(|error| error.to_string()).unwrap();
    let claims = testing::claims(claims);
    let scope_rules = ScopeRules { required: scopes(required_scopes), claims: Vec::new() };
    match rules.judge(&request, delivery, &scope_rules, &claims) {
        Ok(_) => "allowed",
        Err(refusal) => refusal.error().reason(),
    }
}

/// Judges a request for `GET /x`, and returns `allowed` or the message of the refusal.
fn message(rules: &AccessRules, scope_rules: &ScopeRules, claims: &str) -> String {
    let event = format!(r#"{{"type":"REQUEST","methodArn":"{STAGE}/GET/x"}}"#);
    let request = AuthorizerRequest::parse(&event).map_err(|error| error.to_string()).unwrap();
    match rules.judge(&request, Explicit, scope_rules, &testing::claims(claims)) {
        Ok(_) => "allowed".to_owned(),
        Err(refusal) => refusal.error().to_string(),
    }
}

#[test]
fn needs_every_required_scope_from_scope_or_scp() {
    #[track_caller]
    fn check(required: &[&str], claims: &str, expected: &str) {
        let outcome = judge(&unrestricted(), required, ("GET/x", "null"), Explicit, claims);
        assert_eq!(outcome, expected, "{required:?} of {claims}");
    }
    for claims in ["{}", r#"{"scope":""}"#, r#"{"scp":[]}"#, r#"{"scope":"x"}"#] {
        check(&[], claims, "allowed");
        check(&["a"], claims, "insufficient_scope");
    }
    for claims in [
        r#"{"scope":"a b"}"#,
        r#"{"scope":"x b  a"}"#,
        r#"{"scp":"a b"}"#,
        r#"{"scp":["b","a"]}"#,
        r#"{"scope":"a","scp":["b"]}"#,
        r#"{"scope":"b","scp":"x a"}"#,
    ] {
        check(&["a", "b"], claims, "allowed");
        check(&["a", "b", "c"], claims, "insufficient_scope");
    }
    for claims in
        [r#"{"scope":"A"}"#, r#"{"scope":"a,b"}"#, r#"{"scope":"aa"}"#, r#"{"scope":"a:b"}"#]
    {
        check(&["a"], claims, "insufficient_scope");
    }
}

#[test]
fn needs_one_scope_of_each_group() {
    #[track_caller]
    fn check(required: &[&str], granted: &str, expected: &str) {
        let claims = format!(r#"{{"scope":"{granted}"}}"#);
        let outcome = judge(&unrestricted(), required, ("GET/x", "null"), Explicit, &claims);
        assert_eq!(outcome, expected, "{required:?} of {granted}");
    }
    for granted in ["a b", "a c", "c a", "a b c", "x c a"] {
        check(&["a", "b|c"], granted, "allowed");
    }
    for granted in ["a", "b", "c", "b c", "", "a bc", "a b|c", "A B"] {
        check(&["a", "b|c"], granted, "insufficient_scope");
    }
    check(&["a|b", "b|c"], "b", "allowed");
    check(&["a|b", "b|c"], "a c", "allowed");
    check(&["a|b", "b|c"], "a", "insufficient_scope");
}

#[test]
fn names_the_first_scope_that_is_missing() {
    let required = |required: &[&str]| ScopeRules { required: scopes(required), claims: vec![] };
    for (needed, expected) in [
        (&["a", "b", "c"][..], r#"the scope "b" is missing (AUTHORIZER_REQUIRED_SCOPES)"#),
        (
            &["a|x", "b|c"],
            "all of these scopes are missing, and one is needed: b, c (AUTHORIZER_REQUIRED_SCOPES)",
        ),
    ] {
        assert_eq!(message(&unrestricted(), &required(needed), r#"{"scope":"a"}"#), expected);
    }
}

#[test]
fn names_the_rule_of_the_route_and_what_is_missing() {
    let rules = AccessRules {
        route_rules: Some(RouteRules(vec![
            rule("GET/*", &["a"], Vec::new()),
            rule(
                "GET/x",
                &["b|c"],
                vec![claim("/r/g", json!([["u"], ["v", 1]])), claim("mfa", json!([[true]]))],
            ),
        ])),
        ..unrestricted()
    };
    for (claims, expected) in [
        ("{}", r#"the scope "a" is missing (AUTHORIZER_ROUTE_RULES, "GET /*")"#),
        (
            r#"{"scope":"a"}"#,
            r#"all of these scopes are missing, and one is needed: b, c (AUTHORIZER_ROUTE_RULES, "GET /x")"#,
        ),
        (r#"{"scope":"a c"}"#, r#"the claim "/r/g" is missing (AUTHORIZER_ROUTE_RULES, "GET /x")"#),
        (
            r#"{"scope":"a c","r":{"g":["u"]}}"#,
            r#"the claim "/r/g" has no accepted value, expected one of: "v", 1 (AUTHORIZER_ROUTE_RULES, "GET /x")"#,
        ),
        (
            r#"{"scope":"a c","r":{"g":["u",1]},"mfa":false}"#,
            r#"the claim "mfa" has no accepted value, expected one of: true (AUTHORIZER_ROUTE_RULES, "GET /x")"#,
        ),
        (r#"{"scope":"a c","r":{"g":["u",1]},"mfa":true}"#, "allowed"),
    ] {
        assert_eq!(message(&rules, &ScopeRules::default(), claims), expected, "{claims}");
    }
}

#[test]
fn reads_scopes_from_the_claims_that_hold_them() {
    #[track_caller]
    fn check(claims: &str, expected: &str) {
        let paths = ["permissions", "/realm_access/roles"].map(ClaimPath::new).to_vec();
        let scope_rules = ScopeRules { required: scopes(&["a", "b"]), claims: paths };
        let by_issuer = message(&unrestricted(), &scope_rules, claims);
        assert_eq!(by_issuer.split(' ').next().unwrap(), expected, "{claims}: {by_issuer}");
        let rules = route_rules(&[("GET/x", &["a", "b"])]);
        let rules = AccessRules { route_rules: Some(rules), ..unrestricted() };
        let scope_rules = ScopeRules { required: RequiredScopes::default(), ..scope_rules };
        let by_route = message(&rules, &scope_rules, claims);
        assert_eq!(by_route.split(' ').next().unwrap(), expected, "{claims}: {by_route}");
    }
    for claims in [
        r#"{"scope":"a b"}"#,
        r#"{"permissions":"b a"}"#,
        r#"{"permissions":["a","b"]}"#,
        r#"{"permissions":["x",1,null,"a"],"realm_access":{"roles":["b"]}}"#,
        r#"{"scope":"a","permissions":["b"]}"#,
        r#"{"scp":["a"],"realm_access":{"roles":" b "}}"#,
        // `scp` is as it always was.
        r#"{"scp":["a b"]}"#,
    ] {
        check(claims, "allowed");
    }
    for claims in [
        "{}",
        r#"{"scope":"a","roles":["b"]}"#,
        r#"{"scope":"a","Permissions":["b"]}"#,
        r#"{"scope":"a","/realm_access/roles":["b"]}"#,
        // An item is one scope, whatever is in it.
        r#"{"scope":"a","permissions":["a b"]}"#,
        r#"{"scope":"a","permissions":["b "]}"#,
        r#"{"scope":"a","permissions":[["b"]]}"#,
        r#"{"scope":"a","permissions":{"b":"b"}}"#,
        r#"{"scope":"a","permissions":null}"#,
        r#"{"scope":"a","permissions":true}"#,
        r#"{"scope":"a","permissions":"a,b"}"#,
    ] {
        check(claims, "the");
    }
}

#[test]
fn a_claim_that_cannot_be_read_is_a_refusal_where_a_rule_looks_it_up() {
    let unreadable =
        format!(r#"{{"scope":"a","g":"u","x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let readable = unreadable.replace(&"[".repeat(101), "").replace(&"]".repeat(101), "");
    let check = |rules: &[RouteRule], scope_claims: &[&str], looks: bool| {
        let route_rules = (!rules.is_empty()).then(|| RouteRules(rules.to_vec()));
        let rules = AccessRules { route_rules, ..unrestricted() };
        let claims = scope_claims.iter().map(|path| ClaimPath::new(path)).collect();
        let scope_rules = ScopeRules { required: scopes(&["a"]), claims };
        assert_eq!(message(&rules, &scope_rules, &readable), "allowed");
        let outcome = message(&rules, &scope_rules, &unreadable);
        let refusal = "a claim is nested too deeply or is not valid Unicode";
        assert_eq!(outcome, if looks { refusal } else { "allowed" });
    };
    let [plain, by_claim, of_other_route, of_other_scope] = [
        rule("GET/x", &["a"], Vec::new()),
        rule("GET/x", &["a"], vec![claim("g", json!([["u"]]))]),
        rule("GET/y", &["a"], vec![claim("g", json!([["u"]]))]),
        rule("GET/y", &["b"], vec![claim("g", json!([["u"]]))]),
    ];
    // Nobody looks, so it costs nothing.
    check(&[], &[], false);
    check(std::slice::from_ref(&plain), &[], false);
    check(&[plain.clone(), of_other_scope], &[], false);
    check(&[], &["g"], true);
    check(&[by_claim], &[], true);
    // The policy has the rules of all routes.
    check(&[plain, of_other_route], &[], true);
}

#[test]
fn every_rule_that_matches_must_be_met_and_one_must_match() {
    let rules = AccessRules {
        route_rules: Some(route_rules(&[
            ("GET/orders/*", &["orders:read"]),
            ("*/orders/secret", &["secret"]),
            ("GET/open", &[]),
            ("POST/orders", &["orders:read", "orders:write"]),
        ])),
        ..unrestricted()
    };
    #[track_caller]
    fn check(rules: &AccessRules, route: &str, scopes: &str, expected: &str) {
        let claims = format!(r#"{{"scope":"{scopes}"}}"#);
        let outcome = judge(rules, &[], (route, "null"), Explicit, &claims);
        assert_eq!(outcome, expected, "{route} with {scopes}");
    }
    check(&rules, "GET/orders/1", "orders:read", "allowed");
    check(&rules, "GET/orders/1", "secret", "insufficient_scope");
    check(&rules, "GET/orders/secret", "orders:read secret", "allowed");
    check(&rules, "GET/orders/secret", "orders:read", "insufficient_scope");
    check(&rules, "GET/orders/secret", "secret", "insufficient_scope");
    check(&rules, "PUT/orders/secret", "secret", "allowed");
    check(&rules, "GET/open", "", "allowed");
    check(&rules, "GET/open/", "", "ambiguous_path");
    check(&rules, "GET/closed", "", "route_forbidden");
    check(&rules, "GET/orders", "orders:read secret", "route_forbidden");
    check(&rules, "POST/orders", "orders:read orders:write", "allowed");
    check(&rules, "POST/orders", "orders:write", "insufficient_scope");
    // Without rules, every route passes.
    check(&unrestricted(), "GET/orders", "", "allowed");
}

#[test]
fn asks_for_the_issuers_scopes_before_the_routes() {
    let rules =
        AccessRules { route_rules: Some(route_rules(&[("GET/x", &["b"])])), ..unrestricted() };
    let check = |scopes: &str, route: &str, expected: &str| {
        let claims = format!(r#"{{"scope":"{scopes}"}}"#);
        assert_eq!(judge(&rules, &["a"], (route, "null"), Explicit, &claims), expected);
    };
    check("a b", "GET/x", "allowed");
    check("a", "GET/x", "insufficient_scope");
    check("b", "GET/x", "insufficient_scope");
    check("b", "GET/y", "insufficient_scope");
    check("a b", "GET/y", "route_forbidden");
}

#[test]
fn a_handshake_comes_from_an_allowed_origin_or_from_no_browser() {
    let only = AccessRules {
        allowed_origins: AllowedOrigins::Only(strings(&[
            "https://a.example",
            "https://b.example:8443",
        ])),
        ..unrestricted()
    };
    #[track_caller]
    fn check(rules: &AccessRules, headers: &str, expected: &str) {
        for delivery in [Explicit, CookieOnly] {
            let outcome = judge(rules, &[], ("$connect", headers), delivery, "{}");
            assert_eq!(outcome, expected, "{headers} {delivery:?}");
        }
        // Any other request, if its token came in a cookie only.
        for route in ["GET/x", "POST/x"] {
            let outcome = judge(rules, &[], (route, headers), Explicit, "{}");
            assert_eq!(outcome, "allowed", "{route} {headers}");
        }
        assert_eq!(judge(rules, &[], ("GET/x", headers), CookieOnly, "{}"), expected, "{headers}");
    }
    for headers in [
        "null",
        "{}",
        r#"{"Origin":"https://a.example"}"#,
        r#"{"origin":"https://b.example:8443"}"#,
        r#"{"ORIGIN":["https://a.example","https://b.example:8443"]}"#,
        r#"{"Referer":"https://evil.example/"}"#,
    ] {
        check(&only, headers, "allowed");
    }
    for origin in [
        "https://evil.example",
        "https://a.example.evil.example",
        "https://a.example/",
        "https://a.example:443",
        "https://A.example",
        "http://a.example",
        "https://b.example",
        "null",
        "*",
        "",
    ] {
        check(&only, &format!(r#"{{"Origin":"{origin}"}}"#), "origin_not_allowed");
        let besides = format!(r#"{{"Origin":"https://a.example","origin":"{origin}"}}"#);
        check(&only, &besides, "origin_not_allowed");
        let listed = format!(r#"{{"Origin":["https://a.example","{origin}"]}}"#);
        check(&only, &listed, "origin_not_allowed");
    }
}

#[test]
fn a_cookie_opens_nothing_for_a_browser_without_allowed_origins() {
    let check = |route: &str, headers: &str, delivery, expected: &str| {
        let outcome = judge(&unrestricted(), &[], (route, headers), delivery, "{}");
        assert_eq!(outcome, expected, "{route} {headers} {delivery:?}");
    };
    let from_a_browser = r#"{"Origin":"https://a.example"}"#;
    for route in ["$connect", "GET/x", "POST/x"] {
        check(route, from_a_browser, Explicit, "allowed");
        check(route, from_a_browser, CookieOnly, "origin_not_allowed");
    }
    check("$connect", "{}", CookieOnly, "allowed");
    check("GET/x", "{}", CookieOnly, "allowed");
}

#[test]
fn a_request_by_cookie_that_can_change_something_needs_an_allowed_origin() {
    let only = AccessRules {
        allowed_origins: AllowedOrigins::Only(strings(&["https://a.example"])),
        ..unrestricted()
    };
    let check = |route: &str, headers: &str, delivery, expected: &str| {
        let outcome = judge(&only, &[], (route, headers), delivery, "{}");
        assert_eq!(outcome, expected, "{route} {headers} {delivery:?}");
    };
    let allowed = r#"{"Origin":"https://a.example"}"#;
    for method in ["POST", "PUT", "PATCH", "DELETE", "post", "get", "PROPFIND"] {
        let route = format!("{method}/x");
        check(&route, "{}", CookieOnly, "origin_not_allowed");
        check(&route, allowed, CookieOnly, "allowed");
        check(&route, "{}", Explicit, "allowed");
    }
    for method in ["GET", "HEAD", "OPTIONS"] {
        check(&format!("{method}/x"), "{}", CookieOnly, "allowed");
    }
}

#[test]
fn a_request_by_cookie_from_another_site_needs_an_allowed_origin() {
    let only = AccessRules {
        allowed_origins: AllowedOrigins::Only(strings(&["https://a.example"])),
        ..unrestricted()
    };
    let check = |headers: &str, delivery, expected: &str| {
        for route in ["$connect", "GET/x"] {
            let outcome = judge(&only, &[], (route, headers), delivery, "{}");
            assert_eq!(outcome, expected, "{route} {headers} {delivery:?}");
        }
    };
    for cross_site in [
        r#"{"Sec-Fetch-Site":"cross-site"}"#,
        r#"{"sec-fetch-site":"Cross-Site"}"#,
        r#"{"sec-fetch-site":["same-origin","cross-site"]}"#,
    ] {
        check(cross_site, CookieOnly, "origin_not_allowed");
        check(cross_site, Explicit, "allowed");
    }
    for own in ["same-origin", "same-site", "none"] {
        check(&format!(r#"{{"Sec-Fetch-Site":"{own}"}}"#), CookieOnly, "allowed");
    }
    let named = r#"{"Origin":"https://a.example","Sec-Fetch-Site":"cross-site"}"#;
    check(named, CookieOnly, "allowed");
}

#[test]
fn asks_for_the_origin_before_the_scopes() {
    let only = AccessRules { allowed_origins: AllowedOrigins::Only(Vec::new()), ..unrestricted() };
    let evil = ("$connect", r#"{"Origin":"https://evil.example"}"#);
    assert_eq!(judge(&only, &["a"], evil, Explicit, "{}"), "origin_not_allowed");
    assert_eq!(judge(&only, &["a"], ("$connect", "{}"), Explicit, "{}"), "insufficient_scope");
}

#[test]
fn route_rules_speak_of_other_routes_only_where_the_token_may_use_any() {
    let rules = AccessRules { route_rules: Some(route_rules(&[("*", &[])])), ..unrestricted() };
    let event = format!(r#"{{"type":"REQUEST","methodArn":"{STAGE}/GET/x"}}"#);
    let request = AuthorizerRequest::parse(&event).map_err(|error| error.to_string()).unwrap();
    let claims = testing::claims(r#"{"scope":"a"}"#);
    let judge = |rules: &AccessRules, required: &[&str]| {
        let scope_rules = ScopeRules { required: scopes(required), claims: Vec::new() };
        match rules.judge(&request, Explicit, &scope_rules, &claims) {
            Ok(permit) => permit.routes().is_some(),
            Err(refusal) => refusal.routes().is_some(),
        }
    };
    assert!(judge(&rules, &["a"]));
    // This token is refused on every route.
    assert!(!judge(&rules, &["b"]));
    assert!(!judge(&unrestricted(), &["a"]));
}
