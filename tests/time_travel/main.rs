//! The built function while its wall clock is moved: no test waits for time to pass.
//!
//! `.ci/time-travel` runs these tests, because they need [libfaketime](https://github.com/wolfcw/libfaketime).
//! It replaces the functions that read the clock, in the function's process only. The monotonic clock goes
//! on as it is, so the function's timers measure real time. As in a freeze by Lambda, the two clocks
//! disagree about how much time has passed.
//!
//! - [`tokens`]: `exp`, `nbf` and `iat` at their second, and after 2038 and 2106,
//! - [`lifetimes`]: each age of the keys,
//! - [`freeze`]: the process stands still while time passes,
//! - [`set_clock`]: the clock is set back or forward, by an hour or by a leap second.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod freeze;
mod lifetimes;
mod set_clock;
mod tokens;
mod world;
