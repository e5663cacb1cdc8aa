//! Who may do what: origins, scopes and routes.
//!
//! Everything here is a pure function of the rules, the claims and the request. The judgement is a
//! [`Permit`] or a [`Refusal`], and only [`AccessRules::judge`] can make either.

mod origins;
mod routes;
mod spelling;

pub(crate) use origins::AllowedOrigins;
pub(crate) use routes::{RouteDecisions, RouteRule, RouteScopes};
pub(crate) use spelling::AMBIGUOUS_PATHS;

use crate::error::Error;
use crate::gateway::request::{AuthorizerRequest, Delivery};
use crate::jwt::{Claims, ClaimsSet, TokenContent};

/// The rules that apply to the tokens of every issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessRules {
    /// Which web pages may send requests, by their origin.
    pub allowed_origins: AllowedOrigins,
    /// Which scopes each route needs. With `None`, every route is open to every valid token.
    pub route_scopes: Option<RouteScopes>,
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
    /// [`Refusal`] with [`Error::OriginNotAllowed`], [`Error::InsufficientScope`],
    /// [`Error::RouteForbidden`] or [`Error::AmbiguousPath`].
    pub(crate) fn judge<'r>(
        &'r self,
        request: &AuthorizerRequest<'_>,
        delivery: Delivery,
        required_scopes: &[String],
        claims: &'r Claims<'_>,
    ) -> Result<Permit<'r>, Refusal<'r>> {
        let token = claims.content();
        let routes = self.route_decisions(token);
        self.check_each(request, delivery, required_scopes, token, |check, outcome| {
            outcome.map_err(|error| Refusal {
                error,
                routes: routes.filter(|_| check == AccessCheck::Route),
            })
        })?;
        Ok(Permit { routes })
    }

    /// Checks a request whose token, verified or not, has these claims, in the order of
    /// [`AccessCheck`]. Gives the outcome of each check to `report`, and stops if that returns an
    /// error.
    ///
    /// # Errors
    ///
    /// What `report` returns.
    pub(crate) fn check_each<E>(
        &self,
        request: &AuthorizerRequest<'_>,
        delivery: Delivery,
        required_scopes: &[String],
        token: &TokenContent<'_>,
        mut report: impl FnMut(AccessCheck, Result<(), Error>) -> Result<(), E>,
    ) -> Result<(), E> {
        report(AccessCheck::Origin, self.allowed_origins.check(request, delivery))?;
        let scopes = check_scopes(required_scopes, token.registered());
        report(AccessCheck::RequiredScopes, scopes)?;
        match self.route_decisions(token) {
            None => Ok(()),
            Some(decisions) => report(AccessCheck::Route, decisions.check(request.arn.route())),
        }
    }

    /// Returns what the route rules say of the token, if there are route rules.
    pub(crate) fn route_decisions<'r>(
        &'r self,
        token: &'r TokenContent<'_>,
    ) -> Option<RouteDecisions<'r>> {
        self.route_scopes.as_ref().map(|rules| RouteDecisions::new(rules, token.registered()))
    }
}

impl<'r> Permit<'r> {
    /// Returns what the route rules say of the caller's other routes, if there are route rules.
    pub(crate) fn routes(&self) -> Option<RouteDecisions<'r>> {
        self.routes
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
    pub(crate) fn routes(&self) -> Option<RouteDecisions<'r>> {
        self.routes
    }
}

fn check_scopes(required: &[String], claims: &ClaimsSet<'_>) -> Result<(), Error> {
    match missing_scope(required, claims) {
        None => Ok(()),
        Some(scope) => Err(Error::InsufficientScope(scope.clone())),
    }
}

fn missing_scope<'r>(required: &'r [String], claims: &ClaimsSet<'_>) -> Option<&'r String> {
    required.iter().find(|required| !claims.scopes().any(|scope| scope == required.as_str()))
}

#[cfg(test)]
mod tests;
