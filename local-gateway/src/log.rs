//! The function's output, line by line.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;

/// How many lines are kept.
const CAPACITY: usize = 10_000;

/// The latest lines, shared by the tasks that write and those that read.
#[derive(Clone, Debug)]
pub(crate) struct Log(Arc<watch::Sender<Written>>);

#[derive(Debug, Default)]
struct Written {
    lines: VecDeque<String>,
    /// How many lines are not kept any more.
    forgotten: usize,
    open_streams: usize,
}

impl Written {
    fn push(&mut self, line: String) {
        if self.lines.len() == CAPACITY {
            self.lines.pop_front();
            self.forgotten += 1;
        }
        self.lines.push_back(line);
    }

    /// Counts the lines so far, also those that are not kept any more.
    fn count(&self) -> usize {
        self.forgotten + self.lines.len()
    }
}

impl Log {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Written::default())))
    }

    /// Starts a task that adds the lines of `stream` until it ends.
    pub(crate) fn capture(&self, stream: impl AsyncRead + Unpin + Send + 'static) {
        self.0.send_modify(|written| written.open_streams += 1);
        let written = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).split(b'\n');
            while let Ok(Some(line)) = lines.next_segment().await {
                let line = String::from_utf8_lossy(&line).into_owned();
                written.send_modify(|written| written.push(line));
            }
            written.send_modify(|written| written.open_streams -= 1);
        });
    }

    /// Keeps readers waiting when every stream has ended: more may come.
    pub(crate) fn keep_open(&self) {
        self.0.send_modify(|written| written.open_streams += 1);
    }

    /// Returns the lines that are kept, of all streams, in the order of their arrival.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.borrow().lines.iter().cloned().collect()
    }

    /// Returns a reader that starts at the first line that is kept.
    pub(crate) fn replay(&self) -> Follower {
        Follower { written: self.0.subscribe(), next: 0 }
    }

    /// Returns a reader of the lines that are written from now on.
    pub(crate) fn follow(&self) -> Follower {
        let next = self.0.borrow().count();
        Follower { written: self.0.subscribe(), next }
    }
}

/// A reader of a log.
#[derive(Debug)]
pub struct Follower {
    written: watch::Receiver<Written>,
    next: usize,
}

impl Follower {
    /// Returns the next line that `wanted` accepts, and skips the lines before it.
    ///
    /// Returns `None` when the function has ended and there is no such line.
    pub async fn line(&mut self, mut wanted: impl FnMut(&str) -> bool) -> Option<String> {
        loop {
            if let Some(line) = self.read(&mut wanted) {
                return Some(line);
            }
            let ended = self
                .written
                .wait_for(|written| written.count() > self.next || written.open_streams == 0)
                .await
                .map(|written| written.count() == self.next);
            if !matches!(ended, Ok(false)) {
                return None;
            }
        }
    }

    fn read(&mut self, mut wanted: impl FnMut(&str) -> bool) -> Option<String> {
        let written = self.written.borrow();
        // A reader that is too slow misses lines.
        let read = self.next.saturating_sub(written.forgotten);
        let found = written.lines.iter().enumerate().skip(read).find(|(_, line)| wanted(line));
        self.next = found.map_or(written.count(), |(position, _)| written.forgotten + position + 1);
        found.map(|(_, line)| line.clone())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn waits_for_a_wanted_line() {
        let (mut writer, reader) = tokio::io::duplex(64);
        let log = Log::new();
        log.capture(reader);
        let mut follower = log.replay();
        let (line, ()) = tokio::join!(follower.line(|line| line.starts_with("two")), async {
            writer.write_all(b"one\ntwo\nthree\n").await.unwrap();
        });
        assert_eq!(line.as_deref(), Some("two"));
        assert_eq!(follower.line(|_| true).await.as_deref(), Some("three"));
    }

    #[tokio::test]
    async fn keeps_the_latest_lines() {
        let log = Log::new();
        let mut early = log.replay();
        let text: Vec<_> = (0..=CAPACITY).map(|number| number.to_string()).collect();
        log.capture(std::io::Cursor::new(text.join("\n").into_bytes()));
        let last = CAPACITY.to_string();
        assert_eq!(log.replay().line(|line| line == last).await.as_deref(), Some(&*last));
        assert_eq!(log.lines().len(), CAPACITY);
        assert_eq!(log.lines().first().map(String::as_str), Some("1"));
        assert_eq!(early.line(|_| true).await.as_deref(), Some("1"));
        assert_eq!(early.line(|line| line == last).await.as_deref(), Some(&*last));
        assert_eq!(early.line(|_| true).await, None);
    }

    #[tokio::test]
    async fn ends_with_the_last_stream() {
        let log = Log::new();
        log.capture(&b"one\ntwo"[..]);
        let mut follower = log.replay();
        assert_eq!(follower.line(|line| line == "three").await, None);
        assert_eq!(log.lines(), ["one", "two"]);
    }

    #[tokio::test]
    async fn skips_lines_that_were_written_before() {
        let (mut writer, reader) = tokio::io::duplex(64);
        let log = Log::new();
        log.capture(reader);
        writer.write_all(b"old\n").await.unwrap();
        log.replay().line(|line| line == "old").await.unwrap();
        let mut follower = log.follow();
        writer.write_all(b"new\n").await.unwrap();
        assert_eq!(follower.line(|_| true).await.as_deref(), Some("new"));
    }
}
