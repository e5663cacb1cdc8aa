//! The report for people.

use super::report::{
    CheckReport, DiscoveryReport, IssuerReport, KeyReport, KeySetReport, ProxyVariable,
};
use crate::config::SettingInForce;
use crate::diagnosis::text::{Meaning, Style, duration, escape, pad, wrap};
use crate::excerpt::Excerpt;

/// The width of the column with `ok` and `FAIL`.
const MARK_WIDTH: usize = 6;
/// The width of the column that says what a line is about.
const TOPIC_WIDTH: usize = 11;
/// Where the rest of a line begins.
const INDENT: usize = 2 + MARK_WIDTH + TOPIC_WIDTH;

/// How many characters of a setting's value are shown.
const SHOWN_CHARS: usize = 200;

/// How a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Ok,
    Fail,
    Warn,
    Skip,
    None,
}

impl Mark {
    fn of(ok: bool) -> Self {
        if ok { Self::Ok } else { Self::Fail }
    }

    fn painted(self, style: Style) -> String {
        let (text, meaning) = match self {
            Self::Ok => ("ok", Meaning::Good),
            Self::Fail => ("FAIL", Meaning::Bad),
            Self::Warn => ("warn", Meaning::Doubtful),
            Self::Skip => ("skip", Meaning::Minor),
            Self::None => return pad("", MARK_WIDTH),
        };
        style.paint(meaning, &pad(text, MARK_WIDTH))
    }
}

/// The lines of a report.
struct Lines {
    text: String,
    style: Style,
}

impl Lines {
    fn title(&mut self, title: &str) {
        let blank = if self.text.is_empty() { "" } else { "\n" };
        self.push(&format!("{blank}{}", self.style.paint(Meaning::Title, &escape(title))));
    }

    fn line(&mut self, mark: Mark, topic: &str, text: &str) {
        let mark = mark.painted(self.style);
        let text = wrap(&escape(text), INDENT);
        let line = format!("  {mark}{}{text}", pad(topic, TOPIC_WIDTH));
        self.push(line.trim_end());
    }

    /// Writes a text that fills the line after the mark.
    fn message(&mut self, mark: Mark, text: &str) {
        let indent = 2 + MARK_WIDTH;
        let text = wrap(&escape(text), indent);
        self.push(&format!("  {}{text}", mark.painted(self.style)));
    }

    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

impl CheckReport {
    /// Returns the report for people.
    #[must_use]
    pub fn to_text(&self, style: Style) -> String {
        let mut lines = Lines { text: String::new(), style };
        settings(&mut lines, &self.settings);
        proxy(&mut lines, &self.proxy);
        for issuer in &self.issuers {
            issuer_lines(&mut lines, issuer);
        }
        if !self.mistakes.is_empty() || !self.warnings.is_empty() {
            lines.title("Mistakes and warnings");
        }
        for mistake in &self.mistakes {
            lines.message(Mark::Fail, mistake);
        }
        for warning in &self.warnings {
            lines.message(Mark::Warn, warning);
        }
        lines.title("Result");
        lines.message(Mark::of(self.ok), &self.result());
        lines.text
    }

