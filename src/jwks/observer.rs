//! Tells a diagnosis what a fetch does, so that a diagnosis fetches as the function does.

use url::Url;

/// Learns of each request of a fetch. A retry is a further request.
pub(crate) trait FetchObserver: Send {
    /// A request is about to be sent.
    fn requesting(&mut self, document: Document, url: &Url);

    /// The status and the headers of the response have arrived.
    fn responded(&mut self, head: &ResponseHead<'_>);

    /// The whole body of a successful response has arrived.
    fn received(&mut self, body: &[u8]);
}

/// What is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    /// The discovery document.
    Discovery,
    /// The key set.
    KeySet,
}

/// What a response has before its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseHead<'h> {
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'h str>,
    pub(crate) etag: Option<&'h str>,
    /// When the issuer made the response
    /// ([RFC 9110 §6.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1)).
    pub(crate) date: Option<&'h str>,
    /// How long a cache has stored the response, in seconds
    /// ([RFC 9111 §5.1](https://www.rfc-editor.org/rfc/rfc9111#section-5.1)).
    pub(crate) age: Option<&'h str>,
}

/// Nobody observes the fetch.
pub(super) struct Unobserved;

impl FetchObserver for Unobserved {
    fn requesting(&mut self, _: Document, _: &Url) {}

    fn responded(&mut self, _: &ResponseHead<'_>) {}

    fn received(&mut self, _: &[u8]) {}
}
