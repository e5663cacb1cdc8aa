//! Changes what the issuer serves, the authorizers and caches of the APIs, and how the function is run.

use std::sync::PoisonError;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use crate::authorizer::{AuthorizerConfig, AuthorizerType};
use crate::lambda::{LambdaOptions, MAX_ENVIRONMENTS, MAX_TIMEOUT_SECONDS};
use crate::served::Served;
use crate::stage::Stage;

/// The longest time by which the clock can be moved at once.
const MAX_ADVANCE_SECONDS: u32 = 3600;

/// The longest time by which the issuer can be made slow.
const MAX_DELAY_MS: u32 = 60_000;

/// The action after which the issuer serves its own documents, as it does at the start.
pub(super) const ISSUER_RESTORED: &str = "restore";

/// What the issuer is to do.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum IssuerAction {
    /// Replaces the key, and leaves the old one in the key set.
    Rotate,
    /// Takes the old key out of the key set.
    WithdrawOld,
    /// Serves a key set without keys.
    WithdrawAll,
    /// Answers after this time.
    Slow {
        /// The time in milliseconds.
        ms: u32,
    },
    /// Does not answer.
    Hang,
    /// Closes each connection.
    Down,
    /// Serves JSON that is cut off.
    Malformed,
    /// Serves a page of HTML.
    Html,
    /// Serves the current key with a modulus that is none.
    BrokenKey,
    /// Serves its own documents again.
    Restore,
}

/// What happens to the caches, or to the clock that they and the connections have.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum CacheAction {
    /// Removes every response.
    Flush,
    /// Moves the clock forward.
    Advance {
        /// By how many seconds.
        seconds: u32,
    },
}

/// What happens to the function.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum LambdaAction {
    /// Freezes idle environments, now and from now on, as Lambda does.
    Freeze,
    /// Lets idle environments run, now and from now on.
    Thaw,
    /// Ends every environment, so that the next event waits for a cold start.
    StopAll,
    /// Sets the reserved concurrency.
    Limit {
        /// How many environments may work at the same time. With 0, every event is throttled.
        environments: usize,
    },
    /// Sets the function's timeout.
    Timeout { seconds: u64 },
    /// Adds or removes the permission of API Gateway to invoke the function.
    Permission {
        /// The name of the API.
        api: String,
        /// The name of the stage; the API's first one if there is none.
        stage: Option<String>,
        granted: bool,
    },
}

/// How the authorizer of a stage is to be set up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorizerChange {
    /// The name of the API.
    api: String,
    /// The name of the stage; the API's first one if there is none.
    stage: Option<String>,
    /// The type; the present one if there is none.
    #[serde(rename = "type")]
    authorizer_type: Option<AuthorizerType>,
    identity_sources: Vec<String>,
    ttl_seconds: u64,
    validation: Option<String>,
}

impl State {
    /// Changes an authorizer, and returns its new configuration.
    pub(super) fn change_authorizer(&self, change: AuthorizerChange) -> Result<Value, String> {
        let (url, stage) = self.stage(&change.api, change.stage.as_deref())?;
        let kind = stage.authorizer.config().kind;
        let authorizer_type = change.authorizer_type.unwrap_or_else(|| kind.authorizer_type());
        let changed = kind.with(authorizer_type, change.validation).and_then(|kind| {
            let ttl = Duration::from_secs(change.ttl_seconds);
            let identity_sources = change.identity_sources;
            stage.authorizer.configure(AuthorizerConfig { kind, identity_sources, ttl })
        });
        changed.map_err(|error| error.to_string())?;
        Ok(describe_stage(url, stage))
    }

