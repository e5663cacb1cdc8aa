//! The round from event bytes to answer bytes, and its parts, beside the bare signature check.
//!
//! Criterion decides how often to run what and tells what has changed since the last time; each of
//! its samples is CPU time taken in turns with the bare check. In the end there is a table of the
//! ratios.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bench::scene::{FromMemory, Outcome, Round, Scene, at_once, issuers, route_scopes};
use bench::yardstick::{Sample, Yardstick, median};
use criterion::Criterion;
use jsonwebtoken::Algorithm;
use jsonwebtoken::crypto::JwtVerifier;
use jsonwebtoken::signature;
use jwks_authorizer::gateway::{AuthorizerRequest, PolicyReach, Verdict, find_credential};
use jwks_authorizer::jwks::{KeyCache, KeyQuery, KeySet};
use jwks_authorizer::jwt::{
    Claims, RawToken, SUPPORTED_ALGORITHMS, SignatureAlgorithm, UnverifiedToken, verify,
};
use jwks_authorizer::metrics::Metrics;
use jwks_authorizer::{Config, Invocation};
use serde_json::Value;

/// How many samples each figure is the median of.
const SAMPLES: usize = 30;

fn main() -> Outcome<()> {
    let scene = Scene::new()?;
    let bench = Bench { yardstick: scene.yardstick()?, rows: RefCell::default() };
    let mut criterion = Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    measure_rounds(&bench, &mut criterion, &scene)?;
    measure_parts(&bench, &mut criterion, &scene)?;
    measure_key_sets(&bench, &mut criterion, &scene);
    measure_policies(&bench, &mut criterion, &scene)?;
    measure_routes(&bench, &mut criterion, &scene)?;
    measure_issuers(&bench, &mut criterion, &scene)?;
    criterion.final_summary();
    println!("{}", bench.table());
    Ok(())
}

/// The yardstick, and what was measured with it so far.
struct Bench {
    yardstick: Yardstick,
    rows: RefCell<Vec<(String, Vec<Sample>)>>,
}

impl Bench {
    fn measure(&self, criterion: &mut Criterion, name: &str, mut run: impl FnMut()) {
        let mut samples = Vec::new();
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|runs| {
                let sample =
                    self.yardstick.sample(u32::try_from(runs).unwrap_or(u32::MAX), &mut run);
                samples.push(sample);
                Duration::from_secs_f64(sample.run * runs as f64)
            });
        });
        // Those of the warm-up come first, and do not count. (Whoever asks Criterion for another
        // number of samples has its figures, but not this table.)
        let counted = samples.split_off(samples.len().saturating_sub(SAMPLES));
        if !counted.is_empty() {
            self.rows.borrow_mut().push((name.to_owned(), counted));
        }
    }

    fn table(&self) -> String {
        let row = |(name, samples): &(String, Vec<Sample>)| {
            let runs = samples.iter().map(|sample| sample.run * 1e6);
            let ratios = samples.iter().map(Sample::ratio);
            format!(
                "| {name} | {:.2} | {:.3} |\n",
                median(runs.collect()),
                median(ratios.collect())
            )
        };
        let rows: String = self.rows.borrow().iter().map(row).collect();
        format!("| | CPU µs | over the bare check |\n|---|---|---|\n{rows}")
    }
}

/// The whole way, for each kind of event.
fn measure_rounds(bench: &Bench, criterion: &mut Criterion, scene: &Scene) -> Outcome<()> {
    let round = scene.round(&[])?;
    bench.measure(criterion, "bare check", || assert!(bench.yardstick.check()));
    for (kind, event) in scene.events() {
        measure_round(bench, criterion, &format!("round: {kind}"), &round, &event)?;
    }
    Ok(())
}

fn measure_round(
    bench: &Bench,
    criterion: &mut Criterion,
    name: &str,
    round: &Round,
    event: &Value,
) -> Outcome<()> {
    let event = event.to_string();
    let allows = round.always_allows(&event)?;
    bench.measure(criterion, &format!("{name}, {} bytes", event.len()), || assert!(allows()));
    Ok(())
}

