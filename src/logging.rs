//! Sets up logging with the format and the level that Lambda's environment variables ask for.
//!
//! See [logging controls](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-logs.html).

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

/// Starts logging to standard output. `variable` looks up an environment variable.
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

/// Returns the level from Lambda's own setting, or else from `RUST_LOG`. Of `RUST_LOG` only the level
/// for this crate counts.
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
            level.into_level().is_some_and(|level| targets.would_enable(THIS_CRATE, &level))
        };
        Some(levels.into_iter().find(enabled).unwrap_or(LevelFilter::OFF))
    };
    lambda.or_else(rust_log).unwrap_or(LevelFilter::INFO)
}

const THIS_CRATE: &str = "jwks_authorizer";

/// Returns a filter that limits libraries to `WARN`. At `TRACE` the Lambda runtime logs whole events,
/// which contain tokens.
fn filter(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(THIS_CRATE, level)
        // It logs each function error again, after our own log entry.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn takes_the_level_from_lambda_or_else_from_rust_log() {
        #[track_caller]
        fn check(lambda: Option<&str>, rust_log: Option<&str>, expected: LevelFilter) {
            let variable = |name: &str| match name {
                "AWS_LAMBDA_LOG_LEVEL" => lambda.map(str::to_owned),
                "RUST_LOG" => rust_log.map(str::to_owned),
                _ => panic!("{name}"),
            };
            assert_eq!(level(variable), expected, "{lambda:?} {rust_log:?}");
        }
        check(None, None, LevelFilter::INFO);
        for (name, expected) in [
            ("TRACE", LevelFilter::TRACE),
            ("DEBUG", LevelFilter::DEBUG),
            ("INFO", LevelFilter::INFO),
            ("WARN", LevelFilter::WARN),
            ("ERROR", LevelFilter::ERROR),
            ("FATAL", LevelFilter::ERROR),
        ] {
            check(Some(name), None, expected);
            check(Some(&name.to_lowercase()), None, expected);
            check(Some(name), Some("off"), expected);
        }
        check(None, Some("debug"), LevelFilter::DEBUG);
        check(None, Some("off"), LevelFilter::OFF);
        check(None, Some("jwks_authorizer=trace"), LevelFilter::TRACE);
        check(None, Some("trace,jwks_authorizer=error"), LevelFilter::ERROR);
        check(None, Some("warn,hyper=trace"), LevelFilter::WARN);
        check(None, Some("hyper=trace"), LevelFilter::OFF);
        // An invalid value is ignored.
        check(Some("LOUD"), None, LevelFilter::INFO);
        check(Some("LOUD"), Some("debug"), LevelFilter::DEBUG);
        check(None, Some("jwks_authorizer=loud"), LevelFilter::INFO);
    }

    #[test]
    fn limits_libraries_to_warnings_at_every_level() {
        let levels = [LevelFilter::OFF, LevelFilter::ERROR, LevelFilter::INFO, LevelFilter::TRACE];
        for asked in levels {
            let filter = filter(asked);
            for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
                assert_eq!(filter.would_enable(THIS_CRATE, &level), level <= asked);
                assert_eq!(
                    filter.would_enable("jwks_authorizer::authorizer", &level),
                    level <= asked
                );
                for library in ["lambda_runtime", "lambda_runtime::layers::trace", "hyper", "h2"] {
                    let enabled = level <= asked && level <= Level::WARN;
                    assert_eq!(filter.would_enable(library, &level), enabled, "{library} {level}");
                }
                assert!(!filter.would_enable("lambda_runtime::layers::panic", &level));
            }
        }
    }
}
