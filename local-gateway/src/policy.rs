//! What API Gateway makes of an authorizer's answer: may this request in, or is the answer broken?
//!
//! Written from the documentation of IAM and API Gateway, not from the authorizer, and stricter than
//! either where the documentation leaves room: what passes here passes there. Conditions, and the
//! simple answers of HTTP APIs, are deliberately absent.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html>
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The longest ARN in a policy.
const MAX_RESOURCE_CHARS: usize = 512;

/// The largest answer that a WebSocket API takes.
const MAX_ANSWER_BYTES: usize = 8 * 1024;

/// The one action that API Gateway asks for.
const ACTION: &str = "execute-api:Invoke";

/// May the request in?
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Yes: a statement allows it and none denies it.
    Allow(Caller),
    /// No, a 403: a statement denies it, or none allows it.
    Deny(Caller),
}

/// Who calls, as the authorizer sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The answer's `principalId`.
    pub principal_id: String,
    /// The answer's `context`.
    pub context: Map<String, Value>,
}

impl Caller {
    /// What a function behind the API finds in `requestContext.authorizer`.
    ///
    /// API Gateway makes strings of all values on the way.
    #[must_use]
    pub fn authorizer(&self) -> Map<String, Value> {
        let principal_id = Value::from(self.principal_id.as_str());
        let context = self.context.iter().map(|(key, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (key.clone(), Value::from(text))
        });
        context.chain([(String::from("principalId"), principal_id)]).collect()
    }
}

