//! Reads any kind of authorizer event into one type of request.
//!
//! `type` and then `version` say which kind it is, never the fields that are present: a payload 1.0
//! event of an HTTP API has the fields of a TOKEN event too. The request borrows from the event and
//! skips what is not needed. Null counts as absent, and so does a value in the maps that is neither a
//! string nor a list.
//!
//! See [Lambda authorizer input for REST](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html),
//! [for WebSocket](https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html)
//! and [for HTTP APIs](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html).

mod certificate;

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::arn::MethodArn;
use crate::error::Error;
use crate::hints;
use crate::json::{Text, object};

/// The kind of an event, which decides the form of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// The `$connect` of a WebSocket API.
    WebSocket,
    /// A REST API's REQUEST authorizer.
    RestRequest,
    /// A REST API's TOKEN authorizer.
    RestToken,
    /// An HTTP API with payload format 1.0.
    HttpApi1,
    /// An HTTP API with payload format 2.0.
    HttpApi2,
}

impl EventKind {
    /// Returns the kind's name in log lines.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::RestRequest => "rest_request",
            Self::RestToken => "rest_token",
            Self::HttpApi1 => "http_api_1.0",
            Self::HttpApi2 => "http_api_2.0",
        }
    }
}

/// A request that API Gateway asks about.
pub(crate) struct AuthorizerRequest<'a> {
    /// The kind of the event.
    pub kind: EventKind,
    /// The route that the request is for.
    pub arn: MethodArn<'a>,
    event: Event<'a>,
}

/// The fields that are read, of any authorizer event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    method_arn: Option<Text<'a>>,
    #[serde(borrow)]
    route_arn: Option<Text<'a>>,
    #[serde(borrow)]
    authorization_token: Option<Text<'a>>,
    #[serde(borrow, default)]
    headers: Entries<'a>,
    #[serde(borrow, default)]
    multi_value_headers: Entries<'a>,
    #[serde(borrow, default)]
    query_string_parameters: Entries<'a>,
    #[serde(borrow, default)]
    multi_value_query_string_parameters: Entries<'a>,
    #[serde(borrow)]
    cookies: Option<&'a RawValue>,
    #[serde(borrow)]
    identity_source: Option<&'a RawValue>,
    /// Read only for a token that is bound to a certificate.
    #[serde(borrow)]
    request_context: Option<&'a RawValue>,
}

impl<'a> AuthorizerRequest<'a> {
    /// Reads an event's JSON.
    ///
    /// # Errors
    ///
    /// [`Error::UnusableEvent`] if it is not an authorizer event.
    pub(crate) fn parse(json: &'a str) -> Result<Self, Error> {
        let event: Event<'a> = object(json).ok_or(Error::unusable_event(
            "the event is not a JSON object, or a field of an authorizer event is repeated or of the wrong type",
        ))?;
        let kind = match (event.kind.as_deref(), event.version.as_deref()) {
            (Some("TOKEN"), _) => EventKind::RestToken,
            (Some("REQUEST"), Some("2.0")) => EventKind::HttpApi2,
            (Some("REQUEST"), Some("1.0")) => EventKind::HttpApi1,
            (Some("REQUEST"), _) => EventKind::RestRequest,
            _ => {
                return Err(Error::UnusableEvent {
                    fault: "the event's type is neither TOKEN nor REQUEST",
                    hint: Some(hints::event(json)),
                });
            }
        };
        let arn = if kind == EventKind::HttpApi2 { &event.route_arn } else { &event.method_arn };
        let Text(arn) =
            arn.clone().ok_or(Error::unusable_event("the event names no methodArn or routeArn"))?;
        let arn = MethodArn::parse(arn)?;
        let kind = if kind == EventKind::RestRequest && arn.is_connect() {
            EventKind::WebSocket
        } else {
            kind
        };
        Ok(Self { kind, arn, event })
    }

    /// Returns the token header of a TOKEN event, which has no other headers.
    pub(crate) fn authorization_token(&self) -> impl Iterator<Item = Text<'a>> {
        let token = self.event.authorization_token.clone();
        token.filter(|_| self.kind == EventKind::RestToken).into_iter()
    }

    /// Returns every value of a header. The case of its name does not matter.
    pub(crate) fn header<'s>(&'s self, name: &'s str) -> impl Iterator<Item = Text<'a>> {
        let fits = move |key: &str| key.eq_ignore_ascii_case(name);
        values(&self.event.headers, &self.event.multi_value_headers, fits)
    }

    /// Returns every value of a query string parameter.
    pub(crate) fn query<'s>(&'s self, name: &'s str) -> impl Iterator<Item = Text<'a>> {
        let (single, multiple) =
            (&self.event.query_string_parameters, &self.event.multi_value_query_string_parameters);
        values(single, multiple, move |key| key == name)
    }

    /// Returns payload 2.0's list of cookies.
    pub(crate) fn cookie_list(&self) -> impl Iterator<Item = Text<'a>> {
        self.event.cookies.into_iter().flat_map(strings)
    }

    /// Returns whether API Gateway's cache key is known and does not contain a token.
    ///
    /// HTTP APIs put the values of the identity sources, their cache key, into the event: payload
    /// 2.0 as a list, payload 1.0 joined by commas.
    pub(crate) fn identity_source_lacks(&self, token: &str) -> bool {
        let Some(source) = self.event.identity_source else { return false };
        // JSON never escapes a character of a JWT, so the text of the list can be compared. Nearly
        // always the token is at its end, where it is found faster than by a search.
        let json = source.get();
        if json.trim_end_matches(['"', ']']).ends_with(token) || json.contains(token) {
            return false;
        }
        strings(source).any(|value| !value.is_empty())
    }
}

