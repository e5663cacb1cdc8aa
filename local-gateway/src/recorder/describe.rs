//! Records as JSON for the page.

use std::time::{Duration, SystemTime};

use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::authorizer::{Authorization, CacheUse, Refusal};
use crate::integration::Integrated;
use crate::invocation::{FunctionOutcome, InvokeError};
use crate::lambda::Report;
use crate::policy::Matched;
use crate::server::Answer;

/// How much is kept of an event, a response or a body. Each page gets all requests at once.
pub(super) const MAX_BYTES: usize = 64 * 1024;

pub(super) fn describe(authorization: &Authorization) -> Value {
    let identity = authorization.identity.iter();
    let identity: Vec<Value> =
        identity.map(|(source, value)| json!({ "source": source, "value": value })).collect();
    json!({
        "arn": authorization.arn(),
        "identity": identity,
        "cache": describe_cache(authorization.cache),
        "event": authorization.event,
        "invoked_ms": authorization.duration.map(in_ms),
        "lambda": authorization.report.as_ref().map(Report::describe),
        "outcome": authorization.outcome.as_ref().map(describe_outcome),
        "matched": authorization.matched.as_ref().map(|Matched { statement, resource }| {
            json!({ "statement": statement, "resource": resource })
        }),
        "decision": decision_name(authorization),
        "failure": match &authorization.decision {
            Err(Refusal::NoOutcome(error)) => Some(failure_name(error)),
            Ok(_) | Err(_) => None,
        },
        "context": authorization.decision.as_ref().ok(),
        "cause": authorization.decision.as_ref().err().map(ToString::to_string),
    })
}

pub(super) fn describe_integrated(integrated: &Integrated) -> Value {
    json!({
        "event": shortened(&integrated.event),
        "response": integrated.output.as_ref().map(shortened),
        "duration_ms": in_ms(integrated.duration),
        "error": integrated.result.as_ref().err().map(ToString::to_string),
    })
}

fn describe_cache(cache: CacheUse) -> Value {
    match cache {
        CacheUse::Off => json!({ "use": "off" }),
        CacheUse::NotAsked => json!({ "use": "not_asked" }),
        CacheUse::Miss => json!({ "use": "miss" }),
        CacheUse::Hit { age, number } => {
            json!({ "use": "hit", "age_s": age.as_secs(), "number": number })
        }
    }
}

fn describe_outcome(outcome: &FunctionOutcome) -> Value {
    match outcome {
        FunctionOutcome::Response(response) => {
            let text = || Value::from(String::from_utf8_lossy(response));
            json!({ "response": serde_json::from_slice(response).unwrap_or_else(|_| text()) })
        }
        FunctionOutcome::Error(error) => {
            json!({ "errorType": error.error_type, "errorMessage": error.error_message })
        }
    }
}

fn decision_name(authorization: &Authorization) -> &'static str {
    match &authorization.decision {
        Ok(_) => "allow",
        Err(Refusal::MissingIdentity) => "missing_identity",
        Err(Refusal::InvalidToken) => "invalid_token",
        Err(Refusal::InvalidApiKey) => "invalid_api_key",
        Err(Refusal::Unauthorized) => "unauthorized",
        Err(Refusal::ExplicitDeny) => "explicit_deny",
        Err(Refusal::ImplicitDeny) => "implicit_deny",
        Err(Refusal::NotAuthorized) => "not_authorized",
        Err(Refusal::Failed(_)) => "failed",
        Err(Refusal::NoOutcome(_)) => "no_outcome",
        Err(Refusal::Malformed(_)) => "malformed",
    }
}

/// Returns why there is no outcome.
fn failure_name(error: &InvokeError) -> &'static str {
    match error {
        InvokeError::InitError(_) => "init_error",
        InvokeError::Timeout(_) | InvokeError::ApiTimeout(_) => "timeout",
        InvokeError::Throttled(_) => "throttled",
        InvokeError::NotPermitted => "not_permitted",
    }
}

pub(super) async fn describe_answer(answer: &Answer) -> Value {
    // The body is complete and in memory.
    let body = answer.body().clone().collect().await.unwrap_or_default().to_bytes();
    let headers = answer.headers().iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    json!({
        "status": answer.status().as_u16(),
        "headers": headers,
        "body": shortened_text(&String::from_utf8_lossy(&body)),
    })
}

/// Returns JSON as it is, or the beginning of its text if that is long.
fn shortened(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= MAX_BYTES { value.clone() } else { shortened_text(&text).into() }
}

pub(super) fn shortened_text(text: &str) -> String {
    if text.len() <= MAX_BYTES {
        return text.to_owned();
    }
    let (beginning, _) = text.split_at(text.floor_char_boundary(MAX_BYTES));
    format!("{beginning}… (shortened from {} bytes)", text.len())
}

fn in_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

pub(super) fn millis(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_long_texts_only() {
        let longest = "a".repeat(MAX_BYTES);
        assert_eq!(shortened_text(&longest), longest);
        let expected = format!("{longest}… (shortened from {} bytes)", MAX_BYTES + 2);
        assert_eq!(shortened_text(&format!("{longest}é")), expected);
        let short = json!({ "a": "b" });
        assert_eq!(shortened(&short), short);
        assert_eq!(
            shortened(&json!({ "a": longest })).as_str().map(|it| &it[..7]),
            Some(r#"{"a":"a"#)
        );
    }
}
