//! Tokens that the issuer has signed, and that are wrong in another way.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use local_gateway::issuer::{AUDIENCE, now_seconds};
use serde_json::json;

use super::parties::{Attempt, Parties, attempt};
use crate::tokens::{claims_with, claims_without, good_token, token_of_length, token_with};

impl Parties {
    /// Every attempt to confuse whoever reads a token.
    pub(super) fn broken(&self) -> Vec<Attempt> {
        let groups = [
            self.by_header(),
            self.by_claim(),
            self.twice(),
            self.by_payload(),
            self.by_encoding(),
            self.by_shape(),
        ];
        groups.into_iter().flatten().collect()
    }

    /// All of them signed by the issuer.
    fn by_header(&self) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for (extension, value) in [
            ("crit", json!(["exp"])),
            ("crit", json!(["b64"])),
            ("crit", json!([])),
            ("crit", json!(null)),
            ("crit", json!("exp")),
            ("b64", json!(false)),
            ("b64", json!(true)),
            ("b64", json!(null)),
            ("zip", json!("DEF")),
            ("zip", json!(null)),
        ] {
            let token = self.under_header(json!({ (extension): value }));
            let case = format!("{extension} {value}");
            attempts.push(attempt(case, token, "unsupported_critical_header"));
        }
        for alg in ["RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 ", "RSA256", "RS1"]
        {
            let token = self.under_header(json!({ "alg": alg }));
            attempts.push(attempt(format!("alg {alg:?}"), token, "unsupported_algorithm"));
        }
        for (name, value) in [
            ("alg", json!(null)),
            ("alg", json!(256)),
            ("alg", json!(["RS256"])),
            ("typ", json!(null)),
            ("typ", json!(1)),
            ("typ", json!(["JWT"])),
        ] {
            let token = self.under_header(json!({ (name): value }));
            attempts.push(attempt(format!("{name} {value}"), token, "malformed_token"));
        }
        let deep = "[".repeat(2000);
        for (case, header) in [
            ("no header", String::new()),
            ("a header that is null", "null".to_owned()),
            ("a header without anything", "{}".to_owned()),
            ("a header without an alg", r#"{"kid":"key-1"}"#.to_owned()),
            ("a header that is a string", r#""RS256""#.to_owned()),
            ("a header that is a list", r#"["RS256","key-1","JWT"]"#.to_owned()),
            ("a header that is no JSON", "RS256".to_owned()),
            ("a header in single quotes", "{'alg':'RS256'}".to_owned()),
            ("a header and more", r#"{"alg":"RS256"}{}"#.to_owned()),
            ("a header behind a byte order mark", "\u{feff}{\"alg\":\"RS256\"}".to_owned()),
            ("a header that does not end", r#"{"alg":"RS256""#.to_owned()),
            ("a header nested deeply", format!(r#"{{"alg":"RS256","kid":{deep}"#)),
            (
                "a kid nested deeply",
                format!(r#"{{"alg":"RS256","kid":{deep}{}}}"#, "]".repeat(2000)),
            ),
            ("alg twice", r#"{"alg":"RS256","alg":"RS256"}"#.to_owned()),
            ("alg twice, none last", r#"{"alg":"RS256","alg":"none"}"#.to_owned()),
            ("alg twice, once escaped", r#"{"alg":"RS256","\u0061lg":"none"}"#.to_owned()),
            ("kid twice", r#"{"alg":"RS256","kid":"key-1","kid":"key-1"}"#.to_owned()),
            ("typ twice", r#"{"alg":"RS256","typ":"JWT","typ":"JWT"}"#.to_owned()),
            ("crit twice", r#"{"alg":"RS256","crit":["x"],"crit":["x"]}"#.to_owned()),
        ] {
            attempts.push(attempt(case, self.under_raw_header(header), "malformed_token"));
        }
        let token = self.under_raw_header(b"{\"alg\":\"RS256\",\"x\":\"\xff\"}");
        attempts.push(attempt("a header that is no UTF-8", token, "malformed_token"));
        attempts
    }

    /// Missing and wrong-typed claims, all of them signed by the issuer.
    fn by_claim(&self) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for name in ["iss", "aud", "exp"] {
            let token = self.issuer.token(&claims_without(&self.issuer, name));
            attempts.push(attempt(format!("no {name}"), token, "missing_claim"));
        }
        let url = self.issuer.url();
        let (no_text, no_time) = (
            [json!(null), json!(1), json!(true), json!({})],
            [
                json!(null),
                json!("4102444800"),
                json!(""),
                json!(true),
                json!([4_102_444_800_u64]),
                json!({}),
            ],
        );
        let wrong_types = [
            ("iss", &no_text[..]),
            ("iss", &[json!([url]), json!({ "0": url })]),
            ("aud", &no_text[..]),
            (
                "aud",
                &[
                    json!([AUDIENCE, 1]),
                    json!([null]),
                    json!([[AUDIENCE]]),
                    json!({ "0": AUDIENCE }),
                ],
            ),
            ("exp", &no_time),
            ("nbf", &no_time),
            ("iat", &no_time),
            ("sub", &no_text),
            ("client_id", &no_text),
            ("azp", &no_text),
            ("scope", &no_text),
            ("scope", &[json!(["chat:read"])]),
            ("scp", &no_text),
            ("token_use", &no_text),
        ];
        for (name, values) in wrong_types {
            for value in values {
                let token = token_with(&self.issuer, json!({ (name): value }));
                attempts.push(attempt(format!("{name} {value}"), token, "malformed_token"));
            }
        }
        let now = now_seconds();
        for (name, value, reason) in [
            ("aud", json!([]), "wrong_audience"),
            ("aud", json!(""), "wrong_audience"),
            ("aud", json!("*"), "wrong_audience"),
            ("aud", json!(AUDIENCE.to_uppercase()), "wrong_audience"),
            ("aud", json!([format!("{AUDIENCE} ")]), "wrong_audience"),
            ("aud", json!(format!("{AUDIENCE},other")), "wrong_audience"),
            ("exp", json!(0), "expired"),
            ("exp", json!(-1), "expired"),
            ("exp", json!(-1e308), "expired"),
            ("exp", json!(1e-308), "expired"),
            ("exp", json!(now - 60), "expired"),
            ("nbf", json!(now + 60), "not_yet_valid"),
            ("nbf", json!(1e308), "not_yet_valid"),
            ("nbf", json!(u64::MAX), "not_yet_valid"),
            // Milliseconds, as some libraries have it.
            ("iat", json!(now * 1000), "issued_in_future"),
            ("iat", json!(1e308), "issued_in_future"),
        ] {
            let token = token_with(&self.issuer, json!({ (name): value }));
            attempts.push(attempt(format!("{name} {value}"), token, reason));
        }
        attempts
    }

    /// A claim that stands twice means one thing here and another elsewhere.
    fn twice(&self) -> Vec<Attempt> {
        let claims = claims_with(
            &self.issuer,
            json!({ "nbf": 0, "azp": "a", "scp": "a", "token_use": "access" }),
        );
        let text = claims.to_string();
        let mut attempts = Vec::new();
        for (name, value) in claims.as_object().unwrap() {
            let (first, rest) = name.split_at(1);
            let escaped = format!("\\u{:04x}{rest}", u32::from(first.as_bytes()[0]));
            for (how, again) in [("plain", name), ("escaped", &escaped)] {
                let token =
                    self.of_raw_payload(text.replacen('{', &format!("{{\"{again}\":{value},"), 1));
                attempts.push(attempt(format!("{name} twice, {how}"), token, "malformed_token"));
            }
        }
        attempts
    }

    /// What is signed by the issuer and yet no claims set.
    fn by_payload(&self) -> Vec<Attempt> {
        let (url, exp) = (self.issuer.url(), now_seconds() + 60);
        let good = self.issuer.claims().to_string();
        let open = &good[..good.len() - 1];
        let deep = "[".repeat(2000);
        let mut not_utf_8 = good.clone().into_bytes();
        let place = good.find("alice").unwrap();
        not_utf_8[place] = 0xff;
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("no payload", Vec::new()),
            ("a payload that is null", b"null".to_vec()),
            ("a payload that is a number", b"1".to_vec()),
            ("a payload that is a string", b"\"claims\"".to_vec()),
            ("a payload that is an empty list", b"[]".to_vec()),
            (
                "a payload that lists claims",
                format!(r#"["{url}","alice","{AUDIENCE}",{exp}]"#).into(),
            ),
            ("a payload in a list", format!("[{good}]").into()),
            ("a payload that is no JSON", b"alice".to_vec()),
            ("a payload that is no UTF-8", not_utf_8),
            ("a payload and more", format!("{good}{{}}").into()),
            ("a payload and a zero byte", format!("{good}\0").into()),
            ("a payload behind a byte order mark", format!("\u{feff}{good}").into()),
            ("a payload that does not end", open.into()),
            ("a payload with a comma too many", format!("{open},}}").into()),
            ("a number that is too large", format!(r#"{open},"nbf":1e400}}"#).into()),
            ("a number that is none", format!(r#"{open},"nbf":NaN}}"#).into()),
            ("a number with a zero in front", format!(r#"{open},"nbf":01}}"#).into()),
            ("a string that is no Unicode", format!(r#"{open},"azp":"\ud800"}}"#).into()),
            ("a string with a line break", format!("{open},\"azp\":\"a\nb\"}}").into()),
            ("nesting that does not end", format!(r#"{open},"x":{deep}"#).into()),
            (
                "an audience nested deeply",
                format!(r#"{{"aud":{deep}{}}}"#, "]".repeat(2000)).into(),
            ),
        ];
        cases
            .into_iter()
            .map(|(case, payload)| attempt(case, self.of_raw_payload(payload), "malformed_token"))
            .collect()
    }

    /// A good token in other letters.
    fn by_encoding(&self) -> Vec<Attempt> {
        let (token, [header, payload, signature]) = self.with_letters_of_its_own();
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        // The last of its letters has four bits to spare.
        let (but_one, last) = signature.split_at(signature.len() - 1);
        let spare = char::from(last.as_bytes()[0] + 1);
        let cases = [
            ("padding", format!("{header}.{payload}.{}", URL_SAFE.encode(decoded(&signature)))),
            ("padding after the header", format!("{header}=.{payload}.{signature}")),
            (
                "+ and / for - and _",
                format!("{header}.{payload}.{}", STANDARD_NO_PAD.encode(decoded(&signature))),
            ),
            ("bits to spare", format!("{header}.{payload}.{but_one}{spare}")),
            ("a letter less", format!("{header}.{payload}.{but_one}")),
            ("a space in the signature", format!("{header}.{payload}.{but_one} {last}")),
            (
                "a space in the payload",
                format!("{header}.{} {}.{signature}", &payload[..4], &payload[4..]),
            ),
            ("a tab after a dot", format!("{header}.\t{payload}.{signature}")),
            ("a line break in the signature", format!("{header}.{payload}.{but_one}\r\n{last}")),
            ("a zero byte at the end", format!("{token}\0")),
            ("a percent sign", format!("{header}.{payload}.{but_one}%{last}")),
            ("letters of another alphabet", format!("{header}.{payload}.{but_one}Å")),
            ("quotes around it", format!("\"{token}\"")),
            ("a comma at the end", format!("{token},")),
            ("a second scheme", format!("Bearer {token}")),
        ];
        cases.map(|(case, token)| attempt(case, token, "malformed_token")).into()
    }

    /// A good token and its parts, with letters in the signature that base64url has of its own, and
    /// a last letter that has a neighbour.
    fn with_letters_of_its_own(&self) -> (String, [String; 3]) {
        let tokens = (0..).map(|number| token_with(&self.issuer, json!({ "number": number })));
        for token in tokens {
            let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
            let parts: [String; 3] = parts.try_into().unwrap();
            if parts[2].contains(['-', '_']) {
                return (token, parts);
            }
        }
        unreachable!("almost every signature has such letters")
    }

    /// Not three parts, or three of the wrong size.
    fn by_shape(&self) -> Vec<Attempt> {
        let good = good_token(&self.issuer);
        let parts: Vec<&str> = good.split('.').collect();
        let [header, payload, signature] = parts[..] else { panic!("{good}") };
        let key_and_iv = &signature[..24];
        let mut attempts: Vec<_> = [
            ("one part", payload.to_owned()),
            ("two parts", format!("{header}.{payload}")),
            ("four parts", format!("{good}.{signature}")),
            (
                "an encrypted token",
                format!("{header}.{key_and_iv}.{key_and_iv}.{payload}.{key_and_iv}"),
            ),
            ("six parts", format!("{good}.{good}")),
            ("a dot before it", format!(".{good}")),
            ("a dot behind it", format!("{good}.")),
            ("dots", "..".to_owned()),
            ("more dots", ".".repeat(8000)),
            ("a word", "token".to_owned()),
            ("an opaque token", "mF_9.B5f-4.1JqM".to_owned()),
            (
                "the JSON serialization",
                json!({ "protected": header, "payload": payload, "signature": signature })
                    .to_string(),
            ),
        ]
        .map(|(case, token)| attempt(case, token, "malformed_token"))
        .into();
        for (case, length) in [("one character too long", 8193), ("far too long", 100_000)] {
            let token = token_of_length(length, |in_header, in_payload| {
                let claims = claims_with(&self.issuer, json!({ "filler": in_payload })).to_string();
                self.issuer.sign(&self.header(json!({ "filler": in_header })), claims.as_bytes())
            });
            attempts.push(attempt(case, token, "token_too_large"));
        }
        let dots = ".".repeat(1_000_000);
        attempts.push(attempt("a million dots", dots, "token_too_large"));
        attempts
    }
}
