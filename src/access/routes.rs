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
    /// Makes the rule that the routes of `pattern` need all of `scopes`.
    ///
    /// The pattern is `METHOD/path` or a route key, with the wildcards of policy resources: `*` for
    /// any number of characters, slashes included, `?` for one.
    ///
    /// # Errors
    ///
    /// [`PatternError`].
    pub fn new(pattern: &str, scopes: Vec<String>) -> Result<Self, PatternError> {
        // A `?` matches any character, so it is none of the characters to look for.
        if is_ambiguous(&pattern.replace('?', "*")) {
            return Err(PatternError::Ambiguous);
        }
        let spellings = spellings(pattern)?;
        Ok(Self { pattern: pattern.to_owned(), spellings, scopes })
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
fn spellings(pattern: &str) -> Result<Vec<String>, PatternError> {
    let path_start = pattern.find('/').unwrap_or(pattern.len());
    let (method, path) = pattern.split_at(path_start);
    let mut spellings = vec![method.to_owned()];
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        let (form, encoded) = match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~' | '/' | '*' => {
                (character, None)
            }
            '?' => ('?', Some("%??".to_owned())),
            '!' | '$' | '&' | '\'' | '(' | ')' | '+' | ',' | ':' | '=' | '@' => {
                (character, Some(encoded(character)))
            }
            '%' => {
                characters.nth(1);
                ('*', None)
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
        if is_ambiguous(route) {
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
