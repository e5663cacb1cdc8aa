//! Claims that are right for something else.

use super::Hint;
use super::issuer::spelling;
use crate::jwt::{ClaimPath, TokenContent};

/// Recognizes why no configured audience is in `aud`.
#[cold]
pub(crate) fn audience(
    token: &TokenContent<'_>,
    wanted: &[String],
    wanted_token_use: Option<&str>,
) -> Option<Hint> {
    let audiences = || token.registered().aud.iter().flat_map(|aud| aud.iter());
    let pairs = || audiences().flat_map(|aud| wanted.iter().map(move |wanted| (aud, wanted)));
    let only = |name: &str| audiences().all(|aud| aud == name);
    fn without_api(id: &str) -> &str {
        id.strip_prefix("api://").unwrap_or(id)
    }
    let issuer = token.registered().iss.as_deref().unwrap_or_default();
    if let Some(hint) = pairs().find_map(|(aud, wanted)| spelling(aud, wanted)) {
        Some(hint)
    } else if pairs().any(|(aud, wanted)| without_api(aud) == without_api(wanted)) {
        Some(Hint::ENTRA_AUDIENCE)
    } else if is_for_microsoft_graph(token) {
        Some(Hint::MICROSOFT_GRAPH)
    } else if issuer.starts_with("https://securetoken.google.com/") {
        Some(Hint::FIREBASE_AUDIENCE)
    } else if issuer.ends_with("/auth/v1") && only("authenticated") {
        Some(Hint::SUPABASE_AUDIENCE)
    } else if is_id_token(token) {
        // Google has no other JWTs.
        let is_right = wanted_token_use == Some("id") || issuer == GOOGLE;
        Some(if is_right { Hint::OTHER_CLIENT } else { Hint::ID_TOKEN })
    } else if only("account") {
        Some(Hint::KEYCLOAK_AUDIENCE)
    } else {
        access_for_id_token(token, wanted)
    }
}

/// Says what a token without `cnf` lacks.
#[cold]
pub(crate) fn not_bound() -> Hint {
    Hint::NOT_BOUND
}

const GOOGLE: &str = "https://accounts.google.com";

/// Recognizes why there is no `aud`.
#[cold]
pub(crate) fn missing_audience(token: &TokenContent<'_>, wanted: &[String]) -> Option<Hint> {
    let issuer = token.registered().iss.as_deref().unwrap_or_default();
    if let Some(hint) = access_for_id_token(token, wanted) {
        Some(hint)
    } else if token.registered().token_use.as_deref() == Some("access") {
        Some(Hint::COGNITO_AUDIENCE)
    } else if issuer.contains("/realms/") && !is_id_token(token) {
        Some(Hint::KEYCLOAK_AUDIENCE)
    } else {
        None
    }
}

/// Recognizes why there is no `client_id` and no `azp`.
#[cold]
pub(crate) fn missing_client(token: &TokenContent<'_>) -> Option<Hint> {
    if is_id_token(token) {
        Some(Hint::ID_TOKEN)
    } else if claim(token, "cid").or(claim(token, "appid")).is_some() {
        Some(Hint::OTHER_CLIENT_CLAIM)
    } else {
        None
    }
}

/// Recognizes why the header's `typ` is not an accepted one.
#[cold]
pub(crate) fn token_type(token: &TokenContent<'_>, wanted: &[String]) -> Option<Hint> {
    let wants_access_token = wanted.iter().any(|typ| typ == AT_JWT);
    if wants_access_token && is_id_token(token) {
        Some(Hint::ID_TOKEN)
    } else if !wants_access_token && has_access_type(token) {
        Some(Hint::ACCESS_TOKEN)
    } else {
        None
    }
}

/// Recognizes why Cognito's `token_use` is not the configured one.
#[cold]
pub(crate) fn token_use(found: &str, wanted: &str) -> Option<Hint> {
    match (found, wanted) {
        ("id", "access") => Some(Hint::ID_TOKEN),
        ("access", "id") => Some(Hint::ACCESS_TOKEN),
        _ => None,
    }
}

