//! Evaluates an authorizer's response as API Gateway does.
//!
//! It is written from the documentation of IAM and API Gateway, not from the authorizer. Where the
//! documentation is not precise, it is stricter: API Gateway accepts every response that it accepts.
//! Conditions are deliberately absent.
//!
//! - <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html>
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::identity::ApiKind;

/// The longest ARN in a policy, in characters.
const MAX_RESOURCE_CHARS: usize = 512;

/// The largest response that a
/// [WebSocket API](https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html)
/// accepts. AWS documents none for REST and HTTP APIs.
const MAX_RESPONSE_BYTES: usize = 8 * 1024;

/// The action that a policy must allow.
const ACTION: &str = "execute-api:Invoke";

/// The policy's decision about a request.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyDecision {
    /// A statement allows the request, and none denies it.
    Allow(Caller),
    /// A statement denies the request, or none allows it. The client gets a 403.
    Deny(Caller),
}

/// How IAM arrives at the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A statement allows the request, and none denies it.
    Allow,
    /// A statement denies the request.
    ExplicitDeny,
    /// No statement is about the request.
    ImplicitDeny,
}

/// The decision about a request, and the part of the policy that made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The decision.
    pub verdict: Verdict,
    /// The resource that the request's ARN matches, in the statement that decides. An implicit Deny
    /// has none.
    pub matched: Option<Matched>,
    /// The caller.
    pub caller: Caller,
    /// The response's `usageIdentifierKey`.
    pub usage_identifier_key: Option<String>,
}

/// A resource of a policy that matches a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The statement's position in the policy, from 0.
    pub statement: usize,
    /// The resource.
    pub resource: String,
}

/// The caller, as the authorizer describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The response's `principalId`.
    pub principal_id: String,
    /// The response's `context`.
    pub context: Map<String, Value>,
}

impl Caller {
    /// Returns what a function behind the API gets as `requestContext.authorizer`.
    ///
    /// API Gateway converts all values to strings.
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

/// Why a response is malformed. The client gets a 500.
#[derive(Debug, thiserror::Error)]
pub enum MalformedResponse {
    /// The response is larger than 8 kB.
    #[error("the response has {0} bytes, over the limit of {MAX_RESPONSE_BYTES}")]
    TooLarge(usize),
    /// A member is missing, unknown, null, or of the wrong type.
    #[error("the response does not have the documented shape: {0}")]
    Shape(#[from] serde_json::Error),
    /// The policy's version is not `2012-10-17`.
    #[error("the policy's version `{0}` is unknown")]
    Version(String),
    /// A statement's resource is longer than 512 characters.
    #[error("a resource has {0} characters, over the limit of {MAX_RESOURCE_CHARS}")]
    ResourceTooLong(usize),
    /// A context value is a list, an object or null.
    #[error("the context value `{0}` is neither a string, a number nor a boolean")]
    ContextValue(String),
}

/// Decides whether `response` allows a request for `request_arn`, by the rules of WebSocket APIs: other
/// APIs accept every response that these accept.
///
/// # Errors
///
/// When the response is malformed. API Gateway then answers the client with a 500.
pub fn evaluate(response: &[u8], request_arn: &str) -> Result<PolicyDecision, MalformedResponse> {
    let Evaluation { verdict, caller, .. } = judge(ApiKind::WebSocket, response, request_arn)?;
    Ok(match verdict {
        Verdict::Allow => PolicyDecision::Allow(caller),
        Verdict::ExplicitDeny | Verdict::ImplicitDeny => PolicyDecision::Deny(caller),
    })
}

/// Decides by the rules of this kind of API, and says which part of the policy decides.
///
/// # Errors
///
/// When the response is malformed.
pub fn judge(
    api: ApiKind,
    response: &[u8],
    request_arn: &str,
) -> Result<Evaluation, MalformedResponse> {
    if api == ApiKind::WebSocket && response.len() > MAX_RESPONSE_BYTES {
        return Err(MalformedResponse::TooLarge(response.len()));
    }
    let response: AuthorizerResponse = serde_json::from_slice(response)?;
    response.check_policy()?;
    // The context of an HTTP API may have lists and objects.
    if api != ApiKind::Http {
        response.check_context()?;
    }

    let first = |effect| {
        let statements = response.policy_document.statement.iter().enumerate();
        let mut statements = statements.filter(|(_, statement)| statement.effect == effect);
        statements.find_map(|(position, statement)| {
            let resource = statement.covers(request_arn)?.to_owned();
            Some(Matched { statement: position, resource })
        })
    };
    let (verdict, matched) = match (first(Effect::Deny), first(Effect::Allow)) {
        (Some(denied), _) => (Verdict::ExplicitDeny, Some(denied)),
        (None, Some(allowed)) => (Verdict::Allow, Some(allowed)),
        (None, None) => (Verdict::ImplicitDeny, None),
    };
    let caller = Caller { principal_id: response.principal_id, context: response.context };
    let key = response.usage_identifier_key;
    let usage_identifier_key = (!key.is_empty()).then_some(key);
    Ok(Evaluation { verdict, matched, caller, usage_identifier_key })
}

/// Reads a simple response of an HTTP API: whether it allows the request, and the context.
///
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html#http-api-lambda-authorizer.payload-format-response>
///
/// # Errors
///
/// When the response is malformed.
pub fn read_simple(response: &[u8]) -> Result<(bool, Map<String, Value>), MalformedResponse> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Simple {
        is_authorized: bool,
        #[serde(default)]
        context: Map<String, Value>,
    }
    let Simple { is_authorized, context } = serde_json::from_slice(response)?;
    Ok((is_authorized, context))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuthorizerResponse {
    principal_id: String,
    policy_document: PolicyDocument,
    #[serde(default)]
    context: Map<String, Value>,
    #[serde(default)]
    usage_identifier_key: String,
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

impl AuthorizerResponse {
    fn check_policy(&self) -> Result<(), MalformedResponse> {
        let policy = &self.policy_document;
        if policy.version != "2012-10-17" {
            return Err(MalformedResponse::Version(policy.version.clone()));
        }
        for resource in policy.statement.iter().flat_map(|statement| &statement.resource) {
            let chars = resource.chars().count();
            if chars > MAX_RESOURCE_CHARS {
                return Err(MalformedResponse::ResourceTooLong(chars));
            }
        }
        Ok(())
    }

    fn check_context(&self) -> Result<(), MalformedResponse> {
        let scalar = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
        match self.context.iter().find(|(_, value)| !scalar(value)) {
            Some((key, _)) => Err(MalformedResponse::ContextValue(key.clone())),
            None => Ok(()),
        }
    }
}

impl Statement {
    /// Returns the resource that the request's ARN matches, if the action matches too.
    fn covers(&self, request_arn: &str) -> Option<&str> {
        // IAM ignores case in actions, but not in resources.
        let action = ACTION.to_ascii_lowercase();
        if !self.action.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action)) {
            return None;
        }
        self.resource.iter().find(|pattern| matches(pattern, request_arn)).map(String::as_str)
    }
}

/// Matches `text` against a pattern. `*` matches any characters, slashes included; `?` matches one.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // The last star, and the position in the text where its match ends. Only the last star has to
    // be tried again.
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
                let Some((star_at, end)) = star else { return false };
                star = Some((star_at, end + 1));
                p = star_at + 1;
                t = end + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|rest| *rest == '*')
}

