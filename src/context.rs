//! The context: what API Gateway passes from the authorizer to the function behind the API.
//!
//! API Gateway accepts only strings, numbers and booleans in it. With any other value, the request
//! fails after the authorizer has allowed it. So a list or an object becomes its JSON text, and a
//! claim that is absent or null is left out.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Number, Value};

use crate::error::Error;
use crate::jwt::{ClaimPath, Claims};

/// Which claims are in the context, and which become the principal and the usage key.
#[derive(Debug, Clone)]
pub(crate) struct ContextRules {
    /// The claims to add to those that every context has.
    pub claims: Vec<ContextClaim>,
    /// The claim that becomes `principalId`; `sub` if it is `None`.
    pub principal: Option<ClaimPath>,
    /// The claim that becomes `usageIdentifierKey`.
    pub usage_key: Option<ClaimPath>,
}

/// A claim, and its name in the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContextClaim {
    /// The name in the context.
    pub name: String,
    /// Where the claim is in the claims set.
    pub path: ClaimPath,
}

impl ContextRules {
    /// The names in a context that have a meaning of their own, to this function or to API Gateway.
    pub(crate) const RESERVED_NAMES: [&'static str; 10] = [
        "sub",
        "iss",
        "client_id",
        "scope",
        "exp",
        "subprotocol",
        "reason",
        "principalId",
        "claims",
        "integrationLatency",
    ];

    /// The name of the tenant. It is reserved only if an issuer has tenants, since many tokens have a
    /// claim with this name.
    pub(crate) const TENANT: &'static str = "tenant";

    /// Returns the context for a token's claims.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] if a claim cannot be read.
    pub(crate) fn context<'a>(
        &'a self,
        claims: &'a Claims<'_>,
        subprotocol: Option<&'a str>,
    ) -> Result<Context<'a>, Error> {
        let set = claims.content().registered();
        let mut context = Context(Vec::with_capacity(7 + self.claims.len()));
        context.set("sub", set.sub.as_deref().map(ContextValue::from));
        context.set("iss", set.iss.as_deref().map(ContextValue::from));
        context.set(Self::TENANT, claims.tenant().map(ContextValue::from));
        context.set("client_id", set.client().map(ContextValue::from));
        context.set("scope", set.scope_text().map(ContextValue::Text));
        context.set("exp", set.exp.and_then(|exp| ContextValue::number(exp.0)));
        context.set("subprotocol", subprotocol.map(ContextValue::from));
        for ContextClaim { name, path } in &self.claims {
            context.set(name, claims.content().value(path)?.and_then(ContextValue::of));
        }
        Ok(context)
    }

    /// Returns the policy's `principalId`: the configured claim, or else the client, or else the
    /// issuer. A policy must have one.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] if the claim cannot be read.
    pub(crate) fn principal<'a>(&self, claims: &'a Claims<'_>) -> Result<Cow<'a, str>, Error> {
        let set = claims.content().registered();
        let configured = match &self.principal {
            None => set.sub.as_deref().map(Cow::Borrowed),
            Some(path) => claims.content().value(path)?.and_then(text_of),
        };
        let client = set.client().map(Cow::Borrowed);
        let issuer = set.iss.as_deref().map(Cow::Borrowed);
        let mut candidates = [configured, client, issuer].into_iter().flatten();
        Ok(candidates.find(|candidate| !candidate.is_empty()).unwrap_or_default())
    }

    /// Returns the API key of the usage plan, if its claim is configured and present.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] if the claim cannot be read.
    pub(crate) fn usage_key<'a>(
        &self,
        claims: &'a Claims<'_>,
    ) -> Result<Option<Cow<'a, str>>, Error> {
        match &self.usage_key {
            None => Ok(None),
            Some(path) => Ok(claims.content().value(path)?.and_then(text_of)),
        }
    }
}

/// The names and values of a context, in order.
#[derive(Default)]
pub(crate) struct Context<'a>(Vec<(&'a str, ContextValue<'a>)>);

enum ContextValue<'a> {
    Text(Cow<'a, str>),
    Number(Number),
    Bool(bool),
}

impl<'a> Context<'a> {
    fn set(&mut self, name: &'a str, value: Option<ContextValue<'a>>) {
        self.0.extend(value.map(|value| (name, value)));
    }

    /// Adds the reason code of a refusal.
    pub(crate) fn set_reason(&mut self, reason: &'static str) {
        self.set("reason", Some(ContextValue::from(reason)));
    }

    /// Returns the names and sizes of the three largest values, for an error message.
    pub(crate) fn largest_values(&self) -> String {
        let mut sizes: Vec<_> = self.0.iter().map(|(name, value)| (value.size(), name)).collect();
        sizes.sort_unstable();
        let largest = sizes.iter().rev().take(3);
        let largest: Vec<_> =
            largest.map(|(size, name)| format!("{name} ({size} bytes)")).collect();
        largest.join(", ")
    }
}

impl<'a> From<&'a str> for ContextValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> ContextValue<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Bool(flag) => Some(Self::Bool(*flag)),
            Value::Number(number) => Some(Self::Number(number.clone())),
            Value::String(_) | Value::Array(_) | Value::Object(_) => text_of(value).map(Self::Text),
        }
    }

    /// Makes a number from its shortest text, so that a whole number has no fraction: `1700000000`
    /// and not `1700000000.0`.
    fn number(number: f64) -> Option<Self> {
        number.to_string().parse().ok().map(Self::Number)
    }

    /// Returns the length of the value's text.
    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Number(number) => number.to_string().len(),
            Self::Bool(flag) => flag.to_string().len(),
        }
    }
}

/// Returns the text of a value: a string itself, and the JSON of any other. `None` for null.
fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some(Cow::Owned(value.to_string()))
        }
    }
}

impl Serialize for Context<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            match value {
                ContextValue::Text(text) => map.serialize_entry(name, text)?,
                ContextValue::Number(number) => map.serialize_entry(name, number)?,
                ContextValue::Bool(flag) => map.serialize_entry(name, flag)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