/// Recognizes why a time is in the future.
#[cold]
pub(crate) fn clock(seconds_ahead: i64) -> Option<Hint> {
    /// The largest leeway that can be set, in seconds.
    const MAX_LEEWAY: i64 = 300;
    /// No date in seconds is so far away, and every date in milliseconds is.
    const CENTURIES: i64 = 100_000_000_000;
    if seconds_ahead <= MAX_LEEWAY {
        Some(Hint::CLOCK)
    } else if seconds_ahead >= CENTURIES {
        Some(Hint::MILLISECONDS)
    } else {
        None
    }
}

/// Recognizes why the header's `alg` is not an accepted one.
#[cold]
pub(crate) fn algorithm(alg: &str) -> Option<Hint> {
    ["HS256", "HS384", "HS512"].contains(&alg).then_some(Hint::SHARED_SECRET)
}

/// Recognizes why none of the issuer's keys made the signature.
#[cold]
pub(crate) fn signature(token: &TokenContent<'_>, kid: Option<&str>) -> Option<Hint> {
    if is_for_microsoft_graph(token) {
        Some(Hint::MICROSOFT_GRAPH)
    } else {
        kid.map(|_| Hint::OTHER_SIGNER)
    }
}

/// Recognizes an access token where the settings name its client as the audience, as for ID tokens.
fn access_for_id_token(token: &TokenContent<'_>, wanted: &[String]) -> Option<Hint> {
    let client = token.registered().client()?;
    let wants_client = wanted.iter().any(|wanted| wanted == client);
    (wants_client && is_access_token(token)).then_some(Hint::ACCESS_TOKEN)
}

/// Returns whether the audience is Microsoft Graph, by its URL or its id.
pub(super) fn is_for_microsoft_graph(token: &TokenContent<'_>) -> bool {
    const GRAPH: [&str; 2] =
        ["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"];
    let audiences = token.registered().aud.iter().flat_map(|aud| aud.iter());
    audiences.map(|aud| aud.strip_suffix('/').unwrap_or(aud)).any(|aud| GRAPH.contains(&aud))
}

/// Returns whether a token is probably an ID token. OpenID Connect defines `nonce`,
/// `at_hash` and `c_hash` for ID tokens, and makes the client their audience.
pub(super) fn is_id_token(token: &TokenContent<'_>) -> bool {
    let claims = token.registered();
    if claims.token_use.as_deref() == Some("id") || claim(token, "typ") == Some("ID") {
        return true;
    }
    if is_access_token(token) {
        return false;
    }
    let has = |name| claim(token, name).is_some();
    let client_is_audience = || {
        let mut audiences = claims.aud.iter().flat_map(|aud| aud.iter());
        audiences.next().is_some_and(|aud| claims.client() == Some(aud))
            && audiences.next().is_none()
    };
    ["nonce", "at_hash", "c_hash"].into_iter().any(has) || client_is_audience()
}

/// Returns whether a token is probably an access token.
fn is_access_token(token: &TokenContent<'_>) -> bool {
    let claims = token.registered();
    has_access_type(token)
        || claims.token_use.as_deref() == Some("access")
        || claim(token, "typ") == Some("Bearer")
        || claims.scopes().next().is_some()
}

/// The `typ` of access tokens (RFC 9068), as the settings have it.
const AT_JWT: &str = "at+jwt";

fn has_access_type(token: &TokenContent<'_>) -> bool {
    let typ = token.typ().unwrap_or_default().to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ) == AT_JWT
}

/// Returns a claim that is a string.
fn claim<'t>(token: &'t TokenContent<'_>, name: &str) -> Option<&'t str> {
    token.value(&ClaimPath::new(name)).ok().flatten()?.as_str()
}
