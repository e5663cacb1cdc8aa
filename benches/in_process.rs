//! Measures a request in process, from the bytes of the event to the bytes of the response.
//!
//! Criterion decides how often to run each case, and reports changes since the last run. Each sample
//! is CPU time, measured beside the bare signature check. At the end, two tables show the ratios and
//! the limits.
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::fs::File;
use std::hint::black_box;
use std::io::{Write, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use bench::fixture::{Fixture, ISSUER, InProcessAuthorizer, Outcome, WITH_METRICS, WITH_TRIAL};
use bench::limits::{self, Limit};
use bench::sample::{Sample, median};
use bench::signature_check::SignatureCheck;
use criterion::Criterion;
use jwks_authorizer::jwks::KeySet;
use jwks_authorizer::{IssuerName, SUPPORTED_ALGORITHMS};
use nix::unistd::dup2_stdout;
use serde_json::{Value, json};

/// How many samples each median is of.
const SAMPLES: usize = 30;

fn main() -> Outcome<()> {
    let fixture = Fixture::new()?;
    let criterion = Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let signature_check = fixture.signature_check()?;
    let mut bench = Bench { criterion, signature_check, rows: Vec::new(), limits: Vec::new() };
    measure_requests(&mut bench, &fixture)?;
    measure_additions(&mut bench, &fixture)?;
    measure_issuers(&mut bench, &fixture)?;
    measure_key_sets(&mut bench, &fixture);
    measure_route_rules(&mut bench, &fixture)?;
    bench.finish();
    Ok(())
}

struct Bench {
    criterion: Criterion,
    signature_check: SignatureCheck,
    rows: Vec<String>,
    limits: Vec<Limit>,
}

impl Bench {
    /// Measures `run` beside the signature check, and returns the ratio of the two.
    fn measure(&mut self, name: &str, run: impl FnMut()) -> Option<f64> {
        let check = || assert!(self.signature_check.passes());
        let samples = sample(&mut self.criterion, name, run, check)?;
        let micros = median(samples.iter().map(|sample| sample.run * 1e6).collect());
        let ratio = median(samples.iter().map(Sample::ratio).collect());
        self.rows.push(format!("| {name} | {micros:.2} | {ratio:.3} |\n"));
        Some(ratio)
    }

    fn measure_request(
        &mut self,
        name: &str,
        authorizer: &InProcessAuthorizer,
        event: &Value,
    ) -> Outcome<Option<f64>> {
        let event = event.to_string();
        let allows = authorizer.always_allows(&event)?;
        Ok(self.measure(&format!("{name}, {} bytes", event.len()), || assert!(allows())))
    }

    fn finish(self) {
        self.criterion.final_summary();
        if !self.rows.is_empty() {
            println!("| | CPU µs | in signature checks |\n|---|---|---|\n{}", self.rows.concat());
        }
        if !self.limits.is_empty() {
            println!("{}", limits::table(&self.limits));
        }
    }
}

/// Lets Criterion measure `run`. Returns no samples if the command line asks for fewer than
/// [`SAMPLES`], or for other cases.
fn sample(
    criterion: &mut Criterion,
    name: &str,
    mut run: impl FnMut(),
    mut reference: impl FnMut(),
) -> Option<Vec<Sample>> {
    let mut samples = Vec::new();
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|runs| {
            let _muted = MutedOutput::new();
            let count = u32::try_from(runs).unwrap_or(u32::MAX);
            let sample = Sample::take(count, &mut run, &mut reference);
            samples.push(sample);
            Duration::from_secs_f64(sample.run * runs as f64)
        });
    });
    // The first ones are from the warm-up.
    let warm_up = samples.len().checked_sub(SAMPLES)?;
    Some(samples.split_off(warm_up))
}

/// Redirects standard output to `/dev/null` until it is dropped: an authorizer with metrics writes
/// there.
struct MutedOutput(OwnedFd);

impl MutedOutput {
    fn new() -> Outcome<Self> {
        stdout().flush()?;
        let original = stdout().as_fd().try_clone_to_owned()?;
        dup2_stdout(File::options().write(true).open("/dev/null")?)?;
        Ok(Self(original))
    }
}

