//! A process that is measured: it is started, invoked through the Runtime API, and read from `/proc`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bench::fixture::Outcome;
use bytes::Bytes;
use local_gateway::function::Function;
use local_gateway::invocation::{FunctionOutcome, InvokeError};
use local_gateway::runtime_api::RuntimeApi;

use crate::processor::CpuClock;

/// How a process is started.
pub(crate) struct Program {
    /// The executable.
    pub(crate) executable: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// Its environment variables besides those that Lambda sets.
    pub(crate) environment: Vec<(&'static str, OsString)>,
}

/// A running process; dropping it kills it.
pub(crate) struct Process {
    function: Function,
    runtime_api: Arc<RuntimeApi>,
    clock: CpuClock,
}

/// What a start took.
pub(crate) struct Start {
    /// From exec to the first `/next`.
    pub(crate) first_next: Duration,
    /// From exec to the first answer. The event waits from the beginning.
    pub(crate) first_answer: Duration,
    /// CPU time until the first answer.
    pub(crate) cpu: Duration,
}

/// What each of many invocations took.
pub(crate) struct Invocation {
    /// Wall time.
    pub(crate) wall: Duration,
    /// CPU time of the process.
    pub(crate) cpu: Duration,
}

impl Process {
    /// Starts a process. Its first event already waits for it.
    pub(crate) async fn start(program: &Program, event: &Bytes) -> Outcome<(Self, Start)> {
        let runtime_api = Arc::new(RuntimeApi::start().await?);
        let invoked = Arc::clone(&runtime_api);
        let mut answer = pin!(invoked.invoke(event.clone()));
        // Polls once, which puts the event into the queue.
        poll_fn(|context| {
            let _ = answer.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;

        let started = Instant::now();
        let mut function = program.start(&runtime_api)?;
        let next = async { runtime_api.ready().await.map(|()| started.elapsed()) };
        let answered = async { (answer.await, started.elapsed()) };
        let (first_next, (answer, first_answer)) = tokio::select! {
            both = async { tokio::join!(next, answered) } => both,
            status = function.wait() => {
                let status = status?;
                // Waits for the end of the log.
                function.log_line(|_| false).await;
                return Err(format!("{status}:\n{}", function.log().join("\n")).into());
            }
        };
        let clock = CpuClock::of(function.pid())?;
        let start = Start { first_next: first_next?, first_answer, cpu: clock.time()? };
        check(answer)?;
        Ok((Self { function, runtime_api, clock }, start))
    }

    /// Invokes the function `times` times, one after the other.
    pub(crate) async fn invoke(&self, event: &Bytes, times: u32) -> Outcome<Invocation> {
        let (started, cpu) = (Instant::now(), self.clock.time()?);
        for _ in 0..times {
            check(self.runtime_api.invoke(event.clone()).await)?;
        }
        let cpu = self.clock.time()?.saturating_sub(cpu) / times;
        Ok(Invocation { wall: started.elapsed() / times, cpu })
    }

    /// Returns the lines that it has logged.
    pub(crate) fn log(&self) -> Vec<String> {
        self.function.log()
    }

    /// Returns the peak of its resident memory, in bytes.
    pub(crate) fn peak_memory(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.function.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kib.ok_or("/proc has no peak memory")? * 1024)
    }

    /// Ends it, and waits until it has ended, so that the next measurement does not include that.
    pub(crate) async fn end(self) -> Outcome<()> {
        Ok(self.function.kill().await?)
    }
}

impl Program {
    fn start(&self, runtime_api: &RuntimeApi) -> Outcome<Function> {
        let arguments: Vec<&OsStr> = self.arguments.iter().map(OsString::as_os_str).collect();
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        Function::start_with(&self.executable, &arguments, runtime_api.address(), environment)
            .map_err(|error| format!("{}: {error}", self.executable.display()).into())
    }
}

/// Checks that the answer allows the request: a refusal would cost less.
fn check(answer: Result<FunctionOutcome, InvokeError>) -> Outcome<()> {
    match answer? {
        FunctionOutcome::Response(answer) => {
            let answer = String::from_utf8_lossy(&answer);
            let allows = answer.contains(r#""Effect":"Allow""#);
            if allows {
                Ok(())
            } else {
                Err(format!("the answer does not allow the request: {answer}").into())
            }
        }
        FunctionOutcome::Error(error) => Err(error.into()),
    }
}
