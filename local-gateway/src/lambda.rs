//! Lambda: runs the function in execution environments, between the authorizers and the processes.
//!
//! | rule | source |
//! |---|---|
//! | An environment handles one event at a time. If none is idle, Lambda starts another one, and the event waits: a cold start | [AWS][concurrency] |
//! | With reserved concurrency, further events are throttled: the Invoke API answers 429 | [AWS][concurrency] |
//! | A throttled authorizer is a 500 | not documented. [Throttled integrations] are a 500 |
//! | Lambda freezes an environment when the runtime has asked for its next event and there is none | [AWS][lifecycle] |
//! | The start ends with the first request for an event, and may take 10 s | [AWS][lifecycle] |
//! | After a crash or the function's timeout, Lambda resets the environment: the next event waits for a start | [AWS][lifecycle] |
//! | An answer counts, also if the function ends right after it | not documented |
//! | Idle environments with the shortest idle time get the next event | not documented |
//! | The texts of `Task timed out` and `Runtime exited` | not documented |
//!
//! One environment is started before there is an event, so that a mistake in the settings shows at
//! once. Lambda does this only for provisioned concurrency, and sometimes of its own accord.
//!
//! Deliberately absent: the second try after a failed start, extensions, `SIGTERM`, and the end of
//! environments that have been idle for long. Only the processes are stopped, not their clocks: after
//! a freeze, the function sees the time that really passed. On Windows nothing is frozen.
//!
//! [concurrency]: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
//! [Throttled integrations]: https://repost.aws/questions/QUfI6bsdd0SOiPeyimzxSkfQ/api-gateway-proxy-integration-does-not-forward-lambda-throttling-http-429-to-client-needs-product-support
//! [lifecycle]: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html

mod environment;
mod pool;
mod report;
mod target;

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout_at;

use self::environment::{Environment, InitFailure, Program};
use self::pool::{Next, Place, Pool};
pub use self::report::{Invocation, Report, Status};
pub use self::target::Target;
use crate::invocation::{FunctionError, FunctionOutcome, InvokeError};
use crate::log::{Follower, Log};
use crate::stack::StartError;

/// The function's timeout in `template.yaml`.
const TIMEOUT: Duration = Duration::from_secs(9);

/// How many environments there may be. New AWS accounts often have this limit for all functions:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const ENVIRONMENTS: usize = 10;

/// The most environments that can be allowed. Each is a process on this machine.
pub const MAX_ENVIRONMENTS: usize = 100;

/// The longest timeout that Lambda accepts, in seconds:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const MAX_TIMEOUT_SECONDS: u64 = 900;

/// How long an event waits for an environment that has answered and not yet asked for its next event.
/// In AWS, a client's next request takes longer than that to arrive.
const SETTLING: Duration = Duration::from_millis(50);

/// How the function is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LambdaOptions {
    /// The function's timeout.
    pub timeout: Duration,
    /// The reserved concurrency: how many environments may work at the same time.
    pub environments: usize,
    /// Whether environments are frozen between events.
    pub freezes: bool,
}

impl Default for LambdaOptions {
    fn default() -> Self {
        Self { timeout: TIMEOUT, environments: ENVIRONMENTS, freezes: true }
    }
}

/// The function in its execution environments. Dropping it ends those that are idle.
#[derive(Debug)]
pub struct Lambda {
    program: Program,
    /// A mutex of the standard library is enough: no lock is held across an await.
    pool: Mutex<Pool>,
    /// Changes when an environment becomes idle or ends.
    changed: watch::Sender<()>,
}