/// Reads one value or a list of values. IAM accepts both.
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

    fn response(statements: Value) -> Value {
        json!({
            "principalId": "alice",
            "policyDocument": { "Version": "2012-10-17", "Statement": statements },
            "context": { "scope": "chat" },
        })
    }

    fn decide(response: &Value) -> Result<PolicyDecision, MalformedResponse> {
        evaluate(response.to_string().as_bytes(), ARN)
    }

    #[test]
    fn says_which_statement_decides() {
        let allow = || statement("Allow", STAGE);
        let deny = || statement("Deny", ARN);
        let other = || statement("Deny", "arn:aws:execute-api:*/other");
        let matched =
            |statement, resource: &str| Some(Matched { statement, resource: resource.to_owned() });
        for (statements, verdict, decides) in [
            (json!([other(), allow()]), Verdict::Allow, matched(1, STAGE)),
            (json!([allow(), deny()]), Verdict::ExplicitDeny, matched(1, ARN)),
            (json!([other()]), Verdict::ImplicitDeny, None),
        ] {
            let response = response(statements.clone()).to_string();
            let evaluation = judge(ApiKind::Rest, response.as_bytes(), ARN).unwrap();
            assert_eq!(
                (evaluation.verdict, evaluation.matched),
                (verdict, decides),
                "{statements}"
            );
        }
    }

    #[test]
    fn reads_a_simple_response_of_the_documented_shape_only() {
        let (is_authorized, context) =
            read_simple(br#"{"isAuthorized":true,"context":{"sub":"alice"}}"#).unwrap();
        assert!(is_authorized);
        assert_eq!(context["sub"], "alice");
        assert!(!read_simple(br#"{"isAuthorized":false}"#).unwrap().0);
        for malformed in [r#"{"isAuthorized":"true"}"#, "{}", "[]", r#"{"isAuthorized":null}"#] {
            assert!(read_simple(malformed.as_bytes()).is_err(), "{malformed}");
        }
    }

    fn allows(response: &Value) -> bool {
        matches!(decide(response).unwrap(), PolicyDecision::Allow(_))
    }

    #[test]
    fn allows_a_request_that_a_statement_allows_and_none_denies() {
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
            assert_eq!(allows(&response(statements.clone())), expected, "{statements}");
        }
    }

    #[test]
    fn matches_wildcards_in_resources_like_iam() {
        for (resource, expected) in [
            ("*", true),
            (ARN, true),
            (STAGE, true),
            ("arn:aws:execute-api:*:*:a1b2c3d4e5/*", true),
            ("arn:aws:execute-api:*:*:*/prod/?connect", true),
            ("arn:aws:execute-api:*:*:*/prod/$connec", false),
            ("arn:aws:execute-api:*:*:*/prod/$connect?", false),
            ("arn:aws:execute-api:*:*:*/PROD/*", false),
            // The documentation's examples for REST APIs have this form.
            ("arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/prod/*/*", false),
            ("", false),
        ] {
            assert_eq!(allows(&response(statement("Allow", resource))), expected, "{resource}");
        }
    }

    #[test]
    fn ignores_case_and_matches_wildcards_in_actions() {
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
            assert_eq!(allows(&response(allow)), expected, "{action}");
        }
    }

    /// Checks that a change to an accepted response causes the error that `expected` accepts.
    fn check_rejected(
        change: impl FnOnce(&mut Value),
        expected: impl FnOnce(&MalformedResponse) -> bool,
    ) {
        let mut changed = response(json!([statement("Allow", STAGE)]));
        assert!(allows(&changed));
        change(&mut changed);
        let error = decide(&changed).unwrap_err();
        assert!(expected(&error), "{error}");
    }

    #[test]
    fn rejects_a_response_without_the_documented_shape() {
        let shape = |error: &MalformedResponse| matches!(error, MalformedResponse::Shape(_));
        for absent in ["principalId", "policyDocument"] {
            check_rejected(
                |response| drop(response.as_object_mut().unwrap().remove(absent)),
                shape,
            );
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
            check_rejected(
                |response| response.pointer_mut(pointer).unwrap()[key] = Value::Null,
                shape,
            );
        }
        check_rejected(
            |response| response["policyDocument"]["Statement"][0]["Effect"] = json!("allow"),
            shape,
        );
        check_rejected(|response| *response = json!([]), shape);
        assert!(shape(&evaluate(b"{", ARN).unwrap_err()));
    }

    #[test]
    fn rejects_a_policy_of_another_version() {
        check_rejected(
            |response| response["policyDocument"]["Version"] = json!("2008-10-17"),
            |error| matches!(error, MalformedResponse::Version(version) if version == "2008-10-17"),
        );
    }

    #[test]
    fn rejects_a_context_value_that_is_not_flat() {
        for value in [json!(null), json!([]), json!({})] {
            check_rejected(
                |response| response["context"]["scope"] = value,
                |error| matches!(error, MalformedResponse::ContextValue(key) if key == "scope"),
            );
        }
    }

    #[test]
    fn rejects_a_resource_of_513_characters() {
        let longest = format!("{STAGE}{}", "*".repeat(MAX_RESOURCE_CHARS - STAGE.len()));
        assert!(allows(&response(statement("Allow", &longest))));
        check_rejected(
            |response| {
                response["policyDocument"]["Statement"][0]["Resource"] = json!(longest + "*")
            },
            |error| matches!(error, MalformedResponse::ResourceTooLong(513)),
        );
    }

    #[test]
    fn rejects_a_response_of_one_byte_over_8_kb() {
        let mut largest = response(statement("Allow", STAGE));
        let room = MAX_RESPONSE_BYTES - largest.to_string().len();
        largest["context"]["scope"] = json!("x".repeat(room + "chat".len()));
        assert!(allows(&largest));
        check_rejected(
            |response| {
                *response = largest;
                response["principalId"] = json!("alice2");
            },
            |error| matches!(error, MalformedResponse::TooLarge(8193)),
        );
    }

    #[test]
    fn each_kind_of_api_has_its_own_limits() {
        let mut large = response(statement("Allow", STAGE));
        large["context"]["scope"] = json!("x".repeat(MAX_RESPONSE_BYTES));
        let mut nested = response(statement("Allow", STAGE));
        nested["context"]["scope"] = json!(["chat"]);
        for (api, large_is_accepted, nested_is_accepted) in [
            (ApiKind::WebSocket, false, false),
            (ApiKind::Rest, true, false),
            (ApiKind::Http, true, true),
        ] {
            let accepts = |response: &Value| judge(api, response.to_string().as_bytes(), ARN);
            assert_eq!(accepts(&large).is_ok(), large_is_accepted, "{api:?}");
            assert_eq!(accepts(&nested).is_ok(), nested_is_accepted, "{api:?}");
        }
    }

    #[test]
    fn tells_the_usage_identifier_key() {
        let mut with_key = response(statement("Allow", STAGE));
        for (key, expected) in [(json!("k"), Some("k")), (json!(""), None)] {
            with_key["usageIdentifierKey"] = key;
            let evaluation = judge(ApiKind::Rest, with_key.to_string().as_bytes(), ARN).unwrap();
            assert_eq!(evaluation.usage_identifier_key.as_deref(), expected);
        }
    }

    #[test]
    fn gives_the_backend_only_strings() {
        let mut allowed = response(statement("Allow", STAGE));
        allowed["context"] = json!({ "exp": 7, "admin": true, "scope": "chat" });
        let PolicyDecision::Allow(caller) = decide(&allowed).unwrap() else { panic!("denied") };
        let expected =
            json!({ "principalId": "alice", "exp": "7", "admin": "true", "scope": "chat" });
        assert_eq!(Value::from(caller.authorizer()), expected);
    }
}
