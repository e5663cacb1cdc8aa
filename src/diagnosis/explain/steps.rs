//! The steps of a walk, and how each ended.

use super::report::{Outcome, Step};
use super::values::Values;
use crate::error::Error;
use crate::trial::TrialChange;

/// The names of the steps, in order: before the claims, of the claims, and after them.
const EARLY_STEPS: [&str; 8] =
    ["event", "credential", "decode", "read", "issuer", "algorithm", "key", "signature"];
pub(super) const CLAIM_STEPS: [&str; 11] = [
    "tenant",
    "token_type",
    "expiry",
    "not_before",
    "issued_at",
    "age",
    "audience",
    "client",
    "token_use",
    "binding",
    "required_claims",
];
pub(super) const LATE_STEPS: [&str; 3] = ["origin", "required_scopes", "route"];

/// Why the checks of claims are skipped for a token of an unknown issuer.
pub(super) const NO_RULES: &str = "it is not known which issuer's rules apply";

/// The steps so far.
#[derive(Default)]
pub(super) struct Steps(pub(super) Vec<Step>);

impl Steps {
    pub(super) fn pass(&mut self, step: &'static str, found: String, wanted: String) {
        self.push(step, Outcome::Passed, Some(found), Some(wanted));
    }

    pub(super) fn skip(&mut self, step: &'static str, why: &str) {
        self.push(step, Outcome::Skipped, Some(why.to_owned()), None);
    }

    pub(super) fn push(
        &mut self,
        step: &'static str,
        outcome: Outcome,
        found: Option<String>,
        wanted: Option<String>,
    ) {
        self.0.push(Step { step, outcome, found, wanted, cure: None, reason: None });
    }

    pub(super) fn fail(&mut self, step: &'static str, error: &Error, found: &str, wanted: String) {
        self.0.push(Step {
            step,
            outcome: Outcome::Failed,
            found: Some(found.to_owned()),
            wanted: Some(wanted),
            cure: Some(error.cure()),
            reason: Some(error.reason()),
        });
    }

    /// Adds what the rules on trial would change.
    pub(super) fn trial(&mut self, change: TrialChange, values: Values) {
        let (outcome, found) = match change {
            TrialChange::None => (Outcome::Passed, "they decide in the same way".to_owned()),
            TrialChange::Allow => (Outcome::Warning, "they would allow the request".to_owned()),
            TrialChange::Refuse(why) => {
                let found = "they would refuse the request";
                (Outcome::Warning, values.either(|| format!("{found}: {why}"), found))
            }
        };
        let wanted =
            "the same decision with each AUTHORIZER_REPORT_ONLY_… in place of the setting in force"
                .to_owned();
        self.push("trial", outcome, Some(found), Some(wanted));
    }

    /// Adds the steps that are missing.
    pub(super) fn skip_rest(&mut self, why: &str) {
        self.skip_missing(EARLY_STEPS.into_iter().chain(CLAIM_STEPS).chain(LATE_STEPS), why);
    }

    /// Adds those of `steps` that are missing.
    pub(super) fn skip_missing(
        &mut self,
        steps: impl IntoIterator<Item = &'static str>,
        why: &str,
    ) {
        for step in steps {
            if self.0.iter().all(|done| done.step != step) {
                self.skip(step, why);
            }
        }
    }
}
