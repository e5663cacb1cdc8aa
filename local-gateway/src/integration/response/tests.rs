use serde_json::json;

use super::*;

const REST: ApiKind = ApiKind::Rest;
const HTTP: ApiKind = ApiKind::Http;
const WEBSOCKET: ApiKind = ApiKind::WebSocket;
const JSON: (&str, &str) = ("content-type", "application/json");
const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");

type Headers = &'static [(&'static str, &'static str)];

/// Reads a response, and checks the status, the headers and the body.
#[track_caller]
fn check(api: ApiKind, output: &str, status: u16, headers: Headers, body: &str) {
    let response = ProxyResponse::read(api, output.as_bytes());
    let response = response.unwrap_or_else(|error| panic!("{output}: {error}"));
    assert_eq!(response.status, status, "{output}");
    let found = response.headers.iter();
    let mut found: Vec<_> =
        found.map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let mut headers = headers.to_vec();
    found.sort_unstable();
    headers.sort_unstable();
    assert_eq!(found, headers, "{output}");
    assert_eq!(response.body, body, "{output}");
}

/// Checks that a response is malformed for each of `apis`, and that `mended` is not.
#[track_caller]
fn check_malformed(apis: &[ApiKind], output: &str, error: &str, mended: &str) {
    for api in apis {
        let found = ProxyResponse::read(*api, output.as_bytes()).unwrap_err().to_string();
        assert!(found.contains(error), "{api:?} {output}: {found}");
        let mended = ProxyResponse::read(*api, mended.as_bytes());
        assert!(mended.is_ok(), "{api:?}: {mended:?}");
    }
}

