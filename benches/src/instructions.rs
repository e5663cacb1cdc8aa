//! How many instructions a round takes, by Valgrind's count.
//!
//! Time on a shared machine says little about a change of a few per cent. A count of instructions is
//! the same whatever else the machine does, so CI can hold it to a baseline. The bare check's own are
//! taken off: AWS-LC has different code for different processors.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::io::Write;
use std::process::{Command, Stdio};

use bench::scene::{Outcome, Scene};
use serde_json::{Value, json};

/// By how much a count may differ from the baseline: more than hashes, whose seeds differ from
/// process to process, make of it. Fewer are a difference too, or the next mistake would be free.
const TOLERANCE: f64 = 0.03;

/// How often the work is done under Valgrind: seldom and often, since the difference has no start in
/// it.
const RUNS: [u32; 2] = [200, 600];

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json");

/// The instructions of a round beyond those of the bare check, by the kind of event.
type Counts = BTreeMap<String, u64>;

/// What was counted before, by the processor's architecture.
type Baseline = BTreeMap<String, Counts>;

fn baseline() -> Outcome<Baseline> {
    Ok(serde_json::from_slice(&std::fs::read(BASELINE)?)?)
}

/// Prints the instructions of each kind of round, and writes them down as the baseline.
///
/// # Errors
///
/// When Valgrind cannot be run.
pub(crate) fn record() -> Outcome<()> {
    let mut baseline = baseline()?;
    let counts = count()?;
    println!("{}", table(&counts, &counts));
    baseline.insert(ARCH.to_owned(), counts);
    std::fs::write(BASELINE, serde_json::to_string_pretty(&baseline)? + "\n")?;
    Ok(())
}

/// Prints the instructions of each kind of round beside the baseline's.
///
/// # Errors
///
/// When one differs from the baseline by more than [`TOLERANCE`], or Valgrind cannot be run.
pub(crate) fn check() -> Outcome<()> {
    let baseline = baseline()?;
    let counts = count()?;
    let Some(baseline) = baseline.get(ARCH) else {
        println!("{}\nThere is no baseline for {ARCH}.", table(&counts, &counts));
        return Ok(());
    };
    println!("{}", table(&counts, baseline));
    let differs = |kind: &str, count: u64| change(baseline, kind, count).abs() > TOLERANCE;
    let different = counts.iter().filter(|(kind, count)| differs(kind, **count));
    let gone = baseline.iter().filter(|(kind, _)| !counts.contains_key(*kind));
    let different: Vec<_> = different.chain(gone).map(|(kind, _)| kind.as_str()).collect();
    if different.is_empty() {
        return Ok(());
    }
    Err(format!(
        "not what the baseline says: {}. Where that is meant, record a new one.",
        different.join(", ")
    )
    .into())
}

/// Returns the change since the baseline as a fraction of it; infinite where it says nothing.
fn change(baseline: &Counts, kind: &str, count: u64) -> f64 {
    let before = baseline.get(kind).copied().unwrap_or_default();
    count as f64 / before as f64 - 1.0
}

fn table(counts: &Counts, baseline: &Counts) -> String {
    let row = |(kind, count): (&String, &u64)| {
        let before = baseline.get(kind).copied().unwrap_or_default();
        let change = change(baseline, kind, *count) * 100.0;
        format!("| {kind} | {count} | {before} | {change:+.1} % |\n")
    };
    let rows: String = counts.iter().map(row).collect();
    format!(
        "| round, without the bare check | instructions | baseline | |\n|---|---|---|---|\n{rows}"
    )
}

fn count() -> Outcome<Counts> {
    let scene = Scene::new()?;
    let bare_check = instructions(&scene, &Value::Null)?;
    let count = |(kind, event): (&str, Value)| {
        Ok((kind.to_owned(), beyond(instructions(&scene, &event)?, bare_check)?))
    };
    scene.events().into_iter().map(count).collect()
}

/// Counts the instructions of a round, or of the bare check where there is no event.
fn instructions(scene: &Scene, event: &Value) -> Outcome<u64> {
    let [seldom, often] = RUNS;
    let work = json!({ "jwk": scene.jwk, "token": scene.token, "event": event }).to_string();
    let more = beyond(under_valgrind(&work, often)?, under_valgrind(&work, seldom)?)?;
    Ok(more / u64::from(often - seldom))
}

fn beyond(more: u64, less: u64) -> Outcome<u64> {
    more.checked_sub(less).ok_or_else(|| "less work took more instructions".into())
}

fn under_valgrind(work: &str, runs: u32) -> Outcome<u64> {
    let mut valgrind = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["repeat", &runs.to_string()])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("valgrind cannot be run: {error}"))?;
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

/// Does so many times what standard input says, for Valgrind to count.
///
/// # Errors
///
/// When it says nothing that could be done.
pub(crate) fn repeat(runs: &str) -> Outcome<()> {
    let runs: u32 = runs.parse()?;
    let mut work: Value = serde_json::from_reader(std::io::stdin())?;
    let token = work["token"].as_str().unwrap_or_default().to_owned();
    let scene = Scene { jwk: work["jwk"].take(), token };
    if work["event"].is_null() {
        let yardstick = scene.yardstick()?;
        (0..runs).for_each(|_| assert!(yardstick.check()));
    } else {
        let (round, event) = (scene.round(&[])?, work["event"].to_string());
        let allows = round.always_allows(&event)?;
        (0..runs).for_each(|_| assert!(allows()));
    }
    Ok(())
}
