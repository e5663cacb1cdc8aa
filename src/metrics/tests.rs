use std::sync::{Arc, Barrier};
use std::thread;

use serde_json::{Value, json};

use super::*;

/// An output that keeps what each write brought, and takes at most `at_once` bytes of it.
#[derive(Clone)]
struct Output {
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
    at_once: usize,
}

impl Output {
    fn taking(at_once: usize) -> Self {
        Self { writes: Arc::default(), at_once }
    }

    fn writes(&self) -> Vec<Vec<u8>> {
        self.writes.lock().unwrap().clone()
    }

    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.writes().concat()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.at_once);
        self.writes.lock().unwrap().push(bytes[..taken].to_vec());
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn at() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn decision(reason: Option<&'static str>, key_age: Option<Duration>) -> DecisionMetrics {
    DecisionMetrics {
        at: at(),
        decision: if reason.is_none() { "allow" } else { "unauthorized" },
        reason,
        key_age,
        decision_duration: Duration::from_nanos(21_500),
        decisions: 1,
        trial: None,
        trial_changes: None,
    }
}

fn refresh(issuer: &str) -> RefreshMetrics<'_> {
    RefreshMetrics {
        at: at(),
        issuer,
        outcome: "failed",
        key_refresh_duration: Duration::from_millis(3_000),
        key_refreshes: 1,
    }
}

/// Emits a line of every shape that there is.
fn every_line() -> (Output, Vec<Value>) {
    let output = Output::taking(usize::MAX);
    let metrics = Metrics::to(Box::new(output.clone()), "Test");
    let key_age = Some(Duration::from_secs(42));
    metrics.decided(|| decision(None, key_age));
    metrics.decided(|| decision(Some("expired"), key_age));
    metrics.decided(|| decision(Some("no_token"), None));
    for (reason, trial) in [(None, None), (None, Some("expired")), (Some("expired"), Some("allow"))]
    {
        for key_age in [key_age, None] {
            let changes = Some(trial.is_some().into());
            let decision = || decision(reason, key_age);
            metrics.decided(|| DecisionMetrics { trial, trial_changes: changes, ..decision() });
        }
    }
    metrics.refreshed(|| refresh("https://issuer.example"));
    let lines = output.lines();
    (output, lines)
}

/// Checks a line against the specification of the embedded metric format.
///
/// Returns the first rule that it breaks.
fn check_emf(line: &Value) -> Result<(), String> {
    let broken = |rule: &str| Err(format!("{rule}: {line}"));
    let root = line.as_object().ok_or("the line is an object")?;
    let metadata = line["_aws"].as_object().ok_or("_aws is an object")?;
    let timestamp = metadata.get("Timestamp").and_then(Value::as_u64).ok_or("a timestamp")?;
    // A count of seconds would be a time in 1970, one of microseconds a time after the year 50000.
    if !(1_000_000_000_000..10_000_000_000_000).contains(&timestamp) {
        return broken("the timestamp is in milliseconds");
    }
    let directives = metadata.get("CloudWatchMetrics").and_then(Value::as_array);
    for directive in directives.ok_or("CloudWatchMetrics is an array")? {
        let length = directive["Namespace"].as_str().map_or(0, str::len);
        if !(1..=1024).contains(&length) {
            return broken("a namespace has 1 to 1024 characters");
        }
        for set in directive["Dimensions"].as_array().ok_or("Dimensions is an array")? {
            let set = set.as_array().ok_or("a dimension set is an array")?;
            if set.len() > 30 {
                return broken("a dimension set has at most 30 dimensions");
            }
            for name in set {
                let name = name.as_str().ok_or("a dimension is named by a string")?;
                let Some(value) = root.get(name).and_then(Value::as_str) else {
                    return broken("a declared dimension is a string in the line");
                };
                if !(1..=1024).contains(&value.len()) {
                    return broken("the value of a dimension has 1 to 1024 characters");
                }
            }
        }
        let metrics = directive["Metrics"].as_array().ok_or("Metrics is an array")?;
        if metrics.len() > 100 {
            return broken("at most 100 metrics");
        }
        for metric in metrics {
            let name = metric["Name"].as_str().ok_or("a metric is named by a string")?;
            if !root.get(name).is_some_and(Value::is_number) {
                return broken("a declared metric is a number in the line");
            }
            if !["Seconds", "Microseconds", "Milliseconds"]
                .map(Some)
                .contains(&metric["Unit"].as_str())
                && metric.get("Unit").is_some()
            {
                return broken("a unit is one that CloudWatch has");
            }
        }
    }
    Ok(())
}