impl Drop for MutedOutput {
    fn drop(&mut self) {
        let _ = dup2_stdout(&self.0);
    }
}

/// Measures a whole request, for each kind of event.
fn measure_requests(bench: &mut Bench, fixture: &Fixture) -> Outcome<()> {
    let check = fixture.signature_check()?;
    bench.measure("signature check", || assert!(check.passes()));
    let authorizer = fixture.authorizer(&[])?;
    for (kind, event) in fixture.events() {
        let name = format!("request: {kind}");
        let Some(ratio) = bench.measure_request(&name, &authorizer, &event)? else { continue };
        let what = format!("{name}, in signature checks");
        bench.limits.push(Limit::at_most(&what, limits::REQUEST, ratio));
    }
    Ok(())
}

/// Measures a request with metrics, and one with rules on trial, beside the same request without.
/// Standard output is `/dev/null`, so the result does not contain what a reader of a pipe costs.
fn measure_additions(bench: &mut Bench, fixture: &Fixture) -> Outcome<()> {
    let event = fixture.request().websocket_connect().to_string();
    let without = fixture.authorizer(&[])?;
    let without = without.always_allows(&event)?;
    for (addition, settings, limit) in [
        ("with metrics", WITH_METRICS, limits::REQUEST_WITH_METRICS),
        ("with rules on trial", WITH_TRIAL, limits::REQUEST_WITH_TRIAL),
    ] {
        let muted = MutedOutput::new()?;
        let with = fixture.authorizer(settings)?;
        let with = with.always_allows(&event)?;
        drop(muted);
        let name = format!("request: WebSocket, {addition}");
        let (run, reference) = (|| assert!(with()), || assert!(without()));
        let Some(samples) = sample(&mut bench.criterion, &name, run, reference) else { continue };
        let ratio = median(samples.iter().map(Sample::ratio).collect());
        let what = format!("{name}, as a multiple of without");
        bench.limits.push(Limit::at_most(&what, limit, ratio));
    }
    Ok(())
}

/// Measures a request whose issuer is the last of several.
fn measure_issuers(bench: &mut Bench, fixture: &Fixture) -> Outcome<()> {
    let event = fixture.request().websocket_connect();
    for count in [1, 20, 1000] {
        let authorizer = fixture.authorizer_of_issuers(count)?;
        bench.measure_request(&format!("issuers: {count}"), &authorizer, &event)?;
    }
    Ok(())
}

/// Measures how long it takes to read a key set. Each key is prepared for one algorithm.
fn measure_key_sets(bench: &mut Bench, fixture: &Fixture) {
    let issuer = IssuerName::exact(ISSUER);
    let allowed: Vec<_> = SUPPORTED_ALGORITHMS.iter().take(1).collect();
    for keys in [2, 200] {
        let json = fixture.key_set(keys);
        bench.measure(&format!("key set: {keys} keys"), || {
            assert!(KeySet::parse(black_box(&json), &issuer, &allowed).is_ok());
        });
    }
}

/// Measures requests with route rules. A REST API gets all rules in one policy, whose size is limited,
/// and with it a Deny for each ambiguous path. An HTTP API gets only the decision.
fn measure_route_rules(bench: &mut Bench, fixture: &Fixture) -> Outcome<()> {
    let request = fixture.request();
    let cases = [
        ("REST", request.rest_request(), [1, 20, 50]),
        ("HTTP API 2.0", request.http_api_2(), [1, 20, 200]),
    ];
    for (kind, event, counts) in cases {
        for count in counts {
            let rules = route_rules(count);
            let authorizer = fixture.authorizer(&[("AUTHORIZER_ROUTE_RULES", &rules)])?;
            bench.measure_request(&format!("route rules: {kind}, {count}"), &authorizer, &event)?;
        }
    }
    Ok(())
}

/// Returns `count` rules for routes. The request matches the first, and the token meets all of them.
fn route_rules(count: usize) -> String {
    let rule = |number| (format!("GET /orders/{number}*"), json!(["orders:read"]));
    Value::from_iter((1..=count).map(rule)).to_string()
}
