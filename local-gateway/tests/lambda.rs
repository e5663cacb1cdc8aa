//! Runs functions in execution environments, as real processes.

#![cfg(unix)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use local_gateway::invocation::{FunctionOutcome, InvokeError};
use local_gateway::lambda::{Invocation, Lambda, LambdaOptions, Report, Status};
use local_gateway::stack::StartError;
use serde_json::{Value, json};

/// A timeout that no test reaches.
const LONG: Duration = Duration::from_secs(60);

/// A timeout that a test waits for.
const SHORT: Duration = Duration::from_millis(300);

/// A running function and the directory that controls it.
struct Deployed {
    lambda: Arc<Lambda>,
    files: PathBuf,
}

impl Deployed {
    async fn try_start(environments: usize, start: &str) -> Result<Self, StartError> {
        static TESTS: AtomicUsize = AtomicUsize::new(0);
        let number = TESTS.fetch_add(1, Ordering::Relaxed);
        let files = std::env::temp_dir().join(format!("lambda-{}-{number}", std::process::id()));
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("start"), start).unwrap();
        let executable = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/environment");
        let variables = [("FILES", &files)];
        let options = LambdaOptions { timeout: LONG, environments, ..LambdaOptions::default() };
        let lambda = Lambda::start(&executable, variables, options).await?;
        Ok(Self { lambda, files })
    }

    async fn start(environments: usize) -> Self {
        Self::try_start(environments, "").await.unwrap()
    }

    async fn invoke(&self, event: &str) -> Invocation {
        self.lambda.invoke(event.to_owned().into()).await
    }

    /// Invokes the function, and returns its process ID and what Lambda says.
    async fn succeed(&self, event: &str) -> (u32, Report) {
        succeeded(self.invoke(event).await)
    }

    /// Invokes the function, and returns its error and what Lambda says.
    async fn fail(&self, event: &str) -> (String, Report) {
        let Invocation { outcome, report } = self.invoke(event).await;
        let Ok(FunctionOutcome::Error(error)) = outcome else { panic!("no error: {outcome:?}") };
        (error.to_string(), report.unwrap())
    }

    /// Lets an event go on that the function waits with. Blocks until the function reads.
    fn release(&self, event: &str) {
        fs::write(self.files.join(event), "\n").unwrap();
    }

    fn make_fifo(&self, event: &str) {
        let made = Command::new("mkfifo").arg(self.files.join(event)).status().unwrap();
        assert!(made.success());
    }

    fn timeout(&self, timeout: Duration) {
        self.lambda.configure(LambdaOptions { timeout, ..self.lambda.options() });
    }

    fn states(&self) -> Vec<Value> {
        let description = self.lambda.describe();
        let environments = description["environments"].as_array().unwrap().iter();
        environments.map(|environment| environment["state"].clone()).collect()
    }
}

impl Drop for Deployed {
    fn drop(&mut self) {
        // What stays behind is in the directory for temporary files.
        let _ = fs::remove_dir_all(&self.files);
    }
}

fn succeeded(invocation: Invocation) -> (u32, Report) {
    let Invocation { outcome, report } = invocation;
    let Ok(FunctionOutcome::Response(pid)) = outcome else { panic!("no response: {outcome:?}") };
    (String::from_utf8_lossy(&pid).parse().unwrap(), report.unwrap())
}

