//! One execution environment: a process of the function with a Runtime API of its own.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::timeout_at;

use super::report::{Report, Status};
use crate::function::Function;
use crate::invocation::{Deadline, FunctionError, FunctionOutcome, InvokeError};
use crate::log::Log;
use crate::runtime_api::RuntimeApi;

/// How long a start may take.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// What is run.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) executable: PathBuf,
    pub(super) variables: Vec<(OsString, OsString)>,
    /// The lines of all environments.
    pub(super) log: Log,
}

/// An execution environment that has started. Dropping it kills its processes.
#[derive(Debug)]
pub(super) struct Environment {
    number: u64,
    function: Function,
    runtime_api: RuntimeApi,
    init: Duration,
    frozen_at: Option<Instant>,
    /// How often it will have asked for an event when it asks for the next one.
    asked: usize,
}

/// Why an execution environment did not start.
#[derive(Debug)]
pub(super) enum InitFailure {
    /// There was no port for the Runtime API.
    RuntimeApi(io::Error),
    /// The operating system did not start the function.
    Function(io::Error),
    /// The operating system did not report how the function ended.
    Wait(io::Error),
    /// The function reported this error.
    Reported(FunctionError),
    /// The function ended without a report.
    Ended(ExitStatus),
    /// The function did not ask for an event in time.
    TimedOut,
}

impl InitFailure {
    /// Returns what Lambda tells the invoker.
    pub(super) fn error(self) -> FunctionError {
        match self {
            Self::Reported(error) => error,
            Self::Ended(status) => exit_error(status),
            Self::TimedOut => timeout_error(INIT_LIMIT),
            Self::RuntimeApi(error) | Self::Function(error) | Self::Wait(error) => FunctionError {
                error_type: String::from("Runtime.InvalidEntrypoint"),
                error_message: error.to_string(),
            },
        }
    }
}

/// How an invocation ended in its environment.
pub(super) struct Ended {
    pub(super) outcome: FunctionOutcome,
    pub(super) report: Report,
    /// Until when the environment must ask for its next event. `None` if it cannot be used any more.
    pub(super) usable_until: Option<Instant>,
}

impl Environment {
    /// Starts the function, and waits until it asks for its first event.
    pub(super) async fn start(number: u64, program: &Program) -> Result<Box<Self>, InitFailure> {
        let runtime_api = RuntimeApi::start_in(number).await.map_err(InitFailure::RuntimeApi)?;
        let started_at = Instant::now();
        let mut function = Function::start_logging(
            &program.executable,
            &[],
            runtime_api.address(),
            program.variables.iter().map(|(name, value)| (name, value)),
            program.log.clone(),
        )
        .map_err(InitFailure::Function)?;
        tokio::select! {
            // After a failed start, the function reports an error and ends. The report says more.
            biased;
            ready = runtime_api.ready() => ready.map_err(InitFailure::Reported)?,
            status = function.wait() => {
                return Err(status.map_or_else(InitFailure::Wait, InitFailure::Ended));
            }
            () = tokio::time::sleep(INIT_LIMIT) => return Err(InitFailure::TimedOut),
        }
        let init = started_at.elapsed();
        Ok(Box::new(Self { number, function, runtime_api, init, frozen_at: None, asked: 1 }))
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn pid(&self) -> u32 {
        self.function.pid()
    }

    /// Returns how long the start took.
    pub(super) fn init(&self) -> Duration {
        self.init
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.function.has_ended()
    }

    /// Returns how long it is frozen, if it is.
    pub(super) fn frozen_for(&self) -> Option<Duration> {
        self.frozen_at.map(|at| at.elapsed())
    }

    /// Stops the processes. On Windows it does nothing.
    pub(super) fn freeze(&mut self) {
        if cfg!(unix) && self.frozen_at.is_none() {
            self.function.freeze();
            self.frozen_at = Some(Instant::now());
        }
    }

    /// Lets the processes go on.
    pub(super) fn thaw(&mut self) {
        if self.frozen_at.take().is_some() {
            self.function.thaw();
        }
    }

    /// Thaws the environment and passes an event to it. `is_cold` tells that the event waited for the
    /// start.
    pub(super) async fn invoke(&mut self, is_cold: bool, limit: Duration, event: Bytes) -> Ended {
        let frozen = self.frozen_for();
        self.thaw();
        // It has asked for this event already.
        self.asked = self.runtime_api.asked_so_far() + 1;
        let started_at = Instant::now();
        let outcome = tokio::select! {
            // A function may answer and then crash: the answer counts.
            biased;
            outcome = self.runtime_api.invoke_before(Deadline::In(limit), event) => outcome,
            status = self.function.wait() => Ok(FunctionOutcome::Error(match status {
                Ok(status) => exit_error(status),
                Err(error) => InitFailure::Wait(error).error(),
            })),
        };
        let duration = started_at.elapsed();
        let timed_out = matches!(outcome, Err(InvokeError::Timeout(_)));
        let outcome = outcome.unwrap_or_else(|error| {
            FunctionOutcome::Error(match error {
                InvokeError::InitError(error) => error,
                InvokeError::Timeout(_)
                | InvokeError::ApiTimeout(_)
                | InvokeError::Throttled(_)
                | InvokeError::NotPermitted => timeout_error(limit),
            })
        });
        let status = match &outcome {
            _ if timed_out => Status::Timeout,
            FunctionOutcome::Response(_) => Status::Success,
            FunctionOutcome::Error(_) => Status::Error,
        };
        let init = is_cold.then_some(self.init);
        let report = Report { environment: self.number, status, init, frozen, duration };
        let ended = timed_out || self.has_ended();
        let usable_until = (!ended).then_some(started_at + limit);
        Ended { outcome, report, usable_until }
    }

    /// Waits until the function asks for its next event. Returns whether it does so in time.
    pub(super) async fn settle(&mut self, until: Instant) -> bool {
        tokio::select! {
            biased;
            asked = timeout_at(until.into(), self.runtime_api.asked(self.asked)) => asked.is_ok(),
            _ = self.function.wait() => false,
        }
    }
}

fn exit_error(status: ExitStatus) -> FunctionError {
    FunctionError {
        error_type: String::from("Runtime.ExitError"),
        error_message: format!("Runtime exited: {status}"),
    }
}

fn timeout_error(limit: Duration) -> FunctionError {
    FunctionError {
        error_type: String::from("Sandbox.Timedout"),
        error_message: format!("Task timed out after {:.2} seconds", limit.as_secs_f64()),
    }
}
