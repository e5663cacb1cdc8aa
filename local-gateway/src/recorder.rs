//! The latest requests, with what API Gateway and the authorizer did with each.
//!
//! The page shows them. They contain tokens, so they stay in memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::authorizer::{Authorization, CacheUse, Refusal};
use crate::identity::ApiKind;
use crate::integration::Integrated;
use crate::invocation::{FunctionOutcome, InvokeError};
use crate::lambda::Report;
use crate::policy::Matched;
use crate::request::Request;
use crate::server::Answer;

/// How many requests are kept.
const CAPACITY: usize = 200;

/// How much is kept of an event, a response or a body. Each page gets all requests at once.
const MAX_BYTES: usize = 64 * 1024;

/// A request and what became of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// The request's number, from 1.
    pub number: u64,
    /// Whether it is a request. Otherwise it is what happened on a connection.
    pub is_request: bool,
    /// The description, as JSON for the page.
    pub description: Arc<Value>,
}

/// A message of a client, or the end of a connection, and what became of it.
#[derive(Debug)]
pub(crate) struct ConnectionEvent<'a> {
    pub(crate) number: u64,
    pub(crate) at: SystemTime,
    pub(crate) connection_id: &'a str,
    /// The number of the request that opened the connection.
    pub(crate) handshake: u64,
    /// `MESSAGE` or `DISCONNECT`.
    pub(crate) event_type: &'a str,
    pub(crate) route: Option<&'a str>,
    pub(crate) body: Option<&'a str>,
    /// What the integration did. A message without a route does not reach it.
    pub(crate) integrated: Option<&'a Integrated>,
    pub(crate) reply: Option<&'a str>,
}

/// Keeps the latest requests.
#[derive(Debug, Default)]
pub struct Recorder {
    shared: Arc<Shared>,
    /// What the page says of each request that is recorded here.
    label: Value,
}

#[derive(Debug, Default)]
struct Shared {
    numbers: AtomicU64,
    records: watch::Sender<Records>,
}

#[derive(Debug, Default)]
pub(crate) struct Records {
    kept: VecDeque<Record>,
    /// How many were recorded so far.
    pub(crate) count: usize,
}

impl Records {
    /// Returns those that were recorded after the first `seen`.
    pub(crate) fn since(&self, seen: usize) -> Vec<Record> {
        let new = self.count.saturating_sub(seen).min(self.kept.len());
        self.kept.iter().skip(self.kept.len() - new).cloned().collect()
    }
}

impl Recorder {
    /// Returns a recorder that adds its requests to the same list, with this label.
    pub(crate) fn labelled(&self, label: Value) -> Self {
        Self { shared: Arc::clone(&self.shared), label }
    }

    /// Returns the number of the next request.
    pub(crate) fn number(&self) -> u64 {
        self.shared.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Records a request and the client's answer. A request outside the API has no authorization, and one
    /// that is refused does not reach the integration.
    pub(crate) async fn record(
        &self,
        number: u64,
        api: ApiKind,
        request: &Request,
        authorization: Option<&Authorization>,
        integrated: Option<&Integrated>,
        answer: &Answer,
    ) {
        let description = json!({
            "number": number,
            "api": api.name(),
            "stage": request.stage,
            "trap": self.label,
            "at": millis(request.received_at),
            "request": {
                "method": request.method,
                "path": request.path,
                "query": request.query,
                "headers": request.sent_headers(),
            },
            "authorization": authorization.map(describe),
            "integration": integrated.map(describe_integrated),
            "answer": describe_answer(answer).await,
        });
        self.add(Record { number, is_request: true, description: Arc::new(description) });
    }

    /// Records what happened on a connection of a WebSocket API after its handshake.
    pub(crate) fn record_on_connection(&self, event: &ConnectionEvent<'_>) {
        let description = json!({
            "number": event.number,
            "api": ApiKind::WebSocket.name(),
            "trap": self.label,
            "at": millis(event.at),
            "connection": { "id": event.connection_id, "handshake": event.handshake },
            "event_type": event.event_type,
            "route": event.route,
            "body": event.body,
            "integration": event.integrated.map(describe_integrated),
            "reply": event.reply,
        });
        self.add(Record {
            number: event.number,
            is_request: false,
            description: Arc::new(description),
        });
    }

    fn add(&self, record: Record) {
        self.shared.records.send_modify(|records| {
            if records.kept.len() == CAPACITY {
                records.kept.pop_front();
            }
            records.kept.push_back(record);
            records.count += 1;
        });
    }

    /// Forgets every request.
    pub fn clear(&self) {
        self.shared.records.send_modify(|records| records.kept.clear());
    }

    /// Returns the request with this number, if it is still kept.
    #[must_use]
    pub fn find(&self, number: u64) -> Option<Record> {
        let records = self.shared.records.borrow();
        records.kept.iter().find(|record| record.number == number).cloned()
    }

    /// Returns the requests that are kept, the oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Record> {
        self.records().into_iter().filter(|record| record.is_request).collect()
    }

    /// Returns the requests and the events of connections that are kept, the oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.shared.records.borrow().since(0)
    }

    /// Waits until this many requests and events of connections were recorded.
    pub async fn recorded(&self, count: usize) {
        // The sender is `self`, so it exists.
        let _ = self.subscribe().wait_for(|records| records.count >= count).await;
    }

    /// Waits until more than `seen` requests and events of connections were recorded. Returns the new
    /// ones, and how many were recorded so far.
    pub async fn next(&self, seen: usize) -> (Vec<Record>, usize) {
        let mut records = self.subscribe();
        match records.wait_for(|records| records.count > seen).await {
            Ok(records) => (records.since(seen), records.count),
            // The sender is `self`, so it exists.
            Err(_) => (Vec::new(), seen),
        }
    }

    /// Returns a receiver that sees each new request.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Records> {
        self.shared.records.subscribe()
    }
}

fn describe(authorization: &Authorization) -> Value {
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

fn describe_integrated(integrated: &Integrated) -> Value {
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

async fn describe_answer(answer: &Answer) -> Value {
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

fn shortened_text(text: &str) -> String {
    if text.len() <= MAX_BYTES {
        return text.to_owned();
    }
    let (beginning, _) = text.split_at(text.floor_char_boundary(MAX_BYTES));
    format!("{beginning}… (shortened from {} bytes)", text.len())
}

fn in_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn millis(time: SystemTime) -> u64 {
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

    #[tokio::test]
    async fn keeps_the_latest_requests() {
        let recorder = Recorder::default();
        let request = Request::new("GET", "/");
        for _ in 0..=CAPACITY {
            let number = recorder.number();
            recorder.record(number, ApiKind::Rest, &request, None, None, &Answer::default()).await;
        }
        assert!(recorder.find(1).is_none());
        assert_eq!(recorder.all().first().unwrap().number, 2);
        let records = recorder.subscribe();
        let seen =
            |seen| records.borrow().since(seen).iter().map(|it| it.number).collect::<Vec<_>>();
        assert_eq!(seen(CAPACITY - 1), [200, 201]);
        assert_eq!(seen(CAPACITY + 1), [0_u64; 0]);
        assert_eq!(seen(0).len(), CAPACITY);
    }
}
