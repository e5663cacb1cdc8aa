//! What the benchmarks share: a scene to measure in, and the yardstick to measure with.
//!
//! Absolute times move from machine to machine, and on a shared one from minute to minute. So what
//! happens in process is measured as CPU time of one thread, in turns with the bare signature check,
//! and told as a multiple of it.
//!
//! - `cargo bench -p bench` measures the round from event to answer, and its parts.
//! - `cargo run --release -p bench` measures whole processes, and more: see `main.rs`.

pub mod scene;
pub mod yardstick;
