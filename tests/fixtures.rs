//! The fixtures are served as described, by the loader and by the real WireMock.
//!
//! The routes are asked of the loader. With `WIREMOCK_URL` set to a running
//! WireMock (see `wiremock-fixtures/README.md`) they are asked of that instead,
//! and with them those that only it can serve.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/wiremock_fixtures.rs"]
mod wiremock_fixtures;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, LOCATION};
use reqwest::{Client, redirect};
use serde_json::{Value, json};

use wiremock_fixtures::{
    BASE_URL, Fixtures, REAL_WIREMOCK_ONLY, ROOT, Refusal, SIGNING_KID, load, parse, signing_key,
};

const DISCOVERY: &str = ".well-known/openid-configuration";

/// Path, status, content type, and the file that is the body.
#[rustfmt::skip]
const ROUTES: &[(&str, u16, &str, &str)] = &[
    ("healthy/.well-known/openid-configuration",            200, JSON, "discovery/healthy.json"),
    ("healthy/jwks.json",                                   200, JSON, "keys/mixed.json"),
    ("wrong-issuer/.well-known/openid-configuration",       200, JSON, "discovery/wrong-issuer.json"),
    ("wrong-issuer/jwks.json",                              200, JSON, "keys/single.json"),
    ("empty-set/.well-known/openid-configuration",          200, JSON, "discovery/empty-set.json"),
    ("empty-set/jwks.json",                                 200, JSON, "keys/empty.json"),
    ("no-usable-key/.well-known/openid-configuration",      200, JSON, "discovery/no-usable-key.json"),
    ("no-usable-key/jwks.json",                             200, JSON, "keys/unusable.json"),
    ("largest/.well-known/openid-configuration",            200, JSON, "discovery/largest.json"),
    ("largest/jwks.json",                                   200, JSON, "keys/150000-bytes.json"),
    ("oversize/.well-known/openid-configuration",           200, JSON, "discovery/oversize.json"),
    ("oversize/jwks.json",                                  200, JSON, "keys/150001-bytes.json"),
    ("wrong-content-type/.well-known/openid-configuration", 200, JSON, "discovery/wrong-content-type.json"),
    ("wrong-content-type/jwks.json",                        200, TEXT, "keys/single.json"),
    ("cache-control/.well-known/openid-configuration",      200, JSON, "discovery/cache-control.json"),
    ("cache-control/jwks.json",                             200, KEY_SET, "keys/single.json"),
    ("garbage/.well-known/openid-configuration",            200, JSON, "garbage.txt"),
    ("garbage/jwks.json",                                   200, JSON, "garbage.txt"),
    ("html/.well-known/openid-configuration",               200, HTML, "login.html"),
    ("html/jwks.json",                                      200, HTML, "login.html"),
    ("redirect/followed/openid-configuration",              200, JSON, "discovery/redirect.json"),
    ("not-found/.well-known/openid-configuration",          404, JSON, "not-found.json"),
    ("not-found/jwks.json",                                 404, JSON, "not-found.json"),
    ("error-500/.well-known/openid-configuration",          500, JSON, "internal-server-error.json"),
    ("error-500/jwks.json",                                 500, JSON, "internal-server-error.json"),
];
const JSON: &str = "application/json";
const KEY_SET: &str = "application/jwk-set+json";
const TEXT: &str = "text/plain";
const HTML: &str = "text/html";

/// Fixtures that break the connection, and whether the loader has them too.
const BROKEN_CONNECTIONS: &[(&str, bool)] = &[
    ("fault-empty-response", true),
    ("fault-connection-reset", false),
    ("fault-malformed-chunk", false),
    ("fault-random-data", false),
];

/// Fixtures that take ten seconds, and whether the loader has them too.
const SLOW: &[(&str, bool)] = &[("slow", true), ("slow-drip", false)];

/// The real WireMock where there is one, else the loader.
struct Server {
    base_url: String,
    loader: Option<Fixtures>,
}

impl Server {
    async fn find() -> Self {
        if let Ok(url) = std::env::var("WIREMOCK_URL") {
            let base_url = url.trim_end_matches('/').to_owned();
            let loader = None;
            return Self { base_url, loader };
        }
        let loader = Fixtures::serve().await.unwrap();
        let base_url = loader.issuer("healthy").replace("/healthy", "");
        Self { base_url, loader: Some(loader) }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base_url)
    }

    fn serves(&self, by_loader: bool) -> bool {
        by_loader || self.loader.is_none()
    }
}

