//! Compares the events with those that API Gateway sends.

use local_gateway::request::Request;
use serde_json::{Value, json};

fn request() -> Request {
    Request::new("GET", "/orders/1")
        .bearer("jwt")
        .header("X-Twice", "a")
        .header("X-Twice", "b")
        .query("q", "a b")
        .query("q", "c")
        .cookie("one", "1")
        .cookie("two", "2")
}

/// Checks members of an event by JSON pointer. Null means that the member is absent.
fn check(event: &Value, expected: &[(&str, Value)]) {
    for (pointer, value) in expected {
        let found = event.pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(found, value, "{pointer} in {event:#}");
    }
}

#[test]
fn describes_a_websocket_handshake() {
    check(
        &request().websocket_connect(),
        &[
            ("/type", json!("REQUEST")),
            (
                "/methodArn",
                json!("arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod/$connect"),
            ),
            ("/version", json!(null)),
            ("/path", json!(null)),
            ("/resource", json!(null)),
            ("/httpMethod", json!(null)),
            ("/pathParameters", json!(null)),
            ("/headers/Authorization", json!("Bearer jwt")),
            ("/headers/X-Twice", json!("b")),
            ("/headers/Cookie", json!("one=1; two=2")),
            ("/multiValueHeaders/X-Twice", json!(["a", "b"])),
            ("/queryStringParameters", json!({ "q": "c" })),
            ("/multiValueQueryStringParameters", json!({ "q": ["a b", "c"] })),
            ("/stageVariables", json!({})),
            ("/requestContext/routeKey", json!("$connect")),
            ("/requestContext/eventType", json!("CONNECT")),
            ("/requestContext/stage", json!("prod")),
            ("/requestContext/apiId", json!("a1b2c3d4e5")),
            ("/requestContext/connectionId", json!("L0SM9cOFIAMCIdw=")),
            ("/requestContext/connectedAt", json!(1_674_162_806_344_u64)),
            ("/requestContext/requestTimeEpoch", json!(1_674_162_806_344_u64)),
            ("/requestContext/requestTime", json!("19/Jan/2023:21:13:26 +0000")),
            ("/requestContext/domainName", json!("a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com")),
            ("/requestContext/identity", json!({ "sourceIp": "127.0.0.1" })),
        ],
    );
}

#[test]
fn describes_a_rest_api_request() {
    check(
        &request().rest_request(),
        &[
            ("/type", json!("REQUEST")),
            (
                "/methodArn",
                json!("arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod/GET/orders/1"),
            ),
            ("/version", json!(null)),
            ("/path", json!("/orders/1")),
            ("/httpMethod", json!("GET")),
            ("/headers/Authorization", json!("Bearer jwt")),
            ("/multiValueHeaders/X-Twice", json!(["a", "b"])),
            ("/authorizationToken", json!(null)),
            ("/requestContext/stage", json!("prod")),
            ("/requestContext/httpMethod", json!("GET")),
        ],
    );
}

#[test]
fn describes_a_rest_api_token() {
    let arn = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod/GET/orders/1";
    assert_eq!(
        request().rest_token(),
        json!({ "type": "TOKEN", "authorizationToken": "Bearer jwt", "methodArn": arn })
    );
}

#[test]
fn describes_an_http_api_request_with_payload_1() {
    check(
        &request().http_api_1(),
        &[
            ("/version", json!("1.0")),
            ("/type", json!("REQUEST")),
            (
                "/methodArn",
                json!(
                    "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/$default/GET/orders/1"
                ),
            ),
            ("/routeArn", json!(null)),
            ("/identitySource", json!("Bearer jwt")),
            ("/authorizationToken", json!("Bearer jwt")),
            ("/headers/authorization", json!("Bearer jwt")),
            ("/headers/Authorization", json!(null)),
            ("/headers/cookie", json!("one=1; two=2")),
        ],
    );
}

#[test]
fn describes_an_http_api_request_with_payload_2() {
    check(
        &request().http_api_2(),
        &[
            ("/version", json!("2.0")),
            ("/type", json!("REQUEST")),
            (
                "/routeArn",
                json!(
                    "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/$default/GET/orders/1"
                ),
            ),
            ("/methodArn", json!(null)),
            ("/identitySource", json!(["Bearer jwt"])),
            ("/routeKey", json!("GET /orders/1")),
            ("/rawPath", json!("/orders/1")),
            ("/rawQueryString", json!("q=a+b&q=c")),
            ("/queryStringParameters", json!({ "q": "a b,c" })),
            ("/cookies", json!(["one=1", "two=2"])),
            ("/headers", json!({ "authorization": "Bearer jwt", "x-twice": "a,b" })),
            ("/multiValueHeaders", json!(null)),
            ("/requestContext/http/method", json!("GET")),
            ("/requestContext/stage", json!("$default")),
        ],
    );
}

#[test]
fn names_the_stage() {
    let usual = request();
    let named = Request { stage: Some("beta".to_owned()), ..request() };
    let arn = |stage: &str| {
        json!(format!("arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/{stage}/GET/orders/1"))
    };
    for (request, rest, http, path) in
        [(&usual, "prod", "$default", "/orders/1"), (&named, "beta", "beta", "/beta/orders/1")]
    {
        let in_context = |stage: &str| ("/requestContext/stage", json!(stage));
        check(&request.rest_request(), &[("/methodArn", arn(rest)), in_context(rest)]);
        check(&request.rest_token(), &[("/methodArn", arn(rest))]);
        check(&request.http_api_1(), &[("/methodArn", arn(http)), in_context(http)]);
        check(
            &request.http_api_2(),
            &[("/routeArn", arn(http)), in_context(http), ("/rawPath", json!(path))],
        );
        check(&request.http_api_2_proxy(), &[("/requestContext/http/path", json!(path))]);
    }
}

#[test]
fn omits_what_the_request_does_not_have() {
    let bare = Request::new("GET", "/");
    assert_eq!(bare.websocket_connect()["headers"], json!({}));
    assert_eq!(bare.rest_token()["authorizationToken"], json!(null));
    let event = bare.http_api_2();
    assert!(event.get("cookies").is_none() && event.get("queryStringParameters").is_none());
}
