//! JSON objects and strings that borrow from the input, and that tell null from absent.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A JSON string, borrowed wherever it holds no escape.
///
/// `Option<Cow<str>>` would always copy, and would take null for absent.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<'a>(pub(crate) Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// Reads a JSON object. A derived type would also take the list of its members' values.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    let is_object = json.trim_ascii_start().starts_with('{');
    if is_object { serde_json::from_str(json).ok() } else { None }
}

/// Reads a JSON object from bytes, which must be UTF-8 throughout: the JSON reader itself would let
/// bytes that are no text pass in what it skips.
pub(crate) fn object_in_utf8<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    object(std::str::from_utf8(json).ok()?)
}

/// Reads a member that, where it is present, must have its type: null is an
/// error and not an absence.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Decodes base64url as [RFC 7515 §2](https://www.rfc-editor.org/rfc/rfc7515#section-2)
/// writes it: without padding, and with no bits left over, so that a token has
/// one form only.
pub(crate) fn decode_base64url(part: &str) -> Option<Vec<u8>> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part).ok()
}
