//! The configured issuers, and which of them accepts an `iss`.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::issuer::IssuerConfig;
use crate::error::Error;
use crate::excerpt::Excerpt;
use crate::hints;
use crate::jwt::TokenContent;

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

    /// Returns why no issuer accepts the `iss` of a token.
    #[cold]
    pub(crate) fn unknown(&self, iss: &str, token: &TokenContent<'_>) -> Error {
        const SHOWN: usize = 3;
        let names = || self.all.iter().map(|issuer| issuer.rules.issuer.as_str());
        let shown: Vec<_> =
            names().take(SHOWN).map(|name| Excerpt::from(name).to_string()).collect();
        let further = if self.all.len() > SHOWN { ", …" } else { "" };
        let mut tenants = self.all.iter().filter_map(|issuer| {
            let tenant = issuer.rules.issuer.tenant_in(iss)?;
            Some(hints::tenant(issuer.rules.issuer.differs_in_case_only(tenant)))
        });
        Error::UnknownIssuer {
            issuer: Excerpt::from(iss),
            configured: shown.join(", ") + further,
            hint: tenants.next().or_else(|| hints::issuer(iss, token, names())),
        }
    }
}

impl Issuers {
    /// Returns the issuer that is probably meant by an `iss` that no issuer accepts: the only one, or
    /// one that differs little.
    pub(crate) fn probably_meant(&self, iss: Option<&str>) -> Option<&IssuerConfig> {
        match &self.all[..] {
            [only] => Some(only),
            several => {
                several.iter().find(|issuer| iss.is_some_and(|iss| differs_little(iss, issuer)))
            }
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

fn differs_little(iss: &str, issuer: &IssuerConfig) -> bool {
    let name = &issuer.rules.issuer;
    name.tenant_in(iss).is_some() || hints::small_difference(iss, name.as_str()).is_some()
}

#[cfg(test)]
mod tests;
