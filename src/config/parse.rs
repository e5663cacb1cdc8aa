//! One small function for each kind of value. An error says what is wrong with the value, as a
//! clause: the message is `AUTHORIZER_X is "VALUE": CLAUSE.`

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::value::RawValue;

use super::members::Members;
use crate::context::{ContextClaim, ContextRules};
use crate::gateway::request::TokenSource;
use crate::gateway::response::{HttpApiResponse, ResourceScope, UnauthenticatedResponse};
use crate::jwt::{Audience, ClaimPath, SignatureAlgorithm, TokenBinding};

pub(super) type Parsed<T> = Result<T, String>;

/// Parses a JSON object that is not empty, up to its members.
pub(super) fn object(text: &str) -> Parsed<Vec<(String, Box<RawValue>)>> {
    let Members(members) = serde_json::from_str(text)
        .map_err(|error| format!("it cannot be read as a JSON object ({error})"))?;
    if members.is_empty() { Err("the object is empty".to_owned()) } else { Ok(members) }
}

/// Parses a comma-separated list without empty and repeated items.
pub(super) fn list(text: &str) -> Parsed<Vec<String>> {
    let items: Vec<String> = text.split(',').map(|item| item.trim().to_owned()).collect();
    if items.iter().any(String::is_empty) {
        return Err("an item is empty".to_owned());
    }
    match first_repeated_text(&items) {
        Some(item) => Err(format!("{item:?} is in the list twice")),
        None => Ok(items),
    }
}

/// Returns the first item that equals one before it.
pub(super) fn first_repeated<T: PartialEq>(items: &[T]) -> Option<&T> {
    items.iter().enumerate().find(|(index, item)| items[..*index].contains(item)).map(|(_, it)| it)
}

/// Does the same for texts, of which there can be thousands.
pub(super) fn first_repeated_text<T: AsRef<str>>(items: &[T]) -> Option<&T> {
    let mut before = HashSet::new();
    items.iter().find(|&item| !before.insert(item.as_ref()))
}

fn number(text: &str, range: &RangeInclusive<u64>) -> Parsed<u64> {
    let number = text.parse().map_err(|_| "it is not a whole number".to_owned())?;
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(format!("it is not from {} to {}", range.start(), range.end()))
    }
}

pub(super) fn seconds(text: &str, range: RangeInclusive<u64>) -> Parsed<Duration> {
    number(text, &range).map(Duration::from_secs)
}

pub(super) fn max_token_age(text: &str) -> Parsed<Duration> {
    seconds(text, 1..=31_536_000)
}

pub(super) fn milliseconds(text: &str, range: RangeInclusive<u64>) -> Parsed<Duration> {
    number(text, &range).map(Duration::from_millis)
}

fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Parsed<T> {
    let chosen = choices.iter().find(|(name, _)| *name == text);
    chosen.map(|(_, value)| *value).ok_or_else(|| "it is not one of the choices".to_owned())
}

pub(super) fn resource_scope(text: &str) -> Parsed<ResourceScope> {
    choice(
        text,
        &[
            ("stage", ResourceScope::Stage),
            ("api", ResourceScope::Api),
            ("request", ResourceScope::Request),
        ],
    )
}

pub(super) fn http_api_response(text: &str) -> Parsed<HttpApiResponse> {
    choice(text, &[("simple", HttpApiResponse::Simple), ("policy", HttpApiResponse::Policy)])
}

pub(super) fn unauthenticated_response(text: &str) -> Parsed<UnauthenticatedResponse> {
    choice(
        text,
        &[("error", UnauthenticatedResponse::Error), ("deny", UnauthenticatedResponse::Deny)],
    )
}

pub(super) fn token_use(text: &str) -> Parsed<String> {
    choice(text, &[("access", "access"), ("id", "id")]).map(str::to_owned)
}

pub(super) fn token_binding(text: &str) -> Parsed<TokenBinding> {
    choice(text, &[("mtls", TokenBinding::MutualTls)])
}

pub(super) fn boolean(text: &str) -> Parsed<bool> {
    choice(text, &[("true", true), ("false", false)])
}

pub(super) fn file(text: &str) -> Parsed<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_file() { Ok(path) } else { Err("there is no such file".to_owned()) }
}

