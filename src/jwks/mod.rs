//! Where keys come from.
//!
//! [`KeySet`] reads a key set and chooses a key from it. [`KeyState`] is what is
//! known of one issuer's keys, with the pure rules of what to do next.
//! [`KeyCache`] keeps a state for each issuer and lets one fetch at a time
//! change it, through a [`KeySource`]. [`HttpKeySource`] is the one that goes to
//! the network.
//!
//! Nothing here knows of events or of claims.

mod cache;
mod fetch;
mod key_set;
mod report;
mod source;
mod state;

pub use cache::{Clock, KeyCache, Keys, KeysUsed};
pub use fetch::{ClientError, HttpKeySource};
pub use key_set::{KeySet, KeySetError, SkipReason, SkippedKey};
pub use source::{Content, DiscoveryError, FetchError, Fetched, KeyOrigin, KeyRequest, KeySource};
pub use state::{Age, CacheRules, Cause, Chosen, KeyQuery, KeyState, NoKey, Step};
