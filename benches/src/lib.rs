//! What the benchmarks share.
//!
//! Absolute times differ from machine to machine and, on a shared machine, from minute to minute. So
//! the benchmarks report most costs as multiples of the cost of one signature check, measured at the
//! same time.
//!
//! - `cargo bench -p bench` measures a request and its parts in process.
//! - `cargo run --release -p bench` measures whole processes; see `main.rs`.

pub mod fixture;
pub mod limits;
pub mod sample;
pub mod signature_check;
