use super::*;

const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod";

/// A REQUEST event of a REST API with these members besides.
fn event(members: &str) -> String {
    let comma = if members.is_empty() { "" } else { "," };
    format!(r#"{{"type":"REQUEST","methodArn":"{ARN}/GET/x"{comma}{members}}}"#)
}

fn texts<'a>(values: impl Iterator<Item = Text<'a>>) -> String {
    values.map(|value| value.to_string()).collect::<Vec<_>>().join("|")
}

#[test]
fn tells_the_kinds_apart_by_type_and_then_by_version() {
    #[track_caller]
    fn check(json: &str, kind: EventKind, route: &str) {
        let json = json.replace("ARN", ARN);
        let request = AuthorizerRequest::parse(&json).map_err(|error| error.to_string()).unwrap();
        assert_eq!((request.kind, request.arn.route()), (kind, route));
    }
    use EventKind::{HttpApi1, HttpApi2, RestRequest, RestToken, WebSocket};
    check(r#"{"type":"TOKEN","methodArn":"ARN/GET/x"}"#, RestToken, "GET/x");
    check(r#"{"type":"TOKEN","version":"2.0","methodArn":"ARN/GET/x"}"#, RestToken, "GET/x");
    check(r#"{"type":"TOKEN","methodArn":"ARN/$connect"}"#, RestToken, "$connect");
    check(r#"{"type":"REQUEST","methodArn":"ARN/GET/x"}"#, RestRequest, "GET/x");
    check(r#"{"type":"REQUEST","version":null,"methodArn":"ARN/GET/"}"#, RestRequest, "GET/");
    check(r#"{"type":"REQUEST","version":"3.0","methodArn":"ARN/GET/"}"#, RestRequest, "GET/");
    check(r#"{"type":"REQUEST","methodArn":"ARN/GET/$connect"}"#, RestRequest, "GET/$connect");
    check(r#"{"type":"REQUEST","methodArn":"ARN/$connect"}"#, WebSocket, "$connect");
    check(r#"{"type":"REQUEST","version":"1.0","methodArn":"ARN/GET/x"}"#, HttpApi1, "GET/x");
    // It has a TOKEN event's fields too.
    check(
        r#"{"version":"1.0","type":"REQUEST","methodArn":"ARN/GET/x","authorizationToken":"t"}"#,
        HttpApi1,
        "GET/x",
    );
    check(r#"{"version":"2.0","type":"REQUEST","routeArn":"ARN/GET/x"}"#, HttpApi2, "GET/x");
    check(
        r#"{"version":"2.0","type":"REQUEST","routeArn":"ARN/GET/x","methodArn":"ARN/PUT/y"}"#,
        HttpApi2,
        "GET/x",
    );
    check(
        r#"{"version":"1.0","type":"REQUEST","routeArn":"ARN/GET/x","methodArn":"ARN/PUT/y"}"#,
        HttpApi1,
        "PUT/y",
    );
}

#[test]
fn names_the_kinds_as_log_lines_do() {
    use EventKind::{HttpApi1, HttpApi2, RestRequest, RestToken, WebSocket};
    let names = [WebSocket, RestRequest, RestToken, HttpApi1, HttpApi2].map(EventKind::as_str);
    assert_eq!(names, ["websocket", "rest_request", "rest_token", "http_api_1.0", "http_api_2.0"]);
}

#[track_caller]
fn check_unusable(json: &str) {
    let outcome = AuthorizerRequest::parse(json);
    assert_eq!(outcome.err().map(|error| error.reason()), Some("unusable_event"), "{json}");
}

#[track_caller]
fn check_usable(json: &str) {
    if let Err(error) = AuthorizerRequest::parse(json) {
        panic!("{error}: {json}");
    }
}

#[test]
fn refuses_what_is_no_authorizers_event() {
    check_usable(&event(""));
    for json in ["", " ", "null", "1", r#""x""#, "[]", "{}", "{", r#"{"Records":[]}"#] {
        check_unusable(json);
    }
    let good = event("");
    check_unusable(&good[..good.len() - 1]);
    check_unusable(&format!("{good}x"));
    check_unusable(&format!(r#"["REQUEST",null,"{ARN}/GET/x"]"#));
    for kind in [r#""request""#, r#""CUSTOM""#, r#""""#, "null", "1", r#"["REQUEST"]"#] {
        check_unusable(&format!(r#"{{"type":{kind},"methodArn":"{ARN}/GET/x"}}"#));
    }
    check_unusable(&format!(r#"{{"methodArn":"{ARN}/GET/x"}}"#));
    check_unusable(&format!(r#"{{"type":"REQUEST","type":"TOKEN","methodArn":"{ARN}/GET/x"}}"#));
}

#[test]
fn refuses_an_event_without_the_arn_of_its_kind() {
    let with_arn = |arn: &str| format!(r#"{{"type":"REQUEST",{arn}}}"#);
    check_usable(&with_arn(&format!(r#""methodArn":"{ARN}/GET/x""#)));
    check_usable(&with_arn(&format!(r#""version":"2.0","routeArn":"{ARN}/GET/x""#)));
    for arn in [
        r#""x":1"#.to_owned(),
        r#""methodArn":null"#.to_owned(),
        r#""methodArn":1"#.to_owned(),
        r#""methodArn":"""#.to_owned(),
        r#""methodArn":"*""#.to_owned(),
        format!(r#""methodArn":"{ARN}""#),
        format!(r#""methodArn":["{ARN}/GET/x"]"#),
        format!(r#""methodArn":"{ARN}/GET/x","methodArn":"{ARN}/GET/x""#),
        format!(r#""routeArn":"{ARN}/GET/x""#),
        format!(r#""version":"2.0","methodArn":"{ARN}/GET/x""#),
        r#""methodArn":"arn:aws:s3:::bucket/prod/GET/x""#.to_owned(),
    ] {
        check_unusable(&with_arn(&arn));
    }
}

#[test]
fn reads_an_arn_whatever_its_writer_escapes() {
    #[track_caller]
    fn check(written: &str, route: &str) {
        let json = format!(r#"{{"type":"REQUEST","methodArn":{written}}}"#).replace("ARN", ARN);
        let request = AuthorizerRequest::parse(&json).map_err(|error| error.to_string()).unwrap();
        assert_eq!(request.arn.route(), route);
        assert_eq!(request.arn.stage(), ARN);
        assert_eq!(request.arn.as_str(), format!("{ARN}/{route}"));
    }
    check(r#""ARN/GET/caf%C3%A9""#, "GET/caf%C3%A9");
    check(r#""ARN/GET/café""#, "GET/café");
    check(r#""ARN/GET/caf\u00e9""#, "GET/café");
    check(r#""ARN/GET/a\"b\\c""#, r#"GET/a"b\c"#);
    check(r#""ARN\/GET\/x\u003dy""#, "GET/x=y");
}

#[test]
fn counts_null_as_absent() {
    let request = event(
        r#""headers":null,"multiValueHeaders":null,"queryStringParameters":null,
           "multiValueQueryStringParameters":null,"cookies":null,"authorizationToken":null,
           "version":null,"routeArn":null"#,
    );
    let request = AuthorizerRequest::parse(&request).map_err(|error| error.to_string()).unwrap();
    assert_eq!(texts(request.header("authorization")), "");
    assert_eq!(texts(request.query("token")), "");
    assert_eq!(texts(request.cookie_list()), "");
    assert!(request.authorization_token().next().is_none());
}

#[test]
fn skips_what_it_does_not_know() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for members in [
        format!(r#""x":{deep}"#),
        r#""x":1,"x":2"#.to_owned(),
        r#""requestContext":{"identity":{"userAgent":"\ud800"}},"stageVariables":7"#.to_owned(),
    ] {
        check_usable(&event(&members));
    }
}

#[test]
fn refuses_known_fields_of_another_type_without_crashing() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for field in
        ["headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters"]
    {
        check_usable(&event(&format!(r#""{field}":{{}}"#)));
        for value in [r#""x""#, "1", "true", "[]", &deep] {
            check_unusable(&event(&format!(r#""{field}":{value}"#)));
        }
        check_unusable(&event(&format!(r#""{field}":{{}},"{field}":{{}}"#)));
    }
}

/// Checks what is found for the header `Token` and the parameter `token`.
#[track_caller]
fn check_values(field: &str, entries: &str, expected: &str) {
    let json = event(&format!(r#""{field}":{entries}"#));
    let request = AuthorizerRequest::parse(&json).map_err(|error| error.to_string()).unwrap();
    let found = if field.to_lowercase().contains("header") {
        texts(request.header("Token"))
    } else {
        texts(request.query("token"))
    };
    assert_eq!(found, expected, "{field}: {entries}");
}

#[test]
fn finds_values_in_maps_of_strings_and_of_lists() {
    let deep = format!(r#"{{"token":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
    for field in
        ["headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters"]
    {
        check_values(field, r#"{"token":"a"}"#, "a");
        check_values(field, r#"{"token":""}"#, "");
        check_values(field, r#"{"token":["a"]}"#, "a");
        check_values(field, r#"{"token":["a","b"]}"#, "a|b");
        check_values(field, r#"{"token": [ "a" , null , "b" ] }"#, "a|b");
        check_values(field, r#"{"token":"\u0061\"é\ud83d\ude00"}"#, "a\"é😀");
        check_values(field, r#"{"tok\u0065n":"a"}"#, "a");
        // A name that stands twice does not hide its first value.
        check_values(field, r#"{"token":"a","token":"b"}"#, "a|b");
        check_values(field, r#"{"token":"a","token":["b","c"],"x":"d"}"#, "a|b|c");
        for absent in [
            "null",
            "[]",
            "[null]",
            "1",
            "true",
            "{}",
            r#"{"token":"a"}"#,
            "[1]",
            r#"[["a"]]"#,
            r#""\ud800""#,
        ] {
            check_values(field, &format!(r#"{{"token":{absent}}}"#), "");
            check_values(field, &format!(r#"{{"token":{absent},"token":"a"}}"#), "a");
        }
        check_values(field, &deep, "");
        check_values(field, r#"{"x":"\ud800","token":"a"}"#, "a");
        check_values(field, r#"{"tokens":"a","toke":"b","":"c"}"#, "");
    }
}

#[test]
fn matches_names_of_headers_without_case_and_of_parameters_with_it() {
    check_values("headers", r#"{"TOKEN":"a","tOkEn":"b"}"#, "a|b");
    check_values("multiValueHeaders", r#"{"TOKEN":["a"],"token":["b"]}"#, "a|b");
    check_values("queryStringParameters", r#"{"TOKEN":"a","token":"b"}"#, "b");
    check_values("multiValueQueryStringParameters", r#"{"Token":["a"]}"#, "");
}

#[test]
fn finds_both_the_single_and_the_multiple_values() {
    let json = event(
        r#""headers":{"token":"b"},"multiValueHeaders":{"Token":["a","b"]},
           "queryStringParameters":{"token":"d"},"multiValueQueryStringParameters":{"token":["c","d"]}"#,
    );
    let request = AuthorizerRequest::parse(&json).map_err(|error| error.to_string()).unwrap();
    assert_eq!(texts(request.header("token")), "b|a|b");
    assert_eq!(texts(request.query("token")), "d|c|d");
}

#[test]
fn passes_over_a_list_of_nothing_but_the_single_value() {
    #[track_caller]
    fn check(single: &str, multiple: &str, expected: &str) {
        let json = event(&format!(
            r#""headers":{{"Token":{single}}},"multiValueHeaders":{{"token":{multiple}}}"#
        ));
        let request = AuthorizerRequest::parse(&json).map_err(|error| error.to_string()).unwrap();
        assert_eq!(texts(request.header("token")), expected, "{single} {multiple}");
    }
    check(r#""a""#, r#"["a"]"#, "a");
    check(r#""a\\b""#, r#"["a\\b"]"#, r"a\b");
    // Written otherwise, it is read, and is the same.
    check(r#""a""#, r#"[ "a" ]"#, "a|a");
    check(r#""a""#, r#"["\u0061"]"#, "a|a");
    // Whatever else the list says counts.
    check(r#""a""#, r#"["b"]"#, "a|b");
    check(r#""a""#, r#"["A"]"#, "a|A");
    check(r#""a""#, r#"["a","a"]"#, "a|a|a");
    check(r#""a""#, r#"["aa"]"#, "a|aa");
    check(r#""a","TOKEN":"b""#, r#"["b"]"#, "a|b");
    check(r#"["a"]"#, r#"["a"]"#, "a|a");
    check("null", r#"["a"]"#, "a");
    check("null", "[null]", "");
}

#[test]
fn finds_cookies_in_headers_and_in_the_list_of_payload_2() {
    #[track_caller]
    fn check(members: &str, expected: &str) {
        let json = event(members);
        let request = AuthorizerRequest::parse(&json).map_err(|error| error.to_string()).unwrap();
        assert_eq!(
            texts(request.header("cookie").chain(request.cookie_list())),
            expected,
            "{members}"
        );
    }
    check("", "");
    check(r#""headers":{"Cookie":"a=1; b=2"}"#, "a=1; b=2");
    check(r#""cookies":["a=1","b=2"]"#, "a=1|b=2");
    check(r#""cookies":["a=1",null]"#, "a=1");
    check(r#""headers":{"cookie":"a=1"},"cookies":["b=2"]"#, "a=1|b=2");
    for cookies in ["null", "[]", "1", "{}", r#"{"a":"1"}"#, "[1]"] {
        check(&format!(r#""cookies":{cookies}"#), "");
    }
}

#[test]
fn takes_the_authorization_token_of_token_events_only() {
    #[track_caller]
    fn check(json: &str, expected: Option<&str>) {
        let json = json.replace("ARN", ARN);
        let request = AuthorizerRequest::parse(&json).map_err(|error| error.to_string()).unwrap();
        assert_eq!(request.authorization_token().next().as_deref(), expected, "{json}");
    }
    let members = r#""methodArn":"ARN/GET/x","authorizationToken":"Bearer t""#;
    check(&format!(r#"{{"type":"TOKEN",{members}}}"#), Some("Bearer t"));
    check(&format!(r#"{{"type":"REQUEST",{members}}}"#), None);
    check(&format!(r#"{{"type":"REQUEST","version":"1.0",{members}}}"#), None);
    check(r#"{"type":"TOKEN","methodArn":"ARN/GET/x"}"#, None);
    check(r#"{"type":"TOKEN","methodArn":"ARN/GET/x","authorizationToken":""}"#, Some(""));
}
