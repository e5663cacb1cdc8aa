//! Changes what the issuer serves, and the caches of the APIs.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use crate::served::Served;

/// The longest time by which the caches can be made older at once.
const MAX_ADVANCE_SECONDS: u32 = 3600;

/// What the issuer is to do.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum IssuerAction {
    /// Replaces the key.
    Rotate,
    /// Serves a key set without keys.
    Withdraw,
    /// Does not answer.
    Hang,
    /// Closes each connection.
    Down,
    /// Serves its own documents again.
    Restore,
}

/// What happens to the caches.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum CacheAction {
    /// Removes every response.
    Flush,
    /// Makes every response older.
    Advance {
        /// By how many seconds.
        seconds: u32,
    },
}

impl State {
    pub(super) fn change_issuer(&self, action: &IssuerAction) -> Result<Value, String> {
        let issuer = &self.issuer;
        match action {
            IssuerAction::Rotate => issuer.rotate().map_err(|error| error.to_string())?,
            IssuerAction::Withdraw => issuer.serve_key_set(Served::bytes(r#"{"keys":[]}"#)),
            IssuerAction::Hang => issuer.serve_key_set(Served::Hang),
            IssuerAction::Down => issuer.serve_key_set(Served::Disconnect),
            IssuerAction::Restore => issuer.serve_key_set(Served::Own),
        }
        Ok(json!({}))
    }

    pub(super) fn change_caches(&self, action: &CacheAction) -> Result<Value, String> {
        for (_, authorizer) in &self.apis {
            match action {
                CacheAction::Flush => authorizer.flush_cache(),
                CacheAction::Advance { seconds } if *seconds <= MAX_ADVANCE_SECONDS => {
                    authorizer.advance_cache(Duration::from_secs((*seconds).into()));
                }
                CacheAction::Advance { .. } => {
                    return Err(format!("the most is {MAX_ADVANCE_SECONDS} seconds"));
                }
            }
        }
        Ok(json!({}))
    }
}
