//! The built function in an execution environment of its own, asked one token after the other.
//!
//! An answer alone does not tell by which keys a token was judged, and an issuer alone does not tell
//! why it was asked. Both are in the function's log, which is read along with each answer.

#![allow(dead_code, reason = "each test binary asks for its own part")]

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use local_gateway::function::Function;
use local_gateway::invocation::{Deadline, FunctionError};
use local_gateway::issuer::{AUDIENCE, Issuer, KEY_SET_PATH};
use local_gateway::log::Follower;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use crate::gateway::{Gateway, Verdict};

/// What a busy machine needs beyond what the function's own timeouts allow.
pub(crate) const SLACK: Duration = Duration::from_secs(1);

/// What nothing here takes, unless it is never to happen.
const FOREVER: Duration = Duration::from_secs(30);

/// Waits for what must come to pass, but not for ever.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(FOREVER, future).await.expect("it comes to pass in time")
}

/// The time between two tokens where only the passing of time is waited for.
const PACE: Duration = Duration::from_millis(10);

/// A running function, and what it has logged.
pub(crate) struct Environment {
    function: Function,
    gateway: Gateway,
    log: Follower,
    /// How many questions the function was asked and has taken.
    asked: usize,
    /// Each attempt to fetch keys, as far as the log was read.
    pub(crate) refreshes: Vec<Refresh>,
}

/// A verdict, and what the log says of it.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    /// The reason code, where the token was not allowed.
    pub(crate) reason: Option<String>,
    /// By which keys: `fresh`, `stale` or `fetched`.
    pub(crate) keys: Option<String>,
    /// From the question to the answer.
    pub(crate) took: Duration,
}

impl Decision {
    #[track_caller]
    pub(crate) fn is_allowed_by(&self, keys: &str) {
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
pub(crate) struct Refresh {
    pub(crate) level: String,
    pub(crate) outcome: String,
    pub(crate) cause: String,
    pub(crate) error: String,
}

impl Environment {
    /// Starts the function, and waits until it asks for its first invocation.
    ///
    /// `settings` come on top of an audience and a log of every decision.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let environment = Self::begin_to_start(settings).await;
        environment.ready().await;
        environment
    }

    /// Starts the function, and does not wait.
    pub(crate) async fn begin_to_start(settings: &[(&str, &str)]) -> Self {
        let defaults = [("AUTHORIZER_AUDIENCE", AUDIENCE), ("AWS_LAMBDA_LOG_LEVEL", "DEBUG")];
        // A list of issuers brings each its own audience, and refuses one beside it.
        let audience = usize::from(settings.iter().any(|(name, _)| *name == "AUTHORIZER_ISSUERS"));
        let variables = defaults[audience..].iter().chain(settings).copied();
        let executable = Path::new(env!("CARGO_BIN_EXE_jwks-authorizer"));
        let gateway = Gateway::start().await;
        let function =
            Function::start(executable, gateway.runtime_api().address(), variables).unwrap();
        let log = function.follow_log();
        Self { function, gateway, log, asked: 0, refreshes: Vec::new() }
    }

    pub(crate) async fn ready(&self) {
        in_time(self.gateway.runtime_api().ready()).await.expect("the function starts");
    }

    /// Starts a function that must not start.
    pub(crate) async fn failed_start(settings: &[(&str, &str)]) -> FunctionError {
        let environment = Self::begin_to_start(settings).await;
        in_time(environment.gateway.runtime_api().init_error()).await
    }

    pub(crate) fn pid(&self) -> u32 {
        self.function.pid()
    }

    /// What asks without reading the log, as often at once as one likes.
    ///
    /// [`Environment::decisions`] then reads the log.
    pub(crate) fn gateway(&self) -> Gateway {
        self.gateway.clone()
    }

    /// Asks whether `token` may in.
    pub(crate) async fn ask(&mut self, token: &str) -> Decision {
        self.ask_before(Deadline::default(), token).await
    }

    /// Asks whether `token` may in, and tells the function when to have answered.
    pub(crate) async fn ask_before(&mut self, deadline: Deadline, token: &str) -> Decision {
        self.asked += 1;
        let asked = Instant::now();
        let verdict = self.gateway.ask_before(deadline, token).await;
        let took = asked.elapsed();
        let Logged { reason, keys } = self.logged().await;
        Decision { verdict, reason, keys, took }
    }

    /// Asks again and again until a decision is as wanted, and returns all of them.
    ///
    /// For what only time brings about: keys that go stale, a pause that ends.
    pub(crate) async fn ask_until(
        &mut self,
        token: &str,
        mut wanted: impl FnMut(&Self, &Decision) -> bool,
    ) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let mut pace = interval(PACE);
        let asking = async {
            loop {
                pace.tick().await;
                let decision = self.ask(token).await;
                let enough = wanted(self, &decision);
                decisions.push(decision);
                if enough {
                    return;
                }
            }
        };
        let in_time = timeout(FOREVER, asking).await.is_ok();
        assert!(in_time, "not in {} decisions: {:#?}", decisions.len(), decisions.last());
        decisions
    }

