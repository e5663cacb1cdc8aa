//! Runs the authorizer behind APIs on this machine, to try it without AWS.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program prints its results"
)]

mod client;
mod conformance_command;
mod demo;
mod interrupt;
mod options;
mod request_log;
mod rest_command;
mod settings;
mod start_message;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{ExitCode, ExitStatus};

use local_gateway::conformance::{Table, template};
use local_gateway::executable::{self, ExecutableError, Profile};
use local_gateway::integration::{Integration, NotAnIntegration};
use local_gateway::invocation::FunctionError;
use local_gateway::page::{self, Page};
use local_gateway::rest::GatewayResponses;
use local_gateway::stack::{Ports, Stack, StackOptions, StartError};

use crate::demo::DemoError;
use crate::interrupt::{Interrupt, until_interrupt};
use crate::options::{Command, Options, USAGE};
use crate::rest_command::Rest;
use crate::settings::{Settings, SettingsError};

/// The port of the page, if it is free. The other servers prefer the ports after it.
const PAGE_PORT: u16 = 8700;

/// The exit code of a program that a signal ended before it was done.
const INTERRUPTED: u8 = 130;

/// Why the program fails.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Integration(#[from] NotAnIntegration),
    #[error(transparent)]
    Executable(#[from] ExecutableError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the function ended ({0}); its log is above")]
    Ended(ExitStatus),
    #[error("could not wait for the function to end")]
    Wait(#[source] io::Error),
    #[error("{0} is not an address, for example 127.0.0.1:3000")]
    Backend(String),
    #[error("could not start the REST API or the function")]
    RestApi(#[source] io::Error),
    #[error(
        "could not take port {port} for the page. \
         Stop the other program, or choose another port; --port 0 is any free one."
    )]
    Port { port: u16, source: io::Error },
    #[error("could not read the gateway responses in {}", .path.display())]
    GatewayResponses { path: PathBuf, source: io::Error },
    #[error("could not start the page on a free port of 127.0.0.1")]
    Page(#[source] io::Error),
    #[error("the function failed to start: {0}")]
    Init(FunctionError),
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error("could not read the table of cases")]
    Table(#[from] serde_json::Error),
    #[error("--url takes NAME=URL, and not {argument}. The names are {names}.")]
    Url { argument: String, names: String },
    #[error("{0} cases failed; the differences are above")]
    Conformance(usize),
    #[error("no case was checked")]
    NothingChecked,
    #[error("could not listen for signals")]
    Signal(#[source] io::Error),
    #[error("interrupted")]
    Interrupted,
}

#[tokio::main]
async fn main() -> ExitCode {
    let interrupt = pin!(interrupt::received());
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\nFor the usage: cargo run -p local-gateway -- --help");
            return ExitCode::from(2);
        }
    };
    let result = match &options.command {
        Command::Help => {
            print!("{USAGE}");
            Ok(())
        }
        Command::Serve => serve(interrupt, &options).await,
        Command::Rest { backend, scope } => serve_rest(interrupt, backend, scope, &options).await,
        Command::Demo => until_interrupt(interrupt, demonstrate(&options)).await,
        Command::Conformance => until_interrupt(interrupt, check_cases(&options)).await,
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

fn settings(options: &Options) -> Result<Settings, SettingsError> {
    Settings::read(std::env::vars_os(), &options.env_files, &options.set)
}

fn gateway_responses(options: &Options) -> Result<GatewayResponses, Failure> {
    let Some(path) = &options.gateway_responses else { return Ok(GatewayResponses::default()) };
    let failure = |source| Failure::GatewayResponses { path: path.clone(), source };
    let text = std::fs::read(path).map_err(failure)?;
    serde_json::from_slice(&text).map_err(|error| failure(error.into()))
}

fn integration(options: &Options) -> Result<Integration, NotAnIntegration> {
    options.integration.as_deref().map_or_else(|| Ok(Integration::echo()), Integration::parse)
}

async fn find_executable(options: &Options) -> Result<PathBuf, ExecutableError> {
    match &options.binary {
        Some(path) => executable::prebuilt("--binary", path.clone()),
        None => executable::find(Profile::OWN).await,
    }
}

async fn demonstrate(options: &Options) -> Result<(), Failure> {
    let settings = settings(options)?;
    settings.check_none()?;
    let executable = find_executable(options).await?;
    let stack = Stack::start(&executable, settings.variables()).await?;
    Ok(demo::run(&stack).await?)
}

async fn check_cases(options: &Options) -> Result<(), Failure> {
    let table = Table::read()?;
    if options.template {
        print!("{}", template::sam(&table));
        return Ok(());
    }
    let endpoints = if options.urls.is_empty() {
        let executable = find_executable(options).await?;
        conformance_command::built_in(&table, &executable).await?
    } else {
        conformance_command::at(&table, &options.urls, options.max_wait)?
    };
    conformance_command::run(&table, &endpoints).await
}

/// Returns the ports that the servers prefer: those after the page's.
fn ports(page: u16) -> Ports {
    let after = |distance| match page {
        0 => 0,
        page => page.checked_add(distance).unwrap_or_default(),
    };
    Ports {
        websocket_api: after(1),
        rest_api: after(2),
        http_api: after(3),
        invoke_api: after(4),
        issuer: after(5),
    }
}

async fn serve(mut interrupt: Interrupt<'_>, options: &Options) -> Result<(), Failure> {
    let settings = settings(options)?;
    let gateway_responses = gateway_responses(options)?;
    let integration = integration(options)?;
    let started = async {
        // Takes the page's port before a build, so that a taken port is reported at once.
        let listening = match options.port {
            Some(port) => {
                page::Listening::at(port).await.map_err(|source| Failure::Port { port, source })?
            }
            None => page::Listening::preferring(PAGE_PORT).await.map_err(Failure::Page)?,
        };
        let executable = find_executable(options).await?;
        let ports = ports(options.port.unwrap_or(PAGE_PORT));
        let lambda = options.lambda;
        let stack = StackOptions { ports, gateway_responses, integration, lambda };
        let stack = Stack::start_with(stack, &executable, settings.variables()).await?;
        let log = stack.lambda.follow_log();
        let page = Page::start(listening, &stack, settings.names()).map_err(Failure::Page)?;
        let message =
            start_message::write(&page.url(), &stack, &settings, options.integration.as_deref())
                .await;
        Ok((stack, page, log, message))
    };
    let (stack, _page, mut log, message) = until_interrupt(interrupt.as_mut(), started).await?;
    println!("{message}");
    let printed = async {
        while let Some(line) = log.line(|_| true).await {
            println!("{line}");
        }
    };
    let requests = async {
        let mut seen = 0;
        loop {
            let (records, count) = stack.recorder.next(seen).await;
            records.iter().for_each(|record| println!("{}", request_log::line(record)));
            seen = count;
        }
    };
    tokio::select! {
        interrupted = interrupt => interrupted.map_err(Failure::Signal),
        // The log has no end: Lambda starts the function again.
        () = printed => Ok(()),
        () = requests => Ok(()),
    }
}

async fn serve_rest(
    mut interrupt: Interrupt<'_>,
    backend: &str,
    scope: &str,
    options: &Options,
) -> Result<(), Failure> {
    let settings = settings(options)?;
    let backend = backend.parse().map_err(|_| Failure::Backend(backend.to_owned()))?;
    let started = async {
        let executable = find_executable(options).await?;
        Rest::start(&executable, backend, scope, &settings).await
    };
    let mut rest = until_interrupt(interrupt.as_mut(), started).await?;
    println!("\nREST API        {}\n", rest.api.url());
    tokio::select! {
        interrupted = interrupt => interrupted.map_err(Failure::Signal),
        status = rest.print_log() => Err(Failure::Ended(status.map_err(Failure::Wait)?)),
    }
}
