//! The API's metadata as an OAuth protected resource
//! ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)): where clients find out which issuer to get a
//! token from, and with which scopes.
//!
//! The document is made from the settings that the function enforces, so the two cannot disagree.
//! Everything here is a function of the settings and an event. Not here: the `WWW-Authenticate` header
//! that leads clients to the document, which only API Gateway can send with a refusal.

mod proxy;

use serde::Serialize;
use url::Url;

use crate::gateway::request::TokenSource;
use crate::gateway::response::{FunctionError, Response};
use proxy::{ProxyRequest, ProxyResponse};

/// Where the metadata of a resource without a path is
/// ([RFC 9728 §3](https://www.rfc-editor.org/rfc/rfc9728#section-3)). The path of a resource comes
/// after it.
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// How long clients may cache the document. Settings change with a deployment, which takes about as
/// long.
const CACHE_CONTROL: &str = "public, max-age=300";

const ALLOWED_METHODS: &str = "GET, HEAD, OPTIONS";

/// A resource identifier ([RFC 9728 §1.2](https://www.rfc-editor.org/rfc/rfc9728#section-1.2)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    /// The identifier, as configured.
    pub identifier: String,
    /// Its path, which is empty for `/`.
    path: String,
}

impl Resource {
    /// Takes an identifier, as configured and parsed.
    pub(crate) fn new(identifier: &str, url: &Url) -> Self {
        // RFC 9728 §3.1: the slash after the host is not a part of the document's URL.
        let path = if url.path() == "/" { "" } else { url.path() };
        Self { identifier: identifier.to_owned(), path: path.to_owned() }
    }

    /// Returns whether the document is at a request's path: at the well-known path, with or without
    /// the resource's path after it. Before it may be what API Gateway takes for its stage or for the
    /// mapping of a domain name: a beginning of the resource's path.
    fn has_metadata_at(&self, path: &str) -> bool {
        let Some((before, after)) = path.split_once(WELL_KNOWN) else { return false };
        let after_before = self.path.strip_prefix(before);
        after_before
            .is_some_and(|rest| before.is_empty() || rest.is_empty() || rest.starts_with('/'))
            && (after.is_empty() || after == self.path)
    }
}

/// The settings that the document describes.
pub(crate) struct Enforced<'c> {
    /// The issuers whose tokens are accepted. Those of any tenant cannot be listed.
    pub issuers: Vec<String>,
    /// The scopes that the rules ask for. They may repeat.
    pub scopes: Vec<&'c str>,
    /// Where tokens are looked for.
    pub token_sources: &'c [TokenSource],
    /// Whether tokens of an issuer must be bound to the client's certificate.
    pub certificate_bound: bool,
}

/// The metadata of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceMetadata {
    resource: Resource,
    document: String,
}

/// The parameters of [RFC 9728 §2](https://www.rfc-editor.org/rfc/rfc9728#section-2).
#[derive(Serialize)]
struct Document<'c> {
    resource: &'c str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<&'c str>,
    /// An empty list says that there is no such method.
    bearer_methods_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_client_certificate_bound_access_tokens: bool,
}

impl ResourceMetadata {
    /// Makes the document.
    pub(crate) fn new(resource: Resource, enforced: Enforced<'_>) -> Self {
        let document = Document {
            resource: &resource.identifier,
            authorization_servers: enforced.issuers,
            scopes_supported: distinct(enforced.scopes),
            bearer_methods_supported: distinct(
                enforced.token_sources.iter().filter_map(bearer_method).collect(),
            ),
            tls_client_certificate_bound_access_tokens: enforced.certificate_bound,
        };
        // Lists of strings can always be written.
        let document = serde_json::to_string(&document).unwrap_or_default();
        Self { resource, document }
    }

    /// Returns the resource identifier.
    #[cfg(test)]
    pub(crate) fn resource(&self) -> &str {
        &self.resource.identifier
    }

    /// Answers a request that API Gateway passes to the function as an integration. Returns `None`
    /// for any other event.
    pub(crate) fn answer(&self, event: &str) -> Option<Result<Response, FunctionError>> {
        let request = ProxyRequest::parse(event)?;
        Some(Response::of_integration(&self.respond(&request)))
    }

    fn respond(&self, request: &ProxyRequest<'_>) -> ProxyResponse<'_> {
        if !self.resource.has_metadata_at(&request.path) {
            return ProxyResponse::error(404, r#"{"message":"Not Found"}"#);
        }
        match &*request.method {
            "GET" => self.document(&self.document),
            // API Gateway may send a body that it gets, and a response to HEAD has none.
            "HEAD" => self.document(""),
            // A browser asks first, because MCP clients send a header of their own.
            "OPTIONS" => ProxyResponse::new(204, "")
                .header("Allow", ALLOWED_METHODS)
                .header("Access-Control-Allow-Origin", "*")
                .header("Access-Control-Allow-Methods", "GET, HEAD")
                .header("Access-Control-Allow-Headers", "*")
                .header("Access-Control-Max-Age", "86400"),
            _ => ProxyResponse::error(405, r#"{"message":"Method Not Allowed"}"#)
                .header("Allow", ALLOWED_METHODS),
        }
    }

    fn document<'r>(&self, body: &'r str) -> ProxyResponse<'r> {
        ProxyResponse::new(200, body)
            .header("Content-Type", "application/json")
            .header("Cache-Control", CACHE_CONTROL)
            // The document is public.
            .header("Access-Control-Allow-Origin", "*")
    }
}

/// Returns the method of [RFC 6750 §2](https://www.rfc-editor.org/rfc/rfc6750#section-2) by which a
/// client sends a token to a source. Other headers, parameters, cookies and subprotocols have none.
fn bearer_method(source: &TokenSource) -> Option<&'static str> {
    match source {
        TokenSource::Header(name) => (name == "authorization").then_some("header"),
        TokenSource::Query(name) => (name == "access_token").then_some("query"),
        TokenSource::Cookie(_) | TokenSource::Subprotocol(_) => None,
    }
}

/// Removes repeated items, and keeps the order.
fn distinct(items: Vec<&str>) -> Vec<&str> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}

#[cfg(test)]
mod tests;
