//! What an explanation says, and its JSON.

use serde::Serialize;
use serde_json::Value;

use super::routes::OtherRoutes;

/// What the function decides on a request, and why.
///
/// There is no `Debug`: it has the claims of a token.
#[derive(Serialize)]
pub struct Explanation {
    /// `allow`, `unauthorized`, `deny` or `error`, as in the log.
    pub decision: &'static str,
    /// The reason code of the decision, if it is not `allow`.
    pub reason: Option<&'static str>,
    /// The reason codes of everything that is wrong, that of the decision first.
    pub reasons: Vec<&'static str>,
    /// The status that the client sees, unless the API behind it answers with another one.
    pub client_sees: u16,
    /// The kind of the event, as in the log. `None` for a token without an event.
    pub event_kind: Option<&'static str>,
    /// The configured issuer that the token names.
    pub issuer: Option<String>,
    /// Whether the issuer signed the token. If not, nothing in `claims` is verified.
    pub verified: bool,
    /// The stages of the pipeline, in order.
    pub steps: Vec<Step>,
    /// The claims of the token, if they could be read.
    pub claims: Option<Value>,
    /// The response to API Gateway: the policy and the context. `None` for a function error.
    pub answer: Option<Value>,
    /// What the answer means for the caller's other routes.
    #[serde(skip)]
    pub(super) other_routes: Option<OtherRoutes>,
    /// Each reason of `reasons`, and its cure.
    #[serde(skip)]
    pub(super) cures: Vec<(&'static str, &'static str)>,
}

/// A stage of the pipeline.
#[derive(Clone, Serialize)]
pub struct Step {
    /// The name of the stage.
    pub step: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found, or why the stage was skipped.
    pub found: Option<String>,
    /// What was wanted.
    pub wanted: Option<String>,
    /// What to do, if the stage failed.
    pub cure: Option<&'static str>,
    /// The reason code, if the stage failed.
    #[serde(skip)]
    pub(super) reason: Option<&'static str>,
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It found what was wanted.
    Passed,
    /// It found something else.
    Failed,
    /// It could not run.
    Skipped,
    /// It passed, but will probably not for long, or not everywhere.
    Warning,
}
