//! The stages after the signature: the claims, and who may do what.

use std::convert::Infallible;

use super::claims::{Observed, Observer, any, groups_of};
use super::report::Outcome;
use super::routes::RulePatterns;
use super::steps::{CLAIM_STEPS, LATE_STEPS, NO_RULES};
use super::walk::{Judged, Walk};
use crate::access::{AccessCheck, ScopeRules};
use crate::config::IssuerConfig;
use crate::error::Error;
use crate::excerpt::Excerpt;
use crate::gateway::request::{AuthorizerRequest, Delivery};
use crate::jwks::KeySource;
use crate::jwt::{TokenContent, check_each};

const ONLY_IN_EVENTS: Error = Error::WrongCertificate(
    "the token is bound to a client certificate, and only an event has one: use --event",
);

impl<S: KeySource> Walk<'_, S> {
    /// Checks the claims, verified or not.
    pub(super) fn claims(
        &mut self,
        request: &AuthorizerRequest<'_>,
        token: &TokenContent<'_>,
        issuer: Option<&IssuerConfig>,
    ) {
        let Some(issuer) = issuer else {
            return self.steps.skip_missing(CLAIM_STEPS, NO_RULES);
        };
        let claims = self.claims.clone().unwrap_or_default();
        let observer = Observer {
            token,
            claims: &claims,
            rules: &issuer.rules,
            now: self.now,
            values: self.values,
        };
        let judged = self.judged;
        let certificate = || match judged {
            Judged::Request => request.client_certificate(),
            Judged::Token => Err(ONLY_IN_EVENTS),
        };
        let Ok(()) = check_each(token, &issuer.rules, self.now, certificate, |check, outcome| {
            if let Some(observed) = observer.observe(check) {
                self.observed(observed, outcome);
            }
            Ok::<_, Infallible>(())
        });
    }

    fn observed(&mut self, observed: Observed, outcome: Result<(), Error>) {
        let Observed { step, found, wanted, .. } = observed;
        match outcome {
            Ok(()) if observed.is_within_leeway => {
                let found = format!("{found}, accepted because of the leeway{}", self.mark());
                self.steps.push(step, Outcome::Warning, Some(found), Some(wanted));
            }
            Ok(()) => self.steps.pass(step, found + self.mark(), wanted),
            Err(error) => {
                let message = || match observed.adds_to_error {
                    true => format!("{error}; {found}"),
                    false => error.to_string(),
                };
                let found = self.values.either(message, &found) + self.mark();
                self.steps.fail(step, &error, &found, wanted);
            }
        }
    }

    /// Checks origin, scopes and route.
    pub(super) fn access(
        &mut self,
        request: &AuthorizerRequest<'_>,
        delivery: Delivery,
        token: &TokenContent<'_>,
        issuer: Option<&IssuerConfig>,
    ) {
        let access = &self.authorizer.config.access;
        let of_unknown = ScopeRules::default();
        let scopes = issuer.map_or(&of_unknown, |issuer| &issuer.scopes);
        let Ok(routes) = access.check_each(request, delivery, scopes, token, |check, outcome, _| {
            let (step, found, wanted) = match check {
                AccessCheck::Origin | AccessCheck::Route if self.judged == Judged::Token => {
                    return Ok(());
                }
                AccessCheck::RequiredScopes | AccessCheck::Route if issuer.is_none() => {
                    return Ok(());
                }
                AccessCheck::Origin => (
                    "origin",
                    origin_of(request),
                    "an origin of AUTHORIZER_ALLOWED_ORIGINS, or a request that no page can make a browser send".to_owned(),
                ),
                AccessCheck::RequiredScopes => (
                    "required_scopes",
                    self.scopes(token, scopes),
                    groups_of(&scopes.required.0, "AUTHORIZER_REQUIRED_SCOPES"),
                ),
                AccessCheck::Route => (
                    "route",
                    format!("{}, {}", Excerpt::from(request.arn.route()), self.scopes(token, scopes)),
                    "what every rule that matches needs, and at least one such rule (AUTHORIZER_ROUTE_RULES)".to_owned(),
                ),
            };
            let adds_to_error = step != "origin";
            let observed = Observed { step, found, wanted, adds_to_error, is_within_leeway: false };
            self.observed(observed, outcome);
            Ok::<_, Infallible>(())
        });
        self.rules = routes.as_ref().map(RulePatterns::of);
        match self.judged {
            Judged::Token => {
                self.steps.skip("origin", "only an event has an origin: use --event");
                self.steps.skip("route", "only an event has a route: use --event");
            }
            Judged::Request if access.route_rules.is_none() => {
                let route = Excerpt::from(request.arn.route()).to_string();
                self.steps.pass("route", route, any("AUTHORIZER_ROUTE_RULES"));
            }
            Judged::Request => {}
        }
        // Without an issuer, and after a claim that cannot be read.
        let why = if issuer.is_none() { NO_RULES } else { "a claim cannot be read" };
        self.steps.skip_missing(LATE_STEPS, why);
    }

    /// Describes the scopes of a token, also those in other claims.
    fn scopes(&self, token: &TokenContent<'_>, rules: &ScopeRules) -> String {
        let scopes: Vec<_> = token.registered().scopes().collect();
        let shown = || match &*scopes {
            [] => "the token has no scope".to_owned(),
            scopes => {
                format!("the token's scopes are {}", Excerpt::from(scopes.join(", ").as_str()))
            }
        };
        let mut text = self.values.either(shown, &format!("the token has {} scopes", scopes.len()));
        for path in &rules.claims {
            let value = token.value(path).ok().flatten();
            text = format!("{text}, {}", self.values.claim(path.as_str(), value));
        }
        text
    }

    /// Returns what marks claims that nobody has signed.
    fn mark(&self) -> &'static str {
        if self.verified { "" } else { " (not verified)" }
    }
}

fn origin_of(request: &AuthorizerRequest<'_>) -> String {
    match request.header("origin").next() {
        None => "there is no Origin header".to_owned(),
        Some(origin) => format!("the origin is {:?}", Excerpt::from(&*origin)),
    }
}
