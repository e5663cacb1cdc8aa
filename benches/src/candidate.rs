//! The programs that are compared, and the measurement of one start of each.

use std::fs;
use std::path::Path;

use bench::fixture::{AUDIENCE, Outcome};

use crate::node::Node;
use crate::process::{Process, Program};
use crate::process_fixture::ProcessFixture;

/// How many invocations are measured together: one batch after each start, then a second one. A
/// just-in-time compiler has done its work after the first.
const INVOCATIONS: u32 = 1_000;

/// A program that is compared.
pub(crate) struct Candidate {
    /// Its name in the table.
    pub(crate) name: String,
    /// The size of the executable in bytes, when the executable is what people deploy.
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
    /// CPU time until the first answer.
    pub(crate) first_cpu: f64,
    /// CPU time of each invocation of the first batch.
    pub(crate) early_cpu: f64,
    /// CPU time of each invocation of the second batch.
    pub(crate) warm_cpu: f64,
    /// Wall time of each invocation of the second batch.
    pub(crate) warm_wall: f64,
    /// Peak resident memory.
    pub(crate) peak_memory: f64,
}

impl Candidate {
    /// Returns a candidate that is compiled before it is deployed.
    pub(crate) fn compiled(name: &str, program: Program) -> Outcome<Self> {
        let size = Some(fs::metadata(&program.executable)?.len());
        Ok(Self { name: name.to_owned(), size, program })
    }

    /// Returns Lambda's runtime library alone.
    pub(crate) fn hello(executable: &Path) -> Outcome<Self> {
        let (arguments, environment) = (Vec::new(), Vec::new());
        let program = Program { executable: executable.to_owned(), arguments, environment };
        Self::compiled("`lambda_runtime` alone", program)
    }

    /// Returns the authorizer on Node.
    pub(crate) fn on_node(node: &Node, fixture: &ProcessFixture) -> Self {
        let environment = vec![
            ("ISSUER", fixture.issuer.url().into()),
            ("AUDIENCE", AUDIENCE.into()),
            ("JWKS_URI", fixture.issuer.key_set_url().into()),
            ("NODE_EXTRA_CA_CERTS", fixture.authority.file().into()),
        ];
        let (executable, arguments) = (node.executable.clone(), vec![node.script.clone()]);
        Self {
            name: format!("Node {}, aws-jwt-verify", node.version),
            size: None,
            program: Program { executable, arguments, environment },
        }
    }

    /// Starts the program, invokes it, and ends it.
    pub(crate) async fn measure(&self, fixture: &ProcessFixture) -> Outcome<Figures> {
        let (process, start) = Process::start(&self.program, &fixture.event).await?;
        let early = process.invoke(&fixture.event, INVOCATIONS).await?;
        let warm = process.invoke(&fixture.event, INVOCATIONS).await?;
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
