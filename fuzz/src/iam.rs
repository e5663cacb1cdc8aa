//! Reads a response as API Gateway does, from the documentation of
//! [Lambda authorizers](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html)
//! and of [IAM](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html).

use serde_json::{Map, Value};

/// Returns whether a response allows a request for `arn`.
///
/// # Panics
///
/// If API Gateway would not accept the response.
#[must_use]
pub fn allows(response: &str, arn: &str) -> bool {
    assert!(response.len() <= 8 * 1024, "a response of {} bytes", response.len());
    let response: Value = serde_json::from_str(response).expect("a response is JSON");
    let response = response.as_object().expect("a response is an object");
    check_context(response.get("context").expect("a context"));
    match response.get("isAuthorized") {
        Some(is_authorized) => {
            assert_eq!(response.len(), 2, "{response:?}");
            is_authorized.as_bool().expect("isAuthorized is a boolean")
        }
        None => policy_allows(response, arn),
    }
}

fn check_context(context: &Value) {
    let context = context.as_object().expect("a context is an object");
    for (name, value) in context {
        assert!(value.is_string() || value.is_number() || value.is_boolean(), "{name}: {value}");
    }
}

fn policy_allows(response: &Map<String, Value>, arn: &str) -> bool {
    assert!(response["principalId"].is_string());
    assert!(response.get("usageIdentifierKey").is_none_or(Value::is_string));
    let policy = &response["policyDocument"];
    assert_eq!(policy["Version"], "2012-10-17");
    let (mut allowed, mut denied) = (false, false);
    for statement in policy["Statement"].as_array().expect("a list of statements") {
        assert_eq!(statement["Action"], Value::from(vec!["execute-api:Invoke"]));
        assert_eq!(statement.as_object().map(Map::len), Some(3), "{statement}");
        let resources = statement["Resource"].as_array().expect("a list of resources");
        assert!(!resources.is_empty(), "{statement}");
        let covers = |resource: &Value| matches(resource.as_str().expect("a text"), arn);
        let covers = resources.iter().any(covers);
        match statement["Effect"].as_str() {
            Some("Allow") => allowed |= covers,
            Some("Deny") => denied |= covers,
            other => panic!("the effect {other:?}"),
        }
    }
    allowed && !denied
}

/// Returns whether a text matches a pattern: `*` stands for any characters, `?` for one.
///
/// The parts of the pattern between the stars must follow each other in the text: the first at its
/// start, the last at its end, and each of the others as early as possible.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let parts: Vec<Vec<char>> = pattern.split('*').map(|part| part.chars().collect()).collect();
    let text: Vec<char> = text.chars().collect();
    let [first, middle @ .., last] = &parts[..] else { return fits(&parts[0], &text) };
    let Some(end) = text.len().checked_sub(last.len()).filter(|end| first.len() <= *end) else {
        return false;
    };
    if !fits(first, &text[..first.len()]) || !fits(last, &text[end..]) {
        return false;
    }
    let mut rest = &text[first.len()..end];
    middle.iter().filter(|part| !part.is_empty()).all(|part| {
        let place = rest.windows(part.len()).position(|window| fits(part, window));
        place.is_some_and(|place| {
            rest = &rest[place + part.len()..];
            true
        })
    })
}

/// Returns whether a text matches a pattern without stars.
fn fits(part: &[char], text: &[char]) -> bool {
    part.len() == text.len()
        && part.iter().zip(text).all(|(wanted, found)| *wanted == '?' || wanted == found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_wildcards() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**a", "bca", true),
            ("a*b?d", "axxbcd", true),
            ("a*b?d", "axxbd", false),
            ("a*a", "a", false),
            ("a*b*b", "ab", false),
            ("*b*c*", "xcbxc", true),
            ("*b*c*", "xcb", false),
            ("?", "é", true),
            ("a?", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
