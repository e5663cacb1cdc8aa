use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::issuer::IssuerName;
use crate::jwt::testing::with_claims;
use crate::jwt::{Audience, ClaimRules, TokenBinding};

/// Hands on the claims of a payload with these members besides `iss` and `exp`.
fn claims_of<R>(members: &str, then: impl FnOnce(Claims<'_>) -> R) -> R {
    let rules = ClaimRules {
        issuer: IssuerName::exact("i"),
        audience: Audience::Unchecked,
        client_ids: Vec::new(),
        token_types: Vec::new(),
        token_use: None,
        token_binding: TokenBinding::AsIssued,
        required_claims: Vec::new(),
        max_age: None,
        leeway: Duration::ZERO,
    };
    let comma = if members.is_empty() { "" } else { "," };
    let exp = if members.contains(r#""exp""#) { "" } else { r#","exp":7"# };
    let payload = format!(r#"{{"iss":"i"{exp}{comma}{members}}}"#);
    with_claims(r#"{"alg":"EdDSA"}"#, &payload, &rules, UNIX_EPOCH, |claims| {
        then(claims.map_err(|error| error.to_string()).unwrap())
    })
}

/// Makes rules that add claims, written as they are set: `name` or `name=path`.
fn adding(claims: &[&str]) -> ContextRules {
    let claim = |item: &&str| {
        let (name, path) = item.split_once('=').unwrap_or((item, item));
        ContextClaim { name: name.to_owned(), path: ClaimPath::new(path) }
    };
    ContextRules { claims: claims.iter().map(claim).collect(), principal: None, usage_key: None }
}

#[track_caller]
fn check(added: &[&str], members: &str, expected: &str) {
    claims_of(members, |claims| {
        let rules = adding(added);
        let context = rules.context(&claims, None).map_err(|error| error.reason()).unwrap();
        assert_eq!(serde_json::to_string(&context).unwrap(), expected, "{members}");
    });
}

/// Checks one added claim.
#[track_caller]
fn check_value(value: &str, expected: &str) {
    check(&["c"], &format!(r#""c":{value}"#), &format!(r#"{{"iss":"i","exp":7{expected}}}"#));
}

#[test]
fn shows_the_claims_that_every_function_needs_where_the_token_has_them() {
    check(&[], "", r#"{"iss":"i","exp":7}"#);
    check(
        &[],
        r#""sub":"s","client_id":"c","scope":"a b","aud":"x","nbf":0,"token_use":"id","x":1"#,
        r#"{"sub":"s","iss":"i","client_id":"c","scope":"a b","exp":7}"#,
    );
    check(&[], r#""azp":"z""#, r#"{"iss":"i","client_id":"z","exp":7}"#);
    check(&[], r#""client_id":"c","azp":"z""#, r#"{"iss":"i","client_id":"c","exp":7}"#);
    check(&[], r#""scp":["a","b"]"#, r#"{"iss":"i","scope":"a b","exp":7}"#);
    check(&[], r#""scp":"a b""#, r#"{"iss":"i","scope":"a b","exp":7}"#);
    check(&[], r#""scope":"a","scp":["b"]"#, r#"{"iss":"i","scope":"a","exp":7}"#);
    check(&[], r#""sub":"","scope":"""#, r#"{"sub":"","iss":"i","scope":"","exp":7}"#);
}

#[test]
fn shows_the_subprotocol_to_echo() {
    claims_of("", |claims| {
        let rules = adding(&[]);
        let context = rules.context(&claims, Some("bearer")).unwrap();
        let expected = r#"{"iss":"i","exp":7,"subprotocol":"bearer"}"#;
        assert_eq!(serde_json::to_string(&context).unwrap(), expected);
    });
}

#[test]
fn whole_numbers_of_seconds_stay_whole() {
    for (exp, shown) in [
        ("1700000000", "1700000000"),
        ("1700000000.0", "1700000000"),
        ("1.7e9", "1700000000"),
        ("1700000000.5", "1700000000.5"),
        ("9007199254740992", "9007199254740992"),
        ("1e300", "1e+300"),
    ] {
        check(&[], &format!(r#""exp":{exp}"#), &format!(r#"{{"iss":"i","exp":{shown}}}"#));
    }
}

#[test]
fn adds_claims_under_their_name_or_another() {
    let members = r#""email":"a@b","realm_access":{"roles":["x"]},"https://x/t":"u","a/b":1"#;
    check(&["email"], members, r#"{"iss":"i","exp":7,"email":"a@b"}"#);
    check(&["mail=email"], members, r#"{"iss":"i","exp":7,"mail":"a@b"}"#);
    check(&["role=/realm_access/roles/0"], members, r#"{"iss":"i","exp":7,"role":"x"}"#);
    check(&["t=https://x/t"], members, r#"{"iss":"i","exp":7,"t":"u"}"#);
    check(&["n=/a~1b", "m=a/b"], members, r#"{"iss":"i","exp":7,"n":1,"m":1}"#);
    check(&["z=/realm_access/x", "Email"], members, r#"{"iss":"i","exp":7}"#);
    check(&["b=email", "a=email"], members, r#"{"iss":"i","exp":7,"b":"a@b","a":"a@b"}"#);
}

#[test]
fn keeps_scalars_puts_the_rest_as_json_text_and_leaves_null_out() {
    check_value(r#""x""#, r#","c":"x""#);
    check_value(r#""""#, r#","c":"""#);
    check_value(r#""\u00e9\"""#, r#","c":"é\"""#);
    check_value("true", r#","c":true"#);
    check_value("false", r#","c":false"#);
    check_value("0", r#","c":0"#);
    check_value("-1", r#","c":-1"#);
    check_value("1.5", r#","c":1.5"#);
    check_value("18446744073709551615", r#","c":18446744073709551615"#);
    check_value("null", "");
    check_value("[]", r#","c":"[]""#);
    check_value("{}", r#","c":"{}""#);
    check_value(r#"[1, "a", null, [true]]"#, r#","c":"[1,\"a\",null,[true]]""#);
    check_value(r#"{"k": {"n": 1}}"#, r#","c":"{\"k\":{\"n\":1}}""#);
}

#[test]
fn a_claim_that_cannot_be_read_refuses_the_token_only_where_one_is_added() {
    claims_of(r#""c":"x","deep":[[]],"bad":"\ud800""#, |claims| {
        let reason =
            |rules: ContextRules| rules.context(&claims, None).err().map(|error| error.reason());
        assert_eq!(reason(adding(&[])), None);
        assert_eq!(reason(adding(&["c"])), Some("malformed_token"));
        let path = || Some(ClaimPath::new("c"));
        let principal = ContextRules { principal: path(), ..adding(&[]) };
        assert_eq!(principal.principal(&claims).unwrap_err().reason(), "malformed_token");
        let usage = ContextRules { usage_key: path(), ..adding(&[]) };
        assert_eq!(usage.usage_key(&claims).unwrap_err().reason(), "malformed_token");
    });
}

#[test]
fn the_principal_is_the_claim_or_the_client_or_the_issuer() {
    #[track_caller]
    fn check(principal: Option<&str>, members: &str, expected: &str) {
        let rules = ContextRules { principal: principal.map(ClaimPath::new), ..adding(&[]) };
        claims_of(members, |claims| {
            assert_eq!(rules.principal(&claims).unwrap(), expected, "{members}");
        });
    }
    check(None, r#""sub":"s","client_id":"c""#, "s");
    check(None, r#""sub":"","client_id":"c""#, "c");
    check(None, r#""client_id":"c","azp":"z""#, "c");
    check(None, r#""azp":"z""#, "z");
    check(None, r#""client_id":"","azp":"""#, "i");
    check(None, "", "i");
    check(Some("email"), r#""sub":"s","email":"e""#, "e");
    check(Some("/a/0"), r#""sub":"s","a":["e"]"#, "e");
    check(Some("n"), r#""n":7"#, "7");
    check(Some("n"), r#""n":["a"]"#, r#"["a"]"#);
    for members in [
        r#""sub":"s","client_id":"c""#,
        r#""email":null,"client_id":"c""#,
        r#""email":"","client_id":"c""#,
    ] {
        check(Some("email"), members, "c");
    }
    check(Some("email"), r#""sub":"s""#, "i");
}

#[test]
fn the_usage_key_is_its_claim_or_nothing() {
    #[track_caller]
    fn check(usage_key: Option<&str>, members: &str, expected: Option<&str>) {
        let rules = ContextRules { usage_key: usage_key.map(ClaimPath::new), ..adding(&[]) };
        claims_of(members, |claims| {
            assert_eq!(rules.usage_key(&claims).unwrap().as_deref(), expected, "{members}");
        });
    }
    check(Some("key"), r#""key":"k""#, Some("k"));
    check(Some("/plan/key"), r#""plan":{"key":"k"}"#, Some("k"));
    check(Some("key"), r#""key":7"#, Some("7"));
    check(Some("key"), r#""key":null"#, None);
    check(Some("key"), "", None);
    check(None, r#""key":"k""#, None);
}
