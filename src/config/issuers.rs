//! The configured issuers, and which of them accepts an `iss`.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::issuer::IssuerConfig;
use crate::error::Error;
use crate::excerpt::Excerpt;

/// All issuers, in the order of the settings, at least one.
///
/// To find one of many takes as long as to find one of two. No `iss` is copied for that.
#[derive(Debug, Clone)]
pub struct Issuers {
    all: Vec<IssuerConfig>,
    /// The indices of the issuers without tenants, by `iss`.
    exact: HashMap<Arc<str>, usize>,
    /// The indices of the issuers with tenants, by the text before the tenant and the text after it.
    templates: HashMap<Box<str>, HashMap<Box<str>, usize>>,
    /// The length of the longest text before a tenant.
    longest_prefix: usize,
}

/// The issuer that accepts an `iss`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AcceptingIssuer<'i, 't> {
    /// The issuer.
    pub(crate) issuer: &'i IssuerConfig,
    /// The tenant in the `iss`, if the issuer has many.
    pub(crate) tenant: Option<&'t str>,
}

impl Issuers {
    /// Takes issuers with different names.
    pub(super) fn new(all: Vec<IssuerConfig>) -> Self {
        let mut exact = HashMap::new();
        let mut templates: HashMap<Box<str>, HashMap<Box<str>, usize>> = HashMap::new();
        for (index, issuer) in all.iter().enumerate() {
            let name = &issuer.rules.issuer;
            match name.around_placeholder() {
                None => drop(exact.insert(Arc::clone(name.shared()), index)),
                Some((before, after)) => {
                    templates.entry(before.into()).or_default().insert(after.into(), index);
                }
            }
        }
        let longest_prefix = templates.keys().map(|before| before.len()).max();
        Self { all, exact, templates, longest_prefix: longest_prefix.unwrap_or_default() }
    }

    /// Finds the issuer that accepts an `iss`: the one with exactly this name, or else one with
    /// tenants. Of several with tenants, it is the one whose tenant is the leftmost segment.
    pub(crate) fn find<'t>(&self, iss: &'t str) -> Option<AcceptingIssuer<'_, 't>> {
        if let [only] = &self.all[..] {
            return accepting(only, iss);
        }
        match self.exact.get(iss) {
            Some(index) => self.all.get(*index).and_then(|issuer| accepting(issuer, iss)),
            None => self.find_template(iss),
        }
    }

    fn find_template<'t>(&self, iss: &'t str) -> Option<AcceptingIssuer<'_, 't>> {
        let slashes = iss.match_indices('/').map(|(index, _)| index + 1);
        let mut starts = slashes.take_while(|start| *start <= self.longest_prefix);
        starts.find_map(|start| {
            let (before, rest) = iss.split_at(start);
            let tenant_length = rest.find('/').unwrap_or(rest.len());
            let index = self.templates.get(before)?.get(&rest[tenant_length..])?;
            self.all.get(*index).and_then(|issuer| accepting(issuer, iss))
        })
    }

    /// Returns why no issuer accepts an `iss`.
    pub(crate) fn unknown(&self, iss: &str) -> Error {
        const SHOWN: usize = 3;
        let names = || self.all.iter().map(|issuer| issuer.rules.issuer.as_str());
        let shown: Vec<_> =
            names().take(SHOWN).map(|name| Excerpt::from(name).to_string()).collect();
        let further = if self.all.len() > SHOWN { ", …" } else { "" };
        let mut hints = self.all.iter().filter_map(|issuer| difference(iss, issuer));
        Error::UnknownIssuer {
            issuer: Excerpt::from(iss),
            configured: shown.join(", ") + further,
            hint: hints.next().unwrap_or_default(),
        }
    }
}

impl Issuers {
    /// Returns the issuer that is probably meant by an `iss` that no issuer accepts: the only one, or
    /// one that differs little.
    pub(crate) fn probably_meant(&self, iss: Option<&str>) -> Option<&IssuerConfig> {
        match &self.all[..] {
            [only] => Some(only),
            several => several
                .iter()
                .find(|issuer| iss.is_some_and(|iss| difference(iss, issuer).is_some())),
        }
    }
}

impl Deref for Issuers {
    type Target = [IssuerConfig];

    fn deref(&self) -> &[IssuerConfig] {
        &self.all
    }
}

fn accepting<'i, 't>(issuer: &'i IssuerConfig, iss: &'t str) -> Option<AcceptingIssuer<'i, 't>> {
    let accepted = issuer.rules.issuer.accept(iss)?;
    Some(AcceptingIssuer { issuer, tenant: accepted.tenant })
}

/// Tells how an `iss` differs from what an issuer accepts, if it is a usual mistake.
fn difference(iss: &str, issuer: &IssuerConfig) -> Option<&'static str> {
    tenant_difference(iss, issuer).or_else(|| small_difference(iss, issuer.rules.issuer.as_str()))
}

/// Tells what is wrong with the tenant in an `iss` that fits an issuer's template.
fn tenant_difference(iss: &str, issuer: &IssuerConfig) -> Option<&'static str> {
    let tenant = issuer.rules.issuer.tenant_in(iss)?;
    Some(if issuer.rules.issuer.differs_in_case_only(tenant) {
        "; only upper and lower case of the tenant differ"
    } else {
        "; its tenant is not in AUTHORIZER_TENANTS"
    })
}

/// Tells how two different issuers differ, if it is a usual mistake.
fn small_difference(named: &str, configured: &str) -> Option<&'static str> {
    fn without_slash(issuer: &str) -> &str {
        issuer.strip_suffix('/').unwrap_or(issuer)
    }
    fn without_scheme(issuer: &str) -> &str {
        issuer.split_once("://").map_or(issuer, |(_, rest)| rest)
    }
    if without_slash(named) == without_slash(configured) {
        Some("; only the slash at the end differs")
    } else if named.eq_ignore_ascii_case(configured) {
        Some("; only upper and lower case differ")
    } else if without_scheme(named) == without_scheme(configured) {
        Some("; only the scheme differs")
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
