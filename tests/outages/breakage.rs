//! Every way for an issuer to fail, and an issuer that can be made to.

use std::time::Duration;

use local_gateway::StatusCode;
use local_gateway::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use local_gateway::issuer::{DISCOVERY_PATH, Issuer, KEY_SET_PATH};
use local_gateway::served::Served;
use serde_json::json;

use crate::line::{Fault, RemoteIssuer};
use crate::outage::Environment;

/// How long a fetch may take: as short as it can be while a debug build fetches within it.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(300);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    UnreachablePort,
    ConnectionReset,
    EmptyAnswer,
    Garbage,
    MalformedChunk,
    ServerError,
    NotFound,
    Redirect,
    SlowStart,
    SlowDrip,
    BodyOverTheLimit,
    Html,
    DiscoveryOfAnotherIssuer,
}

impl Failure {
    /// Each with what the log says of it.
    pub(crate) const ALL: [(Self, &str); 13] = [
        (Self::UnreachablePort, "Connection refused"),
        (Self::ConnectionReset, "Connection reset by peer"),
        (Self::EmptyAnswer, "connection closed before message completed"),
        (Self::Garbage, "invalid HTTP"),
        (Self::MalformedChunk, "chunk size"),
        (Self::ServerError, "returned status 500"),
        (Self::NotFound, "returned status 404"),
        (Self::Redirect, "returned status 302"),
        (Self::SlowStart, "no response within 300 ms"),
        (Self::SlowDrip, "no response within 300 ms"),
        (Self::BodyOverTheLimit, "more than 150000 bytes"),
        (Self::Html, "not a JSON object"),
        (Self::DiscoveryOfAnotherIssuer, "must be exactly the configured issuer"),
    ];
}

/// An issuer, and another one that must never be asked.
pub(crate) struct World {
    pub(crate) issuer: RemoteIssuer,
    pub(crate) decoy: Issuer,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self { issuer: RemoteIssuer::start().await, decoy: Issuer::start().await.unwrap() }
    }

    pub(crate) fn token(&self) -> String {
        self.issuer.token()
    }

    /// Starts the function with every time as short as it may be.
    pub(crate) async fn start_function(&self) -> Environment {
        Environment::start(&[
            ("AUTHORIZER_ISSUER", &self.issuer.url()),
            ("AUTHORIZER_JWKS_TTL_SECONDS", "1"),
            ("AUTHORIZER_JWKS_TIMEOUT_MS", &TIMEOUT.as_millis().to_string()),
            ("AUTHORIZER_JWKS_COOLDOWN_SECONDS", "1"),
        ])
        .await
    }

    fn serve(&self, served: impl Into<Served>) {
        let served = served.into();
        self.issuer.serve_discovery(served.clone());
        self.issuer.serve_key_set(served);
    }

    /// Serves the right documents, with some alteration.
    pub(crate) fn serve_altered(&self, alter: impl Fn(String) -> Served) {
        let url = self.issuer.url();
        let discovery = json!({ "issuer": url, "jwks_uri": self.issuer.key_set_url() });
        self.issuer.serve_discovery(alter(discovery.to_string()));
        let key_set = json!({ "keys": [self.issuer.key().jwk()] });
        self.issuer.serve_key_set(alter(key_set.to_string()));
    }

    pub(crate) async fn fail(&mut self, failure: Failure) {
        match failure {
            Failure::UnreachablePort => self.issuer.line().unplug().await,
            Failure::ConnectionReset => self.issuer.line().set(Fault::Reset),
            Failure::Garbage => self.issuer.line().set(Fault::Garbage),
            Failure::MalformedChunk => self.issuer.line().set(Fault::MalformedChunk),
            Failure::SlowDrip => self.issuer.line().set(Fault::Drip),
            Failure::EmptyAnswer => self.serve(Served::Disconnect),
            Failure::ServerError => self.serve(Served::status(StatusCode::INTERNAL_SERVER_ERROR)),
            Failure::NotFound => self.serve(Served::status(StatusCode::NOT_FOUND)),
            Failure::SlowStart => self.serve(Served::Hang),
            Failure::Redirect => self.redirect_to_decoy(),
            Failure::BodyOverTheLimit => self.serve_altered(|body| padded(body, LIMIT + 1)),
            Failure::Html => {
                let page = Served::bytes("<!doctype html><title>Sign in</title>");
                self.serve(page.with_header(CONTENT_TYPE, HeaderValue::from_static("text/html")));
            }
            Failure::DiscoveryOfAnotherIssuer => {
                // Without a key set where it was, it is looked for again.
                self.issuer.serve_key_set(Served::status(StatusCode::NOT_FOUND));
                let url = self.issuer.url();
                let other = json!({ "issuer": format!("{url}/"), "jwks_uri": format!("{url}/k") });
                self.issuer.serve_discovery(Served::bytes(other.to_string()));
            }
        }
    }

    /// Leads to documents that would be accepted.
    fn redirect_to_decoy(&self) {
        self.decoy.serve_discovery(self.issuer.discovery_document());
        let key_set = json!({ "keys": [self.issuer.key().jwk()] });
        self.decoy.serve_key_set(Served::bytes(key_set.to_string()));
        let moved = |path| {
            let target = format!("{}{path}", self.decoy.url());
            Served::status(StatusCode::FOUND).with_header(LOCATION, target.parse().unwrap())
        };
        self.issuer.serve_discovery(moved(DISCOVERY_PATH));
        self.issuer.serve_key_set(moved(KEY_SET_PATH));
    }

    pub(crate) fn mend(&mut self) {
        self.issuer.line().set(Fault::None);
        self.issuer.line().plug_in();
        self.issuer.serve_discovery(self.issuer.discovery_document());
        self.issuer.serve_key_set(Served::own());
    }
}

/// The longest body that is read, in bytes.
pub(crate) const LIMIT: usize = 150_000;

/// Makes JSON longer without making it another.
pub(crate) fn padded(json: String, length: usize) -> Served {
    let padding = " ".repeat(length - json.len());
    Served::bytes(json + &padding).into()
}
