mod mixed;

use serde_json::{Value, json};

use super::*;
use crate::issuer::Tenants;
use crate::jwt::testing::{KEYS, OTHER_KEYS, key_for};
use crate::jwt::{RawToken, SUPPORTED_ALGORITHMS, UnverifiedToken, testing, verify};

fn named(name: &str) -> &'static SignatureAlgorithm {
    SignatureAlgorithm::named(name).unwrap()
}

fn issuer() -> IssuerName {
    IssuerName::exact("https://issuer.example")
}

/// Returns a key for an algorithm as a JWK with these additional members.
fn jwk(algorithm: &str, members: Value) -> Value {
    merged(key_for(&KEYS, named(algorithm)).jwk(), members)
}

fn other_jwk(algorithm: &str, members: Value) -> Value {
    merged(key_for(&OTHER_KEYS, named(algorithm)).jwk(), members)
}

fn merged(mut jwk: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("{members}") };
    jwk.as_object_mut().unwrap().extend(members);
    jwk
}

fn without(mut jwk: Value, member: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(member).unwrap();
    jwk
}

fn parse_for(
    keys: &[Value],
    algorithms: &[&'static SignatureAlgorithm],
) -> Result<(KeySet, Vec<SkippedKey>), KeySetError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), &issuer(), algorithms)
}

fn parse(keys: &[Value]) -> Result<(KeySet, Vec<SkippedKey>), KeySetError> {
    parse_for(keys, &SUPPORTED_ALGORITHMS.each_ref())
}

