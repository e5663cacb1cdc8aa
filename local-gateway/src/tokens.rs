//! A good token, and one for each way to be refused.

use local_gateway::issuer::{Issuer, now_seconds};
use local_gateway::keys::{KeyError, SigningKey};

pub(crate) fn valid(issuer: &Issuer) -> String {
    issuer.token(&issuer.claims())
}

/// Dead since a minute, which is more than any clock is off.
pub(crate) fn expired(issuer: &Issuer) -> String {
    let mut claims = issuer.claims();
    let now = now_seconds();
    claims["iat"] = (now - 3660).into();
    claims["exp"] = (now - 60).into();
    issuer.token(&claims)
}

pub(crate) fn for_another_audience(issuer: &Issuer) -> String {
    let mut claims = issuer.claims();
    claims["aud"] = "another-service".into();
    issuer.token(&claims)
}

/// Right in everything, under the issuer's own `kid`, but signed by someone else.
pub(crate) fn forged(issuer: &Issuer) -> Result<String, KeyError> {
    let forger = SigningKey::generate(issuer.key().kid())?;
    Ok(forger.sign(&forger.header(), issuer.claims().to_string().as_bytes()))
}
