//! What the issuer serves at one path: its own document, or anything a test wants in its place.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{Response, StatusCode};
use tokio::sync::watch;

use crate::server::{Answer, Disconnect};

/// What is served at a path.
#[derive(Clone, Debug)]
pub enum Served {
    /// An answer.
    Document(Document),
    /// No answer, until something else is served.
    Hang,
    /// The connection is cut without an answer.
    Disconnect,
}

/// An answer's status, headers and body.
///
/// With an `ETag` among the headers, a request that has it in `If-None-Match` gets a 304.
#[derive(Clone, Debug)]
pub struct Document {
    status: StatusCode,
    headers: HeaderMap,
    /// Without one, the issuer's own document of the moment.
    body: Option<Bytes>,
}

impl Served {
    /// The issuer's own document, as it stands at the time of each request.
    #[must_use]
    pub fn own() -> Document {
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Document { status: StatusCode::OK, headers, body: None }
    }

    /// These bytes.
    #[must_use]
    pub fn bytes(body: impl Into<Bytes>) -> Document {
        Document { body: Some(body.into()), ..Self::own() }
    }

    /// An empty answer with this status.
    #[must_use]
    pub fn status(status: StatusCode) -> Document {
        Self::bytes(Bytes::new()).with_status(status)
    }
}

impl Document {
    /// Sets the status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Sets a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    fn answer(self, asked: &HeaderMap, own: impl FnOnce() -> Bytes) -> Answer {
        let known = self.headers.get(ETAG).is_some_and(|etag| {
            self.status == StatusCode::OK && asked.get(IF_NONE_MATCH) == Some(etag)
        });
        let (status, body) = if known {
            (StatusCode::NOT_MODIFIED, Bytes::new())
        } else {
            (self.status, self.body.unwrap_or_else(own))
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl From<Document> for Served {
    fn from(document: Document) -> Self {
        Self::Document(document)
    }
}

/// A path's standing answer, and those that come once before it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    standing: watch::Sender<Served>,
    once: Mutex<VecDeque<Served>>,
}

impl Endpoint {
    pub(crate) fn new() -> Self {
        Self { standing: watch::Sender::new(Served::own().into()), once: Mutex::default() }
    }

    pub(crate) fn serve(&self, served: Served) {
        self.standing.send_replace(served);
    }

    pub(crate) fn serve_once(&self, served: Served) {
        self.once.lock().unwrap_or_else(PoisonError::into_inner).push_back(served);
    }

    /// Answers one request; `own` is the issuer's own document.
    pub(crate) async fn answer(
        &self,
        asked: &HeaderMap,
        own: impl FnOnce() -> Bytes,
    ) -> Result<Answer, Disconnect> {
        let once = self.once.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let mut standing = self.standing.subscribe();
        let mut served = once.unwrap_or_else(|| standing.borrow_and_update().clone());
        loop {
            match served {
                Served::Document(document) => return Ok(document.answer(asked, own)),
                Served::Disconnect => return Err(Disconnect),
                Served::Hang => {
                    standing.changed().await.map_err(|_| Disconnect)?;
                    served = standing.borrow_and_update().clone();
                }
            }
        }
    }
}
