//! A process and those that it starts.
//!
//! On Unix they are a process group, so that a signal reaches all of them. Elsewhere only the first process
//! is ended, and none is frozen.

use std::io;

use tokio::process::{Child, Command};

/// A process group. Dropping it kills its processes, also if they are frozen.
#[derive(Debug)]
pub(crate) struct ProcessGroup {
    /// The process that started the others.
    pub(crate) leader: Child,
}

impl ProcessGroup {
    /// Starts the command in a group of its own. So it gets no Ctrl-C from the terminal: this program ends
    /// it.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        #[cfg(unix)]
        command.process_group(0);
        Ok(Self { leader: command.kill_on_drop(true).spawn()? })
    }

    /// Stops the processes until they are thawed.
    pub(crate) fn freeze(&self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets the processes go on.
    pub(crate) fn thaw(&self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::CONT);
    }

    /// Sends a signal to the group, unless its leader has ended: the operating system may give the ID to
    /// another process then.
    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        let group = self.leader.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = group.and_then(rustix::process::Pid::from_raw) {
            // The process may have ended a moment ago.
            let _ = rustix::process::kill_process_group(group, signal);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::KILL);
    }
}
