//! Measures jwks-authorizer as a whole process, started as Lambda starts it.
//!
//! - `whole`: beside what it is compared with, round after round,
//! - `build`: what a build is held to in CI,
//! - `curves` and `crowd`: what it costs as it grows, in process and as a process,
//! - `instructions`: the round in process, where only a count is exact enough.
//!
//! What is a process has a [`stage`](stage::Stage): an issuer over [`https`], an event and the
//! yardstick. A [`process`] is started and invoked through local-gateway's Runtime API.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program's output is what it is for"
)]

mod build;
mod contestant;
mod crowd;
mod curves;
mod https;
mod instructions;
mod limits;
mod node;
mod plot;
mod process;
mod processor;
mod stage;
mod whole;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::scene::Outcome;
use tokio::runtime::Runtime;

const USAGE: &str = "\
Measures jwks-authorizer as a whole process.

Usage: cargo run --release -p bench                         beside others, and its limits
       cargo run --release -p bench -- unbound              the same, not bound to one processor
       cargo run --release -p bench -- build                fails for a build that is too big or gathers entropy at its start
       cargo run --release -p bench -- curves [DIRECTORY]   what it costs as it grows; plots into docs/performance by default
       cargo run --release -p bench -- instructions         fails where a round takes other than the baseline, by Valgrind's count
       cargo run --release -p bench -- instructions record  makes the count the baseline

JWKS_AUTHORIZER_BIN names a prebuilt executable of the function; without it, one is built.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [] => on_one_processor(whole::run("one processor")),
        ["unbound"] => on_tokio(whole::run("as many processors as there are")),
        ["build"] => on_one_processor(build::run()),
        ["curves"] => curves(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance")),
        ["curves", directory] => curves(directory.into()),
        ["instructions"] => instructions::check(),
        ["instructions", "record"] => instructions::record(),
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
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Draws all curves. What happens in process has a runtime of its own, as the function has it.
fn curves(directory: PathBuf) -> Outcome<()> {
    curves::run(&directory)?;
    on_tokio(async move { crowd::run(&directory).await })
}

/// Runs something that measures one invocation at a time.
///
/// Where processes take turns on one processor, handing over costs the same each time. On several,
/// the scheduler decides anew, some tenths of a second into a process' life, whether to wake the
/// other side up on another processor, and then an invocation may take twice the CPU time.
fn on_one_processor(run: impl Future<Output = Outcome<()>> + Send + 'static) -> Outcome<()> {
    processor::stay_on_one()?;
    on_tokio(run)
}

fn on_tokio(run: impl Future<Output = Outcome<()>> + Send + 'static) -> Outcome<()> {
    let tokio = Runtime::new()?;
    // Spawned, it runs on a worker, which is awake sooner than the thread that blocks.
    tokio.block_on(tokio.spawn(run))?
}
