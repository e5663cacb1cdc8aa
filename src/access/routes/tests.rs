use local_gateway::policy::{self, evaluate};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;
use crate::access::spelling::AMBIGUOUS_PATHS;
use crate::access::{AccessRules, AllowedOrigins, ScopeRules};
use crate::context::Context;
use crate::gateway::request::{AuthorizerRequest, Delivery};
use crate::gateway::response::{
    Caller, HttpApiResponse, ResourceScope, ResponseRules, UnauthenticatedResponse,
};
use crate::jwt::{ClaimPath, testing};

const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod";

const RESPONSES: ResponseRules = ResponseRules {
    resource_scope: ResourceScope::Stage,
    http_api_response: HttpApiResponse::Policy,
    unauthenticated_response: UnauthenticatedResponse::Error,
};

fn rule(pattern: &str, scopes: &[&str]) -> RouteRule {
    try_rule(pattern, scopes).unwrap()
}

/// Makes a rule of `METHOD/path`, `METHOD *path` or a route key. The scope `a|b` is a group.
fn try_rule(pattern: &str, scopes: &[&str]) -> Result<RouteRule, PatternError> {
    let (method, path) = pattern.split_at(pattern.find(['/', ' ']).unwrap_or(pattern.len()));
    let scopes = scopes.iter().map(|group| group.split('|').map(str::to_owned).collect());
    let needs = RouteNeeds { scopes: RequiredScopes(scopes.collect()), claims: Vec::new() };
    RouteRule::new(method, path.trim_start(), needs)
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
        assert_eq!(
            matches!(verdict, policy::PolicyDecision::Allow(_)),
            expected,
            "{pattern} and {route}"
        );
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
        ("GET/a?", &["GET/aé", "GET/a€", "GET/a😀", "GET/ab"], &["GET/a", "GET/aéé", "GET/ab€"]),
        ("GET/??", &["GET/aé", "GET/éa", "GET/😀€"], &["GET/é", "GET/aéa"]),
        ("GET/*é?", &["GET/éa", "GET/€éé", "GET/ééé", "GET/éaé€"], &["GET/é", "GET/aé", "GET/éaé"]),
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

/// Answers a request for `route` by the function and returns whether it is let in, and the policy.
fn decide(rules: &[RouteRule], granted: &[&str], route: &str) -> (bool, String) {
    decide_by_claims(rules, &format!(r#"{{"scope":"{}"}}"#, granted.join(" ")), route)
}

/// The same for a token with these claims. Those in `further` hold scopes as well.
fn decide_by_claims(rules: &[RouteRule], claims: &str, route: &str) -> (bool, String) {
    let rules = AccessRules {
        allowed_origins: AllowedOrigins::Unrestricted,
        route_rules: Some(RouteRules(rules.to_vec())),
    };
    let arn = serde_json::Value::from(format!("{STAGE}/{route}"));
    let event = format!(r#"{{"type":"REQUEST","methodArn":{arn}}}"#);
    let request = AuthorizerRequest::parse(&event).map_err(|error| error.to_string()).unwrap();
    let claims = testing::claims(claims);
    let scope_rules =
        ScopeRules { claims: vec![ClaimPath::new("further")], required: RequiredScopes::default() };
    let caller = Caller { principal: "alice".into(), usage_key: None, context: Context::default() };
    let (is_allowed, answer) =
        match rules.judge(&request, Delivery::Explicit, &scope_rules, &claims) {
            Ok(permit) => (true, RESPONSES.allow(&request, &caller, &permit)),
            Err(refusal) => (false, RESPONSES.deny(&request, caller, &refusal)),
        };
    (is_allowed, answer.unwrap().as_json().to_owned())
}

fn policy_lets_in(answer: &str, route: &str) -> bool {
    let verdict = evaluate(answer.as_bytes(), &format!("{STAGE}/{route}")).unwrap();
    matches!(verdict, policy::PolicyDecision::Allow(_))
}

/// Checks what the function and its policy say of a route, whichever route the policy was made for.
#[track_caller]
fn check(rules: &[RouteRule], granted: &[&str], route: &str, expected: bool) {
    assert_eq!(decide(rules, granted, route).0, expected, "{route} by the function");
    for asked in ["GET/orders/1", "GET/nowhere", route] {
        let (_, answer) = decide(rules, granted, asked);
        let is_allowed = policy_lets_in(&answer, route);
        assert_eq!(is_allowed, expected, "{route} by the policy for {asked}: {answer}");
    }
}

fn orders() -> [RouteRule; 3] {
    [
        rule("GET/orders/*", &["orders:read"]),
        rule("GET/orders/*/invoice", &["billing"]),
        rule("GET/public/*", &[]),
    ]
}

#[test]
fn no_other_spelling_of_a_path_escapes_from_its_rule() {
    for spelling in [
        "GET/orders/42/invoice",
        "GET/orders/42/invoice/",
        "GET/orders/42/%69nvoice",
        "GET/orders/42/invoic%65",
        "GET/orders/42%2Finvoice",
        "GET/orders/42%2finvoice",
        "GET/orders/42/invoice;v=1",
        "GET/orders/42/invoice%3Bv=1",
        "GET/orders/42/invoice/.",
        "GET/orders/42/invoice/x/..",
        "GET/orders/42/./invoice",
        "GET/orders/42/%2e/invoice",
        "GET/orders/42//invoice",
        "GET/orders/42/invoice#x",
        "GET/orders/42/invoice%23x",
        "GET/orders/42/invoice%3Fx",
        "GET/orders/42\\invoice",
        "GET/orders/42%5Cinvoice",
        "GET/orders/42/%2569nvoice",
        "GET/orders/42/invoice%00",
        "GET/orders/42/invoice%0A",
        "GET/orders/42%c0%afinvoice",
        "GET/orders/42/%u0069nvoice",
    ] {
        check(&orders(), &["orders:read"], spelling, false);
    }
    check(&orders(), &["orders:read", "billing"], "GET/orders/42/invoice", true);
    check(&orders(), &["orders:read"], "GET/orders/42/invoices", true);
    // The case is part of the path, as it is for API Gateway.
    check(&orders(), &["orders:read"], "GET/orders/42/Invoice", true);
}

#[test]
fn no_path_leaves_the_directory_that_a_rule_opens() {
    for spelling in [
        "GET/public/../orders/42",
        "GET/public/%2e%2e/orders/42",
        "GET/public/.%2E/orders/42",
        "GET/public/x/../../orders/42",
        "GET/public/..%2Forders/42",
        "GET/public/..\\orders\\42",
        "GET/public/..",
        "GET/public//",
        "GET/public/",
    ] {
        check(&orders(), &[], spelling, false);
    }
    check(&orders(), &[], "GET/public/x", true);
    check(&orders(), &[], "GET/public/x..y/.well-known/...", true);
}

#[test]
fn ordinary_paths_with_encoded_characters_are_let_in() {
    for path in [
        "a%20b",
        "caf%C3%A9",
        "caf%c3%a9",
        "café",
        "alice@example.com",
        "alice%40example.com",
        "2026-11-25T10%3A00%3a00",
        "2026-11-25T10:00:00",
        "a+b",
        "a%2Bb",
        "a,b=c&d",
        "a%2Cb%3Dc%26d",
        "auth0|5f7c8ec7c33c",
        "auth0%7C5f7c8ec7c33c",
        "%7Bid%7d",
        "~user/_x-1.tar.gz",
        "%E2%82%AC",
        "100%",
        "(x)!'*$",
    ] {
        check(&orders(), &["orders:read"], &format!("GET/orders/{path}"), true);
        check(&orders(), &[], &format!("GET/orders/{path}"), false);
    }
    check(&[rule("GET/", &[])], &[], "GET/", true);
    check(&[rule("GET/*", &[])], &[], "GET/", true);
}

#[test]
fn a_character_that_may_come_encoded_does_not_escape_from_a_rule_either() {
    let rules = [
        rule("GET/users/*", &["users"]),
        rule("GET/users/@me", &["me"]),
        rule("GET/users/%40you", &["you"]),
        rule("GET *:lock", &["lock"]),
        rule("* *@all", &["all"]),
        rule("GET/users/caf%C3%A9", &["owner"]),
        rule("GET/users/v?", &["short"]),
    ];
    for route in [
        "GET/users/@me",
        "GET/users/%40me",
        "GET/users/@you",
        "GET/users/%40you",
        "GET/users/1:lock",
        "GET/users/1%3Alock",
        "GET/users/1%3alock",
        "GET/users/@all",
        "GET/users/%40all",
        "GET/users/caf%C3%A9",
        "GET/users/caf%c3%a9",
        "GET/users/café",
        "GET/users/v1",
        "GET/users/vé",
        "GET/users/v%C3%A9",
        "GET/users/v%F0%9F%98%80",
        "GET/users/v@",
        "GET/users/v%40",
        "GET/users/v%2b",
    ] {
        check(&rules, &["users"], route, false);
    }
    for route in ["GET/users/acme", "GET/users/%40us", "GET/users/1:unlock", "GET/users/v12"] {
        check(&rules, &["users"], route, true);
    }
    check(&rules, &["users", "me"], "GET/users/@me", true);
    for route in ["GET/@me", "GET/%40me", "GET/a:b", "GET/a%3Ab", "GET/a%3ab"] {
        check(&[rule("GET/@me", &[]), rule("GET/a%3Ab", &[])], &[], route, true);
    }
    check(&[rule("GET/a%3Ab", &[])], &[], "GET/a%3Db", false);
    check(&rules, &["users", "lock"], "GET/users/1%3Alock", true);
    check(&rules, &["users", "short"], "GET/users/v%40", true);
}

#[test]
fn refuses_patterns_that_match_only_what_is_refused() {
    for pattern in [
        "GET/a/",
        "GET/a//b",
        "GET//",
        "GET/./a",
        "GET/a/..",
        "GET/a;b",
        "GET/a\\b",
        "GET/a#b",
        "GET/%61",
        "GET/a%2Fb",
        "GET/a%2fb",
        "GET/a%25",
        "GET/*/",
        "GET *;v",
        "GET *%2e",
        "GET */",
    ] {
        assert_eq!(try_rule(pattern, &[]), Err(PatternError::Ambiguous), "{pattern}");
    }
    for pattern in
        ["*", "$connect", "GET/", "GET/*", "GET/a%20b", "GET/%C3*", "GET/???", "GET/@:+", "GET/a.b"]
    {
        assert!(try_rule(pattern, &[]).is_ok(), "{pattern}");
    }
    for pattern in ["GET/100%", "GET/%A*", "GET/%?0", "GET/%C3%A", "GET/%é", "GET/%%20"] {
        let outcome = try_rule(pattern, &[]);
        assert_eq!(outcome, Err(PatternError::IncompleteCode), "{pattern}");
    }
    for pattern in ["GET/????", "GET/a@b:c+d=e"] {
        let outcome = try_rule(pattern, &[]);
        assert_eq!(outcome, Err(PatternError::TooManySpellings), "{pattern}");
    }
}

#[test]
fn the_policy_denies_the_paths_that_the_function_refuses() {
    let everything = [rule("GET/*", &[])];
    let (_, answer) = decide(&everything, &[], "GET/x");
    for part in AMBIGUOUS_PATHS {
        check(&everything, &[], &format!("GET/x{part}0"), false);
    }
    // All the codes that there are.
    for code in 0..=0xFF_u8 {
        for code in [format!("%{code:02x}"), format!("%{code:02X}")] {
            let route = format!("GET/x{code}y");
            assert_eq!(
                decide(&everything, &[], &route).0,
                policy_lets_in(&answer, &route),
                "{code}"
            );
        }
    }
    // A policy cannot express each raw character, but the response to the request itself denies it.
    for character in '\0'..='\u{7f}' {
        let route = format!("GET/x{character}y");
        let (is_allowed, answer) = decide(&everything, &[], &route);
        assert_eq!(is_allowed, policy_lets_in(&answer, &route), "{character:?}");
    }
    // Rules without wildcards let in nothing but what they name.
    let (_, exact) = decide(&[rule("GET/x", &[])], &[], "GET/x");
    assert!(!exact.contains("%25"), "{exact}");
}

#[test]
fn the_response_to_a_wildcard_denies_no_route_of_another_length() {
    let everything = [rule("GET/*", &[])];
    for asked in ["GET/*?", "GET/?*/*?", "GET/**?"] {
        let (is_allowed, answer) = decide(&everything, &[], asked);
        assert!(!is_allowed && !policy_lets_in(&answer, asked), "{asked}: {answer}");
        for other in ["GET/", "GET/a", "GET/orders/42"] {
            assert!(policy_lets_in(&answer, other), "{other} by the policy for {asked}: {answer}");
        }
    }
    // A route with a `*` only is not ambiguous, so that its policy denies nothing.
    check(&everything, &[], "GET/*", true);
    check(&everything, &[], "GET/orders/42", true);
}

#[test]
fn denies_whole_rules_in_the_order_of_the_settings() {
    let rules = [
        rule("GET/*", &["r"]),
        rule("*/admin", &["admin"]),
        rule("POST/x", &["r", "w"]),
        rule("GET/open", &[]),
    ];
    let check = |scopes: &[&str], allowed: &[&str], denied: &[&str]| {
        let (_, answer) = decide(&rules, scopes, "GET/x");
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let statements = answer["policyDocument"]["Statement"].as_array().unwrap();
        let resources = |effect: &str| -> Vec<String> {
            let of_effect = statements.iter().filter(|statement| statement["Effect"] == effect);
            let resources =
                of_effect.flat_map(|statement| statement["Resource"].as_array().unwrap());
            let routes = resources.filter_map(|resource| resource.as_str()?.strip_prefix(STAGE));
            routes.map(|route| route[1..].to_owned()).collect()
        };
        assert_eq!(resources("Allow"), allowed, "{scopes:?}");
        assert_eq!(resources("Deny"), denied, "{scopes:?}");
    };
    check(&[], &["GET/open"], &["GET/*", "*/admin", "POST/x"]);
    check(&["r"], &["GET/*", "GET/open"], &["*/admin", "POST/x"]);
    check(&["r", "w", "admin"], &["GET/*", "*/admin", "POST/x", "GET/open"], &[]);
}

// The promise that lets API Gateway cache a policy of route rules: it answers every route of the
// caller as the rules would.

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

/// What a token says, and what a rule asks of it, for the property tests.
#[derive(Debug, Clone)]
struct Token {
    scopes: Vec<&'static str>,
    further: Vec<&'static str>,
    groups: Option<Value>,
}

impl Token {
    fn claims(&self) -> String {
        let mut claims = json!({ "scope": self.scopes.join(" "), "further": self.further });
        if let Some(groups) = &self.groups {
            claims["r"] = json!({ "groups": groups });
        }
        claims.to_string()
    }

    /// Whether the token meets a rule, by the definition: one of every group.
    fn meets(&self, needs: &RouteNeeds) -> bool {
        let has_scope = |it: &String| self.scopes.contains(&&**it) || self.further.contains(&&**it);
        let has_value = |wanted: &Value| match &self.groups {
            None => false,
            Some(Value::Array(values)) => values.contains(wanted),
            Some(value) => value == wanted,
        };
        needs.scopes.0.iter().all(|group| group.iter().any(has_scope))
            && needs
                .claims
                .iter()
                .all(|claim| claim.groups.iter().all(|group| group.iter().any(has_value)))
    }
}

fn rules_let_in(rules: &[RouteRule], token: &Token, route: &str) -> bool {
    let mut is_named = false;
    for rule in rules {
        let is_met = token.meets(&rule.needs);
        if !is_met && rule.denied().iter().any(|pattern| fits(pattern, route)) {
            return false;
        }
        is_named |= is_met && rule.allowed().iter().any(|pattern| fits(pattern, route));
    }
    is_named
}

fn patterns() -> impl Strategy<Value = String> {
    let method = select(vec!["GET", "PUT", "POST", "*", "P*T", "?ET", "P?T"]);
    let piece = select(vec!["r", "s", "/", "*", "?", "@", "é", "%40"]);
    let rest = select(vec!["r", "@", "/s", ":x"]);
    prop_oneof![
        1 => Just("*".to_owned()),
        1 => rest.prop_map(|rest| format!("GET *{rest}")),
        9 => (method, prop::collection::vec(piece, 0..5))
            .prop_map(|(method, path)| format!("{method}/{}", path.concat())),
    ]
}

fn some_scopes() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(SCOPES.to_vec(), 0..=SCOPES.len())
}

fn some_values() -> impl Strategy<Value = Vec<Value>> {
    prop::sample::subsequence(vec![json!("u"), json!("v"), json!(1), json!(true)], 1..=4)
}

fn some_token() -> impl Strategy<Value = Token> {
    let groups = prop_oneof![
        1 => Just(None),
        1 => select(vec![json!("u"), json!(1), json!("1"), json!(null), json!([])]).prop_map(Some),
        3 => some_values().prop_map(|values| Some(Value::Array(values))),
    ];
    let further = prop::sample::subsequence(vec!["r", "w x", "w"], 0..=1);
    (some_scopes(), further, groups).prop_map(|(scopes, further, groups)| Token {
        scopes,
        further,
        groups,
    })
}

fn some_needs() -> impl Strategy<Value = RouteNeeds> {
    let group = prop::sample::subsequence(SCOPES.to_vec(), 1..=2)
        .prop_map(|group| group.into_iter().map(str::to_owned).collect());
    let scopes = prop::collection::vec(group, 0..=2).prop_map(RequiredScopes);
    let claim = prop::collection::vec(some_values(), 1..=2)
        .prop_map(|groups| RequiredClaim { path: ClaimPath::new("/r/groups"), groups });
    (scopes, prop::collection::vec(claim, 0..=1))
        .prop_map(|(scopes, claims)| RouteNeeds { scopes, claims })
}

fn some_rules() -> impl Strategy<Value = Vec<RouteRule>> {
    let rule = (patterns(), some_needs())
        .prop_filter_map("a pattern that is refused", |(pattern, needs)| {
            Some(RouteRule { needs, ..try_rule(&pattern, &[]).ok()? })
        });
    prop::collection::vec(rule, 0..6)
}

/// Routes of a small alphabet, many of them what a pattern stands for.
fn routes_near(rules: &[RouteRule]) -> impl Strategy<Value = Vec<String>> + use<> {
    let patterns: Vec<_> = rules.iter().map(|rule| rule.pattern().to_owned()).collect();
    let instance = (select([patterns, vec!["GET/".to_owned()]].concat()), "[rs/]{0,3}", "[rs/]")
        .prop_map(|(pattern, run, one)| {
            // A REST API's ARN has a method and a path.
            let (method, path) = pattern.split_once('/').unwrap_or(("GET", &pattern));
            let method = method.trim_end().replace('*', "OS").replace('?', "G");
            format!("{method}/{}", path.replace('*', &run).replace('?', &one))
        });
    let any = (select(vec!["GET", "PUT", "POST"]), "[rs/]{0,4}")
        .prop_map(|(method, path)| format!("{method}/{path}"));
    let route = prop_oneof![2 => instance, 1 => any];
    prop::collection::vec(route, 1..8)
}

/// One way to write a plain path differently, chosen by a number.
fn respelled(path: &str, way: usize, place: usize) -> String {
    let place = place % (path.len() + 1);
    let (before, after) = path.split_at(place);
    let mut characters = after.chars();
    let code = characters.next().map(|first| format!("%{:02x}", u32::from(first)));
    let (code, after) = (code.unwrap_or_default(), characters.as_str());
    match way % 8 {
        0 => [before, &code, after].concat(),
        1 => [before, &code.to_uppercase(), after].concat(),
        2 => path.to_owned() + "/",
        3 => path.to_owned() + ";v=1",
        4 => path.to_owned() + "/.",
        5 => path.replace('/', "//"),
        6 => format!("r/..{}{path}", if path.starts_with('/') { "" } else { "/" }),
        _ => path.replace('/', "%2F"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_policy_answers_every_route_as_the_rules_do(
        (rules, routes) in some_rules().prop_flat_map(|rules| {
            let routes = routes_near(&rules);
            (Just(rules), routes)
        }),
        token in some_token(),
    ) {
        let path = |route: &str| route[route.find('/').unwrap()..].to_owned();
        let expected =
            |route: &str| !is_ambiguous(&path(route)) && rules_let_in(&rules, &token, route);
        let (is_allowed, answer) = decide_by_claims(&rules, &token.claims(), &routes[0]);
        prop_assert_eq!(is_allowed, expected(&routes[0]));
        for route in &routes {
            prop_assert_eq!(policy_lets_in(&answer, route), expected(route), "{} by {}", route, answer);
        }
    }

    /// Without `?`: in a rule that is met, it may match a part of an encoded character.
    #[test]
    fn no_spelling_is_judged_less_strictly_than_the_plain_one(
        rules in some_rules().prop_map(|mut rules| {
            rules.retain(|rule| !rule.pattern.contains('?'));
            rules
        }),
        token in some_token(),
        path in "[rs@:]{1,2}(/[rs@:]{1,2}){0,2}",
        (way, place) in (0..8_usize, 0..8_usize),
    ) {
        let (plain, other) = (format!("GET/{path}"), format!("GET/{}", respelled(&path, way, place)));
        let claims = token.claims();
        let (is_allowed, answer) = decide_by_claims(&rules, &claims, &plain);
        if !is_allowed {
            prop_assert!(!decide_by_claims(&rules, &claims, &other).0, "{} by the function", other);
            prop_assert!(!policy_lets_in(&answer, &other), "{} by {}", other, answer);
        }
    }
}
