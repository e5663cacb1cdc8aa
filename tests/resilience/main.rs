//! The built function while its issuer fails, its process is frozen, or many requests come at once.
//!
//! A good token is never refused because a refresh failed, no request waits longer than the settings
//! say, and the issuer is not asked more often than `docs/keys.md` says. Each module is one kind of
//! trouble:
//!
//! - [`ahead`]: fetches follow answers, and no request waits for them,
//! - [`failures`]: the issuer fails, in every way of [`world`],
//! - [`first_fetch`]: the issuer is slow or cannot be reached during the start,
//! - [`rotation`]: the issuer's keys change during traffic,
//! - [`freeze`]: Lambda freezes the process, idle or during a fetch,
//! - [`load`]: thousands of unknown keys, and many requests before there are keys,
//! - [`deadline`]: an invocation ends before a fetch does,
//! - [`isolation`]: one issuer hangs beside another,
//! - [`revalidation`]: the issuer says that the keys have not changed,
//! - [`files`]: the first keys are in the package,
//! - [`trust`]: a company's own authority signed the issuer's certificate,
//! - [`proxy`]: fetches go through a proxy.
//!
//! A test waits only as long as a setting of the function makes it wait.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints what it measured"
)]

mod ahead;
mod deadline;
mod failures;
mod files;
mod first_fetch;
mod freeze;
mod isolation;
mod load;
mod proxy;
mod revalidation;
mod rotation;
mod trust;
mod world;
