//! Uses the page's server as a browser does, and as foreign pages would.

#![cfg(unix)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use local_gateway::page::{Listening, Page};
use local_gateway::stack::Stack;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use support::http_client;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message};

/// Starts the page with a function that allows every request.
async fn start() -> (Page, Stack) {
    let function = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/function");
    let settings: [(&str, &str); 0] = [];
    let stack = Stack::start(&function, &settings).await.unwrap();
    let page = Page::start(Listening::at(0).await.unwrap(), &stack, Vec::new()).unwrap();
    (page, stack)
}

async fn post(page: &Page, path: &str, body: Value) -> (u16, Value) {
    let request = http_client().post(format!("{}{path}", page.url()));
    let request = request.header("Content-Type", "application/json").body(body.to_string());
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

fn message(api: &str, path: &str) -> Value {
    json!({
        "api": api, "method": "GET", "path": path, "place": "header", "token": { "kind": "good" },
    })
}

/// Sends a request with a good token to the REST API, and returns what the cache did.
async fn cache_use(page: &Page, stack: &Stack) -> Value {
    let sent = post(page, "send", message("rest", "/orders")).await;
    assert_eq!(sent, (200, json!({ "status": 200 })));
    let record = stack.recorder.all().pop().unwrap();
    record.description["authorization"]["cache"]["use"].clone()
}

#[tokio::test]
async fn no_foreign_page_can_read_or_drive_it() {
    let (page, _stack) = start().await;
    let own = page.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let port = own.split_once(':').unwrap().1.to_owned();
    let own_origin = format!("http://{own}");
    let rebound = format!("rebound.example:{port}");
    let other_port = format!("http://127.0.0.1:{}", port.parse::<u16>().unwrap() ^ 1);
    let json = ("Content-Type", "application/json");
    let cases: [(&[(&str, &str)], u16); 9] = [
        (&[json], 200),
        (&[json, ("Origin", &own_origin), ("Sec-Fetch-Site", "same-origin")], 200),
        (&[json, ("Host", &rebound)], 403),
        (&[json, ("Host", &rebound), ("Origin", &format!("http://{rebound}"))], 403),
        (&[json, ("Origin", "https://evil.example")], 403),
        (&[json, ("Origin", &other_port)], 403),
        (&[json, ("Origin", "null")], 403),
        (&[json, ("Sec-Fetch-Site", "cross-site")], 403),
        (&[("Content-Type", "text/plain")], 415),
    ];
    for (headers, expected) in cases {
        for (method, path) in [(Method::POST, "cache"), (Method::GET, ""), (Method::GET, "setup")] {
            let mut request =
                http_client().request(method.clone(), format!("{}{path}", page.url()));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = request.body(r#"{"action":"flush"}"#).send().await.unwrap();
            let expected = if method == Method::GET && expected == 415 { 200 } else { expected };
            assert_eq!(response.status(), expected, "{method} /{path} {headers:?}");
        }
    }
}

#[tokio::test]
async fn the_page_loads_only_its_own_files() {
    let (page, stack) = start().await;
    for (path, content_type) in [
        ("", "text/html; charset=utf-8"),
        ("page.css", "text/css"),
        ("page.js", "text/javascript"),
        ("docs/errors.md", "text/html; charset=utf-8"),
        ("docs/local-gateway-trap.png", "image/png"),
    ] {
        let response = http_client().get(format!("{}{path}", page.url())).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], content_type);
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        let connections = format!("; connect-src 'self' {}", stack.websocket_api.url());
        assert!(policy.ends_with(&connections), "{policy}");
        assert_eq!(response.headers()["cache-control"], "no-store");
    }
    for path in ["nothing", "docs/", "docs/../Cargo.toml", "docs/errors", "/docs/errors.md"] {
        let response = http_client().get(format!("{}{path}", page.url())).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
}

/// Reads from a stream of events until it contains `part`.
async fn read_until(stream: &mut Response, part: &str) -> String {
    let mut read = String::new();
    while !read.contains(part) {
        let chunk = stream.chunk().await.unwrap().unwrap();
        read.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    read
}

#[tokio::test]
async fn streams_each_request_as_it_happens() {
    let (page, stack) = start().await;
    let listen = |last: &'static str| {
        let request = http_client().get(format!("{}requests", page.url()));
        async move { request.header("Last-Event-ID", last).send().await.unwrap() }
    };
    let mut stream = listen("").await;
    read_until(&mut stream, "event: run").await;
    // A request from any client, and one that the page sends.
    let from_outside = http_client().get(format!("{}/from-outside", stack.http_api.url()));
    assert_eq!(from_outside.send().await.unwrap().status(), 401);
    let first = read_until(&mut stream, "/from-outside\"").await;
    assert!(first.contains("id: 1\nevent: request\ndata: {"), "{first}");
    assert!(first.contains(r#""decision":"missing_identity""#), "{first}");
    assert_eq!(post(&page, "send", message("rest", "/orders")).await.0, 200);
    let second = read_until(&mut stream, "/prod/GET/orders").await;
    assert!(second.contains("id: 2\n") && second.contains(r#""decision":"allow""#), "{second}");

    let mut later = listen("1").await;
    let seen = read_until(&mut later, "id: 2").await;
    assert!(!seen.contains("id: 1\n"), "{seen}");
    // After a new start of the program, the browser has seen more than there is.
    let mut restarted = listen("99").await;
    read_until(&mut restarted, "id: 1\n").await;
}

#[tokio::test]
async fn sends_each_kind_of_request() {
    let (page, stack) = start().await;
    for (place, api, status) in [
        ("header", "rest", 200),
        ("nowhere", "rest", 401),
        ("query", "rest", 401),
        ("cookie", "http", 401),
        ("header", "websocket", 101),
        ("subprotocol", "websocket", 101),
    ] {
        let mut sent = message(api, "/orders?page=2");
        sent["place"] = place.into();
        let sent = post(&page, "send", sent).await;
        let record = stack.recorder.all().pop().unwrap().description;
        let cause = &record["authorization"]["cause"];
        assert_eq!(sent, (200, json!({ "status": status })), "{place}: {cause}");
        let request = &record["request"];
        let place_has_token = match place {
            "header" => request["headers"].to_string().contains("Bearer ey"),
            "subprotocol" => request["headers"].to_string().contains("bearer, ey"),
            "query" => request["query"][1][0] == "access_token",
            "cookie" => request["headers"].to_string().contains("access_token=ey"),
            _ => !request.to_string().contains("ey"),
        };
        assert!(place_has_token, "{place}: {request}");
        assert_eq!(request["query"][0], json!(["page", "2"]));
    }
    // The good token stays the same until the issuer has another key.
    for (rotates, cache) in [(false, "hit"), (true, "miss")] {
        if rotates {
            stack.issuer.rotate().unwrap();
        }
        assert_eq!(cache_use(&page, &stack).await, cache);
    }
    let mut pasted = message("rest", "/orders");
    pasted["token"] = json!({ "kind": "pasted", "text": " my.own.token\n" });
    assert_eq!(post(&page, "send", pasted.clone()).await.1, json!({ "status": 200 }));
    let request = &stack.recorder.all().pop().unwrap().description["request"];
    assert!(request["headers"].to_string().contains("\"Bearer my.own.token\""), "{request}");

    let old_key = json!({ "kind": "old_key" });
    assert_eq!(post(&page, "token", old_key).await.0, 200);
    let pasted_token = pasted["token"].clone();
    let token = post(&page, "token", pasted_token).await;
    assert_eq!(token, (200, json!({ "token": "my.own.token" })));

    for (change, error) in [
        (json!({ "path": "orders" }), "the path does not begin with a slash"),
        (json!({ "path": "/a b" }), "the path is not valid"),
        (json!({ "method": "GET /" }), "the method is not valid"),
        (json!({ "api": "soap" }), "there is no API soap"),
        (json!({ "token": { "kind": "pasted", "text": "a\nb" } }), "no header can have"),
        (json!({ "token": { "kind": "magic" } }), "unknown variant `magic`"),
        (json!({ "more": 1 }), "unknown field `more`"),
    ] {
        let mut sent = pasted.clone();
        for (name, value) in change.as_object().unwrap() {
            sent[name] = value.clone();
        }
        if sent["api"] == "rest" && change.get("path").is_some_and(|path| path == "orders") {
            sent["api"] = "http".into();
        }
        let (status, answer) = post(&page, "send", sent).await;
        assert_eq!(status, 400, "{change}");
        assert!(answer["message"].as_str().unwrap().contains(error), "{answer}");
    }
}

#[tokio::test]
async fn controls_the_caches() {
    let (page, stack) = start().await;
    for (action, cache) in [
        (None, "miss"),
        (None, "hit"),
        (Some(json!({ "action": "flush" })), "miss"),
        (Some(json!({ "action": "advance", "seconds": 240 })), "hit"),
        (Some(json!({ "action": "advance", "seconds": 60 })), "miss"),
    ] {
        if let Some(action) = action {
            assert_eq!(post(&page, "cache", action).await, (200, json!({})));
        }
        assert_eq!(cache_use(&page, &stack).await, cache);
    }
    let most = json!({ "action": "advance", "seconds": 3600 });
    assert_eq!(post(&page, "cache", most).await.0, 200);
    let too_much = json!({ "action": "advance", "seconds": 3601 });
    assert_eq!(post(&page, "cache", too_much).await.0, 400);
}

async fn setup(page: &Page) -> Value {
    let setup = http_client().get(format!("{}setup", page.url())).send().await.unwrap();
    serde_json::from_str(&setup.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn sends_to_each_stage() {
    let (page, stack) = start().await;
    for (api, stage, status, event_type, version, arn) in [
        ("rest", json!(null), 200, "REQUEST", json!(null), "/prod/GET/orders"),
        ("rest", json!("token"), 200, "TOKEN", json!(null), "/token/GET/orders"),
        // The function of this test returns policies, and the stage expects simple responses.
        ("http", json!("$default"), 500, "REQUEST", json!("2.0"), "/$default/GET/orders"),
        ("http", json!("v1"), 200, "REQUEST", json!("1.0"), "/v1/GET/orders"),
    ] {
        let mut sent = message(api, "/orders");
        sent["stage"] = stage.clone();
        assert_eq!(post(&page, "send", sent).await.1, json!({ "status": status }), "{stage}");
        let record = stack.recorder.all().pop().unwrap().description;
        let authorization = &record["authorization"];
        assert_eq!(authorization["event"]["type"], event_type);
        assert_eq!(authorization["event"]["version"], version);
        assert!(authorization["arn"].as_str().unwrap().ends_with(arn), "{arn}");
    }
    let mut sent = message("rest", "/orders");
    sent["stage"] = "v1".into();
    let error = json!({ "message": "there is no stage v1 of the API rest" });
    assert_eq!(post(&page, "send", sent).await, (400, error));
}

#[tokio::test]
async fn configures_an_authorizer() {
    let (page, stack) = start().await;
    for cache in ["miss", "hit"] {
        assert_eq!(cache_use(&page, &stack).await, cache);
    }
    let source = "method.request.header.Authorization";
    let change = json!({ "api": "rest", "identity_sources": [source], "ttl_seconds": 60 });
    let (status, changed) = post(&page, "authorizer", change.clone()).await;
    assert_eq!((status, &changed["ttl_s"]), (200, &json!(60)));
    assert_eq!(setup(&page).await["apis"][1], changed);
    // The cache is empty after a change, and not after a refused one.
    for (change, error) in [
        (json!({ "ttl_seconds": 3601 }), "over the limit of 3600 s"),
        (json!({ "identity_sources": [] }), "the cache needs an identity source"),
        (json!({ "identity_sources": ["$request.header.A"] }), "not an identity source"),
        (json!({ "validation": "a" }), "only TOKEN authorizers have a validation expression"),
        (json!({ "api": "http", "type": "TOKEN" }), "HTTP APIs have no TOKEN authorizers"),
        (json!({ "api": "websocket", "type": "TOKEN" }), "choose the type REQUEST"),
        (json!({ "stage": "token", "validation": "(" }), "the validation expression is not valid"),
        (json!({ "stage": "other" }), "there is no stage other"),
        (json!({ "type": "JWT" }), "unknown variant `JWT`"),
    ] {
        let mut refused = json!({ "api": "rest", "identity_sources": [source], "ttl_seconds": 9 });
        for (name, value) in change.as_object().unwrap() {
            refused[name] = value.clone();
        }
        let (status, answer) = post(&page, "authorizer", refused).await;
        assert_eq!(status, 400, "{change}");
        assert!(answer["message"].as_str().unwrap().contains(error), "{answer}");
        let expected = if error.starts_with("over") { "miss" } else { "hit" };
        assert_eq!(cache_use(&page, &stack).await, expected, "{change}");
    }
    let validated = json!({
        "api": "rest", "stage": "token", "identity_sources": [source], "ttl_seconds": 0, "validation": "Basic .*",
    });
    assert_eq!(post(&page, "authorizer", validated).await.1["validation"], "Basic .*");
    let mut sent = message("rest", "/orders");
    sent["stage"] = "token".into();
    assert_eq!(post(&page, "send", sent.clone()).await.1, json!({ "status": 401 }));
    let record = stack.recorder.all().pop().unwrap().description;
    assert_eq!(record["authorization"]["decision"], "invalid_token");
    assert_eq!(record["authorization"]["invoked_ms"], json!(null));
    let request_type = json!({
        "api": "rest", "stage": "token", "type": "REQUEST", "identity_sources": [], "ttl_seconds": 0,
    });
    assert_eq!(post(&page, "authorizer", request_type).await.1["type"], "REQUEST");
    assert_eq!(post(&page, "send", sent).await.1, json!({ "status": 200 }));
}

#[tokio::test]
async fn controls_the_issuer() {
    let (page, stack) = start().await;
    let keys = || async { http_client().get(stack.issuer.key_set_url()).send().await };
    let act = |action: Value| post(&page, "issuer", action);
    assert_eq!(act(json!({ "action": "withdraw_old" })).await.0, 400);
    for (action, expected) in [
        ("rotate", Some("\"key-1\"")),
        ("withdraw_old", Some("\"key-2\"")),
        ("withdraw_all", Some("{\"keys\":[]}")),
        ("restore", Some("\"key-2\"")),
        ("down", None),
        ("malformed", Some("{\"keys\":[{\"kty\":\"RSA\"")),
        ("html", Some("<h1>")),
        ("broken_key", Some("\"n\":\"not base64url\"")),
        ("restore", Some("\"key-2\"")),
    ] {
        assert_eq!(act(json!({ "action": action })).await.0, 200);
        match (keys().await, expected) {
            (Ok(response), Some(part)) => {
                let text = response.text().await.unwrap();
                assert!(text.contains(part), "{action}: {text}");
                assert!(action != "withdraw_old" || !text.contains("key-1"), "{text}");
            }
            (Err(_), None) => {}
            (result, _) => panic!("{action}: {result:?}"),
        }
    }
    assert_eq!(act(json!({ "action": "slow", "ms": 50 })).await.0, 200);
    let asked = Instant::now();
    assert_eq!(keys().await.unwrap().status(), 200);
    assert!(asked.elapsed() >= Duration::from_millis(50));
    assert_eq!(act(json!({ "action": "slow", "ms": 60_000 })).await.0, 200);
    assert_eq!(act(json!({ "action": "slow", "ms": 60_001 })).await.0, 400);
    assert_eq!(act(json!({ "action": "explode" })).await.0, 400);
}

#[tokio::test]
async fn asks_the_function_for_an_explanation_once() {
    let (page, stack) = start().await;
    assert_eq!(post(&page, "send", message("rest", "/orders")).await.0, 200);
    let taken = stack.lambda.invocations();
    for _ in 0..2 {
        let (status, explanation) = post(&page, "explain", json!({ "number": 1 })).await;
        // The function of this test answers everything with its policy.
        assert_eq!((status, &explanation["principalId"]), (200, &json!("alice")));
    }
    assert_eq!(stack.lambda.invocations(), taken + 1);
    let (status, answer) = post(&page, "explain", json!({ "number": 2 })).await;
    assert_eq!((status, &answer["message"]), (400, &json!("this request is not kept any more")));
}

#[tokio::test]
async fn controls_how_the_function_is_run() {
    let (page, stack) = start().await;
    let send = || async {
        // A WebSocket API caches no response.
        let sent = post(&page, "send", message("websocket", "")).await.1;
        let record = stack.recorder.all().pop().unwrap();
        (sent["status"].clone(), record.description["authorization"].clone())
    };
    let (status, authorization) = send().await;
    assert_eq!(status, 101);
    let lambda = &authorization["lambda"];
    assert_eq!((&lambda["environment"], &lambda["cold_start"]), (&json!(1), &json!(false)));
    assert_eq!(lambda["status"], "success");
    assert!(lambda["frozen_ms"].is_number() && lambda["billed_ms"].is_number(), "{lambda}");

    assert_eq!(post(&page, "lambda", json!({ "action": "stop_all" })).await.0, 200);
    let lambda = &send().await.1["lambda"];
    assert_eq!((&lambda["environment"], &lambda["cold_start"]), (&json!(2), &json!(true)));
    assert!(lambda["init_ms"].as_f64().unwrap() > 0.0, "{lambda}");

    for (action, changed, value) in [
        (json!({ "action": "thaw" }), "freezes", json!(false)),
        (json!({ "action": "freeze" }), "freezes", json!(true)),
        (json!({ "action": "timeout", "seconds": 3 }), "timeout_s", json!(3.0)),
        (json!({ "action": "limit", "environments": 0 }), "limit", json!(0)),
    ] {
        let described = post(&page, "lambda", action).await.1;
        assert_eq!(described[changed], value);
        assert_eq!(setup(&page).await["lambda"][changed], value);
    }
    let (status, authorization) = send().await;
    assert_eq!((status, &authorization["failure"]), (json!(500), &json!("throttled")));
    assert_eq!(authorization["invoked_ms"], Value::Null);
    let invoke =
        format!("{}/2015-03-31/functions/jwks-authorizer/invocations", stack.invoke_api.url());
    let throttled = http_client().post(invoke).body("{}").send().await.unwrap();
    assert_eq!(throttled.status(), 429);
    assert_eq!(throttled.headers()["x-amzn-errortype"], "TooManyRequestsException");
    assert_eq!(post(&page, "lambda", json!({ "action": "limit", "environments": 1 })).await.0, 200);
    assert_eq!(send().await.0, 101);

    for (action, error) in [
        (json!({ "action": "limit", "environments": 101 }), "the most is 100 environments"),
        (json!({ "action": "timeout", "seconds": 0 }), "the timeout is from 1 to 900 seconds"),
        (json!({ "action": "timeout", "seconds": 901 }), "the timeout is from 1 to 900 seconds"),
        (json!({ "action": "permission", "api": "soap", "granted": true }), "there is no API soap"),
    ] {
        let refused = post(&page, "lambda", action).await;
        assert_eq!(refused, (400, json!({ "message": error })));
    }
}

#[tokio::test]
async fn without_permission_every_api_answers_500_and_asks_nobody() {
    let (page, stack) = start().await;
    for (position, api) in [(0, "websocket"), (1, "rest"), (3, "http")] {
        for (granted, expected) in
            [(false, 500), (true, if api == "websocket" { 101 } else { 200 })]
        {
            if api == "http" && granted {
                // The function of this test returns no simple response.
                continue;
            }
            let action = json!({ "action": "permission", "api": api, "granted": granted });
            assert_eq!(post(&page, "lambda", action).await.0, 200);
            assert_eq!(setup(&page).await["apis"][position]["is_permitted"], granted);
            let invocations = stack.lambda.invocations();
            let sent = post(&page, "send", message(api, "/orders")).await.1;
            assert_eq!(sent, json!({ "status": expected }), "{api}");
            let record = stack.recorder.all().pop().unwrap();
            let authorization = &record.description["authorization"];
            assert_eq!(authorization["failure"] == "not_permitted", !granted, "{api}");
            assert_eq!(stack.lambda.invocations() > invocations, granted, "{api}");
        }
    }
}

#[tokio::test]
async fn disconnects_a_websocket_once() {
    let (page, stack) = start().await;
    let request = ClientRequestBuilder::new(stack.websocket_api.url().parse().unwrap());
    let request = request.with_header("Authorization", "Bearer any");
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let record = stack.recorder.all().pop().unwrap();
    let id = &record.description["authorization"]["event"]["requestContext"]["connectionId"];
    assert_eq!(post(&page, "disconnect", json!({ "id": id })).await, (200, json!({})));
    let Some(Ok(Message::Close(Some(frame)))) = socket.next().await else {
        panic!("the connection is open")
    };
    assert_eq!(u16::from(frame.code), 1000);
    let gone = (400, json!({ "message": "the connection is closed" }));
    assert_eq!(post(&page, "disconnect", json!({ "id": id })).await, gone);
    let (status, answer) = post(&page, "disconnect", json!({ "id": "no Base64/.." })).await;
    assert_eq!((status, &answer["message"]), (400, &json!("@connections answered 400")));
}

/// What a trap's requests show: the status and the decision of each, and whether the function was asked.
#[tokio::test]
async fn runs_into_each_trap() {
    let (page, stack) = start().await;
    type Shown = (u64, &'static str, bool);
    let cases: [(&str, &[Shown]); 12] = [
        ("token_type", &[(400, "", false)]),
        ("token_event", &[(500, "failed", true)]),
        ("source_absent", &[(401, "missing_identity", false)]),
        ("sources_anded", &[(401, "missing_identity", false)]),
        ("browser_header", &[(401, "missing_identity", false)]),
        ("subprotocol_not_echoed", &[(101, "allow", true)]),
        ("connect_missed", &[(403, "implicit_deny", true)]),
        ("narrow_policy", &[(200, "allow", true), (403, "implicit_deny", false)]),
        ("error_text", &[(500, "failed", true)]),
        ("nested_context", &[(500, "malformed", true)]),
        ("permission_missing", &[(500, "no_outcome", false)]),
        // The function of this test allows everything.
        ("slash", &[(200, "allow", true)]),
    ];
    let setup = setup(&page).await;
    let titles: Vec<_> = setup["traps"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(titles, cases.map(|(id, _)| id));
    for (id, expected) in cases {
        stack.recorder.clear();
        assert_eq!(post(&page, "trap", json!({ "id": id })).await, (200, json!({})), "{id}");
        let records = stack.recorder.all();
        assert_eq!(records.len(), expected.len(), "{id}");
        for (record, (status, decision, invoked)) in records.iter().zip(expected) {
            let description = &record.description;
            let authorization = &description["authorization"];
            assert_eq!(description["answer"]["status"], *status, "{id}");
            assert_eq!(authorization["decision"].as_str().unwrap_or_default(), *decision, "{id}");
            assert_eq!(authorization["invoked_ms"].is_number(), *invoked, "{id}");
            // Another function's answer cannot be explained.
            let real = description["trap"]["real"] == true;
            if decision.is_empty() {
                assert!(
                    description["answer"]["body"].to_string().contains("choose the type REQUEST")
                );
            }
            let explained = post(&page, "explain", json!({ "number": record.number })).await.0;
            assert_eq!(explained, if real { 200 } else { 400 }, "{id}");
        }
    }
    assert_eq!(post(&page, "trap", json!({ "id": "none" })).await.0, 400);
}
