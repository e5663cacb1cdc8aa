//! Counts the instructions of a request in process, with Valgrind.
//!
//! On a shared machine, times cannot show a change of a few per cent. The number of instructions does
//! not depend on the machine's load, so CI can compare it with a recorded one. The instructions of the
//! signature check are subtracted, since AWS-LC has different code for different processors.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::io::Write;
use std::process::{Command, Stdio};

use bench::fixture::{Fixture, Outcome, Settings, WITH_METRICS};
use serde_json::{Value, json};

/// How much a count may differ from the recorded one. Hash seeds differ from process to process, and
/// change a count by less than this.
const TOLERANCE: f64 = 0.03;

/// How often the work is repeated under Valgrind. The difference between the two runs does not contain
/// the start of the process.
const RUNS: [u32; 2] = [200, 600];

const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json");

/// How to record new counts.
const HOW_TO_RECORD: &str = "cargo run --release -p bench -- instructions record";

/// The instructions of a request without its signature check, by the kind of request.
type Counts = BTreeMap<String, u64>;

fn recorded() -> Outcome<BTreeMap<String, Counts>> {
    Ok(serde_json::from_slice(&std::fs::read(RECORD)?)?)
}

/// Counts the instructions of each kind of request, prints and records them.
///
/// # Errors
///
/// When Valgrind cannot run.
pub(crate) fn record() -> Outcome<()> {
    let mut recorded = recorded()?;
    let counts = count()?;
    println!("{}", table(&counts, recorded.get(ARCH).unwrap_or(&Counts::new())));
    recorded.insert(ARCH.to_owned(), counts);
    std::fs::write(RECORD, serde_json::to_string_pretty(&recorded)? + "\n")?;
    Ok(())
}

/// Counts the instructions of each kind of request, and compares them with the recorded ones.
///
/// # Errors
///
/// When a count has grown by more than [`TOLERANCE`], or when Valgrind cannot run.
pub(crate) fn check() -> Outcome<()> {
    let recorded = recorded()?.remove(ARCH).unwrap_or_default();
    let counts = count()?;
    println!("{}", table(&counts, &recorded));
    let Comparison { grown, outdated } = Comparison::of(&counts, &recorded);
    if !outdated.is_empty() {
        println!(
            "The recorded counts are outdated for {ARCH}: {}. Record the new ones: {HOW_TO_RECORD}\n",
            outdated.join(", ")
        );
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!(
        "more instructions than recorded: {}. If the growth is intended, record it: {HOW_TO_RECORD}",
        grown.join(", ")
    )
    .into())
}

/// The kinds of request whose count differs from the recorded one.
#[derive(Debug, PartialEq)]
struct Comparison<'a> {
    /// Those with more instructions than recorded.
    grown: Vec<&'a str>,
    /// Those with fewer instructions than recorded, or in only one of the two.
    outdated: Vec<&'a str>,
}

impl<'a> Comparison<'a> {
    fn of(counts: &'a Counts, recorded: &'a Counts) -> Self {
        let (mut grown, mut outdated) = (Vec::new(), Vec::new());
        for (kind, count) in counts {
            match change(*count, recorded.get(kind)) {
                Some(change) if change > TOLERANCE => grown.push(kind.as_str()),
                Some(change) if change >= -TOLERANCE => {}
                Some(_) | None => outdated.push(kind.as_str()),
            }
        }
        let gone = recorded.keys().filter(|kind| !counts.contains_key(*kind));
        outdated.extend(gone.map(String::as_str));
        Self { grown, outdated }
    }
}

/// Returns the change as a fraction of the recorded count.
fn change(count: u64, recorded: Option<&u64>) -> Option<f64> {
    Some(count as f64 / *recorded? as f64 - 1.0)
}

fn table(counts: &Counts, recorded: &Counts) -> String {
    let row = |(kind, count): (&String, &u64)| {
        let recorded = recorded.get(kind);
        let change = change(*count, recorded);
        let change = change.map_or(String::new(), |change| format!("{:+.1} %", change * 100.0));
        let recorded = recorded.map_or("not recorded".to_owned(), u64::to_string);
        format!("| {kind} | {count} | {recorded} | {change} |\n")
    };
    let rows: String = counts.iter().map(row).collect();
    format!(
        "| request, without its signature check | instructions | recorded | change |\n|---|---|---|---|\n{rows}"
    )
}

