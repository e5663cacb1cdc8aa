//! What the integration tests share.
//!
//! - [`deployment`] runs the built function as Lambda does and reads its log,
//! - [`gateway`] invokes it as API Gateway does and says what the client sees,
//! - [`fixtures`] serves the issuers of `wiremock-fixtures/`,
//! - [`mod@line`] is a connection to an issuer that can break,
//! - [`markdown`] reads the documentation.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

pub mod deployment;
pub mod fixtures;
pub mod gateway;
pub mod line;
pub mod markdown;