/// What the round of a WebSocket consists of, but for the signature check.
fn measure_parts(bench: &Bench, criterion: &mut Criterion, scene: &Scene) -> Outcome<()> {
    let event = scene.request().websocket_connect().to_string();
    let config = Config::from_variables(scene.variables(&[]))?;
    let issuer = config.issuers.first().ok_or("no issuer")?;
    let now = SystemTime::now();

    bench.measure(criterion, "part: event", || {
        assert!(AuthorizerRequest::parse(black_box(&event)).is_ok());
    });
    let request = AuthorizerRequest::parse(&event)?;
    bench.measure(criterion, "part: credential", || {
        assert!(find_credential(black_box(&request), &config.token_sources).is_ok());
    });
    bench.measure(criterion, "part: token", || {
        let decoded = RawToken::new(black_box(&scene.token)).decode();
        assert!(decoded.is_ok_and(|decoded| UnverifiedToken::read(&decoded).is_ok()));
    });
    let keys = key_cache(scene, &config, now)?;
    let algorithm = SignatureAlgorithm::named("RS256").ok_or("no RS256")?;
    let query = KeyQuery { kid: scene.jwk["kid"].as_str(), algorithm };
    let invocation = Invocation { request_id: "", trace_id: None, deadline: now };
    bench.measure(criterion, "part: key", || {
        let found = at_once(keys.find(&issuer.keys, black_box(&query), invocation));
        assert!(found.is_some_and(|found| found.is_ok()));
    });
    bench.measure(criterion, "part: token and claims", || {
        let decoded = RawToken::new(black_box(&scene.token)).decode();
        let checked = decoded.is_ok_and(|decoded| {
            let verified =
                UnverifiedToken::read(&decoded).and_then(|token| verify(token, &[AnySignature]));
            verified.is_ok_and(|token| Claims::check(token, &issuer.rules, now).is_ok())
        });
        assert!(checked);
    });

    let decoded = RawToken::new(&scene.token).decode()?;
    let verified = verify(UnverifiedToken::read(&decoded)?, &[AnySignature])?;
    let claims = Claims::check(verified, &issuer.rules, now)?;
    bench.measure(criterion, "part: context", || {
        assert!(config.context.context(black_box(&claims), None).is_ok());
    });
    bench.measure(criterion, "part: context and answer", || {
        let verdict = || {
            Ok::<_, jwks_authorizer::Error>(Verdict {
                principal: config.context.principal(&claims)?,
                usage_key: config.context.usage_key(&claims)?,
                context: config.context.context(black_box(&claims), None)?,
                routes: None,
            })
        };
        let answer = verdict()
            .and_then(|verdict| config.responses.allow(request.kind, &request.arn, verdict));
        assert!(answer.is_ok());
    });
    Ok(())
}

/// A cache with the issuer's keys at hand.
fn key_cache(scene: &Scene, config: &Config, now: SystemTime) -> Outcome<KeyCache<FromMemory>> {
    let (source, clock) = (FromMemory(scene.key_set(0)), Arc::new(move || now));
    let metrics = Arc::new(Metrics::off());
    let keys = KeyCache::new(source, config.cache, clock, metrics, config.issuers.len());
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio.block_on(keys.prefetch(config.issuers.iter().map(|issuer| &issuer.keys)));
    Ok(keys)
}

/// Takes any signature for right: what is measured is what comes before and after.
struct AnySignature;

impl signature::Verifier<Vec<u8>> for AnySignature {
    fn verify(&self, _: &[u8], _: &Vec<u8>) -> Result<(), signature::Error> {
        Ok(())
    }
}

impl JwtVerifier for AnySignature {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}

/// Reading key sets, each key prepared for one algorithm.
fn measure_key_sets(bench: &Bench, criterion: &mut Criterion, scene: &Scene) {
    let allowed: Vec<_> = SUPPORTED_ALGORITHMS.iter().take(1).collect();
    for keys in [2, 20, 200] {
        let json = scene.key_set(keys - 1);
        bench.measure(criterion, &format!("key set: {keys} keys"), || {
            assert!(KeySet::parse(black_box(&json), &allowed).is_ok());
        });
    }
}

/// Judging a request by the rules and writing them into a policy, be it longer than an answer may be.
fn measure_policies(bench: &Bench, criterion: &mut Criterion, scene: &Scene) -> Outcome<()> {
    let event = scene.request().rest_request().to_string();
    let request = AuthorizerRequest::parse(&event)?;
    let decoded = RawToken::new(&scene.token).decode()?;
    let verified = verify(UnverifiedToken::read(&decoded)?, &[AnySignature])?;
    let config = Config::from_variables(scene.variables(&[]))?;
    let issuer = config.issuers.first().ok_or("no issuer")?;
    let claims = Claims::check(verified, &issuer.rules, SystemTime::now())?;
    for rules in [1, 20, 200] {
        let settings = [("AUTHORIZER_ROUTE_SCOPES", &*route_scopes(rules))];
        let access = Config::from_variables(scene.variables(&settings))?.access;
        bench.measure(criterion, &format!("policy: {rules} routes"), || {
            let claims = black_box(&claims).registered();
            let access = access.judge(&[], &request, false, claims, PolicyReach::Stage);
            assert!(access.refusal.is_none() && access.policy.is_some());
        });
    }
    Ok(())
}

/// The whole policy for a REST API, as many rules as fit into one, and the one decision for an
/// HTTP API, which has no such limit.
fn measure_routes(bench: &Bench, criterion: &mut Criterion, scene: &Scene) -> Outcome<()> {
    let request = scene.request();
    for rules in [1, 20, 80] {
        let round = scene.round(&[("AUTHORIZER_ROUTE_SCOPES", &route_scopes(rules))])?;
        let name = format!("routes: REST, {rules}");
        measure_round(bench, criterion, &name, &round, &request.rest_request())?;
    }
    for rules in [1, 20, 200] {
        let round = scene.round(&[("AUTHORIZER_ROUTE_SCOPES", &route_scopes(rules))])?;
        let name = format!("routes: HTTP API 2.0, {rules}");
        measure_round(bench, criterion, &name, &round, &request.http_api_2())?;
    }
    Ok(())
}

/// A token of the last of several issuers.
fn measure_issuers(bench: &Bench, criterion: &mut Criterion, scene: &Scene) -> Outcome<()> {
    let event = scene.request().websocket_connect();
    for count in [1, 5, 20] {
        let round = scene.round(&[("AUTHORIZER_ISSUERS", &issuers(count))])?;
        measure_round(bench, criterion, &format!("issuers: {count}"), &round, &event)?;
    }
    Ok(())
}
