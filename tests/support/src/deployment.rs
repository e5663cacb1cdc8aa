//! The built function, run as Lambda runs it, with a Runtime API and a log of its own.
//!
//! The answer alone does not say which keys verified a token, and the issuer alone does not say why
//! it was asked. The log says both, so each answer is read together with its log line.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use local_gateway::executable::PREBUILT;
use local_gateway::function::Function;
use local_gateway::invocation::{Deadline, FunctionError, FunctionOutcome};
use local_gateway::issuer::{AUDIENCE, Issuer, KEY_SET_PATH};
use local_gateway::log::Follower;
use local_gateway::policy::Caller;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use crate::gateway::{Gateway, Refused, Verdict, judge};

/// How long a test waits for an event before it fails.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The time between two requests of a test that waits for time to pass.
const PACE: Duration = Duration::from_millis(10);

/// Waits for an event that must happen.
///
/// # Panics
///
/// If it does not happen within a minute.
pub async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(TIME_LIMIT, future).await.expect("the event happens in time")
}

/// Returns the path of the function: the value of [`PREBUILT`], or what cargo built for the test.
///
/// # Panics
///
/// If neither variable is set. Cargo sets its own when it runs a test.
#[must_use]
pub fn executable() -> PathBuf {
    let built = || std::env::var_os("CARGO_BIN_EXE_jwks-authorizer");
    std::env::var_os(PREBUILT).or_else(built).expect("cargo runs the test").into()
}

/// A running function.
#[derive(Debug)]
pub struct Deployment {
    gateway: Gateway,
    function: Function,
    log: Follower,
    /// The number of invocations that the function was given.
    asked: usize,
    /// Each fetch of keys, as far as the log was read.
    pub refreshes: Vec<Refresh>,
}

impl Deployment {
    /// Starts the function for the tokens of one issuer, and waits until it takes events.
    pub async fn trusting(issuer: &str, settings: &[(&str, &str)]) -> Self {
        let trust = [("AUTHORIZER_ISSUER", issuer), ("AUTHORIZER_AUDIENCE", AUDIENCE)];
        Self::start(&[&trust, settings].concat()).await
    }

