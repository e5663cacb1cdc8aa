use std::time::{Duration, UNIX_EPOCH};

use jwks_authorizer::diagnosis::text::Style;

use super::output::{printable, style_for};
use super::*;

fn parsed(arguments: &[&str]) -> Result<Option<Command>, String> {
    parse(arguments.iter().map(OsString::from)).map_err(|error| error.to_string())
}

#[test]
fn reads_the_arguments() {
    #[track_caller]
    fn check(arguments: &[&str], expected: Command) {
        assert_eq!(parsed(arguments), Ok(Some(expected)), "{arguments:?}");
    }
    check(&["--help"], Command::Help);
    check(&["-h"], Command::Help);
    check(&["help"], Command::Help);
    check(&["explain", "--json", "--help"], Command::Help);
    check(&["--version"], Command::Version);
    check(&["check"], Command::Check { json: false });
    check(&["check", "--json"], Command::Check { json: true });
    check(&["explain"], Command::Explain(Explain::default()));
    let event = |path: &str| Explain { event: Some(path.into()), ..Explain::default() };
    check(&["explain", "--event", "event.json"], Command::Explain(event("event.json")));
    check(&["explain", "--event=-"], Command::Explain(event("-")));
    check(&["explain", "--event", "-"], Command::Explain(event("-")));
    let all = Explain {
        event: None,
        at: Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
        redact: true,
        json: true,
    };
    check(
        &["explain", "--redact", "--at", "2023-11-14T22:13:20Z", "--json"],
        Command::Explain(all),
    );
    assert_eq!(parsed(&[]), Ok(None));
}

#[test]
fn refuses_other_arguments_and_says_why() {
    #[track_caller]
    fn check(arguments: &[&str], expected: &str) {
        let message = parsed(arguments).unwrap_err();
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    check(&["--json"], "--json");
    check(&["chekc"], "chekc");
    check(&["check", "--redact"], "--redact");
    check(&["check", "now"], "now");
    check(&["check", "--json=yes"], "--json");
    check(&["explain", "--at"], "--at");
    check(&["explain", "--at", "noon"], "RFC 3339");
    check(&["explain", "--event"], "--event");
    check(&["explain", "-x"], "-x");
    let message = parsed(&["explain", "eyJhbGciOi"]).unwrap_err();
    assert!(message.contains("standard input") && !message.contains("eyJ"), "{message}");
}

#[test]
fn colours_a_report_on_a_terminal_only_and_never_with_no_color() {
    #[track_caller]
    fn check(is_terminal: bool, variables: &[(&str, &str)], expected: Style) {
        let variable = |name: &str| {
            let variable = variables.iter().find(|(other, _)| *other == name);
            variable.map(|(_, value)| OsString::from(value))
        };
        assert_eq!(style_for(is_terminal, variable), expected, "{variables:?}");
    }
    check(true, &[], Style::Coloured);
    check(true, &[("TERM", "xterm-256color")], Style::Coloured);
    check(true, &[("NO_COLOR", "")], Style::Coloured);
    check(true, &[("NO_COLOR", "1")], Style::Plain);
    check(true, &[("TERM", "dumb")], Style::Plain);
    check(false, &[], Style::Plain);
}

#[test]
fn writes_json_that_a_terminal_shows_as_it_is() {
    let odd = "\u{9b}2J\u{202e}\u{7f}\u{2028}\u{e0001}";
    let plain = "\"é \\ 語 \u{1f600}";
    let json = serde_json::to_string_pretty(&[odd, plain]).unwrap();
    let printed = printable(&json);
    assert!(printed.contains(r#""\u009b2J\u202e\u007f\u2028\udb40\udc01""#), "{printed:?}");
    assert!(printed.contains(&serde_json::to_string(plain).unwrap()), "{printed:?}");
    assert_eq!(serde_json::from_str::<[String; 2]>(&printed).unwrap(), [odd, plain]);
}