    fn result(&self) -> String {
        let failed = self.issuers.iter().filter(|issuer| !issuer.ok).count();
        if self.ok {
            "The function would start, and could judge tokens of every issuer.".to_owned()
        } else if !self.mistakes.is_empty() {
            "The function would not start.".to_owned()
        } else if let [_] = &self.issuers[..] {
            "The function would start, but could not judge any token.".to_owned()
        } else {
            format!(
                "The function would start, but could not judge tokens of {failed} of {} issuers.",
                self.issuers.len()
            )
        }
    }
}

fn settings(lines: &mut Lines, settings: &[SettingInForce]) {
    lines.title("Settings");
    // Every issuer of a list would repeat the same defaults.
    let is_shown = |it: &&SettingInForce| !it.default || !it.variable.contains('[');
    let shown: Vec<_> = settings.iter().filter(is_shown).collect();
    let width = shown.iter().map(|it| it.variable.chars().count()).max().unwrap_or_default();
    for SettingInForce { variable, value, default } in shown {
        let name = pad(&escape(variable), width);
        let value = Excerpt::of(value, SHOWN_CHARS).to_string();
        let line = match (default, value.as_str()) {
            (false, value) => format!("{name}  {value}"),
            (true, "required") => lines.style.paint(Meaning::Bad, &format!("{name}  (not set)")),
            (true, value) => {
                lines.style.paint(Meaning::Minor, &format!("{name}  {value} (default)"))
            }
        };
        lines.push(&format!("  {line}"));
    }
}

fn proxy(lines: &mut Lines, variables: &[ProxyVariable]) {
    if variables.is_empty() {
        return;
    }
    lines.title("Proxy");
    let width = variables.iter().map(|it| it.variable.len()).max().unwrap_or_default();
    for ProxyVariable { variable, value } in variables {
        lines.push(&format!("  {}  {}", pad(variable, width), escape(value)));
    }
}

fn issuer_lines(lines: &mut Lines, report: &IssuerReport) {
    lines.title(&format!("Issuer {}", report.issuer));
    if let Some(discovery) = &report.discovery {
        discovery_lines(lines, discovery);
    }
    key_set_lines(lines, &report.key_set);
    if let Some(file) = &report.key_file {
        lines.line(Mark::Ok, "key file", &file.path);
        key_lines(lines, &file.keys);
    }
    if let Some(skew) = report.clock_skew_s {
        let length = duration(skew.unsigned_abs());
        let text = match skew {
            -1..=1 => "in step with the issuer's".to_owned(),
            ..=-2 => format!("{length} behind the issuer's"),
            2.. => format!("{length} ahead of the issuer's"),
        };
        lines.line(Mark::None, "clock", &text);
    }
}

fn discovery_lines(lines: &mut Lines, report: &DiscoveryReport) {
    let facts = facts(report.status, report.duration_ms, None);
    lines.line(Mark::of(report.ok), "discovery", &format!("{}{facts}", report.url));
    error_lines(lines, &report.url, report.error.as_deref(), report.hint.as_deref());
}

fn key_set_lines(lines: &mut Lines, report: &KeySetReport) {
    let error = report.error.as_deref();
    let Some(url) = report.url.as_deref() else {
        return lines.line(Mark::Skip, "key set", error.unwrap_or_default());
    };
    let facts = facts(report.status, report.duration_ms, report.bytes);
    lines.line(Mark::of(report.ok), "key set", &format!("{url}{facts}"));
    error_lines(lines, url, error, report.hint.as_deref());
    if let (Some(lifetime), Some(why)) = (report.lifetime_s, &report.lifetime_why) {
        lines.line(Mark::None, "lifetime", &format!("{}: {why}", duration(lifetime)));
    }
    if let Some(etag) = &report.etag {
        lines.line(Mark::None, "ETag", etag);
    }
    key_lines(lines, &report.keys);
}

/// Returns what is known of a response, in parentheses.
fn facts(status: Option<u16>, duration_ms: Option<u64>, bytes: Option<usize>) -> String {
    let status = status.map(|status| format!("status {status}"));
    let bytes = bytes.map(|bytes| format!("{bytes} bytes"));
    let duration = duration_ms.map(|duration| format!("{duration} ms"));
    let facts: Vec<_> = [status, bytes, duration].into_iter().flatten().collect();
    if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) }
}

/// Writes an error and what to do. The URL at the error's beginning is in the line above.
fn error_lines(lines: &mut Lines, url: &str, error: Option<&str>, hint: Option<&str>) {
    let error = error.map(|error| {
        let rest = error.strip_prefix(url).unwrap_or(error);
        rest.trim_start_matches([':', ' '])
    });
    for text in [error, hint].into_iter().flatten() {
        lines.line(Mark::None, "", text);
    }
}

fn key_lines(lines: &mut Lines, keys: &[KeyReport]) {
    let shown = |text: &Option<String>| escape(text.as_deref().unwrap_or("-"));
    let width = |column: fn(&KeyReport) -> &Option<String>| {
        keys.iter().map(|key| shown(column(key)).chars().count()).max().unwrap_or_default()
    };
    let kid_width = width(|key| &key.kid);
    let (kty_width, alg_width) = (width(|key| &key.kty), width(|key| &key.alg));
    for key in keys {
        let mark = if key.usable { Mark::Ok } else { Mark::Skip };
        let columns = [(&key.kid, kid_width), (&key.kty, kty_width), (&key.alg, alg_width)];
        let columns = columns.map(|(text, width)| pad(&shown(text), width)).join("  ");
        let mark = mark.painted(lines.style);
        let why = key.why.as_ref().map(|why| format!("  {}", escape(why)));
        let line =
            format!("  {mark}{}{columns}{}", pad("key", TOPIC_WIDTH), why.unwrap_or_default());
        lines.push(line.trim_end());
    }
}
