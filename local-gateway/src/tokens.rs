//! Tokens that the function accepts or refuses.

use local_gateway::issuer::{Issuer, now_seconds};
use local_gateway::keys::{KeyError, SigningKey};

/// Returns a token that the function accepts.
pub(crate) fn valid(issuer: &Issuer) -> String {
    issuer.token(&issuer.claims())
}

/// Returns a token that expired a minute ago, which is more than the default leeway.
pub(crate) fn expired(issuer: &Issuer) -> String {
    let mut claims = issuer.claims();
    let now = now_seconds();
    claims["iat"] = (now - 3660).into();
    claims["exp"] = (now - 60).into();
    issuer.token(&claims)
}

/// Returns a token for another audience than the function's.
pub(crate) fn for_another_audience(issuer: &Issuer) -> String {
    let mut claims = issuer.claims();
    claims["aud"] = "another-service".into();
    issuer.token(&claims)
}

/// Returns a token with the issuer's claims and `kid`, signed with another key.
pub(crate) fn forged(issuer: &Issuer) -> Result<String, KeyError> {
    let other = SigningKey::generate(issuer.key().kid())?;
    Ok(other.sign(&other.header(), issuer.claims().to_string().as_bytes()))
}
