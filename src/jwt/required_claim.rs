//! Claims that settings name: where a claim is, and which values it must have.

use serde_json::Value;

use super::content::TokenContent;
use crate::error::Error;
use crate::excerpt::Excerpt;

/// The path of a value in a claims set: the name of a claim, or a JSON Pointer
/// ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)), which starts with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(String);

impl ClaimPath {
    /// Takes a claim's name or a JSON Pointer.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// Returns the path as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn find<'v>(&self, claims: &'v Value) -> Option<&'v Value> {
        if self.0.starts_with('/') { claims.pointer(&self.0) } else { claims.get(&self.0) }
    }
}

/// A claim that must have accepted values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredClaim {
    /// Which claim.
    pub path: ClaimPath,
    /// Groups of values. Of each group, the claim must have one. Values are compared without
    /// coercion: `1` is not `"1"`.
    pub groups: Vec<Vec<Value>>,
}

/// Why a token does not meet a [`RequiredClaim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimFault<'r> {
    /// The token does not have the claim.
    Missing,
    /// The claim has none of these values.
    NoneOf(&'r [Value]),
}

impl RequiredClaim {
    /// Returns why a token does not meet the requirement, or `None` if it does. If the claim is a
    /// list, its values are its items.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] if a claim cannot be read.
    pub(crate) fn fault_of(
        &self,
        token: &TokenContent<'_>,
    ) -> Result<Option<ClaimFault<'_>>, Error> {
        let Some(value) = token.value(&self.path)? else { return Ok(Some(ClaimFault::Missing)) };
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let unmet = self.groups.iter().find(|group| !values.iter().any(|it| group.contains(it)));
        Ok(unmet.map(|group| ClaimFault::NoneOf(group)))
    }

    /// Checks that a token meets the requirement of its issuer.
    pub(super) fn check(&self, token: &TokenContent<'_>) -> Result<(), Error> {
        let claim = self.path.as_str();
        match self.fault_of(token)? {
            None => Ok(()),
            Some(ClaimFault::Missing) => Err(Error::missing_claim(claim)),
            Some(ClaimFault::NoneOf(group)) => {
                Err(Error::ClaimMismatch { claim: claim.to_owned(), wanted: shown(group) })
            }
        }
    }
}

impl ClaimFault<'_> {
    /// Returns the values of which the claim has none, shortened, if the token has the claim.
    pub(crate) fn wanted(self) -> Option<Excerpt> {
        match self {
            Self::Missing => None,
            Self::NoneOf(group) => Some(shown(group)),
        }
    }
}

/// Returns values as a list for a message. They are JSON, because `1` is not `"1"`.
fn shown(values: &[Value]) -> Excerpt {
    let values: Vec<_> = values.iter().map(Value::to_string).collect();
    Excerpt::from(values.join(", ").as_str())
}
