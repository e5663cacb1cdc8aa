//! The settings of issuers: of the one in `AUTHORIZER_ISSUER`, or of those in a list.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::issuers::Issuers;
use super::members::Members;
use super::problem::Mistake;
use super::read::{Reader, invalid, shown};
use super::{parse, parse_issuer, parse_needs, setting, trial};
use crate::access::ScopeRules;
use crate::excerpt::Excerpt;
use crate::issuer::{IssuerName, TENANT};
use crate::jwks::{KeyLocation, KeyOrigin};
use crate::jwt::{Audience, ClaimRules, SignatureAlgorithm};
use crate::resource_metadata::Resource;
use crate::trial::IssuerOnTrial;

/// The most issuers of a list.
pub(super) const MAX_ISSUERS: usize = 1000;

/// The most issuers whose keys the start fetches. Each fetch has a connection and a buffer, all at the
/// same time, and the start waits a few seconds only.
pub(super) const MAX_PREFETCHED: usize = 32;

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

/// Reads all issuers. `read_file` returns the text of a file. The `resource` is the default audience.
pub(super) fn read_all(
    reader: &mut Reader,
    resource: Option<&Resource>,
    read_file: impl FnOnce(&Path) -> io::Result<String>,
) -> Issuers {
    let lists = read_lists(reader, read_file);
    let mut issuers = Vec::new();
    if reader.is_set(&setting::ISSUERS) || reader.is_set(&setting::ISSUERS_FILE) {
        for list in lists {
            issuers.extend(list.read(reader, resource));
        }
    } else {
        issuers.extend(read_issuer(reader, resource));
    }
    Issuers::new(with_prefetch_chosen(issuers))
}

/// A list of issuers.
struct IssuerList {
    /// The name that users know it by.
    name: Arc<str>,
    objects: Vec<Members>,
}

/// Returns the lists that are set: one at most, unless that is a mistake.
fn read_lists(
    reader: &mut Reader,
    read_file: impl FnOnce(&Path) -> io::Result<String>,
) -> Vec<IssuerList> {
    let of_variable = reader.optional(&setting::ISSUERS, |text| {
        let name = format!("{}{}", setting::PREFIX, setting::ISSUERS.name).into();
        Ok(IssuerList { name, objects: parse_issuer::issuers(text)? })
    });
    let of_file = reader.optional(&setting::ISSUERS_FILE, |path| {
        let text =
            read_file(Path::new(path)).map_err(|error| format!("it cannot be read ({error})"))?;
        Ok(IssuerList {
            name: shown(path).to_string().into(),
            objects: parse_issuer::issuers(&text)?,
        })
    });
    if reader.is_set(&setting::ISSUERS) && reader.is_set(&setting::ISSUERS_FILE) {
        reader.report(&setting::ISSUERS_FILE, Mistake::TwoLists);
    }
    if let Some(list) =
        [&setting::ISSUERS, &setting::ISSUERS_FILE].into_iter().find(|list| reader.is_set(list))
    {
        for setting in setting::all().filter(|setting| setting.per_issuer) {
            if reader.is_set(setting) {
                reader.report(setting, Mistake::BesideIssuers { setting, list });
            }
        }
    }
    of_variable.into_iter().chain(of_file).collect()
}

/// Returns a reader for each object of the lists.
pub(super) fn list_readers(
    reader: &mut Reader,
    read_file: impl FnOnce(&Path) -> io::Result<String>,
) -> Vec<Reader> {
    let readers = |IssuerList { name, objects }| {
        let objects = objects.into_iter().enumerate();
        objects.map(move |(index, members)| Reader::of_issuer(&name, index, members))
    };
    read_lists(reader, read_file).into_iter().flat_map(readers).collect()
}

impl IssuerList {
    fn read(
        self,
        reader: &mut Reader,
        resource: Option<&Resource>,
    ) -> Vec<(IssuerConfig, Option<bool>)> {
        let Self { name: list, objects } = self;
        if objects.len() > MAX_ISSUERS {
            reader.report_at(&list, Mistake::TooManyIssuers(objects.len()));
        }
        let mut issuers = Vec::new();
        for (index, members) in objects.into_iter().enumerate() {
            let mut object = Reader::of_issuer(&list, index, members);
            issuers.extend(read_issuer(&mut object, resource));
            reader.merge(object);
        }
        let names: Vec<&str> =
            issuers.iter().map(|(issuer, _)| issuer.rules.issuer.as_str()).collect();
        if let Some(name) = parse::first_repeated_text(&names) {
            reader.report_at(&list, Mistake::RepeatedIssuer(Excerpt::from(*name)));
        }
        let prefetched = issuers.iter().filter(|(_, prefetch)| *prefetch == Some(true)).count();
        if prefetched > MAX_PREFETCHED {
            reader.report_at(&list, Mistake::TooManyPrefetched(prefetched));
        }
        issuers
    }
}

/// Chooses whose keys the start fetches: those of the issuers with `prefetch`, or else of the first
/// ones without a file.
fn with_prefetch_chosen(issuers: Vec<(IssuerConfig, Option<bool>)>) -> Vec<IssuerConfig> {
    let is_chosen = issuers.iter().any(|(_, prefetch)| *prefetch == Some(true));
    let mut left = MAX_PREFETCHED;
    let choose = |(issuer, prefetch): (IssuerConfig, Option<bool>)| {
        let by_default = !is_chosen && left > 0 && prefetch.is_none() && issuer.jwks_file.is_none();
        left -= usize::from(by_default);
        IssuerConfig { prefetch: by_default || prefetch == Some(true), ..issuer }
    };
    issuers.into_iter().map(choose).collect()
}

/// Reads one issuer, and whether the settings say that its keys are to be prefetched. Returns `None`
/// after it has reported a mistake in what every issuer needs.
fn read_issuer(
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
