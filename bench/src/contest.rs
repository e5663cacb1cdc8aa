//! Contestants that take turns, so that a machine whose speed drifts is as
//! unfair to one as to the other.

use std::time::Duration;

use cpu_time::ThreadTime;

/// Something whose cost is measured.
pub(crate) struct Contestant<'a> {
    name: String,
    run: Box<dyn FnMut() + 'a>,
}

/// What a contestant cost.
pub(crate) struct Score {
    /// The contestant's name.
    pub(crate) name: String,
    /// The median of its CPU time for one run.
    pub(crate) median: Duration,
    /// The median, over the rounds, of its cost over the first contestant's.
    pub(crate) ratio: f64,
}

impl<'a> Contestant<'a> {
    pub(crate) fn new(name: impl Into<String>, run: impl FnMut() + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// Lets the contestants take turns for so many rounds, each of so many runs.
pub(crate) fn hold(rounds: usize, runs: u32, mut contestants: Vec<Contestant<'_>>) -> Vec<Score> {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); contestants.len()];
    // The first round warms caches up and does not count.
    for round in 0..=rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let start = ThreadTime::now();
            (0..runs).for_each(|_| (contestant.run)());
            if round > 0 {
                times.push(start.elapsed().as_secs_f64() / f64::from(runs));
            }
        }
    }
    let first = times.first().cloned().unwrap_or_default();
    let score = |(contestant, times): (Contestant<'_>, Vec<f64>)| {
        let ratios = times.iter().zip(&first).map(|(time, first)| time / first).collect();
        Score {
            name: contestant.name,
            median: Duration::from_secs_f64(median(times)),
            ratio: median(ratios),
        }
    };
    contestants.into_iter().zip(times).map(score).collect()
}

/// Returns the middle of the values; zero where there are none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
