//! API Gateway, Lambda and an OIDC issuer on loopback, to run `jwks-authorizer` without AWS.
//!
//! ```text
//! client ──▶ WebSocketApi, RestApi, HttpApi ──▶ Lambda ──▶ RuntimeApi ◀── Function (the real
//!            ask their Authorizer               starts     one for each    │       executable)
//!                 │                             and        environment     ▼
//!              Recorder ──▶ Page                freezes                   Issuer (discovery, keys)
//! ```
//!
//! `cargo run -p local-gateway` shows the authorizer at work. The authorizer's tests and benchmarks
//! run its executable in the same way. The modules, in the order in which a request passes them:
//!
//! - [`websocket`], [`rest`] and [`http_api`]: accept or refuse requests,
//! - [`stage`], [`authorizer`], [`identity`] and [`cache`]: decide whether to ask the function,
//! - [`request`] and [`events`]: a client's request, and the event that each kind of API makes of it,
//! - [`lambda`]: finds or starts an execution environment for the event,
//! - [`clock`]: the time of caches and connections, which can be advanced,
//! - [`runtime_api`], [`invoke`] and [`invocation`]: pass the event to the function and take its response,
//! - [`function`], [`log`] and [`executable`]: run the function as a child process,
//! - [`issuer`], [`served`], [`keys`] and [`tokens`]: sign the tokens and publish the keys,
//! - [`policy`]: evaluates the policy that the function returns,
//! - [`integration`]: gets the requests that may enter, and answers them,
//! - [`recorder`] and [`page`]: keep the requests, and show them,
//! - [`stack`]: starts all of them,
//! - [`conformance`]: sends the table of cases to these APIs, or to real ones.
//!
//! The crate does not depend on the authorizer and shares no code with it. It is written from the
//! documentation of API Gateway, Lambda and OIDC. Shared code would hide a mistake from the tests.
//!
//! Each server listens on a free port of `127.0.0.1` and stops when its handle is dropped. Waiting
//! uses notifications: nothing polls or sleeps, except cases that wait for a real API's cache.

pub mod authorizer;
pub mod cache;
mod client_request;
pub mod clock;
pub mod conformance;
pub mod events;
pub mod executable;
pub mod function;
mod guard;
pub mod http_api;
pub mod identity;
pub mod integration;
pub mod invocation;
pub mod invoke;
pub mod issuer;
pub mod keys;
pub mod lambda;
pub mod log;
pub mod page;
pub mod policy;
mod process_group;
mod queue;
pub mod recorder;
pub mod request;
pub mod rest;
pub mod runtime_api;
pub mod served;
mod server;
pub mod stack;
pub mod stage;
pub mod tokens;
pub mod websocket;

// These types are in signatures of public functions.
pub use hyper::header;
