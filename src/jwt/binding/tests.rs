use std::borrow::Cow;
use std::cell::Cell;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;

/// Makes a self-signed certificate. Returns it as PEM, and its `x5t#S256`.
fn certificate() -> (String, String) {
    let certified = rcgen::generate_simple_self_signed(vec!["client.example".to_owned()]).unwrap();
    let fingerprint = digest(&SHA256, certified.cert.der());
    let lines = STANDARD.encode(certified.cert.der());
    let lines: Vec<_> = lines.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let body = lines.join("\n");
    let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    (pem, URL_SAFE_NO_PAD.encode(fingerprint))
}

fn parse(cnf: &str) -> Option<Confirmation<'_>> {
    serde_json::from_str(cnf).ok()
}

/// Returns the reason of a refusal, and whether the certificate was asked for.
fn outcome(cnf: Option<&str>, binding: TokenBinding, pem: Option<&str>) -> (&'static str, bool) {
    let asked = Cell::new(false);
    let presented = || {
        asked.set(true);
        pem.map(|pem| Text(Cow::Borrowed(pem))).ok_or(Error::WrongCertificate("none"))
    };
    let cnf = cnf.map(|cnf| parse(cnf).unwrap());
    let outcome = check_binding(cnf.as_ref(), binding, presented);
    (outcome.err().map_or("accepted", |error| error.reason()), asked.get())
}

#[test]
fn a_bound_token_needs_the_very_certificate() {
    use TokenBinding::{AsIssued, MutualTls};
    let ((own, bound_to), (other, _)) = (certificate(), certificate());
    let cnf = format!(r#"{{"x5t#S256":"{bound_to}"}}"#);
    for binding in [AsIssued, MutualTls] {
        for (pem, expected) in [
            (Some(own.as_str()), "accepted"),
            // The line ends of the PEM do not matter, only the DER in it.
            (Some(&*own.replace('\n', "\r\n")), "accepted"),
            (Some(&*format!("\n{}", own.trim())), "accepted"),
            (Some(&*other), "wrong_certificate"),
            (Some("CERT_CONTENT"), "wrong_certificate"),
            (Some(""), "wrong_certificate"),
            (Some(&*own.replace("CERTIFICATE", "PUBLIC KEY")), "wrong_certificate"),
            (None, "wrong_certificate"),
        ] {
            let outcome = outcome(Some(&cnf), binding, pem);
            assert_eq!(outcome, (expected, true), "{binding:?} {pem:?}");
        }
    }
}

#[test]
fn a_token_without_cnf_is_a_bearer_token_unless_the_settings_want_a_bound_one() {
    let (own, _) = certificate();
    for pem in [Some(own.as_str()), None] {
        assert_eq!(outcome(None, TokenBinding::AsIssued, pem), ("accepted", false));
        assert_eq!(outcome(None, TokenBinding::MutualTls, pem), ("missing_claim", false));
    }
}

#[test]
fn a_token_that_is_bound_to_something_else_is_refused() {
    let (own, bound_to) = certificate();
    let with_certificate = format!(r#"{{"x5t#S256":"{bound_to}","jkt":"x"}}"#);
    for cnf in [
        r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#,
        r#"{"jwk":{"kty":"OKP"}}"#,
        r#"{"kid":"k","xms_ksl":"sw"}"#,
        r#"{"x5t":"x"}"#,
        r#"{"jkt":null}"#,
        &with_certificate,
    ] {
        for binding in [TokenBinding::AsIssued, TokenBinding::MutualTls] {
            let outcome = outcome(Some(cnf), binding, Some(&own));
            assert_eq!(outcome, ("unsupported_binding", false), "{cnf}");
        }
    }
}

#[test]
fn names_the_first_method_that_it_cannot_check() {
    let cnf = parse(r#"{"x5t#S256":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU","a":1,"b":2}"#);
    let error = check_binding(cnf.as_ref(), TokenBinding::AsIssued, || unreachable!()).unwrap_err();
    let expected = r#"the token's cnf has "a", and only certificates (x5t#S256) can be checked"#;
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_malformed_cnf_is_an_error() {
    const EMPTY: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    assert!(parse(&format!(r#"{{"x5t#S256":"{EMPTY}"}}"#)).is_some());
    let with = |value: &str| format!(r#"{{"x5t#S256":{value}}}"#);
    for cnf in [
        "null".to_owned(),
        "1".to_owned(),
        format!("{EMPTY:?}"),
        "[]".to_owned(),
        format!("[{EMPTY:?}]"),
        "{}".to_owned(),
        with("null"),
        with("1"),
        with(r#""""#),
        with(&format!("[{EMPTY:?}]")),
        // One character less and more, padding, base64's alphabet, hexadecimal, and the bits that
        // are left over are not zero.
        with(&format!("{:?}", &EMPTY[1..])),
        with(&format!("{:?}", format!("{EMPTY}A"))),
        with(&format!("{:?}", format!("{EMPTY}="))),
        with(&format!("{:?}", EMPTY.replace(['-', '_'], "/"))),
        with(&format!("{:?}", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")),
        with(&format!("{:?}", EMPTY.replace("uFU", "uFV"))),
        format!(r#"{{"x5t#S256":{EMPTY:?},"x5t#S256":{EMPTY:?}}}"#),
        r#"{"jkt":"x","x5t#S256":"short"}"#.to_owned(),
    ] {
        assert!(parse(&cnf).is_none(), "{cnf}");
    }
}
