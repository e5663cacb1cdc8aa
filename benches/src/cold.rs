//! Tells a build whose first TLS handshake gathers entropy for tens of milliseconds.
//!
//! `AWS_LC_SYS_NO_JITTER_ENTROPY=1` keeps that out, in `.cargo/config.toml`. A build that misses it,
//! because it is made from another directory or by a tool that brings its own environment, works
//! and looks the same, and costs each cold start some 45 ms of CPU time.

use bench::scene::Outcome;
use bench::yardstick::median;
use local_gateway::executable;

use crate::limits::FIRST_CPU;
use crate::process::Process;
use crate::stage::Stage;

const STARTS: usize = 5;

/// The bound, in bare checks. A right build is below [`FIRST_CPU`], a wrong one at some 2,000:
/// whatever else a machine does to them, they are not mistaken for each other.
const BOUND: f64 = 800.0;

/// Measures the CPU time until the first answer.
///
/// # Errors
///
/// When it is over the bound.
pub(crate) async fn run() -> Outcome<()> {
    let executable = executable::find().await?;
    let stage = Stage::new().await?;
    let program = stage.authorizer(&executable);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let bare_check = stage.yardstick.sample(1, || {}).bare_check;
        let (process, start) = Process::start(&program, &stage.event).await?;
        process.end().await?;
        starts.push(start.cpu.as_secs_f64() / bare_check.as_secs_f64());
    }
    let is = median(starts);
    println!(
        "CPU until the first answer over HTTPS: {is:.0} bare checks, where {FIRST_CPU} are the limit and {BOUND} the bound of this check"
    );
    if is <= BOUND {
        return Ok(());
    }
    Err("that is what AWS-LC's jitter entropy takes: build with AWS_LC_SYS_NO_JITTER_ENTROPY=1, as .cargo/config.toml sets it".into())
}
