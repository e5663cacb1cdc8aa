//! Patterns of routes: their wildcards, and the spellings of what they match.

use super::spelling::is_ambiguous;

/// The patterns of policy resources that a pattern becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spellings {
    /// The patterns to allow while a rule is met: the pattern in each spelling, and nothing else.
    pub allowed: Vec<String>,
    /// The patterns to deny while it is not met: at least the pattern in each spelling.
    pub denied: Vec<String>,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    /// Every request that it matches would be refused.
    #[error(
        "has a path that is always refused (an empty, \".\" or \"..\" segment, a slash at the end, ;, \\, #, or an encoded letter or digit)"
    )]
    Ambiguous,
    /// It has a percent sign without a code. With a wildcard after it, an Allow would match a part of
    /// an encoded character.
    #[error("has a % without two hexadecimal digits after it (write * for any characters)")]
    IncompleteCode,
    /// It has too many characters that a request may send encoded or not.
    #[error(
        "has more than {MAX_VARIABLE_CHARACTERS} characters that a request may send encoded or not (?, @, : and the like); write * for some of them"
    )]
    TooManySpellings,
}

/// Each of these multiplies the patterns of a rule by two or three.
const MAX_VARIABLE_CHARACTERS: usize = 3;

impl Spellings {
    /// Spells a pattern of a method and a path.
    ///
    /// # Errors
    ///
    /// [`PatternError`].
    pub(super) fn of(method: &str, path: &str) -> Result<Self, PatternError> {
        // A `?` in a path is ambiguous, but here it is a wildcard.
        if is_ambiguous(&path.replace('?', "*")) {
            return Err(PatternError::Ambiguous);
        }
        let characters = characters_of(path);
        if characters.iter().any(|character| matches!(character, Character::Encoded("%"))) {
            return Err(PatternError::IncompleteCode);
        }
        let is_variable = |character: &&Character<'_>| {
            matches!(character, Character::Reserved(_) | Character::AnyOne)
        };
        if characters.iter().filter(is_variable).count() > MAX_VARIABLE_CHARACTERS {
            return Err(PatternError::TooManySpellings);
        }
        Ok(Self {
            allowed: combinations(method, &characters, |character| character.allowed()),
            denied: combinations(method, &characters, |character| character.denied()),
        })
    }
}

/// A character of a pattern's path, by the forms that it can have in a request.
enum Character<'p> {
    /// A character with one form, or the wildcard `*`.
    Fixed(&'p str),
    /// A character that clients send as it is or encoded, for example `@`.
    Reserved(char),
    /// The wildcard `?`.
    AnyOne,
    /// A character that clients always encode, for example `é`.
    Encoded(&'p str),
}

impl Character<'_> {
    /// Returns the forms of the character, as patterns that match nothing else.
    fn allowed(&self) -> Vec<String> {
        match self {
            Self::Fixed(text) | Self::Encoded(text) => vec![(*text).to_owned()],
            Self::AnyOne => vec!["?".to_owned()],
            Self::Reserved(character) => {
                let code = format!("%{:02X}", u32::from(*character));
                let mut forms = vec![character.to_string(), code.to_lowercase(), code];
                forms.dedup();
                forms
            }
        }
    }

    /// Returns patterns that match each form of the character. They may match more, which keeps the
    /// policy short.
    fn denied(&self) -> Vec<String> {
        match self {
            Self::Fixed(text) => vec![(*text).to_owned()],
            Self::Encoded(_) => vec!["*".to_owned()],
            // Encoded, a character has one code for each of its bytes.
            Self::AnyOne => vec!["?".to_owned(), "%*".to_owned()],
            Self::Reserved(character) => {
                let code = format!("%{:02X}", u32::from(*character));
                // A letter of the code may be in upper or lower case.
                let code = code.replace(|digit: char| digit.is_ascii_uppercase(), "?");
                vec![character.to_string(), code]
            }
        }
    }
}

fn characters_of(path: &str) -> Vec<Character<'_>> {
    let mut characters = Vec::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        let code = rest.strip_prefix('%').and_then(|code| code.get(..2));
        let code = code.filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let decoded = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        let length = if decoded.is_some() { 3 } else { first.len_utf8() };
        let (text, after) = rest.split_at(length);
        characters.push(match decoded.map_or(first, char::from) {
            '?' => Character::AnyOne,
            reserved if "!$&'()+,:=@".contains(reserved) => Character::Reserved(reserved),
            plain if decoded.is_none() && is_plain(plain) => Character::Fixed(text),
            _ => Character::Encoded(text),
        });
        rest = after;
    }
    characters
}

/// Returns whether a character is unreserved, a slash or `*`.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~/*".contains(character)
}

/// Returns every combination of the characters' forms.
fn combinations(
    method: &str,
    path: &[Character<'_>],
    forms: impl Fn(&Character<'_>) -> Vec<String>,
) -> Vec<String> {
    let mut spellings = vec![method.to_owned()];
    for character in path {
        let forms = forms(character);
        let mut longer = Vec::new();
        for spelling in &spellings {
            longer.extend(forms.iter().map(|form| [spelling, form.as_str()].concat()));
        }
        spellings = longer;
    }
    spellings
}

/// Returns whether a pattern of policy resources matches a route.
///
/// It goes back only to the last `*`, so the time is at most the length of the route times that of
/// the pattern.
pub(super) fn matches(pattern: &str, route: &str) -> bool {
    let (pattern, route) = (pattern.as_bytes(), route.as_bytes());
    let (mut p, mut r) = (0, 0);
    // Where the pattern goes on after the last `*`, and where the characters that it matches end.
    let mut last_star: Option<(usize, usize)> = None;
    while r < route.len() {
        match (pattern.get(p), last_star) {
            (Some(b'*'), _) => {
                p += 1;
                last_star = Some((p, r));
            }
            (Some(b'?'), _) => {
                p += 1;
                r += length_of_character(route[r]);
            }
            (Some(byte), _) if *byte == route[r] => {
                p += 1;
                r += 1;
            }
            (_, Some((after_star, end))) => {
                p = after_star;
                r = end + length_of_character(route[end]);
                last_star = Some((after_star, r));
            }
            (_, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Returns the bytes of the UTF-8 character that starts with `first`.
fn length_of_character(first: u8) -> usize {
    match first {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0.. => 4,
    }
}
