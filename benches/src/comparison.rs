//! Compares whole processes: their start, their invocations, their memory and their size.
//!
//! Each round starts every candidate once, so that a change in the machine's load meets all of them.
//! The tables show medians over the rounds. A limit on a ratio takes the median of each round's
//! ratio.

use bench::fixture::Outcome;
use bench::limits::{self, EXECUTABLE_SIZE, Limit, PEAK_MEMORY};
use bench::sample::median;
use local_gateway::executable;

use crate::candidate::{Candidate, Figures};
use crate::node;
use crate::process_fixture::ProcessFixture;

/// How often each candidate is started.
const ROUNDS: usize = 15;

/// Measures all candidates. Prints the results, and how they compare with the limits.
pub(crate) async fn run() -> Outcome<()> {
    let candidates = Candidates::find().await?;
    // The first round fills the caches of the disk and of the issuer.
    candidates.measure().await?;
    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        eprintln!("round {number} of {ROUNDS}");
        rounds.push(candidates.measure().await?);
    }
    println!("{}", table(&candidates, &rounds));
    println!("{}", limits::table(&limits(&candidates, &rounds)));
    Ok(())
}

struct Candidates {
    fixture: ProcessFixture,
    /// The function with `AUTHORIZER_JWKS_URI` set.
    authorizer: Candidate,
    /// The function, which finds the key set by discovery.
    discovering: Candidate,
    /// Lambda's runtime library alone.
    hello: Candidate,
    /// aws-jwt-verify, when Node is installed.
    node: Option<Candidate>,
}

/// The figures of each candidate in one round.
struct Round {
    /// One signature check, in seconds.
    signature_check: f64,
    authorizer: Figures,
    discovering: Figures,
    hello: Figures,
    node: Option<Figures>,
}

impl Candidates {
    async fn find() -> Outcome<Self> {
        let authorizer = executable::find(executable::Profile::Release).await?;
        let hello = executable::build("hello", executable::Profile::Release).await?;
        let node = node::find()?;
        let fixture = ProcessFixture::new().await?;
        let discovering = fixture.discovering_authorizer(&authorizer);
        Ok(Self {
            authorizer: Candidate::compiled("jwks-authorizer", fixture.authorizer(&authorizer))?,
            discovering: Candidate::compiled("jwks-authorizer, with discovery", discovering)?,
            hello: Candidate::hello(&hello)?,
            node: node.map(|node| Candidate::on_node(&node, &fixture)),
            fixture,
        })
    }

    async fn measure(&self) -> Outcome<Round> {
        let fixture = &self.fixture;
        Ok(Round {
            signature_check: fixture.signature_check.seconds(),
            authorizer: self.authorizer.measure(fixture).await?,
            discovering: self.discovering.measure(fixture).await?,
            hello: self.hello.measure(fixture).await?,
            node: match &self.node {
                Some(node) => Some(node.measure(fixture).await?),
                None => None,
            },
        })
    }
}

fn table(candidates: &Candidates, rounds: &[Round]) -> String {
    let mut table = String::from(
        "| | exec → first `/next`, ms | exec → first answer, ms | CPU until then, ms | CPU of each of 1,000 after that, µs | of the next 1,000, µs | wall of those, µs | peak memory, MB | executable, MB |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    let mut compiled = |candidate, figures: fn(&Round) -> Figures| {
        table.push_str(&row(candidate, rounds.iter().map(figures).collect()));
    };
    compiled(&candidates.authorizer, |round| round.authorizer);
    compiled(&candidates.discovering, |round| round.discovering);
    compiled(&candidates.hello, |round| round.hello);
    match &candidates.node {
        Some(node) => {
            table.push_str(&row(node, rounds.iter().filter_map(|round| round.node).collect()));
        }
        None => table
            .push_str("| Node, aws-jwt-verify: node or npm is not installed | | | | | | | | |\n"),
    }
    let signature_check = median(rounds.iter().map(|round| round.signature_check).collect());
    format!(
        "{table}\nMedians of {} rounds on one processor. One signature check takes {:.1} µs.\n",
        rounds.len(),
        signature_check * 1e6
    )
}

fn row(candidate: &Candidate, figures: Vec<Figures>) -> String {
    let middle = |figure: fn(&Figures) -> f64| median(figures.iter().map(figure).collect());
    let size = candidate.size.map_or("–".to_owned(), |size| format!("{:.2}", size as f64 / 1e6));
    format!(
        "| {} | {:.2} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} | {:.2} | {size} |\n",
        candidate.name,
        middle(|figures| figures.first_next) * 1e3,
        middle(|figures| figures.first_answer) * 1e3,
        middle(|figures| figures.first_cpu) * 1e3,
        middle(|figures| figures.early_cpu) * 1e6,
        middle(|figures| figures.warm_cpu) * 1e6,
        middle(|figures| figures.warm_wall) * 1e6,
        middle(|figures| figures.peak_memory) / 1e6,
    )
}

/// Returns all limits. Times are relative to the signature check or to other candidates of the same
/// round, which depend on the machine in the same way.
fn limits(candidates: &Candidates, rounds: &[Round]) -> Vec<Limit> {
    let middle = |ratio: fn(&Round) -> f64| median(rounds.iter().map(ratio).collect());
    let mut limits = vec![
        Limit::at_most(
            "CPU of a warm invocation beyond that of `lambda_runtime` alone, in signature checks",
            2.0,
            middle(|round| {
                (round.authorizer.warm_cpu - round.hello.warm_cpu) / round.signature_check
            }),
        ),
        Limit::at_most(
            "exec → first answer, as a multiple of `lambda_runtime` alone",
            2.5,
            middle(|round| round.authorizer.first_answer / round.hello.first_answer),
        ),
        Limit::at_most(
            "CPU until the first answer, in signature checks",
            // 6 ms when one check takes 20 µs.
            300.0,
            middle(|round| round.authorizer.first_cpu / round.signature_check),
        ),
        Limit::at_most(
            "peak memory, in MB",
            PEAK_MEMORY,
            middle(|round| round.authorizer.peak_memory / 1e6),
        ),
    ];
    let size = candidates.authorizer.size.map(|bytes| bytes as f64 / 1e6);
    limits.extend(size.map(|size| Limit::at_most("the executable, in MB", EXECUTABLE_SIZE, size)));
    limits.extend(limits_against_node(rounds));
    limits
}

/// Returns how much less than Node the function must take, when Node was measured.
fn limits_against_node(rounds: &[Round]) -> Vec<Limit> {
    let ratios = |ratio: fn(&Round) -> Option<f64>| -> Vec<f64> {
        rounds.iter().filter_map(ratio).collect()
    };
    let start = ratios(|round| Some(round.node?.first_answer / round.authorizer.first_answer));
    let early = ratios(|round| Some(round.node?.early_cpu / round.authorizer.early_cpu));
    let warm = ratios(|round| Some(round.node?.warm_cpu / round.authorizer.warm_cpu));
    if start.is_empty() {
        return Vec::new();
    }
    vec![
        Limit::at_least(
            "Node's exec → first answer, as a multiple of this function's",
            20.0,
            median(start),
        ),
        Limit::at_least(
            "Node's CPU of each of 1,000 invocations, as a multiple of this function's",
            8.0,
            median(early),
        ),
        Limit::at_least(
            "Node's CPU of each of the next 1,000, as a multiple of this function's",
            8.0,
            median(warm),
        ),
    ]
}
