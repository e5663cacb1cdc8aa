//! Checks the settings before the first request: the start's own steps, and one fetch from each
//! issuer that stores nothing.
//!
//! Not here: how a key set is fetched and parsed (`jwks`), and the files that settings name
//! (`startup.rs`). This module only asks them, and reports.

mod cure;
mod observed;
mod probe;
mod proxy;
mod report;
mod text;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::config::{Config, ConfigError, IssuerConfig, Variables, settings_in_force};
use crate::jwks::{CacheRules, HttpKeySource};
use crate::startup::{self, StartError};
use probe::Probe;
pub use report::{
    CheckReport, DiscoveryReport, IssuerReport, KeyFileReport, KeyReport, KeySetReport,
    ProxyVariable,
};

/// The most issuers that are asked at the same time. Each has a connection and a buffer.
const MAX_CONCURRENT: usize = 32;

/// Checks the settings in these environment variables, and fetches every issuer's keys.
///
/// Each fetch ends after `AUTHORIZER_JWKS_TIMEOUT_MS`, and all of them end after `time_left`.
pub async fn check(
    variables: impl IntoIterator<Item = (String, String)>,
    time_left: Option<Duration>,
) -> CheckReport {
    check_variables(Variables::of(variables), time_left).await
}

pub(crate) async fn check_variables(
    variables: Variables,
    time_left: Option<Duration>,
) -> CheckReport {
    let read_file = |path: &Path| std::fs::read_to_string(path);
    let mut report = CheckReport {
        settings: settings_in_force(&variables, &read_file),
        proxy: proxy::variables(&variables),
        ..CheckReport::default()
    };
    match Config::read(variables, &read_file) {
        Err(ConfigError(problems)) => {
            report.mistakes = problems.iter().map(ToString::to_string).collect();
        }
        Ok(config) => examine(config, time_left, &mut report).await,
    }
    report
}

/// Does what the start does, and adds what it finds to the report.
async fn examine(config: Config, time_left: Option<Duration>, report: &mut CheckReport) {
    let deadline = time_left.map(|left| Instant::now() + left);
    let configured = config.issuers.len();
    report.warnings.clone_from(&config.warnings);
    let source = match startup::key_source(&config) {
        Ok(source) => Some(source),
        Err(error) => {
            report.mistakes.push(error.to_string());
            None
        }
    };
    let mut issuers = Vec::new();
    for issuer in config.issuers.iter().cloned() {
        let file = check_file(&issuer).unwrap_or_else(|error| {
            report.mistakes.push(error.to_string());
            None
        });
        issuers.push((issuer, file));
    }
    // Without the certificates that the settings name, a fetch would report another mistake.
    if let Some(source) = source {
        report.issuers = ask_all(&source, config.cache, issuers, deadline).await;
    }
    let issuers = &report.issuers;
    report.warnings.extend(issuers.iter().flat_map(|issuer| issuer.warnings.iter().cloned()));
    let can_judge = issuers.len() == configured && issuers.iter().all(|issuer| issuer.ok);
    report.ok = report.mistakes.is_empty() && can_judge;
}

fn check_file(issuer: &IssuerConfig) -> Result<Option<KeyFileReport>, StartError> {
    let Some(file) = startup::key_file(issuer)? else { return Ok(None) };
    file.parse(issuer)?;
    let path = issuer.jwks_file.as_ref().map(|path| path.display().to_string());
    Ok(Some(KeyFileReport { path: path.unwrap_or_default(), keys: probe::keys(&file.0, issuer) }))
}

/// Fetches the keys of all issuers, and returns the reports in the order of the issuers.
async fn ask_all(
    source: &HttpKeySource,
    rules: CacheRules,
    issuers: Vec<(IssuerConfig, Option<KeyFileReport>)>,
    deadline: Option<Instant>,
) -> Vec<IssuerReport> {
    let turns = Arc::new(Semaphore::new(MAX_CONCURRENT));
    let mut asked = Vec::new();
    for (issuer, file) in issuers {
        let (source, turns) = (source.clone(), Arc::clone(&turns));
        asked.push(tokio::spawn(async move {
            // The semaphore is never closed, so this is always a turn.
            let _turn = turns.acquire().await;
            Probe::run(&source, &issuer, &rules, deadline).await.report(&issuer, file, &rules)
        }));
    }
    let mut reports = Vec::new();
    for report in asked {
        reports.extend(report.await);
    }
    reports
}

#[cfg(test)]
mod tests;
