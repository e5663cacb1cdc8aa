use super::*;
use crate::config::Config;
use crate::excerpt::Excerpt;

fn issuer() -> IssuerConfig {
    let variables = [
        ("AUTHORIZER_ISSUER", "https://issuer.example/"),
        ("AUTHORIZER_AUDIENCE", "chat"),
        ("AUTHORIZER_LEEWAY_SECONDS", "10"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Config::from_variables(variables).unwrap().issuers.first().unwrap().clone()
}

#[test]
fn says_what_to_do_about_a_connection() {
    #[track_caller]
    fn check(fault: ConnectionFault, expected: Option<&str>) {
        let hint = of_connection(fault);
        match expected {
            None => assert_eq!(hint, None),
            Some(expected) => assert!(hint.unwrap().contains(expected), "{hint:?}"),
        }
    }
    check(ConnectionFault::Dns, Some("Check the spelling of the host name"));
    check(ConnectionFault::Refused, Some("Nothing accepts connections"));
    check(ConnectionFault::Timeout, Some("NAT gateway"));
    check(ConnectionFault::NoRoute, Some("NAT gateway"));
    check(ConnectionFault::UntrustedCertificate, Some("AUTHORIZER_CA_FILE"));
    check(ConnectionFault::CertificateDates, Some("renew"));
    check(ConnectionFault::CertificateName, Some("host in the URL"));
    check(ConnectionFault::Other, None);
}

#[test]
fn says_what_to_do_about_a_status() {
    #[track_caller]
    fn check(status: u16, document: Document, expected: &str) {
        let hint = of_status(status, document);
        assert!(hint.contains(expected), "{status}: {hint}");
    }
    check(302, Document::Discovery, "AUTHORIZER_ISSUER");
    check(302, Document::KeySet, "AUTHORIZER_JWKS_URI to where the redirect leads");
    check(401, Document::KeySet, "must be public");
    check(403, Document::Discovery, "must be public");
    check(404, Document::Discovery, "Check AUTHORIZER_ISSUER");
    check(404, Document::KeySet, "Check AUTHORIZER_JWKS_URI");
    check(407, Document::KeySet, "HTTPS_PROXY");
    check(429, Document::KeySet, "too often");
    for document in [Document::Discovery, Document::KeySet] {
        check(500, document, "Try again later");
        check(503, document, "Try again later");
    }
}

#[test]
fn says_how_the_issuer_of_a_discovery_document_differs() {
    #[track_caller]
    fn check(found: &str, expected: &str) {
        let error = DiscoveryError::OtherIssuer(Excerpt::from(found));
        let hint = of_discovery(&error, &issuer()).unwrap();
        let rest =
            " If their `iss` is as configured, set AUTHORIZER_JWKS_URI to the URL of the key set.";
        assert_eq!(hint.strip_suffix(rest), Some(expected));
    }
    check(
        "https://issuer.example",
        "Only the slash at the end differs. If the tokens' `iss` is \"https://issuer.example\" too, set AUTHORIZER_ISSUER to it.",
    );
    check(
        "https://other.example",
        "If the tokens' `iss` is \"https://other.example\" too, set AUTHORIZER_ISSUER to it.",
    );
}

#[test]
fn warns_of_a_clock_that_is_off_by_more_than_the_leeway() {
    #[track_caller]
    fn check(skew: i64, expected: Option<&str>) {
        let warning = clock_skew(&issuer(), skew);
        assert_eq!(warning.is_some(), expected.is_some(), "{warning:?}");
        assert!(warning.unwrap_or_default().contains(expected.unwrap_or_default()));
    }
    for within in [0, 10, -10, 11, -11] {
        check(within, None);
    }
    check(
        12,
        Some("is 12 s ahead of the clock of https://issuer.example/, and the leeway is 10 s"),
    );
    check(-12, Some("is 12 s behind the clock of https://issuer.example/"));
    check(i64::MIN, Some("days behind"));
}
