//! The name of an issuer: the exact `iss` of its tokens, or a template for the `iss` of many tenants.
//!
//! A template has one placeholder, `{tenant}`, which is a whole segment of the path. Names are only
//! compared, character by character. Nothing here makes a URL.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// The placeholder in the name of an issuer with many tenants.
pub(crate) const TENANT: &str = "{tenant}";

/// The placeholder in the `issuer` member of a JWK that serves all tenants. Entra ID publishes it.
const JWK_TENANT: &str = "{tenantid}";

/// Far more characters than a GUID or the name of a domain has. The context and the log have the
/// tenant.
const MAX_TENANT_LENGTH: usize = 128;

/// The name of an issuer, as configured.
#[derive(Debug, Clone)]
pub struct IssuerName {
    text: Arc<str>,
    template: Option<Template>,
}

#[derive(Debug, Clone)]
struct Template {
    /// Where the placeholder starts.
    start: usize,
    tenants: Tenants,
}

/// The tenants whose tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenants {
    /// Those of any tenant.
    Any,
    /// Those of these tenants.
    Only(Arc<BTreeSet<String>>),
}

impl Tenants {
    fn contain(&self, tenant: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(tenants) => tenants.contains(tenant),
        }
    }
}

/// An `iss` that an issuer's tokens may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AcceptedIssuer<'t> {
    /// The tenant in it, if the issuer has many.
    pub(crate) tenant: Option<&'t str>,
}

/// Whose tokens a key may verify, of those of one issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyTenant {
    /// Those of every tenant, or the issuer has no tenants.
    Every,
    /// Those of this tenant.
    Only(Box<str>),
}

impl KeyTenant {
    /// Returns whether the key may verify the tokens of a tenant, or without one, of an issuer that
    /// has no tenants.
    pub(crate) fn includes(&self, tenant: Option<&str>) -> bool {
        match self {
            Self::Every => true,
            Self::Only(only) => tenant == Some(only),
        }
    }
}

impl IssuerName {
    /// Returns the name of an issuer whose tokens all have this `iss`.
    #[must_use]
    pub fn exact(iss: &str) -> Self {
        Self { text: iss.into(), template: None }
    }

    /// Returns the name of an issuer of many tenants. `None` unless the text has exactly one
    /// `{tenant}`.
    #[must_use]
    pub fn template(text: &str, tenants: Tenants) -> Option<Self> {
        let (before, after) = text.split_once(TENANT)?;
        let template = Some(Template { start: before.len(), tenants });
        (!after.contains(TENANT)).then(|| Self { text: text.into(), template })
    }

    /// Returns the name as configured, with the placeholder.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns what [`IssuerName::as_str`] returns, to be shared.
    pub(crate) fn shared(&self) -> &Arc<str> {
        &self.text
    }

    /// Returns every `iss` that is accepted. Of an issuer that accepts any tenant, there is no list.
    pub(crate) fn accepted(&self) -> Vec<String> {
        match (&self.template, self.around_placeholder()) {
            (Some(Template { tenants: Tenants::Only(tenants), .. }), Some((before, after))) => {
                tenants.iter().map(|tenant| [before, tenant, after].concat()).collect()
            }
            (Some(Template { tenants: Tenants::Any, .. }), _) => Vec::new(),
            (Some(_) | None, None) | (None, Some(_)) => vec![self.text.to_string()],
        }
    }

    /// Returns whether this is a template.
    #[must_use]
    pub fn has_tenants(&self) -> bool {
        self.template.is_some()
    }

    /// Returns whether the tokens of any tenant are accepted.
    pub(crate) fn accepts_any_tenant(&self) -> bool {
        self.template.as_ref().is_some_and(|template| template.tenants == Tenants::Any)
    }

    /// Compares an `iss` with the name. Returns `None` if this issuer's tokens may not have it.
    pub(crate) fn accept<'t>(&self, iss: &'t str) -> Option<AcceptedIssuer<'t>> {
        let Some(template) = &self.template else {
            return (*iss == *self.text).then_some(AcceptedIssuer { tenant: None });
        };
        let tenant = self.tenant_in(iss)?;
        template.tenants.contain(tenant).then_some(AcceptedIssuer { tenant: Some(tenant) })
    }

    /// Returns the tenant in an `iss` that fits the template, accepted or not.
    pub(crate) fn tenant_in<'t>(&self, iss: &'t str) -> Option<&'t str> {
        let (before, after) = self.around_placeholder()?;
        segment_between(iss, before, after)
    }

    /// Returns whether a tenant is accepted except for upper and lower case.
    pub(crate) fn differs_in_case_only(&self, tenant: &str) -> bool {
        match self.template.as_ref().map(|template| &template.tenants) {
            Some(Tenants::Only(tenants)) => {
                tenants.iter().any(|accepted| accepted.eq_ignore_ascii_case(tenant))
            }
            Some(Tenants::Any) | None => false,
        }
    }

    /// Returns the texts before and after the placeholder. `None` if this is not a template.
    pub(crate) fn around_placeholder(&self) -> Option<(&str, &str)> {
        let start = self.template.as_ref()?.start;
        Some((&self.text[..start], &self.text[start + TENANT.len()..]))
    }

    /// Returns whose tokens a key may verify by the `issuer` member of its JWK: the exact issuer of
    /// the tokens, or with `{tenantid}` in it, the issuer of every tenant's tokens. `None` for another
    /// issuer's key.
    ///
    /// See [Microsoft on the issuer of signing keys](https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens#validate-the-issuer).
    pub(crate) fn key_tenant(&self, jwk_issuer: &str) -> Option<KeyTenant> {
        match (jwk_issuer.split_once(JWK_TENANT), self.around_placeholder()) {
            (None, None) => (*jwk_issuer == *self.text).then_some(KeyTenant::Every),
            (None, Some(_)) => self.tenant_in(jwk_issuer).map(|it| KeyTenant::Only(it.into())),
            (Some(of_key), Some(ours)) => (of_key == ours).then_some(KeyTenant::Every),
            (Some(_), None) => self.is_with_one_tenant(jwk_issuer).then_some(KeyTenant::Every),
        }
    }

    /// Returns whether the name is a template with one tenant in the place of each `{tenantid}`. The
    /// last one is a whole segment of the path. Entra External ID has the tenant in the host too.
    fn is_with_one_tenant(&self, template: &str) -> bool {
        let Some((before, after)) = template.rsplit_once(JWK_TENANT) else { return false };
        let tenant = self.text.strip_suffix(after).and_then(|text| text.rsplit('/').next());
        is_around_segment(before, after)
            && tenant.is_some_and(|tenant| {
                is_tenant(tenant) && template.replace(JWK_TENANT, tenant) == *self.text
            })
    }
}

/// Returns whether there is a whole segment of a URI's path between two texts.
fn is_around_segment(before: &str, after: &str) -> bool {
    let has_authority = before.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    has_authority && before.ends_with('/') && (after.is_empty() || after.starts_with('/'))
}

fn segment_between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let segment = text.strip_prefix(before)?.strip_suffix(after)?;
    is_tenant(segment).then_some(segment)
}

/// Returns whether a text can be a tenant: a segment of a path with characters that a URI never
/// encodes ([RFC 3986 §2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)). So two spellings are
/// always two tenants. `.` and `..` are not names.
pub(crate) fn is_tenant(text: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (1..=MAX_TENANT_LENGTH).contains(&text.len())
        && text.bytes().all(is_unreserved)
        && text != "."
        && text != ".."
}

impl fmt::Display for IssuerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
