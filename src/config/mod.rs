//! Settings: parses environment variables into [`Config`], or reports every mistake in them.
//!
//! Only `main` reads the environment, and the file with issuers. Here, the variables are a list of
//! pairs, and the file is what a function returns.

mod issuer;
mod issuer_list;
mod issuers;
mod members;
mod parse;
mod parse_access;
mod parse_issuer;
mod parse_needs;
mod problem;
mod read;
mod resource;
mod setting;
mod suggest;
mod trial;
mod variables;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use issuer::IssuerConfig;
pub(crate) use issuers::AcceptingIssuer;
pub use issuers::Issuers;
pub use problem::{ConfigError, Mistake, Problem};
pub use setting::{PREFIX, SETTINGS, Setting, SettingInForce, TRIAL_SETTINGS};

use crate::access::{AccessRules, AllowedOrigins, RouteRule, ScopeRules};
use crate::context::ContextRules;
use crate::gateway::request::TokenSource;
use crate::gateway::response::{
    HttpApiResponse, ResourceScope, ResponseRules, UnauthenticatedResponse,
};
use crate::issuer::TENANT;
use crate::jwks::CacheRules;
use crate::resource_metadata::ResourceMetadata;
use read::Reader;
pub(crate) use variables::Variables;

/// All settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The issuers whose tokens are accepted; at least one.
    pub(crate) issuers: Issuers,
    /// Where to look for tokens.
    pub(crate) token_sources: Vec<TokenSource>,
    /// The API's metadata as a protected resource, if it has a resource identifier.
    pub(crate) resource: Option<ResourceMetadata>,
    /// Who may do what.
    pub(crate) access: AccessRules,
    /// The same with the settings on trial in it, if there are any.
    pub(crate) access_on_trial: Option<AccessRules>,
    /// What the functions behind the API get to know of the caller.
    pub(crate) context: ContextRules,
    /// The form of responses.
    pub(crate) responses: ResponseRules,
    /// How long keys are used, and when they are fetched.
    pub(crate) cache: CacheRules,
    /// The CloudWatch namespace of the metrics; without one, there are no metrics.
    pub(crate) metrics_namespace: Option<String>,
    /// A PEM file with further root certificates.
    pub(crate) ca_file: Option<PathBuf>,
    /// The variables that the settings and the choice of a proxy come from, for a diagnosis.
    pub(crate) variables: Variables,
    /// Warnings about what is allowed, but is likely not meant. To be logged at the start.
    pub warnings: Vec<String>,
}

impl Config {
    /// Switches the metrics off, for what is no deployed function.
    #[must_use]
    pub fn without_metrics(self) -> Self {
        Self { metrics_namespace: None, ..self }
    }

    /// Reads the settings from the variables whose names begin with [`PREFIX`], and ignores all
    /// other variables. Reads no settings from files: `AUTHORIZER_ISSUERS_FILE` is a mistake.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] has every mistake. A variable with the prefix that is not a setting is one.
    pub fn from_variables(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        Self::from_variables_and_files(variables, |_| {
            Err(io::Error::other("this program reads no settings from files"))
        })
    }

