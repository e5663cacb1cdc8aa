//! The files of the page. The browser runs them as they are: there is no build step.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use crate::server::Answer;

macro_rules! modules {
    ($($name:literal),* $(,)?) => {
        [$((concat!("/", $name), "text/javascript", include_str!($name))),*]
    };
}

/// The modules of the page's script.
pub(super) const MODULES: [(&str, &str, &str); 17] = modules![
    "page.js",
    "authorizer.js",
    "backend.js",
    "change.js",
    "commands.js",
    "connections.js",
    "controls.js",
    "dom.js",
    "issuer.js",
    "lambda.js",
    "panels.js",
    "reasons.js",
    "show.js",
    "socket.js",
    "state.js",
    "stations.js",
    "words.js",
];

const OTHERS: [(&str, &str, &str); 3] = [
    ("/", "text/html; charset=utf-8", include_str!("page.html")),
    ("/page.css", "text/css", include_str!("page.css")),
    ("/docs.css", "text/css", include_str!("docs.css")),
];

/// Returns the file at this path.
pub(super) fn at(path: &str) -> Option<Answer> {
    let (_, content_type, text) = MODULES.iter().chain(&OTHERS).find(|(name, ..)| *name == path)?;
    Some(file(content_type, *text))
}

/// Returns a response with this content.
pub(super) fn file(content_type: &'static str, content: impl Into<Bytes>) -> Answer {
    let mut answer = Answer::new(content.into().into());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
