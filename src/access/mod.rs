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
use crate::jwt::ClaimsSet;

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

impl AccessRules {
    /// Judges a request whose token has these claims.
    ///
    /// The request needs an allowed origin, then every one of `required_scopes` (those of the
    /// token's issuer), then the scopes of its route.
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
        claims: &'r ClaimsSet<'_>,
    ) -> Result<Permit<'r>, Refusal<'r>> {
        self.allowed_origins
            .check(request, delivery)
            .and_then(|()| check_scopes(required_scopes, claims))
            .map_err(|error| Refusal { error, routes: None })?;
        let Some(rules) = &self.route_scopes else { return Ok(Permit { routes: None }) };
        let decisions = RouteDecisions::new(rules, claims);
        match decisions.check(request.arn.route()) {
            Ok(()) => Ok(Permit { routes: Some(decisions) }),
            Err(error) => Err(Refusal { error, routes: Some(decisions) }),
        }
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
