//! What a claims check looked at and what it wanted, in words. The check itself is `jwt`'s.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::super::text::{date, duration, relative};
use super::values::Values;
use crate::jwt::{Audience, ClaimCheck, ClaimRules, TokenBinding, TokenContent};

/// What a check looked at, and what it wanted.
pub(super) struct Observed {
    /// The name of the step.
    pub(super) step: &'static str,
    /// What was found.
    pub(super) found: String,
    /// What was wanted.
    pub(super) wanted: String,
    /// Whether `found` says more than the error does.
    pub(super) adds_to_error: bool,
    /// Whether the check passed only because of the leeway.
    pub(super) is_within_leeway: bool,
}

/// The token of a check, and how to show it.
pub(super) struct Observer<'a> {
    pub(super) token: &'a TokenContent<'a>,
    pub(super) claims: &'a Value,
    pub(super) rules: &'a ClaimRules,
    pub(super) now: SystemTime,
    pub(super) values: Values,
}

impl Observer<'_> {
    /// Describes a check. Returns `None` for that of `iss`, which the step `issuer` describes.
    pub(super) fn observe(&self, check: ClaimCheck<'_>) -> Option<Observed> {
        let rules = self.rules;
        let leeway = format!("give or take {} (AUTHORIZER_LEEWAY_SECONDS)", length(rules.leeway));
        Some(match check {
            ClaimCheck::Issuer => return None,
            ClaimCheck::Tenant => {
                plain("tenant", self.found("tid"), "the tenant in the iss, or none".to_owned())
            }
            ClaimCheck::TokenType => {
                // A parameter of the header is no claim.
                let typ = self.token.typ().map(Value::from);
                let found = Values::Shown.claim("typ", typ.as_ref());
                plain("token_type", found, one_of(&rules.token_types, "AUTHORIZER_TOKEN_TYPES"))
            }
            ClaimCheck::Expiry => self.time("expiry", "exp", format!("in the future, {leeway}")),
            ClaimCheck::NotBefore => {
                self.time("not_before", "nbf", format!("in the past, {leeway}, or none"))
            }
            ClaimCheck::IssuedAt => {
                self.time("issued_at", "iat", format!("in the past, {leeway}, or none"))
            }
            ClaimCheck::Age => match rules.max_age {
                None => plain("age", self.dated("iat"), any("AUTHORIZER_MAX_TOKEN_AGE_SECONDS")),
                Some(limit) => {
                    let wanted = format!(
                        "at most {} ago (AUTHORIZER_MAX_TOKEN_AGE_SECONDS), {leeway}",
                        length(limit)
                    );
                    Observed {
                        is_within_leeway: self
                            .number("iat")
                            .is_some_and(|iat| self.now() >= iat + limit.as_secs_f64()),
                        ..self.time("age", "iat", wanted)
                    }
                }
            },
            ClaimCheck::Audience => plain(
                "audience",
                self.found("aud"),
                match &rules.audience {
                    Audience::AnyOf(wanted) => one_of(wanted, "AUTHORIZER_AUDIENCE"),
                    Audience::Unchecked => "any (AUTHORIZER_AUDIENCE is *)".to_owned(),
                },
            ),
            ClaimCheck::Client => {
                let name = if self.claims.get("client_id").is_none() { "azp" } else { "client_id" };
                let found = match self.claims.get(name) {
                    None => "there is no client_id and no azp".to_owned(),
                    Some(_) => self.found(name),
                };
                plain("client", found, one_of(&rules.client_ids, "AUTHORIZER_CLIENT_IDS"))
            }
            ClaimCheck::TokenUse => plain(
                "token_use",
                self.found("token_use"),
                one_of(rules.token_use.as_slice(), "AUTHORIZER_TOKEN_USE"),
            ),
            ClaimCheck::Binding => Observed {
                adds_to_error: true,
                ..plain(
                    "binding",
                    self.found("cnf"),
                    match rules.token_binding {
                        TokenBinding::AsIssued => {
                            "the certificate that the token is bound to, if it is".to_owned()
                        }
                        TokenBinding::MutualTls => {
                            "the certificate that the token is bound to (AUTHORIZER_TOKEN_BINDING)"
                                .to_owned()
                        }
                    },
                )
            },
            ClaimCheck::Required(required) => {
                let value = self.token.value(&required.path).ok().flatten();
                Observed {
                    adds_to_error: true,
                    ..plain(
                        "required_claims",
                        self.values.claim(required.path.as_str(), value),
                        groups_of(&required.groups, "AUTHORIZER_REQUIRED_CLAIMS"),
                    )
                }
            }
        })
    }

    fn found(&self, name: &str) -> String {
        self.values.claim(name, self.claims.get(name))
    }

    fn time(&self, step: &'static str, name: &str, wanted: String) -> Observed {
        let now = self.now();
        let is_within_leeway = self.number(name).is_some_and(|time| match step {
            "expiry" => now >= time,
            _ => now < time,
        });
        let found = self.dated(name);
        Observed { adds_to_error: true, is_within_leeway, ..plain(step, found, wanted) }
    }

    /// Describes a claim that is a time, by its date and how far away it is.
    fn dated(&self, name: &str) -> String {
        let Some(time) = self.number(name) else { return self.found(name) };
        // Rounded away from zero like the seconds in an error, so that the two cannot differ.
        let away = time - self.now();
        let away = whole(if away > 0.0 { away.ceil() } else { away.floor() });
        let shown = || format!("{name} is {} ({})", date(whole(time)), relative(away, 0));
        self.values.either(shown, &format!("{name} is a number"))
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.claims.get(name).and_then(Value::as_f64)
    }

    fn now(&self) -> f64 {
        self.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }
}

fn plain(step: &'static str, found: String, wanted: String) -> Observed {
    Observed { step, found, wanted, adds_to_error: false, is_within_leeway: false }
}

/// Describes the values that a setting accepts. An empty list accepts any.
pub(super) fn one_of<T: ToString>(accepted: &[T], setting: &str) -> String {
    let accepted: Vec<_> = accepted.iter().map(ToString::to_string).collect();
    match &*accepted {
        [] => any(setting),
        [one] => format!("{one} ({setting})"),
        several => format!("one of: {} ({setting})", several.join(", ")),
    }
}

/// Describes groups, of each of which one must be there.
pub(super) fn groups_of<T: ToString>(groups: &[Vec<T>], setting: &str) -> String {
    let group = |group: &Vec<T>| {
        let items: Vec<_> = group.iter().map(ToString::to_string).collect();
        items.join(" or ")
    };
    match groups {
        [] => any(setting),
        [only] => format!("{} ({setting})", group(only)),
        several => {
            let groups: Vec<_> = several.iter().map(group).collect();
            format!("each of: {} ({setting})", groups.join(", "))
        }
    }
}

/// Says that a setting restricts nothing.
pub(super) fn any(setting: &str) -> String {
    format!("any ({setting} is not set)")
}

fn length(time: Duration) -> String {
    duration(time.as_secs())
}

#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, and a date is shown")]
fn whole(seconds: f64) -> i64 {
    seconds.floor() as i64
}
