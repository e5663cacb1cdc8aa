//! Diagnosis: why a request is refused, and what is wrong with the settings or the keys.
//!
//! `explain` walks one token or event through the stages of the pipeline, and goes on after a
//! failure. `check` reads the settings and fetches every issuer's keys. Both run the pipeline's own
//! functions, so a diagnosis cannot disagree with a decision.
//!
//! Not here: any rule of its own, the command line (`tool.rs` of the executable), and work for a
//! request that no diagnosis is asked for.

mod check;
mod explain;
mod question;
pub mod text;

pub use check::{
    CheckReport, DiscoveryReport, IssuerReport, KeyFileReport, KeyReport, KeySetReport,
    ProxyVariable, check,
};
pub use explain::{Explanation, Outcome, Step, Subject, Values};
pub(crate) use question::Question;
