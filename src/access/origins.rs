//! Which web pages may send requests with a caller's token.
//!
//! A page of another site can open a WebSocket, because WebSockets have no CORS. It can also make a
//! browser send a request with the user's cookies: a form or a simple `fetch` needs no preflight,
//! and CORS only hides the response from the page.

use crate::error::{Error, ForeignOrigin};
use crate::excerpt::Excerpt;
use crate::gateway::request::{AuthorizerRequest, Delivery, EventKind};

/// The origins of the web pages that may send requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AllowedOrigins {
    /// Any, if the token does not come in a cookie. No origin at all, if it does.
    Unrestricted,
    /// Exactly these.
    Only(Vec<String>),
}

impl AllowedOrigins {
    /// Checks the origin of a WebSocket handshake, and of any request whose token came in a cookie
    /// only. Other requests pass: no page can make a browser send their token.
    ///
    /// Browsers send `Origin` with each handshake and with each request that is not a GET or HEAD
    /// ([Fetch §3.1](https://fetch.spec.whatwg.org/#origin-header)).
    pub(super) fn check(
        &self,
        request: &AuthorizerRequest<'_>,
        delivery: Delivery,
    ) -> Result<(), Error> {
        let allowed: &[String] = match (self, delivery) {
            (Self::Unrestricted, Delivery::Explicit) => return Ok(()),
            (Self::Only(_), Delivery::Explicit) if request.kind != EventKind::WebSocket => {
                return Ok(());
            }
            (Self::Unrestricted, Delivery::CookieOnly) => &[],
            (Self::Only(origins), _) => origins,
        };
        let mut origins = request.header("origin").peekable();
        if origins.peek().is_none() {
            return check_without_origin(request, delivery);
        }
        match origins.find(|origin| !allowed.iter().any(|allowed| **allowed == **origin)) {
            None => Ok(()),
            Some(origin) => Err(foreign(ForeignOrigin::NotAllowed(Excerpt::from(&*origin)))),
        }
    }
}

/// A handshake without `Origin` is not a browser's. With a cookie, any other request without one
/// must be safe ([RFC 9110 §9.2.1](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1)) and not
/// come from another site, as far as the browser says so
/// ([Fetch Metadata](https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header)).
fn check_without_origin(request: &AuthorizerRequest<'_>, delivery: Delivery) -> Result<(), Error> {
    if delivery == Delivery::Explicit {
        return Ok(());
    }
    if request.header("sec-fetch-site").any(|site| site.eq_ignore_ascii_case("cross-site")) {
        return Err(foreign(ForeignOrigin::CrossSite));
    }
    let is_safe = matches!(request.arn.method(), "GET" | "HEAD" | "OPTIONS");
    if is_safe || request.kind == EventKind::WebSocket {
        Ok(())
    } else {
        Err(foreign(ForeignOrigin::Missing))
    }
}

fn foreign(origin: ForeignOrigin) -> Error {
    Error::OriginNotAllowed(origin)
}
