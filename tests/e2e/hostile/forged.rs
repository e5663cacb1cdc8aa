//! Tokens that read well and that the issuer has not signed, or not with a key that it publishes.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{PublicKey, PublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::parties::{Attempt, Parties, attempt};
use crate::tokens::{claims_with, compact, good_token, signing_input, token_with};

impl Parties {
    /// Every attempt to pass for the issuer.
    pub(super) fn forged(&self) -> Vec<Attempt> {
        let groups = [
            self.unsigned(),
            self.keyed_with_what_is_public(),
            self.by_a_foreign_key(),
            self.with_a_foreign_signature(),
            self.by_kid(),
        ];
        groups.into_iter().flatten().collect()
    }

    /// [RFC 8725 §2.1](https://www.rfc-editor.org/rfc/rfc8725#section-2.1).
    fn unsigned(&self) -> Vec<Attempt> {
        let good = good_token(&self.issuer);
        let signature = URL_SAFE_NO_PAD.decode(good.rsplit_once('.').unwrap().1).unwrap();
        let mut attempts = Vec::new();
        for alg in ["none", "None", "NONE", "nOnE", "none ", " none", "", "null", "\u{0}none"] {
            for (how, signature) in [("without", &[][..]), ("with", &signature)] {
                let header = self.header(json!({ "alg": alg })).to_string();
                let token = compact(header.as_bytes(), &self.payload(), signature);
                let case = format!("alg {alg:?} {how} a signature");
                attempts.push(attempt(case, token, "unsupported_algorithm"));
            }
        }
        attempts
    }