    /// Does the same as [`Config::from_variables`], and reads the file that `AUTHORIZER_ISSUERS_FILE`
    /// names with `read_file`, for example [`std::fs::read_to_string`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] has every mistake in the variables and in the file.
    pub fn from_variables_and_files(
        variables: impl IntoIterator<Item = (String, String)>,
        read_file: impl Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, ConfigError> {
        Self::read(Variables::of(variables), &read_file)
    }

    pub(crate) fn read(
        variables: Variables,
        read_file: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader::of_variables(&variables);
        let resource = reader.optional(&setting::RESOURCE, resource::parse);
        let issuers = issuer_list::read_all(&mut reader, resource.as_ref(), read_file);
        let token_sources = read_token_sources(&mut reader);
        let access = read_access(&mut reader);
        let access_on_trial = trial::read_access(&mut reader, &access);
        let context = read_context(&mut reader, &issuers);
        let responses = read_responses(&mut reader);
        let cache = read_cache(&mut reader);
        let metrics_namespace =
            reader.optional(&setting::METRICS_NAMESPACE, parse::metrics_namespace);
        let ca_file = reader.optional(&setting::CA_FILE, parse::file);
        warn_of_cookie_without_origins(&mut reader, &token_sources, &access);
        warn_of_scopes_without_use(&mut reader, &issuers, &access);
        let warnings = reader.finish()?;
        let resource = resource
            .map(|resource| resource::metadata(resource, &issuers, &access, &token_sources));
        Ok(Self {
            issuers,
            resource,
            token_sources,
            access,
            access_on_trial,
            context,
            responses,
            cache,
            metrics_namespace,
            ca_file,
            variables,
            warnings,
        })
    }
}

/// Returns every setting with the value that the function uses, right or wrong. For a diagnosis.
#[must_use]
pub(crate) fn settings_in_force(
    variables: &Variables,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
) -> Vec<SettingInForce> {
    let mut reader = Reader::of_variables(variables);
    let issuers = issuer_list::list_readers(&mut reader, read_file);
    let of_issuers = issuers.iter().flat_map(Reader::settings);
    reader.settings().chain(of_issuers).collect()
}

fn read_token_sources(reader: &mut Reader) -> Vec<TokenSource> {
    reader.optional(&setting::TOKEN_SOURCES, parse::token_sources).unwrap_or_else(|| {
        vec![
            TokenSource::Header("authorization".to_owned()),
            TokenSource::Subprotocol("bearer".to_owned()),
        ]
    })
}

fn read_access(reader: &mut Reader) -> AccessRules {
    let allowed_origins = reader
        .optional(&setting::ALLOWED_ORIGINS, parse_access::origins)
        .map_or(AllowedOrigins::Unrestricted, AllowedOrigins::Only);
    let route_rules = reader.optional(&setting::ROUTE_RULES, parse_access::route_rules);
    for find in [parse_access::policy_length_warning, parse_access::encoded_character_warning] {
        if let Some(warning) = route_rules.as_ref().and_then(find) {
            reader.warn(warning);
        }
    }
    AccessRules { allowed_origins, route_rules }
}

fn read_context(reader: &mut Reader, issuers: &[IssuerConfig]) -> ContextRules {
    let has_tenants = issuers.iter().any(|issuer| issuer.rules.issuer.has_tenants());
    // An issuer with a mistake is not among the issuers.
    let names_tenants = reader.text(&setting::ISSUER).is_some_and(|it| it.contains(TENANT));
    let reserved: &[&str] =
        if has_tenants || names_tenants { &[ContextRules::TENANT] } else { &[] };
    ContextRules {
        claims: reader
            .optional(&setting::CONTEXT_CLAIMS, |text| parse::context_claims(text, reserved))
            .unwrap_or_default(),
        principal: reader
            .optional(&setting::PRINCIPAL_CLAIM, parse::claim_path)
            .filter(|path| path.as_str() != "sub"),
        usage_key: reader.optional(&setting::USAGE_KEY_CLAIM, parse::claim_path),
    }
}

fn read_responses(reader: &mut Reader) -> ResponseRules {
    ResponseRules {
        resource_scope: reader
            .optional(&setting::RESOURCE_SCOPE, parse::resource_scope)
            .unwrap_or(ResourceScope::Stage),
        http_api_response: reader
            .optional(&setting::HTTP_API_RESPONSE, parse::http_api_response)
            .unwrap_or(HttpApiResponse::Simple),
        unauthenticated_response: reader
            .optional(&setting::UNAUTHENTICATED_RESPONSE, parse::unauthenticated_response)
            .unwrap_or(UnauthenticatedResponse::Error),
    }
}

fn read_cache(reader: &mut Reader) -> CacheRules {
    CacheRules {
        ttl: reader
            .optional(&setting::JWKS_TTL_SECONDS, |text| parse::seconds(text, 1..=86_400))
            .unwrap_or(Duration::from_secs(600)),
        max_stale: reader
            .optional(&setting::JWKS_MAX_STALE_SECONDS, |text| parse::seconds(text, 0..=604_800))
            .unwrap_or(Duration::from_secs(86_400)),
        cooldown: reader
            .optional(&setting::JWKS_COOLDOWN_SECONDS, |text| parse::seconds(text, 1..=3_600))
            .unwrap_or(Duration::from_secs(30)),
        timeout: reader
            .optional(&setting::JWKS_TIMEOUT_MS, |text| parse::milliseconds(text, 100..=25_000))
            .unwrap_or(Duration::from_millis(3_000)),
    }
}

fn warn_of_cookie_without_origins(
    reader: &mut Reader,
    token_sources: &[TokenSource],
    access: &AccessRules,
) {
    let has_cookie = token_sources.iter().any(|source| matches!(source, TokenSource::Cookie(_)));
    if has_cookie && access.allowed_origins == AllowedOrigins::Unrestricted {
        reader.warn(
            "AUTHORIZER_TOKEN_SOURCES has a cookie, but AUTHORIZER_ALLOWED_ORIGINS is not set. If the token is in a cookie, browsers cannot open a WebSocket, and only GET, HEAD and OPTIONS requests without an Origin header are accepted. Set AUTHORIZER_ALLOWED_ORIGINS to the origins of your web pages.".to_owned(),
        );
    }
}

/// Warns if claims hold scopes that nothing asks for: the user may take them for a restriction.
fn warn_of_scopes_without_use(reader: &mut Reader, issuers: &[IssuerConfig], access: &AccessRules) {
    let rules = access.route_rules.iter().flat_map(|rules| &rules.0);
    let by_route = rules.into_iter().any(RouteRule::needs_scopes);
    for issuer in issuers {
        let ScopeRules { claims, required } = &issuer.scopes;
        if !claims.is_empty() && required.0.is_empty() && !by_route {
            reader.warn(format!(
                "AUTHORIZER_SCOPE_CLAIMS has no effect on tokens of {}, because no setting asks for their scopes. Set AUTHORIZER_REQUIRED_SCOPES or AUTHORIZER_ROUTE_RULES.",
                issuer.rules.issuer
            ));
        }
    }
}

#[cfg(test)]
mod tests;
