//! Key sets with keys of many types, some of which no supported algorithm has.

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn p521() -> Value {
    let pair = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(66);
    json!({ "kid": "p521", "kty": "EC", "crv": "P-521", "x": encode(x), "y": encode(y) })
}

/// Returns keys that are not used, and the reason for each.
fn unusable() -> Vec<(Value, String)> {
    let okp = |curve: &str, length: usize| json!({ "kid": curve, "kty": "OKP", "crv": curve, "x": encode(&vec![9; length]) });
    // The form is that of RFC 9964, section 4.
    let ml_dsa = json!({
        "kid": "ml-dsa", "kty": "AKP", "alg": "ML-DSA-44", "use": "sig", "pub": encode(&[9; 1312]),
    });
    let k256 = json!({
        "kid": "k256", "kty": "EC", "crv": "secp256k1", "alg": "ES256K",
        "x": encode(&[9; 32]), "y": encode(&[9; 32]),
    });
    let other_algorithm = || OTHER_ALGORITHM.to_owned();
    vec![
        (ml_dsa, r#"its kty is "AKP", which is not a known key type"#.to_owned()),
        (p521(), other_algorithm()),
        (merged(p521(), json!({ "alg": "ES512", "use": "sig" })), other_algorithm()),
        (k256, incomplete("EC")),
        (okp("X25519", 32), incomplete("OKP")),
        (okp("Ed448", 57), incomplete("OKP")),
        (
            jwk("RS256", json!({ "kid": "enc", "use": "enc", "alg": "RSA-OAEP" })),
            OTHER_USE.to_owned(),
        ),
        (
            json!({ "kid": "hmac", "kty": "oct", "k": encode(&[9; 32]) }),
            "it is symmetric".to_owned(),
        ),
    ]
}

#[test]
fn skips_the_keys_of_each_other_type_and_uses_the_rest() {
    let unusable = unusable();
    for (key, reason) in &unusable {
        check_skipped(key, key["kid"].as_str().unwrap(), reason);
    }
    let usable = ["RS256", "ES256", "ES384", "EdDSA"];
    let mut keys: Vec<_> = usable.iter().map(|name| jwk(name, json!({ "kid": name }))).collect();
    keys.extend(unusable.iter().map(|(key, _)| key.clone()));
    for _ in 0..2 {
        let (set, skipped) = parse(&keys).unwrap();
        assert_eq!(skipped.len(), unusable.len());
        for kid in usable {
            for name in usable {
                assert_eq!(verifies(&set, Some(kid), name), kid == name, "{kid} {name}");
            }
        }
        for (key, _) in &unusable {
            let kid = key["kid"].as_str().unwrap();
            let selected =
                SUPPORTED_ALGORITHMS.iter().find_map(|row| set.select(Some(kid), row, None));
            assert_eq!(selected, None, "{kid}");
        }
        keys.reverse();
    }
}

/// [RFC 7517, appendix A.1](https://www.rfc-editor.org/rfc/rfc7517#appendix-A.1): a key for encryption,
/// and one for signatures.
#[test]
fn reads_the_key_set_of_rfc_7517() {
    let set = r#"{"keys":[
        {"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},
        {"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}
    ]}"#;
    let all = SUPPORTED_ALGORITHMS.each_ref();
    let (set, skipped) = KeySet::parse(set.as_bytes(), &issuer(), &all).unwrap();
    let skipped: Vec<_> = skipped.iter().map(ToString::to_string).collect();
    assert_eq!(skipped, [format!("1: {OTHER_USE}")]);
    assert_eq!(set.kids().collect::<Vec<_>>(), ["2011-04-29"]);
    assert!(set.select(Some("2011-04-29"), named("RS256"), None).is_some());
    for (kid, algorithm) in [("2011-04-29", "RS384"), ("1", "ES256")] {
        assert!(set.select(Some(kid), named(algorithm), None).is_none(), "{kid} {algorithm}");
    }
}
