//! The settings of issuers: of the one in `AUTHORIZER_ISSUER`, or of those in `AUTHORIZER_ISSUERS`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::problem::Mistake;
use super::read::{Reader, invalid};
use super::{parse, parse_needs, setting, trial};
use crate::access::ScopeRules;
use crate::excerpt::Excerpt;
use crate::jwks::KeyOrigin;
use crate::jwt::{Audience, ClaimRules, SignatureAlgorithm};
use crate::trial::IssuerOnTrial;

/// An issuer, and the rules for its tokens.
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// Where its keys are.
    pub keys: Arc<KeyOrigin>,
    /// A file with a key set, which is used until the first fetch.
    pub jwks_file: Option<PathBuf>,
    /// The rules for the claims of its tokens.
    pub rules: ClaimRules,
    /// The scopes that each of its tokens needs, and the claims that hold scopes.
    pub scopes: ScopeRules,
    /// The same rules with the issuer's settings on trial in them, if there are any.
    pub(crate) on_trial: Option<Box<IssuerOnTrial>>,
}

/// Reads all issuers.
pub(super) fn read_all(reader: &mut Reader) -> Vec<IssuerConfig> {
    if reader.is_set(&setting::ISSUERS) {
        read_list(reader)
    } else {
        read_issuer(reader).into_iter().collect()
    }
}

fn read_list(reader: &mut Reader) -> Vec<IssuerConfig> {
    for setting in setting::all().filter(|setting| setting.per_issuer) {
        if reader.is_set(setting) {
            reader.report(setting, Mistake::BesideIssuers(setting));
        }
    }
    let mut issuers = Vec::new();
    for mut object in reader.issuers() {
        issuers.extend(read_issuer(&mut object));
        reader.merge(object);
    }
    let names: Vec<&str> = issuers.iter().map(|issuer| &*issuer.keys.issuer).collect();
    if let Some(name) = parse::first_repeated(&names) {
        reader.report(&setting::ISSUERS, Mistake::RepeatedIssuer(Excerpt::from(*name)));
    }
    issuers
}

/// Reads one issuer. Returns `None` after it has reported a mistake in what every issuer needs.
fn read_issuer(reader: &mut Reader) -> Option<IssuerConfig> {
    let issuer = reader.required(&setting::ISSUER, parse::issuer);
    let keys = read_key_origin(reader, issuer.as_deref());
    let jwks_file = reader.optional(&setting::JWKS_FILE, parse::file);
    let rules = read_claim_rules(reader, issuer);
    let scopes = read_scope_rules(reader);
    let in_force = keys.as_deref().zip(rules.as_ref()).map(|(keys, rules)| (keys, rules, &scopes));
    let on_trial = trial::read_issuer(reader, in_force).map(Box::new);
    // Not before every setting is read, so that every mistake is reported.
    let (keys, rules) = (keys?, rules?);
    let issuer = IssuerConfig { keys, jwks_file, rules, scopes, on_trial };
    warn_of_audience(reader, &issuer);
    Some(issuer)
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

fn read_key_origin(reader: &mut Reader, issuer: Option<&str>) -> Option<Arc<KeyOrigin>> {
    let jwks_uri = reader.optional(&setting::JWKS_URI, parse::uri);
    let algorithms = reader
        .optional(&setting::ALGORITHMS, parse::algorithms)
        .unwrap_or_else(|| SignatureAlgorithm::named("RS256").into_iter().collect());
    let issuer = issuer?;
    let origin = KeyOrigin::new(issuer, jwks_uri, algorithms).map_err(|error| {
        // The URL of its discovery document is longer than the issuer.
        let fault = format!("the URL of its discovery document is {}", error.fault());
        reader.report(&setting::ISSUER, invalid(&setting::ISSUER, issuer, fault));
    });
    origin.ok().map(Arc::new)
}

fn read_claim_rules(reader: &mut Reader, issuer: Option<String>) -> Option<ClaimRules> {
    let audience = reader.required(&setting::AUDIENCE, parse::audience);
    let client_ids = reader.optional(&setting::CLIENT_IDS, parse::list).unwrap_or_default();
    let token_types =
        reader.optional(&setting::TOKEN_TYPES, parse::token_types).unwrap_or_default();
    let token_use = reader.optional(&setting::TOKEN_USE, parse::token_use);
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
