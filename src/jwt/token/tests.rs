use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::jwt::SUPPORTED_ALGORITHMS;
use crate::jwt::testing::{signing_input, token};

const HEADER: &str = r#"{"alg":"RS256"}"#;
const READABLE: &str = "readable";

/// Decodes and reads, looks up the algorithm, and returns how far that gets.
fn outcome(text: &str) -> &'static str {
    let decoded = match RawToken::new(text).decode() {
        Ok(decoded) => decoded,
        Err(error) => return reason_without_token(&error, text),
    };
    let token = UnverifiedToken::read(&decoded);
    match token.and_then(|token| token.algorithm(&SUPPORTED_ALGORITHMS.each_ref())) {
        Ok(_) => READABLE,
        Err(error) => reason_without_token(&error, text),
    }
}

fn reason_without_token(error: &Error, text: &str) -> &'static str {
    let shown = format!("{error} {error:?}");
    assert!(text.len() < 20 || !shown.contains(text), "{shown}");
    error.reason()
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(outcome(text), expected, "{text:?}");
}

#[track_caller]
fn check_header(header: &str, expected: &str) {
    assert_eq!(outcome(&token(header, "{}", b"sig")), expected, "{header}");
}

#[track_caller]
fn check_payload(payload: &str, expected: &str) {
    assert_eq!(outcome(&token(HEADER, payload, b"sig")), expected, "{payload}");
}

