//! Finds the token of a request.

use std::fmt;

use super::event::{AuthorizerRequest, EventKind};
use crate::error::Error;
use crate::hints;
use crate::json::Text;

/// A place in a request where a token may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// A header with the `Bearer` scheme
    /// ([RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)),
    /// or a TOKEN event's `authorizationToken`.
    Header(String),
    /// A query string parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
    /// The subprotocol that the client offers after this marker. A browser sends it for
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
pub(crate) struct Credential<'a> {
    /// The token, not yet decoded.
    pub token: String,
    /// The marker to echo, if the client offered the token as a subprotocol.
    pub subprotocol: Option<&'a str>,
    /// How the client sent the token.
    pub delivery: Delivery,
}

/// How a token came with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// In a header, a query parameter or a subprotocol, which a client sets on purpose.
    Explicit,
    /// In a cookie and nowhere else. A browser sends cookies with requests from any page.
    CookieOnly,
}

/// Finds the one token of a request.
///
/// The same token may be in several places. A request with two different tokens is refused, because
/// a proxy in front of this function, or the API behind it, may use the other one.
///
/// A token that is not in API Gateway's cache key is refused as well. A client without the token
/// could send the same cache key, and would get the cached Allow.
///
/// # Errors
///
/// [`Error::MissingToken`] if there is no token. [`Error::MalformedToken`] if there are two, or if
/// the token is possibly not in the cache key.
pub(crate) fn find_credential<'a>(
    request: &AuthorizerRequest<'_>,
    sources: &'a [TokenSource],
) -> Result<Credential<'a>, Error> {
    let mut search = Search { found: None, other_value: false };
    for source in sources {
        match source {
            TokenSource::Header(name) => search.in_header(request, name)?,
            TokenSource::Query(name) => search.in_query(request, name)?,
            TokenSource::Cookie(name) => search.in_cookies(request, name)?,
            TokenSource::Subprotocol(marker) => search.in_subprotocols(request, marker)?,
        }
    }
    let Some(credential) = search.found else {
        return Err(missing(request, sources));
    };
    if search.other_value {
        return Err(OTHER_VALUE);
    }
    if request.identity_source_lacks(&credential.token) {
        return Err(NOT_IN_IDENTITY_SOURCE);
    }
    Ok(credential)
}

const CONFLICTING_TOKENS: Error =
    Error::malformed_token("the request contains two different tokens");
const CONFLICTING_VALUES: Error = Error::malformed_token(
    "the request contains two different values of the header, the parameter or the cookies with the token",
);
const OTHER_VALUE: Error = Error::malformed_token(
    "the token is elsewhere, but a header of AUTHORIZER_TOKEN_SOURCES is present without the Bearer scheme, or a parameter is blank",
);
const NOT_IN_IDENTITY_SOURCE: Error = Error::malformed_token(
    "the event's identitySource does not contain the token; list the place of the token as an identity source",
);

/// What the sources that were searched so far contain.
struct Search<'a> {
    found: Option<Credential<'a>>,
    /// Whether a configured header or parameter has a value that is not a token.
    other_value: bool,
}

impl<'a> Search<'a> {
    fn in_header(&mut self, request: &AuthorizerRequest<'_>, name: &str) -> Result<(), Error> {
        let values: Vec<_> = request.authorization_token().chain(request.header(name)).collect();
        if differ(&values) {
            return Err(CONFLICTING_VALUES);
        }
        match values.first().map(|value| after_bearer(value)) {
            None => Ok(()),
            Some(Some(token)) => self.add(token, None, Delivery::Explicit),
            Some(None) => {
                self.other_value = true;
                Ok(())
            }
        }
    }

    fn in_query(&mut self, request: &AuthorizerRequest<'_>, name: &str) -> Result<(), Error> {
        let values: Vec<_> = request.query(name).collect();
        let Some(token) = values.iter().find_map(|value| not_empty(value)) else {
            // An empty value cannot be in a cache key, but white space can.
            self.other_value |= values.iter().any(|value| !value.is_empty());
            return Ok(());
        };
        if differ(&values) {
            return Err(CONFLICTING_VALUES);
        }
        self.add(token, None, Delivery::Explicit)
    }

