//! Sends requests to APIs whose integration is a real command or a real HTTP server.

#![cfg(unix)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use local_gateway::authorizer::{Authorizer, AuthorizerConfig, AuthorizerKind};
use local_gateway::http_api::HttpApi;
use local_gateway::integration::Integration;
use local_gateway::invoke::InvokeApi;
use local_gateway::recorder::Recorder;
use local_gateway::rest::{Listening, RestApi, RestSettings};
use local_gateway::runtime_api::RuntimeApi;
use local_gateway::stage::Stage;
use serde_json::{Value, json};
use support::{http_client, run_function};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const MB: usize = 1024 * 1024;

/// How long something may take that happens at once.
const LONG: Duration = Duration::from_secs(20);

/// A REST and an HTTP API with the same integration. The authorizer allows everything.
struct Apis {
    rest: RestApi,
    http: HttpApi,
    recorder: Arc<Recorder>,
    _runtime_api: Arc<RuntimeApi>,
}

/// A response to a client.
struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: String,
}

impl Apis {
    async fn start(integration: Integration) -> Self {
        let runtime_api = Arc::new(RuntimeApi::start().await.unwrap());
        run_function(runtime_api.address(), |event| {
            let context = json!({ "sub": "alice", "exp": 7 });
            if event["version"] == "2.0" {
                return Ok(json!({ "isAuthorized": true, "context": context }).to_string());
            }
            let statement =
                json!({ "Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*" });
            let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
            let policy =
                json!({ "principalId": "a", "policyDocument": document, "context": context });
            Ok(policy.to_string())
        });
        let stages = |name, kind| {
            let config =
                AuthorizerConfig { kind, identity_sources: Vec::new(), ttl: Duration::ZERO };
            let authorizer = Authorizer::new(Arc::clone(&runtime_api), config).unwrap();
            vec![Stage::new(name, Arc::new(authorizer))]
        };
        let rest_stages = stages("prod", AuthorizerKind::RestRequest);
        let http_stages = stages("$default", AuthorizerKind::Http2 { simple_responses: true });
        let integration = Arc::new(integration);
        let recorder = Arc::new(Recorder::default());
        let settings =
            RestSettings { integration: Arc::clone(&integration), ..RestSettings::default() };
        let listening = Listening::start().await.unwrap();
        let rest =
            RestApi::start_stages(listening, rest_stages, settings, Arc::clone(&recorder)).unwrap();
        let http =
            HttpApi::start(0, http_stages, integration, Arc::clone(&recorder)).await.unwrap();
        Self { rest, http, recorder, _runtime_api: runtime_api }
    }

