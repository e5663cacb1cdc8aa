//! The text of a token, and the header with it.

use super::Hint;
use crate::gateway::request::EventKind;

/// Recognizes why a request has no token, by the first header that has none after the `Bearer` scheme.
#[cold]
pub(crate) fn credential(header: Option<&str>, kind: EventKind) -> Option<Hint> {
    let text = header.unwrap_or_default().trim();
    if text.is_empty() && kind == EventKind::RestToken {
        Some(Hint::EMPTY_TOKEN_EVENT)
    } else if is_quoted(text) {
        Some(Hint::QUOTES)
    } else if text.starts_with("eyJ") && text.matches('.').count() == 2 {
        Some(Hint::BEARER_MISSING)
    } else {
        header.map(|_| Hint::NOT_BEARER)
    }
}

/// Recognizes what is wrong with a token that is not three parts of base64url.
#[cold]
pub(crate) fn token(token: &str) -> Option<Hint> {
    /// What escapes of a line break become if nothing decodes them.
    const ESCAPES: [&str; 4] = ["\\n", "\\r", "%0A", "%0D"];
    let starts_with_bearer = token.get(..6).is_some_and(|it| it.eq_ignore_ascii_case("Bearer"));
    let is_broken =
        token.contains(char::is_whitespace) || ESCAPES.iter().any(|escape| token.contains(escape));
    if starts_with_bearer {
        Some(Hint::BEARER_TWICE)
    } else if is_quoted(token) {
        Some(Hint::QUOTES)
    } else if is_broken {
        Some(Hint::LINE_BREAK)
    } else if token == "undefined" || token == "null" {
        Some(Hint::NO_VALUE)
    } else if token.starts_with("ya29.") {
        Some(Hint::GOOGLE_OPAQUE)
    } else {
        match token.matches('.').count() {
            0 => Some(Hint::OPAQUE),
            2 if token.contains(['+', '/', '=']) => Some(Hint::BASE64),
            4 => Some(Hint::ENCRYPTED),
            _ => None,
        }
    }
}

fn is_quoted(text: &str) -> bool {
    const QUOTES: [char; 5] = ['"', '\'', '`', '\u{201c}', '\u{201d}'];
    text.starts_with(QUOTES) || text.ends_with(QUOTES)
}
