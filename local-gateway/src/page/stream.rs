//! The requests as server-sent events of type `request`. What happens on a WebSocket after its handshake
//! is of type `connection`.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use super::{State, Streamed};
use crate::recorder::Records;

impl State {
    /// Returns a stream of the requests after the first `seen`. It does not end.
    pub(super) fn events(&self, seen: usize) -> Streamed {
        let records = self.recorder.subscribe();
        let run = Bytes::from(format!("event: run\ndata: {}\n\n", self.started_at));
        let seen = if records.borrow().count < seen { 0 } else { seen };
        let new = stream::unfold((records, seen), |(mut records, seen)| async move {
            let text = records
                .wait_for(|records| records.count > seen)
                .await
                .ok()
                .map(|records| (event_text(&records, seen), records.count));
            let (text, seen) = text?;
            Some((Bytes::from(text), (records, seen)))
        });
        let frames = stream::once(async { run }).chain(new).map(|text| Ok(Frame::data(text)));
        let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response
    }
}

/// Writes the requests after the first `seen` as server-sent events.
fn event_text(records: &Records, seen: usize) -> String {
    let new = records.since(seen);
    let first = records.count - new.len();
    let events = new.iter().enumerate().map(|(position, record)| {
        // JSON has no line breaks outside of strings, and serde_json escapes those in strings.
        let kind = if record.is_request { "request" } else { "connection" };
        format!("id: {}\nevent: {kind}\ndata: {}\n\n", first + position + 1, record.description)
    });
    events.collect()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::identity::ApiKind;
    use crate::recorder::{ConnectionEvent, Recorder};
    use crate::request::Request;
    use crate::server::Answer;

    #[tokio::test]
    async fn the_type_of_an_event_tells_what_it_is() {
        let recorder = Recorder::default();
        let request = Request::handshake();
        recorder.record(1, ApiKind::WebSocket, &request, None, None, &Answer::default()).await;
        recorder.record_on_connection(&ConnectionEvent {
            number: 2,
            at: SystemTime::UNIX_EPOCH,
            connection_id: "a",
            handshake: 1,
            event_type: "MESSAGE",
            route: None,
            body: None,
            integrated: None,
            reply: None,
        });
        let text = event_text(&recorder.subscribe().borrow(), 0);
        let of_type: Vec<_> = text.lines().filter(|line| line.starts_with("event: ")).collect();
        assert_eq!(of_type, ["event: request", "event: connection"]);
        assert_eq!(recorder.all().len(), 1);
        assert_eq!(recorder.records().len(), 2);
    }
}
