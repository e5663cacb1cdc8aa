//! The latest requests, with what API Gateway and the authorizer did with each.
//!
//! The page shows them. They contain tokens, so they stay in memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::authorizer::{Authorization, CacheUse, Refusal};
use crate::identity::ApiKind;
use crate::invocation::FunctionOutcome;
use crate::policy::Matched;
use crate::request::Request;
use crate::server::Answer;

/// How many requests are kept.
const CAPACITY: usize = 200;

/// A request and what became of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// The request's number, from 1.
    pub number: u64,
    /// The description, as JSON for the page.
    pub description: Arc<Value>,
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

    /// Records a request and the client's answer. A request outside the API has no authorization.
    pub(crate) async fn record(
        &self,
        number: u64,
        api: ApiKind,
        request: &Request,
        authorization: Option<&Authorization>,
        answer: &Answer,
    ) {
        let description = json!({
            "number": number,
            "api": api.name(),
            "trap": self.label,
            "at": millis(request.received_at),
            "request": {
                "method": request.method,
                "path": request.path,
                "query": request.query,
                "headers": request.sent_headers(),
            },
            "authorization": authorization.map(describe),
            "answer": describe_answer(answer).await,
        });
        let record = Record { number, description: Arc::new(description) };
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
        self.shared.records.borrow().since(0)
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
        "invoked_ms": authorization.duration.map(|duration| duration.as_secs_f64() * 1000.0),
        "outcome": authorization.outcome.as_ref().map(describe_outcome),
        "matched": authorization.matched.as_ref().map(|Matched { statement, resource }| {
            json!({ "statement": statement, "resource": resource })
        }),
        "decision": decision_name(authorization),
        "context": authorization.decision.as_ref().ok(),
        "cause": authorization.decision.as_ref().err().map(ToString::to_string),
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
        Err(Refusal::Unauthorized) => "unauthorized",
        Err(Refusal::ExplicitDeny) => "explicit_deny",
        Err(Refusal::ImplicitDeny) => "implicit_deny",
        Err(Refusal::NotAuthorized) => "not_authorized",
        Err(Refusal::Failed(_)) => "failed",
        Err(Refusal::NoOutcome(_)) => "no_outcome",
        Err(Refusal::Malformed(_)) => "malformed",
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
        "body": String::from_utf8_lossy(&body),
    })
}

fn millis(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_the_latest_requests() {
        let recorder = Recorder::default();
        let request = Request::new("GET", "/");
        for _ in 0..=CAPACITY {
            let number = recorder.number();
            recorder.record(number, ApiKind::Rest, &request, None, &Answer::default()).await;
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