fn client() -> Client {
    // One of the tests in this process comes first; the others find it done.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap()
}

fn body_file(name: &str) -> PathBuf {
    Path::new(ROOT).join("__files").join(name)
}

#[tokio::test]
async fn serves_every_route_as_written() {
    let (server, client) = (Server::find().await, client());
    for &(path, status, content_type, file) in ROUTES {
        let response = client.get(server.url(path)).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()[CONTENT_TYPE], content_type, "{path}");
        let written = fs::read_to_string(body_file(file)).unwrap();
        let served = response.text().await.unwrap();
        assert!(
            served == written.replace(BASE_URL, &server.base_url),
            "{path} served {served:.200}"
        );
    }
}

#[tokio::test]
async fn an_issuer_is_the_url_by_which_it_is_fetched() {
    let (server, client) = (Server::find().await, client());
    for (name, issuer) in
        [("healthy", "healthy"), ("cache-control", "cache-control"), ("wrong-issuer", "healthy")]
    {
        let request = client.get(server.url(&format!("{name}/{DISCOVERY}")));
        let body = request.send().await.unwrap().text().await.unwrap();
        let discovered: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(discovered["issuer"], server.url(issuer));
        assert_eq!(discovered["jwks_uri"], server.url(&format!("{name}/jwks.json")));
    }
}

#[tokio::test]
async fn an_issuer_follows_the_host_that_was_asked_for() {
    let server = Server::find().await;
    let request = client()
        .get(server.url("healthy/.well-known/openid-configuration"))
        .header(HOST, "issuer.test:8443");
    let body = request.send().await.unwrap().text().await.unwrap();
    let discovered: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(discovered["issuer"], "http://issuer.test:8443/healthy");
}

#[tokio::test]
async fn answers_304_to_the_current_etag_only() {
    let (server, client) = (Server::find().await, client());
    for (etag, status) in [("\"key-set-1\"", 304), ("\"key-set-0\"", 200)] {
        let request = client.get(server.url("cache-control/jwks.json")).header(IF_NONE_MATCH, etag);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{etag}");
        assert_eq!(response.headers()[ETAG], "\"key-set-1\"", "{etag}");
        assert_eq!(response.headers()[CACHE_CONTROL], "max-age=120", "{etag}");
    }
}

#[tokio::test]
async fn a_redirect_leads_to_what_would_be_accepted() {
    let (server, client) = (Server::find().await, client());
    for (path, location) in
        [(DISCOVERY, "redirect/followed/openid-configuration"), ("jwks.json", "healthy/jwks.json")]
    {
        let request = client.get(server.url(&format!("redirect/{path}")));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 302);
        assert_eq!(response.headers()[LOCATION], format!("/{location}"));
        assert!(ROUTES.iter().any(|route| (route.0, route.1) == (location, 200)));
    }
}

#[tokio::test]
async fn broken_connections_break() {
    let (server, client) = (Server::find().await, client());
    for &(name, _) in BROKEN_CONNECTIONS.iter().filter(|f| server.serves(f.1)) {
        for path in [DISCOVERY, "jwks.json"] {
            let request = client.get(server.url(&format!("{name}/{path}")));
            let outcome = match request.send().await {
                Ok(response) => response.bytes().await,
                Err(error) => Err(error),
            };
            assert!(!outcome.unwrap_err().is_timeout(), "{name}/{path}");
        }
    }
}

#[tokio::test]
async fn slow_answers_are_slow() {
    let (server, client) = (Server::find().await, client());
    for &(name, _) in SLOW.iter().filter(|f| server.serves(f.1)) {
        for path in [DISCOVERY, "jwks.json"] {
            let request = client
                .get(server.url(&format!("{name}/{path}")))
                .timeout(Duration::from_millis(200));
            let outcome = match request.send().await {
                Ok(response) => response.bytes().await,
                Err(error) => Err(error),
            };
            assert!(outcome.unwrap_err().is_timeout(), "{name}/{path}");
        }
    }
}

