//! Who is measured, and what one start of each takes.

use std::fs;
use std::path::Path;

use bench::scene::{AUDIENCE, Outcome};

use crate::node::Node;
use crate::process::{Process, Program};
use crate::stage::Stage;

/// How many invocations are measured together: a first lot after each start, then a second. What is
/// compiled just in time is compiled within the first.
const INVOCATIONS: u32 = 1_000;

/// One who is measured.
pub(crate) struct Contestant {
    /// What the table calls it.
    pub(crate) name: String,
    /// The executable's size in bytes, where it is what is deployed.
    pub(crate) size: Option<u64>,
    program: Program,
}

/// What one start and the invocations after it took, in seconds and bytes.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    /// From exec to the first `/next`.
    pub(crate) first_next: f64,
    /// From exec to the first answer.
    pub(crate) first_answer: f64,
    /// CPU time until then.
    pub(crate) first_cpu: f64,
    /// CPU time of each of the first thousand invocations after that.
    pub(crate) early_cpu: f64,
    /// CPU time of each of the second thousand.
    pub(crate) warm_cpu: f64,
    /// Time on the wall of each of those.
    pub(crate) warm_wall: f64,
    /// Peak resident memory.
    pub(crate) peak_memory: f64,
}

impl Contestant {
    /// One that is compiled before it is deployed.
    pub(crate) fn compiled(name: &str, program: Program) -> Outcome<Self> {
        let size = Some(fs::metadata(&program.executable)?.len());
        Ok(Self { name: name.to_owned(), size, program })
    }

    /// Lambda's runtime library alone.
    pub(crate) fn hello(executable: &Path) -> Outcome<Self> {
        let (arguments, environment) = (Vec::new(), Vec::new());
        let program = Program { executable: executable.to_owned(), arguments, environment };
        Self::compiled("`lambda_runtime` alone", program)
    }

    /// The function on Node.
    pub(crate) fn on_node(node: &Node, stage: &Stage) -> Self {
        let environment = vec![
            ("ISSUER", stage.issuer.url().into()),
            ("AUDIENCE", AUDIENCE.into()),
            ("JWKS_URI", stage.issuer.key_set_url().into()),
            ("NODE_EXTRA_CA_CERTS", stage.authority.file().into()),
        ];
        let (executable, arguments) = (node.executable.clone(), vec![node.script.clone()]);
        Self {
            name: format!("Node {}, aws-jwt-verify", node.version),
            size: None,
            program: Program { executable, arguments, environment },
        }
    }

    /// Starts it, invokes it, and ends it.
    pub(crate) async fn measure(&self, stage: &Stage) -> Outcome<Figures> {
        let (process, start) = Process::start(&self.program, &stage.event).await?;
        let early = process.invoke(&stage.event, INVOCATIONS).await?;
        let warm = process.invoke(&stage.event, INVOCATIONS).await?;
        let figures = Figures {
            first_next: start.first_next.as_secs_f64(),
            first_answer: start.first_answer.as_secs_f64(),
            first_cpu: start.cpu.as_secs_f64(),
            early_cpu: early.cpu.as_secs_f64(),
            warm_cpu: warm.cpu.as_secs_f64(),
            warm_wall: warm.wall.as_secs_f64(),
            peak_memory: process.peak_memory()? as f64,
        };
        process.end().await?;
        Ok(figures)
    }
}
