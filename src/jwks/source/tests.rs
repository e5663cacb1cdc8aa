use super::*;

#[test]
fn accepts_a_key_set_uri_that_the_issuer_may_name() {
    #[track_caller]
    fn check(issuer: &str, document: &str, expected: Result<&str, &str>) {
        let origin = KeyOrigin {
            issuer: IssuerName::exact(issuer),
            location: KeyLocation::discovered(issuer).unwrap(),
            algorithms: Vec::new(),
        };
        let uri = origin.key_set_uri(document.as_bytes());
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
