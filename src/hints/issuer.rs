//! The issuer that a token names, beside the configured ones.

use std::borrow::Cow;

use super::Hint;
use super::claims::is_for_microsoft_graph;
use crate::error::Error;
use crate::issuer::TENANT;
use crate::jwt::TokenContent;

/// The longest `iss` that is compared with the configured issuers, in bytes. Nobody has verified it, and
/// with 1,000 issuers, the comparisons of one that fills a token would take up to a tenth of a second.
const MAX_COMPARED: usize = 256;

/// Recognizes why `iss` is not a configured issuer.
#[cold]
pub(crate) fn issuer<'c>(
    named: &str,
    token: &TokenContent<'_>,
    configured: impl Iterator<Item = &'c str> + Clone,
) -> Option<Hint> {
    if named.len() > MAX_COMPARED {
        return None;
    }
    // What is certain comes first.
    let rules: [fn(&str, &str) -> Option<Hint>; 5] =
        [small_difference, entra, okta, other_host, other_instance];
    let by_rule = |rule: fn(&str, &str) -> Option<Hint>| {
        configured.clone().find_map(|configured| rule(named, &with_tenant_of(named, configured)))
    };
    let [small, rest @ ..] = rules;
    let graph = || is_for_microsoft_graph(token).then_some(Hint::MICROSOFT_GRAPH);
    by_rule(small).or_else(graph).or_else(|| rest.into_iter().find_map(by_rule))
}

/// Recognizes why the tenant in an `iss` is not accepted.
#[cold]
pub(crate) fn tenant(differs_in_case_only: bool) -> Hint {
    if differs_in_case_only { Hint::TENANT_CASE } else { Hint::OTHER_TENANT }
}

/// Returns a configured issuer with the tenant that a named one has in the same place.
fn with_tenant_of<'c>(named: &str, configured: &'c str) -> Cow<'c, str> {
    let Some(start) = configured.find(TENANT) else { return Cow::Borrowed(configured) };
    let segments_before = Url::of(&configured[..start]).rest.matches('/').count();
    match Url::of(named).rest.split('/').nth(segments_before) {
        Some(tenant) if !tenant.is_empty() => Cow::Owned(configured.replacen(TENANT, tenant, 1)),
        Some(_) | None => Cow::Borrowed(configured),
    }
}

/// Adds why a configured issuer does not have the token's key, if that is the error.
#[cold]
pub(crate) fn with_key_hint(mut error: Error, configured: &str) -> Error {
    if let Error::UnknownKey { hint, .. } = &mut error {
        *hint = is_okta_org(configured).then_some(Hint::OKTA_ORG);
    }
    error
}

/// Tells how two texts differ, if only in a slash or in case.
pub(super) fn spelling(found: &str, wanted: &str) -> Option<Hint> {
    if without_slash(found) == without_slash(wanted) {
        Some(Hint::SLASH)
    } else if found.eq_ignore_ascii_case(wanted) {
        Some(Hint::CASE)
    } else {
        None
    }
}

/// Tells how a named issuer differs from a configured one, if it is little.
#[cold]
pub(crate) fn small_difference(named: &str, configured: &str) -> Option<Hint> {
    let url = Url::of(configured);
    if let Some(hint) = spelling(named, configured) {
        Some(hint)
    } else if named == "accounts.google.com" && url.host == named {
        Some(Hint::GOOGLE_ISSUER)
    } else if without_slash(named) == without_slash(url.rest) {
        Some(Hint::NO_SCHEME)
    } else if Url::of(named).rest == url.rest {
        Some(Hint::SCHEME)
    } else {
        None
    }
}

/// Compares the version and the tenant of issuers of Entra ID.
fn entra(named: &str, configured: &str) -> Option<Hint> {
    let (named, configured) = (Entra::of(named)?, Entra::of(configured)?);
    // The name of a tenant, "common" and the like.
    let is_name = |tenant: &str| tenant.len() != GUID_LENGTH;
    match (named.is_v1, configured.is_v1) {
        (true, false) => Some(Hint::ENTRA_V1),
        (false, true) => Some(Hint::ENTRA_V2),
        (true, true) | (false, false) => is_name(configured.tenant).then_some(Hint::ENTRA_TENANT),
    }
}

const GUID_LENGTH: usize = 36;

/// An issuer of Entra ID.
struct Entra<'i> {
    tenant: &'i str,
    is_v1: bool,
}

impl<'i> Entra<'i> {
    fn of(issuer: &'i str) -> Option<Self> {
        let url = Url::of(issuer);
        let (tenant, version) =
            url.path.trim_matches('/').split_once('/').unwrap_or((url.path, ""));
        let tenant = tenant.trim_matches('/');
        match (url.host, version) {
            ("sts.windows.net", "") => Some(Self { tenant, is_v1: true }),
            ("login.microsoftonline.com", "v2.0") => Some(Self { tenant, is_v1: false }),
            (host, "v2.0") if host.ends_with(".ciamlogin.com") => {
                Some(Self { tenant, is_v1: false })
            }
            _ => None,
        }
    }
}

/// Recognizes the server of a whole Okta organization, whose issuer has no path. Its tokens for APIs
/// are for Okta's own.
fn okta(named: &str, configured: &str) -> Option<Hint> {
    let is_base = configured
        .strip_prefix(without_slash(named))
        .is_some_and(|path| path.starts_with("/oauth2/"));
    (is_base || is_okta_org(named)).then_some(Hint::OKTA_ORG)
}

fn is_okta_org(issuer: &str) -> bool {
    const DOMAINS: [&str; 3] = [".okta.com", ".oktapreview.com", ".okta-emea.com"];
    let url = Url::of(issuer);
    without_slash(url.path).is_empty() && DOMAINS.iter().any(|domain| url.host.ends_with(domain))
}

/// Recognizes the same path on another host. A path that says nothing must be on a host of the same
/// provider.
fn other_host(named: &str, configured: &str) -> Option<Hint> {
    let (named, configured) = (Url::of(named), Url::of(configured));
    let is_same_path = without_slash(named.path) == without_slash(configured.path);
    let says_something = !without_slash(named.path).is_empty();
    (is_same_path && (says_something || named.has_domain_of(&configured)))
        .then_some(Hint::OTHER_HOST)
}

/// Recognizes another path of the same length on the same host, or on another one of its provider.
fn other_instance(named: &str, configured: &str) -> Option<Hint> {
    let (named, configured) = (Url::of(named), Url::of(configured));
    let depth = |url: &Url<'_>| without_slash(url.path).matches('/').count();
    let is_same_shape = depth(&named) == depth(&configured) && depth(&named) > 0;
    (is_same_shape && (named.host == configured.host || named.has_domain_of(&configured)))
        .then_some(Hint::OTHER_INSTANCE)
}

/// The parts of an issuer, which need not be a URL.
struct Url<'u> {
    /// What follows the scheme.
    rest: &'u str,
    host: &'u str,
    /// The path, with its first slash.
    path: &'u str,
}

impl<'u> Url<'u> {
    fn of(issuer: &'u str) -> Self {
        let rest = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Self { rest, host, path }
    }

    /// Returns whether two hosts have the same last two of at least three labels.
    fn has_domain_of(&self, other: &Self) -> bool {
        fn domain(host: &str) -> Option<(&str, &str)> {
            let mut labels = host.rsplit('.');
            let domain = (labels.next()?, labels.next()?);
            labels.next().map(|_| domain)
        }
        domain(self.host).is_some() && domain(self.host) == domain(other.host)
    }
}

fn without_slash(text: &str) -> &str {
    text.strip_suffix('/').unwrap_or(text)
}
