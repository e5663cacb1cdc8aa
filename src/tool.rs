//! The executable as a tool: `check` and `explain` on a command line.
//!
//! The report is on standard output, and everything else on standard error. Nothing is logged.

mod output;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use jwks_authorizer::diagnosis::text::parse_time;
use jwks_authorizer::diagnosis::{Subject, Values};
use jwks_authorizer::{Authorizer, Invocation, diagnosis};
use lexopt::{Arg, Parser, ValueExt};

use crate::start;
use output::{complain, print, print_json, style};

const USAGE: &str = "\
jwks-authorizer is a Lambda authorizer for API Gateway that verifies JWTs.
Lambda runs it without arguments. Outside Lambda it is a tool for troubleshooting:

    jwks-authorizer check [--json]
        Checks the settings, and fetches every issuer's keys.
    jwks-authorizer explain [--event FILE] [--at TIME] [--redact] [--json]
        Says what the function decides on a token, and why.
        It reads the token from standard input.

        --event FILE  read an authorizer event instead; - is standard input
        --at TIME     judge at this time: 2026-01-31T12:00:00Z, or seconds since 1970
        --redact      hide the values of claims
        --json        write JSON

Both read the settings, AUTHORIZER_ISSUER and the others, from the environment as the
function does. The status is 0 if all is well, 2 if the arguments are wrong, and else 1.
To run the function without Lambda: cargo run -p local-gateway
";

/// How long `explain` waits for keys.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The status after wrong arguments.
const WRONG_ARGUMENTS: u8 = 2;

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    Version,
    Check { json: bool },
    Explain(Explain),
}

/// The options of `explain`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Explain {
    event: Option<PathBuf>,
    at: Option<SystemTime>,
    redact: bool,
    json: bool,
}

/// Does what the arguments ask for.
pub(crate) fn run() -> ExitCode {
    match parse(std::env::args_os().skip(1)) {
        Ok(Some(command)) => execute(command),
        Ok(None) => {
            complain(USAGE);
            ExitCode::from(WRONG_ARGUMENTS)
        }
        Err(error) => {
            complain(&format!("{error}\nFor the usage: jwks-authorizer --help\n"));
            ExitCode::from(WRONG_ARGUMENTS)
        }
    }
}

/// Reads the arguments. Without any, there is no command.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Command>, lexopt::Error> {
    let mut parser = Parser::from_args(arguments);
    let Some(first) = parser.next()? else { return Ok(None) };
    let mut command = match first {
        Arg::Short('h') | Arg::Long("help") => Command::Help,
        Arg::Short('V') | Arg::Long("version") => Command::Version,
        Arg::Value(name) if name == "help" => Command::Help,
        Arg::Value(name) if name == "check" => Command::Check { json: false },
        Arg::Value(name) if name == "explain" => Command::Explain(Explain::default()),
        other @ (Arg::Short(_) | Arg::Long(_) | Arg::Value(_)) => return Err(other.unexpected()),
    };
    while let Some(argument) = parser.next()? {
        match (&mut command, argument) {
            (_, Arg::Short('h') | Arg::Long("help")) => command = Command::Help,
            (Command::Check { json }, Arg::Long("json")) => *json = true,
            (Command::Explain(options), Arg::Long("json")) => options.json = true,
            (Command::Explain(options), Arg::Long("redact")) => options.redact = true,
            (Command::Explain(options), Arg::Long("event")) => {
                options.event = Some(parser.value()?.into());
            }
            (Command::Explain(options), Arg::Long("at")) => {
                options.at = Some(parser.value()?.parse_with(|text| {
                    parse_time(text).ok_or("it is neither an RFC 3339 date nor whole seconds")
                })?);
            }
            // Its value may be a token, so the message does not repeat it.
            (Command::Explain(_), Arg::Value(_)) => {
                return Err("explain takes the token from standard input, and not as an argument, which shells remember and other users see".into());
            }
            (_, other) => return Err(other.unexpected()),
        }
    }
    Ok(Some(command))
}

fn execute(command: Command) -> ExitCode {
    match command {
        Command::Help => {
            print(USAGE);
            ExitCode::SUCCESS
        }
        Command::Version => {
            print(concat!("jwks-authorizer ", env!("CARGO_PKG_VERSION"), "\n"));
            ExitCode::SUCCESS
        }
        Command::Check { json } => on_tokio(check(json)),
        Command::Explain(options) => on_tokio(explain(options)),
    }
}

fn on_tokio(command: impl Future<Output = ExitCode>) -> ExitCode {
    match start::tokio_runtime() {
        Ok(tokio) => tokio.block_on(command),
        Err(error) => fail(&error),
    }
}

async fn check(json: bool) -> ExitCode {
    let report = diagnosis::check(start::variables(), None).await;
    if json {
        print_json(&report);
    } else {
        print(&report.to_text(style()));
    }
    if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn explain(options: Explain) -> ExitCode {
    let subject = match read_subject(options.event.as_deref()) {
        Ok(subject) => subject,
        Err(error) => return fail(&*error),
    };
    let config = match start::settings() {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    for warning in &config.warnings {
        complain(&format!("warning: {warning}\n"));
    }
    let authorizer = match Authorizer::without_prefetch(config.without_metrics()).await {
        Ok(authorizer) => authorizer,
        Err(error) => return fail(&error),
    };
    let values = if options.redact { Values::Hidden } else { Values::Shown };
    let deadline = SystemTime::now() + TIME_LIMIT;
    let invocation = Invocation { request_id: "explain", trace_id: None, deadline };
    let report = authorizer.explain(&subject, options.at, values, invocation).await;
    if options.json {
        print_json(&report);
    } else {
        print(&report.to_text(style()));
    }
    if report.decision == "allow" { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Reads the event from a file, or else a token from standard input.
fn read_subject(event: Option<&Path>) -> Result<Subject, Box<dyn std::error::Error>> {
    let Some(path) = event else {
        let mut token = read_stdin()?;
        // The line break is the shell's. Any other belongs to the token.
        if token.ends_with('\n') {
            token.pop();
            if token.ends_with('\r') {
                token.pop();
            }
        }
        return Ok(Subject::Token(token));
    };
    if path == Path::new("-") {
        return Ok(Subject::Event(read_stdin()?));
    }
    let event = std::fs::read(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))
        .and_then(|event| {
            String::from_utf8(event).map_err(|_| format!("{} is not UTF-8", path.display()))
        });
    Ok(Subject::Event(event?))
}

fn read_stdin() -> Result<String, Box<dyn std::error::Error>> {
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        complain("Enter it, and then press Ctrl+D:\n");
    }
    let mut bytes = Vec::new();
    stdin
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot read standard input: {error}"))?;
    Ok(String::from_utf8(bytes).map_err(|_| "standard input is not UTF-8")?)
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    complain(&format!("{error}\n"));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests;
