use local_gateway::policy::{self, evaluate};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::context::Context;
use crate::gateway::{
    HttpApiResponse, ResourceScope, ResponseRules, UnauthenticatedResponse, Verdict,
};

const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod";

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn route_scopes(rules: &[(&str, &[&str])]) -> RouteScopes {
    let rule = |(pattern, scopes): &(&str, &[&str])| RouteRule {
        pattern: (*pattern).to_owned(),
        scopes: strings(scopes),
    };
    RouteScopes(rules.iter().map(rule).collect())
}

fn unrestricted() -> AccessRules {
    AccessRules { allowed_origins: AllowedOrigins::Unrestricted, route_scopes: None }
}

const RESPONSES: ResponseRules = ResponseRules {
    resource_scope: ResourceScope::Stage,
    http_api_response: HttpApiResponse::Policy,
    unauthenticated_response: UnauthenticatedResponse::Error,
};

/// Judges a request for a route, or a handshake with these headers, and says
/// `allowed` or the reason.
fn judge(
    rules: &AccessRules,
    required_scopes: &[&str],
    (route, headers): (&str, &str),
    ambient: bool,
    claims: &str,
) -> &'static str {
    let event =
        format!(r#"{{"type":"REQUEST","methodArn":"{STAGE}/{route}","headers":{headers}}}"#);
    let request = AuthorizerRequest::parse(&event).map_err(|error| error.to_string()).unwrap();
    let claims: ClaimsSet<'_> = serde_json::from_str(claims).unwrap();
    let access = rules.judge(
        &strings(required_scopes),
        &request,
        ambient,
        &claims,
        RESPONSES.policy_reach(request.kind),
    );
    access.refusal.map_or("allowed", |error| error.reason())
}

#[test]
fn matches_as_resources_of_a_policy_do() {
    #[track_caller]
    fn check(pattern: &str, route: &str, expected: bool) {
        assert_eq!(matches(pattern, route), expected, "{pattern} and {route}");
        // Both matchers of this repository agree, and neither knows the other.
        let allow = format!(
            r#"{{"principalId":"p","policyDocument":{{"Version":"2012-10-17","Statement":
                {{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"{pattern}"}}}}}}"#
        );
        let verdict = evaluate(allow.as_bytes(), route).unwrap();
        assert_eq!(matches!(verdict, policy::Verdict::Allow(_)), expected, "{pattern} and {route}");
    }
    for (pattern, matching, other) in [
        ("", &[""][..], &["a"][..]),
        ("*", &["", "a", "GET/", "a/b/c", "$connect", "*", "?"], &[]),
        ("**", &["", "a", "ab"], &[]),
        ("?", &["a", "/", "*"], &["", "ab"]),
        ("??", &["ab"], &["a", "abc"]),
        ("?*", &["a", "ab"], &[""]),
        ("*?", &["a", "ab"], &[""]),
        ("$connect", &["$connect"], &["$connec", "$connect/", "$Connect", "/$connect"]),
        ("GET/a", &["GET/a"], &["GET/A", "get/a", "GET/a/", "GET/ab", "POST/a", "GET//a"]),
        ("GET/*", &["GET/", "GET/a", "GET/a/b"], &["GET", "POST/a", "/GET/a"]),
        ("GET/a*", &["GET/a", "GET/ab", "GET/a/b"], &["GET/", "GET/b"]),
        ("*/a", &["GET/a", "POST/a", "GET/b/a", "/a"], &["GET/ab", "a"]),
        ("GET/*/b", &["GET/a/b", "GET/a/c/b", "GET//b"], &["GET/b", "GET/a/b/", "GET/a/bb"]),
        ("*a*b*", &["ab", "xaxbx", "aab", "abab"], &["ba", "a", "b", ""]),
        ("a*ab", &["aab", "aaab", "abab"], &["ab", "aabb", "aaba"]),
        ("P*T/a", &["PUT/a", "POST/a", "PT/a"], &["PATCH/a", "GET/a"]),
        ("P?T/a", &["PUT/a", "P/T/a"], &["POST/a", "PT/a"]),
    ] {
        for route in matching {
            check(pattern, route, true);
        }
        for route in other {
            check(pattern, route, false);
        }
    }
}

