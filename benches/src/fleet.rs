//! Simulates the keys of 10,000 environments, and counts what their issuer gets.
//!
//! The environments run the function's own rules. They share only the issuer and the tokens, so each is
//! simulated alone, and its fetches are added up. Fetches take no time. The result depends on
//! the seed only.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bench::fixture::{ISSUER, Outcome};
use jwks_authorizer::jwks::simulation::SimulatedKeys;
use jwks_authorizer::jwks::{CacheRules, Content, FetchError, Fetched, KeySet};
use jwks_authorizer::{IssuerName, SUPPORTED_ALGORITHMS, SignatureAlgorithm};

pub(crate) const SEED: u64 = 1;

const ENVIRONMENTS: usize = 10_000;

/// The mean time between an environment's requests, in seconds.
const REQUEST_EVERY: f64 = 5.0;

/// How long an environment lives, in seconds.
const LIFE: Range<f64> = 3_600.0..3.0 * 3_600.0;

/// The simulated time, in seconds. What happens, happens at [`EVENT`].
const END: f64 = 6_000.0;
const EVENT: f64 = 3_000.0;
const OUTAGE: f64 = 600.0;
const FLOOD: f64 = 600.0;

/// Counts are averaged over this many seconds, so that chance alone makes no peak.
const BIN: f64 = 10.0;

/// The function's defaults.
const RULES: CacheRules = CacheRules {
    ttl: Duration::from_secs(600),
    max_stale: Duration::from_secs(86_400),
    cooldown: Duration::from_secs(30),
    timeout: Duration::from_secs(3),
};

const OLD: &str = "old";
const NEW: &str = "new";

/// What happens to the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scenario {
    Steady,
    /// All environments start within ten seconds.
    ColdStarts,
    /// The issuer replaces its key, and signs with the new one at once.
    Rotation,
    Outage,
    /// Every token names an unknown key.
    Flood,
}

/// Whether environments differ at random in when they fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Jitter {
    On,
    Off,
}

/// What the issuer gets in each bin.
#[derive(Clone)]
struct Load {
    fetches: Vec<f64>,
    /// Of the fetches, those of environments without keys.
    without_keys: Vec<f64>,
    requests: Vec<f64>,
}

/// A small generator of random numbers (SplitMix64), so that a seed gives the same result everywhere.
struct Random(u64);

impl Random {
    #[expect(clippy::cast_precision_loss, reason = "53 random bits are enough")]
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn within(&mut self, range: Range<f64>) -> f64 {
        range.start + self.unit() * (range.end - range.start)
    }

    /// Returns the time to the next of independent events.
    fn gap(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

pub(crate) fn run(seed: u64) -> Outcome<()> {
    println!(
        "{ENVIRONMENTS} environments, a request every {REQUEST_EVERY} s in each, seed {seed}; counts a second, over {BIN} s\n"
    );
    println!(
        "scenario                        jitter  fetches: mean   peak   requests: mean    peak"
    );
    let mut bound = Vec::new();
    for scenario in [
        Scenario::Steady,
        Scenario::ColdStarts,
        Scenario::Rotation,
        Scenario::Outage,
        Scenario::Flood,
    ] {
        for jitter in [Jitter::Off, Jitter::On] {
            let load = simulate(scenario, jitter, seed)?;
            for (name, time) in scenario.phases() {
                println!("{}", Row { name, jitter, load: &load, time });
            }
            if jitter == Jitter::On {
                bound.push((scenario, load));
            }
        }
    }
    check(&bound)
}

/// After an outage, the issuer gets at most twice the fetches of steady traffic. Environments that
/// started during the outage have no keys, and fetch on top of that.
fn check(loads: &[(Scenario, Load)]) -> Outcome<()> {
    let of = |wanted| loads.iter().find(|(scenario, _)| *scenario == wanted).map(|(_, load)| load);
    let (Some(steady), Some(outage)) = (of(Scenario::Steady), of(Scenario::Outage)) else {
        return Err("a scenario is missing".into());
    };
    let after = EVENT + OUTAGE..END;
    let steady = mean(&steady.fetches, &after);
    let with_keys: Vec<_> = outage
        .fetches
        .iter()
        .zip(&outage.without_keys)
        .map(|(all, without)| all - without)
        .collect();
    let (peak, total) = (peak(&with_keys, &after), peak(&outage.fetches, &after));
    println!(
        "\nafter the outage, environments with keys fetch at most {peak:.1} times a second, {:.2} times the steady rate of {steady:.1}; with those that started without keys, {total:.1}",
        peak / steady
    );
    if peak > 2.0 * steady { Err("more than twice the steady rate".into()) } else { Ok(()) }
}

impl Scenario {
    /// Returns the phases that are shown.
    fn phases(self) -> Vec<(&'static str, Range<f64>)> {
        match self {
            Self::Steady => vec![("steady traffic", EVENT..END)],
            Self::ColdStarts => vec![
                ("cold starts of all", 0.0..BIN),
                ("  their first refreshes", BIN..900.0),
                ("  an hour later", 3_600.0..END),
            ],
            Self::Rotation => vec![
                ("rotation, unannounced", EVENT..EVENT + 30.0),
                ("  ten minutes after", EVENT + 30.0..EVENT + 700.0),
                ("  then", EVENT + 700.0..END),
            ],
            Self::Outage => vec![
                ("outage of ten minutes", EVENT..EVENT + OUTAGE),
                ("  its end", EVENT + OUTAGE..EVENT + OUTAGE + 60.0),
                ("  ten minutes after", EVENT + OUTAGE + 60.0..EVENT + OUTAGE + 700.0),
                ("  then", EVENT + OUTAGE + 700.0..END),
            ],
            Self::Flood => vec![
                ("flood: the first 30 s", EVENT..EVENT + 30.0),
                ("  the rest", EVENT + 30.0..EVENT + FLOOD),
            ],
        }
    }

    fn issuer_fails(self, time: f64) -> bool {
        self == Self::Outage && (EVENT..EVENT + OUTAGE).contains(&time)
    }

    /// Returns the key that the issuer publishes.
    fn published(self, time: f64) -> &'static str {
        if self == Self::Rotation && time >= EVENT { NEW } else { OLD }
    }

    /// Returns the key that a token names.
    fn kid(self, time: f64) -> &'static str {
        let is_flood = self == Self::Flood && (EVENT..EVENT + FLOOD).contains(&time);
        if is_flood { "made up" } else { self.published(time) }
    }

