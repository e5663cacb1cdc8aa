//! Scopes: those that a token has, and those that it needs.

use serde_json::Value;

use crate::error::Error;
use crate::jwt::{ClaimPath, ClaimsSet, TokenContent};

/// What an issuer's tokens say of scopes, and which scopes they need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeRules {
    /// The claims that hold scopes, besides `scope` and `scp`.
    pub claims: Vec<ClaimPath>,
    /// The scopes that each token needs.
    pub required: RequiredScopes,
}

/// Groups of scopes. Of each group, a token needs one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequiredScopes(pub Vec<Vec<String>>);

impl RequiredScopes {
    /// Returns the first group of which a token has no scope.
    pub(super) fn missing_in(&self, granted: &GrantedScopes<'_>) -> Option<&[String]> {
        let missing = |group: &&Vec<String>| !group.iter().any(|scope| granted.contain(scope));
        self.0.iter().find(missing).map(Vec::as_slice)
    }
}

/// The scopes of a token.
pub(super) struct GrantedScopes<'t> {
    registered: &'t ClaimsSet<'t>,
    /// The scopes in further claims.
    further: Vec<&'t str>,
}

impl<'t> GrantedScopes<'t> {
    /// Finds the scopes in `scope` and `scp`, and in the claims at `paths`. Without paths, no claim
    /// but the registered ones is read.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] if a claim cannot be read.
    pub(super) fn of(token: &'t TokenContent<'_>, paths: &[ClaimPath]) -> Result<Self, Error> {
        let mut further = Vec::new();
        for path in paths {
            further.extend(token.value(path)?.into_iter().flat_map(scopes_in));
        }
        Ok(Self { registered: token.registered(), further })
    }

    fn contain(&self, scope: &str) -> bool {
        self.registered.scopes().any(|granted| granted == scope) || self.further.contains(&scope)
    }
}

/// Returns the scopes in a claim: the words of a string, or the strings of a list.
///
/// An item of a list is one scope. A group with the name `user admin` grants neither `user` nor
/// `admin`.
fn scopes_in(value: &Value) -> Vec<&str> {
    match value {
        Value::String(words) => words.split(' ').collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}
