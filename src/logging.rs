//! Log lines in the form and from the level on that Lambda asks for.
//!
//! See [logging controls](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-logs.html).

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

/// Begins to log to standard output. `variable` looks up an environment variable.
pub(crate) fn init(variable: impl Fn(&str) -> Option<String>) {
    let filter = filter(level(&variable));
    let json =
        variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"));
    let lines = fmt::layer().with_target(false);
    if json {
        registry().with(lines.json().flatten_event(true).with_filter(filter)).init();
    } else {
        registry().with(lines.with_ansi(false).with_filter(filter)).init();
    }
}

/// Returns the level that is asked for: by Lambda's own setting, or else by
/// `RUST_LOG`, of which only what it says of this crate counts.
fn level(variable: impl Fn(&str) -> Option<String>) -> LevelFilter {
    let lambda = variable("AWS_LAMBDA_LOG_LEVEL").and_then(|level| {
        match level.to_ascii_uppercase().as_str() {
            "FATAL" => Some(LevelFilter::ERROR),
            level => level.parse().ok(),
        }
    });
    let rust_log = || {
        let targets: Targets = variable("RUST_LOG")?.parse().ok()?;
        let levels = [
            LevelFilter::TRACE,
            LevelFilter::DEBUG,
            LevelFilter::INFO,
            LevelFilter::WARN,
            LevelFilter::ERROR,
        ];
        let enabled = |level: &LevelFilter| {
            level.into_level().is_some_and(|level| targets.would_enable(OURS, &level))
        };
        Some(levels.into_iter().find(enabled).unwrap_or(LevelFilter::OFF))
    };
    lambda.or_else(rust_log).unwrap_or(LevelFilter::INFO)
}

const OURS: &str = "jwks_authorizer";

/// Libraries may only warn, however much is asked for: the Lambda runtime logs
/// whole events at its trace level, tokens included.
fn filter(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(OURS, level)
        // It reports each function error once more, below our own line.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
}
