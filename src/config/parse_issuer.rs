//! Parses the values that say who issues tokens, and where its keys are.

use std::sync::Arc;

use url::Url;

use super::members::Members;
use super::parse::{Parsed, list};
use crate::issuer::{TENANT, Tenants, is_tenant};
use crate::uri::key_uri;

/// Parses a list of issuers.
pub(super) fn issuers(text: &str) -> Parsed<Vec<Members>> {
    let objects: Vec<Members> = serde_json::from_str(text)
        .map_err(|error| format!("it cannot be read as a JSON list of objects ({error})"))?;
    if objects.is_empty() { Err("the list is empty".to_owned()) } else { Ok(objects) }
}

/// Where issuers publish documents about themselves. Users set the URLs of these documents as the
/// issuer by mistake.
const WELL_KNOWN: [&str; 3] = [
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/jwks.json",
];

/// Checks an issuer, and returns it unchanged: it is compared with `iss` character by character.
pub(super) fn issuer(text: &str) -> Parsed<String> {
    let parts = text.split_once(TENANT);
    let url = match parts {
        // Any tenant is as good as another here.
        Some((before, after)) => uri(&format!("{before}tenant{after}"))?,
        None => uri(text)?,
    };
    if url.query().is_some() {
        return Err("an issuer has no query".to_owned());
    }
    match parts {
        Some((before, after)) => check_placeholder(before, after)?,
        None if text.contains(BRACES) => return Err(format!("the only placeholder is {TENANT}")),
        None => {}
    }
    match WELL_KNOWN.iter().find_map(|path| text.strip_suffix(path)) {
        None => Ok(text.to_owned()),
        Some(issuer) => Err(format!(
            "it is the URL of a document. The issuer is {issuer:?}, with a slash at the end if the tokens' `iss` has one"
        )),
    }
}

/// Checks the text before the placeholder and the text after it.
fn check_placeholder(before: &str, after: &str) -> Parsed<()> {
    if before.contains(BRACES) || after.contains(BRACES) {
        return Err(format!("it has more than one placeholder. It can have {TENANT} once"));
    }
    // Without the host, the rest is no URL.
    let has_host = key_uri(before).is_ok();
    let is_segment = before.ends_with('/') && (after.is_empty() || after.starts_with('/'));
    if has_host && is_segment {
        Ok(())
    } else {
        Err(format!("{TENANT} is not a whole segment of the path"))
    }
}

pub(super) fn tenants(text: &str) -> Parsed<Tenants> {
    if text == "*" {
        return Ok(Tenants::Any);
    }
    let tenants = list(text)?;
    if tenants.iter().any(|tenant| tenant == "*") {
        return Err("`*` must be the only item".to_owned());
    }
    match tenants.iter().find(|tenant| !is_tenant(tenant)) {
        Some(tenant) => Err(format!(
            "{tenant:?} is not a tenant, which has at most 128 letters, digits and characters of -._~"
        )),
        None => Ok(Tenants::Only(Arc::new(tenants.into_iter().collect()))),
    }
}

pub(super) fn uri(text: &str) -> Parsed<Url> {
    key_uri(text).map_err(|error| format!("it is {}", error.fault()))
}

/// A URI has no braces ([RFC 3986 §2](https://www.rfc-editor.org/rfc/rfc3986#section-2)), so they can
/// mark a placeholder.
const BRACES: [char; 2] = ['{', '}'];

pub(super) fn key_set_uri(text: &str) -> Parsed<Url> {
    if text.contains(BRACES) {
        return Err(
            "the URL of a key set has no placeholder. One key set is for all tenants".to_owned()
        );
    }
    uri(text)
}
