//! An authorizer with its keys in memory and a clock that stands still.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jwks_authorizer::diagnosis::{Explanation, Subject, Values};
use jwks_authorizer::jwks::{Content, FetchError, Fetched, KeyRequest, KeySet, KeySource};
use jwks_authorizer::{Authorizer, Config, FunctionError, Invocation, Response};
use tokio::runtime::{Builder, Runtime};

/// The time of every decision, in seconds since 1970.
pub const NOW: u64 = 1_780_000_000;
/// The issuer. Nothing listens there.
pub const ISSUER: &str = "https://127.0.0.1:9/";
/// The audience.
pub const AUDIENCE: &str = "api";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread().enable_time().build().expect("a runtime needs no resources")
});

/// An authorizer that a target asks.
pub struct TestAuthorizer(Authorizer<FromMemory>);

impl TestAuthorizer {
    /// Makes an authorizer of these keys. The settings come after those of the issuer, the audience
    /// and the algorithms, without their prefix.
    ///
    /// # Panics
    ///
    /// If the settings have a mistake.
    #[must_use]
    pub fn new(keys: &str, settings: &[(&str, &str)]) -> Self {
        Self::with(config(settings).expect("the settings have no mistake"), keys)
    }

    /// Makes an authorizer of a configuration.
    ///
    /// # Panics
    ///
    /// If the configuration names a key set file.
    #[must_use]
    pub fn with(config: Config, keys: &str) -> Self {
        let source = FromMemory(keys.as_bytes().to_vec());
        let clock = || UNIX_EPOCH + Duration::from_secs(NOW);
        RUNTIME.block_on(async {
            let authorizer = Authorizer::with_source(config, source, Arc::new(clock)).await;
            let authorizer = authorizer.expect("the configuration names no file");
            authorizer.prefetch().await;
            Self(authorizer)
        })
    }

    /// Answers an event.
    ///
    /// # Errors
    ///
    /// The function error.
    pub fn answer(&self, event: &str) -> Result<Response, FunctionError> {
        RUNTIME.block_on(self.0.authorize(event, invocation()))
    }

    /// Explains an event or a token.
    #[must_use]
    pub fn explain(&self, subject: &Subject, values: Values) -> Explanation {
        RUNTIME.block_on(self.0.explain(subject, None, values, invocation()))
    }
}

fn invocation() -> Invocation<'static> {
    let deadline: SystemTime = UNIX_EPOCH;
    Invocation { request_id: "fuzz", trace_id: None, deadline }
}

/// Reads settings whose names have no prefix, after those that every target needs.
///
/// # Errors
///
/// The mistakes in the settings.
pub fn config(settings: &[(&str, &str)]) -> Result<Config, jwks_authorizer::config::ConfigError> {
    let common = [("ISSUER", ISSUER), ("AUDIENCE", AUDIENCE), ("ALGORITHMS", "RS256,ES256,EdDSA")];
    let variables = common.iter().chain(settings);
    let variable =
        |(name, value): &(&str, &str)| (format!("AUTHORIZER_{name}"), (*value).to_owned());
    Config::from_variables(variables.map(variable))
}

/// Returns this key set to each fetch.
struct FromMemory(Vec<u8>);

impl KeySource for FromMemory {
    async fn fetch(&self, request: KeyRequest<'_>) -> Result<Fetched, FetchError> {
        let uri = request.origin.location.first_uri().clone();
        let (issuer, algorithms) = (&request.origin.issuer, &request.origin.algorithms);
        let (keys, skipped) = KeySet::parse(&self.0, issuer, algorithms)
            .map_err(|cause| FetchError::KeySet { url: uri.to_string(), cause })?;
        Ok(Fetched { content: Content::Keys { keys, skipped, etag: None }, uri, max_age: None })
    }
}
