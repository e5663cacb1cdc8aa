//! Rules on trial: the settings of `AUTHORIZER_REPORT_ONLY_*`.
//!
//! They are evaluated beside the rules in force, by the same checks, and never change a decision or
//! a response. Where the two disagree, the log entry and the metrics say so.

use std::time::SystemTime;

use crate::access::{AccessRules, ScopeRules};
use crate::config::{Config, IssuerConfig};
use crate::error::{Class, Error};
use crate::gateway::request::{AuthorizerRequest, Delivery};
use crate::jwt::{
    ClaimRules, SignatureAlgorithm, VerifiedToken, check_each, unsupported_algorithm,
};

/// An issuer's rules, with its settings on trial in the place of those in force.
#[derive(Debug, Clone)]
pub(crate) struct IssuerOnTrial {
    /// The accepted algorithms, all of them among those in force.
    pub algorithms: Vec<&'static SignatureAlgorithm>,
    /// The rules for the claims.
    pub claims: ClaimRules,
    /// The scopes that each token needs, and the claims that hold scopes.
    pub scopes: ScopeRules,
}

/// All rules on trial for a token.
pub(crate) struct TrialRules<'r> {
    algorithms: &'r [&'static SignatureAlgorithm],
    claims: &'r ClaimRules,
    scopes: &'r ScopeRules,
    access: &'r AccessRules,
}

impl<'r> TrialRules<'r> {
    /// Returns the rules on trial for an issuer's tokens. Returns `None` if no setting is on trial.
    pub(crate) fn of(config: &'r Config, issuer: &'r IssuerConfig) -> Option<Self> {
        let access = config.access_on_trial.as_ref();
        let IssuerConfig { keys, rules, scopes, on_trial, .. } = issuer;
        if access.is_none() && on_trial.is_none() {
            return None;
        }
        let access = access.unwrap_or(&config.access);
        Some(match on_trial.as_deref() {
            None => Self { algorithms: &keys.algorithms, claims: rules, scopes, access },
            Some(IssuerOnTrial { algorithms, claims, scopes }) => {
                Self { algorithms, claims, scopes, access }
            }
        })
    }

    /// Judges a request whose token is verified.
    ///
    /// # Errors
    ///
    /// The [`Error`] that the rules on trial would refuse the request with.
    pub(crate) fn judge(
        &self,
        request: &AuthorizerRequest<'_>,
        delivery: Delivery,
        token: &VerifiedToken<'_>,
        algorithm: &'static SignatureAlgorithm,
        now: SystemTime,
    ) -> Result<(), Error> {
        if !self.algorithms.contains(&algorithm) {
            return Err(unsupported_algorithm(algorithm.name, self.algorithms));
        }
        let token = token.content();
        let certificate = || request.client_certificate();
        check_each(token, self.claims, now, certificate, |_, outcome| outcome)?;
        self.access.check_each(request, delivery, self.scopes, token, |_, outcome, _| outcome)?;
        Ok(())
    }
}

/// How the rules on trial would change a decision.
pub(crate) enum TrialChange {
    /// Not at all.
    None,
    /// They would allow the request.
    Allow,
    /// They would refuse the request, for this reason.
    Refuse(String),
}

/// Returns whether the rules on trial would change the decision. `refused` is why the request was
/// refused, if it was. The rules on trial change nothing if it was refused for something else than a
/// rule, for example because a claim cannot be read.
pub(crate) fn would_change(refused: Option<&Error>, trial: &Result<(), Error>) -> bool {
    let trial = trial.as_ref().err().map(Error::class);
    match refused {
        None => trial.is_some(),
        Some(Error::MalformedToken { .. }) => false,
        Some(error) => error.class() != Class::Fault && trial != Some(error.class()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_decision_is_a_change() {
        let expired = || Error::Expired { seconds_ago: 1 };
        let forbidden = || Error::RouteForbidden;
        let fault = || Error::unusable_event("");
        let unreadable = || Error::malformed_token("");
        for (refused, trial, expected) in [
            (None, Ok(()), false),
            (None, Err(expired()), true),
            (None, Err(forbidden()), true),
            (Some(expired()), Ok(()), true),
            (Some(expired()), Err(Error::InvalidSignature { hint: None }), false),
            (Some(expired()), Err(forbidden()), true),
            (Some(forbidden()), Err(forbidden()), false),
            // Not refused by a rule, so no rule would have allowed it.
            (Some(fault()), Ok(()), false),
            (Some(unreadable()), Ok(()), false),
        ] {
            assert_eq!(would_change(refused.as_ref(), &trial), expected, "{refused:?}, {trial:?}");
        }
    }
}
