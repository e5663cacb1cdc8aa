//! The settings on trial. Each takes the place of the setting in force, and is not enforced.

use super::parse::{self, Parsed};
use super::read::Reader;
use super::setting::{TRIAL_SETTINGS, trial};
use super::{parse_access, parse_needs};
use crate::access::{AccessRules, AllowedOrigins, ScopeRules};
use crate::jwks::KeyOrigin;
use crate::jwt::{ClaimRules, SignatureAlgorithm};
use crate::trial::IssuerOnTrial;

/// Reads an issuer's settings on trial. Returns `None` if there are none, or if a mistake in the
/// settings in force has been reported.
pub(super) fn read_issuer(
    reader: &mut Reader,
    in_force: Option<(&KeyOrigin, &ClaimRules, &ScopeRules)>,
) -> Option<IssuerOnTrial> {
    let is_any = TRIAL_SETTINGS.iter().any(|it| it.per_issuer && reader.is_set(it));
    let algorithms = in_force.map(|(keys, ..)| keys.algorithms.as_slice());
    // Every one of them is read, so that every mistake is reported.
    let algorithms = reader.optional(&trial::ALGORITHMS, |text| algorithms_among(algorithms, text));
    let audience = reader.optional(&trial::AUDIENCE, parse::audience);
    let client_ids = reader.optional(&trial::CLIENT_IDS, parse::list);
    let token_types = reader.optional(&trial::TOKEN_TYPES, parse::token_types);
    let token_use = reader.optional(&trial::TOKEN_USE, parse::token_use);
    let token_binding = reader.optional(&trial::TOKEN_BINDING, parse::token_binding);
    let claims = reader.optional(&trial::REQUIRED_CLAIMS, parse_needs::required_claims);
    let max_age = reader.optional(&trial::MAX_TOKEN_AGE_SECONDS, parse::max_token_age);
    let required = reader.optional(&trial::REQUIRED_SCOPES, parse_needs::required_scopes);

    let (keys, rules, scopes) = in_force.filter(|_| is_any)?;
    let rules = rules.clone();
    Some(IssuerOnTrial {
        algorithms: algorithms.unwrap_or_else(|| keys.algorithms.clone()),
        claims: ClaimRules {
            audience: audience.unwrap_or(rules.audience),
            client_ids: client_ids.unwrap_or(rules.client_ids),
            token_types: token_types.unwrap_or(rules.token_types),
            token_use: token_use.or(rules.token_use),
            token_binding: token_binding.unwrap_or(rules.token_binding),
            required_claims: claims.unwrap_or(rules.required_claims),
            max_age: max_age.or(rules.max_age),
            ..rules
        },
        scopes: ScopeRules {
            required: required.unwrap_or_else(|| scopes.required.clone()),
            claims: scopes.claims.clone(),
        },
    })
}

/// Reads the settings on trial that apply to the tokens of every issuer. Returns `None` if there are
/// none.
pub(super) fn read_access(reader: &mut Reader, in_force: &AccessRules) -> Option<AccessRules> {
    let origins = reader.optional(&trial::ALLOWED_ORIGINS, parse_access::origins);
    let route_rules = reader.optional(&trial::ROUTE_RULES, parse_access::route_rules);
    if origins.is_none() && route_rules.is_none() {
        return None;
    }
    let in_force = in_force.clone();
    Some(AccessRules {
        allowed_origins: origins.map_or(in_force.allowed_origins, AllowedOrigins::Only),
        route_rules: route_rules.or(in_force.route_rules),
    })
}

/// Parses a list of algorithms that are in force. Of others there are no keys, so no token that uses
/// one could be judged.
fn algorithms_among(
    in_force: Option<&[&'static SignatureAlgorithm]>,
    text: &str,
) -> Parsed<Vec<&'static SignatureAlgorithm>> {
    let algorithms = parse::algorithms(text)?;
    let is_other = |algorithm: &&&'static SignatureAlgorithm| {
        in_force.is_some_and(|in_force| !in_force.contains(algorithm))
    };
    match algorithms.iter().find(is_other) {
        None => Ok(algorithms),
        Some(other) => Err(format!("{} is not in AUTHORIZER_ALGORITHMS", other.name)),
    }
}

#[cfg(test)]
mod tests;
