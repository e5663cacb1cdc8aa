//! The values of the settings that say who may do what: origins and route
//! scopes. As in [`super::parse`], an error completes a sentence.

use serde_json::Value;
use url::Url;

use super::parse::{Parsed, is_scope, list, object};
use crate::access::{AMBIGUOUS_PATHS, RouteRule, RouteScopes};
use crate::gateway::response::{MAX_RESPONSE_LENGTH, Policy};

pub(super) fn origins(text: &str) -> Parsed<Vec<String>> {
    let origin = |item: String| match Url::parse(&item) {
        _ if item == "*" => {
            Err("where * is no origin; leave the variable out to allow any".to_owned())
        }
        // A host may have an asterisk in it, but no browser sends one.
        _ if item.contains('*') => {
            Err(format!("where {item:?} has a wildcard, and origins are compared as they are"))
        }
        Ok(url) => match url.origin().ascii_serialization() {
            serialized if serialized == item => Ok(item),
            // Apps have schemes of their own, as capacitor://localhost, of which URLs know no origin.
            opaque if opaque == "null" && is_app_origin(&url, &item) => Ok(item),
            opaque if opaque == "null" => Err(format!("where {item:?} is no origin")),
            serialized => Err(format!("where browsers write {item:?} as {serialized:?}")),
        },
        Err(_) => Err(format!("where {item:?} is no origin")),
    };
    list(text)?.into_iter().map(origin).collect()
}

/// Tells whether an origin is a scheme and a host and nothing else.
fn is_app_origin(url: &Url, item: &str) -> bool {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    !host.is_empty() && url.scheme() != "file" && item == format!("{}://{host}{port}", url.scheme())
}

pub(super) fn route_scopes(text: &str) -> Parsed<RouteScopes> {
    let rule = |(route, scopes): (String, Value)| {
        let (method, path) =
            route_pattern(&route).map_err(|fault| format!("where {route:?} {fault}"))?;
        let scopes: Vec<String> = serde_json::from_value(scopes)
            .map_err(|_| format!("where {route:?} has something else than a list of scopes"))?;
        match scopes.iter().find(|scope| !is_scope(scope)) {
            Some(scope) => Err(format!(
                "where {route:?} wants {scope:?}, which is no scope that a token could have"
            )),
            None => {
                let rule = RouteRule::new(method, path, scopes).map_err(|fault| fault.to_string());
                rule.and_then(within_a_resource).map_err(|fault| format!("where {route:?} {fault}"))
            }
        }
    };
    Ok(RouteScopes(object(text)?.into_iter().map(rule).collect::<Parsed<_>>()?))
}

/// The shortest that an ARN can be up to its route.
const SHORTEST_STAGE_ARN: usize = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/s/".len();

/// The longest that it can be: a stage's name has up to 128 characters.
const LONGEST_STAGE_ARN: usize =
    "arn:aws-us-gov:execute-api:ap-southeast-1:123456789012:abcdefghij/".len() + 128 + 1;

/// Splits `METHOD /path`, and refuses what no request can match. A route key has no path.
fn route_pattern(route: &str) -> Result<(&str, &str), &'static str> {
    const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    match route.split_once(' ') {
        None if route == "*" || route == "$connect" => Ok((route, "")),
        None if route.starts_with('/') => Err("lacks a method (\"* /path\" is for any)"),
        None => {
            Err("is no METHOD /path, and of a WebSocket's routes only $connect is ever authorized")
        }
        Some(("ANY", _)) => Err("has the method ANY, which is written * here"),
        Some((method, _)) if !METHODS.contains(&method) && !method.contains(['*', '?']) => {
            Err("has a method that no request has")
        }
        Some((_, path)) if !path.starts_with(['/', '*']) || path.contains(' ') => {
            Err("has a path that no request has")
        }
        // IAM would read it as a policy variable.
        Some((_, path)) if path.contains("${") => Err("contains ${, which is not a wildcard"),
        Some((method, path)) => Ok((method, path)),
    }
}

fn within_a_resource(rule: RouteRule) -> Parsed<RouteRule> {
    let is_too_long = |pattern: &String| LONGEST_STAGE_ARN + pattern.len() > Policy::MAX_ARN_LENGTH;
    if rule.spellings().iter().any(is_too_long) {
        return Err(
            "is longer than a policy's resource may be (512 characters with its ARN)".to_owned()
        );
    }
    Ok(rule)
}

/// Warns of rules that may make a policy larger than any response may be. It is no mistake: neither
/// WebSocket nor HTTP 2.0 responses need the whole policy.
pub(super) fn route_scopes_warning(routes: &RouteScopes) -> Option<String> {
    const QUOTES_AND_COMMA: usize = 3;
    const ANY_API: usize = "arn:aws:execute-api:*:*:**".len();
    let resource = |pattern: &str| SHORTEST_STAGE_ARN + pattern.len() + QUOTES_AND_COMMA;
    // A rule that is not met takes the more resources.
    let of_rule = |rule: &RouteRule| -> usize {
        let denied = rule.spellings().iter().map(|spelling| resource(spelling)).sum();
        resource(rule.pattern()).max(denied)
    };
    let ambiguous = AMBIGUOUS_PATHS.iter().map(|path| ANY_API + path.len() + QUOTES_AND_COMMA);
    let has_wildcard = routes.0.iter().any(|rule| rule.pattern().contains(['*', '?']));
    let rules = routes.0.iter().map(of_rule);
    let length: usize = rules.chain(ambiguous.filter(|_| has_wildcard)).sum();
    (length > MAX_RESPONSE_LENGTH).then(|| {
        format!(
            "AUTHORIZER_ROUTE_SCOPES makes policies of up to {length} bytes and more, and a response may have {MAX_RESPONSE_LENGTH}: REST APIs and HTTP APIs with policies will get context_too_large; use fewer, wider patterns"
        )
    })
}
