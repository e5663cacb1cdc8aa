use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::issuer::Tenants;
use crate::jwt::ClaimPath;
use crate::jwt::testing::with_claims;

const ISSUER: &str = "https://issuer.example/";
const ACCEPTED: &str = "accepted";

/// Rules that ask for an issuer and an expiry, and for nothing else.
fn rules() -> ClaimRules {
    ClaimRules {
        issuer: IssuerName::exact(ISSUER),
        audience: Audience::Unchecked,
        client_ids: Vec::new(),
        token_types: Vec::new(),
        token_use: None,
        token_binding: TokenBinding::AsIssued,
        required_claims: Vec::new(),
        max_age: None,
        leeway: Duration::ZERO,
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Returns a payload that the rules accept, with these members besides.
fn payload(members: &str) -> String {
    let comma = if members.is_empty() { "" } else { "," };
    format!(r#"{{"iss":"{ISSUER}","exp":1000{comma}{members}}}"#)
}

fn outcome(header: &str, payload: &str, rules: &ClaimRules, now: Duration) -> &'static str {
    with_claims(header, payload, rules, UNIX_EPOCH + now, |claims| match claims {
        Ok(_) => ACCEPTED,
        Err(error) => error.reason(),
    })
}

/// Checks the outcome for claims besides issuer and expiry.
#[track_caller]
fn check(rules: &ClaimRules, members: &str, expected: &str) {
    let outcome = outcome(r#"{"alg":"EdDSA"}"#, &payload(members), rules, Duration::ZERO);
    assert_eq!(outcome, expected, "{members}");
}

#[track_caller]
fn check_type(rules: &ClaimRules, header: &str, expected: &str) {
    let outcome = outcome(header, &payload(""), rules, Duration::ZERO);
    assert_eq!(outcome, expected, "{header}");
}

#[test]
fn accepts_the_exact_issuer_only() {
    let check = |iss: &str, expected: &str| {
        let payload = format!(r#"{{{iss}"exp":1000}}"#);
        let outcome = outcome(r#"{"alg":"EdDSA"}"#, &payload, &rules(), Duration::ZERO);
        assert_eq!(outcome, expected, "{iss}");
    };
    check(r#""iss":"https://issuer.example/","#, ACCEPTED);
    check(r#""iss":"https:\/\/issuer.example\/","#, ACCEPTED);
    for iss in [
        r#""iss":"https://issuer.example","#,
        r#""iss":"https://issuer.example//","#,
        r#""iss":"https://issuer.example/ ","#,
        r#""iss":"https://Issuer.example/","#,
        r#""iss":"http://issuer.example/","#,
        r#""iss":"","#,
        "",
    ] {
        check(iss, "unknown_issuer");
    }
}

/// A time to the nanosecond, which a float would not write down.
fn at(seconds: u64, nanos: u32) -> Duration {
    Duration::new(seconds, nanos)
}

const LAST_NANO: u32 = 999_999_999;
/// Floats of today's dates are a quarter of a microsecond apart.
const LAST_MICRO: u32 = 999_999_000;

#[track_caller]
fn check_time(members: &str, leeway_seconds: u64, now: Duration, expected: &str) {
    let rules = ClaimRules { leeway: Duration::from_secs(leeway_seconds), ..rules() };
    let payload = format!(r#"{{"iss":"{ISSUER}",{members}}}"#);
    let outcome = outcome(r#"{"alg":"EdDSA"}"#, &payload, &rules, now);
    assert_eq!(outcome, expected, "{members} at {now:?}");
}

#[test]
fn a_token_dies_at_exactly_its_expiry_and_leeway() {
    check_time(r#""exp":1000"#, 0, at(999, 0), ACCEPTED);
    check_time(r#""exp":1000"#, 0, at(999, LAST_NANO), ACCEPTED);
    check_time(r#""exp":1000"#, 0, at(1000, 0), "expired");
    check_time(r#""exp":1000"#, 0, at(1000, 1), "expired");
    check_time(r#""exp":1000"#, 5, at(1004, LAST_NANO), ACCEPTED);
    check_time(r#""exp":1000"#, 5, at(1005, 0), "expired");
    check_time(r#""exp":1e3"#, 5, at(1004, LAST_NANO), ACCEPTED);
    check_time(r#""exp":1e3"#, 5, at(1005, 0), "expired");

    check_time(r#""exp":1700000000"#, 0, at(1_699_999_999, LAST_MICRO), ACCEPTED);
    check_time(r#""exp":1700000000"#, 0, at(1_700_000_000, 0), "expired");
    check_time(r#""exp":1700000000"#, 300, at(1_700_000_299, LAST_MICRO), ACCEPTED);
    check_time(r#""exp":1700000000"#, 300, at(1_700_000_300, 0), "expired");

    check_time(r#""exp":1700000000.5"#, 0, at(1_700_000_000, 499_999_000), ACCEPTED);
    check_time(r#""exp":1700000000.5"#, 0, at(1_700_000_000, 500_000_000), "expired");
    check_time(r#""exp":1700000000.5"#, 5, at(1_700_000_005, 499_999_000), ACCEPTED);
    check_time(r#""exp":1700000000.5"#, 5, at(1_700_000_005, 500_000_000), "expired");
}

#[test]
fn an_expiry_may_lie_anywhere_but_must_be_there() {
    check_time(r#""exp":1e308"#, 300, at(1_700_000_000, 0), ACCEPTED);
    check_time(r#""exp":18446744073709551616"#, 0, at(1_700_000_000, 0), ACCEPTED);
    check_time(r#""exp":1"#, 0, at(0, 0), ACCEPTED);
    check_time(r#""exp":0"#, 0, at(0, 0), "expired");
    check_time(r#""exp":-1"#, 0, at(0, 0), "expired");
    check_time(r#""exp":-1"#, 5, at(0, 0), ACCEPTED);
    check_time(r#""exp":-1e308"#, 300, at(1_700_000_000, 0), "expired");
    check_time(r#""iat":0"#, 0, at(0, 0), "missing_claim");
}

#[test]
fn a_token_begins_at_exactly_nbf_and_iat_less_the_leeway() {
    for (claim, reason) in [("nbf", "not_yet_valid"), ("iat", "issued_in_future")] {
        let check = |value: &str, leeway, now, expected| {
            check_time(&format!(r#""exp":9e9,"{claim}":{value}"#), leeway, now, expected);
        };
        check("1000", 0, at(1000, 0), ACCEPTED);
        check("1000", 0, at(999, LAST_NANO), reason);
        check("1000", 5, at(995, 0), ACCEPTED);
        check("1000", 5, at(994, LAST_NANO), reason);
        check("1000.5", 0, at(1000, 500_000_000), ACCEPTED);
        check("1000.5", 0, at(1000, 499_999_999), reason);
        check("1700000000", 0, at(1_700_000_000, 0), ACCEPTED);
        check("1700000000", 0, at(1_699_999_999, LAST_MICRO), reason);
        check("-1e308", 0, at(0, 0), ACCEPTED);
        check("1e308", 300, at(1_700_000_000, 0), reason);
    }
}

#[test]
fn a_token_is_too_old_at_exactly_the_limit_and_leeway() {
    let check = |members: &str, leeway_seconds, now, expected| {
        let rules = ClaimRules {
            max_age: Some(Duration::from_secs(60)),
            leeway: Duration::from_secs(leeway_seconds),
            ..rules()
        };
        let payload = format!(r#"{{"iss":"{ISSUER}","exp":9e9{members}}}"#);
        let outcome = outcome(r#"{"alg":"EdDSA"}"#, &payload, &rules, now);
        assert_eq!(outcome, expected, "{members} at {now:?}");
    };
    check(r#","iat":1000"#, 0, at(1059, LAST_NANO), ACCEPTED);
    check(r#","iat":1000"#, 0, at(1060, 0), "too_old");
    check(r#","iat":1000"#, 5, at(1064, LAST_NANO), ACCEPTED);
    check(r#","iat":1000"#, 5, at(1065, 0), "too_old");
    check(r#","iat":1000.5"#, 0, at(1060, 499_999_999), ACCEPTED);
    check(r#","iat":1000.5"#, 0, at(1060, 500_000_000), "too_old");
    check(r#","iat":-1e308"#, 0, at(0, 0), "too_old");
    check("", 0, at(1000, 0), "missing_claim");
    // Without a limit, iat may be missing and may lie any time back.
    check_time(r#""exp":9e9"#, 0, at(1000, 0), ACCEPTED);
    check_time(r#""exp":9e9,"iat":-1e308"#, 0, at(1000, 0), ACCEPTED);
}

#[test]
fn says_by_how_much_a_time_was_missed() {
    let check = |members: &str, now, expected: &str| {
        let rules = ClaimRules { max_age: Some(Duration::from_secs(60)), ..rules() };
        let payload = format!(r#"{{"iss":"{ISSUER}",{members}}}"#);
        with_claims(r#"{"alg":"EdDSA"}"#, &payload, &rules, UNIX_EPOCH + now, |claims| {
            assert_eq!(claims.err().unwrap().to_string(), expected);
        });
    };
    check(r#""exp":1000"#, at(1007, 0), "the token expired 7 s ago");
    check(
        r#""exp":1000,"nbf":900"#,
        at(500, 0),
        "the token is not valid yet, nbf is 400 s in the future",
    );
    check(r#""exp":1000,"iat":900"#, at(500, 0), "iat is 400 s in the future");
    check(
        r#""exp":1000,"iat":900"#,
        at(970, 0),
        "the token was issued 70 s ago, the limit is 60 s (AUTHORIZER_MAX_TOKEN_AGE_SECONDS)",
    );
    check(r#""exp":-1e308"#, at(0, 0), &format!("the token expired {} s ago", i64::MAX));
}

#[test]
fn a_clock_before_1970_reads_as_1970() {
    let before = UNIX_EPOCH - Duration::from_secs(1);
    for (members, expected) in [("", ACCEPTED), (r#""nbf":1"#, "not_yet_valid")] {
        with_claims(r#"{"alg":"EdDSA"}"#, &payload(members), &rules(), before, |claims| {
            assert_eq!(claims.map_or_else(|error| error.reason(), |_| ACCEPTED), expected);
        });
    }
}

#[test]
fn accepts_a_token_for_any_of_the_audiences() {
    let rules = ClaimRules { audience: Audience::AnyOf(strings(&["chat", "api"])), ..rules() };
    for aud in [r#""chat""#, r#""api""#, r#"["chat"]"#, r#"["x","api"]"#, r#""ch\u0061t""#] {
        check(&rules, &format!(r#""aud":{aud}"#), ACCEPTED);
    }
    for aud in [
        r#""x""#,
        r#"["x","y"]"#,
        "[]",
        r#""""#,
        r#""Chat""#,
        r#""chat ""#,
        r#""chat api""#,
        r#""chat,api""#,
        r#""*""#,
    ] {
        check(&rules, &format!(r#""aud":{aud}"#), "wrong_audience");
    }
    check(&rules, "", "missing_claim");
}

#[test]
fn an_unchecked_audience_may_be_anything_or_nothing() {
    for members in [r#""aud":"x""#, r#""aud":[]"#, ""] {
        check(&rules(), members, ACCEPTED);
    }
}

#[test]
fn accepts_an_allowed_client_by_client_id_before_azp() {
    let rules = ClaimRules { client_ids: strings(&["web", "app"]), ..rules() };
    for (members, expected) in [
        (r#""client_id":"web""#, ACCEPTED),
        (r#""azp":"app""#, ACCEPTED),
        (r#""client_id":"web","azp":"x""#, ACCEPTED),
        (r#""client_id":"x","azp":"web""#, "wrong_client"),
        (r#""client_id":"","azp":"web""#, "wrong_client"),
        (r#""client_id":"x""#, "wrong_client"),
        (r#""azp":"WEB""#, "wrong_client"),
        (r#""aud":"web","sub":"web""#, "missing_claim"),
    ] {
        check(&rules, members, expected);
    }
    check(&self::rules(), r#""client_id":"x""#, ACCEPTED);
    check(&self::rules(), "", ACCEPTED);
}

#[test]
fn compares_token_types_as_media_types() {
    let rules = ClaimRules { token_types: strings(&["at+jwt", "jwt"]), ..rules() };
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt", "JWT"] {
        check_type(&rules, &format!(r#"{{"alg":"EdDSA","typ":"{typ}"}}"#), ACCEPTED);
    }
    for typ in
        ["", "application/", "id+jwt", "at", "x/at+jwt", "at+jwt ", "application/application/jwt"]
    {
        let header = format!(r#"{{"alg":"EdDSA","typ":"{typ}"}}"#);
        check_type(&rules, &header, "wrong_token_type");
        check_type(&self::rules(), &header, ACCEPTED);
    }
    check_type(&rules, r#"{"alg":"EdDSA"}"#, "wrong_token_type");
    check_type(&self::rules(), r#"{"alg":"EdDSA"}"#, ACCEPTED);
}

#[test]
fn accepts_the_wanted_token_use_only() {
    let rules = ClaimRules { token_use: Some("access".to_owned()), ..rules() };
    check(&rules, r#""token_use":"access""#, ACCEPTED);
    check(&rules, r#""token_use":"id""#, "wrong_token_use");
    check(&rules, r#""token_use":"Access""#, "wrong_token_use");
    check(&rules, "", "missing_claim");
    check(&self::rules(), r#""token_use":"id""#, ACCEPTED);
}

fn requiring(path: &str, accepted: Value) -> ClaimRules {
    let accepted = accepted.as_array().cloned().unwrap_or_else(|| vec![accepted]);
    let required_claims =
        vec![RequiredClaim { path: ClaimPath::new(path), groups: vec![accepted] }];
    ClaimRules { required_claims, ..rules() }
}

#[test]
fn a_required_claim_has_one_of_its_values_or_lists_it() {
    let rules = requiring("tenant", json!(["a", "b"]));
    for value in [r#""a""#, r#""b""#, r#"["a"]"#, r#"["x","b"]"#, r#"[1,null,"a"]"#, r#""\u0061""#]
    {
        check(&rules, &format!(r#""tenant":{value}"#), ACCEPTED);
    }
    for value in [
        r#""c""#,
        r#""A""#,
        r#""""#,
        r#""a b""#,
        "[]",
        r#"["c"]"#,
        r#"[["a"]]"#,
        "null",
        "1",
        "true",
        "{}",
        r#"{"a":"a"}"#,
    ] {
        check(&rules, &format!(r#""tenant":{value}"#), "claim_mismatch");
    }
    check(&rules, "", "missing_claim");
    check(&rules, r#""Tenant":"a""#, "missing_claim");
    check(&rules, r#""x":{"tenant":"a"}"#, "missing_claim");
}

#[test]
fn a_required_claim_is_not_coerced() {
    for (wanted, good, bad) in [
        (json!(1), &["1", "[1]"][..], &[r#""1""#, "true", "1.5", "[\"1\"]"][..]),
        (json!("1"), &[r#""1""#], &["1", "[1]"]),
        (json!(true), &["true"], &[r#""true""#, "1", "false"]),
        (json!("true"), &[r#""true""#], &["true"]),
        (json!(false), &["false"], &["null", "0", r#""""#]),
        (json!(1.5), &["1.5", "15e-1"], &[r#""1.5""#, "1"]),
        (json!(-1), &["-1"], &["1"]),
    ] {
        let rules = requiring("level", wanted);
        for value in good {
            check(&rules, &format!(r#""level":{value}"#), ACCEPTED);
        }
        for value in bad {
            check(&rules, &format!(r#""level":{value}"#), "claim_mismatch");
        }
    }
}

#[test]
fn a_required_claim_is_found_by_name_or_pointer() {
    for (path, good, missing) in [
        (
            "/realm_access/roles",
            r#""realm_access":{"roles":["x","admin"]}"#,
            r#""realm_access":{}"#,
        ),
        ("/roles/0", r#""roles":["admin","x"]"#, r#""roles":[]"#),
        ("/a~1b/c~0d", r#""a/b":{"c~d":"admin"}"#, r#""a":{"b/c~d":"admin"}"#),
        ("/role", r#""role":"admin""#, r#""/role":"admin""#),
        ("https://x.example/role", r#""https://x.example/role":"admin""#, r#""https:":"admin""#),
        ("a.b", r#""a.b":"admin""#, r#""a":{"b":"admin"}"#),
        ("ro/le", r#""ro/le":"admin""#, r#""ro":{"le":"admin"}"#),
    ] {
        let rules = requiring(path, json!("admin"));
        check(&rules, good, ACCEPTED);
        check(&rules, missing, "missing_claim");
        check(&rules, "", "missing_claim");
        check(&rules, &good.replace("admin", "guest"), "claim_mismatch");
    }
}

#[test]
fn every_required_claim_must_be_met() {
    let [tenant, level] = [requiring("tenant", json!("a")), requiring("level", json!(1))];
    let required_claims = [tenant.required_claims, level.required_claims].concat();
    let rules = ClaimRules { required_claims, ..rules() };
    check(&rules, r#""tenant":"a","level":1"#, ACCEPTED);
    check(&rules, r#""tenant":"a","level":2"#, "claim_mismatch");
    check(&rules, r#""tenant":"b","level":1"#, "claim_mismatch");
    check(&rules, r#""tenant":"a""#, "missing_claim");
}

#[test]
fn a_required_claim_has_a_value_of_every_group() {
    let groups = vec![vec![json!("a")], vec![json!("b"), json!(2)]];
    let required_claims = vec![RequiredClaim { path: ClaimPath::new("groups"), groups }];
    let rules = ClaimRules { required_claims, ..rules() };
    for value in [r#"["a","b"]"#, r#"["x",2,"a"]"#, r#"["a","b",2]"#] {
        check(&rules, &format!(r#""groups":{value}"#), ACCEPTED);
    }
    for value in [r#"["a"]"#, r#"["b",2]"#, r#""a""#, r#""a b""#, r#"["a","2"]"#, "[]", "null"] {
        check(&rules, &format!(r#""groups":{value}"#), "claim_mismatch");
    }
    check(&rules, "", "missing_claim");
}

#[test]
fn names_the_claim_and_the_values_of_which_it_has_none() {
    let groups = vec![vec![json!("a")], vec![json!("b"), json!(2)]];
    let required_claims = vec![RequiredClaim { path: ClaimPath::new("/r/g"), groups }];
    let rules = ClaimRules { required_claims, ..rules() };
    let payload = payload(r#""r":{"g":["a"]}"#);
    with_claims(r#"{"alg":"EdDSA"}"#, &payload, &rules, UNIX_EPOCH, |claims| {
        assert_eq!(
            claims.err().unwrap().to_string(),
            r#"the claim "/r/g" has no accepted value, expected one of: "b", 2 (AUTHORIZER_REQUIRED_CLAIMS)"#
        );
    });
}

#[test]
fn a_claim_that_cannot_be_read_is_a_refusal_where_claims_are_looked_up() {
    let nested = |depth: usize| format!(r#""x":{}{}"#, "[".repeat(depth), "]".repeat(depth));
    let rules = requiring("tenant", json!("a"));
    let check_both = |member: &str, expected: &str| {
        check(&rules, &format!(r#""tenant":"a",{member}"#), expected);
        // Nobody looks: it is skipped.
        check(&self::rules(), member, ACCEPTED);
    };
    check_both(&nested(100), ACCEPTED);
    check_both(&nested(200), "malformed_token");
    check_both(&nested(2500), "malformed_token");
    check_both(r#""x":"\ud83d\ude00""#, ACCEPTED);
    check_both(r#""x":"\ud83d""#, "malformed_token");
}

#[test]
fn a_value_is_looked_up_as_often_as_it_is_asked_for() {
    let payload = payload(r#""a":{"b":[1,2]},"n":null"#);
    with_claims(r#"{"alg":"EdDSA"}"#, &payload, &rules(), UNIX_EPOCH, |claims| {
        let claims = claims.ok().unwrap();
        for _ in 0..2 {
            assert_eq!(claims.content().value(&ClaimPath::new("/a/b/1")).unwrap(), Some(&json!(2)));
            assert_eq!(claims.content().value(&ClaimPath::new("n")).unwrap(), Some(&Value::Null));
            assert_eq!(claims.content().value(&ClaimPath::new("/a/c")).unwrap(), None);
        }
    });
}

#[test]
fn scopes_come_from_scope_and_scp() {
    let scopes = |members: &str| {
        let set: ClaimsSet<'_> = serde_json::from_str(members).unwrap();
        let scopes: Vec<_> = set.scopes().map(str::to_owned).collect();
        (scopes.join("|"), set.scope_text().map(|text| text.into_owned()))
    };
    for (claims, all, text) in [
        ("{}", "", None),
        (r#"{"scope":"a b"}"#, "a|b", Some("a b")),
        (r#"{"scope":"  a   b "}"#, "a|b", Some("  a   b ")),
        (r#"{"scope":""}"#, "", Some("")),
        (r#"{"scp":"a b"}"#, "a|b", Some("a b")),
        (r#"{"scp":["a","b"]}"#, "a|b", Some("a b")),
        (r#"{"scp":[]}"#, "", Some("")),
        (r#"{"scope":"a","scp":["b"]}"#, "a|b", Some("a")),
        (r#"{"scope":"a\tb"}"#, "a\tb", Some("a\tb")),
    ] {
        assert_eq!(scopes(claims), (all.to_owned(), text.map(str::to_owned)), "{claims}");
    }
}

/// Checks the outcome of a payload for an issuer of the tenants `a` and `b`.
#[track_caller]
fn check_tenant(iss: &str, members: &str, expected: Result<&str, &str>) {
    let tenants = Tenants::Only(Arc::new(["a".to_owned(), "b".to_owned()].into()));
    let issuer = IssuerName::template("https://issuer.example/{tenant}/v2.0", tenants).unwrap();
    let rules = ClaimRules { issuer, ..rules() };
    let payload = format!(r#"{{"iss":"{iss}","exp":1000{members}}}"#);
    let header = r#"{"alg":"EdDSA"}"#;
    with_claims(header, &payload, &rules, UNIX_EPOCH, |claims| {
        let tenant = claims.as_ref().map(|claims| claims.tenant().unwrap_or_default());
        assert_eq!(tenant.map_err(Error::reason), expected, "{payload}");
    });
}

#[test]
fn an_issuer_with_tenants_needs_the_tenant_in_iss_and_the_same_in_tid() {
    let a = "https://issuer.example/a/v2.0";
    check_tenant(a, "", Ok("a"));
    check_tenant("https://issuer.example/b/v2.0", "", Ok("b"));
    for iss in [
        "https://issuer.example/c/v2.0",
        "https://issuer.example/A/v2.0",
        "https://issuer.example/{tenant}/v2.0",
        "https://issuer.example/a/v2.0/",
    ] {
        check_tenant(iss, "", Err("unknown_issuer"));
    }
    check_tenant(a, r#","tid":"a""#, Ok("a"));
    check_tenant(a, r#","tid":"\u0061""#, Ok("a"));
    for tid in ["b", "A", "", " a", "a ", "c"] {
        check_tenant(a, &format!(r#","tid":"{tid}""#), Err("wrong_tenant"));
    }
    for tid in ["null", "1", "true", r#"["a"]"#, r#"{"a":"a"}"#] {
        check_tenant(a, &format!(r#","tid":{tid}"#), Err("malformed_token"));
    }
    for tids in [r#","tid":"a","tid":"a""#, r#","tid":"b","tid":"a""#] {
        check_tenant(a, tids, Err("malformed_token"));
    }
}

#[test]
fn an_issuer_without_tenants_may_mean_anything_by_tid() {
    for members in [r#""tid":"x""#, r#""tid":1"#, r#""tid":null"#, r#""tid":"a","tid":"b""#] {
        check(&rules(), members, ACCEPTED);
    }
}
