//! What the issuer serves at one path: its own document, other bytes, or nothing.
//!
//! A test changes it while the issuer runs. Key servers that answer in a wrong way are described in
//! `wiremock-fixtures/`.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use tokio::sync::watch;

use crate::server::{Answer, Disconnect};

/// What is served at a path.
#[derive(Clone, Debug)]
pub enum Served {
    /// The issuer's own document, as it is at the time of each request.
    Own,
    /// These bytes.
    Bytes(Bytes),
    /// A page of HTML.
    Html(&'static str),
    /// The issuer's own document, after this time.
    Slow(Duration),
    /// No answer, until something else is served.
    Hang,
    /// No answer: the connection is closed.
    Disconnect,
}

impl Served {
    /// Serves these bytes.
    #[must_use]
    pub fn bytes(body: impl Into<Bytes>) -> Self {
        Self::Bytes(body.into())
    }
}

/// A path, and what is served there at the moment.
#[derive(Debug)]
pub(crate) struct Endpoint(watch::Sender<Served>);

impl Endpoint {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Served::Own))
    }

    pub(crate) fn serve(&self, served: Served) {
        self.0.send_replace(served);
    }

    /// Answers one request; `own` is the issuer's own document.
    pub(crate) async fn answer(&self, own: impl FnOnce() -> Bytes) -> Result<Answer, Disconnect> {
        let mut served = self.0.subscribe();
        // The sender lives as long as `self`, so this only ends with something to serve.
        let served = served.wait_for(|served| !matches!(served, Served::Hang)).await;
        let served = served.map_err(|_| Disconnect)?.clone();
        match served {
            Served::Own => Ok(answer("application/json", own())),
            Served::Slow(delay) => {
                tokio::time::sleep(delay).await;
                Ok(answer("application/json", own()))
            }
            Served::Bytes(body) => Ok(answer("application/json", body)),
            Served::Html(body) => Ok(answer("text/html", Bytes::from_static(body.as_bytes()))),
            Served::Hang | Served::Disconnect => Err(Disconnect),
        }
    }
}

fn answer(content_type: &'static str, body: Bytes) -> Answer {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
