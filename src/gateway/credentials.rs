//! Where in a request the token is.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr_iter;

use super::event::{AuthorizerRequest, EventKind};
use crate::error::Error;

/// A place that a token may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A header with the `Bearer` scheme
    /// ([RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)),
    /// or a TOKEN event's `authorizationToken`.
    Header(String),
    /// A query string parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
    /// The subprotocol offered after this marker: what a browser can send with
    /// `new WebSocket(url, [marker, token])`.
    Subprotocol(String),
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Subprotocol(marker) => write!(f, "subprotocol:{marker}"),
        }
    }
}

/// The token that a request brought, and how.
pub struct Credential<'a> {
    /// The token, not yet looked at.
    pub token: Cow<'a, str>,
    /// The marker to echo, where the token came as a subprotocol.
    pub subprotocol: Option<&'a str>,
    /// Whether a browser may have sent the token unasked, as it does cookies.
    pub ambient: bool,
}

/// Finds the one token in a request.
///
/// Sources are searched in order. The same token may stand in several places;
/// two different ones are refused, since whichever were chosen, a party before
/// or behind may choose the other.
///
/// # Errors
///
/// [`Error::MissingToken`] and, where there are two, [`Error::MalformedToken`].
pub fn find_credential<'a>(
    request: &AuthorizerRequest<'a>,
    sources: &'a [TokenSource],
) -> Result<Credential<'a>, Error> {
    let mut found: Option<Credential<'a>> = None;
    for source in sources {
        for token in tokens(request, source)? {
            let credential = match &mut found {
                None => found.insert(Credential { token, subprotocol: None, ambient: true }),
                Some(found) if found.token == token => found,
                Some(_) => return Err(TWO_TOKENS),
            };
            match source {
                TokenSource::Subprotocol(marker) => credential.subprotocol = Some(marker),
                TokenSource::Header(_) | TokenSource::Query(_) | TokenSource::Cookie(_) => {}
            }
            credential.ambient &= matches!(source, TokenSource::Cookie(_));
        }
    }
    found.ok_or_else(|| missing(request, sources))
}

const TWO_TOKENS: Error = Error::MalformedToken("the request brings two different tokens");

/// Returns the tokens that a source holds, as a rule none or one.
///
/// API Gateway caches by one value of a header, so a header with another beside it is refused even
/// where only one of them is a token: the answer would be cached for the one that proves nothing.
fn tokens<'a>(
    request: &AuthorizerRequest<'a>,
    source: &TokenSource,
) -> Result<Vec<Cow<'a, str>>, Error> {
    Ok(match source {
        TokenSource::Header(name) => {
            let mut values = request.authorization_token().into_iter().chain(request.header(name));
            let Some(first) = values.next() else { return Ok(Vec::new()) };
            if values.any(|value| *value != *first) {
                return Err(TWO_TOKENS);
            }
            narrow(first.0, after_bearer).into_iter().collect()
        }
        TokenSource::Query(name) => {
            request.query(name).filter_map(|value| narrow(value.0, not_empty)).collect()
        }
        TokenSource::Cookie(name) => {
            let cookies = request.cookies();
            cookies.flat_map(|line| cookie_values(line.0, name)).collect()
        }
        // Of any other request it is a header like another, and no part of a cache's key.
        TokenSource::Subprotocol(_) if request.kind != EventKind::WebSocket => Vec::new(),
        TokenSource::Subprotocol(marker) => {
            let offers = request.header("sec-websocket-protocol");
            offers.flat_map(|offer| after_marker(offer.0, marker)).collect()
        }
    })
}

/// Keeps a part of a text, borrowed where the text is.
fn narrow<'a>(text: Cow<'a, str>, part: impl Fn(&str) -> Option<&str>) -> Option<Cow<'a, str>> {
    match text {
        Cow::Borrowed(text) => part(text).map(Cow::Borrowed),
        Cow::Owned(text) => part(&text).map(|part| Cow::Owned(part.to_owned())),
    }
}

fn not_empty(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// Takes the credentials of the `Bearer` scheme, whose name has no case
/// ([RFC 9110 §11.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.1)).
fn after_bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    if scheme.eq_ignore_ascii_case("Bearer") { not_empty(token) } else { None }
}

/// Takes each subprotocol that follows `marker`: a list may not name one twice
/// ([RFC 6455 §4.1](https://www.rfc-editor.org/rfc/rfc6455#section-4.1)), but who
/// would stop it?
fn after_marker<'a>(offer: Cow<'a, str>, marker: &str) -> Vec<Cow<'a, str>> {
    match offer {
        Cow::Borrowed(offer) => protocols_after(offer, marker).map(Cow::Borrowed).collect(),
        Cow::Owned(offer) => {
            protocols_after(&offer, marker).map(|token| Cow::Owned(token.to_owned())).collect()
        }
    }
}

fn protocols_after<'o>(offer: &'o str, marker: &str) -> impl Iterator<Item = &'o str> {
    let mut follows_marker = false;
    protocols(offer).filter(move |protocol| {
        let follows = std::mem::replace(&mut follows_marker, *protocol == marker);
        follows && !protocol.is_empty()
    })
}

/// Splits an offer at its commas.
fn protocols(offer: &str) -> impl Iterator<Item = &str> {
    let commas = memchr_iter(b',', offer.as_bytes());
    let mut start = 0;
    commas.chain([offer.len()]).map(move |end| {
        let protocol = &offer[start..end];
        start = end + 1;
        protocol.trim()
    })
}

fn cookie_values<'a>(line: Cow<'a, str>, name: &str) -> Vec<Cow<'a, str>> {
    let value = |cookie: &str| -> Option<String> {
        let (key, value) = cookie.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (key.trim() == name && !value.is_empty()).then(|| value.to_owned())
    };
    line.split(';').filter_map(value).map(Cow::Owned).collect()
}

fn missing(request: &AuthorizerRequest<'_>, sources: &[TokenSource]) -> Error {
    let header_without_scheme = sources.iter().any(|source| match source {
        TokenSource::Header(name) => {
            request.authorization_token().is_some() || request.header(name).next().is_some()
        }
        TokenSource::Query(_) | TokenSource::Cookie(_) | TokenSource::Subprotocol(_) => false,
    });
    let sources: Vec<_> = sources.iter().map(ToString::to_string).collect();
    Error::MissingToken {
        sources: sources.join(", "),
        hint: if header_without_scheme {
            "; the header is there, but is not \"Bearer\" and a token"
        } else {
            ""
        },
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
