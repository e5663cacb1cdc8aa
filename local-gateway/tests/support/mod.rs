//! A function that polls the Runtime API as a runtime does, in this process.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "support of tests, each of which uses a part of it"
)]

use std::net::SocketAddr;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

/// A connection to the Runtime API.
#[derive(Clone)]
pub(crate) struct Runtime {
    client: Client,
    base: String,
}

/// An invocation that the function has taken.
pub(crate) struct Taken {
    pub(crate) id: String,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) event: String,
}

impl Runtime {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self { client: http_client(), base: format!("http://{address}/2018-06-01/runtime") }
    }

    pub(crate) async fn next(&self) -> Taken {
        let response = self.client.get(format!("{}/invocation/next", self.base)).send().await;
        let response = response.unwrap().error_for_status().unwrap();
        let headers = response.headers().clone();
        Taken {
            id: headers["lambda-runtime-aws-request-id"].to_str().unwrap().to_owned(),
            headers,
            event: response.text().await.unwrap(),
        }
    }

    pub(crate) async fn post(&self, resource: &str, body: impl Into<String>) -> Response {
        self.request(resource).body(body.into()).send().await.unwrap()
    }

    pub(crate) async fn respond(&self, id: &str, answer: impl Into<String>) -> Response {
        self.post(&format!("invocation/{id}/response"), answer).await
    }

    pub(crate) async fn fail(&self, id: &str, error_type: &str, error_message: &str) -> Response {
        self.post(&format!("invocation/{id}/error"), report(error_type, error_message)).await
    }

    fn request(&self, resource: &str) -> RequestBuilder {
        self.client.post(format!("{}/{resource}", self.base))
    }
}

pub(crate) fn report(error_type: &str, error_message: &str) -> String {
    json!({ "errorType": error_type, "errorMessage": error_message, "stackTrace": [] }).to_string()
}

/// A client that speaks plain HTTP. In a build of the whole workspace it is one that could speak TLS
/// as well, and then wants to know by what cryptography.
pub(crate) fn http_client() -> Client {
    // One of the tests in this process comes first; the others find it done.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    Client::builder().no_proxy().build().unwrap()
}

/// Answers every invocation with what `answer` makes of its event; an error is its message.
pub(crate) fn run_function(
    address: SocketAddr,
    answer: impl Fn(Value) -> Result<String, String> + Send + 'static,
) {
    let runtime = Runtime::connect(address);
    tokio::spawn(async move {
        loop {
            let taken = runtime.next().await;
            match answer(serde_json::from_str(&taken.event).unwrap()) {
                Ok(answer) => runtime.respond(&taken.id, answer).await,
                Err(message) => runtime.fail(&taken.id, "FakeError", &message).await,
            };
        }
    });
}
