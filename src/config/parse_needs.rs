//! The values of the settings that say what a token needs: scopes and claims. An error is a clause,
//! see [`super::parse`].
//!
//! Scopes and claims have one rule for lists within lists: of an inner list, the token needs any item,
//! and of the outer list, every element. For scopes, the outer list is the value itself. For claims,
//! whose plain list already means any of its items, it is the list in `{"all": [...]}`.

use serde_json::Value;
use serde_json::value::RawValue;

use super::parse::{Parsed, claim_path, first_repeated, list, object};
use crate::access::RequiredScopes;
use crate::jwt::{ClaimPath, RequiredClaim};

/// Parses a comma-separated list of scopes, or a JSON list.
pub(super) fn required_scopes(text: &str) -> Parsed<RequiredScopes> {
    if text.starts_with('[') {
        let scopes = scope_list(text).map_err(|fault| format!("it {fault}"))?;
        return if scopes.0.is_empty() { Err("the list is empty".to_owned()) } else { Ok(scopes) };
    }
    let scopes = list(text)?;
    match scopes.iter().find(|scope| !is_scope(scope)) {
        Some(scope) => {
            Err(format!("a token cannot have the scope {scope:?} (separate scopes with commas)"))
        }
        None => Ok(RequiredScopes(scopes.into_iter().map(|scope| vec![scope]).collect())),
    }
}

/// Parses a JSON list of scopes, in which a list stands for any of its items. An error continues a
/// sentence about the list.
pub(super) fn scope_list(json: &str) -> Parsed<RequiredScopes> {
    let elements: Vec<Value> =
        serde_json::from_str(json).map_err(|error| format!("has no list of scopes ({error})"))?;
    Ok(RequiredScopes(groups(elements, scope)?))
}

fn scope(value: Value) -> Parsed<String> {
    match value {
        Value::String(scope) if is_scope(&scope) => Ok(scope),
        Value::String(scope) => Err(format!(
            "has the scope {scope:?}, which a token cannot have (to require a value with a space, use a claim)"
        )),
        other => Err(format!("has {other} in place of a scope")),
    }
}

/// Returns whether a text is a scope-token of [RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3).
fn is_scope(scope: &str) -> bool {
    let is_scope_char = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !scope.is_empty() && scope.bytes().all(is_scope_char)
}

/// Parses the claims that hold scopes.
pub(super) fn scope_claims(text: &str) -> Parsed<Vec<ClaimPath>> {
    let path = |item: String| match item.strip_prefix('/').unwrap_or(&item) {
        "scope" | "scp" => Err(format!("{item:?} is always read (leave it out)")),
        _ => claim_path(&item),
    };
    list(text)?.into_iter().map(path).collect()
}

/// Parses a JSON object that maps claims to the values that they need.
pub(super) fn required_claims(text: &str) -> Parsed<Vec<RequiredClaim>> {
    let required = |(name, json): (String, Box<RawValue>)| {
        let groups = values(json.get()).map_err(|fault| format!("{name:?} {fault}"))?;
        Ok(RequiredClaim { path: claim_path(&name)?, groups })
    };
    object(text)?.into_iter().map(required).collect()
}

/// Parses what a claim needs: a value, a list for any of its items, or `{"all": [...]}`.
fn values(json: &str) -> Parsed<Vec<Vec<Value>>> {
    const NEITHER: &str = "has neither a value, a list of values nor an object with \"all\" only";
    let value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    match value {
        Value::Array(items) => Ok(vec![any_of(items, &scalar)?]),
        Value::Object(_) => {
            let members = object(json).map_err(|_| NEITHER)?;
            let [(name, elements)] = &members[..] else { return Err(NEITHER.to_owned()) };
            if name != "all" {
                return Err(NEITHER.to_owned());
            }
            let elements: Vec<Value> = serde_json::from_str(elements.get())
                .map_err(|_| "has \"all\" without a list".to_owned())?;
            if elements.is_empty() {
                return Err("has an empty list".to_owned());
            }
            groups(elements, scalar)
        }
        single => Ok(vec![vec![scalar(single)?]]),
    }
}

fn scalar(value: Value) -> Parsed<Value> {
    match value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(value),
        other => Err(format!("has {other}, which is not a string, a number or a boolean")),
    }
}

/// Makes a group of each element of a list. An element that is itself a list is a group of its items.
fn groups<T: PartialEq>(
    elements: Vec<Value>,
    item: impl Fn(Value) -> Parsed<T>,
) -> Parsed<Vec<Vec<T>>> {
    let group = |element| match element {
        Value::Array(items) => any_of(items, &item),
        single => Ok(vec![item(single)?]),
    };
    let groups = elements.into_iter().map(group).collect::<Parsed<Vec<_>>>()?;
    match first_repeated(&groups) {
        Some(_) => Err("has the same element twice".to_owned()),
        None => Ok(groups),
    }
}

fn any_of<T: PartialEq>(items: Vec<Value>, item: &impl Fn(Value) -> Parsed<T>) -> Parsed<Vec<T>> {
    if items.is_empty() {
        return Err("has an empty list, of which a token cannot have an item".to_owned());
    }
    let items = items.into_iter().map(item).collect::<Parsed<Vec<_>>>()?;
    match first_repeated(&items) {
        Some(_) => Err("has the same item twice in a list".to_owned()),
        None => Ok(items),
    }
}
