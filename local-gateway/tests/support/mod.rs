//! A function in this process that takes invocations from the Runtime API.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses a part of this module; a test fails by panicking"
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

    pub(crate) async fn respond(&self, id: &str, response: impl Into<String>) -> Response {
        self.post(&format!("invocation/{id}/response"), response).await
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

/// Returns a client for plain HTTP. In a build of the whole workspace, the client also supports TLS
/// and needs a default cryptography provider.
pub(crate) fn http_client() -> Client {
    // The first test of the process installs the provider; for the others, this fails.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    Client::builder().no_proxy().build().unwrap()
}

/// Responds to every invocation with the result of `respond`. An `Err` is the message of an error.
pub(crate) fn run_function(
    address: SocketAddr,
    respond: impl Fn(Value) -> Result<String, String> + Send + 'static,
) {
    let runtime = Runtime::connect(address);
    tokio::spawn(async move {
        loop {
            let taken = runtime.next().await;
            match respond(serde_json::from_str(&taken.event).unwrap()) {
                Ok(response) => runtime.respond(&taken.id, response).await,
                Err(message) => runtime.fail(&taken.id, "FakeError", &message).await,
            };
        }
    });
}
