//! A discovery document of any bytes.
//!
//! Keys are fetched only from an https URL, and only if the document is the issuer's.

#![no_main]

use std::sync::LazyLock;

use jwks_authorizer::IssuerName;
use jwks_authorizer::jwks::{KeyLocation, KeyOrigin};
use jwks_authorizer_fuzz::json::Object;
use libfuzzer_sys::fuzz_target;
use url::Url;

const ISSUERS: [&str; 2] = ["https://issuer.example.com/", "http://127.0.0.1:9/issuer"];

static ORIGINS: LazyLock<[KeyOrigin; 2]> = LazyLock::new(|| {
    ISSUERS.map(|issuer| {
        let url = format!("{issuer}.well-known/openid-configuration");
        KeyOrigin {
            issuer: IssuerName::exact(issuer),
            location: KeyLocation::Discovery(Url::parse(&url).expect("a URL")),
            algorithms: Vec::new(),
        }
    })
});

fuzz_target!(|document: &[u8]| {
    for origin in &*ORIGINS {
        match origin.key_set_uri(document) {
            Err(error) => drop(error.to_string()),
            Ok(uri) => {
                let document = std::str::from_utf8(document).expect("what is read is UTF-8");
                let document = Object::read(document).expect("what is read is an object");
                assert!(document.get("issuer").is_some_and(|it| it == origin.issuer.as_str()));
                check(uri.as_str(), origin.issuer.as_str().starts_with("https:"));
            }
        }
    }
});

/// Checks the normal form of a URI.
fn check(uri: &str, is_remote: bool) {
    let (scheme, rest) = uri.split_once("://").expect("a scheme and an authority");
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    assert!(!authority.is_empty() && !authority.contains('@'), "{uri}");
    assert!(!uri.contains('#'), "{uri}");
    if is_remote || scheme != "http" {
        assert_eq!(scheme, "https", "{uri}");
    } else {
        let host = authority.rsplit_once(':').map_or(authority, |(host, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) { host } else { authority }
        });
        let is_loopback = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        assert!(is_loopback, "{uri}");
    }
}