    fn in_cookies(&mut self, request: &AuthorizerRequest<'_>, name: &str) -> Result<(), Error> {
        let lines: Vec<_> = request.header("cookie").collect();
        let has_token = lines.iter().any(|line| cookie_values(line, name).next().is_some());
        if has_token && differ(&lines) {
            return Err(CONFLICTING_VALUES);
        }
        for cookies in lines.into_iter().chain(request.cookie_list()) {
            for token in cookie_values(&cookies, name) {
                self.add(token, None, Delivery::CookieOnly)?;
            }
        }
        Ok(())
    }

    fn in_subprotocols(
        &mut self,
        request: &AuthorizerRequest<'_>,
        marker: &'a str,
    ) -> Result<(), Error> {
        // In any other request, this header is not for subprotocols, and not in a cache key.
        if request.kind != EventKind::WebSocket {
            return Ok(());
        }
        for offer in request.header("sec-websocket-protocol") {
            for token in protocols_after(&offer, marker) {
                self.add(token, Some(marker), Delivery::Explicit)?;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        token: &str,
        subprotocol: Option<&'a str>,
        delivery: Delivery,
    ) -> Result<(), Error> {
        match &mut self.found {
            None => {
                let token = token.to_owned();
                self.found = Some(Credential { token, subprotocol, delivery });
            }
            Some(found) if found.token == token => {
                found.subprotocol = found.subprotocol.or(subprotocol);
                if delivery == Delivery::Explicit {
                    found.delivery = delivery;
                }
            }
            Some(_) => return Err(CONFLICTING_TOKENS),
        }
        Ok(())
    }
}

fn differ(values: &[Text<'_>]) -> bool {
    values.windows(2).any(|pair| *pair[0] != *pair[1])
}

/// Returns what follows the `Bearer` scheme. The scheme's name is not case-sensitive
/// ([RFC 9110 §11.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.1)).
fn after_bearer(header: &str) -> Option<&str> {
    let (scheme, token) = trimmed(header).split_once(' ')?;
    if scheme.eq_ignore_ascii_case("Bearer") { not_empty(token) } else { None }
}

fn not_empty(text: &str) -> Option<&str> {
    Some(trimmed(text)).filter(|text| !text.is_empty())
}

/// Removes the optional white space of HTTP around a value, and no other white space
/// ([RFC 9110 §5.6.3](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.3)).
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Returns each subprotocol that follows `marker` in a list. RFC 6455 forbids a repeated marker, but
/// a client may send one.
fn protocols_after<'o>(offer: &'o str, marker: &str) -> impl Iterator<Item = &'o str> {
    let mut previous = "";
    offer.split(',').map(trimmed).filter(move |protocol| {
        let follows_marker = std::mem::replace(&mut previous, protocol) == marker;
        follows_marker && !protocol.is_empty()
    })
}

/// Returns the values of a cookie in a `Cookie` header
/// ([RFC 6265 §4.2](https://www.rfc-editor.org/rfc/rfc6265#section-4.2)).
fn cookie_values<'l>(line: &'l str, name: &str) -> impl Iterator<Item = &'l str> {
    line.split(';').filter_map(move |cookie| {
        let (key, value) = cookie.split_once('=')?;
        let value = trimmed(value).trim_matches('"');
        (trimmed(key) == name && !value.is_empty()).then_some(value)
    })
}

#[cold]
fn missing(request: &AuthorizerRequest<'_>, sources: &[TokenSource]) -> Error {
    let names: Vec<_> = sources.iter().map(ToString::to_string).collect();
    let mut in_headers = sources.iter().flat_map(|source| match source {
        TokenSource::Header(name) => {
            request.authorization_token().chain(request.header(name)).next()
        }
        TokenSource::Query(_) | TokenSource::Cookie(_) | TokenSource::Subprotocol(_) => None,
    });
    let hint = hints::credential(in_headers.next().as_deref(), request.kind);
    Error::MissingToken { sources: names.join(", "), hint }
}

#[cfg(test)]
mod tests;
