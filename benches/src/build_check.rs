//! Checks what depends on the build and not on the machine: the size of the executable, its memory,
//! and that it does not gather jitter entropy at its first TLS handshake.
//!
//! `AWS_LC_SYS_NO_JITTER_ENTROPY=1` in `.cargo/config.toml` keeps the entropy code out. Cargo does not
//! read that file when it runs in another directory or when a tool sets its own environment. Such a
//! build works, but each cold start takes tens of milliseconds longer. The function then logs a
//! warning when it starts, and its CPU time shows the difference.

use std::fs;

use bench::fixture::Outcome;
use bench::limits::{EXECUTABLE_SIZE, Limit, PEAK_MEMORY, table};
use bench::sample::median;
use local_gateway::executable;

use crate::process::Process;
use crate::process_fixture::ProcessFixture;

/// The variable that keeps the entropy code out. The function's warning names it.
const SWITCH: &str = "AWS_LC_SYS_NO_JITTER_ENTROPY";

const STARTS: usize = 5;

/// After this many invocations the process does not grow any more.
const INVOCATIONS: u32 = 1_000;

/// The limit of the CPU time until the first answer, in signature checks. A correct build takes about
/// 200, a build with the entropy code about 1,900.
const FIRST_CPU: f64 = 800.0;

/// Measures the build, and compares it with the limits.
///
/// # Errors
///
/// When it exceeds a limit.
pub(crate) async fn run() -> Outcome<()> {
    let executable = executable::find(executable::Profile::Release).await?;
    let fixture = ProcessFixture::new().await?;
    let program = fixture.authorizer(&executable);
    let (mut first_cpu, mut peak_memory) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let signature_check = fixture.signature_check.seconds();
        let (process, start) = Process::start(&program, &fixture.event).await?;
        process.invoke(&fixture.event, INVOCATIONS).await?;
        if let Some(line) = process.log().iter().find(|line| line.contains(SWITCH)) {
            return Err(format!("{}: {line}", executable.display()).into());
        }
        first_cpu.push(start.cpu.as_secs_f64() / signature_check);
        peak_memory.push(process.peak_memory()? as f64 / 1e6);
        process.end().await?;
    }
    let size = fs::metadata(&executable)?.len() as f64 / 1e6;
    let limits = [
        Limit::at_most(
            "CPU until the first answer, in signature checks",
            FIRST_CPU,
            median(first_cpu),
        ),
        Limit::at_most("peak memory, in MB", PEAK_MEMORY, median(peak_memory)),
        Limit::at_most("the executable, in MB", EXECUTABLE_SIZE, size),
    ];
    println!("{}", table(&limits));
    if limits.iter().all(|limit| limit.met) {
        return Ok(());
    }
    Err(format!(
        "{} exceeds a limit. If it is the CPU time, build with {SWITCH}=1, as .cargo/config.toml does.",
        executable.display()
    )
    .into())
}
