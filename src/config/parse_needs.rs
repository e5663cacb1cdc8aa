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
    match value.as_str() {
        Some(scope) if is_scope(scope) => Ok(scope.to_owned()),
        Some(scope) => Err(format!(
            "has the scope {scope:?}, which a token cannot have (to require a value with a space, use a claim)"
        )),
        None => Err(format!("has {value} in place of a scope")),
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
    let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if value.is_object() {
        return all_of(json);
    }
    let group = if let Value::Array(items) = value {
        any_of(items, &scalar)?
    } else {
        vec![scalar(value)?]
    };
    Ok(vec![group])
}

fn all_of(json: &str) -> Parsed<Vec<Vec<Value>>> {
    let members = object(json).ok();
    let elements = match members.as_deref() {
        Some([(name, elements)]) if name == "all" => elements.get(),
        Some(_) | None => {
            return Err(
                "has neither a value, a list of values nor an object with \"all\" only".to_owned()
            );
        }
    };
    let elements: Vec<Value> =
        serde_json::from_str(elements).map_err(|_| "has \"all\" without a list".to_owned())?;
    if elements.is_empty() {
        return Err("has an empty list".to_owned());
    }
    groups(elements, scalar)
}

fn scalar(value: Value) -> Parsed<Value> {
    if value.is_string() || value.is_number() || value.is_boolean() {
        Ok(value)
    } else {
        Err(format!("has {value}, which is not a string, a number or a boolean"))
    }
}

/// Makes a group of each element of a list. An element that is itself a list is a group of its items.
fn groups<T: PartialEq>(
    elements: Vec<Value>,
    item: impl Fn(Value) -> Parsed<T>,
) -> Parsed<Vec<Vec<T>>> {
    let group = |element| {
        if let Value::Array(items) = element {
            any_of(items, &item)
        } else {
            Ok(vec![item(element)?])
        }
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
