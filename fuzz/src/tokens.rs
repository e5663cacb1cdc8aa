//! Tokens made of a fuzzer's bytes, and an independent check of the tokens that are accepted.
//!
//! The first byte tells how to read the others:
//!
//! - `D`, `E`, `R`, `X`: a header, a line feed and a payload, which the Ed25519, the EC, the RSA or the
//!   foreign key signs
//! - zero: choices that change a valid token
//! - anything else: the text of a token

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::arbitrary;
use serde_json::Value;

use crate::authorizer::{AUDIENCE, ISSUER, NOW};
use crate::json::Object;
use crate::keys::{Keys, Signer, decode};

/// A token.
pub struct Token {
    /// Its text.
    pub text: String,
    /// The signature, if a key made it.
    pub signature: Option<String>,
}

impl Token {
    fn signed(text: String) -> Self {
        let signature = text.rsplit('.').next().map(str::to_owned);
        Self { text, signature }
    }
}

/// Makes a token of a fuzzer's bytes.
#[must_use]
pub fn of_bytes(keys: &Keys, bytes: &[u8]) -> Option<Token> {
    let signer = match bytes.first()? {
        b'D' => Signer::Ed25519,
        b'E' => Signer::Ec,
        b'R' => Signer::Rsa,
        b'X' => Signer::Foreign,
        0 => return changed(keys, &mut Unstructured::new(&bytes[1..])).ok(),
        _ => {
            let text = std::str::from_utf8(bytes).ok()?.to_owned();
            return Some(Token { text, signature: None });
        }
    };
    let mut parts = bytes[1..].splitn(2, |byte| *byte == b'\n');
    Some(Token::signed(keys.sign(signer, parts.next()?, parts.next()?)))
}

/// Returns a token that every target's authorizer accepts, with these scopes.
#[must_use]
pub fn valid(keys: &Keys, scopes: &str) -> String {
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{},"iat":{NOW},"sub":"alice","client_id":"web","scope":"{scopes}","groups":["admins"]}}"#,
        NOW + 600
    );
    keys.sign(Signer::Ed25519, br#"{"alg":"EdDSA","kid":"ed","typ":"at+jwt"}"#, claims.as_bytes())
}

/// The JSON text of the members of an object.
type Members = Vec<(String, String)>;

const HEADER_NAMES: &[&str] =
    &["alg", "kid", "typ", "crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "cty"];
const CLAIM_NAMES: &[&str] = &[
    "iss",
    "aud",
    "exp",
    "nbf",
    "iat",
    "sub",
    "scope",
    "scp",
    "client_id",
    "azp",
    "tid",
    "token_use",
    "cnf",
    "groups",
    "jti",
];
const TEXTS: &[&str] = &[
    ISSUER,
    AUDIENCE,
    "EdDSA",
    "Ed25519",
    "ES256",
    "RS256",
    "HS256",
    "none",
    "ed",
    "ec",
    "rsa",
    "at+jwt",
    "application/at+jwt",
    "JWT",
    "web",
    "r w",
    "r",
    "admins",
    "",
];
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "1e400",
    "-1e400",
    "1e308",
    "1780000000.5",
    "1.78e9",
    "9007199254740993",
    "18446744073709551616",
    "0.1e-400",
    "1780000000000",
];