    async fn post(&self, url: String, body: impl Into<reqwest::Body>) -> Got {
        self.send(http_client().post(url).header("Content-Type", "text/plain").body(body)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Got {
        let response = request.send().await.unwrap();
        Got {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    async fn rest(&self, body: impl Into<reqwest::Body>) -> Got {
        self.post(format!("{}/orders?a=b", self.rest.url()), body).await
    }

    async fn http(&self, body: impl Into<reqwest::Body>) -> Got {
        self.post(format!("{}/orders?a=b", self.http.url()), body).await
    }

    /// Returns what the last request's record says of the integration.
    fn recorded(&self) -> Value {
        self.recorder.all().pop().unwrap().description["integration"].clone()
    }

    /// Sends a request to each API, and checks what clients get of a failure, and what is recorded.
    async fn check_failure(&self, error: &str) {
        self.check(error, (502, "Internal server error"), (500, "Internal Server Error")).await;
    }

    async fn check(&self, error: &str, rest: (u16, &str), http: (u16, &str)) {
        for (got, (status, message)) in [(self.rest("").await, rest), (self.http("").await, http)] {
            assert_eq!(got.status, status, "{error}: {}", got.body);
            let body: Value = serde_json::from_str(&got.body).unwrap();
            assert_eq!(body, json!({ "message": message }), "{error}");
            assert_eq!(got.headers["content-type"], "application/json", "{error}");
        }
        let recorded = self.recorded();
        let found = recorded["error"].as_str().unwrap();
        assert!(found.contains(error), "{found}");
        assert_eq!(recorded["event"]["rawPath"], "/orders");
        assert!(recorded["duration_ms"].is_number());
    }
}

fn script() -> String {
    format!("'{}/tests/scripts/integration'", env!("CARGO_MANIFEST_DIR"))
}

/// Returns the script as an integration.
fn command(arguments: &str) -> Integration {
    Integration::parse(&format!("{} {arguments}", script())).unwrap()
}

fn url(url: &str) -> Integration {
    Integration::parse(url).unwrap()
}

#[tokio::test]
async fn a_command_answers() {
    for action in ["answers", "ignores"] {
        let apis = Apis::start(command(action)).await;
        // An event that no pipe holds at once.
        let body = "x".repeat(MB);
        for got in [apis.rest(body.clone()).await, apis.http(body.clone()).await] {
            assert_eq!((got.status, got.body.as_str()), (201, "hello"), "{action}");
            assert_eq!(got.headers["x-from"], "command");
        }
        let recorded = apis.recorded();
        assert_eq!(recorded["response"]["statusCode"], 201);
        assert_eq!(recorded["error"], Value::Null);
        let event = recorded["event"].as_str().unwrap();
        assert!(event.contains("xxx… (shortened from 10"), "{}", event.len());
    }
}

#[tokio::test]
async fn a_command_gets_the_proxy_event() {
    let apis = Apis::start(command("shows")).await;
    let event = |got: Got| -> Value {
        serde_json::from_slice(&STANDARD.decode(got.body).unwrap()).unwrap()
    };
    let rest = event(apis.rest("text").await);
    let http = event(apis.http("text").await);
    let authorizer = json!({ "principalId": "a", "sub": "alice", "exp": "7" });
    for (event, pointer, expected) in [
        (&rest, "/httpMethod", json!("POST")),
        (&rest, "/path", json!("/orders")),
        (&rest, "/queryStringParameters", json!({ "a": "b" })),
        (&rest, "/pathParameters", Value::Null),
        (&rest, "/stageVariables", Value::Null),
        (&rest, "/body", json!("text")),
        (&rest, "/isBase64Encoded", json!(false)),
        (&rest, "/requestContext/authorizer", authorizer),
        (&http, "/version", json!("2.0")),
        (&http, "/routeKey", json!("POST /orders")),
        (&http, "/queryStringParameters", json!({ "a": "b" })),
        (&http, "/body", json!("text")),
        (&http, "/isBase64Encoded", json!(false)),
        (&http, "/requestContext/authorizer", json!({ "lambda": { "sub": "alice", "exp": 7 } })),
    ] {
        assert_eq!(event.pointer(pointer), Some(&expected), "{pointer} in {event:#}");
    }
    for of_authorizer in ["type", "methodArn", "routeArn", "identitySource"] {
        assert!(rest.get(of_authorizer).or(http.get(of_authorizer)).is_none(), "{of_authorizer}");
    }
    // There is no body.
    assert_eq!(event(apis.rest("").await)["body"], Value::Null);
    assert!(event(apis.http("").await).get("body").is_none());
}

#[tokio::test]
async fn only_an_http_api_encodes_a_body_that_is_not_text() {
    let apis = Apis::start(command("shows")).await;
    for (content_type, is_text) in [
        (Some("text/plain"), true),
        (Some("Application/JSON; charset=utf-8"), true),
        (Some("application/xml"), true),
        (Some("application/javascript"), true),
        (Some("application/json5"), false),
        (Some("application/x-www-form-urlencoded"), false),
        (Some("application/octet-stream"), false),
        (None, false),
    ] {
        for (url, is_text) in [(apis.http.url(), is_text), (apis.rest.url(), true)] {
            let mut request = http_client().post(url).body("hello");
            if let Some(content_type) = content_type {
                request = request.header("Content-Type", content_type);
            }
            let event = STANDARD.decode(apis.send(request).await.body).unwrap();
            let event: Value = serde_json::from_slice(&event).unwrap();
            let body = if is_text { "hello" } else { "aGVsbG8=" };
            assert_eq!(event["body"], body, "{content_type:?}");
            assert_eq!(event["isBase64Encoded"], !is_text, "{content_type:?}");
        }
    }
}

#[tokio::test]
async fn words_reach_the_command_as_they_are() {
    let apis = Apis::start(command("arguments 'a b' \"c'd\" '' $HOME *")).await;
    assert_eq!(apis.rest("").await.body, "6[arguments][a b][c'd][][$HOME][*]");
}

#[tokio::test]
async fn a_refused_request_reaches_no_integration() {
    let apis = Apis::start(command("answers")).await;
    let outside = apis.post(apis.rest.url().replace("/prod", "/test"), "").await;
    assert_eq!(outside.status, 403);
    assert_eq!(apis.recorded(), Value::Null);
}

#[tokio::test]
async fn reports_a_command_that_fails() {
    for (integration, error) in [
        (command("fails"), "the command failed (exit status: 3)"),
        (command("silent"), "the response is malformed: it is not JSON"),
        (command("garbage"), "the response is malformed: it is not JSON"),
        (url("/nonexistent/handler"), "the command `/nonexistent/handler` could not be started"),
        (url("sh -c 'kill -9 $$'"), "the command failed (signal: 9"),
    ] {
        let apis = Apis::start(integration).await;
        apis.check_failure(error).await;
    }
}

#[tokio::test]
async fn takes_up_to_6_mb() {
    let apis = Apis::start(command(&format!("bytes {}", 6 * MB))).await;
    assert_eq!(apis.http("").await.body.len(), 6 * MB - 2);
    let apis = Apis::start(command(&format!("bytes {}", 6 * MB + 1))).await;
    apis.check_failure("over Lambda's limit of 6 MB").await;
    for (bytes, status) in [(6 * MB, 200), (6 * MB + 1, 500)] {
        let (invocations, _lambda) =
            lambda(move |_| Ok(format!("{:?}", "a".repeat(bytes - 2)))).await;
        let apis = Apis::start(url(&invocations)).await;
        assert_eq!(apis.http("").await.status, status);
        let too_large = "the response is over Lambda's limit of 6 MB";
        let error = if status == 500 { json!(too_large) } else { Value::Null };
        assert_eq!(apis.recorded()["error"], error);
    }
}

#[tokio::test]
async fn takes_requests_of_up_to_10_mb() {
    let apis = Apis::start(command("ignores")).await;
    let largest = "a".repeat(10 * MB);
    assert_eq!(apis.rest(largest.clone()).await.status, 201);
    assert_eq!(apis.http(largest).await.status, 201);
    let mut too_large = vec![(format!("content-length: {}", 10 * MB + 1), String::new())];
    let chunk = format!("{:x}\r\n{}\r\n", 10 * MB + 1, "a".repeat(10 * MB + 1));
    too_large.push((String::from("transfer-encoding: chunked"), chunk));
    for (header, body) in too_large {
        for (url, message) in [
            (apis.rest.url(), "Request Too Long"),
            (format!("{}/", apis.http.url()), "Request Entity Too Large"),
        ] {
            let (address, path) = url.trim_start_matches("http://").split_once('/').unwrap();
            let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
            let request = format!("POST /{path} HTTP/1.1\r\nhost: a\r\n{header}\r\n\r\n{body}");
            // The API need not read it all.
            let _ = client.write_all(request.as_bytes()).await;
            let mut answer = vec![0; 512];
            let read = client.read(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer[..read]);
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
            assert!(answer.ends_with(&json!({ "message": message }).to_string()), "{answer}");
        }
    }
}

#[tokio::test]
async fn kills_a_command_and_its_children_at_the_time_limit() {
    for action in ["hangs", "delegates"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hangs = command(&format!("{action} {}", listener.local_addr().unwrap().port()));
        let apis = Apis::start(hangs.time_limit(Duration::from_secs(3))).await;
        let ended = async {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut read = String::new();
            let read_all = connection.read_to_string(&mut read);
            tokio::time::timeout(LONG, read_all).await.unwrap().unwrap();
            assert_eq!(read, "started\n");
        };
        let (got, ()) = tokio::join!(apis.rest(""), ended);
        assert_eq!(got.status, 504);
        assert_eq!(apis.recorded()["error"], "there was no response within 3s");
    }
}

/// Starts Lambda's Invoke API for a function, and returns the URL for an invocation.
async fn lambda(
    function: impl Fn(Value) -> Result<String, String> + Send + 'static,
) -> (String, InvokeApi) {
    let runtime_api = Arc::new(RuntimeApi::start().await.unwrap());
    run_function(runtime_api.address(), function);
    let api = InvokeApi::start(0, runtime_api).await.unwrap();
    (format!("{}/2015-03-31/functions/backend/invocations", api.url()), api)
}

#[tokio::test]
async fn a_server_answers_as_lambda_does() {
    let (invocations, _lambda) = lambda(|event| {
        let body = format!("{} {}", event["path"], event["rawPath"]);
        Ok(json!({ "statusCode": 202, "headers": { "X-From": "url" }, "body": body }).to_string())
    })
    .await;
    let apis = Apis::start(url(&invocations)).await;
    for (got, body) in
        [(apis.rest("").await, r#""/orders" null"#), (apis.http("").await, r#"null "/orders""#)]
    {
        assert_eq!((got.status, got.body.as_str()), (202, body));
        assert_eq!(got.headers["x-from"], "url");
    }
}

#[tokio::test]
async fn reports_a_server_that_fails() {
    let (invocations, _lambda) = lambda(|_| Err(String::from("no database"))).await;
    let apis = Apis::start(url(&invocations)).await;
    apis.check_failure("the function failed: {\"errorMessage\":\"no database\"").await;
    let apis = Apis::start(url(&format!("{invocations}/none"))).await;
    apis.check_failure("/none answered with HTTP 404 Not Found").await;
    let (invocations, _lambda) = lambda(|_| Ok(String::from("[]"))).await;
    let apis = Apis::start(url(&invocations)).await;
    assert_eq!(apis.rest("").await.status, 502);
    assert!(apis.recorded()["error"].as_str().unwrap().contains("it is not an object"));
    assert_eq!(apis.recorded()["response"], json!([]));
    assert_eq!(apis.http("").await.body, "[]");
}

#[tokio::test]
async fn reports_a_server_that_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let apis = Apis::start(url(&format!("http://{address}/"))).await;
    apis.check_failure("did not answer: Connection refused").await;
}

#[tokio::test]
async fn reports_a_server_that_breaks_off_or_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let integration = url(&format!("http://{}/", listener.local_addr().unwrap()));
    let apis = Apis::start(integration.time_limit(Duration::from_secs(1))).await;
    for (answer, error) in [
        ("SSH-2.0\r\n", "did not answer: invalid HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}", "did not answer: "),
    ] {
        let serve = async {
            for _ in 0..2 {
                let (mut connection, _) = listener.accept().await.unwrap();
                connection.write_all(answer.as_bytes()).await.unwrap();
                connection.shutdown().await.unwrap();
                // The client closes the connection when it has seen enough.
                connection.read_to_end(&mut Vec::new()).await.ok();
            }
        };
        tokio::join!(apis.check_failure(error), serve);
    }
    // Nobody accepts, so nobody answers.
    let rest = (504, "Endpoint request timed out");
    apis.check("there was no response within 1s", rest, (503, "Service Unavailable")).await;
}
