//! How much memory does the function hold after very many invocations, good and bad?
//!
//! Its issuer fails at random and rotates its keys meanwhile, and most tokens are wrong in some way,
//! each with a `kid` of its own: whatever the function would keep of them adds up. Linux only.
//!
//! ```sh
//! cargo run --release -p local-gateway --example soak -- 100000
//! ```

#![allow(clippy::print_stdout, reason = "a command-line tool talks to its terminal")]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use local_gateway::StatusCode;
use local_gateway::executable::{self, Profile};
use local_gateway::function::Function;
use local_gateway::header::{HeaderValue, LOCATION};
use local_gateway::invocation::Answer;
use local_gateway::issuer::{AUDIENCE, Issuer};
use local_gateway::request::Request;
use local_gateway::runtime_api::RuntimeApi;
use local_gateway::served::Served;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// When everything has happened once, and memory should have reached its size.
const WARM: usize = 1_000;

/// How often the issuer's mood changes, in invocations.
const MOOD: usize = 100;

/// What the function may hold in the end beyond what it held when it was warm: noise of the
/// allocator, and less than any leak of a hundred bytes an invocation makes of 100,000.
const GROWTH_KIB: u64 = 4 * 1024;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let count: usize = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 100_000,
    };
    let issuer = Issuer::start().await?;
    let runtime_api = Arc::new(RuntimeApi::start().await?);
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

    let mut chance = Chance(1);
    let mut answers = BTreeMap::<String, usize>::new();
    let mut warm = None;
    for number in 1..=count {
        if number % MOOD == 0 {
            change_mood(&issuer, &mut chance)?;
        }
        let event = Request::handshake().bearer(&token(&issuer, number, &mut chance));
        let answer = match runtime_api.invoke(event.websocket_connect().to_string()).await? {
            Answer::Response(_) => "allowed".to_owned(),
            Answer::Error(error) => error.error_type,
        };
        *answers.entry(answer).or_default() += 1;
        if number == WARM {
            warm = Some(Memory::of(&function)?);
        }
    }
    let last = Memory::of(&function)?;
    println!("answers: {answers:?}");
    if let Some(warm) = &warm {
        println!("after {WARM} invocations: {warm}");
    }
    println!("after {count} invocations: {last}");
    match warm {
        Some(warm) if last.resident_kib > warm.resident_kib + GROWTH_KIB => {
            Err(format!("it grew by {} KiB", last.resident_kib - warm.resident_kib).into())
        }
        Some(_) | None => Ok(()),
    }
}

/// What the operating system says of a process.
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
            kib.ok_or_else(|| format!("/proc does not tell {name}"))
        };
        Ok(Self { resident_kib: field("VmRSS:")?, peak_kib: field("VmHWM:")? })
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} KiB resident, {} KiB at most", self.resident_kib, self.peak_kib)
    }
}

/// Random numbers that are the same in every run: `SplitMix64`.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Makes the issuer well or ill, each in half of all cases.
fn change_mood(issuer: &Issuer, chance: &mut Chance) -> Result<(), Failure> {
    let served = match chance.below(14) {
        0 => Served::Hang,
        1 => Served::Disconnect,
        2 => Served::status(StatusCode::INTERNAL_SERVER_ERROR).into(),
        3 => Served::status(StatusCode::FOUND)
            .with_header(LOCATION, HeaderValue::from_static("/elsewhere"))
            .into(),
        4 => Served::bytes("<!doctype html><title>Sign in</title>").into(),
        5 => Served::bytes(r#"{"keys":[{"kty":"RSA","kid":"broken","n":"?","e":"AQAB"}]}"#).into(),
        6 => Served::bytes(vec![b' '; 1_000_000]).into(),
        7 => {
            issuer.rotate()?;
            Served::own().into()
        }
        _ => Served::own().into(),
    };
    issuer.serve_key_set(served);
    Ok(())
}

/// Signs a token that is good in a third of all cases.
fn token(issuer: &Issuer, number: usize, chance: &mut Chance) -> String {
    let good = || issuer.token(&issuer.claims());
    let with = |claim: &str, value: serde_json::Value| {
        let mut claims = issuer.claims();
        claims[claim] = value;
        issuer.token(&claims)
    };
    match chance.below(9) {
        0 => with("exp", 1.into()),
        1 => with("aud", format!("service-{number}").into()),
        2 => with("iss", format!("https://issuer-{number}.example").into()),
        3 => {
            let header = serde_json::json!({ "alg": "RS256", "kid": format!("made-up-{number}") });
            issuer.sign(&header, issuer.claims().to_string().as_bytes())
        }
        4 => "x".repeat(number % 9_000),
        5 => good().chars().rev().collect(),
        _ => good(),
    }
}
