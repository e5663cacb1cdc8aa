//! The log, at every level, in memory.

use std::io::{self, Write};
use std::sync::Mutex;

use tracing_subscriber::filter::LevelFilter;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Keeps what is logged from now on.
///
/// # Panics
///
/// If it is called twice.
pub fn keep() {
    tracing_subscriber::fmt().json().with_max_level(LevelFilter::TRACE).with_writer(|| Kept).init();
}

/// Returns what was logged since the last call.
///
/// # Panics
///
/// If a thread panicked while it logged.
#[must_use]
pub fn take() -> String {
    let bytes = std::mem::take(&mut *LOG.lock().expect("no thread panicked"));
    String::from_utf8(bytes).expect("the log is UTF-8")
}

struct Kept;

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().expect("no thread panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
