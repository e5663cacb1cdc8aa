//! Whole processes beside each other: their start, their invocations, their size.
//!
//! The contestants take turns, round after round, so that a machine's moods meet all of them. What
//! is told is medians: of the figures, and for the limits, of each round's ratios.

use bench::scene::Outcome;
use bench::yardstick::median;
use local_gateway::executable;

use crate::contestant::{Contestant, Figures};
use crate::limits;
use crate::node;
use crate::stage::Stage;

/// How often each contestant is started.
const ROUNDS: usize = 15;

/// Measures all contestants, and prints what they took and how that compares with the limits.
/// `processors` says in the table what they run on.
pub(crate) async fn run(processors: &str) -> Outcome<()> {
    let contestants = Contestants::find().await?;
    // The first round warms the disk's and the issuer's caches up.
    contestants.measure().await?;
    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        eprintln!("round {number} of {ROUNDS}");
        rounds.push(contestants.measure().await?);
    }
    println!("{}", table(&contestants, &rounds, processors));
    println!("{}", limits::table(&contestants, &rounds));
    Ok(())
}

/// Who takes part.
pub(crate) struct Contestants {
    stage: Stage,
    /// The function, told where the key set is.
    pub(crate) authorizer: Contestant,
    /// The function, which discovers where the key set is.
    discovering: Contestant,
    /// Lambda's runtime library alone.
    hello: Contestant,
    /// aws-jwt-verify, where there is Node.
    node: Option<Contestant>,
}

/// What each of them took in one round.
pub(crate) struct Round {
    /// One bare check, in seconds.
    pub(crate) bare_check: f64,
    /// See [`Contestants`].
    pub(crate) authorizer: Figures,
    discovering: Figures,
    /// See [`Contestants`].
    pub(crate) hello: Figures,
    /// See [`Contestants`].
    pub(crate) node: Option<Figures>,
}

impl Contestants {
    async fn find() -> Outcome<Self> {
        let authorizer = executable::find(executable::Profile::Release).await?;
        let hello = executable::build("hello", executable::Profile::Release).await?;
        let node = node::find()?;
        let stage = Stage::new().await?;
        let discovering = stage.discovering_authorizer(&authorizer);
        Ok(Self {
            authorizer: Contestant::compiled("jwks-authorizer", stage.authorizer(&authorizer))?,
            discovering: Contestant::compiled("jwks-authorizer, with discovery", discovering)?,
            hello: Contestant::hello(&hello)?,
            node: node.map(|node| Contestant::on_node(&node, &stage)),
            stage,
        })
    }

    async fn measure(&self) -> Outcome<Round> {
        let stage = &self.stage;
        Ok(Round {
            bare_check: stage.yardstick.bare_check(),
            authorizer: self.authorizer.measure(stage).await?,
            discovering: self.discovering.measure(stage).await?,
            hello: self.hello.measure(stage).await?,
            node: match &self.node {
                Some(node) => Some(node.measure(stage).await?),
                None => None,
            },
        })
    }
}

fn table(contestants: &Contestants, rounds: &[Round], processors: &str) -> String {
    let mut table = String::from(
        "| | exec → first `/next`, ms | exec → first answer, ms | CPU until then, ms | CPU of each of 1,000 after that, µs | of the next 1,000, µs | wall of those, µs | peak memory, MB | executable, MB |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    let mut compiled = |contestant, figures: fn(&Round) -> Figures| {
        table.push_str(&row(contestant, rounds.iter().map(figures).collect()));
    };
    compiled(&contestants.authorizer, |round| round.authorizer);
    compiled(&contestants.discovering, |round| round.discovering);
    compiled(&contestants.hello, |round| round.hello);
    match &contestants.node {
        Some(node) => {
            table.push_str(&row(node, rounds.iter().filter_map(|round| round.node).collect()));
        }
        None => {
            table.push_str("| Node, aws-jwt-verify: no node or no npm here | | | | | | | | |\n")
        }
    }
    let bare_check = median(rounds.iter().map(|round| round.bare_check).collect());
    format!(
        "{table}\nMedians of {} rounds, with everything on {processors}. The bare check of the token's RS256 signature: {:.1} µs.\n",
        rounds.len(),
        bare_check * 1e6
    )
}

fn row(contestant: &Contestant, figures: Vec<Figures>) -> String {
    let middle = |figure: fn(&Figures) -> f64| median(figures.iter().map(figure).collect());
    let size = contestant.size.map_or("–".to_owned(), |size| format!("{:.2}", size as f64 / 1e6));
    format!(
        "| {} | {:.2} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} | {:.2} | {size} |\n",
        contestant.name,
        middle(|figures| figures.first_next) * 1e3,
        middle(|figures| figures.first_answer) * 1e3,
        middle(|figures| figures.first_cpu) * 1e3,
        middle(|figures| figures.early_cpu) * 1e6,
        middle(|figures| figures.warm_cpu) * 1e6,
        middle(|figures| figures.warm_wall) * 1e6,
        middle(|figures| figures.peak_memory) / 1e6,
    )
}