impl Lambda {
    /// Starts the first environment, and waits until it is ready. `variables` are added to those that
    /// Lambda sets.
    ///
    /// # Errors
    ///
    /// When the environment does not start.
    pub async fn start<K, V>(
        executable: &Path,
        variables: impl IntoIterator<Item = (K, V)>,
        options: LambdaOptions,
    ) -> Result<Arc<Self>, StartError>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let variables = variables.into_iter();
        let program = Program {
            executable: executable.to_owned(),
            variables: variables
                .map(|(name, value)| (name.as_ref().into(), value.as_ref().into()))
                .collect(),
            log: Log::new(),
        };
        let mut pool = Pool::new(options);
        let number = pool.begin();
        match Environment::start(number, &program).await {
            Ok(environment) => drop(pool.park(environment)),
            Err(failure) => return Err(start_error(failure, program).await),
        }
        program.log.keep_open();
        Ok(Arc::new(Self { program, pool: Mutex::new(pool), changed: watch::Sender::default() }))
    }

    /// Invokes the function, and waits for its answer. If the returned future is dropped, the
    /// invocation goes on.
    pub async fn invoke(self: &Arc<Self>, event: Bytes) -> Invocation {
        let place = match self.place().await {
            Ok(place) => place,
            Err(error) => return Invocation { outcome: Err(error), report: None },
        };
        let (sender, answer) = oneshot::channel();
        tokio::spawn(Arc::clone(self).run(place, event, sender));
        // The task always sends, unless it panics.
        answer.await.unwrap_or_else(|_| {
            let error = FunctionError {
                error_type: String::from("ServiceException"),
                error_message: String::from("the invocation was lost"),
            };
            Invocation { outcome: Ok(FunctionOutcome::Error(error)), report: None }
        })
    }

    /// Finds an idle environment, or room for another one.
    async fn place(&self) -> Result<Place, InvokeError> {
        let until = Instant::now() + SETTLING;
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let next = self.pool().next(Instant::now() < until);
            match next {
                Next::Place(place) => return Ok(place),
                Next::Throttled(limit) => return Err(InvokeError::Throttled(limit)),
                // `self` owns the sender. If the time is over, the next round does not wait.
                Next::Wait => drop(timeout_at(until.into(), changed.changed()).await),
            }
        }
    }

    /// Runs an invocation, and makes its environment ready for the next one.
    async fn run(self: Arc<Self>, place: Place, event: Bytes, sender: oneshot::Sender<Invocation>) {
        let started_at = Instant::now();
        let (number, idle) = match place {
            Place::Idle(environment) => (environment.number(), Some(environment)),
            Place::New(number) => (number, None),
        };
        let is_cold = idle.is_none();
        let environment = match idle {
            Some(environment) => Ok(environment),
            None => Environment::start(number, &self.program).await,
        };
        let mut environment = match environment {
            Ok(environment) => environment,
            Err(failure) => {
                let report = Report {
                    environment: number,
                    status: Status::Error,
                    init: Some(started_at.elapsed()),
                    frozen: None,
                    duration: Duration::ZERO,
                };
                self.end(number);
                let outcome = Ok(FunctionOutcome::Error(failure.error()));
                let _ = sender.send(Invocation { outcome, report: Some(report) });
                return;
            }
        };
        let timeout = self.pool().started(&environment);
        let ended = environment.invoke(is_cold, timeout, event).await;
        // Says so before the answer, because the answer may bring the next event.
        match ended.usable_until {
            Some(_) => self.pool().settling(number),
            None => self.end(number),
        }
        // The invoker may have stopped waiting.
        let _ = sender.send(Invocation { outcome: Ok(ended.outcome), report: Some(ended.report) });
        if let Some(until) = ended.usable_until {
            if environment.settle(until).await {
                // Ends the environment if there is no more use for it.
                drop(self.pool().park(environment));
                self.changed.send_replace(());
            } else {
                self.end(number);
            }
        }
    }

    fn end(&self, number: u64) {
        self.pool().end(number);
        self.changed.send_replace(());
    }

    /// Ends every environment, or, if it is busy, as soon as it has answered. The next event waits for
    /// a start. This also happens when a function's code or configuration is changed.
    pub fn stop_all(&self) {
        // Drops the environments after the lock.
        let ended = self.pool().stop_all();
        drop(ended);
    }

    /// Returns the options.
    #[must_use]
    pub fn options(&self) -> LambdaOptions {
        self.pool().options()
    }

    /// Changes the options, from the next event on. Idle environments are frozen or thawed at once.
    pub fn configure(&self, options: LambdaOptions) {
        self.pool().configure(options);
        self.changed.send_replace(());
    }

    /// Returns how many events the function got so far.
    #[must_use]
    pub fn invocations(&self) -> usize {
        self.pool().invocations()
    }

    /// Describes the options and the environments, as JSON for the page.
    #[must_use]
    pub fn describe(&self) -> Value {
        self.pool().describe()
    }

    /// Returns a reader of the lines that all environments write from now on.
    #[must_use]
    pub fn follow_log(&self) -> Follower {
        self.program.log.follow()
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn start_error(failure: InitFailure, program: Program) -> StartError {
    match failure {
        InitFailure::RuntimeApi(source) => StartError::RuntimeApi(source),
        InitFailure::Function(source) => {
            StartError::Function { executable: program.executable, source }
        }
        InitFailure::Wait(source) => StartError::Wait(source),
        InitFailure::Ended(status) => {
            // Waits for the end of the log, so that it is complete.
            program.log.replay().line(|_| false).await;
            StartError::Ended { status, log: program.log.lines().join("\n") }
        }
        InitFailure::Reported(_) | InitFailure::TimedOut => StartError::Init(failure.error()),
    }
}
