//! Settings: environment variables, parsed once into the types that the rooms
//! work with, or every mistake named.
//!
//! The environment itself is read in `main` only; here it is a list of pairs.

mod parse;
mod parse_access;
mod problem;
mod read;
mod setting;
mod suggest;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use problem::{ConfigError, Problem};
pub use setting::{SETTINGS, Setting};

use crate::access::{AccessRules, AllowedOrigins};
use crate::context::ContextRules;
use crate::gateway::request::TokenSource;
use crate::gateway::response::{
    HttpApiResponse, ResourceScope, ResponseRules, UnauthenticatedResponse,
};
use crate::jwks::{CacheRules, KeyOrigin};
use crate::jwt::{Audience, ClaimRules, SignatureAlgorithm};
use read::Reader;

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// The issuers whose tokens are accepted; at least one.
    pub issuers: Vec<IssuerConfig>,
    /// Where tokens are looked for, in order.
    pub token_sources: Vec<TokenSource>,
    /// Who may do what.
    pub access: AccessRules,
    /// What downstream functions see.
    pub context: ContextRules,
    /// How answers are put.
    pub responses: ResponseRules,
    /// How long keys live.
    pub cache: CacheRules,
    /// The CloudWatch namespace to count under; `None` counts nothing.
    pub metrics_namespace: Option<String>,
    /// Further root certificates, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// What is allowed but likely not meant, to be logged at start.
    pub warnings: Vec<String>,
}

/// One issuer and what its tokens must be.
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// Its keys.
    pub keys: Arc<KeyOrigin>,
    /// A key set to start with.
    pub jwks_file: Option<PathBuf>,
    /// What its tokens must say.
    pub rules: ClaimRules,
    /// The scopes that each of its tokens must have, all of them.
    pub required_scopes: Vec<String>,
}

/// What every variable's name begins with.
pub const PREFIX: &str = "AUTHORIZER_";

impl Config {
    /// Reads the settings among the given variables; those without [`PREFIX`]
    /// are not ours.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names every mistake, unknown variables included.
    pub fn from_variables(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader::of_variables(variables);
        let mut warnings = Vec::new();
        let issuers = read_issuers(&mut reader, &mut warnings);
        let token_sources = reader.read(&setting::TOKEN_SOURCES, parse::token_sources);
        let token_sources = token_sources.unwrap_or_else(default_token_sources);
        let allowed_origins = reader.read(&setting::ALLOWED_ORIGINS, parse_access::origins);
        let route_scopes = reader.read(&setting::ROUTE_SCOPES, parse_access::route_scopes);
        let context = ContextRules {
            claims: reader
                .read(&setting::CONTEXT_CLAIMS, parse::context_claims)
                .unwrap_or_default(),
            principal: reader
                .read(&setting::PRINCIPAL_CLAIM, parse::claim_path)
                .filter(|path| path.as_str() != "sub"),
            usage_key: reader.read(&setting::USAGE_KEY_CLAIM, parse::claim_path),
        };
        let responses = ResponseRules {
            resource_scope: reader
                .read(&setting::RESOURCE_SCOPE, parse::resource_scope)
                .unwrap_or(ResourceScope::Stage),
            http_api_response: reader
                .read(&setting::HTTP_API_RESPONSE, parse::http_api_response)
                .unwrap_or(HttpApiResponse::Simple),
            unauthenticated_response: reader
                .read(&setting::UNAUTHENTICATED_RESPONSE, parse::unauthenticated_response)
                .unwrap_or(UnauthenticatedResponse::Error),
        };
        let cache = CacheRules {
            ttl: reader
                .read(&setting::JWKS_TTL_SECONDS, |text| parse::seconds(text, 1..=86_400))
                .unwrap_or(Duration::from_secs(600)),
            max_stale: reader
                .read(&setting::JWKS_MAX_STALE_SECONDS, |text| parse::seconds(text, 0..=604_800))
                .unwrap_or(Duration::from_secs(86_400)),
            cooldown: reader
                .read(&setting::JWKS_COOLDOWN_SECONDS, |text| parse::seconds(text, 1..=3_600))
                .unwrap_or(Duration::from_secs(30)),
            timeout: reader
                .read(&setting::JWKS_TIMEOUT_MS, |text| parse::milliseconds(text, 100..=25_000))
                .unwrap_or(Duration::from_millis(3_000)),
        };
        let metrics_namespace = reader.read(&setting::METRICS_NAMESPACE, parse::metrics_namespace);
        let ca_file = reader.read(&setting::CA_FILE, parse::file);
        let by_cookie = token_sources.iter().any(|source| matches!(source, TokenSource::Cookie(_)));
        if by_cookie && allowed_origins.is_none() {
            warnings.push(format!(
                "{PREFIX}TOKEN_SOURCES has a cookie but {PREFIX}ALLOWED_ORIGINS is not set: if the token is in a cookie, browsers cannot open a WebSocket, and only GET, HEAD and OPTIONS requests without an Origin are let in"
            ));
        }
        if let Some(routes) = &route_scopes {
            warnings.extend(parse_access::route_scopes_warning(routes));
        }
        reader.finish()?;
        Ok(Self {
            issuers,
            token_sources,
            access: AccessRules {
                allowed_origins: allowed_origins
                    .map_or(AllowedOrigins::Unrestricted, AllowedOrigins::Only),
                route_scopes,
            },
            context,
            responses,
            cache,
            metrics_namespace,
            ca_file,
            warnings,
        })
    }
}