/// Returns whether the selected keys verify a signature by the algorithm's test key.
fn verifies(set: &KeySet, kid: Option<&str>, algorithm: &str) -> bool {
    let row = named(algorithm);
    let Some(entry) = set.select(kid, row, None) else { return false };
    let header = format!(r#"{{"alg":"{algorithm}"}}"#);
    let message = testing::signing_input(&header, "{}");
    let signature = key_for(&KEYS, row).sign(row.name, message.as_bytes());
    let text = testing::token(&header, "{}", &signature);
    let decoded = RawToken::new(&text).decode().unwrap();
    verify(UnverifiedToken::read(&decoded).unwrap(), set.keys(entry)).is_ok()
}

/// Checks that a key is skipped for this reason, and that the keys before and after it are used.
#[track_caller]
fn check_skipped(bad: &Value, kid: &str, reason: &str) {
    let good = jwk("ES256", json!({ "kid": "good", "alg": "ES256" }));
    let also_good = jwk("RS256", json!({ "kid": "also good", "use": "sig", "alg": "RS256" }));
    let (set, skipped) = parse(&[good, bad.clone(), also_good]).unwrap();
    let skipped: Vec<_> = skipped.iter().map(ToString::to_string).collect();
    assert_eq!(skipped, [format!("{kid}: {reason}")], "{bad}");
    assert_eq!(set.kids().collect::<Vec<_>>(), ["good", "also good"]);
    assert!(verifies(&set, Some("good"), "ES256"));
    assert!(verifies(&set, Some("also good"), "RS256"));

    let alone = parse(std::slice::from_ref(bad)).unwrap_err();
    let kid = if kid == "key 2" { "key 1" } else { kid };
    assert_eq!(
        alone.to_string(),
        format!("none of the key set's 1 keys is usable: {kid}: {reason}")
    );
}

#[track_caller]
fn check_used(key: &Value) {
    let (set, skipped) = parse(std::slice::from_ref(key)).unwrap();
    assert_eq!(skipped, []);
    assert!(verifies(&set, Some("k"), "RS256"), "{key}");
}

const NOT_A_JWK: &str =
    "it is not a JWK: not a JSON object, or its kid, use, key_ops, alg or issuer has a wrong type";
const NO_KEY_TYPE: &str = "its kty is missing or not a string";
const OTHER_USE: &str = "its use or key_ops is not for verifying signatures";
const OTHER_ALGORITHM: &str = "its alg or its key type fits no allowed algorithm";
const INVALID: &str = "its parameters are not a valid key";

#[test]
fn skips_what_is_not_a_jwk() {
    check_used(&jwk("RS256", json!({ "kid": "k" })));
    for bad in [json!(null), json!(1), json!("x"), json!([])] {
        check_skipped(&bad, "key 2", NOT_A_JWK);
    }
    for bad in [json!({}), json!({ "x": 1 })] {
        check_skipped(&bad, "key 2", NO_KEY_TYPE);
    }
    for kid in [json!(1), json!(["k"]), json!(true), json!({})] {
        check_skipped(&jwk("RS256", json!({ "kid": kid })), "key 2", NOT_A_JWK);
    }
    for member in ["use", "alg"] {
        check_skipped(&jwk("RS256", json!({ "kid": "k", member: 1 })), "key 2", NOT_A_JWK);
    }
    for key_ops in [json!("verify"), json!([1]), json!({})] {
        check_skipped(&jwk("RS256", json!({ "kid": "k", "key_ops": key_ops })), "key 2", NOT_A_JWK);
    }
}

/// Returns the reason for a known key type with a parameter that cannot be used.
fn incomplete(kty: &str) -> String {
    let parameters = match kty {
        "RSA" => "n, e",
        "EC" => "crv, x, y",
        _ => "crv, x",
    };
    format!("its kty is {kty}, but one of its parameters {parameters} is missing or not supported")
}

#[test]
fn distinguishes_missing_unknown_and_known_key_types() {
    let with_kty = |kty: Value| jwk("RS256", json!({ "kid": "k", "kty": kty }));
    check_used(&with_kty(json!("RSA")));
    for kty in [json!(1), json!(null), json!(["RSA"])] {
        check_skipped(&with_kty(kty), "k", NO_KEY_TYPE);
    }
    check_skipped(&without(with_kty(json!("RSA")), "kty"), "k", NO_KEY_TYPE);
    for (kty, shown) in [
        ("XYZ", r#""XYZ""#),
        ("rsa", r#""rsa""#),
        ("", r#""""#),
        ("a\nb\u{202e}", r#""a\nb\u{202e}""#),
    ] {
        let reason = format!("its kty is {shown}, which is not a known key type");
        check_skipped(&with_kty(json!(kty)), "k", &reason);
    }
    check_skipped(&with_kty(json!("EC")), "k", &incomplete("EC"));
    check_skipped(&with_kty(json!("oct")), "k", "it is symmetric");
    for (algorithm, kty, members) in [
        ("RS256", "RSA", &["n", "e"][..]),
        ("ES256", "EC", &["crv", "x", "y"]),
        ("EdDSA", "OKP", &["crv", "x"]),
    ] {
        for member in members {
            let bad = jwk(algorithm, json!({ "kid": "k" }));
            check_skipped(&without(bad.clone(), member), "k", &incomplete(kty));
            for value in [json!(null), json!(7), json!(["AQAB"])] {
                let bad = merged(bad.clone(), json!({ *member: value }));
                check_skipped(&bad, "k", &incomplete(kty));
            }
        }
    }
    for curve in ["secp256k1", "p-256", "X25519", "Ed448"] {
        check_skipped(&jwk("ES256", json!({ "kid": "k", "crv": curve })), "k", &incomplete("EC"));
    }
}

#[test]
fn skips_keys_for_other_uses() {
    for members in [
        json!({ "use": "sig" }),
        json!({ "use": null }),
        json!({ "key_ops": null }),
        json!({ "key_ops": ["verify"] }),
        json!({ "key_ops": ["sign", "verify"], "use": "sig" }),
    ] {
        check_used(&jwk("RS256", merged(json!({ "kid": "k" }), members)));
    }
    for members in [
        json!({ "use": "enc" }),
        json!({ "use": "SIG" }),
        json!({ "use": "" }),
        json!({ "key_ops": ["encrypt"] }),
        json!({ "key_ops": ["sign"] }),
        json!({ "key_ops": [] }),
        json!({ "use": "enc", "key_ops": ["verify"] }),
        json!({ "use": "sig", "key_ops": ["wrapKey"] }),
    ] {
        check_skipped(&jwk("RS256", merged(json!({ "kid": "k" }), members)), "k", OTHER_USE);
    }
}

#[test]
fn skips_symmetric_keys() {
    for members in [json!({}), json!({ "alg": "HS256" }), json!({ "use": "sig" })] {
        let bad = merged(json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "k" }), members);
        check_skipped(&bad, "k", "it is symmetric");
    }
}

#[test]
fn skips_keys_for_algorithms_that_are_not_allowed() {
    for alg in ["HS256", "none", "RSA-OAEP", "rs256", "ES256", "EdDSA", "Ed25519", ""] {
        check_skipped(&jwk("RS256", json!({ "kid": "k", "alg": alg })), "k", OTHER_ALGORITHM);
    }
    check_skipped(&jwk("ES256", json!({ "kid": "k", "alg": "ES384" })), "k", OTHER_ALGORITHM);
    check_skipped(&jwk("ES256", json!({ "kid": "k", "crv": "P-521" })), "k", OTHER_ALGORITHM);
    for alg in ["ed25519", "Ed448", "eddsa"] {
        check_skipped(&jwk("EdDSA", json!({ "kid": "k", "alg": alg })), "k", OTHER_ALGORITHM);
    }
    let keys = [jwk("RS256", json!({ "kid": "rsa" })), jwk("ES256", json!({ "kid": "ec" }))];
    let (set, skipped) = parse_for(&keys, &[named("RS256")]).unwrap();
    assert_eq!(set.kids().collect::<Vec<_>>(), ["rsa"]);
    let kid = Excerpt::from("ec");
    assert_eq!(skipped, [SkippedKey { kid, reason: SkipReason::OtherAlgorithm }]);
    let keys = [jwk("RS256", json!({ "kid": "rsa", "alg": "RS384" }))];
    assert!(parse_for(&keys, &[named("RS384")]).is_ok());
    assert!(parse_for(&keys, &[named("RS256")]).is_err());
}

#[test]
fn skips_keys_with_unfit_parameters() {
    let rsa = |members: Value| jwk("RS256", merged(json!({ "kid": "k" }), members));
    let n = rsa(json!({}))["n"].as_str().unwrap().to_owned();
    // 171 characters are 128 bytes. The first byte of a modulus is never zero.
    let weak = rsa(json!({ "n": format!("{}E", &n[..170]) }));
    check_skipped(&weak, "k", "its modulus has 1024 bits, at least 2048 are needed");
    check_skipped(&rsa(json!({ "n": &n[..341] })), "k", INVALID);
    check_skipped(&rsa(json!({ "n": format!("{n}==") })), "k", INVALID);
    check_skipped(
        &rsa(json!({ "n": "" })),
        "k",
        "its modulus has 0 bits, at least 2048 are needed",
    );
    check_skipped(&rsa(json!({ "e": "" })), "k", INVALID);
    check_skipped(&rsa(json!({ "e": "AQAB=" })), "k", INVALID);
    for (algorithm, member) in [("ES256", "x"), ("ES384", "y"), ("EdDSA", "x")] {
        for value in ["", "AQAB", "é", "AQ=="] {
            check_skipped(&jwk(algorithm, json!({ "kid": "k", member: value })), "k", INVALID);
        }
    }
    // With or without `alg`, the key is unusable.
    check_skipped(
        &rsa(json!({ "n": "AQAB", "alg": "RS256" })),
        "k",
        "its modulus has 17 bits, at least 2048 are needed",
    );
}

#[test]
fn uses_a_key_with_any_other_members() {
    for members in [
        json!({ "x5c": "not a list", "x5t": 1, "x5u": null }),
        json!({ "use": null, "key_ops": null, "alg": null }),
        json!({ "alg": "RS256", "cloud_instance_name": { "deep": [[[]]] }, "ext": true }),
        json!({ "nbf": 1, "exp": "x" }),
    ] {
        check_used(&jwk("RS256", merged(json!({ "kid": "k" }), members)));
    }
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let good = jwk("ES256", json!({ "kid": "good" })).to_string();
    let set = format!(r#"{{"keys":[{deep},{{"x":{deep}}},{good}]}}"#);
    let (set, skipped) = KeySet::parse(set.as_bytes(), &issuer(), &[named("ES256")]).unwrap();
    assert_eq!((set.kids().count(), skipped.len()), (1, 2));
}

#[test]
fn names_a_skipped_key_without_kid_by_its_position() {
    let enc = json!({ "kid": null, "use": "enc" });
    check_skipped(&jwk("RS256", enc), "key 2", OTHER_USE);
    let long = "k".repeat(500);
    let shortened = format!("{}…", "k".repeat(128));
    check_skipped(&jwk("RS256", json!({ "kid": long, "use": "enc" })), &shortened, OTHER_USE);
}

#[test]
fn refuses_what_is_not_a_key_set() {
    for text in [
        "",
        "null",
        "[]",
        "1",
        r#""x""#,
        "{}",
        "<html>",
        "{",
        r#"{"keys":null}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":"x"}"#,
        r#"{"Keys":[]}"#,
        r#"{"keys":[]}x"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"[[]]"#,
    ] {
        let error = KeySet::parse(text.as_bytes(), &issuer(), &[named("RS256")]).unwrap_err();
        assert_eq!(error, KeySetError::NotAKeySet, "{text}");
    }
    assert_eq!(
        KeySet::parse(b"\xff", &issuer(), &[named("RS256")]).unwrap_err(),
        KeySetError::NotAKeySet
    );
    let good = jwk("RS256", json!({ "kid": "k" })).to_string();
    for text in [
        format!(r#" {{ "keys" : [ {good} ] }} "#),
        format!(r#"{{"x":[1],"keys":[{good}],"x":{{}}}}"#),
        format!(r#"{{"k\u0065ys":[{good}]}}"#),
    ] {
        KeySet::parse(text.as_bytes(), &issuer(), &[named("RS256")]).unwrap();
    }
}

#[test]
fn refuses_a_set_without_a_usable_key() {
    let empty = parse(&[]).unwrap_err();
    assert_eq!(empty, KeySetError::Empty);
    let key = |place: usize| jwk("RS256", json!({ "kid": format!("k{place}"), "use": "enc" }));
    let keys: Vec<_> = (0..12).map(key).collect();
    let message = parse(&keys).unwrap_err().to_string();
    assert!(message.starts_with("none of the key set's 12 keys is usable: k0: its use or key_ops"));
    assert!(message.contains("; k9: ") && !message.contains("k10"), "{message}");
    assert!(message.ends_with("; and 2 more"), "{message}");
    assert!(parse_for(&[jwk("RS256", json!({ "kid": "k" }))], &[]).is_err());
}

#[test]
fn prepares_a_key_without_alg_for_every_allowed_algorithm_of_its_type() {
    let (set, skipped) = parse(&[jwk("RS256", json!({ "kid": "k" }))]).unwrap();
    assert_eq!(skipped, []);
    for row in &SUPPORTED_ALGORITHMS {
        let is_rsa = row.name.starts_with("RS") || row.name.starts_with("PS");
        assert_eq!(verifies(&set, Some("k"), row.name), is_rsa, "{}", row.name);
    }
    let (set, _) = parse(&[jwk("RS256", json!({ "kid": "k", "alg": "PS256" }))]).unwrap();
    assert!(verifies(&set, Some("k"), "PS256"));
    assert!(set.select(Some("k"), named("RS256"), None).is_none());
    let allowed = [named("RS512"), named("ES256")];
    let (set, _) = parse_for(&[jwk("RS256", json!({ "kid": "k" }))], &allowed).unwrap();
    assert!(verifies(&set, Some("k"), "RS512"));
    assert!(set.select(Some("k"), named("RS256"), None).is_none());
}

#[test]
fn selects_by_kid_and_algorithm() {
    let keys = [
        other_jwk("ES256", json!({ "kid": "other" })),
        jwk("ES256", json!({ "kid": "k" })),
        jwk("RS256", json!({ "kid": "k", "alg": "RS256" })),
        other_jwk("ES384", json!({})),
    ];
    let (set, _) = parse(&keys).unwrap();
    assert!(verifies(&set, Some("k"), "ES256"));
    assert!(verifies(&set, Some("k"), "RS256"));
    assert!(set.select(Some("other"), named("ES256"), None).is_some());
    assert!(!verifies(&set, Some("other"), "ES256"));
    for (kid, algorithm) in
        [("other", "RS256"), ("K", "ES256"), ("", "ES256"), ("k", "ES384"), ("(no kid)", "ES384")]
    {
        assert!(set.select(Some(kid), named(algorithm), None).is_none(), "{kid} {algorithm}");
    }
    assert_eq!(set.kids().collect::<Vec<_>>(), ["other", "k", "(no kid)"]);
}

#[test]
fn lists_each_kid_once() {
    let keys = [
        jwk("RS256", json!({ "kid": "rsa" })),
        jwk("ES256", json!({ "kid": "ec" })),
        other_jwk("RS256", json!({ "kid": "rsa" })),
        jwk("RS256", json!({})),
        jwk("ES384", json!({})),
    ];
    let (set, _) = parse(&keys).unwrap();
    assert_eq!(set.kids().collect::<Vec<_>>(), ["rsa", "ec", "(no kid)"]);
}

#[test]
fn uses_an_ed25519_key_for_both_names_of_its_algorithm() {
    for alg in [json!("EdDSA"), json!("Ed25519"), json!(null)] {
        let (set, skipped) = parse(&[jwk("EdDSA", json!({ "kid": "k", "alg": alg }))]).unwrap();
        assert_eq!(skipped, []);
        for named in ["EdDSA", "Ed25519"] {
            assert!(verifies(&set, Some("k"), named), "{alg} {named}");
        }
    }
    check_skipped(&jwk("EdDSA", json!({ "kid": "k", "crv": "Ed448" })), "k", &incomplete("OKP"));
}

#[test]
fn tries_every_key_with_the_same_kid() {
    let (other, ours) =
        (other_jwk("ES256", json!({ "kid": "k" })), jwk("ES256", json!({ "kid": "k" })));
    for keys in [[other.clone(), ours.clone()], [ours.clone(), other]] {
        let (set, _) = parse(&keys).unwrap();
        let entry = set.select(Some("k"), named("ES256"), None).unwrap();
        assert_eq!(set.keys(entry).len(), 2);
        assert!(verifies(&set, Some("k"), "ES256"));
    }
    let (set, _) = parse(&[ours]).unwrap();
    assert_eq!(set.keys(set.select(Some("k"), named("ES256"), None).unwrap()).len(), 1);
}

#[test]
fn selects_without_a_kid_if_exactly_one_key_fits() {
    let (ours, rsa) = (jwk("ES256", json!({ "kid": "a" })), jwk("RS256", json!({ "kid": "b" })));
    let (set, _) = parse(&[ours.clone(), rsa]).unwrap();
    assert!(verifies(&set, None, "ES256"));
    assert!(verifies(&set, None, "RS256"));
    assert!(set.select(None, named("ES384"), None).is_none());
    for second in [json!({ "kid": "c" }), json!({})] {
        let (set, _) = parse(&[ours.clone(), other_jwk("ES256", second)]).unwrap();
        assert!(set.select(None, named("ES256"), None).is_none());
        assert!(verifies(&set, Some("a"), "ES256"));
    }
    // A skipped key does not count.
    let (set, _) = parse(&[ours, other_jwk("ES256", json!({ "use": "enc" }))]).unwrap();
    assert!(verifies(&set, None, "ES256"));

    let (set, _) = parse(&[jwk("ES256", json!({}))]).unwrap();
    assert!(verifies(&set, None, "ES256"));
    assert!(set.select(Some("k"), named("ES256"), None).is_none());
    let (set, _) = parse(&[jwk("ES256", json!({})), other_jwk("ES256", json!({}))]).unwrap();
    assert!(set.select(None, named("ES256"), None).is_none());
}

#[test]
fn an_index_without_an_entry_has_no_keys() {
    let (set, _) = parse(&[jwk("ES256", json!({ "kid": "k" }))]).unwrap();
    assert!(set.keys(1).is_empty());
}

/// Checks which keys are used and which are skipped, by the `issuer` member of each. The `kid` of a key
/// is that member.
#[track_caller]
fn check_issuers(issuer: &IssuerName, used: &[&str], skipped: &[&str]) {
    let with = |issuer: &&str| jwk("RS256", json!({ "kid": issuer, "issuer": issuer }));
    let without = jwk("RS256", json!({ "kid": "no issuer" }));
    let keys: Vec<_> = used.iter().chain(skipped).map(with).chain([without]).collect();
    let json = json!({ "keys": keys }).to_string();
    let (set, reported) = KeySet::parse(json.as_bytes(), issuer, &[named("RS256")]).unwrap();
    let kids: Vec<_> = set.kids().collect();
    assert_eq!(kids, [used, &["no issuer"]].concat());
    let reported: Vec<_> = reported.iter().map(ToString::to_string).collect();
    let reason =
        |kid: &&str| format!("{kid}: its issuer is {kid:?}, which is not the configured issuer");
    assert_eq!(reported, skipped.iter().map(reason).collect::<Vec<_>>());
}

#[test]
fn skips_the_keys_of_another_issuer() {
    check_issuers(
        &IssuerName::exact("https://login.example/a/v2.0"),
        &["https://login.example/a/v2.0", "https://login.example/{tenantid}/v2.0"],
        &["https://login.example/b/v2.0", "https://login.example/{tenantid}/v1.0", ""],
    );
    check_issuers(
        &IssuerName::template("https://login.example/{tenant}/v2.0", Tenants::Any).unwrap(),
        &["https://login.example/a/v2.0", "https://login.example/{tenantid}/v2.0"],
        &["https://login.example/a/v1.0", "https://login.example/{tenant}/v2.0", ""],
    );
    for issuer in [json!(null), json!(1), json!(["https://issuer.example"]), json!({})] {
        check_skipped(&jwk("RS256", json!({ "kid": "k", "issuer": issuer })), "key 2", NOT_A_JWK);
    }
    check_used(&jwk("RS256", json!({ "kid": "k", "issuer": "https://issuer.example" })));
    check_skipped(
        &jwk("RS256", json!({ "kid": "k", "issuer": "https://issuer.example/" })),
        "k",
        "its issuer is \"https://issuer.example/\", which is not the configured issuer",
    );
}

#[test]
fn selects_a_key_for_one_tenant_for_this_tenant_only() {
    let issuer = IssuerName::template("https://login.example/{tenant}/v2.0", Tenants::Any).unwrap();
    let key = |kid: &str, tenant: &str| {
        let of_key = format!("https://login.example/{tenant}/v2.0");
        jwk("RS256", json!({ "kid": kid, "issuer": of_key }))
    };
    let keys = [key("every", "{tenantid}"), key("a", "a"), key("shared", "a"), key("shared", "b")];
    let json = json!({ "keys": keys }).to_string();
    let (set, _) = KeySet::parse(json.as_bytes(), &issuer, &[named("RS256")]).unwrap();
    let select = |kid: &str, tenant: &str| set.select(Some(kid), named("RS256"), Some(tenant));
    assert_eq!((select("every", "a"), select("every", "b")), (Some(0), Some(0)));
    assert_eq!((select("a", "a"), select("a", "b"), select("a", "A")), (Some(1), None, None));
    assert_eq!((select("shared", "a"), select("shared", "b")), (Some(2), Some(3)));
    assert_eq!(select("shared", "c"), None);
    // Without a kid, a key must be the only one for the tenant.
    let without_kid = |tenant: &str| set.select(None, named("RS256"), Some(tenant));
    assert_eq!((without_kid("a"), without_kid("b"), without_kid("c")), (None, None, Some(0)));
}
