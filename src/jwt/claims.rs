//! The claims check: a verified token against its issuer's rules, at a time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::binding::{TokenBinding, check_binding};
use super::claims_set::{ClaimsSet, NumericDate};
use super::content::TokenContent;
use super::required_claim::RequiredClaim;
use super::verify::VerifiedToken;
use crate::error::Error;
use crate::excerpt::Excerpt;
use crate::hints;
use crate::issuer::{AcceptedIssuer, IssuerName};
use crate::json::Text;

/// What the claims of an issuer's tokens must be.
#[derive(Debug, Clone)]
pub struct ClaimRules {
    /// The `iss`: an exact one, or one of many tenants.
    pub issuer: IssuerName,
    /// The accepted audiences.
    pub audience: Audience,
    /// The accepted clients; empty for any.
    pub client_ids: Vec<String>,
    /// The accepted `typ` headers, in lower case and without `application/`; empty for any.
    pub token_types: Vec<String>,
    /// Cognito's `token_use`.
    pub token_use: Option<String>,
    /// What the tokens must be bound to.
    pub token_binding: TokenBinding,
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

/// Claims that the issuer signed and that meet its rules.
pub(crate) struct Claims<'a> {
    content: TokenContent<'a>,
    tenant: Option<Box<str>>,
}

impl<'a> Claims<'a> {
    /// Checks the claims by [`check_each`]. `certificate` returns the client's certificate as PEM.
    ///
    /// # Errors
    ///
    /// The [`Error`] of the first check that fails.
    pub(crate) fn check<'c>(
        token: VerifiedToken<'a>,
        rules: &ClaimRules,
        now: SystemTime,
        certificate: impl FnOnce() -> Result<Text<'c>, Error>,
    ) -> Result<Self, Error> {
        check_each(token.content(), rules, now, certificate, |_, outcome| outcome)?;
        let content = token.into_content();
        let iss = content.registered().iss.as_deref();
        let tenant = iss.and_then(|iss| rules.issuer.tenant_in(iss)).map(Into::into);
        Ok(Self { content, tenant })
    }

    /// Takes claims that no issuer signed.
    #[cfg(test)]
    pub(super) fn of_test(content: TokenContent<'a>) -> Self {
        Self { content, tenant: None }
    }

    /// Returns the claims.
    #[must_use]
    pub(crate) fn content(&self) -> &TokenContent<'a> {
        &self.content
    }

    /// Returns the tenant in `iss`, if the issuer has many.
    #[must_use]
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// A check of the claims.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ClaimCheck<'r> {
    /// `iss` is exactly the issuer, or for an issuer with tenants, exactly that of an accepted one.
    Issuer,
    /// `tid` is the tenant in `iss`, if present. Only for an issuer with tenants.
    Tenant,
    /// The `typ` header parameter is an accepted one.
    TokenType,
    /// `exp` is present and in the future. At `exp` itself, the token has expired.
    Expiry,
    /// `nbf` is not in the future, if present.
    NotBefore,
    /// `iat` is not in the future, if present.
    IssuedAt,
    /// `iat` is not too long ago.
    Age,
    /// `aud` contains an accepted audience.
    Audience,
    /// The client is an accepted one.
    Client,
    /// `token_use` is the configured one.
    TokenUse,
    /// The client has what the token is bound to.
    Binding,
    /// A required claim has its accepted values.
    Required(&'r RequiredClaim),
}

/// Checks claims, verified or not, in the order of [`ClaimCheck`]. Gives the outcome of each check to
/// `report`, and stops if that returns an error. `certificate` returns the client's certificate as
/// PEM, and is called only if the token is bound to one.
///
/// # Errors
///
/// What `report` returns.
pub(crate) fn check_each<'r, 'c, E>(
    token: &TokenContent<'_>,
    rules: &'r ClaimRules,
    now: SystemTime,
    certificate: impl FnOnce() -> Result<Text<'c>, Error>,
    mut report: impl FnMut(ClaimCheck<'r>, Result<(), Error>) -> Result<(), E>,
) -> Result<(), E> {
    let claims = token.registered();
    let now = seconds_since_epoch(now);
    report(ClaimCheck::Issuer, check_issuer(claims, rules))?;
    if rules.issuer.has_tenants() {
        report(ClaimCheck::Tenant, check_tenant(token, rules))?;
    }
    report(ClaimCheck::TokenType, check_type(token, rules))?;
    report(ClaimCheck::Expiry, check_expiry(claims, rules, now))?;
    report(ClaimCheck::NotBefore, check_not_before(claims, rules, now))?;
    report(ClaimCheck::IssuedAt, check_issued_at(claims, rules, now))?;
    report(ClaimCheck::Age, check_age(claims, rules, now))?;
    report(ClaimCheck::Audience, check_audience(token, rules))?;
    report(ClaimCheck::Client, check_client(token, rules))?;
    report(ClaimCheck::TokenUse, check_token_use(claims, rules))?;
    let binding = check_binding(claims.cnf.as_ref(), rules.token_binding, certificate);
    report(ClaimCheck::Binding, binding)?;
    for required in &rules.required_claims {
        report(ClaimCheck::Required(required), required.check(token))?;
    }
    Ok(())
}

fn check_issuer(claims: &ClaimsSet<'_>, rules: &ClaimRules) -> Result<(), Error> {
    accepted_issuer(claims, rules).map(drop)
}

fn accepted_issuer<'c>(
    claims: &'c ClaimsSet<'_>,
    rules: &ClaimRules,
) -> Result<AcceptedIssuer<'c>, Error> {
    let iss = claims.iss.as_deref().unwrap_or_default();
    rules.issuer.accept(iss).ok_or_else(|| Error::UnknownIssuer {
        issuer: Excerpt::from(iss),
        configured: rules.issuer.to_string(),
        hint: None,
    })
}