#[test]
fn writes_decisions_and_refreshes_in_the_embedded_metric_format() {
    insta::assert_json_snapshot!(every_line().1);
}

#[test]
fn every_line_keeps_to_the_specification() {
    let (output, lines) = every_line();
    for line in &lines {
        check_emf(line).unwrap();
    }
    // What is in a line is declared, and the other way round.
    for line in &lines {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let dimensions = directive["Dimensions"].as_array().unwrap().iter();
        let dimensions = dimensions.flat_map(|set| set.as_array().unwrap());
        let metrics = directive["Metrics"].as_array().unwrap().iter().map(|metric| &metric["Name"]);
        let mut declared: Vec<_> = dimensions.chain(metrics).filter_map(Value::as_str).collect();
        declared.push("_aws");
        declared.sort_unstable();
        declared.dedup();
        let mut members: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, declared);
    }
    // Each line is one write, so no other writer gets between its parts.
    let writes = output.writes();
    assert_eq!(writes.len(), lines.len());
    assert!(writes.iter().all(|write| write.ends_with(b"}\n")));
}

#[test]
fn the_check_finds_a_line_that_breaks_a_rule() {
    let (_, lines) = every_line();
    let refused = &lines[1];
    let check = |pointer: &str, value: Value, rule: &str| {
        let mut line = refused.clone();
        *line.pointer_mut(pointer).unwrap() = value;
        let broken = check_emf(&line).unwrap_err();
        assert!(broken.contains(rule), "{broken}");
    };
    let directive = |member: &str| format!("/_aws/CloudWatchMetrics/0/{member}");
    check("/Reason", Value::Null, "a declared dimension is a string");
    check("/Reason", json!(7), "a declared dimension is a string");
    check("/Reason", json!(""), "the value of a dimension");
    check("/KeyAge", Value::Null, "a declared metric is a number");
    check("/KeyAge", json!("42"), "a declared metric is a number");
    check("/_aws/Timestamp", json!(1_700_000_000), "the timestamp is in milliseconds");
    check("/_aws/Timestamp", json!(1_700_000_000.5), "a timestamp");
    check(&directive("Namespace"), json!(""), "a namespace");
    check(&directive("Dimensions/0"), vec!["Decision"; 31].into(), "at most 30 dimensions");
    let metric = json!({ "Name": "Decisions" });
    check(&directive("Metrics"), vec![metric; 101].into(), "at most 100 metrics");
    check(&directive("Metrics/0/Unit"), json!("Fortnights"), "a unit");
}

#[test]
fn escapes_what_json_needs_escaped() {
    let output = Output::taking(usize::MAX);
    let metrics = Metrics::to(Box::new(output.clone()), "a \"quoted\" namespace");
    metrics.refreshed(|| refresh("https://issuer.example/\"\\\n"));
    let lines = output.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["Issuer"], "https://issuer.example/\"\\\n");
    assert_eq!(lines[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"], "a \"quoted\" namespace");
}

#[test]
fn concurrent_writers_tear_no_line() {
    const WRITERS: usize = 4;
    const LINES: usize = 50;
    // Each line takes many writes, so writers that did not wait for each other would mix theirs.
    let output = Output::taking(7);
    let metrics = Metrics::to(Box::new(output.clone()), "Test");
    let barrier = Barrier::new(WRITERS);
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                barrier.wait();
                (0..LINES).for_each(|_| metrics.decided(|| decision(Some("expired"), None)));
            });
        }
    });
    let lines = output.lines();
    assert_eq!(lines.len(), WRITERS * LINES);
    lines.iter().for_each(|line| check_emf(line).unwrap());
}

#[test]
fn an_output_that_fails_stops_nobody() {
    let metrics = Metrics::to(Box::new(Output::taking(0)), "Test");
    metrics.decided(|| decision(None, None));
}

#[test]
fn makes_nothing_when_metrics_are_off() {
    Metrics::off().decided(|| panic!("made"));
    Metrics::off().refreshed(|| panic!("made"));
}
