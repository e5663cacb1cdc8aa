//! What the function may take at most, and whether it does.
//!
//! Time is told in what moves with the machine: bare checks, and what other contestants took in the
//! same round. What happens in process, `in_process.rs` measures.

use bench::yardstick::median;

use crate::whole::{Contestants, Round};

/// Compares what was measured with each limit.
pub(crate) fn table(contestants: &Contestants, rounds: &[Round]) -> String {
    let middle = |ratio: fn(&Round) -> f64| median(rounds.iter().map(ratio).collect());
    let mut limits = vec![
        Limit::at_most(
            "CPU of a warm invocation beyond that of `lambda_runtime` alone, in bare checks",
            2.0,
            middle(|round| (round.authorizer.warm_cpu - round.hello.warm_cpu) / round.bare_check),
        ),
        Limit::at_most(
            "exec → first answer, over that of `lambda_runtime` alone",
            2.5,
            middle(|round| round.authorizer.first_answer / round.hello.first_answer),
        ),
        Limit::at_most(
            "CPU until the first answer, in bare checks",
            FIRST_CPU,
            middle(|round| round.authorizer.first_cpu / round.bare_check),
        ),
        Limit::at_most(
            "peak memory, in MB",
            PEAK_MEMORY,
            middle(|round| round.authorizer.peak_memory / 1e6),
        ),
    ];
    let size = contestants.authorizer.size.map(|bytes| bytes as f64 / 1e6);
    limits.extend(size.map(|size| Limit::at_most("the executable, in MB", SIZE, size)));
    limits.extend(against_node(rounds));
    rows(&limits)
}

/// The CPU time until the first answer, in bare checks: 6 ms where one takes 20 µs.
const FIRST_CPU: f64 = 300.0;
/// In MB.
pub(crate) const PEAK_MEMORY: f64 = 7.0;
/// Of the executable, in MB.
pub(crate) const SIZE: f64 = 5.5;

/// Writes limits as a table.
pub(crate) fn rows(limits: &[Limit]) -> String {
    let rows: String = limits.iter().map(Limit::row).collect();
    format!("| limit | must be | is | met |\n|---|---|---|---|\n{rows}")
}

/// How much better than Node it must be, where there is Node.
fn against_node(rounds: &[Round]) -> Vec<Limit> {
    let ratios = |ratio: fn(&Round) -> Option<f64>| -> Vec<f64> {
        rounds.iter().filter_map(ratio).collect()
    };
    let sooner = ratios(|round| Some(round.node?.first_answer / round.authorizer.first_answer));
    let early = ratios(|round| Some(round.node?.early_cpu / round.authorizer.early_cpu));
    let late = ratios(|round| Some(round.node?.warm_cpu / round.authorizer.warm_cpu));
    if sooner.is_empty() {
        return Vec::new();
    }
    vec![
        Limit::at_least("exec → first answer on Node, over ours", 20.0, median(sooner)),
        Limit::at_least("CPU of each of 1,000 invocations on Node, over ours", 8.0, median(early)),
        Limit::at_least("CPU of each of the next 1,000 on Node, over ours", 8.0, median(late)),
    ]
}

/// A limit, and what is to keep to it.
pub(crate) struct Limit {
    what: &'static str,
    must_be: String,
    is: f64,
    /// Whether it does.
    pub(crate) met: bool,
}

impl Limit {
    pub(crate) fn at_most(what: &'static str, most: f64, is: f64) -> Self {
        Self { what, must_be: format!("≤ {most}"), is, met: is <= most }
    }

    fn at_least(what: &'static str, least: f64, is: f64) -> Self {
        Self { what, must_be: format!("≥ {least}"), is, met: is >= least }
    }

    fn row(&self) -> String {
        let met = if self.met { "yes" } else { "**no**" };
        format!("| {} | {} | {:.2} | {met} |\n", self.what, self.must_be, self.is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_met_up_to_the_limit_itself() {
        assert_eq!(Limit::at_most("memory", 7.0, 7.0).row(), "| memory | ≤ 7 | 7.00 | yes |\n");
        assert_eq!(
            Limit::at_most("memory", 5.5, 5.51).row(),
            "| memory | ≤ 5.5 | 5.51 | **no** |\n"
        );
        assert_eq!(Limit::at_least("lead", 8.0, 8.0).row(), "| lead | ≥ 8 | 8.00 | yes |\n");
        assert_eq!(Limit::at_least("lead", 8.0, 7.99).row(), "| lead | ≥ 8 | 7.99 | **no** |\n");
    }
}