fn count() -> Outcome<Counts> {
    let fixture = Fixture::new()?;
    let signature_check = instructions(&fixture, &[], &Value::Null)?;
    let count = |kind: &str, settings: Settings<'_>, event: &Value| {
        let instructions = instructions(&fixture, settings, event)?;
        Outcome::Ok((kind.to_owned(), difference(instructions, signature_check)?))
    };
    let events = fixture.events().into_iter();
    let mut counts: Counts =
        events.map(|(kind, event)| count(kind, &[], &event)).collect::<Outcome<_>>()?;
    let websocket = fixture.request().websocket_connect();
    counts.extend([count("WebSocket, with metrics", WITH_METRICS, &websocket)?]);
    Ok(counts)
}

/// Counts the instructions of a request, or of the signature check when there is no event.
fn instructions(fixture: &Fixture, settings: Settings<'_>, event: &Value) -> Outcome<u64> {
    let [few, many] = RUNS;
    let work = json!({
        "jwk": fixture.jwk, "token": fixture.token, "settings": settings, "event": event
    })
    .to_string();
    let more = difference(under_valgrind(&work, many)?, under_valgrind(&work, few)?)?;
    Ok(more / u64::from(many - few))
}

fn difference(more: u64, less: u64) -> Outcome<u64> {
    more.checked_sub(less).ok_or_else(|| "less work took more instructions".into())
}

fn under_valgrind(work: &str, runs: u32) -> Outcome<u64> {
    let mut valgrind = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["repeat", &runs.to_string()])
        .stdin(Stdio::piped())
        // Metrics go there.
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("valgrind cannot run: {error}"))?;
    if let Some(mut stdin) = valgrind.stdin.take() {
        stdin.write_all(work.as_bytes())?;
    }
    let output = valgrind.wait_with_output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    match log.lines().find_map(|line| line.split_once("Collected :")) {
        Some((_, count)) if output.status.success() => Ok(count.trim().parse()?),
        Some(_) | None => Err(format!("valgrind counted nothing: {log}").into()),
    }
}

/// Repeats the work that standard input describes, for Valgrind to count.
///
/// # Errors
///
/// When the description is invalid.
pub(crate) fn repeat(runs: &str) -> Outcome<()> {
    let runs: u32 = runs.parse()?;
    let mut work: Value = serde_json::from_reader(std::io::stdin())?;
    let token = work["token"].as_str().unwrap_or_default().to_owned();
    let fixture = Fixture { jwk: work["jwk"].take(), token };
    if work["event"].is_null() {
        let signature_check = fixture.signature_check()?;
        (0..runs).for_each(|_| assert!(signature_check.passes()));
    } else {
        let settings: Vec<(String, String)> = serde_json::from_value(work["settings"].take())?;
        let settings: Vec<_> = settings.iter().map(|(name, value)| (&**name, &**value)).collect();
        let (authorizer, event) = (fixture.authorizer(&settings)?, work["event"].to_string());
        let allows = authorizer.always_allows(&event)?;
        (0..runs).for_each(|_| assert!(allows()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fails_on_growth_only() {
        let counts = |counts: &[(&str, u64)]| -> Counts {
            counts.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
        };
        let recorded = counts(&[("REST", 1_000)]);
        let check = |now: &[(&str, u64)], grown: &[&str], outdated: &[&str]| {
            let expected = Comparison { grown: grown.to_vec(), outdated: outdated.to_vec() };
            assert_eq!(Comparison::of(&counts(now), &recorded), expected);
        };
        check(&[("REST", 1_000)], &[], &[]);
        check(&[("REST", 1_029)], &[], &[]);
        check(&[("REST", 1_031)], &["REST"], &[]);
        check(&[("REST", 971)], &[], &[]);
        check(&[("REST", 969)], &[], &["REST"]);
        check(&[("HTTP", 1), ("REST", 1_000)], &[], &["HTTP"]);
        check(&[], &[], &["REST"]);
    }
}