/// Checks CloudWatch's rules for the names of namespaces.
pub(super) fn metrics_namespace(text: &str) -> Parsed<String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#: ".contains(&byte);
    let is_reserved = text.starts_with(':') || text.starts_with("AWS/");
    if text.len() <= 255 && text.bytes().all(is_allowed) && !is_reserved {
        Ok(text.to_owned())
    } else {
        Err("CloudWatch does not accept this name".to_owned())
    }
}

pub(super) fn audience(text: &str) -> Parsed<Audience> {
    if text == "*" {
        return Ok(Audience::Unchecked);
    }
    let audiences = list(text)?;
    if audiences.iter().any(|audience| audience == "*") {
        return Err("`*` must be the only item".to_owned());
    }
    Ok(Audience::AnyOf(audiences))
}

pub(super) fn algorithms(text: &str) -> Parsed<Vec<&'static SignatureAlgorithm>> {
    let known = |name: &String| {
        SignatureAlgorithm::named(name).ok_or_else(|| {
            format!("{name:?} is not supported (symmetric algorithms and none never are)")
        })
    };
    // The list may have both names of one algorithm.
    let mut algorithms = Vec::new();
    for algorithm in list(text)?.iter().map(known) {
        let algorithm = algorithm?;
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    Ok(algorithms)
}

pub(super) fn token_types(text: &str) -> Parsed<Vec<String>> {
    let normal = |item: &String| {
        let typ = item.to_ascii_lowercase();
        match typ.strip_prefix("application/").unwrap_or(&typ) {
            // An empty type would accept tokens without a type.
            "" => Err(format!("{item:?} is not a media type")),
            typ => Ok(typ.to_owned()),
        }
    };
    list(text)?.iter().map(normal).collect()
}

pub(super) fn claim_path(text: &str) -> Parsed<ClaimPath> {
    // RFC 6901 §3: 0 or 1 follows each tilde.
    let bad_tilde =
        text.starts_with('/') && text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
    if bad_tilde {
        Err(format!("{text:?} is not a JSON Pointer (write ~0 for ~, and ~1 for /)"))
    } else {
        Ok(ClaimPath::new(text))
    }
}

/// Parses the claims of the context. `reserved` are further names that have a meaning of their own.
pub(super) fn context_claims(text: &str, reserved: &[&str]) -> Parsed<Vec<ContextClaim>> {
    let claim = |item: String| {
        let (name, path) = item.split_once('=').unwrap_or((&item, &item));
        let (name, path) = (name.trim(), path.trim());
        if name.is_empty() || path.is_empty() || name.starts_with('/') {
            return Err(format!("{item:?} has no name or no claim (write NAME=CLAIM)"));
        }
        if ContextRules::RESERVED_NAMES.contains(&name) || reserved.contains(&name) {
            return Err(format!(
                "the name {name:?} is reserved (use another one, for example {name}_claim={path})"
            ));
        }
        Ok(ContextClaim { name: name.to_owned(), path: claim_path(path)? })
    };
    let claims = list(text)?.into_iter().map(claim).collect::<Parsed<Vec<_>>>()?;
    let names: Vec<_> = claims.iter().map(|claim| &claim.name).collect();
    match first_repeated(&names) {
        Some(name) => Err(format!("the name {name:?} is in the list twice")),
        None => Ok(claims),
    }
}

/// Returns whether a text is a token of
/// [RFC 9110 §5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2). The names of headers,
/// cookies and subprotocols are such tokens.
fn is_http_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

pub(super) fn token_sources(text: &str) -> Parsed<Vec<TokenSource>> {
    let source = |item: String| {
        let (kind, name) = item.split_once(':').ok_or_else(|| format!("{item:?} has no colon"))?;
        if !is_http_token(name) {
            return Err(format!("{name:?} is not a valid {kind} name"));
        }
        match kind {
            "header" => Ok(TokenSource::Header(name.to_ascii_lowercase())),
            "query" => Ok(TokenSource::Query(name.to_owned())),
            "cookie" => Ok(TokenSource::Cookie(name.to_owned())),
            "subprotocol" => Ok(TokenSource::Subprotocol(name.to_owned())),
            _ => Err(format!("{kind:?} is not one of header, query, cookie, subprotocol")),
        }
    };
    list(text)?.into_iter().map(source).collect()
}
