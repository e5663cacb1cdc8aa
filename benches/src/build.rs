//! Holds a build to what must not depend on the machine's mood: its size, its memory, and that it does
//! not gather entropy for tens of milliseconds at its first TLS handshake.
//!
//! `AWS_LC_SYS_NO_JITTER_ENTROPY=1` keeps that out, in `.cargo/config.toml`. A build that misses it,
//! because it is made from another directory or by a tool that brings its own environment, works
//! and looks the same, and costs each cold start tens of milliseconds. It says so when it starts, and
//! its CPU time shows it.

use std::fs;

use bench::scene::Outcome;
use bench::yardstick::median;
use local_gateway::executable;

use crate::limits::{Limit, PEAK_MEMORY, SIZE, rows};
use crate::process::Process;
use crate::stage::Stage;

/// What keeps the entropy out, and what the function's warning names.
const SWITCH: &str = "AWS_LC_SYS_NO_JITTER_ENTROPY";

const STARTS: usize = 5;

/// After so many invocations memory has reached its size.
const INVOCATIONS: u32 = 1_000;

/// The bound of the CPU time until the first answer, in bare checks. A right build takes some 200,
/// one with the entropy some 1,900.
const FIRST_CPU: f64 = 800.0;

/// Measures the build, and compares it with the limits.
///
/// # Errors
///
/// When it is over one.
pub(crate) async fn run() -> Outcome<()> {
    let executable = executable::find(executable::Profile::Release).await?;
    let stage = Stage::new().await?;
    let program = stage.authorizer(&executable);
    let (mut first_cpu, mut peak_memory) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let bare_check = stage.yardstick.bare_check();
        let (process, start) = Process::start(&program, &stage.event).await?;
        process.invoke(&stage.event, INVOCATIONS).await?;
        if let Some(line) = process.log().iter().find(|line| line.contains(SWITCH)) {
            return Err(format!("{}: {line}", executable.display()).into());
        }
        first_cpu.push(start.cpu.as_secs_f64() / bare_check);
        peak_memory.push(process.peak_memory()? as f64 / 1e6);
        process.end().await?;
    }
    let limits = [
        Limit::at_most("CPU until the first answer, in bare checks", FIRST_CPU, median(first_cpu)),
        Limit::at_most("peak memory, in MB", PEAK_MEMORY, median(peak_memory)),
        Limit::at_most(
            "the executable, in MB",
            SIZE,
            fs::metadata(&executable)?.len() as f64 / 1e6,
        ),
    ];
    println!("{}", rows(&limits));
    if limits.iter().all(|limit| limit.met) {
        return Ok(());
    }
    Err(format!(
        "{} is over a limit; if it is the CPU time's, build with {SWITCH}=1, as .cargo/config.toml sets it",
        executable.display()
    )
    .into())
}
