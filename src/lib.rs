//! Decides for API Gateway whether a request may enter, by the JWT it brings.
//!
//! A request takes one way through the crate, and the modules stand in the
//! order in which it passes them:
//!
//! ```text
//! event ─▶ request ─▶ token ─▶ issuer ─▶ key ─▶ verified token ─▶ claims ─▶ access ─▶ context ─▶ answer
//! gateway  gateway    jwt      jwt       jwks   jwt               jwt       access    context    gateway
//! ```
//!
//! [`Authorizer::authorize`] is that way, top to bottom. All of it is pure,
//! without I/O, clock or environment, but for the key: it comes from
//! [`jwks::KeyCache`], which may have to fetch it.
//!
//! The binary reads the environment into a [`config::Config`] and runs an
//! [`Authorizer`] behind Lambda's Runtime API. `docs/architecture.md` tells why
//! things are as they are.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod access;
pub mod authorizer;
pub mod config;
pub mod context;
mod decision_log;
pub mod error;
pub mod gateway;
pub mod invocation;
mod json;
pub mod jwks;
pub mod jwt;
pub mod metrics;
mod startup;

pub use authorizer::Authorizer;
pub use config::Config;
pub use error::Error;
pub use invocation::Invocation;
pub use startup::StartError;
