//! The latest requests, with what API Gateway and the authorizer did with each.
//!
//! The page shows them. They contain tokens, so they stay in memory.

mod describe;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use serde_json::{Value, json};
use tokio::sync::watch;

use self::describe::{describe, describe_answer, describe_integrated, millis, shortened_text};
use crate::authorizer::Authorization;
use crate::identity::ApiKind;
use crate::integration::Integrated;
use crate::request::Request;
use crate::server::Answer;

/// How many requests are kept.
const CAPACITY: usize = 200;

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
            "body": event.body.map(shortened_text),
            "integration": event.integrated.map(describe_integrated),
            "reply": event.reply.map(shortened_text),
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

#[cfg(test)]
mod tests {
    use super::describe::MAX_BYTES;
    use super::*;

    #[test]
    fn shortens_what_clients_and_integrations_say_on_a_connection() {
        let recorder = Recorder::default();
        let long = "a".repeat(MAX_BYTES + 1);
        for (text, is_whole) in [("hello", true), (long.as_str(), false)] {
            recorder.record_on_connection(&ConnectionEvent {
                number: recorder.number(),
                at: SystemTime::now(),
                connection_id: "id",
                handshake: 1,
                event_type: "MESSAGE",
                route: Some("$default"),
                body: Some(text),
                integrated: None,
                reply: Some(text),
            });
            let description = recorder.records().pop().unwrap().description;
            for member in ["body", "reply"] {
                assert_eq!(description[member] == text, is_whole, "{member}");
            }
        }
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
