//! Measures jwks-authorizer.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

mod contest;
mod round;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for score in round::measure(
        std::env::var("ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(41),
        500,
    )? {
        println!(
            "| {} | {:.2} µs | {:.3} |",
            score.name,
            score.median.as_secs_f64() * 1e6,
            score.ratio
        );
    }
    Ok(())
}
