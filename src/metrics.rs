//! CloudWatch metrics, when a namespace is set: one line for each decision and one for each key
//! refresh, in the [embedded metric format][EMF].
//!
//! CloudWatch charges for each combination of dimension values. So the dimensions are few, and a
//! caller cannot choose their values: they are decisions, reasons, outcomes and configured issuers.
//!
//! [EMF]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// Writes metrics, or nothing when no namespace is configured.
pub(crate) struct Metrics(Option<Emitter>);

struct Emitter {
    namespace: String,
    output: Mutex<Box<dyn Write + Send>>,
}

/// The metrics of one decision, and their dimensions.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DecisionMetrics {
    #[serde(skip)]
    pub(crate) at: SystemTime,
    pub(crate) decision: &'static str,
    /// Why the request was refused; absent for an allowed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    /// The age of the keys that verified the token; absent when no keys were found.
    #[serde(serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub(crate) key_age: Option<Duration>,
    #[serde(serialize_with = "microseconds")]
    pub(crate) decision_duration: Duration,
    pub(crate) decisions: u64,
    /// What the rules on trial would decide, if that is another decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trial: Option<&'static str>,
    /// 1 if the rules on trial would change the decision, or else 0; absent when no rule is on trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trial_changes: Option<u64>,
}

/// The metrics of one key refresh, and their dimensions.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RefreshMetrics<'i> {
    #[serde(skip)]
    pub(crate) at: SystemTime,
    pub(crate) issuer: &'i str,
    pub(crate) outcome: &'static str,
    #[serde(serialize_with = "milliseconds")]
    pub(crate) key_refresh_duration: Duration,
    pub(crate) key_refreshes: u64,
}

impl Metrics {
    /// Returns metrics that write nothing.
    #[must_use]
    pub(crate) fn off() -> Self {
        Self(None)
    }

    /// Returns metrics that write their lines to `output`, for CloudWatch to store in `namespace`.
    #[must_use]
    pub(crate) fn to(output: Box<dyn Write + Send>, namespace: &str) -> Self {
        Self(Some(Emitter { namespace: namespace.to_owned(), output: Mutex::new(output) }))
    }

    /// Counts a decision. Calls `decision` only when metrics are on.
    pub(crate) fn decided(&self, decision: impl FnOnce() -> DecisionMetrics) {
        self.emit(decision);
    }

    /// Counts a key refresh. Calls `refresh` only when metrics are on.
    pub(crate) fn refreshed<'i>(&self, refresh: impl FnOnce() -> RefreshMetrics<'i>) {
        self.emit(refresh);
    }

    fn emit<M: Members>(&self, members: impl FnOnce() -> M) {
        let Self(Some(emitter)) = self else { return };
        let members = members();
        let line = Line {
            metadata: Metadata {
                timestamp: members.at().duration_since(UNIX_EPOCH).unwrap_or_default(),
                directives: [Directive {
                    namespace: &emitter.namespace,
                    dimensions: members.dimensions(),
                    metrics: members.metrics(),
                }],
            },
            members,
        };
        let mut json = Vec::with_capacity(512);
        if serde_json::to_writer(&mut json, &line).is_err() {
            return;
        }
        json.push(b'\n');
        let mut output = emitter.output.lock().unwrap_or_else(PoisonError::into_inner);
        // The decision stands even if its metrics cannot be written.
        let _ = output.write_all(&json);
    }
}

/// The members of a line that its metadata declares: a value for each dimension and each metric.
trait Members: Serialize {
    fn at(&self) -> SystemTime;
    fn dimensions(&self) -> &'static [DimensionSet];
    fn metrics(&self) -> &'static [Metric];
}

impl Members for DecisionMetrics {
    fn at(&self) -> SystemTime {
        self.at
    }

    fn dimensions(&self) -> &'static [DimensionSet] {
        match (self.reason, self.trial) {
            (None, None) => &[&["Decision"]],
            (Some(_), None) => &[&["Decision"], &["Decision", "Reason"]],
            (None, Some(_)) => &[&["Decision"], &["Decision", "Trial"]],
            (Some(_), Some(_)) => &[&["Decision"], &["Decision", "Reason"], &["Decision", "Trial"]],
        }
    }

    fn metrics(&self) -> &'static [Metric] {
        const KEY_AGE: Metric = Metric { name: "KeyAge", unit: Some("Seconds") };
        const DURATION: Metric = Metric { name: "DecisionDuration", unit: Some("Microseconds") };
        const DECISIONS: Metric = Metric { name: "Decisions", unit: None };
        const CHANGES: Metric = Metric { name: "TrialChanges", unit: None };
        match (self.key_age, self.trial_changes) {
            (None, None) => &[DURATION, DECISIONS],
            (None, Some(_)) => &[DURATION, DECISIONS, CHANGES],
            (Some(_), None) => &[KEY_AGE, DURATION, DECISIONS],
            (Some(_), Some(_)) => &[KEY_AGE, DURATION, DECISIONS, CHANGES],
        }
    }
}

impl Members for RefreshMetrics<'_> {
    fn at(&self) -> SystemTime {
        self.at
    }

    fn dimensions(&self) -> &'static [DimensionSet] {
        &[&["Issuer", "Outcome"]]
    }

    fn metrics(&self) -> &'static [Metric] {
        const DURATION: Metric = Metric { name: "KeyRefreshDuration", unit: Some("Milliseconds") };
        const REFRESHES: Metric = Metric { name: "KeyRefreshes", unit: None };
        &[DURATION, REFRESHES]
    }
}

/// A line in the embedded metric format.
#[derive(Serialize)]
struct Line<'a, M> {
    #[serde(rename = "_aws")]
    metadata: Metadata<'a>,
    #[serde(flatten)]
    members: M,
}

#[derive(Serialize)]
struct Metadata<'a> {
    /// The time since the Unix epoch.
    #[serde(rename = "Timestamp", serialize_with = "whole_milliseconds")]
    timestamp: Duration,
    #[serde(rename = "CloudWatchMetrics")]
    directives: [Directive<'a>; 1],
}

/// Says which members of the line are dimensions, and which are metrics.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: &'static [DimensionSet],
    metrics: &'static [Metric],
}

type DimensionSet = &'static [&'static str];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
}

fn whole_milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

fn seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_nanos() as f64 / 1e6)
}

fn microseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_nanos() as f64 / 1e3)
}

#[cfg(test)]
mod tests;
