//! Sends the requests of `cases.json` to the REST and HTTP APIs, through real sockets.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use local_gateway::authorizer::{Authorizer, AuthorizerConfig};
use local_gateway::cache::DEFAULT_TTL;
use local_gateway::http_api::HttpApi;
use local_gateway::identity::ApiKind;
use local_gateway::recorder::Recorder;
use local_gateway::rest::{Listening, RestApi};
use local_gateway::runtime_api::RuntimeApi;
use serde::Deserialize;
use serde_json::Value;
use support::{http_client, run_function};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(rename = "about")]
    _about: Vec<String>,
    responses: BTreeMap<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    rule: String,
    source: String,
    api: String,
    identity_sources: Vec<String>,
    ttl_seconds: Option<u64>,
    requests: Vec<Exchange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    request: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    after_seconds: u64,
    status: u16,
    #[serde(default, deserialize_with = "present")]
    body: Option<Value>,
    context: Option<Value>,
    invoked: bool,
    cached: bool,
}

/// Reads a member that may be null.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

fn table() -> Table {
    serde_json::from_str(include_str!("cases.json")).unwrap()
}

/// An API that keeps running until it is dropped.
enum Api {
    Rest(RestApi),
    Http(HttpApi),
}

/// Returns what the function returns for an event: the response that the credential names.
fn respond(responses: &BTreeMap<String, Value>, event: &Value) -> Result<String, String> {
    let credential = [&event["headers"]["authorization"], &event["queryStringParameters"]["token"]];
    let name = credential.into_iter().find_map(Value::as_str).ok_or("Unauthorized")?;
    let response = responses.get(name).unwrap_or_else(|| panic!("no response is named {name}"));
    match response.get("error").and_then(Value::as_str) {
        Some(message) => Err(message.to_owned()),
        None => Ok(response.to_string()),
    }
}

async fn run(case: &Case, responses: BTreeMap<String, Value>) {
    let runtime_api = Arc::new(RuntimeApi::start().await.unwrap());
    run_function(runtime_api.address(), move |event| respond(&responses, &event));
    let kind = match case.api.as_str() {
        "rest" => ApiKind::Rest,
        "http" => ApiKind::Http,
        other => panic!("no kind of API is named {other}"),
    };
    let config = AuthorizerConfig {
        api: kind,
        identity_sources: case.identity_sources.clone(),
        ttl: case.ttl_seconds.map_or(DEFAULT_TTL, Duration::from_secs),
        simple_responses: kind == ApiKind::Http,
    };
    let authorizer = Arc::new(Authorizer::new(Arc::clone(&runtime_api), &config).unwrap());
    let recorder = Arc::new(Recorder::default());
    let (for_api, for_records) = (Arc::clone(&authorizer), Arc::clone(&recorder));
    let api = if kind == ApiKind::Rest {
        let listening = Listening::at(0).await.unwrap();
        Api::Rest(RestApi::start_echo(listening, for_api, for_records).unwrap())
    } else {
        Api::Http(HttpApi::start(0, for_api, for_records).await.unwrap())
    };
    let url = match &api {
        Api::Rest(api) => api.url(),
        Api::Http(api) => api.url(),
    };
    for (position, exchange) in case.requests.iter().enumerate() {
        let place = format!("{}, request {}: {}", case.rule, position + 1, exchange.request);
        authorizer.advance_cache(Duration::from_secs(exchange.after_seconds));
        let (method, path) = exchange.request.split_once(' ').unwrap();
        let mut request = http_client().request(method.parse().unwrap(), format!("{url}{path}"));
        for (name, value) in &exchange.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), exchange.status, "{place}");
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        if let Some(expected) = &exchange.body {
            assert_eq!(body, *expected, "{place}");
        }
        if let Some(expected) = &exchange.context {
            assert_eq!(body["requestContext"]["authorizer"], *expected, "{place}");
        }
        let record = recorder.all().pop().unwrap().description;
        let authorization = &record["authorization"];
        assert_eq!(authorization["invoked_ms"].is_number(), exchange.invoked, "{place}");
        assert_eq!(authorization["cache"]["use"] == "hit", exchange.cached, "{place}");
        assert_eq!(record["answer"]["status"], exchange.status, "{place}");
    }
    // What the records say of the function is what it saw.
    let invoked = case.requests.iter().filter(|exchange| exchange.invoked).count();
    runtime_api.taken(invoked).await;
    assert_eq!(runtime_api.taken_so_far(), invoked, "{}", case.rule);
}

#[tokio::test]
async fn does_what_api_gateway_does() {
    let table = table();
    for case in &table.cases {
        run(case, table.responses.clone()).await;
    }
}

#[test]
fn each_rule_has_its_source_and_both_outcomes_are_covered() {
    let table = table();
    for case in &table.cases {
        let is_page = ["https://docs.aws.amazon.com/", "https://repost.aws/"]
            .iter()
            .any(|prefix| case.source.starts_with(prefix));
        assert!(is_page || case.source == "not documented", "{}", case.rule);
    }
    for api in ["rest", "http"] {
        for (status, invoked, cached) in [
            (200, true, false),
            (200, false, true),
            (401, false, false),
            (401, true, false),
            (403, true, false),
            (403, false, true),
            (500, true, false),
        ] {
            let mut requests =
                table.cases.iter().filter(|case| case.api == api).flat_map(|case| &case.requests);
            let covered =
                requests.any(|it| (it.status, it.invoked, it.cached) == (status, invoked, cached));
            assert!(covered, "{api} {status} {invoked} {cached}");
        }
    }
}
