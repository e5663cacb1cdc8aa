//! The claims check: a verified token against its issuer's rules, at a time.

use std::cell::OnceCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::claims_set::{ClaimsSet, NumericDate};
use super::verify::VerifiedToken;
use crate::error::Error;
use crate::excerpt::Excerpt;

/// What the claims of an issuer's tokens must be.
#[derive(Debug, Clone)]
pub struct ClaimRules {
    /// The exact `iss`.
    pub issuer: String,
    /// The accepted audiences.
    pub audience: Audience,
    /// The accepted clients; empty for any.
    pub client_ids: Vec<String>,
    /// The accepted `typ` headers, in lower case and without `application/`; empty for any.
    pub token_types: Vec<String>,
    /// Cognito's `token_use`.
    pub token_use: Option<String>,
    /// Further claims, and the accepted values of each.
    pub required_claims: Vec<RequiredClaim>,
    /// How long after its `iat` a token is accepted.
    pub max_age: Option<Duration>,
    /// How much the issuer's clock may differ when `exp`, `nbf` and `iat` are checked.
    pub leeway: Duration,
}

/// The accepted audiences ([RFC 7519 §4.1.3](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// `aud` must contain one of these.
    AnyOf(Vec<String>),
    /// `aud` is not checked: a token for any audience passes.
    Unchecked,
}

/// A claim that must have one of the accepted values.
#[derive(Debug, Clone, PartialEq)]
pub struct RequiredClaim {
    /// Which claim.
    pub path: ClaimPath,
    /// The values, compared without coercion: `1` is not `"1"`.
    pub accepted: Vec<Value>,
}

/// The path of a value in a claims set: the name of a claim, or a JSON Pointer
/// ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)), which starts with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(String);

impl ClaimPath {
    /// Takes a claim's name or a JSON Pointer.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// Returns the path as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn find<'v>(&self, claims: &'v Value) -> Option<&'v Value> {
        if self.0.starts_with('/') { claims.pointer(&self.0) } else { claims.get(&self.0) }
    }
}

/// Claims that the issuer signed and that meet its rules.
pub(crate) struct Claims<'a> {
    set: ClaimsSet<'a>,
    payload: &'a [u8],
    /// The whole claims set. It is read when the first claim is looked up by its path.
    document: OnceCell<Value>,
}

impl<'a> Claims<'a> {
    /// Checks the claims in this order:
    ///
    /// 1. `iss` is exactly the issuer;
    /// 2. the `typ` header is an accepted one;
    /// 3. `exp` is present and in the future; at `exp` itself, the token has expired;
    /// 4. `nbf` and `iat` are not in the future, if present;
    /// 5. `iat` is not too long ago;
    /// 6. `aud` contains an accepted audience;
    /// 7. the client is an accepted one;
    /// 8. `token_use` is the configured one;
    /// 9. every required claim has an accepted value.
    ///
    /// # Errors
    ///
    /// The [`Error`] of the first check that fails.
    pub(crate) fn check(
        token: VerifiedToken<'a>,
        rules: &ClaimRules,
        now: SystemTime,
    ) -> Result<Self, Error> {
        check_issuer(&token.claims, rules)?;
        check_type(token.typ.as_deref(), rules)?;
        check_times(&token.claims, rules, now)?;
        check_audience(&token.claims, rules)?;
        check_client(&token.claims, rules)?;
        check_token_use(&token.claims, rules)?;
        let claims = Self { set: token.claims, payload: token.payload, document: OnceCell::new() };
        for required in &rules.required_claims {
            claims.check_required(required)?;
        }
        Ok(claims)
    }

    /// Returns the registered claims.
    #[must_use]
    pub(crate) fn registered(&self) -> &ClaimsSet<'a> {
        &self.set
    }

    /// Returns the value at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::MalformedToken`] if any claim cannot be read, for example because it is nested too
    /// deeply.
    pub(crate) fn value(&self, path: &ClaimPath) -> Result<Option<&Value>, Error> {
        if self.document.get().is_none() {
            let document = serde_json::from_slice(self.payload).map_err(|_| {
                Error::MalformedToken("a claim is nested too deeply or is not valid Unicode")
            })?;
            // The cell was empty, so this cannot fail.
            let _ = self.document.set(document);
        }
        Ok(self.document.get().and_then(|document| path.find(document)))
    }

    fn check_required(&self, required: &RequiredClaim) -> Result<(), Error> {
        let name = || required.path.as_str().to_owned();
        let value = self.value(&required.path)?.ok_or_else(|| Error::missing_claim(&name()))?;
        let accepted = match value.as_array() {
            Some(values) => values.iter().any(|value| required.accepted.contains(value)),
            None => required.accepted.contains(value),
        };
        if accepted { Ok(()) } else { Err(Error::ClaimMismatch(name())) }
    }
}

