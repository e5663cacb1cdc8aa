//! How the tool writes: reports to standard output, and everything else to standard error.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

use jwks_authorizer::diagnosis::text::Style;

/// Colours a report on a terminal, unless the user wants none ([NO_COLOR](https://no-color.org)).
pub(super) fn style() -> Style {
    style_for(io::stdout().is_terminal(), |name| std::env::var_os(name))
}

pub(super) fn style_for(is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> Style {
    let no_colour = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
    if is_terminal && !no_colour && !is_dumb { Style::Coloured } else { Style::Plain }
}

/// Writes a report as JSON.
pub(super) fn print_json(report: &impl serde::Serialize) {
    match serde_json::to_string_pretty(report) {
        Ok(json) => print(&(printable(&json) + "\n")),
        Err(error) => complain(&format!("the report cannot be written as JSON: {error}\n")),
    }
}

/// Returns JSON with the same meaning that a terminal shows as it is. JSON may contain control
/// characters above U+007E and bidi controls as they are.
pub(super) fn printable(json: &str) -> String {
    let mut printable = String::with_capacity(json.len());
    for character in json.chars() {
        let is_shown = match character {
            '\n' | ' '..='~' => true,
            _ => character.escape_debug().eq([character]),
        };
        if is_shown {
            printable.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                printable.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    printable
}

/// Writes to standard output. Whoever closed it wants no more, so a failure is no failure here.
pub(super) fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Writes to standard error.
pub(super) fn complain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
