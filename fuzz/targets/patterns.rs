//! Route rules, a token and routes, with a small alphabet.
//!
//! - The function and the policy that it returns for another route decide the same, with the gap that
//!   `docs/rest-and-http.md` describes.
//! - A route is allowed only if the token meets each rule that matches the route as the most lenient
//!   backend reads it.
//! - A plain route is allowed if it meets each rule that matches it.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use jwks_authorizer::config::ConfigError;
use jwks_authorizer_fuzz::authorizer::{TestAuthorizer, config};
use jwks_authorizer_fuzz::iam;
use jwks_authorizer_fuzz::keys::Keys;
use jwks_authorizer_fuzz::path::{as_backend, decode};
use jwks_authorizer_fuzz::tokens;
use libfuzzer_sys::{arbitrary, fuzz_target};
use serde_json::{Value, json};

const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod";
const SCOPES: [&str; 4] = ["", "r", "w", "r w"];

struct Fixture {
    key_set: String,
    /// A token for each of [`SCOPES`].
    tokens: [String; 4],
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let keys = Keys::new();
    Fixture {
        key_set: json!({ "keys": [keys.ed25519_jwk()] }).to_string(),
        tokens: SCOPES.map(|scopes| tokens::valid(&keys, scopes)),
    }
});

/// A pattern of a method and a path, and whether the token meets its rule.
struct Rule {
    method: &'static str,
    path: String,
    is_met: bool,
}

impl Rule {
    /// Returns whether the pattern matches a route whose path is decoded.
    fn matches(&self, method: &str, path: &str) -> bool {
        // A `?` that is encoded stays one character, and no route has it.
        let pattern = format!("{}{}", self.method, decode(&self.path));
        iam::matches(&pattern, &format!("{method}{path}"))
    }
}

