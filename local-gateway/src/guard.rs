//! Refuses requests that another web page makes, so that no page elsewhere can drive this program.
//!
//! A server on loopback can be reached by every page in the user's browser. A page on a name that
//! resolves to 127.0.0.1 sends another `Host`. A page of another origin sends another `Origin`, or at
//! least `Sec-Fetch-Site`. Programs such as curl send neither of the latter.
//!
//! - <https://fetch.spec.whatwg.org/#origin-header>
//! - <https://www.w3.org/TR/fetch-metadata/>

use std::net::SocketAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Foreign {
    #[error("the Host header is not this server's address")]
    Host,
    #[error("the request comes from a web page of another origin")]
    Origin,
}

/// Checks that a request to the server at `address` does not come from a foreign page.
pub(crate) fn check(address: SocketAddr, headers: &HeaderMap) -> Result<(), Foreign> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let hosts = [address.to_string(), format!("localhost:{}", address.port())];
    let host = text(HOST.as_str()).ok_or(Foreign::Host)?;
    if headers.get_all(HOST).iter().count() != 1 || !hosts.iter().any(|own| own == host) {
        return Err(Foreign::Host);
    }
    if text(ORIGIN.as_str()).is_some_and(|origin| origin != format!("http://{host}")) {
        return Err(Foreign::Origin);
    }
    match text("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(Foreign::Origin),
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn accepts_only_its_own_address_and_its_own_pages() {
        let host = Err(Foreign::Host);
        let origin = Err(Foreign::Origin);
        const OWN: (&str, &str) = ("host", "127.0.0.1:8700");
        const NAME: (&str, &str) = ("host", "localhost:8700");
        type Headers = &'static [(&'static str, &'static str)];
        let cases: [(Headers, Result<(), Foreign>); 17] = [
            (&[OWN], Ok(())),
            (&[NAME], Ok(())),
            (&[], host),
            (&[("host", "127.0.0.1")], host),
            (&[("host", "127.0.0.1:8701")], host),
            (&[("host", "rebound.example:8700")], host),
            (&[("host", "127.0.0.1:8700.example")], host),
            (&[OWN, ("host", "rebound.example")], host),
            (&[OWN, ("origin", "http://127.0.0.1:8700")], Ok(())),
            (&[NAME, ("origin", "http://localhost:8700")], Ok(())),
            (&[OWN, ("origin", "http://localhost:8700")], origin),
            (&[OWN, ("origin", "https://127.0.0.1:8700")], origin),
            (&[OWN, ("origin", "http://127.0.0.1:8701")], origin),
            (&[OWN, ("origin", "null")], origin),
            (&[OWN, ("sec-fetch-site", "same-origin")], Ok(())),
            (&[OWN, ("sec-fetch-site", "same-site")], origin),
            (&[OWN, ("sec-fetch-site", "cross-site")], origin),
        ];
        let address = SocketAddr::from(([127, 0, 0, 1], 8700));
        for (sent, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in sent {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(check(address, &headers), expected, "{sent:?}");
        }
    }
}
