//! Checks that the function's memory does not grow during many invocations.
//!
//! The issuer fails at random and rotates its keys. Most tokens are invalid, many with a new `kid`.
//! Whatever the function kept of them would add up. Linux only.
//!
//! ```sh
//! cargo run --release -p local-gateway --example soak -- 100000
//! ```

#![allow(clippy::print_stdout, reason = "a command line program prints its results")]

use std::collections::BTreeMap;
use std::fs;

use local_gateway::executable::{self, Profile};
use local_gateway::function::Function;
use local_gateway::invocation::FunctionOutcome;
use local_gateway::issuer::{AUDIENCE, Issuer};
use local_gateway::request::Request;
use local_gateway::runtime_api::RuntimeApi;
use local_gateway::served::Served;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The number of invocations after which memory should have reached its final size.
const WARM_UP: usize = 1_000;

/// The number of invocations between two changes of the issuer.
const ISSUER_CHANGE_INTERVAL: usize = 100;

/// The growth of memory that is allowed after the warm-up.
///
/// It is more than the allocator's noise. A leak of 100 bytes an invocation exceeds it in a run of
/// 100,000 invocations.
const GROWTH_LIMIT_KIB: u64 = 4 * 1024;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let count: usize = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 100_000,
    };
    let issuer = Issuer::start().await?;
    let runtime_api = RuntimeApi::start().await?;
    let function = start_function(&issuer, &runtime_api).await?;

    let mut random = Random(1);
    let mut outcomes = BTreeMap::<String, usize>::new();
    let mut warm = None;
    for number in 1..=count {
        if number % ISSUER_CHANGE_INTERVAL == 0 {
            change_issuer(&issuer, &mut random)?;
        }
        let request = Request::handshake().bearer(&token(&issuer, number, &mut random));
        let event = request.websocket_connect().to_string();
        let outcome = match runtime_api.invoke(event).await? {
            FunctionOutcome::Response(_) => "allowed".to_owned(),
            FunctionOutcome::Error(error) => error.error_type,
        };
        *outcomes.entry(outcome).or_default() += 1;
        if number == WARM_UP {
            warm = Some(Memory::of(&function)?);
        }
    }
    println!("outcomes: {outcomes:?}");
    check_growth(warm, &Memory::of(&function)?, count)
}

async fn start_function(issuer: &Issuer, runtime_api: &RuntimeApi) -> Result<Function, Failure> {
    let settings = [
        ("AUTHORIZER_ISSUER", issuer.url()),
        ("AUTHORIZER_AUDIENCE", AUDIENCE),
        ("AUTHORIZER_JWKS_TTL_SECONDS", "1"),
        ("AUTHORIZER_JWKS_COOLDOWN_SECONDS", "1"),
        ("AUTHORIZER_JWKS_TIMEOUT_MS", "100"),
    ];
    let executable = executable::find(Profile::OWN).await?;
    let function = Function::start(&executable, runtime_api.address(), settings)?;
    runtime_api.ready().await?;
    Ok(function)
}

/// Prints the memory after the warm-up and at the end, and fails if it grew too much between them.
fn check_growth(warm: Option<Memory>, last: &Memory, count: usize) -> Result<(), Failure> {
    if let Some(warm) = &warm {
        println!("after {WARM_UP} invocations: {warm}");
    }
    println!("after {count} invocations: {last}");
    match warm {
        Some(warm) if last.resident_kib > warm.resident_kib + GROWTH_LIMIT_KIB => {
            let growth = last.resident_kib - warm.resident_kib;
            Err(format!("memory grew by {growth} KiB, over the limit of {GROWTH_LIMIT_KIB} KiB")
                .into())
        }
        Some(_) | None => Ok(()),
    }
}

/// The memory of the function's process.
struct Memory {
    resident_kib: u64,
    peak_kib: u64,
}

impl Memory {
    fn of(function: &Function) -> Result<Self, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", function.pid()))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            kib.ok_or_else(|| format!("/proc/PID/status has no {name}"))
        };
        Ok(Self { resident_kib: field("VmRSS:")?, peak_kib: field("VmHWM:")? })
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} KiB resident, {} KiB at its peak", self.resident_kib, self.peak_kib)
    }
}

/// A random number generator (`SplitMix64`) that gives the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Makes the issuer fail or recover at random. The chance is about one half each.
fn change_issuer(issuer: &Issuer, random: &mut Random) -> Result<(), Failure> {
    let served = match random.below(10) {
        0 => Served::Hang,
        1 => Served::Disconnect,
        2 => Served::bytes("<!doctype html><title>Sign in</title>"),
        3 => Served::bytes(r#"{"keys":[{"kty":"RSA","kid":"broken","n":"?","e":"AQAB"}]}"#),
        4 => Served::bytes(vec![b' '; 1_000_000]),
        5 => {
            issuer.rotate()?;
            Served::Own
        }
        _ => Served::Own,
    };
    issuer.serve_key_set(served);
    Ok(())
}

/// Returns a token that is valid in about a third of all cases.
fn token(issuer: &Issuer, number: usize, random: &mut Random) -> String {
    let valid = || issuer.token(&issuer.claims());
    let with = |claim: &str, value: serde_json::Value| {
        let mut claims = issuer.claims();
        claims[claim] = value;
        issuer.token(&claims)
    };
    match random.below(9) {
        0 => with("exp", 1.into()),
        1 => with("aud", format!("service-{number}").into()),
        2 => with("iss", format!("https://issuer-{number}.example").into()),
        3 => {
            let header = serde_json::json!({ "alg": "RS256", "kid": format!("made-up-{number}") });
            issuer.sign(&header, issuer.claims().to_string().as_bytes())
        }
        4 => "x".repeat(number % 9_000),
        5 => valid().chars().rev().collect(),
        _ => valid(),
    }
}
