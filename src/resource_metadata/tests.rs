use serde_json::{Value, json};

use super::*;

fn resource(identifier: &str) -> Resource {
    Resource::new(identifier, &Url::parse(identifier).unwrap())
}

fn enforced(token_sources: &[TokenSource]) -> Enforced<'_> {
    let issuers = vec!["https://a.example/".to_owned(), "https://b.example".to_owned()];
    let scopes = vec!["read", "write", "read"];
    Enforced { issuers, scopes, token_sources, certificate_bound: false }
}

fn metadata(identifier: &str) -> ResourceMetadata {
    ResourceMetadata::new(resource(identifier), enforced(&[]))
}

fn document(enforced: Enforced<'_>) -> Value {
    let metadata = ResourceMetadata::new(resource("https://api.example.com/mcp"), enforced);
    serde_json::from_str(&metadata.document).unwrap()
}

#[test]
fn the_document_has_what_is_enforced() {
    let sources = [TokenSource::Header("authorization".to_owned())];
    assert_eq!(
        document(enforced(&sources)),
        json!({
            "resource": "https://api.example.com/mcp",
            "authorization_servers": ["https://a.example/", "https://b.example"],
            "scopes_supported": ["read", "write"],
            "bearer_methods_supported": ["header"],
        })
    );
    // RFC 9728 §3.2: parameters without values are left out.
    let nothing = Enforced {
        issuers: Vec::new(),
        scopes: Vec::new(),
        token_sources: &[],
        certificate_bound: false,
    };
    assert_eq!(
        document(nothing),
        json!({ "resource": "https://api.example.com/mcp", "bearer_methods_supported": [] })
    );
    let bound = Enforced { certificate_bound: true, ..enforced(&[]) };
    assert_eq!(document(bound)["tls_client_certificate_bound_access_tokens"], true);
}

#[test]
fn bearer_methods_are_those_of_rfc_6750() {
    #[track_caller]
    fn check(sources: &[TokenSource], methods: &[&str]) {
        let document = document(enforced(sources));
        assert_eq!(document["bearer_methods_supported"], json!(methods), "{sources:?}");
    }
    let header = |name: &str| TokenSource::Header(name.to_owned());
    let query = |name: &str| TokenSource::Query(name.to_owned());
    check(&[header("authorization")], &["header"]);
    check(&[query("access_token")], &["query"]);
    check(&[header("authorization"), query("access_token")], &["header", "query"]);
    check(&[query("access_token"), header("authorization"), query("x")], &["query", "header"]);
    check(&[header("x-token"), query("token"), query("Access_Token")], &[]);
    let (cookie, marker) = (String::from("access_token"), String::from("bearer"));
    check(&[TokenSource::Cookie(cookie), TokenSource::Subprotocol(marker)], &[]);
}

#[test]
fn the_document_is_at_the_well_known_path() {
    #[track_caller]
    fn check(identifier: &str, path: &str, expected: bool) {
        let path = path.replace("WELL", WELL_KNOWN);
        let found = resource(identifier).has_metadata_at(&path);
        assert_eq!(found, expected, "{path} for {identifier}");
    }
    for identifier in ["https://api.example.com", "https://api.example.com/"] {
        check(identifier, "WELL", true);
        for path in ["WELL/", "WELL/mcp", "/WELL", "/prod/WELL", "", "/", "/mcp"] {
            check(identifier, path, false);
        }
    }
    let identifier = "https://api.example.com/v1/mcp";
    for path in ["WELL", "WELL/v1/mcp", "/v1WELL", "/v1WELL/v1/mcp", "/v1/mcpWELL"] {
        check(identifier, path, true);
    }
    for path in [
        "WELL/v1",
        "WELL/v1/mcp/",
        "WELL/v1/mcp/x",
        "WELL/V1/mcp",
        "WELL/mcp",
        "WELLx",
        "/vWELL",
        "/v1/WELL",
        "/v2WELL",
        "/xWELL",
        "/v1/mcp/xWELL",
        "/.well-known/oauth-authorization-server",
        "/.well-known/OAuth-Protected-Resource",
        "/v1/mcp",
        "",
    ] {
        check(identifier, path, false);
    }
    check("https://api.example.com/mcp/", "WELL/mcp/", true);
    check("https://api.example.com/mcp/", "WELL/mcp", false);
}

#[test]
fn answers_proxy_events_only() {
    let metadata = metadata("https://api.example.com/mcp");
    let answers = |event: &str| metadata.answer(&event.replace("WELL", WELL_KNOWN)).is_some();
    for event in [
        r#"{"httpMethod":"GET","path":"WELL","requestContext":{}}"#,
        r#"{"httpMethod":"PUT","path":"/x","requestContext":{},"resource":"/x"}"#,
        r#"{"version":"1.0","httpMethod":"GET","path":"WELL","requestContext":{}}"#,
        r#"{"version":"2.0","rawPath":"WELL","requestContext":{"http":{"method":"GET"}}}"#,
        r#"{"type":null,"version":null,"httpMethod":"GET","path":"/","requestContext":{}}"#,
    ] {
        assert!(answers(event), "{event}");
    }
    for event in [
        "{}",
        "null",
        "[]",
        r#"{"type":"REQUEST","httpMethod":"GET","path":"WELL","requestContext":{}}"#,
        r#"{"type":"TOKEN","httpMethod":"GET","path":"WELL","requestContext":{}}"#,
        r#"{"type":"EXPLAIN","httpMethod":"GET","path":"WELL","requestContext":{}}"#,
        r#"{"version":"3.0","httpMethod":"GET","path":"WELL","requestContext":{}}"#,
        r#"{"version":"2.0","httpMethod":"GET","path":"WELL","requestContext":{}}"#,
        r#"{"version":"1.0","rawPath":"WELL","requestContext":{"http":{"method":"GET"}}}"#,
        r#"{"httpMethod":"GET","path":"WELL"}"#,
        r#"{"httpMethod":"GET","requestContext":{}}"#,
        r#"{"path":"WELL","requestContext":{}}"#,
        r#"{"httpMethod":1,"path":"WELL","requestContext":{}}"#,
        r#"{"Records":[]}"#,
    ] {
        assert!(!answers(event), "{event}");
    }
}
