use super::*;

const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/x";
const PEM: &str = r"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

/// Returns the certificate of an event whose members contain PEM and ARN, or the beginning of the
/// error.
#[track_caller]
fn check(members: &str, expected: Result<&str, &str>) {
    let json = format!("{{{}}}", members.replace("ARN", ARN).replace("PEM", PEM));
    let Ok(request) = AuthorizerRequest::parse(&json) else { panic!("{json}") };
    let outcome = request.client_certificate();
    match (outcome, expected) {
        (Ok(pem), Ok(expected)) => assert_eq!(&*pem, expected, "{json}"),
        (Err(error), Err(expected)) => {
            assert_eq!(error.reason(), "wrong_certificate");
            assert!(error.to_string().contains(expected), "{error} for {json}");
        }
        (Ok(_), Err(expected)) => panic!("a certificate, not {expected:?}: {json}"),
        (Err(error), Ok(_)) => panic!("{error}: {json}"),
    }
}

const FOUND: Result<&str, &str> =
    Ok("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n");
const IN_IDENTITY: &str = r#""requestContext":{"identity":{"clientCert":{"clientCertPem":"PEM"}}}"#;
const IN_AUTHENTICATION: &str =
    r#""requestContext":{"authentication":{"clientCert":{"clientCertPem":"PEM"}}}"#;

#[test]
fn is_where_aws_documents_it_for_the_kind_of_event() {
    let rest = r#""type":"REQUEST","methodArn":"ARN""#;
    let http_1 = r#""version":"1.0","type":"REQUEST","methodArn":"ARN""#;
    let http_2 = r#""version":"2.0","type":"REQUEST","routeArn":"ARN""#;
    for (kind, place, elsewhere) in [
        (rest, IN_IDENTITY, IN_AUTHENTICATION),
        (http_1, IN_IDENTITY, IN_AUTHENTICATION),
        (http_2, IN_AUTHENTICATION, IN_IDENTITY),
    ] {
        check(&format!("{kind},{place}"), FOUND);
        check(&format!("{kind},{elsewhere}"), Err("the event has none"));
        check(kind, Err("the event has none"));
        for context in ["null", "{}", "[]", r#"{"identity":null,"authentication":null}"#] {
            check(&format!(r#"{kind},"requestContext":{context}"#), Err("the event has none"));
        }
        for broken in [r#""clientCertPem":1"#, r#""clientCertPem":null"#, r#""other":"PEM""#] {
            let place = place.replace(r#""clientCertPem":"PEM""#, broken);
            check(&format!("{kind},{place}"), Err("the event has none"));
        }
    }
}

#[test]
fn is_in_no_event_of_a_websocket_api_and_in_no_token_event() {
    let connect = r#""type":"REQUEST","methodArn":"arn:aws:execute-api:r:1:api/prod/$connect""#;
    check(&format!("{connect},{IN_IDENTITY}"), Err("WebSocket APIs pass none"));
    let token = r#""type":"TOKEN","methodArn":"ARN""#;
    check(&format!("{token},{IN_IDENTITY}"), Err("TOKEN events have none"));
}

#[test]
fn must_be_in_the_cache_key_if_the_event_has_one() {
    let event = |place: &str, source: &str| {
        let kind = match place {
            IN_IDENTITY => r#""version":"1.0","type":"REQUEST","methodArn":"ARN""#,
            _ => r#""version":"2.0","type":"REQUEST","routeArn":"ARN""#,
        };
        format!(r#"{kind},"identitySource":{source},{place}"#)
    };
    const LACKS: Result<&str, &str> = Err("does not contain the certificate");
    for (place, source, expected) in [
        (IN_AUTHENTICATION, r#"["Bearer x"]"#, LACKS),
        (IN_AUTHENTICATION, r#"["Bearer x", "PEM"]"#, FOUND),
        (IN_AUTHENTICATION, r#"["PEM"]"#, FOUND),
        (IN_AUTHENTICATION, "[]", FOUND),
        (IN_AUTHENTICATION, "null", FOUND),
        (IN_IDENTITY, r#""Bearer x""#, LACKS),
        (IN_IDENTITY, r#""Bearer x,PEM""#, FOUND),
        (IN_IDENTITY, r#""""#, FOUND),
    ] {
        check(&event(place, source), expected);
    }
}