#[test]
fn a_hostile_route_costs_little() {
    let (pattern, route) = ("*a".repeat(200) + "b", "a".repeat(8000));
    assert!(!matches(&pattern, &route));
    assert!(matches(&pattern, &(route + "b")));
}

#[test]
fn needs_every_required_scope_from_scope_or_scp() {
    #[track_caller]
    fn check(required: &[&str], claims: &str, expected: &str) {
        let outcome = judge(&unrestricted(), required, ("GET/x", "null"), false, claims);
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
fn names_the_first_scope_that_is_missing() {
    let claims: ClaimsSet<'_> = serde_json::from_str(r#"{"scope":"a"}"#).unwrap();
    let error = check_scopes(&strings(&["a", "b", "c"]), &claims).unwrap_err();
    assert_eq!(error.to_string(), r#"the scope "b" is missing"#);
}

#[test]
fn every_rule_that_matches_must_be_met_and_one_must_match() {
    let rules = AccessRules {
        route_scopes: Some(route_scopes(&[
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
        let outcome = judge(rules, &[], (route, "null"), false, &claims);
        assert_eq!(outcome, expected, "{route} with {scopes}");
    }
    check(&rules, "GET/orders/1", "orders:read", "allowed");
    check(&rules, "GET/orders/1", "secret", "insufficient_scope");
    check(&rules, "GET/orders/secret", "orders:read secret", "allowed");
    check(&rules, "GET/orders/secret", "orders:read", "insufficient_scope");
    check(&rules, "GET/orders/secret", "secret", "insufficient_scope");
    check(&rules, "PUT/orders/secret", "secret", "allowed");
    check(&rules, "GET/open", "", "allowed");
    check(&rules, "GET/open/", "", "route_forbidden");
    check(&rules, "GET/orders", "orders:read secret", "route_forbidden");
    check(&rules, "POST/orders", "orders:read orders:write", "allowed");
    check(&rules, "POST/orders", "orders:write", "insufficient_scope");
    // Without rules, every route passes.
    check(&unrestricted(), "GET/orders", "", "allowed");
}

#[test]
fn asks_for_the_issuers_scopes_before_the_routes() {
    let rules =
        AccessRules { route_scopes: Some(route_scopes(&[("GET/x", &["b"])])), ..unrestricted() };
    let check = |scopes: &str, route: &str, expected: &str| {
        let claims = format!(r#"{{"scope":"{scopes}"}}"#);
        assert_eq!(judge(&rules, &["a"], (route, "null"), false, &claims), expected);
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
        let outcome = judge(rules, &[], ("$connect", headers), false, "{}");
        assert_eq!(outcome, expected, "{headers}");
        // Whatever the token came in.
        let outcome = judge(rules, &[], ("$connect", headers), true, "{}");
        assert_eq!(outcome, expected, "{headers} with a cookie");
        // Any other request is none of CORS' exceptions.
        let outcome = judge(rules, &[], ("GET/x", headers), true, "{}");
        assert_eq!(outcome, "allowed", "{headers}");
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
fn a_cookie_opens_no_handshake_for_a_browser_without_allowed_origins() {
    let check = |headers: &str, ambient, expected: &str| {
        let outcome = judge(&unrestricted(), &[], ("$connect", headers), ambient, "{}");
        assert_eq!(outcome, expected, "{headers}");
    };
    let from_a_browser = r#"{"Origin":"https://a.example"}"#;
    check(from_a_browser, false, "allowed");
    check(from_a_browser, true, "origin_not_allowed");
    check("{}", true, "allowed");
    assert_eq!(judge(&unrestricted(), &[], ("GET/x", from_a_browser), true, "{}"), "allowed");
}

#[test]
fn asks_for_the_origin_before_the_scopes() {
    let only = AccessRules { allowed_origins: AllowedOrigins::Only(Vec::new()), ..unrestricted() };
    let evil = ("$connect", r#"{"Origin":"https://evil.example"}"#);
    assert_eq!(judge(&only, &["a"], evil, false, "{}"), "origin_not_allowed");
    assert_eq!(judge(&only, &["a"], ("$connect", "{}"), false, "{}"), "insufficient_scope");
}

/// Returns the policy of route rules for a request, if there is one.
fn policy_of(rules: &AccessRules, required: &[&str], route: &str, claims: &str) -> Option<Policy> {
    let event = format!(r#"{{"type":"REQUEST","methodArn":"{STAGE}/{route}"}}"#);
    let request = AuthorizerRequest::parse(&event).map_err(|error| error.to_string()).unwrap();
    let claims: ClaimsSet<'_> = serde_json::from_str(claims).unwrap();
    rules
        .judge(&strings(required), &request, false, &claims, RESPONSES.policy_reach(request.kind))
        .policy
}

#[test]
fn gives_a_policy_only_where_its_answer_for_other_routes_is_right() {
    let with_routes =
        AccessRules { route_scopes: Some(route_scopes(&[("*", &[])])), ..unrestricted() };
    let claims = r#"{"scope":"a"}"#;
    assert!(policy_of(&with_routes, &["a"], "GET/x", claims).is_some());
    // Whatever the route, this token is refused.
    assert!(policy_of(&with_routes, &["b"], "GET/x", claims).is_none());
    assert!(policy_of(&unrestricted(), &["a"], "GET/x", claims).is_none());
}

#[test]
fn allows_what_met_rules_cover_and_denies_what_unmet_ones_do() {
    let rules = AccessRules {
        route_scopes: Some(route_scopes(&[
            ("GET/*", &["r"]),
            ("*/admin", &["admin"]),
            ("POST/x", &["r", "w"]),
            ("GET/open", &[]),
        ])),
        ..unrestricted()
    };
    let asked = format!("{STAGE}/GET/x");
    let arn = crate::gateway::MethodArn::parse(&*asked).unwrap();
    let check = |scopes: &str, allowed: &[&str], denied: &[&str]| {
        let claims = format!(r#"{{"scope":"{scopes}"}}"#);
        let expected = Policy::of_routes(&arn, allowed.iter().copied(), denied.iter().copied());
        assert_eq!(policy_of(&rules, &[], "GET/x", &claims), Some(expected), "{scopes}");
    };
    check("", &["GET/open"], &["GET/*", "*/admin", "POST/x"]);
    check("r", &["GET/*", "GET/open"], &["*/admin", "POST/x"]);
    check("r w admin", &["GET/*", "*/admin", "POST/x", "GET/open"], &[]);
}

#[test]
fn answers_a_handshake_alone_however_many_rules_there_are() {
    let rule = |place: usize| RouteRule {
        pattern: format!("GET/{}/{place}", "long".repeat(20)),
        scopes: strings(&["x"]),
    };
    let mut rules: Vec<_> = (0..500).map(rule).collect();
    rules.extend(route_scopes(&[("$connect", &["chat"])]).0);
    let rules = AccessRules { route_scopes: Some(RouteScopes(rules)), ..unrestricted() };
    let connect = format!("{STAGE}/$connect");
    let arn = crate::gateway::MethodArn::parse(&connect).unwrap();
    let none = || std::iter::empty::<&str>();
    let one = || std::iter::once("$connect");
    assert_eq!(
        policy_of(&rules, &[], "$connect", r#"{"scope":"chat"}"#),
        Some(Policy::of_routes(&arn, one(), none()))
    );
    assert_eq!(
        policy_of(&rules, &[], "$connect", r#"{"scope":"x"}"#),
        Some(Policy::of_routes(&arn, none(), one()))
    );
}

// The promise that lets API Gateway cache a policy of route rules: it answers
// every route of the caller as the rules would.

const SCOPES: [&str; 3] = ["r", "w", "x"];

/// The wildcards by their definition: some split of the route fits the pattern.
fn fits(pattern: &str, route: &str) -> bool {
    match pattern.chars().next() {
        None => route.is_empty(),
        Some('*') => route
            .char_indices()
            .map(|(place, _)| place)
            .chain([route.len()])
            .any(|place| fits(&pattern[1..], &route[place..])),
        Some(wanted) => route.chars().next().is_some_and(|found| {
            (wanted == '?' || wanted == found)
                && fits(&pattern[wanted.len_utf8()..], &route[found.len_utf8()..])
        }),
    }
}

fn rules_let_in(rules: &[RouteRule], granted: &[&str], route: &str) -> bool {
    let mut is_named = false;
    for rule in rules {
        if fits(&rule.pattern, route) {
            is_named = true;
            if !rule.scopes.iter().all(|scope| granted.contains(&scope.as_str())) {
                return false;
            }
        }
    }
    is_named
}

fn policy_lets_in(answer: &[u8], route: &str) -> bool {
    let verdict = evaluate(answer, &format!("{STAGE}/{route}")).unwrap();
    matches!(verdict, policy::Verdict::Allow(_))
}

fn patterns() -> impl Strategy<Value = String> {
    let method = select(vec!["GET", "PUT", "POST", "*", "P*T", "?ET", "P?T"]);
    let piece = select(vec!["a", "b", "/", "*", "?"]);
    prop_oneof![
        1 => Just("*".to_owned()),
        9 => (method, prop::collection::vec(piece, 0..5))
            .prop_map(|(method, path)| format!("{method}/{}", path.concat())),
    ]
}

fn some_scopes() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(SCOPES.to_vec(), 0..=SCOPES.len())
}

fn some_rules() -> impl Strategy<Value = Vec<RouteRule>> {
    let rule = (patterns(), prop::sample::subsequence(SCOPES.to_vec(), 0..=2))
        .prop_map(|(pattern, scopes)| RouteRule { pattern, scopes: strings(&scopes) });
    prop::collection::vec(rule, 0..6)
}

/// Routes of a small alphabet, many of them what a pattern stands for.
fn routes_near(rules: &[RouteRule]) -> impl Strategy<Value = Vec<String>> + use<> {
    let patterns: Vec<_> = rules.iter().map(|rule| rule.pattern.clone()).collect();
    let instance = (select([patterns, vec!["GET/".to_owned()]].concat()), "[ab/]{0,3}", "[ab/]")
        .prop_map(|(pattern, run, one)| pattern.replace('*', &run).replace('?', &one));
    let any = (select(vec!["GET", "PUT", "POST"]), "[ab/]{0,4}")
        .prop_map(|(method, path)| format!("{method}/{path}"));
    let route = prop_oneof![2 => instance, 1 => any];
    // A REST API's ARN has a method and a path.
    prop::collection::vec(route, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_policy_answers_every_route_as_the_rules_do(
        (rules, routes) in some_rules().prop_flat_map(|rules| {
            let routes = routes_near(&rules);
            (Just(rules), routes)
        }),
        granted in some_scopes(),
    ) {
        let asked = &routes[0];
        let event = format!(r#"{{"type":"REQUEST","methodArn":"{STAGE}/{asked}"}}"#);
        let request = AuthorizerRequest::parse(&event).map_err(|error| error.to_string()).unwrap();
        let claims = format!(r#"{{"scope":"{}"}}"#, granted.join(" "));
        let claims: ClaimsSet<'_> = serde_json::from_str(&claims).unwrap();
        let access_rules =
            AccessRules { route_scopes: Some(RouteScopes(rules.clone())), ..unrestricted() };
        let access = access_rules.judge(&[], &request, false, &claims, RESPONSES.policy_reach(request.kind));
        prop_assert_eq!(access.refusal.is_none(), rules_let_in(&rules, &granted, asked));

        let verdict = Verdict {
            principal: "alice".into(),
            usage_key: None,
            context: Context::default(),
            routes: access.policy,
        };
        let answer = match access.refusal {
            None => RESPONSES.allow(request.kind, &request.arn, verdict),
            Some(error) => RESPONSES.deny(request.kind, &request.arn, verdict, error.reason()),
        };
        let answer = answer.unwrap();
        for route in &routes {
            prop_assert_eq!(
                policy_lets_in(answer.get().as_bytes(), route),
                rules_let_in(&rules, &granted, route),
                "{} by {}", route, answer.get()
            );
        }
    }
}
