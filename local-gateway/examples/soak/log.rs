//! The function's log: which keys it had, and since when.

use std::io::{BufRead, BufReader};
use std::process::ChildStdout;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Deserialize;

use crate::Failure;

/// A fetch of keys.
#[derive(Debug)]
pub(crate) struct Refresh {
    pub(crate) issuer: String,
    /// The invocation that needed it, or after which it was made; 0 for the start.
    pub(crate) invocation: u64,
    /// When it began, since 1970.
    pub(crate) started: Duration,
    /// The keys that it brought; `None` if it failed.
    pub(crate) kids: Option<Vec<String>>,
}

/// A thread that reads a log.
pub(crate) struct LogReader(JoinHandle<Result<Vec<Refresh>, Failure>>);

impl LogReader {
    pub(crate) fn start(log: ChildStdout) -> Self {
        Self(thread::spawn(move || read(log)))
    }

    /// Waits for the end of the log, and returns the fetches in it.
    pub(crate) fn end(self) -> Result<Vec<Refresh>, Failure> {
        self.0.join().map_err(|_| "the thread that reads the log has panicked")?
    }
}

fn read(log: ChildStdout) -> Result<Vec<Refresh>, Failure> {
    let mut refreshes = Vec::new();
    let mut log = BufReader::with_capacity(64 * 1024, log);
    let mut line = String::new();
    while log.read_line(&mut line)? > 0 {
        if line.contains(r#""message":"key refresh""#) {
            refreshes.push(Refresh::read(&line)?);
        }
        line.clear();
    }
    Ok(refreshes)
}

impl Refresh {
    fn read(line: &str) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Line<'a> {
            timestamp: &'a str,
            issuer: String,
            outcome: &'a str,
            #[serde(rename = "requestId")]
            request_id: Option<&'a str>,
            kids: Option<String>,
            duration_ms: u64,
        }
        let line: Line<'_> = serde_json::from_str(line)?;
        let ended =
            since_1970(line.timestamp).ok_or_else(|| format!("not a time: {}", line.timestamp))?;
        let kids = line.kids.unwrap_or_default();
        Ok(Self {
            issuer: line.issuer,
            invocation: line.request_id.unwrap_or("0").parse()?,
            started: ended.saturating_sub(Duration::from_millis(line.duration_ms)),
            kids: (line.outcome == "fetched")
                .then(|| kids.split("; ").map(str::to_owned).collect()),
        })
    }
}

/// Reads a time such as `2030-03-17T17:46:40.123456Z`.
fn since_1970(timestamp: &str) -> Option<Duration> {
    let (date, time) = timestamp.strip_suffix('Z')?.split_once('T')?;
    fn numbers<const N: usize>(text: &str, separator: char) -> Option<[u64; N]> {
        let numbers: Option<Vec<_>> = text.split(separator).map(|part| part.parse().ok()).collect();
        numbers?.try_into().ok()
    }
    let (time, fraction) = time.split_once('.')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second]: [u64; 3] = numbers(time, ':')?;
    // Years begin in March, so that a leap day is the last day of a year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    const DAYS_UNTIL_1970: u64 = 719_468;
    let seconds = (days - DAYS_UNTIL_1970) * 86_400 + hour * 3_600 + minute * 60 + second;
    let fraction: f64 = format!("0.{fraction}").parse().ok()?;
    Some(Duration::from_secs(seconds) + Duration::from_secs_f64(fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_about_a_fetch() {
        let line = r#"{"timestamp":"2030-03-17T17:46:40.123456Z","level":"INFO","issuer":"http://127.0.0.1:1","requestId":"7","outcome":"fetched","cause":"age","kids":"key-0; key-2","skipped":"","lifetime_s":1,"duration_ms":23,"message":"key refresh"}"#;
        let refresh = Refresh::read(line).unwrap();
        assert_eq!((refresh.issuer.as_str(), refresh.invocation), ("http://127.0.0.1:1", 7));
        assert_eq!(refresh.kids.unwrap(), ["key-0", "key-2"]);
        assert_eq!(refresh.started, Duration::from_micros(1_900_000_000_100_456));
        let line = line.replace("fetched", "failed").replace(r#""requestId":"7","#, "");
        let refresh = Refresh::read(&line).unwrap();
        assert_eq!((refresh.invocation, refresh.kids), (0, None));
    }

    #[test]
    fn reads_times() {
        let seconds = |time| since_1970(time).map(|time| time.as_secs());
        assert_eq!(seconds("1970-01-01T00:00:00.0Z"), Some(0));
        assert_eq!(seconds("2028-02-29T23:59:59.999999Z"), Some(1_835_481_599));
        assert_eq!(seconds("2028-03-01T00:00:00.000000Z"), Some(1_835_481_600));
        for wrong in ["", "2028-02-29 23:59:59.9Z", "2028-02T23:59:59.9Z", "2028-02-29T23:59:59Z"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
