//! Measures the function with 1, 20 and 1,000 issuers of two keys each, all of them in memory.
//!
//! The keys come from a file, so that no network is part of the figures.

use bench::fixture::{Fixture, ISSUER, IssuersFile, Outcome};
use bench::limits::{Limit, PEAK_MEMORY_OF_1000_ISSUERS, table};
use bench::sample::median;
use bytes::Bytes;
use local_gateway::executable;

use crate::process::{Process, Program};

const STARTS: usize = 5;

/// After this many invocations the process does not grow any more.
const INVOCATIONS: u32 = 1_000;

/// Measures the function. Prints the results, and how the memory compares with its limit.
///
/// # Errors
///
/// When the memory exceeds the limit.
pub(crate) async fn run() -> Outcome<()> {
    let executable = executable::find(executable::Profile::Release).await?;
    let fixture = Fixture::new()?;
    let event: Bytes = fixture.request().websocket_connect().to_string().into();
    println!(
        "| issuers | start → first response, ms | CPU until then, ms | CPU of a request, µs | peak memory, MB |\n|---|---|---|---|---|"
    );
    let mut peak_memory = 0.0;
    for count in [1, 20, 1000] {
        let file = IssuersFile::new(&fixture, ISSUER, count)?;
        let environment = vec![("AUTHORIZER_ISSUERS_FILE", file.path().into())];
        let program =
            Program { executable: executable.clone(), arguments: Vec::new(), environment };
        let figures = measure(&program, &event).await?;
        let [first_answer, first_cpu, warm_cpu, memory] = figures;
        println!("| {count} | {first_answer:.1} | {first_cpu:.1} | {warm_cpu:.1} | {memory:.2} |");
        peak_memory = memory;
    }
    let limit = Limit::at_most(
        "peak memory with 1,000 issuers, in MB",
        PEAK_MEMORY_OF_1000_ISSUERS,
        peak_memory,
    );
    let met = limit.met;
    println!("\n{}", table(&[limit]));
    if met { Ok(()) } else { Err("1,000 issuers take more memory than the limit".into()) }
}

/// Returns medians: the start until the first answer in ms, CPU time until then in ms, CPU time of a
/// warm invocation in µs, and peak memory in MB.
async fn measure(program: &Program, event: &Bytes) -> Outcome<[f64; 4]> {
    let mut figures: [Vec<f64>; 4] = Default::default();
    for _ in 0..STARTS {
        let (process, start) = Process::start(program, event).await?;
        process.invoke(event, INVOCATIONS).await?;
        let warm = process.invoke(event, INVOCATIONS).await?;
        let memory = process.peak_memory()? as f64 / 1e6;
        process.end().await?;
        let (answer, cpu) = (start.first_answer.as_secs_f64(), start.cpu.as_secs_f64());
        let round = [answer * 1e3, cpu * 1e3, warm.cpu.as_secs_f64() * 1e6, memory];
        figures.iter_mut().zip(round).for_each(|(figures, figure)| figures.push(figure));
    }
    Ok(figures.map(median))
}
