use super::*;

#[test]
fn shortens_a_long_text() {
    for (text, expected) in [
        (String::new(), String::new()),
        ("https://a".to_owned(), "https://a".to_owned()),
        ("é".repeat(128), "é".repeat(128)),
        ("é".repeat(129), "é".repeat(128) + "…"),
        ("é".repeat(500), "é".repeat(128) + "…"),
    ] {
        let excerpt = Excerpt::from(text.as_str());
        assert_eq!(excerpt.as_str(), expected);
        assert_eq!(excerpt.to_string(), expected);
        assert_eq!(format!("{excerpt:?}"), format!("{expected:?}"));
    }
}

#[test]
fn escapes_only_what_could_forge_a_log_line() {
    for (text, expected) in [
        ("a\nb\r\tc\u{0}", r"a\nb\r\tc\0"),
        ("\u{1b}[2J\u{7f}\u{85}", r"\u{1b}[2J\u{7f}\u{85}"),
        ("a\u{2028}b\u{2029}", r"a\u{2028}b\u{2029}"),
        (
            "\u{202e}\u{202a}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}",
            r"\u{202e}\u{202a}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}",
        ),
        ("\u{200b}\u{feff}", r"\u{200b}\u{feff}"),
        (r#"é漢 "a" 'b' \n…"#, r#"é漢 "a" 'b' \n…"#),
    ] {
        let excerpt = Excerpt::from(text);
        assert_eq!(excerpt.to_string(), expected);
        assert_eq!(excerpt.as_str(), text);
        let debug = format!("{excerpt:?}");
        assert!(!debug.contains(['\n', '\u{2028}', '\u{202e}', '\u{1b}']), "{debug}");
    }
    // The text is shortened before it is escaped, so that no escape is cut in two.
    assert_eq!(Excerpt::of("a\nb", 2).to_string(), r"a\n…");
}
