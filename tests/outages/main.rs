//! The built function while its issuer fails, its process freezes, or everybody comes at once.
//!
//! What it owes its callers then: a good token is never refused because keys could not be fetched,
//! nobody waits longer than the settings say, and the issuer is not asked more often than
//! `docs/keys.md` says. Each module is one way for things to go wrong:
//!
//! - [`failures`]: the issuer answers badly, late or not at all ([`breakage`] makes it),
//! - [`rotation`]: its keys change while tokens of both are under way,
//! - [`freeze`]: Lambda stops the process, idle or in the middle of a fetch,
//! - [`crowd`]: thousands of unknown keys, and many requests before there are keys,
//! - [`deadline`]: an invocation ends before a fetch does,
//! - [`neighbour`]: one issuer hangs beside another,
//! - [`revalidation`]: the keys have not changed, says the issuer,
//! - [`files`]: the first keys are in the package,
//! - [`trust`]: the issuer's certificate is signed by a company's own authority,
//! - [`proxy`]: the way out leads through a proxy.
//!
//! Time passes here only where the function's own settings need it to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints what it measured"
)]

#[path = "../support/gateway.rs"]
mod gateway;
#[path = "../support/line.rs"]
mod line;
#[path = "../support/outage.rs"]
mod outage;

mod breakage;
mod crowd;
mod deadline;
mod failures;
mod files;
mod freeze;
mod neighbour;
mod proxy;
mod revalidation;
mod rotation;
mod trust;
