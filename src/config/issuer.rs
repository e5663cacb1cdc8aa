//! The settings of one issuer: of that in `AUTHORIZER_ISSUER`, or of an object in a list.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::problem::Mistake;
use super::read::{Reader, invalid};
use super::{parse, parse_issuer, parse_needs, setting, trial};
use crate::access::ScopeRules;
use crate::issuer::{IssuerName, TENANT};
use crate::jwks::{KeyLocation, KeyOrigin};
use crate::jwt::{Audience, ClaimRules, SignatureAlgorithm};
use crate::resource_metadata::Resource;
use crate::trial::IssuerOnTrial;

/// An issuer, and the rules for its tokens.
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// Where its keys are.
    pub keys: Arc<KeyOrigin>,
    /// A file with a key set, which is used until the first fetch.
    pub jwks_file: Option<PathBuf>,
    /// Whether the start fetches its keys.
    pub prefetch: bool,
    /// The rules for the claims of its tokens.
    pub rules: ClaimRules,
    /// The scopes that each of its tokens needs, and the claims that hold scopes.
    pub scopes: ScopeRules,
    /// The same rules with the issuer's settings on trial in them, if there are any.
    pub(crate) on_trial: Option<Box<IssuerOnTrial>>,
}

/// Reads one issuer, and whether the settings say that its keys are to be prefetched. Returns `None`
/// after it has reported a mistake in what every issuer needs.
pub(super) fn read_issuer(
    reader: &mut Reader,
    resource: Option<&Resource>,
) -> Option<(IssuerConfig, Option<bool>)> {
    let name = read_name(reader);
    let keys = read_key_origin(reader, name.as_ref());
    let jwks_file = reader.optional(&setting::JWKS_FILE, parse::file);
    let prefetch = reader.optional(&setting::PREFETCH, parse::boolean);
    let audience = read_audience(reader, resource);
    let rules = read_claim_rules(reader, name, audience);
    let scopes = read_scope_rules(reader);
    let in_force = keys.as_deref().zip(rules.as_ref()).map(|(keys, rules)| (keys, rules, &scopes));
    let on_trial = trial::read_issuer(reader, in_force).map(Box::new);
    // Not before every setting is read, so that every mistake is reported.
    let (keys, rules) = (keys?, rules?);
    let issuer = IssuerConfig { keys, jwks_file, prefetch: false, rules, scopes, on_trial };
    warn_of_audience(reader, &issuer);
    warn_of_tenants(reader, &issuer.rules);
    Some((issuer, prefetch))
}

fn read_name(reader: &mut Reader) -> Option<IssuerName> {
    let text = reader.required(&setting::ISSUER, parse_issuer::issuer);
    let tenants = reader.optional(&setting::TENANTS, parse_issuer::tenants);
    let text = text?;
    match (text.contains(TENANT), reader.is_set(&setting::TENANTS)) {
        (true, true) => return IssuerName::template(&text, tenants?),
        (true, false) => {
            reader.report(&setting::TENANTS, Mistake::NotSetForTenants(&setting::TENANTS));
        }
        (false, true) => reader.report(&setting::TENANTS, Mistake::NoPlaceholder),
        (false, false) => {}
    }
    Some(IssuerName::exact(&text))
}

fn read_scope_rules(reader: &mut Reader) -> ScopeRules {
    ScopeRules {
        claims: reader
            .optional(&setting::SCOPE_CLAIMS, parse_needs::scope_claims)
            .unwrap_or_default(),
        required: reader
            .optional(&setting::REQUIRED_SCOPES, parse_needs::required_scopes)
            .unwrap_or_default(),
    }
}

fn read_key_origin(reader: &mut Reader, name: Option<&IssuerName>) -> Option<Arc<KeyOrigin>> {
    let jwks_uri = reader.optional(&setting::JWKS_URI, parse_issuer::key_set_uri);
    let algorithms = reader
        .optional(&setting::ALGORITHMS, parse::algorithms)
        .unwrap_or_else(|| SignatureAlgorithm::named("RS256").into_iter().collect());
    let issuer = name?.clone();
    let location = match jwks_uri {
        Some(uri) => KeyLocation::Uri(uri),
        None if issuer.as_str().contains(TENANT) => {
            if !reader.is_set(&setting::JWKS_URI) {
                reader.report(&setting::JWKS_URI, Mistake::NotDiscoverable(&setting::JWKS_URI));
            }
            return None;
        }
        None => KeyLocation::discovered(issuer.as_str())
            .map_err(|error| {
                // The URL of its discovery document is longer than the issuer.
                let fault = format!("the URL of its discovery document is {}", error.fault());
                let mistake = invalid(&setting::ISSUER, issuer.as_str(), fault);
                reader.report(&setting::ISSUER, mistake);
            })
            .ok()?,
    };
    Some(Arc::new(KeyOrigin { issuer, location, algorithms }))
}

