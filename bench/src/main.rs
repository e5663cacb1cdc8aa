//! Measures jwks-authorizer in process: `bench`, `bench routes` or `bench metrics`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

mod contest;
mod round;

use contest::Score;

/// Enough rounds for a median that a noisy machine leaves alone.
const ROUNDS: usize = 41;
const RUNS: u32 = 500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1).as_deref() {
        None => println!("{}", table(&round::measure(ROUNDS, RUNS)?)),
        Some("routes") => println!("{}", table(&round::measure_routes(ROUNDS, RUNS)?)),
        // Standard output is where the metrics themselves go.
        Some("metrics") => eprintln!("{}", table(&round::measure_metrics(ROUNDS, RUNS)?)),
        Some(other) => {
            return Err(format!("{other:?} is none of nothing, \"routes\" and \"metrics\"").into());
        }
    }
    Ok(())
}

/// Writes a Markdown table: CPU time for one run, and that over the first contestant's.
fn table(scores: &[Score]) -> String {
    let row = |score: &Score| {
        let microseconds = score.median.as_secs_f64() * 1e6;
        format!("| {} | {microseconds:.2} | {:.3} |\n", score.name, score.ratio)
    };
    let rows: String = scores.iter().map(row).collect();
    format!("| | CPU µs | ratio |\n|---|---|---|\n{rows}")
}
