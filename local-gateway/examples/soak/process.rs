//! The function's process: its start, its freezes, and what it uses. Linux only.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use local_gateway::function::lambda_variables;

use crate::Failure;

/// A running function. Dropping it kills the process.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts the function. Returns its log too, which must be read.
    pub(crate) fn start(
        executable: &Path,
        runtime_api: SocketAddr,
        settings: &[(&str, String)],
    ) -> Result<(Self, ChildStdout), Failure> {
        let mut child = Command::new(executable)
            .env_clear()
            .envs(lambda_variables(runtime_api))
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let log = child.stdout.take().ok_or("the process has no standard output")?;
        Ok((Self { child }, log))
    }

    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A thread that freezes a process, so that a freeze can begin at any point of an invocation.
pub(crate) struct Freezer {
    lengths: mpsc::Sender<Duration>,
    thread: JoinHandle<io::Result<()>>,
}

impl Freezer {
    pub(crate) fn of(process: &Process) -> Self {
        let (lengths, receiver) = mpsc::channel();
        let id = process.id();
        let thread = thread::spawn(move || {
            for length in receiver {
                signal("-STOP", &id)?;
                thread::sleep(length);
                signal("-CONT", &id)?;
            }
            Ok(())
        });
        Self { lengths, thread }
    }

    /// Freezes the process for this time, after the freezes that were ordered before. Does not wait.
    pub(crate) fn freeze(&self, length: Duration) {
        // If the thread has ended, `end` says why.
        let _ = self.lengths.send(length);
    }

    /// Waits for the end of all freezes.
    pub(crate) fn end(self) -> Result<(), Failure> {
        drop(self.lengths);
        Ok(self.thread.join().map_err(|_| "the thread that freezes has panicked")??)
    }
}

fn signal(signal: &str, id: &str) -> io::Result<()> {
    let status = Command::new("kill").args([signal, id]).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("kill has failed")) }
}

/// What a process uses.
pub(crate) struct Usage {
    pub(crate) resident_kib: u64,
    pub(crate) open_files: usize,
    pub(crate) cpu: Duration,
}

impl Usage {
    /// Reads the usage of a process, or of this one, `self`, from `/proc`.
    pub(crate) fn of(process: &str) -> Result<Self, Failure> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|line| line.split_whitespace().next());
        Ok(Self {
            resident_kib: resident.ok_or("/proc/PID/status has no VmRSS")?.parse()?,
            open_files: fs::read_dir(format!("/proc/{process}/fd"))?.count(),
            cpu: cpu_time(&fs::read_to_string(format!("/proc/{process}/stat"))?)?,
        })
    }
}

/// Returns the time in user mode and in the kernel, without that of child processes.
fn cpu_time(stat: &str) -> Result<Duration, Failure> {
    /// Linux counts in hundredths of a second here, on every architecture.
    const TICK: Duration = Duration::from_millis(10);
    // The second field, in parentheses, is a name that may contain spaces.
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/PID/stat has no name")?;
    let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    let ticks = times.sum::<Result<u32, _>>()?;
    Ok(TICK * ticks)
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { resident_kib, open_files, .. } = self;
        write!(f, "{resident_kib} KiB resident, {open_files} open files")
    }
}