    /// Asks until a token is allowed, which a start on a busy machine may put off.
    pub(crate) async fn hold_keys(&mut self, token: &str) {
        self.ask_until(token, |_, decision| decision.verdict == Verdict::Allow).await;
    }

    /// Asks again and again until a question makes the function ask `issuer` for its key set, then
    /// for the `count`th time, and returns that question, which may not have an answer yet.
    pub(crate) async fn ask_until_requested(
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
            let (gateway, token) = (self.gateway(), token.to_owned());
            self.asked += 1;
            let mut question = tokio::spawn(async move { gateway.ask(&token).await });
            tokio::select! {
                biased;
                () = issuer.requested(KEY_SET_PATH, count) => return question,
                answered = &mut question => { answered.unwrap(); }
            }
            self.logged().await;
        }
    }

    /// Asks `count` times at once, and waits until the function has taken all of it.
    pub(crate) async fn ask_at_once(
        &mut self,
        token: &str,
        count: usize,
    ) -> Vec<JoinHandle<Verdict>> {
        let ask = |_| {
            let (gateway, token) = (self.gateway(), token.to_owned());
            tokio::spawn(async move { gateway.ask(&token).await })
        };
        let questions = (0..count).map(ask).collect();
        self.asked += count;
        in_time(self.gateway.runtime_api().taken(self.asked)).await;
        questions
    }

    /// Reads what the log says of the next `count` decisions.
    pub(crate) async fn decisions(&mut self, count: usize) -> Vec<Logged> {
        let mut logged = Vec::new();
        for _ in 0..count {
            logged.push(self.logged().await);
        }
        logged
    }

    /// The refreshes that failed, as far as the log was read.
    pub(crate) fn failures(&self) -> usize {
        self.refreshes.iter().filter(|refresh| refresh.outcome == "failed").count()
    }

    /// The levels of the refreshes that failed, without the first `skipped` refreshes, as far as
    /// the log was read.
    pub(crate) fn failure_levels(&self, skipped: usize) -> BTreeSet<&str> {
        let failed = self.refreshes[skipped..].iter().filter(|refresh| refresh.outcome == "failed");
        failed.map(|refresh| refresh.level.as_str()).collect()
    }

    async fn logged(&mut self) -> Logged {
        let refreshes = &mut self.refreshes;
        let mut decision = None;
        let line = self.log.line(|line| {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            let field = |name: &str| line[name].as_str().map(str::to_owned);
            if line["message"] == "key refresh" {
                let text = |name| field(name).unwrap_or_default();
                refreshes.push(Refresh {
                    level: text("level"),
                    outcome: text("outcome"),
                    cause: text("cause"),
                    error: text("error"),
                });
            }
            if line["decision"].is_string() {
                decision = Some(Logged { reason: field("reason"), keys: field("keys") });
            }
            decision.is_some()
        });
        in_time(line).await;
        decision.expect("the function runs")
    }
}

/// What the log says of one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) reason: Option<String>,
    pub(crate) keys: Option<String>,
}