#[test]
fn a_rest_api_needs_no_member() {
    check(REST, "{}", 200, &[JSON], "");
    check(REST, r#"{"statusCode":404}"#, 404, &[JSON], "");
    check(REST, r#"{"statusCode":"404","body":"b"}"#, 404, &[JSON], "b");
    let nulls = r#"{"statusCode":null,"headers":null,"multiValueHeaders":null,"body":null,"isBase64Encoded":null}"#;
    check(REST, nulls, 200, &[JSON], "");
    let type_of_own = r#"{"statusCode":201,"headers":{"Content-Type":"text/html"},"body":"<p>"}"#;
    check(REST, type_of_own, 201, &[("content-type", "text/html")], "<p>");
}

#[test]
fn a_rest_api_merges_headers() {
    let both = r#"{"headers":{"a":"1","b":"1"},"multiValueHeaders":{"B":["2","1"],"c":["1","1"]}}"#;
    check(REST, both, 200, &[JSON, ("a", "1"), ("b", "2"), ("b", "1"), ("c", "1"), ("c", "1")], "");
    let other_value = r#"{"headers":{"a":"1"},"multiValueHeaders":{"a":["2"]}}"#;
    check(REST, other_value, 200, &[JSON, ("a", "2"), ("a", "1")], "");
}

#[test]
fn a_rest_api_renames_the_challenge() {
    let output = r#"{"statusCode":401,"headers":{"WWW-Authenticate":"Bearer"}}"#;
    check(REST, output, 401, &[JSON, ("x-amzn-remapped-www-authenticate", "Bearer")], "");
    check(HTTP, output, 401, &[TEXT, ("www-authenticate", "Bearer")], "");
}

#[test]
fn an_http_api_infers_a_response_without_a_status() {
    for (output, body) in [
        (r#""Hello \"you\"""#, "Hello \"you\""),
        (r#"{ "message": "Hello" }"#, r#"{ "message": "Hello" }"#),
        (r#"{"b":1,"a":2}"#, r#"{"b":1,"a":2}"#),
        (r#"{"headers":{"a":"b"},"body":"c"}"#, r#"{"headers":{"a":"b"},"body":"c"}"#),
        (r#"{"statusCode":null}"#, r#"{"statusCode":null}"#),
        ("[1, 2]\n", "[1, 2]"),
        ("42", "42"),
        ("true", "true"),
        ("null", "null"),
    ] {
        check(HTTP, output, 200, &[JSON], body);
    }
    check(HTTP, r#"{"statusCode":200,"body":"Hello"}"#, 200, &[TEXT], "Hello");
}

#[test]
fn an_http_api_sets_each_cookie() {
    let output = r#"{"statusCode":204,"cookies":["a=1; Secure","b=2"],"headers":{"c":"d"}}"#;
    let cookies = &[TEXT, ("set-cookie", "a=1; Secure"), ("set-cookie", "b=2"), ("c", "d")];
    check(HTTP, output, 204, cookies, "");
    // Payload format 2.0 has no multi-value maps.
    check(HTTP, r#"{"statusCode":200,"multiValueHeaders":{"a":["b"]}}"#, 200, &[TEXT], "");
}

#[test]
fn only_an_http_api_decodes_base64() {
    let output = r#"{"statusCode":200,"body":"aGVsbG8=","isBase64Encoded":true}"#;
    check(HTTP, output, 200, &[TEXT], "hello");
    check(REST, output, 200, &[JSON], "aGVsbG8=");
    check(HTTP, &output.replace("true", "false"), 200, &[TEXT], "aGVsbG8=");
}

#[test]
fn a_websocket_api_ignores_unknown_members() {
    check(WEBSOCKET, r#"{"statusCode":200,"x":1}"#, 200, &[JSON], "");
    let subprotocol = r#"{"headers":{"Sec-WebSocket-Protocol":"bearer"}}"#;
    check(WEBSOCKET, subprotocol, 200, &[JSON, ("sec-websocket-protocol", "bearer")], "");
}

#[test]
fn a_header_may_be_a_boolean_or_null() {
    let output = r#"{"statusCode":200,"headers":{"a":true,"b":null}}"#;
    check(REST, output, 200, &[JSON, ("a", "true")], "");
    check(HTTP, output, 200, &[TEXT, ("a", "true")], "");
}

#[test]
fn sets_what_belongs_to_the_connection_itself() {
    let output = r#"{"statusCode":200,"body":"b","headers":
        {"Content-Length":"7","Connection":"close","Transfer-Encoding":"chunked","a":"b"}}"#;
    check(REST, output, 200, &[JSON, ("a", "b")], "b");
    check(HTTP, output, 200, &[TEXT, ("a", "b")], "b");
}

#[test]
fn refuses_malformed_responses() {
    let all = [REST, HTTP, WEBSOCKET];
    let good = r#"{"statusCode":200,"body":"b"}"#;
    for (apis, output, error) in [
        (&all as &[_], "", "it is not JSON"),
        (&all, "Listening on 3000", "it is not JSON"),
        (&all, r#"{"statusCode":200} {}"#, "it is not JSON"),
        (&[REST, WEBSOCKET], "null", "it is not an object"),
        (&[REST, WEBSOCKET], r#""text""#, "it is not an object"),
        (&[REST, WEBSOCKET], "[]", "it is not an object"),
        (&[REST], r#"{"statusCode":200,"message":"b"}"#, "`message` is not one of"),
        (&[REST], r#"{"statusCode":200,"cookies":[]}"#, "`cookies` is not one of"),
        (&[REST], r#"{"errorMessage":"b"}"#, "`errorMessage` is not one of"),
        (&all, r#"{"statusCode":0}"#, "`statusCode` is 0"),
        (&all, r#"{"statusCode":199}"#, "`statusCode` is 199"),
        (&all, r#"{"statusCode":600}"#, "`statusCode` is 600"),
        (&all, r#"{"statusCode":200.5}"#, "`statusCode` is 200.5"),
        (&all, r#"{"statusCode":-200}"#, "`statusCode` is -200"),
        (&all, r#"{"statusCode":"OK"}"#, "`statusCode` is \"OK\""),
        (&all, r#"{"statusCode":true}"#, "`statusCode` is true"),
        (&all, r#"{"statusCode":200,"headers":[]}"#, "`headers` is not a map"),
        (&all, r#"{"statusCode":200,"headers":{"a":1}}"#, "`headers` is not a map"),
        (&all, r#"{"statusCode":200,"headers":{"a":["b"]}}"#, "`headers` is not a map"),
        (&all, r#"{"statusCode":200,"headers":{"a b":"c"}}"#, "the header `a b`"),
        (&all, r#"{"statusCode":200,"headers":{"a":"b\nc"}}"#, "the header `a`"),
        (&[REST], r#"{"multiValueHeaders":{"a":"b"}}"#, "`multiValueHeaders` is not a map"),
        (&[REST], r#"{"multiValueHeaders":{"a":[1]}}"#, "`multiValueHeaders` is not a map"),
        (&[HTTP], r#"{"statusCode":200,"cookies":"a=1"}"#, "`cookies` is not a list"),
        (&[HTTP], r#"{"statusCode":200,"cookies":[1]}"#, "`cookies` is not a list"),
        (&all, r#"{"statusCode":200,"body":{"a":1}}"#, "`body` is not a string"),
        (&all, r#"{"statusCode":200,"body":1}"#, "`body` is not a string"),
        (&all, r#"{"statusCode":200,"isBase64Encoded":"true"}"#, "`isBase64Encoded` is neither"),
        (&[HTTP], r#"{"statusCode":200,"isBase64Encoded":true,"body":"?"}"#, "is not Base64"),
    ] {
        check_malformed(apis, output, error, good);
    }
    let bounds = [200, 599].map(|status| json!({ "statusCode": status }).to_string());
    for output in bounds {
        assert!(ProxyResponse::read(REST, output.as_bytes()).is_ok(), "{output}");
    }
}
