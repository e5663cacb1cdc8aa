//! The signals that end the program.

use std::io;
use std::pin::Pin;

#[cfg(unix)]
use tokio::signal::unix;

use crate::Failure;

/// Completes at Ctrl-C or SIGTERM. The program uses a single one: between two of them, a signal would be
/// lost.
pub(crate) type Interrupt<'a> = Pin<&'a mut (dyn Future<Output = io::Result<()>> + Send)>;

/// Waits for Ctrl-C or SIGTERM. If SIGTERM ended the program at once, the processes that it has started
/// would go on.
pub(crate) async fn received() -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = unix::signal(unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// Runs `work` to its end, or until a signal.
pub(crate) async fn until_interrupt<T>(
    interrupt: Interrupt<'_>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        // The first poll installs the handlers. It must run before `work` starts a process.
        biased;
        interrupted = interrupt => {
            interrupted.map_err(Failure::Signal)?;
            Err(Failure::Interrupted)
        }
        result = work => result,
    }
}
