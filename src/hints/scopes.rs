//! A missing scope that is in another claim.

use serde_json::Value;

use super::Hint;
use super::claims::is_id_token;
use crate::error::Error;
use crate::jwt::{ClaimPath, TokenContent};

/// Where issuers write permissions, beside `scope` and `scp`.
const OTHER_CLAIMS: [(&str, Hint); 5] = [
    ("scopes", Hint::SCOPE_IN_SCOPES),
    ("permissions", Hint::SCOPE_IN_PERMISSIONS),
    ("cognito:groups", Hint::SCOPE_IN_COGNITO_GROUPS),
    ("roles", Hint::SCOPE_IN_ROLES),
    ("groups", Hint::SCOPE_IN_GROUPS),
];

/// Adds why a token does not have a scope, if that is the error.
#[cold]
pub(crate) fn with_scope_hint(mut error: Error, token: &TokenContent<'_>) -> Error {
    if let Error::InsufficientScope { any_of, hint, .. } = &mut error {
        *hint = any_of.iter().find_map(|scope| scope_hint(scope, token));
    }
    error
}

fn scope_hint(missing: &str, token: &TokenContent<'_>) -> Option<Hint> {
    let claim = |name| token.value(&ClaimPath::new(name)).ok().flatten();
    let has_it = |value: &Value| match value {
        Value::String(text) => text.split(' ').any(|scope| scope == missing),
        Value::Array(list) => list.iter().any(|item| item == missing),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    };
    let in_other = || OTHER_CLAIMS.iter().find(|(name, _)| claim(name).is_some_and(has_it));
    let mut scopes = token.registered().scopes();
    if let Some((_, hint)) = in_other() {
        Some(*hint)
    } else if token.registered().scopes().any(|text| text.split(',').any(|it| it == missing)) {
        Some(Hint::SCOPE_SEPARATOR)
    } else if scopes.any(|scope| scope != missing && last_part(scope) == last_part(missing)) {
        Some(Hint::SCOPE_PREFIX)
    } else if is_id_token(token) {
        Some(Hint::ID_TOKEN)
    } else {
        None
    }
}

fn last_part(scope: &str) -> &str {
    scope.rsplit('/').next().unwrap_or(scope)
}
