//! One small function for the value of each kind of setting. What it returns as
//! an error completes the sentence "the variable is «value», …".

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use crate::context::{ContextClaim, ContextRules};
use crate::gateway::request::TokenSource;
use crate::gateway::response::{HttpApiResponse, ResourceScope, UnauthenticatedResponse};
use crate::jwt::{Audience, ClaimPath, RequiredClaim, SignatureAlgorithm};
use crate::uri::key_uri;

pub(super) type Parsed<T> = Result<T, String>;

/// The members of a JSON object, in order; one that stands twice is an error.
/// Values are kept as they stand, so that the same holds within them.
pub(super) struct Members(pub(super) Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, _>()? {
                    if members.iter().any(|(before, _)| *before == name) {
                        return Err(A::Error::custom(format_args!("{name:?} stands twice")));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

pub(super) fn object(text: &str) -> Parsed<Vec<(String, Value)>> {
    let fault = |error| format!("which is not a JSON object: {error}");
    let members: Members = serde_json::from_str(text).map_err(fault)?;
    if members.0.is_empty() {
        return Err("which is empty".to_owned());
    }
    let read =
        |(name, value): (String, Box<RawValue>)| Ok((name, serde_json::from_str(value.get())?));
    members.0.into_iter().map(read).collect::<Result<_, serde_json::Error>>().map_err(fault)
}

/// A comma list without empty or repeated items.
pub(super) fn list(text: &str) -> Parsed<Vec<String>> {
    let items: Vec<String> = text.split(',').map(|item| item.trim().to_owned()).collect();
    if items.iter().any(String::is_empty) {
        return Err("which has an empty item".to_owned());
    }
    match items.iter().enumerate().find(|(place, item)| items[..*place].contains(item)) {
        Some((_, item)) => Err(format!("which has {item:?} twice")),
        None => Ok(items),
    }
}

fn number(text: &str, range: &RangeInclusive<u64>) -> Parsed<u64> {
    let number = text.parse().map_err(|_| "which is not a whole number".to_owned())?;
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(format!("which is not from {} to {}", range.start(), range.end()))
    }
}

pub(super) fn seconds(text: &str, range: RangeInclusive<u64>) -> Parsed<Duration> {
    number(text, &range).map(Duration::from_secs)
}

pub(super) fn milliseconds(text: &str, range: RangeInclusive<u64>) -> Parsed<Duration> {
    number(text, &range).map(Duration::from_millis)
}

fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Parsed<T> {
    let chosen = choices.iter().find(|(name, _)| *name == text);
    chosen.map(|(_, value)| *value).ok_or_else(|| "which is none of the choices".to_owned())
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

pub(super) fn uri(text: &str) -> Parsed<Url> {
    key_uri(text).map_err(|error| error.fault().to_owned())
}

/// Where issuers publish documents about themselves. Their URLs are taken for issuers by mistake.
const WELL_KNOWN: [&str; 3] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
];

/// The issuer is compared letter by letter, so it is kept as it stands.
pub(super) fn issuer(text: &str) -> Parsed<String> {
    let url = uri(text)?;
    if url.query().is_some() {
        return Err("which has a query".to_owned());
    }
    match WELL_KNOWN.iter().find_map(|path| text.strip_suffix(path)) {
        None => Ok(text.to_owned()),
        Some(issuer) => Err(format!(
            "which is the URL of a document; the issuer is {issuer:?}, or the same with a slash at the end if the tokens' iss has one"
        )),
    }
}

pub(super) fn file(text: &str) -> Parsed<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_file() { Ok(path) } else { Err("where there is no file".to_owned()) }
}

/// CloudWatch's own rules for the names of namespaces.
pub(super) fn metrics_namespace(text: &str) -> Parsed<String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#: ".contains(&byte);
    if text.len() <= 255
        && text.bytes().all(is_allowed)
        && !text.starts_with([':'])
        && !text.starts_with("AWS/")
    {
        Ok(text.to_owned())
    } else {
        Err("which CloudWatch does not take as a namespace".to_owned())
    }
}

pub(super) fn audience(text: &str) -> Parsed<Audience> {
    if text == "*" {
        return Ok(Audience::Unchecked);
    }
    let audiences = list(text)?;
    if audiences.iter().any(|audience| audience == "*") {
        return Err("where * must stand alone".to_owned());
    }
    Ok(Audience::AnyOf(audiences))
}

