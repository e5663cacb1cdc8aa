//! CloudWatch metrics, where they are asked for: a line for each decision and
//! one for each fetch of keys, in the
//! [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
//!
//! Dimensions are what a bill grows with, so they are few and bounded: outcomes,
//! reasons and configured issuers, and nothing that a caller chooses.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use metrique_writer::Entry;
use metrique_writer::format::Format;
use metrique_writer::unit::{AsMicroseconds, AsSeconds};
use metrique_writer_format_emf::Emf;

/// Where metrics go; nowhere unless a namespace is configured.
pub struct Metrics(Option<Mutex<Emitter>>);

struct Emitter {
    decisions: Emf,
    refreshes: Emf,
    output: Box<dyn Write + Send>,
}

/// A decision, as far as it is counted.
#[derive(Entry)]
#[entry(rename_all = "PascalCase")]
pub(crate) struct DecisionMetrics {
    #[entry(timestamp)]
    pub(crate) at: SystemTime,
    pub(crate) decision: &'static str,
    pub(crate) reason: Option<&'static str>,
    /// How old the keys were that the token was judged by.
    pub(crate) key_age: Option<AsSeconds<Duration>>,
    pub(crate) decision_duration: AsMicroseconds<Duration>,
    pub(crate) decisions: u64,
}

/// A fetch of keys, as far as it is counted.
#[derive(Entry)]
#[entry(rename_all = "PascalCase")]
pub(crate) struct RefreshMetrics<'i> {
    #[entry(timestamp)]
    pub(crate) at: SystemTime,
    pub(crate) issuer: &'i str,
    pub(crate) outcome: &'static str,
    pub(crate) key_refresh_duration: Duration,
    pub(crate) key_refreshes: u64,
}

impl Metrics {
    /// Emits nothing.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Emits to `output` what CloudWatch will file under `namespace`.
    #[must_use]
    pub fn to(output: Box<dyn Write + Send>, namespace: &str) -> Self {
        let sets = |sets: &[&[&str]]| {
            sets.iter().map(|set| set.iter().map(|name| (*name).to_owned()).collect()).collect()
        };
        let emf = |dimensions| {
            Emf::builder(namespace.to_owned(), dimensions)
                .allow_dimensions_with_no_data(true)
                .build()
        };
        Self(Some(Mutex::new(Emitter {
            decisions: emf(sets(&[&["Decision"], &["Decision", "Reason"]])),
            refreshes: emf(sets(&[&["Issuer", "Outcome"]])),
            output,
        })))
    }

    /// Counts a decision. What to count is only made where it is wanted.
    pub(crate) fn decided(&self, decision: impl FnOnce() -> DecisionMetrics) {
        self.emit(|emitter, line| emitter.decisions.format(&decision(), line).is_ok());
    }

    /// Counts a fetch of keys.
    pub(crate) fn refreshed<'i>(&self, refresh: impl FnOnce() -> RefreshMetrics<'i>) {
        self.emit(|emitter, line| emitter.refreshes.format(&refresh(), line).is_ok());
    }

    fn emit(&self, format: impl FnOnce(&mut Emitter, &mut Vec<u8>) -> bool) {
        let Self(Some(emitter)) = self else { return };
        let mut emitter = emitter.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = Vec::with_capacity(512);
        if format(&mut emitter, &mut line) {
            // A request is not refused because it cannot be counted.
            let _ = emitter.output.write_all(&line).and_then(|()| emitter.output.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::UNIX_EPOCH;

    use serde_json::Value;

    use super::*;

    /// An output whose lines can be read afterwards.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn emitted(emit: impl FnOnce(&Metrics)) -> Vec<Value> {
        let lines = Lines::default();
        emit(&Metrics::to(Box::new(lines.clone()), "Test"));
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn decision(decision: &'static str, reason: Option<&'static str>) -> DecisionMetrics {
        DecisionMetrics {
            at: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            decision,
            reason,
            key_age: Some(Duration::from_secs(42).into()),
            decision_duration: Duration::from_micros(21).into(),
            decisions: 1,
        }
    }

    #[test]
    fn counts_decisions_and_fetches_in_lines_that_cloudwatch_reads() {
        let lines = emitted(|metrics| {
            metrics.decided(|| decision("allow", None));
            metrics.decided(|| decision("unauthorized", Some("expired")));
            metrics.refreshed(|| RefreshMetrics {
                at: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
                issuer: "https://issuer.example",
                outcome: "failed",
                key_refresh_duration: Duration::from_millis(3_000),
                key_refreshes: 1,
            });
        });
        insta::assert_json_snapshot!(lines);
    }

    #[test]
    fn makes_nothing_where_nothing_is_counted() {
        Metrics::off().decided(|| panic!("made"));
        Metrics::off().refreshed(|| panic!("made"));
    }
}