    /// Returns when the first environment of a place in the fleet starts and ends. Before time 0, it
    /// is not simulated: the fleet has then run for a long time.
    fn first_life(self, random: &mut Random) -> (f64, f64) {
        let life = random.within(LIFE);
        match self {
            Self::ColdStarts => {
                let start = random.within(0.0..BIN);
                (start, start + life)
            }
            Self::Steady | Self::Rotation | Self::Outage | Self::Flood => {
                // So that its keys are of any age at first.
                (random.within(0.0..600.0), random.within(600.0..LIFE.end))
            }
        }
    }
}

fn simulate(scenario: Scenario, jitter: Jitter, seed: u64) -> Outcome<Load> {
    let bins = (END / BIN) as usize;
    let nothing = vec![0.0; bins];
    let mut load =
        Load { fetches: nothing.clone(), without_keys: nothing.clone(), requests: nothing };
    let mut random = Random(seed);
    for _ in 0..ENVIRONMENTS {
        let (mut start, mut end) = scenario.first_life(&mut random);
        while start < END {
            live(scenario, jitter, start..end.min(END), &mut random, &mut load)?;
            start = end;
            end = start + random.within(LIFE);
        }
    }
    Ok(load)
}

/// Simulates one environment. It fetches when it starts, and then serves requests.
fn live(
    scenario: Scenario,
    jitter: Jitter,
    life: Range<f64>,
    random: &mut Random,
    load: &mut Load,
) -> Outcome<()> {
    let mut keys = SimulatedKeys::default();
    let mut knows_uri = false;
    let mut time = life.start;
    while time < life.end {
        let now = at(time);
        if let Some(fetch) = keys.request(scenario.kid(time), algorithm(), now, &RULES) {
            let fails = scenario.issuer_fails(time);
            let bin = (time / BIN) as usize;
            load.fetches[bin] += 1.0 / BIN;
            if !keys.has_keys() {
                load.without_keys[bin] += 1.0 / BIN;
            }
            // A request that fails is sent twice. Without the key set's URI, the discovery document
            // comes first.
            let requests = if knows_uri && !fails { 1.0 } else { 2.0 };
            load.requests[bin] += requests / BIN;
            knows_uri = !fails;
            let outcome = if fails {
                Err(FetchError::Timeout(RULES.timeout))
            } else {
                Ok(fetched(scenario.published(time))?)
            };
            let jitter = match jitter {
                Jitter::On => random.unit(),
                Jitter::Off => 1.0,
            };
            keys.fetched(&fetch, outcome, now, jitter, &RULES);
        }
        time += random.gap(REQUEST_EVERY);
    }
    Ok(())
}

fn at(seconds: f64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000) + Duration::from_secs_f64(seconds)
}

fn algorithm() -> &'static SignatureAlgorithm {
    &SUPPORTED_ALGORITHMS[SUPPORTED_ALGORITHMS.len() - 1]
}

/// Returns the issuer's response with one key.
fn fetched(kid: &str) -> Outcome<Fetched> {
    // The key of RFC 8037, appendix A.2.
    let json = format!(
        r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}]}}"#
    );
    let issuer = IssuerName::exact(ISSUER);
    let (keys, skipped) = KeySet::parse(json.as_bytes(), &issuer, &[algorithm()])?;
    let content = Content::Keys { keys, skipped, etag: None };
    Ok(Fetched { content, uri: ISSUER.parse()?, max_age: None })
}

fn bins(time: &Range<f64>) -> Range<usize> {
    (time.start / BIN) as usize..(time.end / BIN) as usize
}

fn mean(counts: &[f64], time: &Range<f64>) -> f64 {
    let counts = &counts[bins(time)];
    counts.iter().sum::<f64>() / counts.len() as f64
}

fn peak(counts: &[f64], time: &Range<f64>) -> f64 {
    counts[bins(time)].iter().copied().fold(0.0, f64::max)
}

struct Row<'a> {
    name: &'static str,
    jitter: Jitter,
    load: &'a Load,
    time: Range<f64>,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, jitter, load, time } = self;
        let jitter = match jitter {
            Jitter::On => "on",
            Jitter::Off => "off",
        };
        let (fetches, requests) = (&load.fetches, &load.requests);
        write!(
            f,
            "{name:30}  {jitter:6}  {:13.1}  {:5.1}   {:14.1}  {:6.1}",
            mean(fetches, time),
            peak(fetches, time),
            mean(requests, time),
            peak(requests, time)
        )
    }
}