#[tokio::test]
async fn counts_requests_by_path() {
    let (fixtures, client) = (Fixtures::serve().await.unwrap(), client());
    for fixture in ["healthy", "healthy", "fault-empty-response"] {
        let request = client.get(fixtures.jwks_uri(fixture));
        request.send().await.ok();
    }
    for (fixture, requests) in [("healthy", 2), ("fault-empty-response", 1), ("slow", 0)] {
        let path = format!("/{fixture}/jwks.json");
        assert_eq!(fixtures.requests_to(&path).await, requests, "{path}");
    }
}

#[tokio::test]
#[should_panic(expected = "no fixture \"helthy\"")]
async fn names_a_misspelt_fixture() {
    Fixtures::serve().await.unwrap().issuer("helthy");
}

#[test]
fn every_set_with_the_signing_key_verifies_what_it_signs() {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(SIGNING_KID.to_owned());
    let claims = json!({ "exp": 4_102_444_800_u64 });
    let token = jsonwebtoken::encode(&header, &claims, &signing_key()).unwrap();

    for (file, published) in [
        ("keys/mixed.json", true),
        ("keys/single.json", true),
        ("keys/150000-bytes.json", true),
        ("keys/150001-bytes.json", true),
        ("keys/unusable.json", false),
        ("keys/empty.json", false),
    ] {
        let set = fs::read_to_string(body_file(file)).unwrap();
        let set: Value = serde_json::from_str(&set).unwrap();
        let mut keys = set["keys"].as_array().unwrap().iter();
        let key = keys.find(|key| key["kid"] == SIGNING_KID);
        assert_eq!(key.is_some(), published, "{file}");
        if let Some(key) = key {
            let key: Jwk = serde_json::from_value(key.clone()).unwrap();
            let key = DecodingKey::from_jwk(&key).unwrap();
            let validation = Validation::new(Algorithm::RS256);
            let verified = jsonwebtoken::decode::<Value>(&token, &key, &validation);
            assert_eq!(verified.unwrap().claims, claims, "{file}");
        }
    }
}

#[test]
fn the_size_limit_lies_between_the_largest_and_the_oversize_set() {
    let size = |file| fs::metadata(body_file(file)).unwrap().len();
    assert_eq!(size("keys/150000-bytes.json"), 150_000);
    assert_eq!(size("keys/150001-bytes.json"), 150_001);
}

#[test]
fn every_file_is_a_body_of_some_mapping() {
    let mappings = files_below(&Path::new(ROOT).join("mappings"));
    let mut bodies = BTreeSet::new();
    for path in &mappings {
        let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        for mapping in file["mappings"].as_array().unwrap() {
            let name = mapping.pointer("/response/bodyFileName");
            bodies.extend(name.map(|name| body_file(name.as_str().unwrap())));
        }
    }
    assert_eq!(files_below(&body_file("")), bodies);
}

fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.insert(path);
        }
    }
    files
}

#[test]
fn refuses_what_only_the_real_wiremock_can_do() {
    for (file, refusal) in [
        ("fault-connection-reset", "`fault` ConnectionResetByPeer"),
        ("fault-malformed-chunk", "`fault` MalformedResponseChunk"),
        ("fault-random-data", "`fault` RandomDataThenClose"),
        ("slow-drip", "unknown field `chunkedDribbleDelay`"),
    ] {
        let folder = Path::new(ROOT).join("mappings").join(REAL_WIREMOCK_ONLY);
        let json = fs::read_to_string(folder.join(file).with_extension("json")).unwrap();
        let error = parse(&json, &body_file("")).unwrap_err().to_string();
        assert!(error.contains(refusal), "{file}: {error}");
    }
}

#[test]
fn loads_everything_else() {
    let served = load(Path::new(ROOT)).unwrap().len();
    // Beside the routes: two each that redirect, are slow and break, and the 304.
    assert_eq!(served, ROUTES.len() + 7);
}

/// A mapping with all that the loader honours, but for a fault.
fn honoured() -> Value {
    json!({ "mappings": [{
        "priority": 1,
        "request": {
            "method": "GET",
            "urlPath": "/healthy/.well-known/openid-configuration",
            "headers": { "Accept": { "equalTo": "application/json" } },
        },
        "response": {
            "status": 200,
            "headers": { "Content-Type": "application/json" },
            "bodyFileName": "discovery/healthy.json",
            "fixedDelayMilliseconds": 1,
            "transformers": ["response-template"],
        },
    }]})
}

