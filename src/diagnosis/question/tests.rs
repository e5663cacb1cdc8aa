use super::*;

fn parsed(event: &str) -> Option<Result<String, String>> {
    let question = Question::parse(event)?;
    Some(match question {
        Ok(Question::Explain(Subject::Token(token))) => Ok(format!("token {token}")),
        Ok(Question::Explain(Subject::Event(event))) => Ok(format!("event {event}")),
        Ok(Question::Check) => Ok("check".to_owned()),
        Err(error) => Err(error.error_message),
    })
}

#[test]
fn reads_a_token_or_an_event() {
    let ok = |text: &str| Some(Ok(text.to_owned()));
    assert_eq!(parsed(r#"{"type":"EXPLAIN","token":"a.b.c"}"#), ok("token a.b.c"));
    assert_eq!(parsed(r#"{"type":"EXPLAIN","token":"a.b.c","event":null}"#), ok("token a.b.c"));
    let event = r#"event {"type": "TOKEN"}"#;
    assert_eq!(parsed(r#"{"event":{"type": "TOKEN"},"type":"EXPLAIN"}"#), ok(event));
}

#[test]
fn reads_a_check() {
    let check = Some(Ok("check".to_owned()));
    assert_eq!(parsed(r#"{"type":"CHECK"}"#), check);
    assert_eq!(parsed(r#"{ "type": "CHECK", "token": "x" }"#), check);
}

#[test]
fn says_what_an_explain_event_needs() {
    for event in [
        r#"{"type":"EXPLAIN"}"#,
        r#"{"type":"EXPLAIN","token":7}"#,
        r#"{"type":"EXPLAIN","token":"a","event":{}}"#,
    ] {
        let message = parsed(event).unwrap().unwrap_err();
        assert!(message.contains("either a token"), "{event}: {message}");
    }
}

#[test]
fn leaves_other_events_alone() {
    for event in [
        "",
        "[]",
        r#"["EXPLAIN"]"#,
        r#"{"token":"a"}"#,
        r#"{"type":7}"#,
        r#"{"type":"explain","token":"a"}"#,
        r#"{"type":"check"}"#,
        r#"{"type":["CHECK"]}"#,
        r#"{"type":"TOKEN"}"#,
        r#"{"type":"EXPLAIN","token":"a""#,
    ] {
        assert_eq!(parsed(event), None, "{event}");
    }
}
