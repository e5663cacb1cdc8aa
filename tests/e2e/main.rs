//! The built function from outside: events in, answers out, as Lambda and API Gateway see it.
//!
//! [`test_support`] runs the executable and evaluates each answer as API Gateway does; [`tokens`] and
//! [`signer`] make what the requests contain. Each other module asks one question:
//!
//! - [`events`]: is every kind of event answered in its own form?
//! - [`credentials`]: is the one token of a request found, and are two refused?
//! - [`refusals`]: is there a request for every reason code, and a nearest one that gets in?
//! - [`mistakes`]: does the log name the usual mistake behind a refusal?
//! - [`hostile`]: does any forged, broken or oversized token get in, or a token into the log?
//! - [`issuers`]: are several issuers kept apart?
//! - [`binding`]: is a token that is bound to a certificate of use without it?
//! - [`tenants`]: are the tenants of one issuer kept apart?
//! - [`issuers_file`]: can a file name many issuers?
//! - [`log`]: can anybody forge a log entry?
//! - [`rules`], [`access`] and [`answers`]: does every setting do what it says?
//! - [`resource`]: does it tell clients where to get a token?
//! - [`trial`]: do rules on trial report what they would change, and change nothing?
//! - [`start`]: what does a start report, fetch and wait for?
//! - [`check`]: does a check of the settings say what is wrong, and only then?
//! - [`tool`]: what does the executable print without Lambda?
//!
//! One executable for all of them, since linking is what takes the time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod signer;
mod tokens;

mod access;
mod answers;
mod binding;
mod check;
mod credentials;
mod events;
mod hostile;
mod issuers;
mod issuers_file;
mod log;
mod mistakes;
mod needs;
mod refusals;
mod resource;
mod rules;
mod start;
mod tenants;
mod tool;
mod trial;
