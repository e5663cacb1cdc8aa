//! Text that somebody else wrote, shortened and escaped for messages.

use std::fmt::{self, Write};

/// The beginning of a text that somebody else wrote: a token, a key set, a discovery document, or an
/// error of the HTTP client, which can quote a server. It is short enough for a log entry.
///
/// Every message shows such a text through this type. `Display` and `Debug` escape every character
/// that could start a new line or change how a terminal shows the line, so nobody can forge a log
/// entry. [`Excerpt::as_str`] returns the raw text, for fields of log entries. The text format shows
/// fields with `Debug`, and JSON strings cannot contain a line break.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    /// Enough characters to identify an issuer, an audience or a key, and far fewer than a token has.
    const MAX_CHARS: usize = 128;

    /// Returns the first `max_chars` characters of a text.
    pub(crate) fn of(text: &str, max_chars: usize) -> Self {
        // A text never has more characters than bytes.
        if text.len() <= max_chars {
            return Self(text.to_owned());
        }
        match text.char_indices().nth(max_chars) {
            None => Self(text.to_owned()),
            Some((end, _)) => Self(format!("{}…", &text[..end])),
        }
    }

    /// Returns the raw text, without escapes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Excerpt {
    fn from(text: &str) -> Self {
        Self::of(text, Self::MAX_CHARS)
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            // The text has no quotes around it, so these need no escape.
            '"' | '\'' | '\\' => f.write_char(character),
            // Escapes control characters, line separators and bidi controls.
            _ => fmt::Display::fmt(&character.escape_debug(), f),
        })
    }
}

#[cfg(test)]
mod tests;
