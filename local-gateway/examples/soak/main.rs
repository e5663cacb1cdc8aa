//! Invokes the function many times while everything fails at random, and checks every answer.
//!
//! Several issuers hang, disconnect, send garbage, are slow, publish and withdraw keys; the process is
//! frozen; many tokens are invalid. What must hold:
//!
//! - A valid token of a published key is allowed while the function's keys are usable ([`rules`]).
//! - An invalid token is never allowed, nor a token of a withdrawn key after the documented time.
//! - After a warm-up, neither memory nor the number of open files grows.
//!
//! The program prints its CPU time beside that of the function, because it must not slow the function
//! down. It takes the number of invocations, and a seed. With the same seed it makes the same choices, but
//! not at the same moments. Linux only.
//!
//! ```sh
//! cargo run --release -p local-gateway --example soak -- 1000000
//! ```

#![allow(clippy::print_stdout, reason = "a command line program prints its results")]

mod issuer;
mod keys;
mod log;
mod process;
mod random;
mod requests;
mod rules;
mod runtime_api;
mod world;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ChildStdout;
use std::time::{Duration, Instant};

use local_gateway::executable::{self, Profile};
use local_gateway::issuer::AUDIENCE;
use serde_json::json;

use crate::log::{LogReader, Refresh};
use crate::process::{Freezer, Process, Usage};
use crate::random::Random;
use crate::requests::{Expected, Outcome, Requests};
use crate::rules::{MAX_STALE, Record, TTL};
use crate::runtime_api::RuntimeApi;
use crate::world::{World, now};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The number of issuers. With more, more happens in the same time.
const ISSUERS: u64 = 8;

/// After one of this many changes of an issuer, the function is frozen.
const FREEZE_INTERVAL: u64 = 200;

/// The shortest and the longest freeze: within a request or a fetch, or past the lifetime of keys.
const FREEZES: [[Duration; 2]; 2] =
    [[Duration::from_millis(1), Duration::from_millis(200)], [TTL, Duration::from_secs(3)]];

/// The share of the invocations after which memory should have reached its final size.
const WARM_UP_SHARE: u64 = 10;

/// The growth of memory that is allowed after the warm-up.
///
/// It is more than the allocator's noise. A leak of 50 bytes an invocation exceeds it in a run of
/// 100,000 invocations.
const GROWTH_LIMIT_KIB: u64 = 4 * 1024;

/// The growth of the number of open files that is allowed after the warm-up: each issuer's keys may just
/// be fetched.
const OPEN_FILES_LIMIT: usize = 8;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().as_deref().unwrap_or("100000").parse()?;
    let seed = match arguments.next() {
        Some(seed) => seed.parse()?,
        None => u64::try_from(now().as_nanos() & u128::from(u32::MAX))?,
    };
    println!("{count} invocations, seed {seed}");
    let executable = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(executable::find(Profile::OWN))?;
    soak(&executable, count, seed).map_err(|error| format!("seed {seed}: {error}").into())
}

fn soak(executable: &Path, count: u64, seed: u64) -> Result<(), Failure> {
    let mut random = Random::new(seed);
    let mut worlds = (0..ISSUERS).map(|_| World::start()).collect::<Result<Vec<_>, _>>()?;
    let mut runtime_api = RuntimeApi::start()?;
    let (process, log) = start_function(executable, &runtime_api, &worlds)?;
    let (log, freezer) = (LogReader::start(log), Freezer::of(&process));

    let (mut requests, mut event) = (Requests::new(), String::new());
    let mut outcomes = BTreeMap::<_, u64>::new();
    let (mut warm, mut freezes) = (None, 0);
    runtime_api.wait_for_next()?;
    let (started, before) = (Instant::now(), Cost::so_far(&process)?);
    for invocation in 1..=count {
        for world in &mut worlds {
            if world.change(&mut random)? && random.below(FREEZE_INTERVAL) == 0 {
                let [shortest, longest] = random.one_of(&FREEZES).copied().unwrap_or_default();
                freezer.freeze(random.magnitude(shortest, longest));
                freezes += 1;
            }
        }
        if invocation > 1 {
            runtime_api.wait_for_next()?;
        }
        let index = usize::try_from(random.below(ISSUERS))?;
        let (template, expected) = requests.write(&mut event, &worlds[index], &mut random)?;
        let sent = now();
        runtime_api.send(invocation, &event)?;
        let answer = runtime_api.answer(invocation)?;
        let answered = answer.at;
        let outcome = requests
            .check(template, expected, &answer)
            .map_err(|error| format!("invocation {invocation}: {error}"))?;
        if let Expected::AllowedIf { key, withdrawn } = expected {
            let is_allowed = outcome == Outcome::Allowed;
            let record = Record { invocation, key, withdrawn, sent, answered, is_allowed };
            worlds[index].records.push(record);
        }
        *outcomes.entry(outcome).or_default() += 1;
        if invocation == count / WARM_UP_SHARE {
            warm = Some(Usage::of(&process.id())?);
        }
    }
    println!("{freezes} freezes; outcomes: {outcomes:?}");
    Cost::so_far(&process)?.print_since(&before, started.elapsed(), count);
    freezer.end()?;
    let last = Usage::of(&process.id())?;
    // This ends the log.
    drop(process);
    check_keys(&worlds, log.end()?)?;
    warm.map_or(Ok(()), |warm| check_growth(&warm, &last))
}

