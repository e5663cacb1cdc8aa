//! What it costs as it grows: as plots, and as tables of what they show.
//!
//! What happens in process is told in bare checks of the standard token; what a process does, in
//! time.

use std::hint::black_box;
use std::path::Path;

use bench::scene::{AUDIENCE, ISSUER, Outcome, Round, Scene, claims, issuers, route_scopes};
use bench::yardstick::{Yardstick, median};
use jwks_authorizer::jwks::KeySet;
use jwks_authorizer::jwt::SUPPORTED_ALGORITHMS;
use serde_json::{Value, json};

use crate::plot::{Line, Plot};

/// How many samples each point is the median of.
const SAMPLES: usize = 21;

/// Draws what happens in process, each plot as soon as it is measured.
pub(crate) fn run(directory: &Path) -> Outcome<()> {
    let bench = Bench::new()?;
    for plot in [of_issuers, of_keys, of_reading_keys, of_routes, of_token_size] {
        println!("{}", plot(&bench)?.write(directory)?);
    }
    Ok(())
}

/// The standard token, and the yardstick of it.
struct Bench {
    scene: Scene,
    yardstick: Yardstick,
}

impl Bench {
    fn new() -> Outcome<Self> {
        let scene = Scene::new()?;
        Ok(Self { yardstick: scene.yardstick()?, scene })
    }

    /// The cost of a round, in bare checks.
    fn round(&self, round: &Round, event: &Value) -> Outcome<f64> {
        let event = event.to_string();
        let allows = round.always_allows(&event)?;
        Ok(self.ratio(20, || assert!(allows())))
    }

    fn ratio(&self, runs: u32, run: impl FnMut()) -> f64 {
        self.yardstick.ratio(SAMPLES, runs, run)
    }
}

/// Measures one point for each step.
fn points(
    steps: &[usize],
    mut measure: impl FnMut(usize) -> Outcome<f64>,
) -> Outcome<Vec<(f64, f64)>> {
    steps.iter().map(|step| Ok((*step as f64, measure(*step)?))).collect()
}

fn of_issuers(bench: &Bench) -> Outcome<Plot> {
    let event = bench.scene.request().websocket_connect();
    let points = points(&[1, 2, 5, 10, 15, 20], |count| {
        bench.round(&bench.scene.round(&[("AUTHORIZER_ISSUERS", &issuers(count))])?, &event)
    })?;
    Ok(Plot {
        name: "issuers",
        title: "The round with a token of the last of several issuers",
        x: "issuers",
        y: "CPU time, bare checks",
        lines: vec![Line { name: "WebSocket", points }],
    })
}

fn of_keys(bench: &Bench) -> Outcome<Plot> {
    let event = bench.scene.request().websocket_connect();
    let points = points(&[2, 20, 50, 100, 150, 200], |keys| {
        bench.round(&bench.scene.round_among(keys - 1, &[])?, &event)
    })?;
    Ok(Plot {
        name: "keys",
        title: "The round with the last of several keys",
        x: "keys in the key set",
        y: "CPU time, bare checks",
        lines: vec![Line { name: "WebSocket", points }],
    })
}

fn of_reading_keys(bench: &Bench) -> Outcome<Plot> {
    let allowed: Vec<_> = SUPPORTED_ALGORITHMS.iter().take(1).collect();
    let points = points(&[2, 20, 50, 100, 150, 200], |keys| {
        let json = bench.scene.key_set(keys - 1);
        let sample = || {
            let read = || assert!(KeySet::parse(black_box(&json), &allowed).is_ok());
            bench.yardstick.sample(5, read).run * 1e6
        };
        Ok(median((0..SAMPLES).map(|_| sample()).collect()))
    })?;
    Ok(Plot {
        name: "key-set",
        title: "Reading a key set, each key prepared for one algorithm",
        x: "keys in the key set",
        y: "CPU time, µs",
        lines: vec![Line { name: "key set", points }],
    })
}

/// One decision for an HTTP API; for REST, all rules in a policy, which ends where the answer's
/// 8 kB do. The rules' patterns begin alike, and the request matches the first.
fn of_routes(bench: &Bench) -> Outcome<Plot> {
    let request = bench.scene.request();
    let with_rules = |event: Value| {
        move |rules| {
            let scopes = route_scopes(rules);
            bench.round(&bench.scene.round(&[("AUTHORIZER_ROUTE_SCOPES", &scopes)])?, &event)
        }
    };
    let http = points(&[1, 20, 40, 60, 80, 120, 160, 200], with_rules(request.http_api_2()))?;
    let rest = points(&[1, 20, 40, 60, 80], with_rules(request.rest_request()))?;
    Ok(Plot {
        name: "routes",
        title: "The round with rules for routes",
        x: "rules",
        y: "CPU time, bare checks",
        lines: vec![
            Line { name: "HTTP API 2.0, one decision", points: http },
            Line { name: "REST, the whole policy", points: rest },
        ],
    })
}

/// Tokens padded by a claim that nobody asks for.
fn of_token_size(bench: &Bench) -> Outcome<Plot> {
    let (mut rounds, mut checks) = (Vec::new(), Vec::new());
    for padding in [0, 500, 1_500, 2_500, 3_500, 4_500, 5_500] {
        let scene = Scene::with_claims(&padded(padding))?;
        let kilobytes = scene.token.len() as f64 / 1e3;
        let yardstick = scene.yardstick()?;
        let event = scene.request().websocket_connect();
        rounds.push((kilobytes, bench.round(&scene.round(&[])?, &event)?));
        checks.push((kilobytes, bench.ratio(20, || assert!(yardstick.check()))));
    }
    Ok(Plot {
        name: "token-size",
        title: "The round with a longer token",
        x: "token, kB",
        y: "CPU time, bare checks of a 1.1 kB token",
        lines: vec![
            Line { name: "the round", points: rounds },
            Line { name: "the bare check", points: checks },
        ],
    })
}

/// The least claims there can be, and so many characters more.
fn padded(characters: usize) -> Value {
    let exp = claims()["exp"].clone();
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "1", "exp": exp, "x": "x".repeat(characters) })
}