fn parse_value(file: &Value) -> Result<usize, Refusal> {
    parse(&file.to_string(), &body_file("")).map(|mappings| mappings.len())
}

#[test]
fn accepts_what_it_honours() {
    assert_eq!(parse_value(&honoured()).unwrap(), 1);
    let mut fault = honoured();
    fault["mappings"][0]["response"] = json!({ "fault": "EMPTY_RESPONSE" });
    assert_eq!(parse_value(&fault).unwrap(), 1);
}

#[test]
fn refuses_what_it_does_not_honour() {
    // Where in the mapping, which member, its value, and what the refusal names.
    #[rustfmt::skip]
    let tampered = [
        ("", "meta", json!({}), "unknown field `meta`"),
        ("/mappings/0", "scenarioName", json!("rotation"), "unknown field `scenarioName`"),
        ("/mappings/0", "postServeActions", json!([]), "unknown field `postServeActions`"),
        ("/mappings/0", "priority", json!(0), "nonzero"),
        ("/mappings/0/request", "urlPathPattern", json!("/.*"), "unknown field `urlPathPattern`"),
        ("/mappings/0/request", "queryParameters", json!({}), "unknown field `queryParameters`"),
        ("/mappings/0/request", "method", json!("ANY"), "unknown variant `ANY`"),
        ("/mappings/0/request/headers/Accept", "caseInsensitive", json!(true), "unknown field `caseInsensitive`"),
        ("/mappings/0/request/headers", "Accept", json!({ "contains": "json" }), "unknown field `contains`"),
        ("/mappings/0/response", "jsonBody", json!({}), "unknown field `jsonBody`"),
        ("/mappings/0/response", "delayDistribution", json!({}), "unknown field `delayDistribution`"),
        ("/mappings/0/response", "chunkedDribbleDelay", json!({}), "unknown field `chunkedDribbleDelay`"),
        ("/mappings/0/response", "transformers", json!(["webhook"]), "unknown variant `webhook`"),
        ("/mappings/0/response", "transformers", json!([]), "in the body"),
        ("/mappings/0/response", "headers", json!({ "Location": "{{request.baseUrl}}/" }), "in the headers"),
        ("/mappings/0/response", "status", json!(42), "`status` 42"),
        ("/mappings/0/response", "bodyFileName", json!("no-such-file.json"), "no-such-file.json"),
        ("/mappings/0/response", "bodyFileName", json!("../TEST-KEY-never-trust.pem"), "within __files"),
        ("/mappings/0/response", "fault", json!("EMPTY_RESPONSE"), "`fault` goes with nothing else"),
    ];
    for (place, member, value, refusal) in tampered {
        let mut file = honoured();
        let object = file.pointer_mut(place).unwrap().as_object_mut().unwrap();
        object.insert(member.to_owned(), value);
        let error = parse_value(&file).unwrap_err().to_string();
        assert!(error.contains(refusal), "{place}/{member}: {error}");
    }
}

#[test]
fn refuses_every_template_expression_but_one() {
    let files = scratch("templates");
    for (body, accepted) in [
        ("{{request.baseUrl}}/healthy", true),
        ("{{request.baseUrl}}/{{request.path}}", false),
        ("{{ request.baseUrl }}", false),
        ("{{now}}", false),
    ] {
        fs::write(files.join("body"), body).unwrap();
        let mut file = honoured();
        file["mappings"][0]["response"]["bodyFileName"] = json!("body");
        let outcome = parse(&file.to_string(), &files);
        assert_eq!(outcome.is_ok(), accepted, "{body}: {outcome:?}");
    }
}

#[test]
fn refuses_two_mappings_that_only_their_order_tells_apart() {
    let root = scratch("ambiguous");
    let mappings = root.join("mappings");
    fs::create_dir_all(&mappings).unwrap();
    for (priority, accepted) in [(1, true), (2, false)] {
        for (file, priority) in [("a.json", priority), ("b.json", 2)] {
            let mut mapping = json!({ "priority": priority, "response": {} });
            mapping["request"] = json!({ "method": "GET", "urlPath": "/a" });
            let json = json!({ "mappings": [mapping] }).to_string();
            fs::write(mappings.join(file), json).unwrap();
        }
        let outcome = load(&root);
        assert_eq!(outcome.is_ok(), accepted, "{outcome:?}");
    }
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}