fn start_function(
    executable: &Path,
    runtime_api: &RuntimeApi,
    worlds: &[World],
) -> Result<(Process, ChildStdout), Failure> {
    let issuer = |world: &World| {
        let algorithms = ["RS256", "ES256"];
        json!({ "issuer": world.issuer_url(), "audience": AUDIENCE, "algorithms": algorithms })
    };
    let issuers: Vec<_> = worlds.iter().map(issuer).collect();
    let settings = [
        ("AUTHORIZER_ISSUERS", json!(issuers).to_string()),
        ("AUTHORIZER_JWKS_TTL_SECONDS", TTL.as_secs().to_string()),
        ("AUTHORIZER_JWKS_MAX_STALE_SECONDS", MAX_STALE.as_secs().to_string()),
        ("AUTHORIZER_JWKS_COOLDOWN_SECONDS", "1".to_owned()),
        ("AUTHORIZER_JWKS_TIMEOUT_MS", "100".to_owned()),
    ];
    Process::start(executable, runtime_api.address()?, &settings)
}

/// The CPU time of the function and of this process.
struct Cost {
    function: Duration,
    driver: Duration,
}

impl Cost {
    fn so_far(process: &Process) -> Result<Self, Failure> {
        Ok(Self { function: Usage::of(&process.id())?.cpu, driver: Usage::of("self")?.cpu })
    }

    fn print_since(&self, before: &Self, time: Duration, count: u64) {
        let count = count as f64;
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / count;
        let (function, driver) =
            (each(self.function - before.function), each(self.driver - before.driver));
        println!(
            "{:.0} s, {:.0} invocations a second; CPU time of an invocation: function {function:.0} µs, \
             driver {driver:.0} µs, a ratio of {:.2}",
            time.as_secs_f64(),
            count / time.as_secs_f64(),
            driver / function,
        );
    }
}

/// Checks the answers about each issuer's keys with the fetches in the log.
fn check_keys(worlds: &[World], refreshes: Vec<Refresh>) -> Result<(), Failure> {
    let failed = refreshes.iter().filter(|refresh| refresh.kids.is_none()).count();
    let rotations: usize = worlds.iter().map(|world| world.rotations).sum();
    println!("{rotations} rotations, {} fetches, of which {failed} failed", refreshes.len());
    let mut of_issuers = BTreeMap::<_, Vec<_>>::new();
    for refresh in refreshes {
        of_issuers.entry(refresh.issuer.clone()).or_default().push(refresh);
    }
    for world in worlds {
        let refreshes = of_issuers.remove(world.issuer_url()).unwrap_or_default();
        rules::check(&world.records, &refreshes, &world.kids())?;
    }
    Ok(())
}

/// Prints the memory after the warm-up and at the end, and fails if it grew too much between them.
fn check_growth(warm: &Usage, last: &Usage) -> Result<(), Failure> {
    println!("after a {WARM_UP_SHARE}th of the invocations: {warm}; after all: {last}");
    if last.resident_kib > warm.resident_kib + GROWTH_LIMIT_KIB {
        return Err(format!("memory grew by more than {GROWTH_LIMIT_KIB} KiB").into());
    }
    if last.open_files > warm.open_files + OPEN_FILES_LIMIT {
        return Err(format!("more than {OPEN_FILES_LIMIT} files were left open").into());
    }
    Ok(())
}
