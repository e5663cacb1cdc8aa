//! API Gateway, Lambda and an OIDC issuer on loopback, to run `jwks-authorizer` without AWS.
//!
//! ```text
//! client ──▶ WebSocketApi, RestApi, HttpApi ──▶ RuntimeApi ◀── Function (the real executable)
//!            ask their Authorizer               Lambda's        │
//!                 │                             Runtime API     ▼
//!              Recorder ──▶ Page                               Issuer (discovery, key set, tokens)
//! ```
//!
//! `cargo run -p local-gateway` shows the authorizer at work. The authorizer's tests and benchmarks
//! run its executable in the same way. The modules, in the order in which a request passes them:
//!
//! - [`websocket`], [`rest`] and [`http_api`]: accept or refuse requests,
//! - [`authorizer`], [`identity`] and [`cache`]: decide whether to ask the function,
//! - [`request`] and [`events`]: a client's request, and the event that each kind of API makes of it,
//! - [`runtime_api`], [`invoke`] and [`invocation`]: pass the event to the function and take its response,
//! - [`function`], [`log`] and [`executable`]: run the function as a child process,
//! - [`issuer`], [`served`], [`keys`] and [`tokens`]: sign the tokens and publish the keys,
//! - [`policy`]: evaluates the policy that the function returns,
//! - [`recorder`] and [`page`]: keep the requests, and show them,
//! - [`stack`]: starts all of them.
//!
//! The crate does not depend on the authorizer and shares no code with it. It is written from the
//! documentation of API Gateway, Lambda and OIDC. Shared code would hide a mistake from the tests.
//!
//! Each server listens on a free port of `127.0.0.1` and stops when its handle is dropped. Waiting
//! uses notifications: nothing polls or sleeps.

pub mod authorizer;
pub mod cache;
mod client_request;
pub mod events;
pub mod executable;
pub mod function;
mod guard;
pub mod http_api;
pub mod identity;
pub mod invocation;
pub mod invoke;
pub mod issuer;
pub mod keys;
pub mod log;
pub mod page;
pub mod policy;
mod queue;
pub mod recorder;
pub mod request;
pub mod rest;
pub mod runtime_api;
pub mod served;
mod server;
pub mod stack;
pub mod tokens;
pub mod websocket;

// These types are in signatures of public functions.
pub use hyper::header;
