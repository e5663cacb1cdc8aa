//! Route rules: what each route needs of a token.
//!
//! Every rule that matches a route must be met, and a route that no rule matches is refused. So the
//! rules can be written as a whole into one policy, with an Allow for each rule that is met and an
//! explicit Deny for each that is not. API Gateway caches that policy, and it answers each of the
//! caller's routes as the function would.

use super::pattern::{PatternError, Spellings, matches};
use super::scopes::{GrantedScopes, RequiredScopes};
use super::spelling::is_ambiguous;
use crate::error::Error;
use crate::jwt::{ClaimFault, RequiredClaim, TokenContent};

/// What each route needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteRules(pub Vec<RouteRule>);

/// What a route needs of a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RouteNeeds {
    /// The scopes that the token needs.
    pub scopes: RequiredScopes,
    /// The claims that the token needs.
    pub claims: Vec<RequiredClaim>,
}

/// What the routes of a pattern need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteRule {
    pattern: String,
    needs: RouteNeeds,
    spellings: Spellings,
}

impl RouteRule {
    /// Makes the rule of the routes with this method and path. A route key, for example `$connect`,
    /// is a method without a path.
    ///
    /// Method and path have the wildcards of policy resources: `*` for any number of characters,
    /// slashes included, `?` for one.
    ///
    /// # Errors
    ///
    /// [`PatternError`].
    pub(crate) fn new(method: &str, path: &str, needs: RouteNeeds) -> Result<Self, PatternError> {
        let spellings = Spellings::of(method, path)?;
        Ok(Self {
            pattern: [method, path].join(if path.is_empty() { "" } else { " " }),
            needs,
            spellings,
        })
    }

    /// Returns the pattern as users write it, for example `GET /orders/*`.
    #[must_use]
    pub(crate) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Returns whether a wildcard of the path can match the start of an encoded character while the
    /// characters after it match the rest.
    #[must_use]
    pub(crate) fn matches_within_codes(&self) -> bool {
        let path = self.pattern.split_once(' ').map_or("", |(_, path)| path);
        path.as_bytes().windows(2).any(|pair| {
            matches!(pair[0], b'*' | b'?') && (pair[1] == b'?' || pair[1].is_ascii_hexdigit())
        })
    }

    /// Returns the scopes that the rule asks for.
    pub(crate) fn scopes(&self) -> &RequiredScopes {
        &self.needs.scopes
    }

    /// Returns whether the rule asks for any scope.
    #[must_use]
    pub(crate) fn needs_scopes(&self) -> bool {
        !self.needs.scopes.0.is_empty()
    }

    /// Returns the patterns to allow while the rule is met.
    pub(crate) fn allowed(&self) -> &[String] {
        &self.spellings.allowed
    }

    /// Returns the patterns to deny while the rule is not met.
    pub(crate) fn denied(&self) -> &[String] {
        &self.spellings.denied
    }
}

/// The route rules, applied to one token.
#[derive(Clone)]
pub(crate) struct RouteDecisions<'r> {
    rules: &'r [RouteRule],
    /// What the token lacks, for each rule.
    lacks: Vec<Option<Lack<'r>>>,
}

/// What a token lacks for a route.
#[derive(Clone, Copy)]
enum Lack<'r> {
    /// It has none of these scopes.
    Scope(&'r [String]),
    /// It does not meet the requirement for a claim.
    Claim(&'r RequiredClaim, ClaimFault<'r>),
}

impl<'r> RouteDecisions<'r> {
    /// Applies each rule once. A claim is looked up if the rule asks for it and its scopes are there.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] if a claim cannot be read.
    pub(super) fn new(
        rules: &'r RouteRules,
        granted: &GrantedScopes<'_>,
        token: &TokenContent<'_>,
    ) -> Result<Self, Error> {
        let lacks = rules.0.iter().map(|rule| rule.needs.lack_of(granted, token));
        Ok(Self { rules: &rules.0, lacks: lacks.collect::<Result<_, _>>()? })
    }

    /// Checks one route: every rule that matches it must be met, and at least one rule must match.
    pub(super) fn check(&self, route: &str) -> Result<(), Error> {
        let path_start = route.find('/').unwrap_or(route.len());
        if is_ambiguous(&route[path_start..]) {
            return Err(Error::AmbiguousPath);
        }
        let matches_any = |patterns: &[String]| patterns.iter().any(|p| matches(p, route));
        for (rule, lack) in self.rules.iter().zip(&self.lacks) {
            if let Some(lack) = lack
                && matches_any(rule.denied())
            {
                return Err(lack.error(rule));
            }
        }
        if self.allowed().any(|rule| matches_any(rule.allowed())) {
            Ok(())
        } else {
            Err(Error::RouteForbidden)
        }
    }

    /// Returns the rules that the token meets.
    pub(crate) fn allowed(&self) -> impl Iterator<Item = &'r RouteRule> {
        let rules = self.rules.iter().zip(&self.lacks);
        rules.filter(|(_, lack)| lack.is_none()).map(|(rule, _)| rule)
    }

    /// Returns the rules that the token does not meet.
    pub(crate) fn denied(&self) -> impl Iterator<Item = &'r RouteRule> {
        let rules = self.rules.iter().zip(&self.lacks);
        rules.filter(|(_, lack)| lack.is_some()).map(|(rule, _)| rule)
    }
}

impl RouteNeeds {
    /// Returns the first thing that a token lacks.
    fn lack_of(
        &self,
        granted: &GrantedScopes<'_>,
        token: &TokenContent<'_>,
    ) -> Result<Option<Lack<'_>>, Error> {
        if let Some(group) = self.scopes.missing_in(granted) {
            return Ok(Some(Lack::Scope(group)));
        }
        for claim in &self.claims {
            if let Some(fault) = claim.fault_of(token)? {
                return Ok(Some(Lack::Claim(claim, fault)));
            }
        }
        Ok(None)
    }
}

impl Lack<'_> {
    fn error(&self, rule: &RouteRule) -> Error {
        let required_by = format!("AUTHORIZER_ROUTE_RULES, {:?}", rule.pattern);
        match self {
            Self::Scope(any_of) => {
                Error::InsufficientScope { any_of: any_of.to_vec(), required_by, hint: None }
            }
            Self::Claim(claim, fault) => Error::RouteClaimMismatch {
                claim: claim.path.as_str().to_owned(),
                wanted: fault.wanted(),
                required_by,
            },
        }
    }
}

#[cfg(test)]
mod tests;
