mod rfc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::jwt::testing::{KEYS, OTHER_KEYS, SigningKey, key_for, signing_input};
use crate::jwt::{RawToken, SUPPORTED_ALGORITHMS};

const PAYLOAD: &str = r#"{"sub":"alice"}"#;

fn prepare(
    jwk: &Value,
    algorithm: &'static SignatureAlgorithm,
) -> Result<PublicKey, PublicKeyError> {
    PublicKey::prepare(&serde_json::from_value(jwk.clone()).unwrap(), algorithm)
}

fn public(key: &SigningKey, algorithm: &'static SignatureAlgorithm) -> PublicKey {
    prepare(&key.jwk(), algorithm).unwrap()
}

fn header(algorithm: &str) -> String {
    format!(r#"{{"alg":"{algorithm}"}}"#)
}

/// Takes a token with this signature through all stages up to the verified token.
fn is_verified(algorithm: &str, payload: &str, signature: &[u8], keys: &[PublicKey]) -> bool {
    let text = crate::jwt::testing::token(&header(algorithm), payload, signature);
    let decoded = RawToken::new(&text).decode().unwrap();
    let token = UnverifiedToken::read(&decoded).unwrap();
    match verify(token, keys) {
        Ok(_) => true,
        Err(Error::InvalidSignature { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn bytes(jwk: &Value, parameter: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(jwk[parameter].as_str().unwrap()).unwrap()
}

fn with(mut jwk: Value, parameter: &str, value: &str) -> Value {
    jwk[parameter] = json!(value);
    jwk
}

fn named(name: &str) -> &'static SignatureAlgorithm {
    SignatureAlgorithm::named(name).unwrap()
}

fn jwk_for(name: &str) -> Value {
    key_for(&KEYS, named(name)).jwk()
}

#[test]
fn accepts_the_keys_own_signature_and_no_changed_one_by_every_algorithm() {
    for row in &SUPPORTED_ALGORITHMS {
        let key = key_for(&KEYS, row);
        let message = signing_input(&header(row.name), PAYLOAD);
        let verifying = [public(key, row)];
        let signature = key.sign(row.name, message.as_bytes());
        assert!(is_verified(row.name, PAYLOAD, &signature, &verifying), "{}", row.name);

        assert!(
            !is_verified(row.name, r#"{"sub":"alicf"}"#, &signature, &verifying),
            "{}",
            row.name
        );
        let (last, middle) = (signature.len() - 1, signature.len() / 2);
        for (place, bit) in [(0, 0x80), (0, 1), (middle, 0x10), (last, 0x80), (last, 1)] {
            let mut flipped = signature.clone();
            flipped[place] ^= bit;
            assert!(
                !is_verified(row.name, PAYLOAD, &flipped, &verifying),
                "{} byte {place}",
                row.name
            );
        }
        for resized in [&signature[..last], &signature[1..], &[], &[&signature[..], &[0]].concat()]
        {
            assert!(!is_verified(row.name, PAYLOAD, resized, &verifying), "{}", row.name);
        }
        let zeros = vec![0; signature.len()];
        assert!(!is_verified(row.name, PAYLOAD, &zeros, &verifying), "{}", row.name);
    }
}

#[test]
fn refuses_another_keys_signature() {
    for row in &SUPPORTED_ALGORITHMS {
        let message = signing_input(&header(row.name), PAYLOAD);
        let (ours, theirs) = (key_for(&KEYS, row), key_for(&OTHER_KEYS, row));
        let signature = theirs.sign(row.name, message.as_bytes());
        assert!(is_verified(row.name, PAYLOAD, &signature, &[public(theirs, row)]), "{}", row.name);
        assert!(!is_verified(row.name, PAYLOAD, &signature, &[public(ours, row)]), "{}", row.name);
    }
}

#[test]
fn refuses_the_same_keys_signature_by_another_algorithm() {
    let rsa = key_for(&KEYS, named("RS256"));
    let of_rsa = || SUPPORTED_ALGORITHMS.iter().filter(|row| rsa.fits(row.name));
    for named_by_token in of_rsa() {
        let message = signing_input(&header(named_by_token.name), PAYLOAD);
        for (signing, verifying) in of_rsa().flat_map(|row| of_rsa().map(move |other| (row, other)))
        {
            let signature = rsa.sign(signing.name, message.as_bytes());
            assert_eq!(
                is_verified(named_by_token.name, PAYLOAD, &signature, &[public(rsa, verifying)]),
                signing == verifying && signing == named_by_token,
                "a token with {} signed by {}, with a key for {}",
                named_by_token.name,
                signing.name,
                verifying.name
            );
        }
    }
}

#[test]
fn refuses_an_ecdsa_signature_in_asn_1() {
    // RFC 7518 §3.4: R and S stand beside each other, in the full size of each.
    let message = signing_input(&header("ES256"), PAYLOAD);
    let SigningKey::P256(pair) = key_for(&KEYS, named("ES256")) else { panic!("no P-256 key") };
    let pkcs8 = pair.to_pkcs8v1().unwrap();
    let same = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
    let random = aws_lc_rs::rand::SystemRandom::new();
    let verifying = [prepare(&jwk_for("ES256"), named("ES256")).unwrap()];
    let fixed = pair.sign(&random, message.as_bytes()).unwrap();
    assert!(is_verified("ES256", PAYLOAD, fixed.as_ref(), &verifying));
    let asn_1 = same.sign(&random, message.as_bytes()).unwrap();
    assert!(!is_verified("ES256", PAYLOAD, asn_1.as_ref(), &verifying));
}

#[test]
fn accepts_a_signature_by_any_of_several_keys_and_none_without_a_key() {
    let row = named("ES256");
    let (first, second) = (key_for(&OTHER_KEYS, row), key_for(&KEYS, row));
    let signature = second.sign(row.name, signing_input(&header(row.name), PAYLOAD).as_bytes());
    assert!(is_verified(row.name, PAYLOAD, &signature, &[public(first, row), public(second, row)]));
    assert!(is_verified(row.name, PAYLOAD, &signature, &[public(second, row), public(first, row)]));
    assert!(!is_verified(row.name, PAYLOAD, &signature, &[public(first, row)]));
    assert!(!is_verified(row.name, PAYLOAD, &signature, &[]));
}

#[test]
fn prepares_a_key_for_the_algorithms_of_its_type_only() {
    for key in &*KEYS {
        for row in &SUPPORTED_ALGORITHMS {
            let expected =
                if key.fits(row.name) { Ok(()) } else { Err(PublicKeyError::OtherKeyType) };
            let outcome = prepare(&key.jwk(), row).map(drop);
            assert_eq!(outcome, expected, "{} for {}", key.jwk()["kty"], row.name);
        }
    }
}

#[track_caller]
fn check(jwk: &Value, algorithm: &str, expected: Result<(), PublicKeyError>) {
    assert_eq!(prepare(jwk, named(algorithm)).map(drop), expected, "{jwk}");
}

#[test]
fn refuses_an_rsa_modulus_under_2048_bits() {
    let rsa = jwk_for("RS256");
    let n = bytes(&rsa, "n");
    assert_eq!((n.len(), n[0] >> 7), (256, 1));
    check(&rsa, "RS256", Ok(()));
    for (modulus, bits) in [
        (&n[128..], None),
        (&n[1..], None),
        (&[&[n[0] & 0x7f | 0x40], &n[1..]].concat()[..], Some(2047)),
        (&[], Some(0)),
        (&[0; 300], Some(0)),
    ] {
        let outcome = prepare(&with(rsa.clone(), "n", &encode(modulus)), named("RS256"));
        let Err(PublicKeyError::WeakRsa(found)) = outcome else { panic!("{outcome:?}") };
        assert!(found < 2048);
        assert!(bits.is_none_or(|bits| bits == found), "{found}");
    }
}

#[test]
fn takes_rsa_parameters_with_leading_zeros() {
    let row = named("RS256");
    let key = key_for(&KEYS, row);
    let jwk = key.jwk();
    let (n, e) = (bytes(&jwk, "n"), bytes(&jwk, "e"));
    let padded = with(jwk, "n", &encode(&[&[0], &n[..]].concat()));
    let padded = with(padded, "e", &encode(&[&[0, 0], &e[..]].concat()));
    let signature = key.sign(row.name, signing_input(&header(row.name), PAYLOAD).as_bytes());
    assert!(is_verified(row.name, PAYLOAD, &signature, &[prepare(&padded, row).unwrap()]));
    // A zero in front does not make a weak key strong.
    let weak = with(key.jwk(), "n", &encode(&[&[0; 128], &n[128..]].concat()));
    assert!(matches!(prepare(&weak, row), Err(PublicKeyError::WeakRsa(_))));
}

#[test]
fn refuses_rsa_parameters_with_which_nothing_ever_verifies() {
    let rsa = jwk_for("RS256");
    let n = bytes(&rsa, "n");
    check(&with(rsa.clone(), "e", &encode(&[1, 0, 1])), "RS256", Ok(()));
    check(&with(rsa.clone(), "e", &encode(&[3])), "PS256", Ok(()));
    for exponent in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[0, 1]] {
        let jwk = with(rsa.clone(), "e", &encode(exponent));
        check(&jwk, "RS256", Err(PublicKeyError::Invalid));
    }
    let even = [&n[..255], &[n[255] & 0xfe]].concat();
    check(&with(rsa.clone(), "n", &encode(&even)), "RS256", Err(PublicKeyError::Invalid));
    let of_8192_bits = [&[0x80][..], &[0; 1022], &[1]].concat();
    check(&with(rsa.clone(), "n", &encode(&of_8192_bits)), "RS256", Ok(()));
    let of_8193_bits = [&[1][..], &[0; 1023], &[1]].concat();
    check(&with(rsa, "n", &encode(&of_8193_bits)), "RS256", Err(PublicKeyError::Invalid));
}

#[test]
fn refuses_parameters_that_are_not_base64url() {
    for (algorithm, parameters) in [
        ("RS256", &["n", "e"][..]),
        ("ES256", &["x", "y"]),
        ("ES384", &["x", "y"]),
        ("EdDSA", &["x"]),
    ] {
        let jwk = jwk_for(algorithm);
        check(&jwk, algorithm, Ok(()));
        for parameter in parameters {
            let text = jwk[parameter].as_str().unwrap();
            for wrong in
                [format!("{text}="), format!("{text} "), format!("+{text}"), format!("é{text}")]
            {
                let jwk = with(jwk.clone(), parameter, &wrong);
                check(&jwk, algorithm, Err(PublicKeyError::Invalid));
            }
        }
    }
}

#[test]
fn refuses_coordinates_of_another_length_or_off_the_curve() {
    for algorithm in ["ES256", "ES384"] {
        let jwk = jwk_for(algorithm);
        check(&jwk, algorithm, Ok(()));
        for parameter in ["x", "y"] {
            let coordinate = bytes(&jwk, parameter);
            let mut off_the_curve = coordinate.clone();
            off_the_curve[10] ^= 1;
            for wrong in [
                &[][..],
                &coordinate[1..],
                &coordinate[..coordinate.len() - 1],
                &[&[0], &coordinate[..]].concat(),
                &[&coordinate[..], &[0]].concat(),
                &off_the_curve,
                &vec![0xff; coordinate.len()],
            ] {
                let jwk = with(jwk.clone(), parameter, &encode(wrong));
                check(&jwk, algorithm, Err(PublicKeyError::Invalid));
            }
        }
    }
}

#[test]
fn refuses_coordinates_that_are_cut_elsewhere() {
    for algorithm in ["ES256", "ES384"] {
        let jwk = jwk_for(algorithm);
        let (x, y) = (bytes(&jwk, "x"), bytes(&jwk, "y"));
        let point = [&x[..], &y].concat();
        for cut in [0, x.len() - 1, x.len() + 1, point.len()] {
            let (x, y) = point.split_at(cut);
            let jwk = with(with(jwk.clone(), "x", &encode(x)), "y", &encode(y));
            check(&jwk, algorithm, Err(PublicKeyError::Invalid));
        }
    }
}

#[test]
fn refuses_another_curve() {
    let (p256, p384, ed25519) = (jwk_for("ES256"), jwk_for("ES384"), jwk_for("EdDSA"));
    check(&with(p384.clone(), "crv", "P-256"), "ES256", Err(PublicKeyError::Invalid));
    check(&with(p256.clone(), "crv", "P-384"), "ES384", Err(PublicKeyError::Invalid));
    check(&with(p256.clone(), "crv", "P-384"), "ES256", Err(PublicKeyError::OtherKeyType));
    check(&with(p256.clone(), "crv", "P-521"), "ES256", Err(PublicKeyError::OtherKeyType));
    check(&with(p256, "crv", "Ed25519"), "ES256", Err(PublicKeyError::OtherKeyType));
    check(&with(ed25519, "crv", "P-256"), "EdDSA", Err(PublicKeyError::OtherKeyType));
}

#[test]
fn refuses_an_ed25519_key_of_another_length() {
    let jwk = jwk_for("EdDSA");
    let x = bytes(&jwk, "x");
    for wrong in [&[][..], &x[1..], &[&x[..], &[0]].concat(), &[&[0], &x[..]].concat()] {
        check(&with(jwk.clone(), "x", &encode(wrong)), "EdDSA", Err(PublicKeyError::Invalid));
    }
    check(&jwk, "EdDSA", Ok(()));
}