    /// The classic: a public key taken for a shared secret.
    fn keyed_with_what_is_public(&self) -> Vec<Attempt> {
        let jwk = self.issuer.key().jwk();
        let parameter = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        let spki = PublicKeyComponents { n: parameter("n"), e: parameter("e") }.as_der().unwrap();
        let pkcs1 = PublicKey::from_der(spki.as_ref()).unwrap();
        let pem = |label: &str, der: &[u8]| {
            let base64 = STANDARD.encode(der);
            let lines = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap());
            let lines = lines.collect::<Vec<_>>().join("\n");
            format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
        };
        let spki_pem = pem("PUBLIC KEY", spki.as_ref());
        let secrets = [
            ("the SPKI as PEM", spki_pem.clone().into_bytes()),
            ("the SPKI as PEM without its last newline", spki_pem.trim_end().as_bytes().to_vec()),
            ("the SPKI as DER", spki.as_ref().to_vec()),
            ("the PKCS#1 key as PEM", pem("RSA PUBLIC KEY", pkcs1.as_ref()).into_bytes()),
            ("the PKCS#1 key as DER", pkcs1.as_ref().to_vec()),
            ("the JWK", jwk.to_string().into_bytes()),
            ("the modulus", parameter("n")),
            ("the modulus in base64", jwk["n"].as_str().unwrap().as_bytes().to_vec()),
            ("the kid", b"key-1".to_vec()),
            ("nothing", Vec::new()),
        ];
        let algorithms = [
            ("HS256", hmac::HMAC_SHA256),
            ("HS384", hmac::HMAC_SHA384),
            ("HS512", hmac::HMAC_SHA512),
        ];
        let mut attempts = Vec::new();
        for (alg, algorithm) in algorithms {
            for (what, secret) in &secrets {
                let header = self.header(json!({ "alg": alg })).to_string();
                let input = signing_input(header.as_bytes(), &self.payload());
                let tag = hmac::sign(&hmac::Key::new(algorithm, secret), input.as_bytes());
                let token = compact(header.as_bytes(), &self.payload(), tag.as_ref());
                attempts.push(attempt(
                    format!("{alg} keyed with {what}"),
                    token,
                    "unsupported_algorithm",
                ));
            }
        }
        attempts
    }

    /// A key that comes along with the token, or that the token says where to find.
    fn by_a_foreign_key(&self) -> Vec<Attempt> {
        let foreign = self.attacker.key();
        let (url, key_set) = (self.attacker.url(), self.attacker.key_set_url());
        let certificate = STANDARD.encode(foreign.jwk().to_string());
        let headers = [
            ("nothing else", json!({})),
            ("its key as jwk", json!({ "jwk": foreign.jwk() })),
            (
                "its key as jwk, without a kid in it",
                json!({ "jwk": { "kty": "RSA", "n": foreign.jwk()["n"], "e": "AQAB" } }),
            ),
            ("the URL of its key set as jku", json!({ "jku": key_set })),
            ("the URL of its key set as x5u", json!({ "x5u": key_set })),
            ("its certificate as x5c", json!({ "x5c": [certificate] })),
            (
                "all of them",
                json!({ "jwk": foreign.jwk(), "jku": key_set, "x5u": key_set, "x5c": [certificate], "x5t": "x", "iss": url }),
            ),
        ];
        let mut attempts = Vec::new();
        for (what, header) in headers {
            let mut header = self.header(header);
            for (kid, reason) in [
                (json!("key-1"), "invalid_signature"),
                (json!("attackers-key"), "unknown_key"),
                (json!(key_set), "unknown_key"),
            ] {
                let case = format!("the attacker's signature and {what}, under {kid}");
                header["kid"] = kid;
                attempts.push(attempt(case, foreign.sign(&header, &self.payload()), reason));
            }
            header.as_object_mut().unwrap().remove("kid").unwrap();
            let case = format!("the attacker's signature and {what}, without a kid");
            attempts.push(attempt(
                case,
                foreign.sign(&header, &self.payload()),
                "invalid_signature",
            ));
        }
        attempts.push(attempt(
            "the attacker's own token",
            good_token(&self.attacker),
            "unknown_issuer",
        ));
        for iss in [
            self.attacker.url().to_owned(),
            format!("{}/", self.issuer.url()),
            format!("{}@{}", self.issuer.url(), self.attacker.url()),
            self.issuer.url().to_uppercase(),
            self.issuer.url().replace("127.0.0.1", "localhost"),
            format!(" {}", self.issuer.url()),
            String::new(),
        ] {
            let token = token_with(&self.issuer, json!({ "iss": iss }));
            attempts.push(attempt(format!("iss {iss:?}"), token, "unknown_issuer"));
        }
        attempts
    }

    fn with_a_foreign_signature(&self) -> Vec<Attempt> {
        let good = good_token(&self.issuer);
        let (input, encoded) = good.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(encoded).unwrap();
        let signed = |signature: &[u8]| format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
        let other = token_with(&self.issuer, json!({ "sub": "bob" }));
        let (other_input, _) = other.rsplit_once('.').unwrap();
        let mut flipped = signature.clone();
        flipped[128] ^= 1;
        let reversed: Vec<u8> = signature.iter().rev().copied().collect();
        let swapped = {
            let admin = claims_with(&self.issuer, json!({ "sub": "admin" })).to_string();
            let (header, _) = input.split_once('.').unwrap();
            format!("{header}.{}.{encoded}", URL_SAFE_NO_PAD.encode(admin))
        };
        let cases = [
            ("no signature", signed(&[])),
            ("one byte of a signature", signed(&signature[..1])),
            ("a signature without its last byte", signed(&signature[..255])),
            ("a signature and one byte", signed(&[&signature[..], &[0]].concat())),
            ("a zero before the signature", signed(&[&[0], &signature[..]].concat())),
            ("a signature with one bit flipped", signed(&flipped)),
            ("a signature backwards", signed(&reversed)),
            ("zeros", signed(&[0; 256])),
            ("ones", signed(&[0xff; 256])),
            ("the signature of another token", format!("{other_input}.{encoded}")),
            ("another payload before the signature", swapped),
        ];
        cases.map(|(case, token)| attempt(case, token, "invalid_signature")).into()
    }

    /// All of them signed by the issuer's key, which is just not published under these names.
    fn by_kid(&self) -> Vec<Attempt> {
        let strings = [
            "",
            " ",
            "key-1 ",
            " key-1",
            "KEY-1",
            "key-1\0",
            "key-1\n",
            "key-1/../key-1",
            "%6bey-1",
            "../../../../../etc/passwd",
            "..\\..\\windows\\win.ini",
            "/dev/null",
            "file:///etc/passwd",
            "http://127.0.0.1:1/jwks.json",
            "' OR '1'='1",
            "key-1' UNION SELECT 'secret' --",
            "key-1\"; DROP TABLE keys; --",
            "$(touch pwned)",
            "${jndi:ldap://127.0.0.1/x}",
            "{{7*7}}",
            "*",
            "null",
            "[\"key-1\"]",
            "\u{1}\u{7f}\u{1b}[31m\r\n",
            "k\u{435}y-1",
            "key\u{2011}1",
            "\u{202e}1-yek",
            "🔑",
        ];
        let mut attempts: Vec<_> = strings
            .map(|kid| {
                attempt(
                    format!("kid {kid:?}"),
                    self.under_header(json!({ "kid": kid })),
                    "unknown_key",
                )
            })
            .into();
        let long = self.under_header(json!({ "kid": "k".repeat(4000) }));
        attempts.push(attempt("a kid of 4000 characters", long, "unknown_key"));
        for kid in [json!(null), json!(1), json!(true), json!(["key-1"]), json!({ "kid": "key-1" })]
        {
            let token = self.under_header(json!({ "kid": kid }));
            attempts.push(attempt(format!("kid {kid}"), token, "malformed_token"));
        }
        let token = self.under_raw_header(r#"{"alg":"RS256","kid":"\ud800"}"#);
        attempts.push(attempt("a kid that is no Unicode", token, "malformed_token"));
        attempts
    }
}
