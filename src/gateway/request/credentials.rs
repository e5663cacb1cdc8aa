//! Where in a request the token is.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr_iter;

use super::event::{AuthorizerRequest, EventKind};
use crate::error::Error;
use crate::json::Text;

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

/// The token of a request, and how the client sent it.
pub struct Credential<'a> {
    /// The token, not yet decoded.
    pub token: Cow<'a, str>,
    /// The marker to echo, if the client offered the token as a subprotocol.
    pub subprotocol: Option<&'a str>,
    /// Whether the client sent the token on purpose.
    pub delivery: Delivery,
}

/// How a token came with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// In a header, a query parameter or a subprotocol, which a client sets on purpose.
    Explicit,
    /// In a cookie and nowhere else. A browser sends cookies with requests from any page.
    CookieOnly,
}

/// Finds the one token of a request.
///
/// The same token may be in several places. A request with two different tokens is refused, because
/// another party, in front of this function or behind it, may choose the other one.
///
/// A token that API Gateway's cache key does not contain is refused as well. Its Allow would be
/// cached under values that prove nothing, and anybody who repeats those values would get it.
///
/// # Errors
///
/// [`Error::MissingToken`] if there is no token. [`Error::MalformedToken`] if there are two, or if
/// the cache key may not contain the token.
pub fn find_credential<'a>(
    request: &AuthorizerRequest<'a>,
    sources: &'a [TokenSource],
) -> Result<Credential<'a>, Error> {
    let mut search = Search { found: None, header_without_bearer: false };
    for source in sources {
        match source {
            TokenSource::Header(name) => search.in_header(request, name)?,
            TokenSource::Query(name) => search.in_query(request, name)?,
            TokenSource::Cookie(name) => search.in_cookies(request, name)?,
            TokenSource::Subprotocol(marker) => search.in_subprotocols(request, marker)?,
        }
    }
    let Some(credential) = search.found else {
        return Err(missing(sources, search.header_without_bearer));
    };
    if search.header_without_bearer {
        return Err(HEADER_WITHOUT_BEARER);
    }
    if request.identity_source_lacks(&credential.token) {
        return Err(NOT_IN_IDENTITY_SOURCE);
    }
    Ok(credential)
}

const TWO_TOKENS: Error = Error::MalformedToken("the request contains two different tokens");
const TWO_VALUES: Error = Error::MalformedToken(
    "the request contains two different values of the header, cookie line or parameter with the token",
);
const HEADER_WITHOUT_BEARER: Error = Error::MalformedToken(
    "the token is elsewhere, but a header of AUTHORIZER_TOKEN_SOURCES is present without the Bearer scheme",
);
const NOT_IN_IDENTITY_SOURCE: Error = Error::MalformedToken(
    "the event's identitySource does not contain the token; list the place of the token as an identity source",
);

/// What the sources that were searched so far contain.
struct Search<'a> {
    found: Option<Credential<'a>>,
    /// Whether a configured header is present that is not `Bearer` and a token.
    header_without_bearer: bool,
}

impl<'a> Search<'a> {
    fn in_header(&mut self, request: &AuthorizerRequest<'a>, name: &str) -> Result<(), Error> {
        let mut values = request.authorization_token().into_iter().chain(request.header(name));
        let Some(first) = values.next() else { return Ok(()) };
        if values.any(|value| *value != *first) {
            return Err(TWO_VALUES);
        }
        match narrow(first.0, after_bearer) {
            Some(token) => self.add(token, None, Delivery::Explicit),
            None => {
                self.header_without_bearer = true;
                Ok(())
            }
        }
    }

    fn in_query(&mut self, request: &AuthorizerRequest<'a>, name: &str) -> Result<(), Error> {
        let values: Vec<_> = request.query(name).collect();
        if values.iter().all(|value| value.trim().is_empty()) {
            return Ok(());
        }
        if differ(&values) {
            return Err(TWO_VALUES);
        }
        for token in values.into_iter().take(1).filter_map(|value| narrow(value.0, not_empty)) {
            self.add(token, None, Delivery::Explicit)?;
        }
        Ok(())
    }

    fn in_cookies(&mut self, request: &AuthorizerRequest<'a>, name: &str) -> Result<(), Error> {
        let lines: Vec<_> = request.header("cookie").collect();
        let has_token = lines.iter().any(|line| cookie_values(line, name).next().is_some());
        if has_token && differ(&lines) {
            return Err(TWO_VALUES);
        }
        for cookies in lines.into_iter().chain(request.cookie_list()) {
            for token in cookie_values(&cookies, name) {
                self.add(Cow::Owned(token.to_owned()), None, Delivery::CookieOnly)?;
            }
        }
        Ok(())
    }

    fn in_subprotocols(
        &mut self,
        request: &AuthorizerRequest<'a>,
        marker: &'a str,
    ) -> Result<(), Error> {
        // Outside of a handshake it is a header like any other, and in no cache key.
        if request.kind != EventKind::WebSocket {
            return Ok(());
        }
        for offer in request.header("sec-websocket-protocol") {
            for token in after_marker(offer.0, marker) {
                self.add(token, Some(marker), Delivery::Explicit)?;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        token: Cow<'a, str>,
        subprotocol: Option<&'a str>,
        delivery: Delivery,
    ) -> Result<(), Error> {
        match &mut self.found {
            None => self.found = Some(Credential { token, subprotocol, delivery }),
            Some(found) if found.token == token => {
                found.subprotocol = found.subprotocol.or(subprotocol);
                if delivery == Delivery::Explicit {
                    found.delivery = delivery;
                }
            }
            Some(_) => return Err(TWO_TOKENS),
        }
        Ok(())
    }
}

fn differ(values: &[Text<'_>]) -> bool {
    values.windows(2).any(|pair| *pair[0] != *pair[1])
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

/// Returns the values of a cookie in a `Cookie` header
/// ([RFC 6265 §4.2](https://www.rfc-editor.org/rfc/rfc6265#section-4.2)).
fn cookie_values<'l>(line: &'l str, name: &str) -> impl Iterator<Item = &'l str> {
    line.split(';').filter_map(move |cookie| {
        let (key, value) = cookie.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (key.trim() == name && !value.is_empty()).then_some(value)
    })
}

fn missing(sources: &[TokenSource], header_without_bearer: bool) -> Error {
    let sources: Vec<_> = sources.iter().map(ToString::to_string).collect();
    Error::MissingToken {
        sources: sources.join(", "),
        hint: if header_without_bearer {
            "; the header is there, but is not \"Bearer\" and a token"
        } else {
            ""
        },
    }
}

#[cfg(test)]
mod tests;