/// Reads the audience. Without one, tokens are for the resource
/// ([RFC 8707 §2](https://www.rfc-editor.org/rfc/rfc8707#section-2)).
fn read_audience(reader: &mut Reader, resource: Option<&Resource>) -> Option<Audience> {
    match resource {
        Some(resource) if !reader.is_set(&setting::AUDIENCE) => {
            Some(Audience::AnyOf(vec![resource.identifier.clone()]))
        }
        Some(_) | None => reader.required(&setting::AUDIENCE, parse::audience),
    }
}

fn read_claim_rules(
    reader: &mut Reader,
    issuer: Option<IssuerName>,
    audience: Option<Audience>,
) -> Option<ClaimRules> {
    let client_ids = reader.optional(&setting::CLIENT_IDS, parse::list).unwrap_or_default();
    let token_types =
        reader.optional(&setting::TOKEN_TYPES, parse::token_types).unwrap_or_default();
    let token_use = reader.optional(&setting::TOKEN_USE, parse::token_use);
    let token_binding =
        reader.optional(&setting::TOKEN_BINDING, parse::token_binding).unwrap_or_default();
    let required_claims = reader
        .optional(&setting::REQUIRED_CLAIMS, parse_needs::required_claims)
        .unwrap_or_default();
    let max_age = reader.optional(&setting::MAX_TOKEN_AGE_SECONDS, parse::max_token_age);
    let leeway = reader
        .optional(&setting::LEEWAY_SECONDS, |text| parse::seconds(text, 0..=300))
        .unwrap_or(Duration::from_secs(5));
    Some(ClaimRules {
        issuer: issuer?,
        audience: audience?,
        client_ids,
        token_types,
        token_use,
        token_binding,
        required_claims,
        max_age,
        leeway,
    })
}

/// Warns if the audience lets in more tokens or fewer tokens than a user probably means.
fn warn_of_audience(reader: &mut Reader, issuer: &IssuerConfig) {
    let rules = &issuer.rules;
    let audience = reader.name(&setting::AUDIENCE);
    let client_ids = reader.name(&setting::CLIENT_IDS);
    match &rules.audience {
        Audience::Unchecked => {
            let is_restricted = !rules.client_ids.is_empty()
                || !issuer.scopes.required.0.is_empty()
                || !rules.required_claims.is_empty();
            if !is_restricted {
                reader.warn(format!(
                    "{audience}=* accepts every token of {}, also the tokens for other services. Restrict them with {client_ids}, {} or {}.",
                    rules.issuer,
                    reader.name(&setting::REQUIRED_SCOPES),
                    reader.name(&setting::REQUIRED_CLAIMS),
                ));
            }
        }
        Audience::AnyOf(audiences) => {
            if let Some(spaced) = audiences.iter().find(|it| it.contains(char::is_whitespace)) {
                reader.warn(format!(
                    "{audience} has the audience {spaced:?}, which contains a space. To set several audiences, separate them with commas."
                ));
            }
            if rules.token_use.as_deref() == Some("access") {
                reader.warn(format!(
                    "{}=access is set together with an audience, but Cognito's access tokens have an `aud` only if a resource server is bound to them. For tokens without `aud`, set {audience}=* and {client_ids}.",
                    reader.name(&setting::TOKEN_USE),
                ));
            }
        }
    }
}

/// Warns if users of any organization can get in.
fn warn_of_tenants(reader: &mut Reader, rules: &ClaimRules) {
    if rules.issuer.accepts_any_tenant() && rules.required_claims.is_empty() {
        let warning = format!(
            "{}=* accepts the tokens of every tenant of {}: anybody who has a tenant there can get in. List the tenants, or restrict the tokens with {}. Audience, clients and scopes do not restrict whose tokens these are.",
            reader.name(&setting::TENANTS),
            rules.issuer,
            reader.name(&setting::REQUIRED_CLAIMS),
        );
        reader.warn(warning);
    }
}
