//! A random number generator that gives the same numbers for the same seed.

use std::time::Duration;

/// The generator `SplitMix64`.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// Returns an item of a list, or `None` if it is empty.
    pub(crate) fn one_of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = self.below(items.len().max(1) as u64);
        items.get(usize::try_from(index).ok()?)
    }

    /// Returns a time from `shortest` to `longest`, with the same chance for each order of magnitude.
    pub(crate) fn magnitude(&mut self, shortest: Duration, longest: Duration) -> Duration {
        const STEPS: u32 = 1_000;
        let share = self.below(STEPS.into()) as f64 / f64::from(STEPS);
        shortest.mul_f64(longest.div_duration_f64(shortest).powf(share))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
