//! What a token says: its claims and its `typ`.

use std::cell::OnceCell;

use serde::Deserialize;
use serde_json::Value;

use super::claims_set::ClaimsSet;
use super::required_claim::ClaimPath;
use crate::error::Error;
use crate::json::{Text, object_in_utf8, present};

/// The claims and the `typ` of a token. The type that contains it tells whether they are verified:
/// [`super::UnverifiedToken`], [`super::VerifiedToken`] or [`super::Claims`].
pub(crate) struct TokenContent<'a> {
    registered: ClaimsSet<'a>,
    typ: Option<Text<'a>>,
    payload: &'a [u8],
    /// The whole claims set. It is read when the first claim is looked up by its path.
    document: OnceCell<Value>,
}

impl<'a> TokenContent<'a> {
    /// Takes the decoded payload, the registered claims in it, and the `typ` header parameter.
    pub(super) fn new(payload: &'a [u8], registered: ClaimsSet<'a>, typ: Option<Text<'a>>) -> Self {
        Self { registered, typ, payload, document: OnceCell::new() }
    }

    /// Returns the registered claims.
    #[must_use]
    pub(crate) fn registered(&self) -> &ClaimsSet<'a> {
        &self.registered
    }

    /// Returns the `typ` header parameter.
    #[must_use]
    pub(crate) fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Returns the value at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] if any claim cannot be read, for example because it is nested too
    /// deeply.
    pub(crate) fn value(&self, path: &ClaimPath) -> Result<Option<&Value>, Error> {
        if self.document.get().is_none() {
            let document = serde_json::from_slice(self.payload).map_err(|_| {
                Error::malformed_token("a claim is nested too deeply or is not valid Unicode")
            })?;
            // The cell was empty, so this cannot fail.
            let _ = self.document.set(document);
        }
        Ok(self.document.get().and_then(|document| path.find(document)))
    }

    /// Returns the `tid` claim, which is Entra ID's tenant. It is not one of the registered claims,
    /// because other issuers may mean something else by it.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] if it is repeated or not a string.
    pub(super) fn tenant_id(&self) -> Result<Option<Text<'_>>, Error> {
        #[derive(Deserialize)]
        struct TenantId<'a> {
            #[serde(borrow, default, deserialize_with = "present")]
            tid: Option<Text<'a>>,
        }

        let claims: Option<TenantId<'_>> = object_in_utf8(self.payload);
        let malformed = Error::malformed_token("the claim tid is repeated or not a string");
        claims.map(|claims| claims.tid).ok_or(malformed)
    }
}
