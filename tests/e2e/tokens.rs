//! What requests bring: claims a little off, compact serializations of anything.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local_gateway::issuer::Issuer;
use local_gateway::request::Request;
use serde_json::Value;

/// The issuer's good claims, some of them replaced.
pub(crate) fn claims_with(issuer: &Issuer, replaced: Value) -> Value {
    let mut claims = issuer.claims();
    let Value::Object(replaced) = replaced else { panic!("not an object: {replaced}") };
    claims.as_object_mut().unwrap().extend(replaced);
    claims
}

/// The issuer's good claims without one of them.
pub(crate) fn claims_without(issuer: &Issuer, name: &str) -> Value {
    let mut claims = issuer.claims();
    claims.as_object_mut().unwrap().remove(name).expect("the claim is there to begin with");
    claims
}

/// A token of good claims, some of them replaced.
pub(crate) fn token_with(issuer: &Issuer, replaced: Value) -> String {
    issuer.token(&claims_with(issuer, replaced))
}

/// A token of good claims.
pub(crate) fn good_token(issuer: &Issuer) -> String {
    issuer.token(&issuer.claims())
}

/// A WebSocket handshake with a token in its `Authorization` header.
pub(crate) fn connect(token: &str) -> Value {
    Request::handshake().bearer(token).websocket_connect()
}

/// A JWS in compact serialization, whatever its parts are.
pub(crate) fn compact(header: &[u8], payload: &[u8], signature: &[u8]) -> String {
    format!("{}.{}", signing_input(header, payload), URL_SAFE_NO_PAD.encode(signature))
}

/// What the signature of such a JWS is over.
pub(crate) fn signing_input(header: &[u8], payload: &[u8]) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

/// A token of exactly so many characters, made by `token` of a filler for its header and one for
/// its payload.
///
/// One part alone cannot reach every length: base64 is never one more than a multiple of four
/// characters long.
pub(crate) fn token_of_length(length: usize, token: impl Fn(&str, &str) -> String) -> String {
    // Four characters hold three bytes.
    let missing = (length - token("", "").len()) / 4 * 3;
    let fillers = ["", "x", "xx"].into_iter().flat_map(|header| {
        (missing - 3..=missing + 3).map(move |payload| (header, "x".repeat(payload)))
    });
    let mut tokens = fillers.map(|(header, payload)| token(header, &payload));
    tokens.find(|token| token.len() == length).expect("some token has this length")
}
