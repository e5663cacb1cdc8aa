//! Who may do what: origins, scopes and routes.
//!
//! Everything here is a pure function of the rules, the claims and the request. The judgement is a
//! [`Permit`] or a [`Refusal`], and only [`AccessRules::judge`] can make either.

mod origins;
mod pattern;
mod routes;
mod scopes;
mod spelling;

pub(crate) use origins::AllowedOrigins;
pub(crate) use routes::{RouteDecisions, RouteNeeds, RouteRule, RouteRules};
pub(crate) use scopes::{RequiredScopes, ScopeRules};
pub(crate) use spelling::AMBIGUOUS_PATHS;

use crate::error::Error;
use crate::gateway::request::{AuthorizerRequest, Delivery};
use crate::hints;
use crate::jwt::{Claims, TokenContent};
use scopes::GrantedScopes;

/// The rules that apply to the tokens of every issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessRules {
    /// Which web pages may send requests, by their origin.
    pub allowed_origins: AllowedOrigins,
    /// What each route needs. With `None`, every route is open to every valid token.
    pub route_rules: Option<RouteRules>,
}

/// Proof that the rules let a request in. An Allow cannot be made without one.
pub(crate) struct Permit<'r> {
    routes: Option<RouteDecisions<'r>>,
}

/// Why the rules do not let a request in.
pub(crate) struct Refusal<'r> {
    error: Error,
    routes: Option<RouteDecisions<'r>>,
}

/// A check of the access rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessCheck {
    /// The request has an allowed origin.
    Origin,
    /// The token has every scope that its issuer requires.
    RequiredScopes,
    /// The token meets the rules of the request's route.
    Route,
}

impl AccessRules {
    /// Judges a request whose token has these claims, by [`AccessRules::check_each`].
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the [`Error`] of the first check that fails. It is
    /// [`Error::MalformedToken`] if a rule looks up a claim that cannot be read.
    pub(crate) fn judge<'r>(
        &'r self,
        request: &AuthorizerRequest<'_>,
        delivery: Delivery,
        scope_rules: &ScopeRules,
        claims: &Claims<'_>,
    ) -> Result<Permit<'r>, Refusal<'r>> {
        let token = claims.content();
        let routes =
            self.check_each(request, delivery, scope_rules, token, |_, outcome, routes| {
                outcome.map_err(|error| Refusal { error, routes: routes.cloned() })
            })?;
        Ok(Permit { routes })
    }

    /// Checks a request whose token, verified or not, has these claims, in the order of
    /// [`AccessCheck`]. Gives the outcome of each check to `report`, and stops if that returns an
    /// error. With the outcome of the check of the route, `report` also gets what the route rules say
    /// of every route, unless a claim cannot be read.
    ///
    /// Returns what the route rules say, if there are route rules.
    ///
    /// # Errors
    ///
    /// What `report` returns.
    pub(crate) fn check_each<'r, E>(
        &'r self,
        request: &AuthorizerRequest<'_>,
        delivery: Delivery,
        scope_rules: &ScopeRules,
        token: &TokenContent<'_>,
        mut report: impl FnMut(
            AccessCheck,
            Result<(), Error>,
            Option<&RouteDecisions<'r>>,
        ) -> Result<(), E>,
    ) -> Result<Option<RouteDecisions<'r>>, E> {
        let with_hint = |error| hints::with_scope_hint(error, token);
        report(AccessCheck::Origin, self.allowed_origins.check(request, delivery), None)?;
        let granted = match GrantedScopes::of(token, &scope_rules.claims) {
            Ok(granted) => granted,
            Err(error) => {
                report(AccessCheck::RequiredScopes, Err(error), None)?;
                // Only a diagnosis gets here. A judgement has ended with the error.
                return Ok(None);
            }
        };
        let required = check_required(&scope_rules.required, &granted);
        report(AccessCheck::RequiredScopes, required.map_err(with_hint), None)?;
        let Some(rules) = &self.route_rules else { return Ok(None) };
        match RouteDecisions::new(rules, &granted, token) {
            Ok(routes) => {
                let route = routes.check(request.arn.route()).map_err(with_hint);
                report(AccessCheck::Route, route, Some(&routes))?;
                Ok(Some(routes))
            }
            Err(error) => {
                report(AccessCheck::Route, Err(error), None)?;
                Ok(None)
            }
        }
    }
}

impl<'r> Permit<'r> {
    /// Returns what the route rules say of the caller's other routes, if there are route rules.
    pub(crate) fn routes(&self) -> Option<&RouteDecisions<'r>> {
        self.routes.as_ref()
    }
}

impl<'r> Refusal<'r> {
    /// Returns the reason.
    #[must_use]
    pub(crate) fn error(&self) -> &Error {
        &self.error
    }

    /// Returns the reason, and nothing else.
    #[must_use]
    pub(crate) fn into_error(self) -> Error {
        self.error
    }

    /// Returns what the route rules say of the caller's other routes, if the route is what was
    /// refused.
    pub(crate) fn routes(&self) -> Option<&RouteDecisions<'r>> {
        self.routes.as_ref()
    }
}

fn check_required(required: &RequiredScopes, granted: &GrantedScopes<'_>) -> Result<(), Error> {
    match required.missing_in(granted) {
        None => Ok(()),
        Some(any_of) => Err(Error::InsufficientScope {
            any_of: any_of.to_vec(),
            required_by: "AUTHORIZER_REQUIRED_SCOPES".to_owned(),
            hint: None,
        }),
    }
}

#[cfg(test)]
mod tests;
