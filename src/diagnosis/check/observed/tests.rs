use std::time::{Duration, UNIX_EPOCH};

use super::*;

fn head<'h>(date: Option<&'h str>, age: Option<&'h str>) -> ResponseHead<'h> {
    ResponseHead { status: 200, content_type: None, etag: None, date, age }
}

#[test]
fn compares_the_date_of_a_response_with_the_clock() {
    #[track_caller]
    fn check(date: Option<&str>, age: Option<&str>, expected: Option<i64>) {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(clock_skew(&head(date, age), now), expected, "{date:?} {age:?}");
    }
    check(Some("Sun, 06 Nov 1994 08:49:37 GMT"), None, Some(0));
    check(Some("Sun, 06 Nov 1994 08:49:30 GMT"), None, Some(7));
    check(Some("Sun, 06 Nov 1994 08:49:47 GMT"), None, Some(-10));
    check(Some("Sat, 05 Nov 1994 08:49:37 GMT"), Some("86400"), Some(0));
    check(Some("Sat, 05 Nov 1994 08:49:37 GMT"), Some("1 day"), Some(86_400));
    check(None, Some("5"), None);
    for other_form in [
        "",
        "now",
        "1994-11-06T08:49:37Z",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov +994 08:49:37 GMT",
    ] {
        check(Some(other_form), None, None);
    }
}

#[test]
fn counts_a_retry_as_part_of_the_request() {
    let url = "https://issuer.example/keys".parse().unwrap();
    let location = crate::jwks::KeyLocation::Uri(url);
    let issuer = IssuerName::exact("https://issuer.example");
    let origin = KeyOrigin { issuer, location, algorithms: Vec::new() };
    let url = origin.location.first_uri();
    let mut observed = Observed::new(&origin);
    observed.requesting(Document::KeySet, url);
    observed.responded(&ResponseHead { status: 503, etag: Some("x"), ..head(None, None) });
    let started = observed.exchange(Document::KeySet).unwrap().started;
    observed.requesting(Document::KeySet, url);
    let retry = observed.exchange(Document::KeySet).unwrap();
    assert_eq!((retry.started, retry.status, &retry.etag), (started, None, &None));
    assert_eq!(retry.duration_ms(), None);
    observed.received(b"{}");
    let retry = observed.exchange(Document::KeySet).unwrap();
    assert!(retry.duration_ms().is_some() && retry.bytes == Some(2));
    assert!(observed.exchange(Document::Discovery).is_none());
}
