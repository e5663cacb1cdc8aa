//! Runs the authorizer behind a WebSocket API on this machine, to try it without AWS.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program prints its results"
)]

mod client;
mod demo;
mod rest_command;
mod settings;
mod start_message;
mod tokens;

use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::process::{ExitCode, ExitStatus};

use local_gateway::executable::{self, ExecutableError, Profile};
use local_gateway::invocation::FunctionError;
use local_gateway::stack::{Stack, StartError};

use crate::client::ClientError;
use crate::demo::DemoError;
use crate::rest_command::Rest;
use crate::settings::{NotForDemo, Settings};

const USAGE: &str = "\
Runs the authorizer behind a WebSocket API on this machine.

Usage: cargo run -p local-gateway           runs until Ctrl-C; prints tokens and client commands
       cargo run -p local-gateway -- demo   connects a real client; fails if a result is wrong
       cargo run -p local-gateway -- rest ADDRESS SCOPE
                                            a REST API whose /mcp passes requests on to the HTTP
                                            server at ADDRESS; runs until Ctrl-C; a 403 names SCOPE

Environment variables:
  JWKS_AUTHORIZER_BIN   path of the function's executable; if not set, cargo builds it
  AUTHORIZER_*          settings for the function; not allowed with the demo";

/// The exit code of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Why the program fails.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    NotForDemo(#[from] NotForDemo),
    #[error(transparent)]
    Executable(#[from] ExecutableError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("could not check whether the function accepts the built-in issuer's tokens")]
    Check(#[source] ClientError),
    #[error("the function ended ({0}); its log is above")]
    Ended(ExitStatus),
    #[error("could not wait for the function to end")]
    Wait(#[source] io::Error),
    #[error("{0} is not an address, for example 127.0.0.1:3000")]
    Backend(String),
    #[error("could not start the REST API or the function")]
    RestApi(#[source] io::Error),
    #[error("the function failed to start: {0}")]
    Init(FunctionError),
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error("could not listen for Ctrl-C")]
    Signal(#[source] io::Error),
    #[error("interrupted")]
    Interrupted,
}

/// Completes at Ctrl-C. The program uses a single one: between two of them, a signal would be lost.
type Interrupt<'a> = Pin<&'a mut (dyn Future<Output = io::Result<()>> + Send)>;

#[tokio::main]
async fn main() -> ExitCode {
    let interrupt = pin!(tokio::signal::ctrl_c());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        [] => serve(interrupt).await,
        ["rest", backend, scope] => serve_rest(interrupt, backend, scope).await,
        ["demo"] => until_interrupt(interrupt, demonstrate()).await,
        ["--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => {
            eprintln!("unknown arguments: {}\n\n{USAGE}", unknown.join(" "));
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

/// Prints why the program fails, and returns its exit code.
fn report(failure: &Failure) -> ExitCode {
    if matches!(
        failure,
        Failure::Interrupted | Failure::Executable(ExecutableError::Interrupted(_))
    ) {
        eprintln!("interrupted");
        return ExitCode::from(INTERRUPTED);
    }
    eprintln!("error: {failure}");
    let mut cause = failure.source();
    while let Some(error) = cause {
        eprintln!("  caused by: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

async fn start(settings: &Settings) -> Result<Stack, Failure> {
    let executable = executable::find(Profile::OWN).await?;
    Ok(Stack::start(&executable, settings.variables()).await?)
}

async fn demonstrate() -> Result<(), Failure> {
    let settings = Settings::pick(std::env::vars_os());
    settings.check_none()?;
    let stack = start(&settings).await?;
    Ok(demo::run(&stack).await?)
}

async fn serve(mut interrupt: Interrupt<'_>) -> Result<(), Failure> {
    let settings = Settings::pick(std::env::vars_os());
    let started = async {
        let stack = start(&settings).await?;
        let log = stack.function.follow_log();
        let message = start_message::write(&stack, &settings).await?;
        Ok((stack, log, message))
    };
    let (mut stack, mut log, message) = until_interrupt(interrupt.as_mut(), started).await?;
    println!("{message}");
    let ended = async {
        while let Some(line) = log.line(|_| true).await {
            println!("{line}");
        }
        stack.function.wait().await
    };
    tokio::select! {
        interrupted = interrupt => interrupted.map_err(Failure::Signal),
        status = ended => Err(Failure::Ended(status.map_err(Failure::Wait)?)),
    }
}

async fn serve_rest(
    mut interrupt: Interrupt<'_>,
    backend: &str,
    scope: &str,
) -> Result<(), Failure> {
    let settings = Settings::pick(std::env::vars_os());
    let started = Rest::start(backend, scope, &settings);
    let mut rest = until_interrupt(interrupt.as_mut(), started).await?;
    println!("\nREST API        {}\n", rest.api.url());
    tokio::select! {
        interrupted = interrupt => interrupted.map_err(Failure::Signal),
        status = rest.print_log() => Err(Failure::Ended(status.map_err(Failure::Wait)?)),
    }
}

/// Runs `work` to its end, or until Ctrl-C.
async fn until_interrupt<T>(
    interrupt: Interrupt<'_>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        // The first poll installs the handler for Ctrl-C. It must run before `work` starts a process.
        biased;
        interrupted = interrupt => {
            interrupted.map_err(Failure::Signal)?;
            Err(Failure::Interrupted)
        }
        result = work => result,
    }
}
