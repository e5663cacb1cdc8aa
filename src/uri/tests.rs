use super::*;

#[test]
fn shows_no_password() {
    for (text, shown) in [
        ("https://u:s3cret@a.example/k", "https://…@a.example/k"),
        ("https://u:p@ss@a.example", "https://…@a.example"),
        ("https://a.example/k@v", "https://a.example/k@v"),
        ("a@b", "a@b"),
        ("a:b, c", "a:b, c"),
        ("https:u:s3cret@a.example/k", "https:…@a.example/k"),
        (r"https:\\u:s3cret@a.example\k", r"https:\\…@a.example\k"),
        ("https://u:s3cret:x@a.example", "https://…@a.example"),
        ("https://u:s3,cret@a.example/k", "https://…@a.example/k"),
        ("https://u:s3\"cret@a.example", "https://…@a.example"),
        (r#"[{"issuer":"https://u:s3\"cret@a.example"}]"#, r#"[{"issuer":"https://…@a.example"}]"#),
        (
            r#"[{"issuer":"https://a.example","jwks_uri":"https://u:s3cret@b.example/k"},{"#,
            r#"[{"issuer":"https://a.example","jwks_uri":"https://…@b.example/k"},{"#,
        ),
        ("https://u:p@a.example,https://v:q@b.example", "https://…@a.example,https://…@b.example"),
    ] {
        assert_eq!(without_credentials(text), shown);
    }
    assert!(!key_uri("https://u:s3cret@a.example/k").unwrap_err().to_string().contains("s3cret"));
}

#[test]
fn shows_a_uri_as_printable_ascii() {
    let shown = |text: &str| key_uri(text).unwrap().to_string();
    let uri = "https://a.example/\u{1b}\n\u{2028}\u{202e}é \u{7f}?\u{85}\u{202e}é \r\u{1b}";
    assert!(shown(uri).bytes().all(|byte| byte.is_ascii_graphic()), "{}", shown(uri));
    assert_eq!(shown("https://é.example/k"), "https://xn--9ca.example/k");
    let refused = key_uri("http://a.example/\n\u{202e}").unwrap_err().to_string();
    assert!(refused.contains(r"/\n\u{202e}"), "{refused}");
}

#[test]
fn fetches_over_https_or_from_loopback_only() {
    for good in [
        "https://a.example/keys?x=1",
        "http://127.0.0.1:8080/k",
        "http://127.9.9.9/k",
        "http://[::1]/k",
        "http://localhost:1/k",
    ] {
        assert!(key_uri(good).is_ok(), "{good}");
    }
    let padded = |length: usize| format!("https://a.example/{}", "x".repeat(length - 18));
    assert!(key_uri(&padded(2048)).is_ok());
    assert!(key_uri(&padded(2049)).is_err());
    for bad in [
        "http://a.example/keys",
        "http://127.0.0.1.a.example/k",
        "http://localhost.a.example/k",
        "https://user:secret@a.example/k",
        "https://a.example/k#f",
        "ftp://a.example/k",
        "file:///etc/passwd",
        "data:,x",
        "/keys",
        "",
    ] {
        assert!(key_uri(bad).is_err(), "{bad}");
    }
}

#[test]
fn says_what_a_uri_is_instead() {
    for (uri, fault) in [
        ("https:", "not a URL"),
        ("data:,x", "a URL without a host"),
        ("http://a.example/k", "not https (http is for loopback addresses only)"),
        ("https://u@a.example/k", "a URL with credentials"),
        ("https://a.example/k#f", "a URL with a fragment"),
        (&format!("https://a.example/{}", "x".repeat(2048)), "longer than 2048 characters"),
    ] {
        assert_eq!(key_uri(uri).unwrap_err().fault(), fault, "{uri}");
    }
}
