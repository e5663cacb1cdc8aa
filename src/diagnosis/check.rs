//! Checks the settings before the first request.

use serde::Serialize;

use super::text::Style;
use crate::config::{Config, ConfigError};

/// What is wrong with the settings.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    /// Whether the function would start and could judge tokens of every issuer.
    pub ok: bool,
    /// Every mistake in the settings.
    pub mistakes: Vec<String>,
    /// What is allowed, but is likely not meant.
    pub warnings: Vec<String>,
}

/// Checks settings.
pub async fn check(config: Result<Config, ConfigError>) -> CheckReport {
    match config {
        Ok(config) => CheckReport { ok: true, mistakes: Vec::new(), warnings: config.warnings },
        Err(ConfigError(problems)) => CheckReport {
            ok: false,
            mistakes: problems.iter().map(ToString::to_string).collect(),
            warnings: Vec::new(),
        },
    }
}

impl CheckReport {
    /// Returns the report for people.
    #[must_use]
    pub fn to_text(&self, _style: Style) -> String {
        let lines = self.mistakes.iter().chain(&self.warnings);
        lines.map(|line| format!("{line}\n")).collect()
    }
}
