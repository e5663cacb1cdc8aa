//! From claims to the flat context that API Gateway hands to what it protects.
//!
//! API Gateway takes strings, numbers and booleans and fails requests for
//! anything else, after the authorizer has let them in. So a list or an object
//! becomes its JSON text, and what is absent or null is left out.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Number, Value};

use crate::error::Error;
use crate::jwt::{ClaimPath, Claims};

/// Which claims become what.
#[derive(Debug, Clone)]
pub struct ContextRules {
    /// Claims that are added to those that are always there.
    pub claims: Vec<ContextClaim>,
    /// The claim that becomes `principalId`; `None` for `sub`.
    pub principal: Option<ClaimPath>,
    /// The claim that becomes `usageIdentifierKey`.
    pub usage_key: Option<ClaimPath>,
}

/// A claim and the name that it has in the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextClaim {
    /// The name in the context.
    pub name: String,
    /// Where the claim stands.
    pub path: ClaimPath,
}

impl ContextRules {
    /// Names that mean something of their own in a context, here or to API Gateway.
    pub const RESERVED_NAMES: [&'static str; 10] = [
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

    /// Makes the context of a token's claims.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] where a claim cannot be read.
    pub fn context<'a>(
        &'a self,
        claims: &'a Claims<'_>,
        subprotocol: Option<&'a str>,
    ) -> Result<Context<'a>, Error> {
        let set = claims.registered();
        let mut context = Context(Vec::with_capacity(6 + self.claims.len()));
        context.set("sub", set.sub.as_deref().map(ContextValue::from));
        context.set("iss", set.iss.as_deref().map(ContextValue::from));
        context.set("client_id", set.client().map(ContextValue::from));
        context.set("scope", set.scope_text().map(ContextValue::Text));
        context.set("exp", set.exp.map(|exp| ContextValue::number(exp.0)));
        context.set("subprotocol", subprotocol.map(ContextValue::from));
        for ContextClaim { name, path } in &self.claims {
            context.set(name, claims.value(path)?.and_then(ContextValue::of));
        }
        Ok(context)
    }

    /// Returns what the policy's principal is: the configured claim, or else
    /// the client, or else the issuer, since a policy must have one.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] where the claim cannot be read.
    pub fn principal<'a>(&self, claims: &'a Claims<'_>) -> Result<Cow<'a, str>, Error> {
        let set = claims.registered();
        let configured = match &self.principal {
            None => set.sub.as_deref().map(Cow::Borrowed),
            Some(path) => claims.value(path)?.and_then(text_of),
        };
        let others = [set.client(), set.iss.as_deref()].into_iter().flatten().map(Cow::Borrowed);
        let named = configured.into_iter().chain(others).find(|name| !name.is_empty());
        Ok(named.unwrap_or_default())
    }

    /// Returns the API key of the usage plan, where one is configured and there.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] where the claim cannot be read.
    pub fn usage_key<'a>(&self, claims: &'a Claims<'_>) -> Result<Option<Cow<'a, str>>, Error> {
        match &self.usage_key {
            None => Ok(None),
            Some(path) => Ok(claims.value(path)?.and_then(text_of)),
        }
    }
}

/// Names and scalar values, in order.
#[derive(Default)]
pub struct Context<'a>(Vec<(&'a str, ContextValue<'a>)>);

enum ContextValue<'a> {
    Text(Cow<'a, str>),
    Number(Number),
    Bool(bool),
}

impl<'a> Context<'a> {
    fn set(&mut self, name: &'a str, value: Option<ContextValue<'a>>) {
        self.0.extend(value.map(|value| (name, value)));
    }

    /// Says why the request is refused.
    pub(crate) fn set_reason(&mut self, reason: &'static str) {
        self.set("reason", Some(ContextValue::from(reason)));
    }

    /// Names the three biggest entries and their sizes, for whoever has to make
    /// the context smaller.
    pub(crate) fn biggest(&self) -> String {
        let mut sizes: Vec<_> = self.0.iter().map(|(name, value)| (value.size(), name)).collect();
        sizes.sort_by(|a, b| b.cmp(a));
        let biggest: Vec<_> =
            sizes.iter().take(3).map(|(size, name)| format!("{name} ({size} bytes)")).collect();
        biggest.join(", ")
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
            Value::String(text) => Some(Self::from(text.as_str())),
            Value::Array(_) | Value::Object(_) => Some(Self::Text(Cow::Owned(value.to_string()))),
        }
    }

    /// Whole seconds stay whole: `1700000000` and not `1700000000.0`.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast is compared with what it came from"
    )]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a float that is whole is exact as i64 and back"
    )]
    fn number(number: f64) -> Self {
        let whole = number as i64;
        if whole as f64 == number {
            Self::Number(Number::from(whole))
        } else {
            Number::from_f64(number).map_or(Self::Bool(false), Self::Number)
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Number(number) => number.to_string().len(),
            Self::Bool(_) => 5,
        }
    }
}

/// Returns a scalar's text, and a list's or an object's JSON.
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
