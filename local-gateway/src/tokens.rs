//! Tokens that the function accepts or refuses.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::issuer::{Issuer, now_seconds};
use crate::keys::{KeyError, SigningKey};

/// Returns a token that the function accepts.
#[must_use]
pub fn valid(issuer: &Issuer) -> String {
    issuer.token(&issuer.claims())
}

/// Returns a token that expired a minute ago, which is more than the default leeway.
#[must_use]
pub fn expired(issuer: &Issuer) -> String {
    let mut claims = issuer.claims();
    let now = now_seconds();
    claims["iat"] = (now - 3660).into();
    claims["exp"] = (now - 60).into();
    issuer.token(&claims)
}

/// Returns a token for another audience than the function's.
#[must_use]
pub fn for_another_audience(issuer: &Issuer) -> String {
    let mut claims = issuer.claims();
    claims["aud"] = "another-service".into();
    issuer.token(&claims)
}

/// Returns a token of the key before the last rotation, if there was one.
#[must_use]
pub fn of_the_old_key(issuer: &Issuer) -> Option<String> {
    let key = issuer.old_key()?;
    Some(key.sign(&key.header(), issuer.claims().to_string().as_bytes()))
}

/// Returns a token with the issuer's claims and `kid`, signed with another key.
///
/// # Errors
///
/// When no key can be had.
pub fn forged(issuer: &Issuer) -> Result<String, KeyError> {
    let other = SigningKey::generate(issuer.key().kid())?;
    Ok(other.sign(&other.header(), issuer.claims().to_string().as_bytes()))
}

/// Returns a token that names another issuer.
#[must_use]
pub fn of_another_issuer(issuer: &Issuer) -> String {
    let mut claims = issuer.claims();
    claims["iss"] = "https://other-issuer.example".into();
    issuer.token(&claims)
}

/// Returns a token whose `iss` is the issuer with a slash at its end.
#[must_use]
pub fn with_a_slash(issuer: &Issuer) -> String {
    let mut claims = issuer.claims();
    claims["iss"] = format!("{}/", issuer.url()).into();
    issuer.token(&claims)
}

/// Returns a token without a signature, with `alg` `none`.
#[must_use]
pub fn unsigned(issuer: &Issuer) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    format!("{header}.{}.", URL_SAFE_NO_PAD.encode(issuer.claims().to_string()))
}
