//! Headers of an integration's response that do not reach the client as they are.

use hyper::HeaderMap;
use hyper::header::{CONTENT_LENGTH, HeaderName, WWW_AUTHENTICATE};

/// What a REST API renames a `WWW-Authenticate` header of an integration to. Only gateway responses
/// can send the header itself.
///
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>
const REMAPPED: HeaderName = HeaderName::from_static("x-amzn-remapped-www-authenticate");

/// Headers that are about one connection (RFC 9110 §7.6.1).
const OF_CONNECTION: [&str; 5] =
    ["connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"];

/// Removes what is about the connection to the integration, or about the length of its message.
pub(crate) fn without_connection(mut headers: HeaderMap) -> HeaderMap {
    for name in OF_CONNECTION {
        headers.remove(name);
    }
    headers.remove(CONTENT_LENGTH);
    headers
}

/// Renames `WWW-Authenticate` as a REST API does.
pub(crate) fn remap_challenge(headers: &mut HeaderMap) {
    if let Some(challenge) = headers.remove(WWW_AUTHENTICATE) {
        headers.insert(REMAPPED, challenge);
    }
}
