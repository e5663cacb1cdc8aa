//! Limits, and whether what was measured keeps to them.

/// Of a request in process, in signature checks.
pub const REQUEST: f64 = 1.30;
/// Of a request in process with metrics, as a multiple of the same request without.
pub const REQUEST_WITH_METRICS: f64 = 1.10;
/// Of a request in process with rules on trial that change nothing, as a multiple of the same request
/// without.
pub const REQUEST_WITH_TRIAL: f64 = 1.10;
/// Of a process, in MB.
pub const PEAK_MEMORY: f64 = 7.0;
/// Of a process with 1,000 issuers of two keys each, in MB.
pub const PEAK_MEMORY_OF_1000_ISSUERS: f64 = 15.0;
/// Of the executable, in MB.
pub const EXECUTABLE_SIZE: f64 = 5.5;

/// A limit, and the value that has to keep to it.
pub struct Limit {
    what: String,
    must_be: String,
    is: f64,
    /// Whether the value keeps to the limit.
    pub met: bool,
}

impl Limit {
    /// Returns an upper limit.
    #[must_use]
    pub fn at_most(what: &str, most: f64, is: f64) -> Self {
        Self { what: what.to_owned(), must_be: format!("≤ {most}"), is, met: is <= most }
    }

    /// Returns a lower limit.
    #[must_use]
    pub fn at_least(what: &str, least: f64, is: f64) -> Self {
        Self { what: what.to_owned(), must_be: format!("≥ {least}"), is, met: is >= least }
    }

    fn row(&self) -> String {
        let met = if self.met { "yes" } else { "**no**" };
        format!("| {} | {} | {:.2} | {met} |\n", self.what, self.must_be, self.is)
    }
}

/// Returns the limits as a table.
#[must_use]
pub fn table(limits: &[Limit]) -> String {
    let rows: String = limits.iter().map(Limit::row).collect();
    format!("| limit | must be | is | met |\n|---|---|---|---|\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_its_limit_keeps_to_it() {
        assert_eq!(Limit::at_most("memory", 7.0, 7.0).row(), "| memory | ≤ 7 | 7.00 | yes |\n");
        assert_eq!(
            Limit::at_most("memory", 5.5, 5.51).row(),
            "| memory | ≤ 5.5 | 5.51 | **no** |\n"
        );
        assert_eq!(Limit::at_least("lead", 8.0, 8.0).row(), "| lead | ≥ 8 | 8.00 | yes |\n");
        assert_eq!(Limit::at_least("lead", 8.0, 7.99).row(), "| lead | ≥ 8 | 7.99 | **no** |\n");
    }
}
