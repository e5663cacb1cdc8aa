//! The resource that the API is, and its metadata.

use url::Url;

use super::issuer::IssuerConfig;
use super::parse::Parsed;
use super::parse_issuer;
use crate::access::{AccessRules, RouteRule};
use crate::gateway::request::TokenSource;
use crate::jwt::TokenBinding;
use crate::resource_metadata::{Enforced, Resource, ResourceMetadata, WELL_KNOWN};

/// Parses a resource identifier.
pub(super) fn parse(text: &str) -> Parsed<Resource> {
    let url: Url = parse_issuer::uri(text)?;
    if url.query().is_some() {
        return Err("a resource has no query".to_owned());
    }
    if url.path().contains(WELL_KNOWN) {
        return Err(
            "it is the URL of the metadata. The resource is the URL of the API, as clients use it"
                .to_owned(),
        );
    }
    Ok(Resource::new(text, &url))
}

/// Makes the metadata from the settings that are enforced.
pub(super) fn metadata(
    resource: Resource,
    issuers: &[IssuerConfig],
    access: &AccessRules,
    token_sources: &[TokenSource],
) -> ResourceMetadata {
    let required = issuers.iter().map(|issuer| &issuer.scopes.required);
    let of_routes = access.route_rules.iter().flat_map(|rules| &rules.0);
    let groups = required.chain(of_routes.map(RouteRule::scopes)).flat_map(|scopes| &scopes.0);
    let enforced = Enforced {
        issuers: issuers.iter().flat_map(|issuer| issuer.rules.issuer.accepted()).collect(),
        // Of a group, a token needs one. A client that asked for all would ask for too much.
        scopes: groups.filter_map(|group| group.first()).map(String::as_str).collect(),
        token_sources,
        certificate_bound: issuers
            .iter()
            .any(|issuer| issuer.rules.token_binding == TokenBinding::MutualTls),
    };
    ResourceMetadata::new(resource, enforced)
}
