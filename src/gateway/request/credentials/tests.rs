use super::*;

const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/$connect";

fn sources(list: &str) -> Vec<TokenSource> {
    let source = |item: &str| {
        let (kind, name) = item.split_once(':').unwrap();
        let name = name.to_owned();
        match kind {
            "header" => TokenSource::Header(name),
            "query" => TokenSource::Query(name),
            "cookie" => TokenSource::Cookie(name),
            "subprotocol" => TokenSource::Subprotocol(name),
            _ => panic!("{kind}"),
        }
    };
    list.split(',').map(source).collect()
}

/// Says what is found: the token, then how it came where that matters, or else the reason.
fn find(kind: &str, members: &str, list: &str) -> String {
    let json = format!(r#"{{"type":"{kind}","methodArn":"{ARN}",{members}}}"#);
    let request = AuthorizerRequest::parse(&json).map_err(|error| error.to_string()).unwrap();
    let sources = sources(list);
    match find_credential(&request, &sources) {
        Err(error) => error.reason().to_owned(),
        Ok(Credential { token, subprotocol, delivery }) => {
            let subprotocol = subprotocol.map_or(String::new(), |marker| format!(" by {marker}"));
            let delivery = match delivery {
                Delivery::Explicit => "",
                Delivery::CookieOnly => " in a cookie only",
            };
            format!("{token}{subprotocol}{delivery}")
        }
    }
}

#[track_caller]
fn check(members: &str, list: &str, expected: &str) {
    assert_eq!(find("REQUEST", members, list), expected, "{members} in {list}");
}

#[track_caller]
fn check_header(value: &str, expected: &str) {
    check(&format!(r#""headers":{{"Authorization":"{value}"}}"#), "header:authorization", expected);
    let members = format!(r#""authorizationToken":"{value}""#);
    assert_eq!(
        find("TOKEN", &members, "header:authorization"),
        expected,
        "{value} in a TOKEN event"
    );
}

#[test]
fn takes_what_follows_the_bearer_scheme() {
    for value in [
        "Bearer t",
        "bearer t",
        "BEARER t",
        "bEaReR t",
        "Bearer   t",
        "  Bearer t  ",
        "Bearer \\tt\\t",
    ] {
        check_header(value, "t");
    }
    for value in [
        "",
        " ",
        "t",
        "Bearer",
        "Bearer ",
        "Bearer   ",
        "Bearert",
        "Basic t",
        "Bearer:t",
        "Bearer\\tt",
        "Token Bearer t",
    ] {
        check_header(value, "missing_token");
    }
    // What is no token is for the token's own check to say.
    check_header("Bearer t u", "t u");
    check_header("Bearer \\u00a0t\\u2003", "\u{a0}t\u{2003}");
    check_header("Bearer t\\n", "t\n");
    check_header("Bearer Bearer t", "Bearer t");
    check_header("Bearer t,Bearer u", "t,Bearer u");
    check_header("Bearer \\u0074", "t");
    check_header("Bearer \\\"t\\\"", "\"t\"");
}

#[test]
fn hints_at_a_header_without_the_scheme() {
    let message = |members: &str| {
        let json = format!(r#"{{"type":"REQUEST","methodArn":"{ARN}",{members}}}"#);
        let request = AuthorizerRequest::parse(&json).map_err(|error| error.to_string()).unwrap();
        let sources = sources("header:authorization,query:t");
        find_credential(&request, &sources).err().unwrap().to_string()
    };
    assert_eq!(message(r#""headers":{}"#), "no token in header:authorization, query:t");
    assert_eq!(
        message(r#""headers":{"Authorization":"e30.e30.AA"}"#),
        r#"no token in header:authorization, query:t; the header is there, but is not "Bearer" and a token"#
    );
}

#[test]
fn finds_the_header_in_each_place_that_an_event_has_for_it() {
    for members in [
        r#""headers":{"authorization":"Bearer t"}"#,
        r#""headers":{"AUTHORIZATION":"Bearer t"}"#,
        r#""multiValueHeaders":{"Authorization":["Bearer t"]}"#,
        r#""multiValueHeaders":{"Authorization":["Bearer t","Bearer t"]}"#,
        r#""headers":{"Authorization":"Bearer t"},"multiValueHeaders":{"authorization":["Bearer t"]}"#,
        r#""headers":{"Authorization":null},"multiValueHeaders":{"authorization":["Bearer t",null]}"#,
    ] {
        check(members, "header:authorization", "t");
    }
    // API Gateway may cache by either value, so one that proves nothing is no neighbour.
    for members in [
        r#""multiValueHeaders":{"Authorization":["Basic x","Bearer t"]}"#,
        r#""multiValueHeaders":{"Authorization":["Bearer t","bearer  t"]}"#,
        r#""headers":{"Authorization":"x"},"multiValueHeaders":{"Authorization":["Bearer t","x"]}"#,
        r#""headers":{"Authorization":"Bearer t","authorization":"x"}"#,
    ] {
        check(members, "header:authorization", "malformed_token");
    }
    check(r#""headers":{"X-Token":"Bearer t"}"#, "header:x-token", "t");
    check(r#""headers":{"X-Token":"Bearer t"}"#, "header:authorization", "missing_token");
    // Only a TOKEN event's field is the header.
    check(r#""authorizationToken":"Bearer t""#, "header:authorization", "missing_token");
}

#[test]
fn refuses_two_different_tokens() {
    for (members, list) in [
        (r#""headers":{"a":"Bearer t","A":"Bearer u"}"#, "header:a"),
        (r#""headers":{"a":"Bearer t","a":"Bearer u"}"#, "header:a"),
        (r#""multiValueHeaders":{"a":["Bearer t","Bearer u"]}"#, "header:a"),
        (r#""headers":{"a":"Bearer t"},"multiValueHeaders":{"a":["Bearer u"]}"#, "header:a"),
        (r#""headers":{"a":"Bearer t","b":"Bearer u"}"#, "header:a,header:b"),
        (r#""headers":{"a":"Bearer t"},"queryStringParameters":{"q":"u"}"#, "header:a,query:q"),
        (r#""multiValueQueryStringParameters":{"q":["t","u"]}"#, "query:q"),
        (r#""headers":{"a":"Bearer t","cookie":"c=u"}"#, "header:a,cookie:c"),
        (r#""headers":{"cookie":"c=t; c=u"}"#, "cookie:c"),
        (r#""cookies":["c=t","c=u"]"#, "cookie:c"),
        (r#""headers":{"cookie":"c=t"},"cookies":["c=u"]"#, "cookie:c"),
        (r#""headers":{"a":"Bearer t","sec-websocket-protocol":"m, u"}"#, "header:a,subprotocol:m"),
        (r#""headers":{"sec-websocket-protocol":"m, t, n, u"}"#, "subprotocol:m,subprotocol:n"),
        (r#""headers":{"sec-websocket-protocol":"m, t, m, u"}"#, "subprotocol:m"),
        (r#""multiValueHeaders":{"sec-websocket-protocol":["m, t","m, u"]}"#, "subprotocol:m"),
    ] {
        check(members, list, "malformed_token");
        // The same token twice is no conflict.
        let same = members.replace("Bearer u", "Bearer t").replace("\"u\"", "\"t\"");
        let same = same.replace("c=u", "c=t").replace(", u", ", t");
        assert!(find("REQUEST", &same, list).starts_with('t'), "{same}");
    }
    // Where nobody looks, there is no conflict.
    check(r#""headers":{"a":"Bearer t"},"queryStringParameters":{"q":"u"}"#, "header:a", "t");
}

#[test]
fn refuses_a_token_that_the_cache_key_may_not_contain() {
    for (refused, accepted, list) in [
        // API Gateway's cache key has one value of a header or of a parameter.
        (
            r#""headers":{"Cookie":"a=b"},"multiValueHeaders":{"Cookie":["c=t","a=b"]}"#,
            r#""headers":{"Cookie":"c=t"},"multiValueHeaders":{"Cookie":["c=t"]}"#,
            "cookie:c",
        ),
        (
            r#""multiValueHeaders":{"Cookie":["c=t","c=t; a=b"]}"#,
            r#""multiValueHeaders":{"Cookie":["c=t; a=b","c=t; a=b"]}"#,
            "cookie:c",
        ),
        (
            r#""queryStringParameters":{"q":""},"multiValueQueryStringParameters":{"q":["t",""]}"#,
            r#""queryStringParameters":{"q":"t"},"multiValueQueryStringParameters":{"q":["t","t"]}"#,
            "query:q",
        ),
        (
            r#""queryStringParameters":{"q":" "},"multiValueQueryStringParameters":{"q":["t"]}"#,
            r#""queryStringParameters":{"q":"t"},"multiValueQueryStringParameters":{"q":["t"]}"#,
            "query:q",
        ),
        // The header is likely to be an identity source.
        (
            r#""headers":{"a":"Basic x"},"queryStringParameters":{"q":"t"}"#,
            r#""headers":{"b":"Basic x"},"queryStringParameters":{"q":"t"}"#,
            "header:a,query:q",
        ),
        (
            r#""headers":{"a":""},"queryStringParameters":{"q":"t"}"#,
            r#""headers":{"a":null},"queryStringParameters":{"q":"t"}"#,
            "query:q,header:a",
        ),
        (
            r#""headers":{"a":"Bearer t","b":"t"}"#,
            r#""headers":{"a":"Bearer t","b":"Bearer t"}"#,
            "header:a,header:b",
        ),
        (
            r#""headers":{"a":"Bearer t"},"queryStringParameters":{"q":" "}"#,
            r#""headers":{"a":"Bearer t"},"queryStringParameters":{"q":""}"#,
            "header:a,query:q",
        ),
        // An HTTP API says what its cache key is.
        (
            r#""headers":{"a":"Bearer t"},"identitySource":["x"]"#,
            r#""headers":{"a":"Bearer t"},"identitySource":["Bearer t"]"#,
            "header:a",
        ),
        (
            r#""headers":{"a":"Bearer t"},"identitySource":["GE","x"]"#,
            r#""headers":{"a":"Bearer t"},"identitySource":["GET /x","t"]"#,
            "header:a",
        ),
        (
            r#""headers":{"a":"Bearer t"},"identitySource":"x,y""#,
            r#""headers":{"a":"Bearer t"},"identitySource":"x,Bearer t,y""#,
            "header:a",
        ),
    ] {
        check(refused, list, "malformed_token");
        assert!(find("REQUEST", accepted, list).starts_with('t'), "{accepted}");
    }
    for no_cache_key in ["null", "[]", "\"\"", "[\"\"]", "[null]"] {
        let members = format!(r#""headers":{{"a":"Bearer t"}},"identitySource":{no_cache_key}"#);
        check(&members, "header:a", "t");
    }
    // Without a token in any of them, they are just missing.
    check(r#""multiValueHeaders":{"Cookie":["a=b","c=d"]}"#, "cookie:x", "missing_token");
    check(r#""multiValueQueryStringParameters":{"q":[""," "]}"#, "query:q", "missing_token");
}

#[test]
fn takes_a_query_parameter_as_it_is() {
    for field in ["queryStringParameters", "multiValueQueryStringParameters"] {
        check(&format!(r#""{field}":{{"token":"t"}}"#), "query:token", "t");
        check(&format!(r#""{field}":{{"token":["t"]}}"#), "query:token", "t");
        check(&format!(r#""{field}":{{"token":" t "}}"#), "query:token", "t");
        check(&format!(r#""{field}":{{"token":"t\n"}}"#), "query:token", "t\n");
        check(&format!(r#""{field}":{{"token":"Bearer t"}}"#), "query:token", "Bearer t");
        for absent in [r#""token":"""#, r#""token":" ""#, r#""token":null"#, r#""Token":"t""#] {
            check(&format!(r#""{field}":{{{absent}}}"#), "query:token", "missing_token");
        }
    }
}

#[test]
fn takes_a_cookie_and_tells_that_the_browser_chose_to_send_it() {
    for (line, expected) in [
        ("c=t", "t in a cookie only"),
        ("a=1; c=t; b=2", "t in a cookie only"),
        ("a=1;c=t;b=2", "t in a cookie only"),
        ("c = t", "t in a cookie only"),
        ("c=\\u00a0t", "\u{a0}t in a cookie only"),
        (r#"c=\"t\""#, "t in a cookie only"),
        ("c=t==", "t== in a cookie only"),
        ("c=; c=t", "t in a cookie only"),
        ("C=t", "missing_token"),
        ("cc=t", "missing_token"),
        ("c", "missing_token"),
        ("c=", "missing_token"),
        (r#"c=\"\""#, "missing_token"),
        ("a=c=t", "missing_token"),
        ("", "missing_token"),
    ] {
        check(&format!(r#""headers":{{"Cookie":"{line}"}}"#), "cookie:c", expected);
        check(&format!(r#""multiValueHeaders":{{"cookie":["{line}"]}}"#), "cookie:c", expected);
        check(&format!(r#""cookies":["{line}"]"#), "cookie:c", expected);
    }
    // A browser sends no header unasked: whoever sent it has the token.
    let both = r#""headers":{"authorization":"Bearer t","cookie":"c=t"}"#;
    check(both, "cookie:c,header:authorization", "t");
    check(both, "header:authorization,cookie:c", "t");
    check(both, "cookie:c", "t in a cookie only");
}

#[test]
fn takes_the_subprotocol_after_the_marker() {
    for (offer, expected) in [
        ("m, t", "t by m"),
        ("m,t", "t by m"),
        ("  m  ,  t  ", "t by m"),
        ("m, \\u00a0t", "\u{a0}t by m"),
        ("x, m, t, y", "t by m"),
        ("m, t, m, t", "t by m"),
        ("m", "missing_token"),
        ("m,", "missing_token"),
        ("m, , t", "missing_token"),
        ("t, m", "missing_token"),
        ("M, t", "missing_token"),
        ("mm, t", "missing_token"),
        ("m t", "missing_token"),
        ("t", "missing_token"),
        ("", "missing_token"),
    ] {
        let headers = format!(r#""headers":{{"Sec-WebSocket-Protocol":"{offer}"}}"#);
        check(&headers, "subprotocol:m", expected);
        let headers = format!(r#""multiValueHeaders":{{"sec-websocket-protocol":["{offer}"]}}"#);
        check(&headers, "subprotocol:m", expected);
    }
}

#[test]
fn names_the_subprotocol_to_echo_wherever_else_the_token_stands() {
    let members = r#""headers":{"authorization":"Bearer t","sec-websocket-protocol":"m, t"}"#;
    check(members, "header:authorization,subprotocol:m", "t by m");
    check(members, "subprotocol:m,header:authorization", "t by m");
    check(members, "header:authorization", "t");
}

#[test]
fn a_source_that_cannot_be_read_is_empty() {
    for value in ["null", "1", "{}", "[1]", r#""\ud800""#, r#"["\ud800"]"#] {
        let members = format!(
            r#""headers":{{"authorization":{value},"cookie":{value},"sec-websocket-protocol":{value}}},
               "queryStringParameters":{{"token":{value}}},"cookies":{value}"#
        );
        let list = "header:authorization,query:token,cookie:c,subprotocol:m";
        check(&members, list, "missing_token");
        check(&members.replacen(value, r#""Bearer t""#, 1), list, "t");
    }
}

#[test]
fn sources_are_written_as_they_are_set() {
    let list = "header:authorization,query:token,cookie:c,subprotocol:m";
    let written: Vec<_> = sources(list).iter().map(ToString::to_string).collect();
    assert_eq!(written.join(","), list);
}
