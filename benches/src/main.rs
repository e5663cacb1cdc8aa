//! Measures jwks-authorizer as a whole process, and holds it to what CI can measure.
//!
//! - `comparison` compares it with other functions, and with its limits.
//! - `build_check` checks one build.
//! - `issuers` measures it with up to 1,000 issuers.
//! - `fleet` simulates 10,000 environments, and counts what their issuer gets.
//! - `instructions` counts the instructions of a request in process.
//!
//! The first two measure a [`process`], which gets its key set from an issuer over [`https`]; a
//! [`process_fixture`] holds that issuer and an event. local-gateway's Runtime API invokes the process.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program writes to its output"
)]

mod build_check;
mod candidate;
mod comparison;
mod fleet;
mod https;
mod instructions;
mod issuers;
mod node;
mod process;
mod process_fixture;
mod processor;

use std::process::ExitCode;

use bench::fixture::Outcome;
use tokio::runtime::Runtime;

const USAGE: &str = "\
Measures jwks-authorizer.

Usage: cargo run --release -p bench
           compares whole processes, and shows which limits are met
       cargo run --release -p bench -- build
           fails if the build is too large or gathers jitter entropy when it starts
       cargo run --release -p bench -- issuers
           measures 1, 20 and 1,000 issuers, and fails if they take too much memory
       cargo run --release -p bench -- fleet [SEED]
           simulates 10,000 environments, and fails if their issuer gets too many fetches
       cargo run --release -p bench -- instructions
           fails if a request takes more instructions than recorded; needs Valgrind
       cargo run --release -p bench -- instructions record
           records the instructions that a request takes now

JWKS_AUTHORIZER_BIN names a prebuilt executable of the function. Without it, the program builds one.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [] => on_one_processor(comparison::run()),
        ["build"] => on_one_processor(build_check::run()),
        ["issuers"] => on_one_processor(issuers::run()),
        ["fleet"] => fleet::run(fleet::SEED),
        ["fleet", seed] => match seed.parse() {
            Ok(seed) => fleet::run(seed),
            Err(_) => Err(format!("the seed {seed:?} is not a number").into()),
        },
        ["instructions"] => instructions::check(),
        ["instructions", "record"] => instructions::record(),
        // `instructions` runs this under Valgrind.
        ["repeat", runs] => instructions::repeat(runs),
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
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a measurement with all processes on one processor.
///
/// There, switching between the processes costs the same each time. On several processors, the
/// scheduler may wake the other process on another processor, and then an invocation can take twice
/// the CPU time.
fn on_one_processor(run: impl Future<Output = Outcome<()>> + Send + 'static) -> Outcome<()> {
    processor::bind_to_one()?;
    let tokio = Runtime::new()?;
    // A worker thread wakes up sooner than the thread that blocks.
    tokio.block_on(tokio.spawn(run))?
}