    pub(super) fn change_issuer(&self, action: &IssuerAction) -> Result<Value, String> {
        let issuer = &self.issuer;
        let (name, served) = match action {
            IssuerAction::Rotate => {
                issuer.rotate_with_overlap().map_err(|error| error.to_string())?;
                return Ok(json!({}));
            }
            IssuerAction::WithdrawOld => {
                issuer.old_key().ok_or("there is no old key: rotate the key first")?;
                issuer.withdraw_old_key();
                return Ok(json!({}));
            }
            IssuerAction::WithdrawAll => ("withdraw_all", Served::bytes(r#"{"keys":[]}"#)),
            IssuerAction::Slow { ms } if *ms <= MAX_DELAY_MS => {
                ("slow", Served::Slow(Duration::from_millis((*ms).into())))
            }
            IssuerAction::Slow { .. } => return Err(format!("the most is {MAX_DELAY_MS} ms")),
            IssuerAction::Hang => ("hang", Served::Hang),
            IssuerAction::Down => ("down", Served::Disconnect),
            IssuerAction::Malformed => ("malformed", Served::bytes(r#"{"keys":[{"kty":"RSA""#)),
            IssuerAction::Html => {
                ("html", Served::Html("<h1>Sorry, we are down for maintenance.</h1>"))
            }
            IssuerAction::BrokenKey => {
                let mut jwk = issuer.key().jwk();
                jwk["n"] = "not base64url".into();
                ("broken_key", Served::bytes(json!({ "keys": [jwk] }).to_string()))
            }
            IssuerAction::Restore => (ISSUER_RESTORED, Served::Own),
        };
        issuer.serve_key_set(served);
        *self.issuer_serves.lock().unwrap_or_else(PoisonError::into_inner) = name;
        Ok(json!({}))
    }

    /// Changes how the function is run. Returns its environments.
    pub(super) fn change_lambda(&self, action: &LambdaAction) -> Result<Value, String> {
        let lambda = &self.lambda;
        let options = lambda.options();
        match action {
            LambdaAction::Freeze => lambda.configure(LambdaOptions { freezes: true, ..options }),
            LambdaAction::Thaw => lambda.configure(LambdaOptions { freezes: false, ..options }),
            LambdaAction::StopAll => lambda.stop_all(),
            LambdaAction::Limit { environments } if *environments <= MAX_ENVIRONMENTS => {
                lambda.configure(LambdaOptions { environments: *environments, ..options });
            }
            LambdaAction::Limit { .. } => {
                return Err(format!("the most is {MAX_ENVIRONMENTS} environments"));
            }
            LambdaAction::Timeout { seconds } if (1..=MAX_TIMEOUT_SECONDS).contains(seconds) => {
                let timeout = Duration::from_secs(*seconds);
                lambda.configure(LambdaOptions { timeout, ..options });
            }
            LambdaAction::Timeout { .. } => {
                return Err(format!("the timeout is from 1 to {MAX_TIMEOUT_SECONDS} seconds"));
            }
            LambdaAction::Permission { api, stage, granted } => {
                self.stage(api, stage.as_deref())?.1.authorizer.permit(*granted);
            }
        }
        Ok(lambda.describe())
    }

    pub(super) fn change_caches(&self, action: &CacheAction) -> Result<Value, String> {
        match action {
            CacheAction::Flush => {
                for (_, stage) in &self.stages {
                    stage.authorizer.flush_cache();
                }
            }
            CacheAction::Advance { seconds } if *seconds <= MAX_ADVANCE_SECONDS => {
                self.clock.advance(Duration::from_secs((*seconds).into()));
            }
            CacheAction::Advance { .. } => {
                return Err(format!("the most is {MAX_ADVANCE_SECONDS} seconds"));
            }
        }
        Ok(json!({}))
    }
}

/// Describes a stage and the present configuration of its authorizer.
pub(super) fn describe_stage(url: &str, stage: &Stage) -> Value {
    let AuthorizerConfig { kind, identity_sources, ttl } = stage.authorizer.config();
    json!({
        "name": kind.api().name(),
        "stage": stage.name,
        "url": url,
        "type": kind.authorizer_type(),
        "payload_format": kind.payload_format(),
        "identity_sources": identity_sources,
        "ttl_s": ttl.as_secs(),
        "validation": kind.validation(),
        "is_permitted": stage.authorizer.is_permitted(),
    })
}
