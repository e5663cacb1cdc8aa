//! CPU time of this thread, measured beside a reference.

use cpu_time::ThreadTime;

/// The CPU time of one run and of one run of the reference at the same time, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// One run.
    pub run: f64,
    /// One run of the reference.
    pub reference: f64,
}

impl Sample {
    /// Calls `run` `runs` times, and `reference` before and after that.
    pub fn take(runs: u32, mut run: impl FnMut(), mut reference: impl FnMut()) -> Self {
        /// Enough calls for the clock, and short enough to meet the same load as `run`.
        const REFERENCE_RUNS: u32 = 50;
        let before = cpu_seconds(REFERENCE_RUNS, &mut reference);
        let run = cpu_seconds(runs, &mut run);
        let after = cpu_seconds(REFERENCE_RUNS, &mut reference);
        Self { run, reference: f64::midpoint(before, after) }
    }

    /// Returns the cost of a run as a multiple of the reference's.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.run / self.reference
    }
}

/// Returns the CPU time of one call, in seconds, as the mean of `runs` calls.
pub fn cpu_seconds(runs: u32, mut run: impl FnMut()) -> f64 {
    let start = ThreadTime::now();
    (0..runs).for_each(|_| run());
    start.elapsed().as_secs_f64() / f64::from(runs)
}

/// Returns the median of the values, or zero when there are none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
