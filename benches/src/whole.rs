//! Whole processes beside each other: their start, their invocations, their size.
//!
//! The contestants take turns, round after round, so that a machine's moods meet all of them, and
//! what is told is each figure's median.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bench::scene::{AUDIENCE, Outcome};
use bench::yardstick::median;
use local_gateway::executable;

use crate::limits::limits;
use crate::node::{self, Node};
use crate::process::{Process, Program};
use crate::stage::Stage;

/// How often each contestant is started.
const ROUNDS: usize = 15;

/// How many invocations are measured after each start.
const INVOCATIONS: u32 = 1_000;

/// Measures all contestants and prints what they took, and how that compares with the limits.
pub(crate) async fn run() -> Outcome<()> {
    let authorizer = executable::find().await?;
    let hello = executable::build("hello").await?;
    let node = node::find()?;
    let stage = Stage::new().await?;
    let mut contestants = Contestants::new(&stage, &authorizer, &hello, node.as_ref())?;
    let mut bare_checks = Vec::new();
    // The first round warms the disk's and the server's caches up.
    contestants.round(&stage).await?;
    contestants.forget();
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        bare_checks.push(stage.yardstick.sample(1, || {}).bare_check.as_secs_f64());
        contestants.round(&stage).await?;
    }
    let bare_check = median(bare_checks);
    println!("{}", contestants.table(bare_check));
    println!("{}", limits(&contestants, bare_check));
    Ok(())
}

/// Who is measured.
pub(crate) struct Contestants {
    /// The function as it is meant to be deployed.
    pub(crate) authorizer: Contestant,
    /// The function that finds the key set by discovery.
    pub(crate) with_discovery: Contestant,
    /// Lambda's runtime library alone.
    pub(crate) hello: Contestant,
    /// aws-jwt-verify, where there is Node.
    pub(crate) node: Option<Contestant>,
}

/// One of them, and what it took.
pub(crate) struct Contestant {
    name: String,
    program: Program,
    /// How many invocations do not count: those before an interpreter's compiler is done.
    warm_up: u32,
    /// What is deployed, in bytes.
    pub(crate) size: Option<u64>,
    figures: Vec<Figures>,
}

/// What one round of one contestant took: seconds and bytes.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    /// From exec to the first `/next`.
    pub(crate) first_next: f64,
    /// From exec to the first answer.
    pub(crate) first_answer: f64,
    /// CPU time until then.
    pub(crate) first_cpu: f64,
    /// Each invocation from then on.
    pub(crate) warm_wall: f64,
    /// CPU time of each.
    pub(crate) warm_cpu: f64,
    /// Peak resident memory.
    pub(crate) peak_memory: f64,
}

impl Contestants {
    fn new(
        stage: &Stage,
        authorizer: &Path,
        hello: &Path,
        node: Option<&Node>,
    ) -> Outcome<Self> {
        let compiled = |name: &str, program: Program| -> Outcome<Contestant> {
            let size = Some(fs::metadata(&program.executable)?.len());
            Ok(Contestant { name: name.to_owned(), program, warm_up: 50, size, figures: vec![] })
        };
        let hello = Program {
            executable: hello.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
        };
        Ok(Self {
            authorizer: compiled("jwks-authorizer", stage.authorizer(authorizer))?,
            with_discovery: compiled(
                "jwks-authorizer, with discovery",
                stage.authorizer_with_discovery(authorizer),
            )?,
            hello: compiled("`lambda_runtime` alone", hello)?,
            node: node.map(|node| Contestant::on_node(stage, node)),
        })
    }

    async fn round(&mut self, stage: &Stage) -> Outcome<()> {
        for contestant in [&mut self.authorizer, &mut self.with_discovery, &mut self.hello]
            .into_iter()
            .chain(&mut self.node)
        {
            contestant.round(stage).await?;
        }
        Ok(())
    }

    fn forget(&mut self) {
        for contestant in [&mut self.authorizer, &mut self.with_discovery, &mut self.hello]
            .into_iter()
            .chain(&mut self.node)
        {
            contestant.figures.clear();
        }
    }
}