/// A map from names to strings or to lists of strings. It keeps the order and the repeated names.
/// A value is read when it is asked for.
#[derive(Default)]
struct Entries<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'a> Entries<'a> {
    /// About the number of headers that a browser and CloudFront send together.
    const USUAL: usize = 24;

    fn of(&self, fits: impl Fn(&str) -> bool) -> impl Iterator<Item = &'a RawValue> {
        self.0.iter().filter(move |(key, _)| fits(key)).map(|(_, value)| *value)
    }
}

/// Returns the values of the fitting names, from a map of single values and a map of lists.
///
/// API Gateway sends nearly every value in both maps. A list that only repeats the single value is
/// skipped: to read a token twice takes up to 2 % of a request.
fn values<'e, 'a>(
    single: &'e Entries<'a>,
    multiple: &'e Entries<'a>,
    fits: impl Fn(&str) -> bool + Copy + 'e,
) -> impl Iterator<Item = Text<'a>> {
    let is_new = move |list: &&RawValue| !single.of(fits).any(|value| repeats(list, value));
    single.of(fits).chain(multiple.of(fits).filter(is_new)).flat_map(strings)
}

/// Returns whether a JSON list has one item, and that is written as `value` is.
fn repeats(list: &RawValue, value: &RawValue) -> bool {
    let item = list.get().strip_prefix('[').and_then(|list| list.strip_suffix(']'));
    item == Some(value.get())
}

/// Returns the string that a value is, or the strings of a list. Anything else has none.
fn strings<'a>(value: &'a RawValue) -> impl Iterator<Item = Text<'a>> {
    let json = value.get();
    let (one, list) = if json.starts_with('[') {
        (None, serde_json::from_str::<Vec<&RawValue>>(json).unwrap_or_default())
    } else {
        (string(value), Vec::new())
    };
    one.into_iter().chain(list.into_iter().filter_map(string))
}

/// Returns the string that a value is. Without an escape, it is the text between the quotes.
fn string<'a>(value: &'a RawValue) -> Option<Text<'a>> {
    let json = value.get();
    let quoted = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
    match quoted {
        Some(text) if memchr(b'\\', text.as_bytes()).is_none() => Some(Text(Cow::Borrowed(text))),
        _ => serde_json::from_str(json).ok(),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map or null")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Entries::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    // Many maps are empty and need no memory.
                    if entries.is_empty() {
                        entries.reserve(Entries::USUAL);
                    }
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_any(EntriesVisitor)
    }
}

#[cfg(test)]
mod tests;