    /// Starts the function, and waits until it takes events.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let mut deployment = Self::begin_to_start(settings).await;
        deployment.ready().await;
        deployment
    }

    /// Starts the function, and does not wait.
    pub async fn begin_to_start(settings: &[(&str, &str)]) -> Self {
        // The function logs allowed requests at this level.
        let defaults = [("AWS_LAMBDA_LOG_LEVEL", "DEBUG")];
        let variables = defaults.iter().chain(settings).copied();
        let gateway = Gateway::start().await;
        let address = gateway.runtime_api().address();
        let function = Function::start(&executable(), address, variables).unwrap();
        let log = function.follow_log();
        Self { function, gateway, log, asked: 0, refreshes: Vec::new() }
    }

    /// Waits until the function takes events.
    ///
    /// # Panics
    ///
    /// If the start fails.
    pub async fn ready(&mut self) {
        tokio::select! {
            // A function that reports a failed start then ends: its report says more.
            biased;
            ready = in_time(self.gateway.runtime_api().ready()) => ready.unwrap(),
            status = self.function.wait() => {
                panic!("{}: {}", status.unwrap(), self.function.log().join("\n"))
            }
        }
    }

    /// Starts a function whose start must fail, and returns what it reports to Lambda.
    ///
    /// # Panics
    ///
    /// If the function starts, panics, or does not log the message that it reports.
    pub async fn failed_start(settings: &[(&str, &str)]) -> FunctionError {
        let mut deployment = Self::begin_to_start(settings).await;
        let error = in_time(deployment.gateway.runtime_api().init_error()).await;
        assert!(!in_time(deployment.function.wait()).await.unwrap().success());
        let log = deployment.end().await.join("\n");
        assert!(!log.contains("panicked"), "{log}");
        // The log is JSON, so it has the line as in a JSON string.
        let line = Value::from(error.error_message.lines().next().unwrap()).to_string();
        assert!(log.contains(line.trim_matches('"')), "{log}");
        error
    }

    /// Returns the process' id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.function.pid()
    }

    /// Returns what invokes the function without reading the log, as often at once as needed.
    ///
    /// [`Deployment::decision`] then reads the log.
    #[must_use]
    pub fn gateway(&self) -> Gateway {
        self.gateway.clone()
    }

    /// Sends a request as API Gateway does, and returns who was allowed or how it was refused.
    ///
    /// # Panics
    ///
    /// If answer and log line contradict each other, or API Gateway would not accept the answer.
    pub async fn ask(&mut self, event: &Value) -> Result<Caller, Refused> {
        self.ask_for_more(event).await.0
    }

    /// Like [`Deployment::ask`], with the log line of the decision.
    pub async fn ask_for_more(&mut self, event: &Value) -> (Result<Caller, Refused>, Value) {
        let answer = self.invoke(event.to_string()).await;
        let line = self.decision().await;
        (judge(event, &answer, &line), line)
    }

    /// Invokes the function with any event.
    pub async fn invoke(&self, event: impl Into<Vec<u8>>) -> FunctionOutcome {
        self.gateway.runtime_api().invoke(event.into()).await.unwrap()
    }

    /// Invokes the function with a deadline.
    pub async fn invoke_before(&self, deadline: Deadline, event: &Value) -> FunctionOutcome {
        self.gateway.runtime_api().invoke_before(deadline, event.to_string()).await.unwrap()
    }

    /// Sends a WebSocket handshake with a token.
    pub async fn ask_token(&mut self, token: &str) -> Decision {
        self.ask_token_before(Deadline::default(), token).await
    }

    /// Sends a WebSocket handshake with a token and a deadline.
    pub async fn ask_token_before(&mut self, deadline: Deadline, token: &str) -> Decision {
        self.asked += 1;
        let asked = Instant::now();
        let verdict = self.gateway.ask_before(deadline, token).await;
        let took = asked.elapsed();
        let line = self.decision().await;
        let field = |name: &str| line[name].as_str().map(str::to_owned);
        let duration = Duration::from_micros(line["duration_us"].as_u64().unwrap());
        Decision { verdict, reason: field("reason"), keys: field("keys"), took, duration }
    }

    /// Sends a token again and again until a decision is as wanted, and returns all decisions.
    ///
    /// For what needs time to pass: keys that go stale, a pause that ends.
    pub async fn ask_until(
        &mut self,
        token: &str,
        mut wanted: impl FnMut(&Self, &Decision) -> bool,
    ) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let mut pace = interval(PACE);
        let asking = async {
            loop {
                pace.tick().await;
                let decision = self.ask_token(token).await;
                let enough = wanted(self, &decision);
                decisions.push(decision);
                if enough {
                    return;
                }
            }
        };
        let in_time = timeout(TIME_LIMIT, asking).await.is_ok();
        assert!(in_time, "not in {} decisions: {:#?}", decisions.len(), decisions.last());
        decisions
    }

    /// Sends a token until it is allowed: on a busy machine the first fetch may fail.
    pub async fn hold_keys(&mut self, token: &str) {
        self.ask_until(token, |_, decision| decision.verdict == Verdict::Allow).await;
    }

    /// Waits until the function asks for the next invocation, if it takes one at a time.
    pub async fn idle(&self) {
        in_time(self.gateway.runtime_api().asked(self.asked + 1)).await;
    }

    /// Sends a token again and again until an answer is followed by the `count`th request for
    /// `issuer`'s key set. Returns all decisions. The function takes one invocation at a time.
    pub async fn ask_until_fetch_follows(
        &mut self,
        token: &str,
        issuer: &Issuer,
        count: usize,
    ) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let mut pace = interval(PACE);
        loop {
            pace.tick().await;
            decisions.push(self.ask_token(token).await);
            tokio::select! {
                biased;
                () = in_time(issuer.requested(KEY_SET_PATH, count)) => return decisions,
                () = self.idle() => {}
            }
        }
    }

    /// Sends a token again and again until the function requests `issuer`'s key set for the
    /// `count`th time. Returns the last request, which may not have an answer yet.
    pub async fn ask_until_requested(
        &mut self,
        token: &str,
        issuer: &Issuer,
        count: usize,
    ) -> JoinHandle<Verdict> {
        in_time(self.find_waiting(token, issuer, count)).await
    }

    async fn find_waiting(
        &mut self,
        token: &str,
        issuer: &Issuer,
        count: usize,
    ) -> JoinHandle<Verdict> {
        let mut pace = interval(PACE);
        loop {
            pace.tick().await;
            let mut request = self.spawn(token);
            tokio::select! {
                biased;
                () = issuer.requested(KEY_SET_PATH, count) => return request,
                answered = &mut request => { answered.unwrap(); }
            }
            self.decision().await;
        }
    }

    /// Sends a token `count` times at once, and waits until the function has taken all requests.
    pub async fn ask_at_once(&mut self, token: &str, count: usize) -> Vec<JoinHandle<Verdict>> {
        let requests = (0..count).map(|_| self.spawn(token)).collect();
        in_time(self.gateway.runtime_api().taken(self.asked)).await;
        requests
    }

    fn spawn(&mut self, token: &str) -> JoinHandle<Verdict> {
        self.asked += 1;
        let (gateway, token) = (self.gateway(), token.to_owned());
        tokio::spawn(async move { gateway.ask(&token).await })
    }

    /// Waits for the log line of the next decision. Collects the fetches that were logged before it.
    pub async fn decision(&mut self) -> Value {
        let refreshes = &mut self.refreshes;
        let line = self.log.line(|line| {
            let Ok(line) = serde_json::from_str::<Value>(line) else { return false };
            if line["message"] == "key refresh" {
                refreshes.push(Refresh::of(&line));
            }
            line["decision"].is_string()
        });
        let line = in_time(line).await.expect("the function logs each decision");
        serde_json::from_str(&line).unwrap()
    }

    /// Waits for the first log line that contains `text`, from the function's start on.
    pub async fn logged(&self, text: &str) -> String {
        let line = in_time(self.function.log_line(|line| line.contains(text))).await;
        line.unwrap_or_else(|| panic!("{text:?} is not in the log"))
    }

    /// Returns the log so far. It includes the lines of all decisions so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.function.log()
    }

    /// Counts the fetches that failed, as far as the log was read.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.refreshes.iter().filter(|refresh| refresh.outcome == "failed").count()
    }

    /// Returns the log levels of the fetches that failed, without the first `skipped` fetches, as
    /// far as the log was read.
    #[must_use]
    pub fn failure_levels(&self, skipped: usize) -> BTreeSet<&str> {
        let failed = self.refreshes[skipped..].iter().filter(|refresh| refresh.outcome == "failed");
        failed.map(|refresh| refresh.level.as_str()).collect()
    }

    /// Stops the Runtime API, which ends the function, and returns the whole log.
    pub async fn end(mut self) -> Vec<String> {
        drop(self.gateway);
        in_time(self.function.wait()).await.unwrap();
        let beyond_the_last = self.function.log_line(|_| false).await;
        assert_eq!(beyond_the_last, None);
        self.function.log()
    }
}