pub(super) fn algorithms(text: &str) -> Parsed<Vec<&'static SignatureAlgorithm>> {
    let known = |name: &String| {
        SignatureAlgorithm::named(name).ok_or_else(|| {
            format!("where {name:?} is not supported; symmetric algorithms and none never are")
        })
    };
    // Both names of one algorithm may stand in the list.
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
            // It would accept tokens without a type.
            "" => Err(format!("where {item:?} is no media type")),
            typ => Ok(typ.to_owned()),
        }
    };
    list(text)?.iter().map(normal).collect()
}

/// A scope-token of [RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3).
pub(super) fn is_scope(scope: &str) -> bool {
    let is_scope_char = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !scope.is_empty() && scope.bytes().all(is_scope_char)
}

pub(super) fn scopes(text: &str) -> Parsed<Vec<String>> {
    let scopes = list(text)?;
    match scopes.iter().find(|scope| !is_scope(scope)) {
        Some(scope) => Err(format!(
            "where {scope:?} is no scope that a token could have (scopes are separated by commas here)"
        )),
        None => Ok(scopes),
    }
}

pub(super) fn claim_path(text: &str) -> Parsed<ClaimPath> {
    // RFC 6901 §3: a tilde is followed by 0 or 1.
    let bad_tilde =
        text.starts_with('/') && text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
    if bad_tilde { Err("which is not a JSON Pointer".to_owned()) } else { Ok(ClaimPath::new(text)) }
}

pub(super) fn required_claims(text: &str) -> Parsed<Vec<RequiredClaim>> {
    let required = |(name, value): (String, Value)| {
        let accepted = value.as_array().cloned().unwrap_or_else(|| vec![value]);
        if accepted.is_empty() {
            return Err(format!("where {name:?} accepts no value at all"));
        }
        if !accepted
            .iter()
            .all(|value| value.is_string() || value.is_number() || value.is_boolean())
        {
            return Err(format!("where {name:?} has a value that is no string, number or boolean"));
        }
        Ok(RequiredClaim { path: claim_path(&name)?, accepted })
    };
    object(text)?.into_iter().map(required).collect()
}

pub(super) fn context_claims(text: &str) -> Parsed<Vec<ContextClaim>> {
    let claim = |item: String| {
        let (name, path) = item.split_once('=').unwrap_or((&item, &item));
        let (name, path) = (name.trim(), path.trim());
        if name.is_empty() || path.is_empty() || name.starts_with('/') {
            return Err(format!("where {item:?} lacks a name or a claim"));
        }
        if ContextRules::RESERVED_NAMES.contains(&name) {
            return Err(format!(
                "where {name:?} is a reserved name; give it another, for example {name}_claim={path}"
            ));
        }
        Ok(ContextClaim { name: name.to_owned(), path: claim_path(path)? })
    };
    let claims = list(text)?.into_iter().map(claim).collect::<Parsed<Vec<_>>>()?;
    match claims
        .iter()
        .enumerate()
        .find(|(place, claim)| claims[..*place].iter().any(|before| before.name == claim.name))
    {
        Some((_, claim)) => Err(format!("where the name {:?} stands twice", claim.name)),
        None => Ok(claims),
    }
}

/// A token of [RFC 9110 §5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2),
/// as the names of headers, cookies and subprotocols are.
fn is_http_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

pub(super) fn token_sources(text: &str) -> Parsed<Vec<TokenSource>> {
    let source = |item: String| {
        let (kind, name) =
            item.split_once(':').ok_or_else(|| format!("where {item:?} has no colon"))?;
        if !is_http_token(name) {
            return Err(format!("where {name:?} is no name of a {kind}"));
        }
        match kind {
            "header" => Ok(TokenSource::Header(name.to_ascii_lowercase())),
            "query" => Ok(TokenSource::Query(name.to_owned())),
            "cookie" => Ok(TokenSource::Cookie(name.to_owned())),
            "subprotocol" => Ok(TokenSource::Subprotocol(name.to_owned())),
            _ => Err(format!("where {kind:?} is none of header, query, cookie, subprotocol")),
        }
    };
    list(text)?.into_iter().map(source).collect()
}
