//! The values of the settings that say who may do what: origins and route rules. An error is a
//! clause, see [`super::parse`].

use serde_json::value::RawValue;
use url::Url;

use super::parse::{Parsed, list, object};
use super::parse_needs::{required_claims, scope_list};
use crate::access::{AMBIGUOUS_PATHS, RouteNeeds, RouteRule, RouteRules};
use crate::gateway::response::{MAX_RESPONSE_LENGTH, Policy};

pub(super) fn origins(text: &str) -> Parsed<Vec<String>> {
    list(text)?.into_iter().map(origin).collect()
}

fn origin(item: String) -> Parsed<String> {
    if item == "*" {
        return Err("`*` is not an origin (unset the variable to allow any)".to_owned());
    }
    // `Url` accepts an asterisk in a host, but no browser sends one.
    if item.contains('*') {
        return Err(format!("{item:?} has a wildcard, which matches no origin"));
    }
    let not_an_origin = || format!("{item:?} is not an origin");
    let url = Url::parse(&item).map_err(|_| not_an_origin())?;
    let serialized = url.origin().ascii_serialization();
    match serialized.as_str() {
        "null" if is_app_origin(&url, &item) => Ok(item),
        "null" => Err(not_an_origin()),
        same if same == item => Ok(item),
        other => Err(format!("browsers send {item:?} as {other:?}")),
    }
}

/// Returns whether an origin is one of an app with a scheme of its own, for example
/// `capacitor://localhost`: a scheme and a host, and nothing else. [`Url`] knows no origin for it.
fn is_app_origin(url: &Url, item: &str) -> bool {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    !host.is_empty() && url.scheme() != "file" && item == format!("{}://{host}{port}", url.scheme())
}

pub(super) fn route_rules(text: &str) -> Parsed<RouteRules> {
    let rule = |(route, needs): (String, Box<RawValue>)| {
        route_rule(&route, needs.get()).map_err(|fault| format!("{route:?} {fault}"))
    };
    Ok(RouteRules(object(text)?.into_iter().map(rule).collect::<Parsed<_>>()?))
}

/// Makes the rule of one route. An error continues a sentence about the route.
fn route_rule(route: &str, needs: &str) -> Parsed<RouteRule> {
    let (method, path) = route_pattern(route)?;
    let needs = route_needs(needs)?;
    let rule = RouteRule::new(method, path, needs).map_err(|error| error.to_string())?;
    check_length(&rule)?;
    Ok(rule)
}

/// Parses a list of scopes, or an object with `scopes`, `claims` or both.
fn route_needs(json: &str) -> Parsed<RouteNeeds> {
    match json.as_bytes().first() {
        Some(b'[') => Ok(RouteNeeds { scopes: scope_list(json)?, claims: Vec::new() }),
        Some(b'{') => {
            let members = object(json)
                .map_err(|fault| format!("has an object that cannot be used: {fault}"))?;
            let mut needs = RouteNeeds::default();
            for (name, value) in members {
                match name.as_str() {
                    "scopes" => needs.scopes = scope_list(value.get())?,
                    "claims" => {
                        needs.claims = required_claims(value.get())
                            .map_err(|fault| format!("has claims that cannot be used: {fault}"))?;
                    }
                    _ => return Err(format!("has {name:?}, which is neither scopes nor claims")),
                }
            }
            Ok(needs)
        }
        _ => Err("has neither a list of scopes nor an object".to_owned()),
    }
}

/// The length of the shortest ARN of a stage, up to the route.
const SHORTEST_STAGE_ARN: usize = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/s/".len();

/// The length of the longest one: a stage's name has up to 128 characters.
const LONGEST_STAGE_ARN: usize =
    "arn:aws-us-gov:execute-api:ap-southeast-1:123456789012:abcdefghij/".len() + 128 + 1;

/// Splits `METHOD /path`, and refuses what no request can match. A route key has no path.
fn route_pattern(route: &str) -> Result<(&str, &str), &'static str> {
    const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    match route.split_once(' ') {
        None if route == "*" || route == "$connect" => Ok((route, "")),
        None if route.starts_with('/') => Err("has no method (write \"* /path\" for any)"),
        None => Err(
            "is not METHOD /path (API Gateway authorizes only $connect of a WebSocket API's routes)",
        ),
        Some(("ANY", _)) => Err("has the method ANY (write * for any)"),
        Some((method, _)) if !METHODS.contains(&method) && !method.contains(['*', '?']) => {
            Err("has a method that no request has (methods are in upper case)")
        }
        Some((_, path)) if !path.starts_with(['/', '*']) || path.contains(' ') => {
            Err("has a path that no request has (start it with /, and encode spaces)")
        }
        // IAM would read it as the start of a policy variable.
        Some((_, path)) if path.contains("${") => Err("contains ${, which is not a wildcard"),
        Some((method, path)) => Ok((method, path)),
    }
}

fn check_length(rule: &RouteRule) -> Result<(), &'static str> {
    let is_too_long = |pattern: &String| LONGEST_STAGE_ARN + pattern.len() > Policy::MAX_ARN_LENGTH;
    if rule.allowed().iter().chain(rule.denied()).any(is_too_long) {
        Err("is too long for a resource of a policy (512 characters with the ARN of the stage)")
    } else {
        Ok(())
    }
}

/// Returns a warning if a rule also matches a part of an encoded character. A policy's resources have
/// no form that would match whole characters only.
pub(super) fn encoded_character_warning(routes: &RouteRules) -> Option<String> {
    let rule = routes.0.iter().find(|rule| rule.matches_within_codes())?;
    Some(format!(
        "AUTHORIZER_ROUTE_RULES has {:?}, which also matches a part of an encoded character. For example, /*9 matches /%c3%a9. Put no ?, digit or letter from A to F right after a wildcard.",
        rule.pattern()
    ))
}

/// Returns a warning if the policy of the rules can be larger than any response may be. This is not
/// a mistake: responses to WebSocket APIs and simple responses do not contain the whole policy.
pub(super) fn policy_length_warning(routes: &RouteRules) -> Option<String> {
    const QUOTES_AND_COMMA: usize = 3;
    const ANY_API: usize = "arn:aws:execute-api:*:*:**".len();
    let resource = |pattern: &str| SHORTEST_STAGE_ARN + pattern.len() + QUOTES_AND_COMMA;
    // A rule that the token does not meet takes more resources.
    let all = |patterns: &[String]| -> usize { patterns.iter().map(|it| resource(it)).sum() };
    let of_rule = |rule: &RouteRule| all(rule.allowed()).max(all(rule.denied()));
    let ambiguous = AMBIGUOUS_PATHS.iter().map(|path| ANY_API + path.len() + QUOTES_AND_COMMA);
    let has_wildcard = routes.0.iter().any(|rule| rule.pattern().contains(['*', '?']));
    let rules = routes.0.iter().map(of_rule);
    let length: usize = rules.chain(ambiguous.filter(|_| has_wildcard)).sum();
    (length > MAX_RESPONSE_LENGTH).then(|| {
        format!(
            "AUTHORIZER_ROUTE_RULES can make a policy of {length} bytes or more, but a response may have {MAX_RESPONSE_LENGTH} only. Requests to REST APIs, and to HTTP APIs that get policies, can fail with context_too_large. Use fewer and wider patterns."
        )
    })
}