fn default_token_sources() -> Vec<TokenSource> {
    vec![
        TokenSource::Header("authorization".to_owned()),
        TokenSource::Subprotocol("bearer".to_owned()),
    ]
}

/// Reads the one issuer of `ISSUER` and its companions, or those of `ISSUERS`.
fn read_issuers(reader: &mut Reader, warnings: &mut Vec<String>) -> Vec<IssuerConfig> {
    let mut issuers = Vec::new();
    if reader.has(&setting::ISSUERS) {
        reader.refuse_beside(
            &setting::ISSUERS,
            setting::SETTINGS.iter().filter(|setting| setting.per_issuer),
        );
        for mut object in reader.objects(&setting::ISSUERS) {
            issuers.extend(read_issuer(&mut object, warnings));
            reader.adopt(object);
        }
        let repeated = issuers.iter().enumerate().find(|(place, issuer)| {
            issuers[..*place].iter().any(|before| before.keys.issuer == issuer.keys.issuer)
        });
        if let Some((_, issuer)) = repeated {
            reader.problem(
                &setting::ISSUERS,
                format!("names the issuer {:?} twice", issuer.keys.issuer),
            );
        }
    } else {
        issuers.extend(read_issuer(reader, warnings));
    }
    issuers
}

fn read_issuer(reader: &mut Reader, warnings: &mut Vec<String>) -> Option<IssuerConfig> {
    let issuer = reader.require(&setting::ISSUER, parse::issuer);
    let audience = reader.require(&setting::AUDIENCE, parse::audience);
    let jwks_uri = reader.read(&setting::JWKS_URI, parse::uri);
    let jwks_file = reader.read(&setting::JWKS_FILE, parse::file);
    let algorithms = reader.read(&setting::ALGORITHMS, parse::algorithms);
    let algorithms =
        algorithms.unwrap_or_else(|| SignatureAlgorithm::named("RS256").into_iter().collect());
    let client_ids = reader.read(&setting::CLIENT_IDS, parse::list).unwrap_or_default();
    let token_types = reader.read(&setting::TOKEN_TYPES, parse::token_types).unwrap_or_default();
    let token_use = reader.read(&setting::TOKEN_USE, parse::token_use);
    let required_scopes = reader.read(&setting::REQUIRED_SCOPES, parse::scopes).unwrap_or_default();
    let required_claims =
        reader.read(&setting::REQUIRED_CLAIMS, parse::required_claims).unwrap_or_default();
    let max_age =
        reader.read(&setting::MAX_TOKEN_AGE_SECONDS, |text| parse::seconds(text, 1..=31_536_000));
    let leeway = reader
        .read(&setting::LEEWAY_SECONDS, |text| parse::seconds(text, 0..=300))
        .unwrap_or(Duration::from_secs(5));
    let (issuer, audience) = (issuer?, audience?);
    let nothing_else_chooses =
        client_ids.is_empty() && required_scopes.is_empty() && required_claims.is_empty();
    if audience == Audience::Unchecked && nothing_else_chooses {
        warnings.push(format!(
            "{}=* accepts any token of {issuer}, whomever it was issued for; CLIENT_IDS, REQUIRED_SCOPES or REQUIRED_CLAIMS can say which are meant",
            reader.name(&setting::AUDIENCE)
        ));
    }
    if let Audience::AnyOf(audiences) = &audience
        && let Some(with_space) = audiences.iter().find(|it| it.contains(char::is_whitespace))
    {
        warnings.push(format!(
            "{} has the audience {with_space:?}, which contains a space; separate several audiences with commas",
            reader.name(&setting::AUDIENCE)
        ));
    }
    if audience != Audience::Unchecked && token_use.as_deref() == Some("access") {
        warnings.push(format!(
            "{}=access with an audience: Cognito's access tokens have no aud unless a resource server is bound to them; AUDIENCE=* with CLIENT_IDS fits those without",
            reader.name(&setting::TOKEN_USE)
        ));
    }
    let keys = match KeyOrigin::new(&issuer, jwks_uri, algorithms) {
        Ok(keys) => Arc::new(keys),
        Err(error) => {
            reader.problem(&setting::ISSUER, error.to_string());
            return None;
        }
    };
    let rules = ClaimRules {
        issuer,
        audience,
        client_ids,
        token_types,
        token_use,
        required_claims,
        max_age,
        leeway,
    };
    Some(IssuerConfig { keys, jwks_file, rules, required_scopes })
}

#[cfg(test)]
mod tests;
