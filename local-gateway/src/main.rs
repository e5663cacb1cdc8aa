//! Runs the authorizer behind a WebSocket API on this machine, to try it without AWS.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program's output is what it is for"
)]

mod client;
mod demo;
mod invitation;
mod settings;
mod tokens;

use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::process::{ExitCode, ExitStatus};

use local_gateway::executable::{self, ExecutableError, Profile};
use local_gateway::stack::{Stack, StartError};

use crate::client::ClientError;
use crate::demo::DemoError;
use crate::settings::{NotForDemo, Settings};

const USAGE: &str = "\
Runs the authorizer behind a WebSocket API on this machine.

Usage: cargo run -p local-gateway           serves until Ctrl-C; prints tokens and clients to paste
       cargo run -p local-gateway -- demo   connects a real client; fails if an answer is wrong

Environment variables:
  JWKS_AUTHORIZER_BIN   a prebuilt executable of the function; without it, cargo builds one
  AUTHORIZER_*          settings of the function, in place of the built-in ones; not for the demo";

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Why the program ends without success.
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
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error("could not listen for Ctrl-C")]
    Signal(#[source] io::Error),
    #[error("interrupted")]
    Interrupted,
}

/// Waits for Ctrl-C. There is one for the whole run: between two, a signal would be lost.
type Interrupt<'a> = Pin<&'a mut (dyn Future<Output = io::Result<()>> + Send)>;

#[tokio::main]
async fn main() -> ExitCode {
    let interrupt = pin!(tokio::signal::ctrl_c());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [] => serve(interrupt).await,
        ["demo"] => unless(interrupt, demonstrate()).await,
        ["--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => {
            eprintln!("unknown arguments: {}\n\n{USAGE}", unknown.join(" "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Interrupted | Failure::Executable(ExecutableError::Interrupted(_))) => {
            eprintln!("interrupted");
            ExitCode::from(INTERRUPTED)
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            let mut cause = failure.source();
            while let Some(error) = cause {
                eprintln!("  caused by: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
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
        let invitation = invitation::write(&stack, &settings).await?;
        Ok((stack, log, invitation))
    };
    let (mut stack, mut log, invitation) = unless(interrupt.as_mut(), started).await?;
    println!("{invitation}");
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

/// Does `work`, unless Ctrl-C comes before its end.
async fn unless<T>(
    interrupt: Interrupt<'_>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        // Its first poll replaces the system's handler. That must be before any process is started.
        biased;
        interrupted = interrupt => {
            interrupted.map_err(Failure::Signal)?;
            Err(Failure::Interrupted)
        }
        outcome = work => outcome,
    }
}