fn changed(keys: &Keys, u: &mut Unstructured<'_>) -> Result<Token> {
    let signers = [
        (Signer::Ed25519, "EdDSA", "ed"),
        (Signer::Ed25519, "Ed25519", "ed"),
        (Signer::Ed25519, "EdDSA", "ed"),
        (Signer::Ec, "ES256", "ec"),
        (Signer::Rsa, "RS256", "rsa"),
        (Signer::Foreign, "EdDSA", "ed"),
    ];
    let (signer, alg, kid) = *u.choose(&signers)?;
    let mut header = members(&[("alg", alg), ("kid", kid), ("typ", "at+jwt")]);
    let mut claims = members(&[
        ("iss", ISSUER),
        ("aud", AUDIENCE),
        ("sub", "alice"),
        ("client_id", "web"),
        ("scope", "r w"),
    ]);
    claims.extend([
        ("exp".to_owned(), (NOW + 600).to_string()),
        ("iat".to_owned(), NOW.to_string()),
        ("groups".to_owned(), r#"["admins"]"#.to_owned()),
    ]);
    change(&mut header, HEADER_NAMES, u)?;
    change(&mut claims, CLAIM_NAMES, u)?;
    let text = keys.sign(signer, object(&header).as_bytes(), object(&claims).as_bytes());
    match u.int_in_range(0..=9)? {
        0 => damage(text, u),
        _ => Ok(Token::signed(text)),
    }
}

fn members(texts: &[(&str, &str)]) -> Members {
    texts.iter().map(|(name, text)| ((*name).to_owned(), quoted(text))).collect()
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn object(members: &Members) -> String {
    let members: Vec<_> =
        members.iter().map(|(name, json)| format!("{}:{json}", quoted(name))).collect();
    format!("{{{}}}", members.join(","))
}

/// Sets, removes and repeats members.
fn change(members: &mut Members, names: &[&str], u: &mut Unstructured<'_>) -> Result<()> {
    for _ in 0..u.int_in_range(0..=3)? {
        let name = if u.ratio(7, 8)? { (*u.choose(names)?).to_owned() } else { u.arbitrary()? };
        match u.int_in_range(0..=5)? {
            0 => members.retain(|(of_member, _)| *of_member != name),
            1 => members.push((name, json(u, 0)?)),
            _ => {
                members.retain(|(of_member, _)| *of_member != name);
                members.push((name, json(u, 0)?));
            }
        }
    }
    Ok(())
}

/// Returns JSON, or nearly JSON.
fn json(u: &mut Unstructured<'_>, depth: u8) -> Result<String> {
    let deepest = if depth < 3 { 10 } else { 7 };
    Ok(match u.int_in_range(0..=deepest)? {
        0 => "null".to_owned(),
        1 => u.arbitrary::<bool>()?.to_string(),
        2 => NOW.saturating_add_signed(u.arbitrary::<i16>()?.into()).to_string(),
        3 => (*u.choose(NUMBERS)?).to_owned(),
        4 => quoted(u.choose(TEXTS)?),
        5 => {
            let units = u.choose(TEXTS)?.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            format!("\"{}\"", units.collect::<String>())
        }
        6 => quoted(u.arbitrary()?),
        7 => u.arbitrary::<&str>()?.to_owned(),
        8 | 9 => {
            let items = 0..u.int_in_range(0..=3)?;
            let items: Result<Vec<_>> = items.map(|_| json(u, depth + 1)).collect();
            format!("[{}]", items?.join(","))
        }
        _ => {
            let mut inner = Members::new();
            change(&mut inner, CLAIM_NAMES, u)?;
            object(&inner)
        }
    })
}

/// Changes one place of a token's text, so that it has no valid form or signature any more.
fn damage(text: String, u: &mut Unstructured<'_>) -> Result<Token> {
    let mut bytes = text.into_bytes();
    let place = u.choose_index(bytes.len())?;
    match u.int_in_range(0..=3)? {
        0 => bytes[place] = u.int_in_range(0x20..=0x7e)?,
        1 => bytes.insert(place, u.int_in_range(0x20..=0x7e)?),
        2 => bytes.truncate(place),
        _ => drop(bytes.remove(place)),
    }
    let text = String::from_utf8(bytes).expect("every change is ASCII");
    Ok(Token { text, signature: None })
}

/// What an authorizer asks of a token, beyond the issuer, the audience and the times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Nothing else.
    Plain,
    /// What [`STRICT`] says.
    Strict,
}

/// Settings that ask for more.
pub const STRICT: &[(&str, &str)] = &[
    ("CLIENT_IDS", "web"),
    ("TOKEN_TYPES", "at+jwt"),
    ("REQUIRED_SCOPES", "r,w"),
    ("REQUIRED_CLAIMS", r#"{"groups": "admins"}"#),
    ("MAX_TOKEN_AGE_SECONDS", "60"),
];

/// Returns whether a token may be accepted. It may be stricter than RFC 7519 asks.
#[must_use]
pub fn may_be_accepted(keys: &Keys, token: &str, rules: Rules) -> bool {
    // The function takes a token from a header, without the space around it.
    check(keys, token.trim(), rules).is_some()
}

fn check(keys: &Keys, token: &str, rules: Rules) -> Option<()> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { return None };
    let input = format!("{header}.{payload}");
    let signature = decode(signature)?;
    let (header, claims) = (decode(header)?, decode(payload)?);
    let header = Object::read(std::str::from_utf8(&header).ok()?)?;
    let claims = Object::read(std::str::from_utf8(&claims).ok()?)?;
    holds(["crit", "b64", "zip"].iter().all(|name| !header.has(name)))?;
    let kid = match header.has("kid") {
        false => None,
        true => Some(header.get("kid")?.as_str()?.to_owned()),
    };
    let (alg, input) = (header.get("alg")?, input.as_bytes());
    holds(keys.verifies(alg.as_str()?, kid.as_deref(), input, &signature))?;

    holds(claims.get("iss")? == ISSUER)?;
    let audience = claims.get("aud")?;
    let audiences = audience.as_array().map_or(std::slice::from_ref(&audience), Vec::as_slice);
    holds(audiences.iter().any(|audience| audience == AUDIENCE))?;
    let (now, leeway) = (NOW as f64, 5.0);
    holds(now < claims.get("exp")?.as_f64()? + leeway)?;
    for name in ["nbf", "iat"] {
        holds(!claims.has(name) || claims.get(name)?.as_f64()? <= now + leeway)?;
    }
    if rules == Rules::Strict {
        check_strict(&header, &claims)?;
    }
    Some(())
}

fn check_strict(header: &Object<'_>, claims: &Object<'_>) -> Option<()> {
    let typ = header.get("typ")?.as_str()?.to_lowercase();
    holds(typ == "at+jwt" || typ == "application/at+jwt")?;
    holds(claims.get("client_id").or_else(|| claims.get("azp"))? == "web")?;
    holds(NOW as f64 - claims.get("iat")?.as_f64()? < 65.0)?;
    let groups = claims.get("groups")?;
    holds(groups == "admins" || groups.as_array().is_some_and(|it| it.contains(&"admins".into())))?;
    let words = |name: &str| match claims.get(name) {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(texts)) => {
            texts.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let granted = [words("scope"), words("scp")].concat().join(" ");
    holds(["r", "w"].iter().all(|scope| granted.split(' ').any(|it| it == *scope)))
}

fn holds(condition: bool) -> Option<()> {
    condition.then_some(())
}
