//! The registered claims, read as strictly as RFC 7519 describes them.
//!
//! A claim of the wrong JSON type is an error (null is one), and so is a repeated claim. Claims that
//! are not named here are skipped.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::binding::Confirmation;
use crate::json::{Text, present};

/// The claims that the checks and the context use by name.
#[derive(Deserialize)]
pub(crate) struct ClaimsSet<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) iss: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) sub: Option<Text<'a>>,
    /// Nothing here reads it, but your backend may: it must not find another one.
    #[serde(borrow, default, deserialize_with = "present", rename = "jti")]
    _jti: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) aud: Option<Strings<'a>>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) exp: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) nbf: Option<NumericDate>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) iat: Option<NumericDate>,
    /// [RFC 8693 §4.3](https://www.rfc-editor.org/rfc/rfc8693#section-4.3).
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) client_id: Option<Text<'a>>,
    /// OpenID Connect's authorized party.
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) azp: Option<Text<'a>>,
    /// Space-separated, [RFC 8693 §4.2](https://www.rfc-editor.org/rfc/rfc8693#section-4.2).
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) scope: Option<Text<'a>>,
    /// The scopes in Okta's (list) and Entra's (space-separated) tokens.
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) scp: Option<Strings<'a>>,
    /// Cognito's kind of token.
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) token_use: Option<Text<'a>>,
    /// What the client must prove to have
    /// ([RFC 7800 §3.1](https://www.rfc-editor.org/rfc/rfc7800#section-3.1)).
    #[serde(borrow, default, deserialize_with = "present")]
    pub(crate) cnf: Option<Confirmation<'a>>,
}

impl ClaimsSet<'_> {
    /// Returns the client that the token was issued to: `client_id`, or `azp` if there is none.
    pub(crate) fn client(&self) -> Option<&str> {
        self.client_id.as_deref().or(self.azp.as_deref())
    }

    /// Returns the scopes as one text: `scope`, or `scp` if there is none, with the items of a list
    /// separated by spaces.
    pub(crate) fn scope_text(&self) -> Option<Cow<'_, str>> {
        match (&self.scope, &self.scp) {
            (Some(scope), _) => Some(Cow::Borrowed(scope)),
            (None, Some(Strings::One(scp))) => Some(Cow::Borrowed(scp)),
            (None, Some(scp)) => Some(Cow::Owned(scp.iter().collect::<Vec<_>>().join(" "))),
            (None, None) => None,
        }
    }

    /// Returns every scope that the token grants, from `scope` and `scp`.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &str> {
        let scope = self.scope.as_deref().into_iter();
        let scp = self.scp.iter().flat_map(Strings::iter);
        scope.chain(scp).flat_map(|scopes| scopes.split(' ')).filter(|scope| !scope.is_empty())
    }
}

/// A string or a list of strings, like `aud`
/// ([RFC 7519 §4.1.3](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3)).
pub(crate) enum Strings<'a> {
    /// A single string.
    One(Text<'a>),
    /// A list.
    Many(Vec<Text<'a>>),
}

impl Strings<'_> {
    /// Returns the strings.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let strings = match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        };
        strings.iter().map(|text| &**text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Strings<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringsVisitor;

        impl<'de> Visitor<'de> for StringsVisitor {
            type Value = Strings<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Strings::One(Text(text.into())))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Strings::One(Text(text.to_owned().into())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut strings = Vec::new();
                while let Some(text) = list.next_element()? {
                    strings.push(text);
                }
                Ok(Strings::Many(strings))
            }
        }

        deserializer.deserialize_any(StringsVisitor)
    }
}

/// Seconds since 1970, possibly with a fraction
/// ([RFC 7519 §2](https://www.rfc-editor.org/rfc/rfc7519#section-2)).
///
/// Whole seconds are exact up to 2⁵³.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct NumericDate(pub(crate) f64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Without arbitrary-precision numbers, serde_json reads only finite ones.
        f64::deserialize(deserializer).map(Self)
    }
}
