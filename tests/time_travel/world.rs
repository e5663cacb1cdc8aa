//! A function whose clock stands still until a test moves it, and its issuer.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use local_gateway::invocation::{Deadline, TIMEOUT};
use local_gateway::issuer::{Issuer, KEY_SET_PATH};
use serde_json::{Value, json};

use test_support::deployment::{Decision, Deployment};
use test_support::gateway::Verdict;

/// The variable with the path of libfaketime.
const LIBRARY: &str = "FAKETIME_LIBRARY";

/// A time at which most tests begin, in seconds since 1970.
pub(crate) const NOON: u64 = 1_900_000_000;

/// How long keys are fresh.
pub(crate) const TTL: u64 = 600;

/// How long stale keys may be used.
pub(crate) const MAX_STALE: u64 = 86_400;

/// Ages at which keys are not yet due for a refresh, and at which they surely are: see docs/keys.md.
pub(crate) const NOT_DUE: u64 = TTL * 80 / 100 - 1;
pub(crate) const DUE: u64 = TTL * 95 / 100;

/// Longer than the longest backoff and cooldown.
pub(crate) const PAUSE: u64 = 31;

/// The function, its clock and its issuer.
pub(crate) struct World {
    pub(crate) issuer: Issuer,
    deployment: Deployment,
    clock: FakeClock,
}

impl World {
    /// Starts the function at a time.
    pub(crate) async fn at(seconds: u64) -> Self {
        Self::with_settings(seconds, &[]).await
    }

    /// Starts the function at a time, with further settings.
    pub(crate) async fn with_settings(seconds: u64, settings: &[(&str, &str)]) -> Self {
        let issuer = Issuer::start().await.unwrap();
        let clock = FakeClock::at(seconds);
        let library = std::env::var(LIBRARY).expect(".ci/time-travel sets the library's path");
        let defaults = [
            ("LD_PRELOAD", &*library),
            ("FAKETIME_TIMESTAMP_FILE", clock.file.to_str().unwrap()),
            ("FAKETIME_FMT", "%s"),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            // Longer than a busy machine needs to stop the process.
            ("AUTHORIZER_JWKS_TIMEOUT_MS", "25000"),
            ("AUTHORIZER_LEEWAY_SECONDS", "0"),
        ];
        let deployment =
            Deployment::trusting(issuer.url(), &[&defaults[..], settings].concat()).await;
        Self { issuer, deployment, clock }
    }

    /// Moves the function's clock, and lets it stand still there.
    pub(crate) fn set(&mut self, seconds: u64) {
        self.set_millis(seconds * 1000);
    }

    /// Does the same as [`World::set`], in milliseconds.
    pub(crate) fn set_millis(&mut self, millis: u64) {
        self.clock.set(millis);
    }

    /// Returns a token that is valid at any time from 1970 until the year 9999.
    pub(crate) fn token(&self) -> String {
        self.token_with(json!({}))
    }

    /// Returns such a token with other claims.
    pub(crate) fn token_with(&self, claims: Value) -> String {
        const YEAR_9999: u64 = 253_402_300_799;
        let mut all = self.issuer.claims();
        let members = all.as_object_mut().unwrap();
        members.extend([("iat".to_owned(), json!(0)), ("exp".to_owned(), json!(YEAR_9999))]);
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        members.extend(claims);
        self.issuer.token(&all)
    }

    /// Sends a token, and waits until the function has done what follows the answer.
    pub(crate) async fn ask(&mut self, token: &str) -> Decision {
        let decision = self.ask_without_waiting(token).await;
        self.idle().await;
        decision
    }

    /// Waits until the function has done what follows the answers so far.
    pub(crate) async fn idle(&self) {
        self.deployment.idle().await;
    }

    /// Sends a token. The deadline is by the function's clock.
    pub(crate) async fn ask_without_waiting(&mut self, token: &str) -> Decision {
        let timeout = u64::try_from(TIMEOUT.as_millis()).unwrap();
        let header = (self.clock.millis + timeout).into();
        let deadline = Deadline::Told { header, timeout: Duration::from_secs(60) };
        self.deployment.ask_token_before(deadline, token).await
    }

    /// Sends a token that must be refused for this reason.
    pub(crate) async fn refuses(&mut self, token: &str, reason: &str) {
        let decision = self.ask(token).await;
        assert_eq!(decision.verdict, Verdict::Unauthorized, "{decision}");
        assert_eq!(decision.reason.as_deref(), Some(reason), "{decision}");
    }

    /// Sends a token that must be allowed by such keys, before or after this many fetches in all.
    pub(crate) async fn allows(&mut self, token: &str, keys: &str, fetches: usize) {
        self.ask(token).await.is_allowed_by(keys);
        assert_eq!(self.fetches(), fetches, "{keys} at {} ms", self.clock.millis);
    }

    /// Counts the requests for the key set.
    pub(crate) fn fetches(&self) -> usize {
        self.issuer.requests(KEY_SET_PATH)
    }

    /// Stops the process, until it is thawed.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets the process go on.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.deployment.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Returns the log so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.deployment.log().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Counts the fetches that failed.
    pub(crate) fn failures(&self) -> usize {
        self.deployment.failures()
    }
}

/// The file from which libfaketime reads the time. It is removed when this is dropped.
struct FakeClock {
    file: PathBuf,
    millis: u64,
}

impl FakeClock {
    fn at(seconds: u64) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("clock-{}-{number}", std::process::id());
        let mut clock =
            Self { file: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name), millis: 0 };
        clock.set(seconds * 1000);
        clock
    }

    /// Replaces the file as a whole: the function may read it at any time.
    fn set(&mut self, millis: u64) {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{}.{:03}\n", millis / 1000, millis % 1000)).unwrap();
        fs::rename(new, &self.file).unwrap();
        self.millis = millis;
    }
}

impl Drop for FakeClock {
    fn drop(&mut self) {
        // Another run has other files.
        let _ = fs::remove_file(&self.file);
    }
}