/// Compares `tid`, in which Entra ID repeats the tenant.
fn check_tenant(token: &TokenContent<'_>, rules: &ClaimRules) -> Result<(), Error> {
    let tenant = accepted_issuer(token.registered(), rules)?.tenant.unwrap_or_default();
    match token.tenant_id()? {
        Some(tid) if *tid != *tenant => {
            Err(Error::WrongTenant { tid: Excerpt::from(&*tid), tenant: tenant.to_owned() })
        }
        Some(_) | None => Ok(()),
    }
}

/// Compares media types by [RFC 7515 §4.1.9](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9):
/// case does not matter, and `application/` may be left out.
fn check_type(token: &TokenContent<'_>, rules: &ClaimRules) -> Result<(), Error> {
    if rules.token_types.is_empty() {
        return Ok(());
    }
    let typ = token.typ().unwrap_or_default();
    let lower = typ.to_ascii_lowercase();
    let short = lower.strip_prefix("application/").unwrap_or(&lower);
    if rules.token_types.iter().any(|allowed| allowed == short) {
        Ok(())
    } else {
        Err(Error::WrongTokenType {
            typ: Excerpt::from(typ),
            wanted: rules.token_types.join(", "),
            hint: hints::token_type(token, &rules.token_types),
        })
    }
}

fn check_expiry(claims: &ClaimsSet<'_>, rules: &ClaimRules, now: f64) -> Result<(), Error> {
    let NumericDate(exp) = claims.exp.ok_or_else(|| Error::missing_claim("exp"))?;
    if now >= exp + rules.leeway.as_secs_f64() {
        return Err(Error::Expired { seconds_ago: whole(now - exp) });
    }
    Ok(())
}

fn check_not_before(claims: &ClaimsSet<'_>, rules: &ClaimRules, now: f64) -> Result<(), Error> {
    match claims.nbf {
        Some(NumericDate(nbf)) if now < nbf - rules.leeway.as_secs_f64() => {
            let seconds_ahead = whole(nbf - now);
            Err(Error::NotYetValid { seconds_ahead, hint: hints::clock(seconds_ahead) })
        }
        Some(_) | None => Ok(()),
    }
}

fn check_issued_at(claims: &ClaimsSet<'_>, rules: &ClaimRules, now: f64) -> Result<(), Error> {
    match claims.iat {
        Some(NumericDate(iat)) if now < iat - rules.leeway.as_secs_f64() => {
            let seconds_ahead = whole(iat - now);
            Err(Error::IssuedInFuture { seconds_ahead, hint: hints::clock(seconds_ahead) })
        }
        Some(_) | None => Ok(()),
    }
}

fn check_age(claims: &ClaimsSet<'_>, rules: &ClaimRules, now: f64) -> Result<(), Error> {
    let Some(limit) = rules.max_age else { return Ok(()) };
    let NumericDate(iat) = claims.iat.ok_or_else(|| Error::missing_claim("iat"))?;
    if now >= iat + limit.as_secs_f64() + rules.leeway.as_secs_f64() {
        return Err(Error::TooOld {
            age_seconds: whole(now - iat),
            limit_seconds: limit.as_secs(),
        });
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

fn check_audience(token: &TokenContent<'_>, rules: &ClaimRules) -> Result<(), Error> {
    let Audience::AnyOf(wanted) = &rules.audience else { return Ok(()) };
    let audience = token.registered().aud.as_ref().ok_or_else(|| Error::MissingClaim {
        claim: "aud".to_owned(),
        hint: hints::missing_audience(token, wanted),
    })?;
    if audience.iter().any(|audience| wanted.iter().any(|wanted| wanted == audience)) {
        return Ok(());
    }
    let audience: Vec<_> = audience.iter().collect();
    Err(Error::WrongAudience {
        audience: Excerpt::from(format!("{audience:?}").as_str()),
        wanted: wanted.join(", "),
        hint: hints::audience(token, wanted, rules.token_use.as_deref()),
    })
}

fn check_client(token: &TokenContent<'_>, rules: &ClaimRules) -> Result<(), Error> {
    if rules.client_ids.is_empty() {
        return Ok(());
    }
    let client = token.registered().client().ok_or_else(|| Error::MissingClaim {
        claim: "client_id".to_owned(),
        hint: hints::missing_client(token),
    })?;
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
        Err(Error::WrongTokenUse {
            token_use: Excerpt::from(token_use),
            wanted: wanted.clone(),
            hint: hints::token_use(token_use, wanted),
        })
    }
}

#[cfg(test)]
mod tests;
