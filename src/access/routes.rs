//! Scopes by route.
//!
//! Every rule that matches a route must be met, and a route that no rule matches is refused. So the
//! rules can be written as a whole into one policy, with an Allow for each rule that is met and an
//! explicit Deny for each that is not. API Gateway caches that policy, and it answers each of the
//! caller's routes as the function would.

use super::spelling::is_ambiguous;
use super::{check_scopes, missing_scope};
use crate::error::Error;
use crate::jwt::ClaimsSet;

/// Which scopes each route needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteScopes(pub Vec<RouteRule>);

/// The scopes that the routes of a pattern need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRule {
    pattern: String,
    /// The pattern in every spelling that [`is_ambiguous`] lets pass.
    spellings: Vec<String>,
    scopes: Vec<String>,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Every request that it matches would be refused.
    #[error(
        "has a path that is always refused (empty, \".\" and \"..\" segments, a slash at the end, ;, \\, # and encoded letters or digits)"
    )]
    Ambiguous,
    /// It has too many characters that may be encoded or not.
    #[error(
        "has more than {MAX_VARIABLE_CHARACTERS} characters that a request may send encoded or not (?, @, : and the like); write * for some of them"
    )]
    TooManySpellings,
}

/// Each of these doubles the entries of a rule in the policy.
const MAX_VARIABLE_CHARACTERS: usize = 3;

impl RouteRule {
    /// Makes the rule that routes with this method and path need all of `scopes`. A route key, for
    /// example `$connect`, is a method without a path.
    ///
    /// Method and path have the wildcards of policy resources: `*` for any number of characters,
    /// slashes included, `?` for one.
    ///
    /// # Errors
    ///
    /// [`PatternError`].
    pub fn new(method: &str, path: &str, scopes: Vec<String>) -> Result<Self, PatternError> {
        // A `?` matches any character, so it is not an ambiguous one.
        if is_ambiguous(&path.replace('?', "*")) {
            return Err(PatternError::Ambiguous);
        }
        Ok(Self { pattern: [method, path].concat(), spellings: spellings(method, path)?, scopes })
    }

    /// Returns the pattern as it was given.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Returns the scopes, all of which are needed.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Returns the patterns to deny while the rule is not met.
    pub(crate) fn spellings(&self) -> &[String] {
        &self.spellings
    }
}

/// Returns a pattern in every spelling that a request may use for the same route.
///
/// A character that may come as it is or encoded makes two patterns of one. A character that can
/// only come encoded becomes `*`, since its hexadecimal digits may be in upper or lower case.
fn spellings(method: &str, path: &str) -> Result<Vec<String>, PatternError> {
    let mut spellings = vec![method.to_owned()];
    let mut rest = path;
    while let Some((character, after)) = next_character(rest) {
        rest = after;
        let (form, encoded) = match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~' | '/' | '*' => {
                (character, None)
            }
            // The encoded form of any character: one `%` for each of its bytes.
            '?' => ('?', Some("%*".to_owned())),
            '!' | '$' | '&' | '\'' | '(' | ')' | '+' | ',' | ':' | '=' | '@' => {
                (character, Some(encoded(character)))
            }
            _ => ('*', None),
        };
        let further: Vec<_> = encoded
            .iter()
            .flat_map(|encoded| {
                spellings.iter().map(|spelling| [spelling, encoded.as_str()].concat())
            })
            .collect();
        spellings.iter_mut().for_each(|spelling| spelling.push(form));
        spellings.extend(further);
        if spellings.len() > 1 << MAX_VARIABLE_CHARACTERS {
            return Err(PatternError::TooManySpellings);
        }
    }
    Ok(spellings)
}

/// Splits off the first character of a path, decoded if it is encoded ASCII.
fn next_character(path: &str) -> Option<(char, &str)> {
    let mut characters = path.chars();
    let first = characters.next()?;
    let code = path.get(1..3).filter(|_| first == '%');
    match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
        None => Some((first, characters.as_str())),
        Some(byte) => Some((char::from(byte), &path[3..])),
    }
}

/// Percent-encodes an ASCII character, with `?` in place of a digit that has two cases.
fn encoded(character: char) -> String {
    let code = format!("%{:02X}", u32::from(character));
    code.replace(|digit: char| digit.is_ascii_uppercase(), "?")
}

/// The route rules, applied to the claims of one token.
#[derive(Clone, Copy)]
pub struct RouteDecisions<'r> {
    rules: &'r RouteScopes,
    claims: &'r ClaimsSet<'r>,
}

impl<'r> RouteDecisions<'r> {
    pub(super) fn new(rules: &'r RouteScopes, claims: &'r ClaimsSet<'r>) -> Self {
        Self { rules, claims }
    }

    /// Checks one route: no rule that is not met may match it, and a rule that is met must.
    pub(super) fn check(self, route: &str) -> Result<(), Error> {
        let path_start = route.find('/').unwrap_or(route.len());
        if is_ambiguous(&route[path_start..]) {
            return Err(Error::AmbiguousPath);
        }
        let matches_any = |patterns: &[String]| patterns.iter().any(|p| matches(p, route));
        self.denied()
            .filter(|rule| matches_any(&rule.spellings))
            .try_for_each(|rule| check_scopes(&rule.scopes, self.claims))?;
        if self.allowed().any(|rule| matches(&rule.pattern, route)) {
            Ok(())
        } else {
            Err(Error::RouteForbidden)
        }
    }

    /// Returns the rules that the token meets.
    pub(crate) fn allowed(self) -> impl Iterator<Item = &'r RouteRule> {
        self.rules.0.iter().filter(move |rule| self.meets(rule))
    }

    /// Returns the rules that the token does not meet.
    pub(crate) fn denied(self) -> impl Iterator<Item = &'r RouteRule> {
        self.rules.0.iter().filter(move |rule| !self.meets(rule))
    }

    fn meets(self, rule: &RouteRule) -> bool {
        missing_scope(&rule.scopes, self.claims).is_none()
    }
}

/// Tells whether a pattern of policy resources matches a route.
///
/// A mismatch goes back to the last `*` only, so a hostile path costs at most its length times the
/// pattern's.
fn matches(pattern: &str, route: &str) -> bool {
    let (pattern, route) = (pattern.as_bytes(), route.as_bytes());
    let (mut p, mut r) = (0, 0);
    let mut retry_from: Option<(usize, usize)> = None;
    while r < route.len() {
        match (pattern.get(p), retry_from) {
            (Some(b'*'), _) => {
                p += 1;
                retry_from = Some((p, r + length_of_character(route[r])));
            }
            (Some(b'?'), _) => {
                p += 1;
                r += length_of_character(route[r]);
            }
            (Some(byte), _) if *byte == route[r] => {
                p += 1;
                r += 1;
            }
            (_, Some((after_star, next))) if next <= route.len() => {
                (p, r) = (after_star, next);
                let step = route.get(next).map_or(1, |first| length_of_character(*first));
                retry_from = Some((after_star, next + step));
            }
            (_, _) => return false,
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

#[cfg(test)]
mod tests;
