use super::*;

#[test]
fn reads_the_first_max_age_that_is_a_number() {
    #[track_caller]
    fn check(lines: &[&str], expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, line.parse().unwrap());
        }
        assert_eq!(max_age(&headers), expected.map(Duration::from_secs), "{lines:?}");
    }
    check(&["max-age=60"], Some(60));
    check(&["Max-Age=60"], Some(60));
    check(&["max-age=\"60\""], Some(60));
    check(&["max-age=0"], Some(0));
    check(&["public, max-age=60, must-revalidate"], Some(60));
    check(&["public,max-age=60"], Some(60));
    check(&["public", "max-age=60"], Some(60));
    check(&["max-age=60, max-age=90"], Some(60));
    check(&["max-age=x, max-age=90"], Some(90));
    check(&[], None);
    check(&[""], None);
    check(&["no-store"], None);
    check(&["s-maxage=60"], None);
    check(&["x-max-age=60"], None);
    for seconds in ["", "x", "-1", "1.5", "1e3", "60s", "99999999999999999999"] {
        check(&[&format!("max-age={seconds}")], None);
    }
    check(&["max-age"], None);
}

#[test]
fn accepts_a_key_set_uri_that_the_issuer_may_name() {
    #[track_caller]
    fn check(issuer: &str, document: &str, expected: Result<&str, &str>) {
        let location = KeyLocation::discovered(issuer).unwrap();
        let name = IssuerName::exact(issuer);
        let uri = key_set_uri(location.first_uri(), &name, document.as_bytes());
        let got = uri.as_ref().map(Url::as_str).map_err(ToString::to_string);
        match expected {
            Ok(uri) => assert_eq!(got, Ok(uri)),
            Err(fault) => {
                assert!(got.clone().is_err_and(|error| error.contains(fault)), "{got:?}")
            }
        }
    }
    let (remote, local) = ("https://a.example/", "http://127.0.0.1:1");
    let document =
        |issuer: &str, uri: &str| format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}","x":1}}"#);
    check(remote, &document(remote, "https://keys.example/k"), Ok("https://keys.example/k"));
    check(local, &document(local, "http://127.0.0.1:2/k"), Ok("http://127.0.0.1:2/k"));
    check(local, &document(local, "https://keys.example/k"), Ok("https://keys.example/k"));
    check(
        remote,
        &document(remote, "http://127.0.0.1:9001/k"),
        Err("must be https, because the issuer is https"),
    );
    check(remote, &document(remote, "http://keys.example/k"), Err("not https"));
    check(remote, &document("https://a.example", "https://keys.example/k"), Err("must be exactly"));
    check(remote, r#"{"issuer":"https://a.example/"}"#, Err("not a JSON object"));
    check(remote, r#"["https://a.example/","https://keys.example/k"]"#, Err("not a JSON object"));
}
