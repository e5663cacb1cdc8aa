use super::*;

#[test]
fn writes_dates_and_reads_them_again() {
    #[track_caller]
    fn check(seconds: i64, expected: &str) {
        assert_eq!(date(seconds), expected);
        assert_eq!(parse_date(expected), Some(seconds));
    }
    check(0, "1970-01-01T00:00:00Z");
    check(-1, "1969-12-31T23:59:59Z");
    check(951_782_399, "2000-02-28T23:59:59Z");
    check(951_782_400, "2000-02-29T00:00:00Z");
    check(1_700_000_000, "2023-11-14T22:13:20Z");
    check(4_107_542_400, "2100-03-01T00:00:00Z");
    check(253_402_300_799, "9999-12-31T23:59:59Z");
    assert_eq!(date(253_402_300_800), "253402300800");
    assert_eq!(date(i64::MAX), i64::MAX.to_string());
    assert_eq!(date(i64::MIN), i64::MIN.to_string());
}

#[test]
fn reads_a_time_as_a_date_or_as_seconds() {
    #[track_caller]
    fn check(text: &str, expected: u64) {
        assert_eq!(parse_time(text), Some(UNIX_EPOCH + Duration::from_secs(expected)), "{text}");
    }
    check("1700000000", 1_700_000_000);
    check("2023-11-14T22:13:20Z", 1_700_000_000);
    check("2023-11-14t22:13:20z", 1_700_000_000);
    check("2023-11-14 22:13:20.999Z", 1_700_000_000);
    check("2023-11-15T00:13:20+02:00", 1_700_000_000);
    check("2023-11-14T17:43:20-04:30", 1_700_000_000);
    for wrong in [
        "",
        "now",
        "-1",
        "1700000000.5",
        "2023-11-14",
        "2023-11-14T22:13:20",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20+0200",
        "2023-11-14T22:13:20+24:00",
        "2023-02-29T00:00:00Z",
        "2023-13-01T00:00:00Z",
        "2023-00-01T00:00:00Z",
        "2023-11-14T24:00:00Z",
        "+023-11-14T22:13:20Z",
        "2023-11-14T22:13:20é",
        "é023-11-14T22:13:20Z",
        "1969-12-31T23:59:59Z",
        "99999999999999999999",
    ] {
        assert_eq!(parse_time(wrong), None, "{wrong:?}");
    }
}

#[test]
fn says_how_long_ago() {
    #[track_caller]
    fn check(difference: i64, expected: &str) {
        assert_eq!(relative(1_000_000 + difference, 1_000_000), expected);
    }
    check(-180, "3 min ago");
    check(-66, "1 min 6 s ago");
    check(0, "0 s ago");
    check(1, "in 1 s");
    check(59, "in 59 s");
    check(3_240, "in 54 min");
    check(7_500, "in 2 h 5 min");
    check(-3_600, "1 h ago");
    check(90_000, "in 1 day 1 h");
    check(-500_000, "5 days ago");
    assert_eq!(relative(i64::MAX, i64::MIN), "in 106751991167300 days");
}

#[test]
fn colours_only_if_asked_to() {
    assert_eq!(Style::Plain.paint(Meaning::Bad, "expired"), "expired");
    assert_eq!(Style::Coloured.paint(Meaning::Bad, "expired"), "\u{1b}[31mexpired\u{1b}[0m");
}

#[test]
fn breaks_lines_between_words_and_indents_them() {
    let text = ["word"; 40].join(" ");
    let wrapped = wrap(&text, 4);
    assert!(wrapped.lines().count() > 1);
    for line in wrapped.lines().skip(1) {
        assert!(line.starts_with("    word") && line.chars().count() <= LINE_LENGTH, "{line}");
    }
    assert_eq!(wrapped.split_whitespace().collect::<Vec<_>>().join(" "), text);
    // A word is never broken: people copy URLs.
    let long = "x".repeat(200);
    assert_eq!(wrap(&long, 4), long);
}

#[test]
fn counts_characters_and_not_bytes_for_columns() {
    assert_eq!(pad("é", 3), "é  ");
    assert_eq!(pad("long", 3), "long");
}

#[test]
fn lets_no_text_move_the_cursor() {
    assert_eq!(escape("a\u{1b}[2J\u{9b}2J\u{202e}b"), r"a\u{1b}[2J\u{9b}2J\u{202e}b");
}
