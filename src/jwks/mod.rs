//! Issuers' signing keys: fetched, cached and selected by a token's `kid` and `alg`.
//!
//! - `key_set` parses a key set and selects a key from it.
//! - `source` has the trait that fetches a key set, and its types. Tests implement it.
//! - `fetch` implements it over HTTP. No other file uses the network.
//! - `observer` tells a diagnosis what a fetch does.
//! - `state` has one issuer's keys and the pure rules for what to do next.
//! - `refresh` fetches once, within the time limit, and handles a freeze of the process.
//! - `refresh_log` writes the log entries of a refresh.
//! - `simulation` drives a state by hand, for a simulation of many environments.
//! - `error` says why there is no key for a token.
//! - `due` lists the refreshes that are made after an answer.
//! - `cache` has a state for each issuer, and runs one refresh of an issuer at a time.
//!
//! This module knows neither events nor claims.

mod cache;
mod due;
mod error;
mod fetch;
mod key_set;
mod observer;
mod refresh;
mod refresh_log;
#[doc(hidden)]
pub mod simulation;
mod source;
mod state;

pub(crate) use cache::{KeyCache, KeyFreshness, SigningKeys};
pub use error::KeysUnavailableCause;
pub use fetch::{ClientError, HttpKeySource};
pub(crate) use key_set::InspectedKey;
pub use key_set::{KeySet, KeySetError, SkipReason, SkippedKey};
pub(crate) use observer::{Document, FetchObserver, ResponseHead};
pub use refresh::Clock;
pub use source::{
    ConnectionFault, Content, DiscoveryError, FetchError, Fetched, KeyLocation, KeyOrigin,
    KeyRequest, KeySource,
};
pub use state::CacheRules;
pub(crate) use state::{KeyQuery, LifetimeCause, lifetime};
