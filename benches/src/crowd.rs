//! What whole processes cost as they grow: many issuers to fetch from, many invocations at once.

use std::path::Path;
use std::thread::available_parallelism;

use bench::scene::{AUDIENCE, Outcome};
use bench::yardstick::median;
use local_gateway::executable;
use local_gateway::keys::SigningKey;
use serde_json::{Value, json};

use crate::https::HttpsIssuer;
use crate::plot::{Line, Plot};
use crate::process::{Process, Program};
use crate::stage::Stage;

/// How often a process is started for each point, which is the median.
const STARTS: usize = 7;

/// How many invocations come before those that count: until the scheduler has settled.
const WARM_UP: u32 = 6_400;

/// How many invocations count after each start.
const INVOCATIONS: u32 = 3_200;

/// Draws both.
pub(crate) async fn run(directory: &Path) -> Outcome<()> {
    let executable = executable::find(executable::Profile::Release).await?;
    let stage = Stage::new().await?;
    println!("{}", of_issuers(&stage, &executable).await?.write(directory)?);
    println!(
        "The next two with {} processors, shared with who invokes:\n",
        available_parallelism()?
    );
    for plot in of_concurrency(&stage, &executable).await? {
        println!("{}", plot.write(directory)?);
    }
    Ok(())
}

/// The start with so many issuers, whose keys are all fetched before the first `/next`.
async fn of_issuers(stage: &Stage, executable: &Path) -> Outcome<Plot> {
    // What is in the key sets of those who did not sign the token makes no difference.
    let key = SigningKey::generate("another-issuers-key")?;
    let key_set = json!({ "keys": [key.jwk()] }).to_string().into_bytes();
    let mut others = Vec::new();
    let mut points = Vec::new();
    for count in [1, 2, 5, 10, 15, 20] {
        while others.len() + 1 < count {
            others.push(HttpsIssuer::start(&stage.authority, key_set.clone()).await?);
        }
        let program = with_issuers(stage, executable, &others);
        points.push((count as f64, first_next(stage, &program).await? * 1e3));
    }
    Ok(Plot {
        name: "issuers-start",
        title: "The start, with every issuer's keys fetched over HTTPS",
        x: "issuers",
        y: "exec → first /next, ms",
        lines: vec![Line { name: "start", points }],
    })
}

fn with_issuers(stage: &Stage, executable: &Path, others: &[HttpsIssuer]) -> Program {
    let issuer = |issuer: &HttpsIssuer| json!({ "issuer": issuer.url(), "audience": AUDIENCE, "jwks_uri": issuer.key_set_url() });
    let issuers = others.iter().chain([&stage.issuer]).map(issuer);
    let issuers = Value::from_iter(issuers).to_string();
    stage.authorizer_for(executable, vec![("AUTHORIZER_ISSUERS", issuers.into())])
}

/// The median time to the first `/next`, in seconds.
async fn first_next(stage: &Stage, program: &Program) -> Outcome<f64> {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let (process, start) = Process::start(program, &stage.event).await?;
        process.end().await?;
        starts.push(start.first_next.as_secs_f64());
    }
    Ok(median(starts))
}

/// As many invocations in flight as Lambda announces: CPU time of each, and how many get done.
async fn of_concurrency(stage: &Stage, executable: &Path) -> Outcome<[Plot; 2]> {
    let (mut cpu, mut throughput) = (Vec::new(), Vec::new());
    for in_flight in [1, 2, 4, 8, 16, 32, 64] {
        let mut program = stage.authorizer(executable);
        program.environment.push(("AWS_LAMBDA_MAX_CONCURRENCY", in_flight.to_string().into()));
        let (mut cpus, mut walls) = (Vec::new(), Vec::new());
        for _ in 0..STARTS {
            let (process, _) = Process::start(&program, &stage.event).await?;
            process.invoke_at_once(in_flight, &stage.event, WARM_UP / in_flight).await?;
            let each = INVOCATIONS / in_flight;
            let invocation = process.invoke_at_once(in_flight, &stage.event, each).await?;
            process.end().await?;
            cpus.push(invocation.cpu.as_secs_f64() * 1e6);
            walls.push(invocation.wall.as_secs_f64() * 1e3);
        }
        cpu.push((f64::from(in_flight), median(cpus)));
        throughput.push((f64::from(in_flight), median(walls).recip()));
    }
    Ok([
        Plot {
            name: "concurrency-cpu",
            title: "An invocation among others at the same time",
            x: "invocations in flight",
            y: "CPU time of an invocation, µs",
            lines: vec![Line { name: "CPU time", points: cpu }],
        },
        Plot {
            name: "concurrency-throughput",
            title: "Invocations at the same time, on processors shared with who invokes",
            x: "invocations in flight",
            y: "invocations, thousands a second",
            lines: vec![Line { name: "throughput", points: throughput }],
        },
    ])
}