#[test]
fn is_three_parts_and_neither_fewer_nor_more() {
    let input = signing_input(HEADER, "{}");
    check(&format!("{input}.c2ln"), READABLE);
    // What an empty signature is worth is for the key to say.
    check(&format!("{input}."), READABLE);
    for text in ["", ".", "..", "...", "e30", &input, &format!(".{input}"), &format!("..{input}")] {
        check(text, "malformed_token");
    }
    for text in [&format!("{input}.c2ln."), &format!("{input}.c2ln.c2ln"), &format!("{input}..")] {
        check(text, "malformed_token");
    }
    // Five parts are an encrypted token (RFC 7516 §7.1), and JSON is the other serialization.
    check("e30.AA.AA.AA.AA", "malformed_token");
    check(r#"{"protected":"e30","payload":"e30","signature":"AA"}"#, "malformed_token");
}

#[test]
fn takes_base64url_in_its_one_canonical_form() {
    // Each part ends in a character of which four or two bits are not used.
    let cases = [
        (format!("{HEADER} "), "IA", ["IB", "IA==", "IA=", "I", "I+", "I/", "IA ", "I\n", "Iß"]),
        (
            format!("{HEADER}  "),
            "ICA",
            ["ICB", "ICA=", "ICA==", "IC=", "IC+", "IC/", " ICA", "I.CA", "I\0CA"],
        ),
    ];
    for (header, end, others) in cases {
        let good = URL_SAFE_NO_PAD.encode(&header);
        let beginning = good.strip_suffix(end).unwrap();
        check(&format!("{good}.e30.AA"), READABLE);
        for other in others {
            check(&format!("{beginning}{other}.e30.AA"), "malformed_token");
        }
    }
    let header = URL_SAFE_NO_PAD.encode(HEADER);
    for (part, expected) in [
        ("e30g", READABLE),
        ("e30", READABLE),
        ("e31", "malformed_token"),
        ("e30=", "malformed_token"),
        ("e30\n", "malformed_token"),
    ] {
        check(&format!("{header}.{part}.AA"), expected);
    }
    for (part, expected) in [
        ("_-8", READABLE),
        ("AA", READABLE),
        ("/+8", "malformed_token"),
        ("_-9", "malformed_token"),
        ("AB", "malformed_token"),
        ("AA==", "malformed_token"),
        ("A", "malformed_token"),
        ("AA ", "malformed_token"),
    ] {
        check(&format!("{header}.e30.{part}"), expected);
    }
}

#[test]
fn reads_8192_bytes_and_not_one_more() {
    let input = format!("{}.", signing_input(HEADER, "{}"));
    let of_length = |length: usize| format!("{input}{}", "A".repeat(length - input.len()));
    check(&of_length(8192), READABLE);
    check(&of_length(8193), "token_too_large");
    check(&"é".repeat(4097), "token_too_large");
    let error = RawToken::new(&"x".repeat(9000)).decode().err().unwrap();
    assert_eq!(error.to_string(), "the token has 9000 bytes, the limit is 8192");
}

#[test]
fn reads_header_parameters_of_their_type_and_once() {
    for header in [
        HEADER,
        r#" {"alg" : "RS256"} "#,
        r#"{"\u0061lg":"RS\u003256"}"#,
        r#"{"alg":"RS256","kid":"","typ":""}"#,
        r#"{"alg":"RS256","kid":"k\u0031","typ":"at+jwt"}"#,
        // Never looked at, so of any type, and any number of times.
        r#"{"alg":"RS256","jku":1,"jku":2,"x5u":[],"jwk":null,"x5c":{},"cty":"x","x":"\ud800"}"#,
    ] {
        check_header(header, READABLE);
    }
    for header in [
        "",
        "x",
        "null",
        "true",
        "[]",
        r#""RS256""#,
        r#"["RS256"]"#,
        r#"["RS256","kid","JWT"]"#,
        "{}",
        "{",
        r#"{"Alg":"RS256"}"#,
        r#"{"alg":"RS256"}x"#,
        r#"{"alg":"RS256"}{}"#,
        r#"{"alg":"RS256",}"#,
        "\u{feff}{\"alg\":\"RS256\"}",
        r#"{"alg":null}"#,
        r#"{"alg":256}"#,
        r#"{"alg":["RS256"]}"#,
        r#"{"alg":"\ud800"}"#,
        r#"{"alg":"RS256","kid":null}"#,
        r#"{"alg":"RS256","kid":1}"#,
        r#"{"alg":"RS256","kid":["k"]}"#,
        r#"{"alg":"RS256","typ":null}"#,
        r#"{"alg":"RS256","typ":["JWT"]}"#,
        r#"{"alg":"RS256","alg":"RS256"}"#,
        r#"{"alg":"RS256","\u0061lg":"none"}"#,
        r#"{"alg":"RS256","kid":"k","kid":"k"}"#,
        r#"{"alg":"RS256","typ":"JWT","typ":"JWT"}"#,
        r#"{"alg":"RS256","crit":["exp"],"crit":["exp"]}"#,
    ] {
        check_header(header, "malformed_token");
    }
}

#[test]
fn refuses_bytes_that_are_not_utf_8_wherever_they_stand() {
    let part = |json: &[u8]| URL_SAFE_NO_PAD.encode(json);
    let (header, payload) = (part(HEADER.as_bytes()), part(b"{}"));
    check(&format!("{header}.{payload}.AA"), READABLE);
    check(
        &format!("{}.{payload}.AA", part(b"{\"alg\":\"RS256\",\"x\":\"\xff\"}")),
        "malformed_token",
    );
    check(&format!("{header}.{}.AA", part(b"{\"sub\":\"\xff\"}")), "malformed_token");
    check(&format!("{header}.{}.AA", part(b"{\"x\":\"\xff\"}")), "malformed_token");
}

#[test]
fn refuses_what_would_change_how_a_token_is_read() {
    check_header(r#"{"alg":"RS256","Crit":["exp"]}"#, READABLE);
    for parameter in [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":"exp""#,
        r#""\u0063rit":["exp"]"#,
        r#""b64":true"#,
        r#""b64":false"#,
        r#""b64":null"#,
        r#""zip":"DEF""#,
        r#""zip":null"#,
    ] {
        check_header(&format!(r#"{{"alg":"RS256",{parameter}}}"#), "unsupported_critical_header");
        // Also where the algorithm would be refused: the header comes first.
        check_header(&format!(r#"{{{parameter},"alg":"none"}}"#), "unsupported_critical_header");
    }
}

#[test]
fn knows_the_algorithms_of_the_table_and_no_other() {
    for row in &SUPPORTED_ALGORITHMS {
        check_header(&format!(r#"{{"alg":"{}"}}"#, row.name), READABLE);
    }
    for alg in ["none", "None", "", "HS256", "HS512", "rs256", "RS256 ", "ES512", "ES256K", "dir"] {
        check_header(&format!(r#"{{"alg":"{alg}"}}"#), "unsupported_algorithm");
    }
}

#[test]
fn lets_an_issuer_use_its_own_algorithms_only() {
    for row in &SUPPORTED_ALGORITHMS {
        let text = token(&format!(r#"{{"alg":"{}"}}"#, row.name), "{}", b"sig");
        let decoded = RawToken::new(&text).decode().unwrap();
        let token = UnverifiedToken::read(&decoded).unwrap();
        assert_eq!(token.algorithm(&[row]).unwrap(), row);
        assert_eq!(token.algorithm(&SUPPORTED_ALGORITHMS.each_ref()).unwrap(), row);
        let others: Vec<_> = SUPPORTED_ALGORITHMS.iter().filter(|other| *other != row).collect();
        let error = token.algorithm(&others).unwrap_err();
        assert_eq!(error.reason(), "unsupported_algorithm");
        assert!(error.to_string().starts_with(&format!("the token's alg is {:?}", row.name)));
        assert_eq!(token.algorithm(&[]).unwrap_err().reason(), "unsupported_algorithm");
    }
}

#[test]
fn reads_a_claims_set_that_is_one_json_object() {
    for payload in ["{}", " {\n} ", r#"{"x":1,"x":2}"#, r#"{"ISS":1}"#, r#"{"x":"\ud800"}"#] {
        check_payload(payload, READABLE);
    }
    for payload in [
        "",
        " ",
        "null",
        "1",
        r#""x""#,
        "[]",
        r#"["https://a"]"#,
        "{",
        "{}{}",
        "{}x",
        "{x:1}",
        r#"{"x":1,}"#,
        r#"{"x":01}"#,
        "{'x':1}",
        "\u{feff}{}",
    ] {
        check_payload(payload, "malformed_token");
    }
}

#[test]
fn takes_registered_claims_of_their_type_and_once() {
    const STRINGS: [&str; 7] = ["iss", "sub", "jti", "client_id", "azp", "scope", "token_use"];
    const NUMBERS: [&str; 3] = ["exp", "nbf", "iat"];
    const LISTS: [&str; 2] = ["aud", "scp"];

    let check_type = |names: &[&str], good: &[&str], bad: &[&str]| {
        for name in names {
            for value in good {
                check_payload(&format!(r#"{{"{name}":{value}}}"#), READABLE);
                let twice = format!(r#"{{"{name}":{value},"x":1,"{name}":{value}}}"#);
                check_payload(&twice, "malformed_token");
            }
            for value in bad {
                check_payload(&format!(r#"{{"{name}":{value}}}"#), "malformed_token");
                // The same value where no type is asked for.
                if *value != "1e400" && !value.contains('\\') {
                    check_payload(&format!(r#"{{"x-{name}":{value}}}"#), READABLE);
                }
            }
        }
    };
    check_type(
        &STRINGS,
        &[r#""x""#, r#""""#, r#""é\u00e9\n\ud83d\ude00""#],
        &["null", "1", "true", r#"["x"]"#, "[]", "{}", r#""\ud800""#],
    );
    check_type(
        &NUMBERS,
        &["0", "-1", "1.5", "1e3", "-0.0", "1700000000", "18446744073709551616", "1e308"],
        &["null", r#""1""#, "true", "[1]", "{}", "1e400"],
    );
    check_type(
        &LISTS,
        &[r#""x""#, r#""""#, "[]", r#"["x"]"#, r#"["x","é\u00e9"]"#],
        &["null", "1", "true", "{}", "[1]", "[null]", r#"["x",1]"#, r#"[["x"]]"#],
    );
}

#[test]
fn skips_what_it_does_not_know_however_deep_it_is() {
    const DEPTH: usize = 2500;
    let (open, close) = ("[".repeat(DEPTH), "]".repeat(DEPTH));
    check_payload(&format!(r#"{{"x":{open}{close}}}"#), READABLE);
    check_payload(&format!(r#"{{"aud":{open}{close}}}"#), "malformed_token");
    check_payload(&open, "malformed_token");
    check_header(&format!(r#"{{"alg":"RS256","x":{open}{close}}}"#), READABLE);
    check_header(
        &format!(r#"{{"alg":"RS256","crit":{open}{close}}}"#),
        "unsupported_critical_header",
    );
    check_header(&format!(r#"{{"alg":{open}{close}}}"#), "malformed_token");
}

#[test]
fn tells_issuer_and_key_id_as_unverified() {
    let read = |header: &str, payload: &str| {
        let text = token(header, payload, b"sig");
        let decoded = RawToken::new(&text).decode().unwrap();
        let token = UnverifiedToken::read(&decoded).unwrap();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        (owned(token.unverified_issuer()), owned(token.unverified_kid()))
    };
    assert_eq!(read(HEADER, "{}"), (None, None));
    assert_eq!(
        read(r#"{"alg":"RS256","kid":"k\/1"}"#, r#"{"iss":"https:\/\/a"}"#),
        (Some("https://a".to_owned()), Some("k/1".to_owned()))
    );
}

#[test]
fn debug_shows_the_length_and_not_the_token() {
    assert_eq!(format!("{:?}", RawToken::new("e30.e30.AA")), "RawToken(10 bytes)");
}

#[test]
fn decodes_base64url_in_its_one_form_only() {
    for (good, bytes) in
        [("", &b""[..]), ("YQ", b"a"), ("YWI", b"ab"), ("YWJj", b"abc"), ("-_-_", b"\xfb\xff\xbf")]
    {
        assert_eq!(base64url::decode(good).as_deref(), Some(bytes), "{good}");
    }
    let long = "YWJj".repeat(100);
    assert_eq!(base64url::decode(&long).unwrap(), "abc".repeat(100).as_bytes());
    for bad in [
        "Y", "YQ=", "YQ==", "YR", "YWJ", "YW J", "YWJj\n", " YQ", "+/+/", "YWJjY", "é", "YWI=",
        "YWJjYQ.", "YWJj\0",
    ] {
        assert_eq!(base64url::decode(bad), None, "{bad}");
        // The vectorized path has rules of its own to get wrong.
        assert_eq!(base64url::decode(&format!("{long}{bad}")), None, "{bad}");
    }
}