fuzz_target!(|bytes: &[u8]| {
    // Too few bytes make no case.
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let token = u.choose_index(SCOPES.len())?;
    let mut rules = Vec::new();
    let mut setting = serde_json::Map::new();
    for _ in 0..u.int_in_range(1..=5)? {
        let (method, path) = (*u.choose(METHODS)?, pattern_path(u)?);
        let (needs, is_met) = needs(u, SCOPES[token])?;
        setting.insert(format!("{method} {path}"), needs);
        rules.retain(|rule: &Rule| rule.method != method || rule.path != path);
        rules.push(Rule { method, path, is_met });
    }
    let authorizer = match authorizer(&Value::from(setting)) {
        Ok(authorizer) => authorizer,
        // Some patterns are refused.
        Err(error) => {
            assert!(error.0.iter().all(|it| it.variable == "AUTHORIZER_ROUTE_RULES"), "{error}");
            return Ok(());
        }
    };
    let mut routes = Vec::new();
    for _ in 0..u.int_in_range(2..=5)? {
        routes.push(route(&rules, u)?);
    }
    let token = &FIXTURE.tokens[token];
    let responses: Vec<_> =
        routes.iter().map(|(method, path)| respond(&authorizer, token, method, path)).collect();
    // Nearly always, all responses are the same.
    let policies: BTreeMap<&String, &(String, String)> = responses
        .iter()
        .zip(&routes)
        .filter_map(|(response, asked)| Some((response.as_ref()?, asked)))
        .collect();
    for ((method, path), response) in routes.iter().zip(&responses) {
        let arn = arn(method, path);
        let Some(own) = response else { continue };
        let is_allowed = iam::allows(own, &arn);
        // A policy cannot contain these.
        let is_writable = !path.contains(|it: char| it == '?' || it.is_ascii_control());
        for (policy, asked) in policies.iter().filter(|_| is_writable) {
            let is_denied = is_refused_with(asked, (method, path));
            let expected = is_allowed && !is_denied;
            assert_eq!(iam::allows(policy, &arn), expected, "{arn} by {policy}");
        }
        check(&rules, method, path, is_allowed);
    }
    Ok(())
}

/// Returns whether the policy for a path with `?` denies another route too: one that differs in these
/// characters.
fn is_refused_with(asked: &(String, String), (method, path): (&str, &str)) -> bool {
    let (of_asked, path_asked) = asked;
    path_asked.contains('?')
        && of_asked == method
        && iam::matches(&path_asked.replace('*', "?"), path)
}

fn check(rules: &[Rule], method: &str, path: &str, is_allowed: bool) {
    let read = as_backend(path);
    let unmet = || rules.iter().filter(|rule| !rule.is_met);
    if is_allowed {
        assert_eq!(read, decode(path), "an ambiguous path is allowed");
        let unmet = unmet().find(|rule| rule.matches(method, &read));
        assert!(unmet.is_none(), "{method} {path} although {}", unmet.map_or("", |it| &it.path));
        let mut met = rules.iter().filter(|rule| rule.is_met);
        let is_named =
            met.any(|rule| matches_within_codes(&rule.path) || rule.matches(method, &read));
        assert!(is_named, "{method} {path} without a rule");
    } else if is_plain(path) && read == path {
        // A rule that is not met may deny more than a character that is always encoded.
        let is_denied = unmet().any(|rule| {
            rule.matches(method, path) || !is_plain(&rule.path.replace(['*', '?'], ""))
        });
        let is_named = rules.iter().any(|rule| rule.is_met && rule.matches(method, path));
        assert!(is_denied || !is_named, "{method} {path} is refused");
    }
}

/// Returns whether a rule that is met may match a part of an encoded character. The documentation says
/// so, and the function warns of it: `/*9` matches the end of `%c3%a9`, and `???` matches `%40`.
fn matches_within_codes(pattern: &str) -> bool {
    let mut after_wildcards = pattern.split(['*', '?']).skip(1);
    pattern.contains("*?")
        || pattern.contains("??")
        || after_wildcards.any(|it| it.starts_with(|it: char| it.is_ascii_hexdigit()))
}

fn is_plain(path: &str) -> bool {
    path.chars().all(|it| it.is_ascii_alphanumeric() || "/-._~".contains(it))
}

fn authorizer(rules: &Value) -> std::result::Result<TestAuthorizer, ConfigError> {
    let config = config(&[("ROUTE_RULES", &rules.to_string())])?;
    Ok(TestAuthorizer::with(config, &FIXTURE.key_set))
}

fn arn(method: &str, path: &str) -> String {
    format!("{STAGE}/{method}{path}")
}

/// Returns the response, unless it would be too large.
fn respond(authorizer: &TestAuthorizer, token: &str, method: &str, path: &str) -> Option<String> {
    let event = json!({
        "type": "REQUEST",
        "methodArn": arn(method, path),
        "headers": { "authorization": format!("Bearer {token}") },
    });
    match authorizer.answer(&event.to_string()) {
        Ok(response) => Some(response.as_json().to_owned()),
        Err(error) => {
            assert_eq!(error.error_type, "context_too_large", "{}", error.error_message);
            None
        }
    }
}

const METHODS: &[&str] = &["GET", "PUT", "POST", "*", "P*T", "?ET", "P?T", "G*"];

fn pattern_path(u: &mut Unstructured<'_>) -> Result<String> {
    const PIECES: &[&str] = &[
        "a", "b", "a", "b", "/", "/", "/", "*", "*", "?", "@", ":", "é", "%40", "%C3%A9", "%20",
        ".", "-", "+", "$", "(", "|", "%7C", "%", "A",
    ];
    let mut path = (*u.choose(&["/", "/", "/", "*"])?).to_owned();
    for _ in 0..u.int_in_range(0..=6)? {
        path.push_str(u.choose(PIECES)?);
    }
    Ok(path)
}

/// Returns what a rule needs, and whether a token with these scopes meets it.
fn needs(u: &mut Unstructured<'_>, scopes: &str) -> Result<(Value, bool)> {
    let has = |scope: &str| scopes.contains(scope);
    Ok(match u.int_in_range(0..=6)? {
        0 => (json!(["r"]), has("r")),
        1 => (json!(["w"]), has("w")),
        2 => (json!(["r", "w"]), has("r") && has("w")),
        3 => (json!([["r", "w"]]), has("r") || has("w")),
        4 => (json!({ "claims": { "groups": "admins" } }), true),
        5 => (json!({ "claims": { "groups": "others" }, "scopes": ["r"] }), false),
        _ => (json!([]), true),
    })
}

/// Returns a route: any one, or one that a rule matches, in some spelling.
fn route(rules: &[Rule], u: &mut Unstructured<'_>) -> Result<(String, String)> {
    const PIECES: &[&str] = &[
        "a", "b", "/", "@", ":", "é", "%40", "%C3%A9", "%c3%a9", "%61", "%2F", "%2f", "//", "/.",
        "/..", ";", "%3B", "\\", "#", "%", "%25", "?", "%3F", "%20", ".", "\n", "%0a", "*", "%2A",
        "$", "%u0061", "%C0%AF", "%41", "%7c", "%FF", "+", "%2b", "A",
    ];
    if u.ratio(1, 4)? {
        let mut path = "/".to_owned();
        for _ in 0..u.int_in_range(0..=6)? {
            path.push_str(u.choose(PIECES)?);
        }
        return Ok(((*u.choose(&["GET", "PUT", "POST"])?).to_owned(), path));
    }
    let rule = u.choose(rules)?;
    let method = rule.method.replace('*', u.choose(&["", "OS", "ET"])?);
    let method = method.replace('?', u.choose(&["G", "U", "A"])?);
    let method = if method.is_empty() { "GET".to_owned() } else { method };
    let mut path = if rule.path.starts_with('*') { "/".to_owned() } else { String::new() };
    for character in rule.path.chars() {
        match character {
            '*' => {
                for _ in 0..u.int_in_range(0..=2)? {
                    path.push_str(u.choose(PIECES)?);
                }
            }
            '?' => path.push_str(u.choose(PIECES)?),
            other if u.ratio(1, 8)? => {
                let mut buffer = [0; 4];
                for byte in other.encode_utf8(&mut buffer).bytes() {
                    path.push_str(&format!("%{byte:02x}"));
                }
            }
            other => path.push(other),
        }
    }
    if u.ratio(1, 8)? {
        path.push_str(u.choose(PIECES)?);
    }
    Ok((method, path))
}