/// Waits until the operating system has the process in this state.
#[cfg(target_os = "linux")]
async fn until_in_state(pid: u32, state: char) {
    let found = async {
        loop {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            if status.contains(&format!("\nState:\t{state}")) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, found).await.unwrap();
}

#[tokio::test]
async fn one_environment_processes_events_one_after_the_other() {
    let deployed = Deployed::start(10).await;
    let (pid, first) = deployed.succeed("a").await;
    let (same_pid, second) = deployed.succeed("b").await;
    assert_eq!(pid, same_pid);
    for report in [first, second] {
        assert_eq!((report.environment, report.status), (1, Status::Success));
        assert_eq!(report.init, None, "it was started before there was an event");
        assert!(report.frozen.is_some());
        assert!(report.billed() >= report.duration);
    }
    assert_eq!(deployed.lambda.invocations(), 2);
}

#[tokio::test]
async fn events_at_once_get_environments_up_to_the_limit() {
    let deployed = Deployed::start(2).await;
    let mut log = deployed.lambda.follow_log();
    let mut waiting = Vec::new();
    for event in ["wait-a", "wait-b"] {
        deployed.make_fifo(event);
        let lambda = Arc::clone(&deployed.lambda);
        waiting.push(tokio::spawn(async move { lambda.invoke(event.into()).await }));
        log.line(|line| line == format!("got {event}")).await.unwrap();
    }
    assert_eq!(deployed.states(), ["busy", "busy"]);
    let Invocation { outcome, report } = deployed.invoke("c").await;
    assert_eq!((outcome, report), (Err(InvokeError::Throttled(2)), None));

    deployed.release("wait-a");
    deployed.release("wait-b");
    let mut reports = Vec::new();
    for invocation in waiting {
        reports.push(succeeded(invocation.await.unwrap()));
    }
    assert_ne!(reports[0].0, reports[1].0);
    let cold: Vec<_> = reports.iter().map(|(_, it)| (it.environment, it.init.is_some())).collect();
    assert_eq!(cold, [(1, false), (2, true)]);
    let (_, third) = deployed.succeed("c").await;
    assert_eq!(third.init, None, "an idle environment gets the event");
}

#[tokio::test]
async fn with_a_limit_of_zero_every_event_is_throttled() {
    let deployed = Deployed::start(0).await;
    assert_eq!(deployed.invoke("a").await.outcome, Err(InvokeError::Throttled(0)));
    deployed.lambda.configure(LambdaOptions { environments: 1, ..deployed.lambda.options() });
    deployed.succeed("a").await;
}

#[tokio::test]
async fn a_timeout_ends_the_environment() {
    let deployed = Deployed::start(10).await;
    deployed.timeout(SHORT);
    let (error, report) = deployed.fail("hang").await;
    assert_eq!(error, "Sandbox.Timedout: Task timed out after 0.30 seconds");
    assert_eq!(report.status, Status::Timeout);
    assert!(report.duration >= SHORT);
    assert!(deployed.states().is_empty());
    deployed.timeout(LONG);
    let (_, report) = deployed.succeed("a").await;
    assert!(report.environment == 2 && report.init.is_some(), "{report:?}");
}

#[tokio::test]
async fn an_environment_that_does_not_ask_for_its_next_event_is_ended() {
    let deployed = Deployed::start(10).await;
    deployed.timeout(SHORT);
    let (pid, _) = deployed.succeed("never-asks-again").await;
    assert_eq!(deployed.states(), ["busy"]);
    deployed.timeout(LONG);
    let (other, report) = deployed.succeed("a").await;
    assert!(other != pid && report.init.is_some(), "{report:?}");
}

#[tokio::test]
async fn a_crash_ends_the_environment() {
    let deployed = Deployed::start(10).await;
    let (error, report) = deployed.fail("crash").await;
    assert_eq!(error, "Runtime.ExitError: Runtime exited: exit status: 3");
    assert_eq!((report.environment, report.status), (1, Status::Error));
    let (_, report) = deployed.succeed("a").await;
    assert!(report.environment == 2 && report.init.is_some(), "{report:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_environment_that_ended_while_it_was_idle_is_replaced() {
    let deployed = Deployed::start(10).await;
    let (pid, _) = deployed.succeed("a").await;
    let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    until_in_state(pid, 'Z').await;
    let (_, report) = deployed.succeed("a").await;
    assert!(report.environment == 2 && report.init.is_some(), "{report:?}");
}

#[tokio::test]
async fn a_start_that_fails_is_the_answer_of_its_event_only() {
    let deployed = Deployed::start(10).await;
    for (start, error) in
        [("error", "Config: broken"), ("exit", "Runtime.ExitError: Runtime exited: exit status: 7")]
    {
        fs::write(deployed.files.join("start"), start).unwrap();
        deployed.lambda.stop_all();
        let (found, report) = deployed.fail("a").await;
        assert_eq!(found, error);
        assert_eq!(report.status, Status::Error);
        assert!(report.init.is_some() && report.duration.is_zero(), "{report:?}");
        assert!(deployed.states().is_empty());
    }
    fs::write(deployed.files.join("start"), "").unwrap();
    deployed.succeed("a").await;
}

#[tokio::test]
async fn a_first_start_that_fails_is_reported() {
    let error = Deployed::try_start(10, "error").await.err().unwrap();
    assert_eq!(error.to_string(), "the function failed to start: Config: broken");
    let error = Deployed::try_start(10, "exit").await.err().unwrap();
    assert!(matches!(error, StartError::Ended { .. }), "{error}");
}

#[tokio::test]
async fn after_the_end_of_all_environments_an_event_waits_for_a_start() {
    let deployed = Deployed::start(10).await;
    deployed.make_fifo("wait-a");
    let mut log = deployed.lambda.follow_log();
    let lambda = Arc::clone(&deployed.lambda);
    let waiting = tokio::spawn(async move { lambda.invoke("wait-a".into()).await });
    log.line(|line| line == "got wait-a").await.unwrap();
    // It is busy, and may answer.
    deployed.lambda.stop_all();
    deployed.release("wait-a");
    succeeded(waiting.await.unwrap());
    let (pid, report) = deployed.succeed("b").await;
    assert!(report.environment == 2 && report.init.is_some(), "{report:?}");
    let (same_pid, _) = deployed.succeed("b").await;
    assert_eq!(pid, same_pid);
    // It is idle.
    deployed.lambda.stop_all();
    let (_, report) = deployed.succeed("b").await;
    assert!(report.environment == 3 && report.init.is_some(), "{report:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn idle_environments_are_frozen_unless_they_are_thawed() {
    let deployed = Deployed::start(10).await;
    let freezes = |freezes| {
        deployed.lambda.configure(LambdaOptions { freezes, ..deployed.lambda.options() });
    };
    let pid = deployed.lambda.describe()["environments"][0]["pid"].as_u64().unwrap();
    let pid = u32::try_from(pid).unwrap();
    until_in_state(pid, 'T').await;
    assert_eq!(deployed.states(), ["frozen"]);
    freezes(false);
    until_in_state(pid, 'S').await;
    let (same_pid, report) = deployed.succeed("a").await;
    assert_eq!((same_pid, report.frozen), (pid, None));
    freezes(true);
    // The event before may not have been the last thing that the function did.
    deployed.succeed("a").await;
    until_in_state(pid, 'T').await;
    assert_eq!(deployed.lambda.describe()["limit"], json!(10));
}
