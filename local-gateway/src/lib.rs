//! What surrounds `jwks-authorizer` in production, on loopback: API Gateway, Lambda and an issuer.
//!
//! ```text
//! WebSocket client ──▶ WebSocketApi ──▶ RuntimeApi ◀── Function (the real executable)
//!                      the upgrade,     Lambda's        │
//!                      as $connect      Runtime API     ▼
//!                                                     Issuer (discovery, key set, tokens)
//! ```
//!
//! It serves three readers: someone who wants to see the authorizer work before owning an AWS
//! account (`cargo run -p local-gateway`), the authorizer's tests, which run the real executable
//! against it, and its benchmarks. In the order a request meets them:
//!
//! - [`websocket`]: the endpoint that upgrades, or refuses as API Gateway does,
//! - [`request`] and [`events`]: what a client sends, and what API Gateway makes of it for an
//!   authorizer, for each kind of API,
//! - [`runtime_api`] and [`invocation`]: how Lambda hands that on and takes the answer,
//! - [`function`], [`log`] and [`executable`]: the function itself, as a child process,
//! - [`issuer`], [`served`] and [`keys`]: who signs the tokens and publishes the keys,
//! - [`policy`]: what API Gateway makes of the answer,
//! - [`stack`]: all of it, started together.
//!
//! It knows the authorizer only by its contract with API Gateway, Lambda and OIDC, shares no code
//! with it and does not depend on it. What both got wrong in the same way would otherwise pass.
//!
//! Everything binds to a free port on `127.0.0.1`, nothing outlives its handle, and whoever waits
//! is notified: there is no polling and no sleep.

pub mod events;
pub mod executable;
pub mod function;
pub mod invocation;
pub mod issuer;
pub mod keys;
pub mod log;
pub mod policy;
mod queue;
pub mod request;
pub mod runtime_api;
pub mod served;
mod server;
pub mod stack;
pub mod websocket;

// Parts of the public functions' signatures.
pub use hyper::{StatusCode, header};