/// Why an answer is broken, which makes it a 500.
#[derive(Debug, thiserror::Error)]
pub enum MalformedAnswer {
    /// Over 8 kB.
    #[error("the answer has {0} bytes, over the limit of {MAX_ANSWER_BYTES}")]
    TooLarge(usize),
    /// Something required is missing, unknown, null, or of the wrong type.
    #[error("the answer does not have the documented shape: {0}")]
    Shape(#[from] serde_json::Error),
    /// The policy has another version than the one that there is.
    #[error("the policy's version `{0}` is unknown")]
    Version(String),
    /// A statement's resource is too long.
    #[error("a resource has {0} characters, over the limit of {MAX_RESOURCE_CHARS}")]
    ResourceTooLong(usize),
    /// A context value is a list, an object or null.
    #[error("the context value `{0}` is neither a string, a number nor a boolean")]
    ContextValue(String),
}

/// Judges whether `answer` lets in a request for `request_arn`.
///
/// # Errors
///
/// When the answer is broken; API Gateway then answers the client with a 500.
pub fn evaluate(answer: &[u8], request_arn: &str) -> Result<Verdict, MalformedAnswer> {
    if answer.len() > MAX_ANSWER_BYTES {
        return Err(MalformedAnswer::TooLarge(answer.len()));
    }
    let answer: Answer = serde_json::from_slice(answer)?;
    answer.check()?;

    let decides = |effect| {
        let mut statements = answer.policy_document.statement.iter();
        statements.any(|statement| statement.effect == effect && statement.covers(request_arn))
    };
    let allowed = decides(Effect::Allow) && !decides(Effect::Deny);
    let caller = Caller { principal_id: answer.principal_id, context: answer.context };
    Ok(if allowed { Verdict::Allow(caller) } else { Verdict::Deny(caller) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Answer {
    principal_id: String,
    policy_document: PolicyDocument,
    #[serde(default)]
    context: Map<String, Value>,
    #[serde(default, rename = "usageIdentifierKey")]
    _usage_identifier_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PolicyDocument {
    version: String,
    #[serde(deserialize_with = "one_or_many")]
    statement: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(default, rename = "Sid")]
    _sid: String,
    effect: Effect,
    #[serde(deserialize_with = "one_or_many")]
    action: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    resource: Vec<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
enum Effect {
    Allow,
    Deny,
}

impl Answer {
    fn check(&self) -> Result<(), MalformedAnswer> {
        let policy = &self.policy_document;
        if policy.version != "2012-10-17" {
            return Err(MalformedAnswer::Version(policy.version.clone()));
        }
        for resource in policy.statement.iter().flat_map(|statement| &statement.resource) {
            let chars = resource.chars().count();
            if chars > MAX_RESOURCE_CHARS {
                return Err(MalformedAnswer::ResourceTooLong(chars));
            }
        }
        let scalar = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
        match self.context.iter().find(|(_, value)| !scalar(value)) {
            Some((key, _)) => Err(MalformedAnswer::ContextValue(key.clone())),
            None => Ok(()),
        }
    }
}

impl Statement {
    fn covers(&self, request_arn: &str) -> bool {
        // Actions are matched without case, resources with it.
        let action = ACTION.to_ascii_lowercase();
        self.action.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
            && self.resource.iter().any(|pattern| matches(pattern, request_arn))
    }
}

/// Matches `text` against a pattern: `*` is any run of characters, slashes included, `?` any one.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // The last star, and where in the text it was met: going back to the last one is enough.
    let mut star = None;
    while let Some(character) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, met)) = star else { return false };
                star = Some((at, met + 1));
                p = at + 1;
                t = met + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|rest| *rest == '*')
}

/// Reads what may stand alone or in a list, as IAM lets it.
fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let values = match Value::deserialize(deserializer)? {
        Value::Array(values) => values,
        one @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Object(_)) => vec![one],
    };
    let read = values.into_iter().map(|value| T::deserialize(value).map_err(D::Error::custom));
    read.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod/$connect";
    const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod/*";

    fn statement(effect: &str, resource: &str) -> Value {
        json!({ "Effect": effect, "Action": "execute-api:Invoke", "Resource": resource })
    }

    fn answer(statements: Value) -> Value {
        json!({
            "principalId": "alice",
            "policyDocument": { "Version": "2012-10-17", "Statement": statements },
            "context": { "scope": "chat" },
        })
    }

    fn judge(answer: &Value) -> Result<Verdict, MalformedAnswer> {
        evaluate(answer.to_string().as_bytes(), ARN)
    }

    fn allows(answer: &Value) -> bool {
        matches!(judge(answer).unwrap(), Verdict::Allow(_))
    }

    #[test]
    fn allows_what_a_statement_allows_and_none_denies() {
        let allow = || statement("Allow", STAGE);
        let deny = || statement("Deny", ARN);
        for (statements, expected) in [
            (json!([allow()]), true),
            (allow(), true),
            (json!([allow(), deny()]), false),
            (json!([deny(), allow()]), false),
            (json!([allow(), statement("Deny", "arn:aws:execute-api:*/other")]), true),
            (json!([deny()]), false),
            (json!([]), false),
        ] {
            assert_eq!(allows(&answer(statements.clone())), expected, "{statements}");
        }
    }

    #[test]
    fn matches_wildcards_in_resources_as_iam_does() {
        for (resource, expected) in [
            ("*", true),
            (ARN, true),
            (STAGE, true),
            ("arn:aws:execute-api:*:*:a1b2c3d4e5/*", true),
            ("arn:aws:execute-api:*:*:*/prod/?connect", true),
            ("arn:aws:execute-api:*:*:*/prod/$connec", false),
            ("arn:aws:execute-api:*:*:*/prod/$connect?", false),
            ("arn:aws:execute-api:*:*:*/PROD/*", false),
            // The one that the documentation's examples for REST APIs suggest.
            ("arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod/*/*", false),
            ("", false),
        ] {
            assert_eq!(allows(&answer(statement("Allow", resource))), expected, "{resource}");
        }
    }

    #[test]
    fn matches_the_action_without_case_and_with_wildcards() {
        for (action, expected) in [
            (json!("execute-api:Invoke"), true),
            (json!("execute-api:invoke"), true),
            (json!("execute-api:*"), true),
            (json!(["s3:GetObject", "*"]), true),
            (json!("execute-api:ManageConnections"), false),
            (json!([]), false),
        ] {
            let mut allow = statement("Allow", STAGE);
            allow["Action"] = action.clone();
            assert_eq!(allows(&answer(allow)), expected, "{action}");
        }
    }

    /// Checks that one change to a good answer breaks it in the way that `broken` tells.
    fn check_broken(
        change: impl FnOnce(&mut Value),
        broken: impl FnOnce(&MalformedAnswer) -> bool,
    ) {
        let mut changed = answer(json!([statement("Allow", STAGE)]));
        assert!(allows(&changed));
        change(&mut changed);
        let error = judge(&changed).unwrap_err();
        assert!(broken(&error), "{error}");
    }

    #[test]
    fn refuses_an_answer_without_the_documented_shape() {
        let shape = |error: &MalformedAnswer| matches!(error, MalformedAnswer::Shape(_));
        for absent in ["principalId", "policyDocument"] {
            check_broken(|answer| drop(answer.as_object_mut().unwrap().remove(absent)), shape);
        }
        for (pointer, key) in [
            ("", "principalId"),
            ("", "context"),
            ("", "usageIdentifierKey"),
            ("/policyDocument", "Statement"),
            ("/policyDocument/Statement/0", "Condition"),
            ("/policyDocument/Statement/0", "effect"),
            ("/policyDocument/Statement/0", "Sid"),
        ] {
            check_broken(|answer| answer.pointer_mut(pointer).unwrap()[key] = Value::Null, shape);
        }
        check_broken(
            |answer| answer["policyDocument"]["Statement"][0]["Effect"] = json!("allow"),
            shape,
        );
        check_broken(|answer| *answer = json!([]), shape);
        assert!(shape(&evaluate(b"{", ARN).unwrap_err()));
    }

    #[test]
    fn refuses_a_policy_of_another_version() {
        check_broken(
            |answer| answer["policyDocument"]["Version"] = json!("2008-10-17"),
            |error| matches!(error, MalformedAnswer::Version(version) if version == "2008-10-17"),
        );
    }

    #[test]
    fn refuses_a_context_value_that_is_not_flat() {
        for value in [json!(null), json!([]), json!({})] {
            check_broken(
                |answer| answer["context"]["scope"] = value,
                |error| matches!(error, MalformedAnswer::ContextValue(key) if key == "scope"),
            );
        }
    }

    #[test]
    fn refuses_a_resource_of_513_characters() {
        let longest = format!("{STAGE}{}", "*".repeat(MAX_RESOURCE_CHARS - STAGE.len()));
        assert!(allows(&answer(statement("Allow", &longest))));
        check_broken(
            |answer| answer["policyDocument"]["Statement"][0]["Resource"] = json!(longest + "*"),
            |error| matches!(error, MalformedAnswer::ResourceTooLong(513)),
        );
    }

    #[test]
    fn refuses_an_answer_of_one_byte_over_8_kb() {
        let mut largest = answer(statement("Allow", STAGE));
        let room = MAX_ANSWER_BYTES - largest.to_string().len();
        largest["context"]["scope"] = json!("x".repeat(room + "chat".len()));
        assert!(allows(&largest));
        check_broken(
            |answer| {
                *answer = largest;
                answer["principalId"] = json!("alice2");
            },
            |error| matches!(error, MalformedAnswer::TooLarge(8193)),
        );
    }

    #[test]
    fn shows_the_backend_strings_only() {
        let mut allowed = answer(statement("Allow", STAGE));
        allowed["context"] = json!({ "exp": 7, "admin": true, "scope": "chat" });
        let Verdict::Allow(caller) = judge(&allowed).unwrap() else { panic!("denied") };
        let expected =
            json!({ "principalId": "alice", "exp": "7", "admin": "true", "scope": "chat" });
        assert_eq!(Value::from(caller.authorizer()), expected);
    }
}
