//! Base64url, as JWS writes the parts of a token and the parameters of a key.

/// Decodes base64url without padding
/// ([RFC 7515 §2](https://www.rfc-editor.org/rfc/rfc7515#section-2)). Refuses bits that are left
/// over, so that a value has one form only.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}