fn check_issuer(claims: &ClaimsSet<'_>, rules: &ClaimRules) -> Result<(), Error> {
    match claims.iss.as_deref() {
        Some(iss) if iss == rules.issuer => Ok(()),
        iss => Err(Error::UnknownIssuer {
            issuer: Excerpt::from(iss.unwrap_or_default()),
            configured: rules.issuer.clone(),
            hint: "",
        }),
    }
}

/// Compares media types by [RFC 7515 §4.1.9](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9):
/// case does not matter, and `application/` may be left out.
fn check_type(typ: Option<&str>, rules: &ClaimRules) -> Result<(), Error> {
    if rules.token_types.is_empty() {
        return Ok(());
    }
    let typ = typ.unwrap_or_default();
    let lower = typ.to_ascii_lowercase();
    let short = lower.strip_prefix("application/").unwrap_or(&lower);
    if rules.token_types.iter().any(|allowed| allowed == short) {
        Ok(())
    } else {
        Err(Error::WrongTokenType { typ: Excerpt::from(typ), wanted: rules.token_types.join(", ") })
    }
}

fn check_times(claims: &ClaimsSet<'_>, rules: &ClaimRules, now: SystemTime) -> Result<(), Error> {
    let now = seconds_since_epoch(now);
    let leeway = rules.leeway.as_secs_f64();
    let NumericDate(exp) = claims.exp.ok_or_else(|| Error::missing_claim("exp"))?;
    if now >= exp + leeway {
        return Err(Error::Expired { seconds_ago: whole(now - exp) });
    }
    if let Some(NumericDate(nbf)) = claims.nbf
        && now < nbf - leeway
    {
        return Err(Error::NotYetValid { seconds_ahead: whole(nbf - now) });
    }
    if let Some(NumericDate(iat)) = claims.iat
        && now < iat - leeway
    {
        return Err(Error::IssuedInFuture { seconds_ahead: whole(iat - now) });
    }
    if let Some(limit) = rules.max_age {
        let NumericDate(iat) = claims.iat.ok_or_else(|| Error::missing_claim("iat"))?;
        if now >= iat + limit.as_secs_f64() + leeway {
            return Err(Error::TooOld {
                age_seconds: whole(now - iat),
                limit_seconds: limit.as_secs(),
            });
        }
    }
    Ok(())
}

/// Returns 0 for a clock before 1970: no token had been issued then.
fn seconds_since_epoch(now: SystemTime) -> f64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float cast saturates, and the number is for a log line"
)]
fn whole(seconds: f64) -> i64 {
    seconds.ceil() as i64
}

fn check_audience(claims: &ClaimsSet<'_>, rules: &ClaimRules) -> Result<(), Error> {
    let Audience::AnyOf(wanted) = &rules.audience else { return Ok(()) };
    let audience = claims.aud.as_ref().ok_or_else(|| missing_audience(claims))?;
    if audience.iter().any(|audience| wanted.iter().any(|wanted| wanted == audience)) {
        return Ok(());
    }
    let audience: Vec<_> = audience.iter().collect();
    Err(Error::WrongAudience {
        audience: Excerpt::from(format!("{audience:?}").as_str()),
        wanted: wanted.join(", "),
    })
}

fn missing_audience(claims: &ClaimsSet<'_>) -> Error {
    let hint = if claims.token_use.as_deref() == Some("access") {
        "; an access token of Cognito has none: set AUTHORIZER_AUDIENCE=*, AUTHORIZER_CLIENT_IDS and AUTHORIZER_TOKEN_USE=access"
    } else {
        ""
    };
    Error::MissingClaim { claim: "aud".to_owned(), hint }
}

fn check_client(claims: &ClaimsSet<'_>, rules: &ClaimRules) -> Result<(), Error> {
    if rules.client_ids.is_empty() {
        return Ok(());
    }
    let client = claims.client().ok_or_else(|| Error::missing_claim("client_id"))?;
    if rules.client_ids.iter().any(|wanted| wanted == client) {
        Ok(())
    } else {
        Err(Error::WrongClient {
            client: Excerpt::from(client),
            wanted: rules.client_ids.join(", "),
        })
    }
}

fn check_token_use(claims: &ClaimsSet<'_>, rules: &ClaimRules) -> Result<(), Error> {
    let Some(wanted) = &rules.token_use else { return Ok(()) };
    let token_use = claims.token_use.as_deref().ok_or_else(|| Error::missing_claim("token_use"))?;
    if token_use == wanted {
        Ok(())
    } else {
        Err(Error::WrongTokenUse { token_use: Excerpt::from(token_use), wanted: wanted.clone() })
    }
}

#[cfg(test)]
mod tests;