/// A verdict, and what the log says about it.
#[derive(Debug)]
pub struct Decision {
    /// What the client sees.
    pub verdict: Verdict,
    /// The reason code, if the token was not allowed.
    pub reason: Option<String>,
    /// Which keys verified the token: `fresh`, `stale` or `fetched`.
    pub keys: Option<String>,
    /// The time from the request to the answer. It includes the wait for a function that is busy.
    pub took: Duration,
    /// The time of the decision, from the function's log.
    pub duration: Duration,
}

impl Decision {
    /// Asserts that the token was allowed, and by which keys.
    #[track_caller]
    pub fn is_allowed_by(&self, keys: &str) {
        assert_eq!((&self.verdict, self.keys.as_deref()), (&Verdict::Allow, Some(keys)), "{self}");
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}, reason: {}, keys: {}, after {:?}",
            self.verdict,
            self.reason.as_deref().unwrap_or("-"),
            self.keys.as_deref().unwrap_or("-"),
            self.took
        )
    }
}

/// A log line about a fetch.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// The line's log level.
    pub level: String,
    /// `fetched`, `not_modified` or `failed`.
    pub outcome: String,
    /// Why keys were fetched: `age` or `unknown_key`.
    pub cause: String,
    /// Why the fetch failed.
    pub error: String,
}

impl Refresh {
    fn of(line: &Value) -> Self {
        let field = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        Self {
            level: field("level"),
            outcome: field("outcome"),
            cause: field("cause"),
            error: field("error"),
        }
    }
}
