//! The signed examples of the RFCs that have a public key and a supported algorithm.

use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::issuer::IssuerName;
use crate::jwt::{Audience, ClaimRules, Claims, TokenBinding};

/// The claims set of RFC 7515, appendix A, with `iss` "joe" and `exp` 1300819380.
const JOE: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
/// The text of RFC 7520, section 4.
const FRODO: &str = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
/// The key of RFC 7520, section 3.3.
const BILBO: &str = r#"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#;

struct Example {
    source: &'static str,
    algorithm: &'static str,
    jwk: &'static str,
    header: &'static str,
    payload: &'static str,
    signature: &'static str,
}

const EXAMPLES: [Example; 5] = [
    Example {
        source: "RFC 7515 A.2",
        algorithm: "RS256",
        jwk: r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
        header: "eyJhbGciOiJSUzI1NiJ9",
        payload: JOE,
        signature: "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    },
    Example {
        source: "RFC 7515 A.3",
        algorithm: "ES256",
        jwk: r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        header: "eyJhbGciOiJFUzI1NiJ9",
        payload: JOE,
        signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    },
    Example {
        source: "RFC 7520 4.1",
        algorithm: "RS256",
        jwk: BILBO,
        header: "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        payload: FRODO,
        signature: "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
    },
    Example {
        source: "RFC 7520 4.2",
        algorithm: "PS384",
        jwk: BILBO,
        header: "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        payload: FRODO,
        signature: "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
    },
    Example {
        source: "RFC 8037 A.4",
        algorithm: "EdDSA",
        jwk: r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        header: "eyJhbGciOiJFZERTQSJ9",
        payload: "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    },
];

impl Example {
    fn key(&self) -> PublicKey {
        let jwk = serde_json::from_str(self.jwk).unwrap();
        PublicKey::prepare(&jwk, named(self.algorithm)).unwrap()
    }

    /// Takes the example through every stage, at a time, with rules that accept "joe".
    fn outcome(&self, signature: &[u8], now: u64) -> &'static str {
        let text = format!("{}.{}.{}", self.header, self.payload, encode(signature));
        let decoded = RawToken::new(&text).decode().unwrap();
        let rules = ClaimRules {
            issuer: IssuerName::exact("joe"),
            audience: Audience::Unchecked,
            client_ids: Vec::new(),
            token_types: Vec::new(),
            token_use: None,
            token_binding: TokenBinding::AsIssued,
            required_claims: Vec::new(),
            max_age: None,
            leeway: Duration::ZERO,
        };
        let now = UNIX_EPOCH + Duration::from_secs(now);
        let outcome = UnverifiedToken::read(&decoded)
            .and_then(|token| verify(token, &[self.key()]))
            .and_then(|token| Claims::check(token, &rules, now, || unreachable!("not bound")));
        outcome.map_or_else(|error| error.reason(), |_| "accepted")
    }
}

#[test]
fn verifies_each_signature_and_none_with_one_bit_flipped() {
    for example in &EXAMPLES {
        let input = format!("{}.{}", example.header, example.payload);
        let signature = URL_SAFE_NO_PAD.decode(example.signature).unwrap();
        let key = example.key();
        let verifies =
            |input: &[u8], signature: &[u8]| key.parsed.verify_sig(input, signature).is_ok();
        let source = example.source;
        assert!(verifies(input.as_bytes(), &signature), "{source}");
        for place in 0..signature.len() {
            assert!(!verifies(input.as_bytes(), &flipped(&signature, place)), "{source} {place}");
        }
        for place in 0..input.len() {
            assert!(!verifies(&flipped(input.as_bytes(), place), &signature), "{source} {place}");
        }
    }
}

fn flipped(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[place] ^= 1 << (place % 8);
    flipped
}

#[test]
fn judges_the_examples_as_tokens() {
    for example in &EXAMPLES {
        let signature = URL_SAFE_NO_PAD.decode(example.signature).unwrap();
        let wrong = flipped(&signature, 0);
        // Claims sets get past the signature, and then only the time decides. The other payloads are
        // no claims sets.
        let (before, at_expiry, forged) = if example.payload == JOE {
            ("accepted", "expired", "invalid_signature")
        } else {
            ("malformed_token", "malformed_token", "malformed_token")
        };
        let cases = [
            (&signature, 1_300_819_379, before),
            (&signature, 1_300_819_380, at_expiry),
            (&wrong, 1_300_819_379, forged),
        ];
        for (signature, now, expected) in cases {
            assert_eq!(example.outcome(signature, now), expected, "{} at {now}", example.source);
        }
    }
}
