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
