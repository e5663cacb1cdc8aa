//! A contestant's process: started, invoked through the Runtime API, and looked at from outside.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bench::scene::Outcome;
use bytes::Bytes;
use local_gateway::function::Function;
use local_gateway::invocation::{Answer, InvokeError};
use local_gateway::runtime_api::RuntimeApi;
use tokio::task::JoinSet;

use crate::processor::CpuClock;

/// How a process is started.
#[derive(Clone)]
pub(crate) struct Program {
    /// The executable.
    pub(crate) executable: PathBuf,
    /// What it gets to run, where it is an interpreter.
    pub(crate) arguments: Vec<OsString>,
    /// Its environment, on top of what Lambda sets.
    pub(crate) environment: Vec<(&'static str, OsString)>,
}

/// A running process; dropping it kills it.
pub(crate) struct Process {
    function: Function,
    runtime_api: Arc<RuntimeApi>,
    clock: CpuClock,
}

/// What a start took.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    /// From exec to the first `/next`.
    pub(crate) first_next: Duration,
    /// From exec to the first answer, whose event was there from the beginning.
    pub(crate) first_answer: Duration,
    /// CPU time until then.
    pub(crate) cpu: Duration,
}

/// What an invocation took, of many.
#[derive(Clone, Copy)]
pub(crate) struct Invocation {
    /// Time on the wall: of each, or between the answers where several are in flight.
    pub(crate) wall: Duration,
    /// CPU time of the process.
    pub(crate) cpu: Duration,
}

impl Process {
    /// Starts a process whose first event waits for it already.
    pub(crate) async fn start(program: &Program, event: &Bytes) -> Outcome<(Self, Start)> {
        let runtime_api = Arc::new(RuntimeApi::start().await?);
        let invoked = Arc::clone(&runtime_api);
        let mut answer = pin!(invoked.invoke(event.clone()));
        // Polled once, it stands in the queue.
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
                // The log is complete once it has ended as well.
                function.log_line(|_| false).await;
                return Err(format!("{status}:\n{}", function.log().join("\n")).into());
            }
        };
        let clock = CpuClock::of(function.pid())?;
        let start = Start { first_next: first_next?, first_answer, cpu: clock.time()? };
        check(answer)?;
        Ok((Self { function, runtime_api, clock }, start))
    }

    /// Invokes it so many times, one after the other.
    pub(crate) async fn invoke(&self, event: &Bytes, times: u32) -> Outcome<Invocation> {
        self.invoke_at_once(1, event, times).await
    }

    /// Invokes it so many times in each of `in_flight` tasks.
    pub(crate) async fn invoke_at_once(
        &self,
        in_flight: u32,
        event: &Bytes,
        times: u32,
    ) -> Outcome<Invocation> {
        let (started, cpu) = (Instant::now(), self.clock.time()?);
        let mut tasks = JoinSet::new();
        for _ in 0..in_flight {
            let (runtime_api, event) = (Arc::clone(&self.runtime_api), event.clone());
            tasks.spawn(async move {
                for _ in 0..times {
                    check(runtime_api.invoke(event.clone()).await)?;
                }
                Outcome::Ok(())
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        let count = (in_flight * times).max(1);
        let cpu = self.clock.time()?.saturating_sub(cpu) / count;
        Ok(Invocation { wall: started.elapsed() / count, cpu })
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.function.log()
    }

    /// The most memory that it ever had resident, in bytes.
    pub(crate) fn peak_memory(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.function.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kib.ok_or("/proc does not tell the peak memory")? * 1024)
    }

    /// Ends it, so that its end takes nothing from who comes next.
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

/// Lets nothing but an Allow pass: a refusal costs less.
fn check(answer: Result<Answer, InvokeError>) -> Outcome<()> {
    match answer? {
        Answer::Response(answer) => {
            let answer = String::from_utf8_lossy(&answer);
            let allows = answer.contains(r#""Effect":"Allow""#);
            if allows { Ok(()) } else { Err(format!("no Allow: {answer}").into()) }
        }
        Answer::Error(error) => Err(error.into()),
    }
}
