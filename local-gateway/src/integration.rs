//! What is behind an API: a Lambda proxy integration, for which an echo, a command or a URL answers.
//!
//! It gets the proxy event as JSON, and returns a [`ProxyResponse`] as JSON:
//!
//! - An echo returns its event as the body. At `$connect`, it selects the subprotocol that the
//!   authorizer's context has.
//! - A [command](Integration::parse) runs once for each request. The event is its standard input, and
//!   the response its standard output. What it writes to standard error goes to the terminal.
//! - A [URL](Integration::parse) gets a POST with the event. The body of its response is the proxy
//!   response, as with Lambda's Invoke API.
//!
//! What the client gets if there is no proper response:
//!
//! | | REST | HTTP | WebSocket, at `$connect` |
//! |---|---|---|---|
//! | failed, over 6 MB, or malformed | [502](https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway-errors.html) | [500](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html) | 502, not documented |
//! | the time limit | [504](https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html) after [29 s](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html) | 503, not documented, after [30 s](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html) | 504, not documented, after [29 s](https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html) |
//!
//! A command that cannot be started, or ends with another exit code than 0, is as a Lambda function that
//! fails. Deliberately absent: TLS, redirects, streamed responses, and a limit on the event.

mod command;
mod endpoint;
mod headers;
mod response;

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};

use self::command::Command;
use self::endpoint::Endpoint;
pub(crate) use self::headers::{remap_challenge, without_connection};
pub use self::response::{Malformed, ProxyResponse};
use crate::identity::ApiKind;
use crate::invocation::FunctionOutcome;
use crate::runtime_api::RuntimeApi;

/// The largest response of a function.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;

/// What is behind an API.
#[derive(Debug)]
pub struct Integration {
    target: Target,
    /// Replaces the kind of API's longest time limit.
    time_limit: Option<Duration>,
}

#[derive(Debug)]
enum Target {
    Echo,
    Command(Command),
    Url(Endpoint),
    /// The function behind the Runtime API, which answers proxy events itself.
    Function(Arc<RuntimeApi>),
}

/// Why a text names no integration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnIntegration {
    /// There is no word in it.
    #[error("the integration is empty; it is a command, or a URL that begins with http://")]
    Empty,
    /// A quotation mark has no partner.
    #[error("the integration's command has a {0} without a second one")]
    OpenQuote(char),
    /// The scheme is `https`.
    #[error("the integration's URL begins with https://; only http:// is supported")]
    Https,
    /// It begins as a URL, and is none.
    #[error("the integration {0} is not a URL, for example http://127.0.0.1:3000/")]
    NotAUrl(String),
}

/// Why an integration has no proxy response.
#[derive(Debug, thiserror::Error)]
pub enum IntegrationError {
    /// The operating system did not start the command.
    #[error("the command `{program}` could not be started: {reason}")]
    Start {
        /// The command's first word.
        program: String,
        /// The operating system's error.
        reason: io::Error,
    },
    /// The command's output could not be read.
    #[error("the command's output could not be read: {0}")]
    Read(io::Error),
    /// The command reported a failure.
    #[error("the command failed ({0}); what it wrote to standard error is on the terminal")]
    Failed(ExitStatus),
    /// The server was not reached, or did not answer as HTTP asks.
    #[error("{url} did not answer: {reason}")]
    NoAnswer {
        /// The URL.
        url: String,
        /// The library's words.
        reason: String,
    },
    /// The server's status is not one of success.
    #[error("{url} answered with HTTP {status}, and not with 200")]
    Status {
        /// The URL.
        url: String,
        /// The status.
        status: StatusCode,
    },
    /// The function failed.
    #[error("the function failed: {0}")]
    Function(String),
    /// The response is too large.
    #[error("the response is over Lambda's limit of 6 MB")]
    TooLarge,
    /// The response came too late.
    #[error("there was no response within {0:?}")]
    Timeout(Duration),
    /// The response is not one that API Gateway understands.
    #[error("the response is malformed: {0}")]
    Malformed(#[from] Malformed),
}

impl IntegrationError {
    /// Tells whether the time limit is the reason, for which clients get an error of its own.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }
}

/// What became of a request at the integration.
#[derive(Debug)]
pub struct Integrated {
    /// The event.
    pub event: Value,
    /// What came back, as JSON if it is JSON, else as text. `None` if nothing came.
    pub output: Option<Value>,
    /// How long it took.
    pub duration: Duration,
    /// The response, or why there is none.
    pub result: Result<ProxyResponse, IntegrationError>,
}

impl Default for Integration {
    fn default() -> Self {
        Self::echo()
    }
}

impl Integration {
    /// Answers with the event.
    #[must_use]
    pub fn echo() -> Self {
        Self { target: Target::Echo, time_limit: None }
    }

    /// Reads a command or a URL.
    ///
    /// A text that begins with `http://` is a URL. Any other is a command: spaces separate its words,
    /// and quotation marks, single or double, keep the spaces between them. Nothing else has a special
    /// meaning, because no shell is involved; `sh -c '…'` runs one.
    ///
    /// # Errors
    ///
    /// When the text is neither.
    pub fn parse(text: &str) -> Result<Self, NotAnIntegration> {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let target = match scheme.as_deref() {
            Some("http") => Target::Url(Endpoint::parse(text)?),
            Some("https") => return Err(NotAnIntegration::Https),
            Some(_) | None => Target::Command(Command::parse(text)?),
        };
        Ok(Self { target, time_limit: None })
    }

    /// Lets the function itself answer.
    pub(crate) fn function(runtime_api: Arc<RuntimeApi>) -> Self {
        Self { target: Target::Function(runtime_api), time_limit: None }
    }

    /// Sets a shorter time limit, as the integration's `timeoutInMillis` does.
    #[must_use]
    pub fn time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = Some(time_limit);
        self
    }

    /// Sends the event, and reads the response as this kind of API does.
    pub(crate) async fn call(&self, api: ApiKind, event: Value) -> Integrated {
        let started_at = Instant::now();
        let limit = self.time_limit.unwrap_or_else(|| longest(api));
        let output = tokio::time::timeout(limit, self.output(api, &event)).await;
        let output = output.unwrap_or(Err(IntegrationError::Timeout(limit)));
        let duration = started_at.elapsed();
        let (output, result) = match output {
            Ok(output) => {
                let result = ProxyResponse::read(api, &output).map_err(IntegrationError::from);
                (Some(as_json(&output)), result)
            }
            Err(error) => (None, Err(error)),
        };
        if let Err(error) = &result {
            report(error);
        }
        Integrated { event, output, duration, result }
    }

    async fn output(&self, api: ApiKind, event: &Value) -> Result<Bytes, IntegrationError> {
        match &self.target {
            Target::Echo => Ok(echo(api, event).to_string().into()),
            Target::Command(command) => command.run(event.to_string().as_bytes()).await,
            Target::Url(endpoint) => endpoint.post(event.to_string().into()).await,
            Target::Function(runtime_api) => match runtime_api.invoke(event.to_string()).await {
                Ok(FunctionOutcome::Response(response)) => Ok(response),
                Ok(FunctionOutcome::Error(error)) => {
                    Err(IntegrationError::Function(error.to_string()))
                }
                Err(error) => Err(IntegrationError::Function(error.to_string())),
            },
        }
    }
}

/// Returns the longest time limit of an integration.
fn longest(api: ApiKind) -> Duration {
    Duration::from_secs(match api {
        ApiKind::WebSocket | ApiKind::Rest => 29,
        ApiKind::Http => 30,
    })
}

/// Returns the proxy response that has the event as its body.
fn echo(api: ApiKind, event: &Value) -> Value {
    let mut headers = json!({ "content-type": "application/json" });
    // It has an effect at `$connect` only.
    if let Some(subprotocol) = event.pointer("/requestContext/authorizer/subprotocol")
        && api == ApiKind::WebSocket
    {
        headers["Sec-WebSocket-Protocol"] = subprotocol.clone();
    }
    json!({ "statusCode": 200, "headers": headers, "body": event.to_string() })
}

fn as_json(output: &[u8]) -> Value {
    let text = || Value::from(String::from_utf8_lossy(output));
    serde_json::from_slice(output).unwrap_or_else(|_| text())
}

#[expect(
    clippy::print_stderr,
    reason = "the command writes to the terminal too, and without the page nothing else says why"
)]
fn report(error: &IntegrationError) {
    eprintln!("integration: {error}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_commands_and_urls() {
        for (text, expected) in [
            ("node a.js", Ok("Command")),
            ("node http://127.0.0.1/", Ok("Command")),
            ("http://127.0.0.1:3000/", Ok("Url")),
            ("HTTP://localhost", Ok("Url")),
            ("https://127.0.0.1/", Err(NotAnIntegration::Https)),
            ("http://", Err(NotAnIntegration::NotAUrl(String::from("http://")))),
            (" ", Err(NotAnIntegration::Empty)),
        ] {
            let found = Integration::parse(text).map(|it| format!("{:?}", it.target));
            match (&found, &expected) {
                (Ok(found), Ok(expected)) => assert!(found.starts_with(expected), "{found}"),
                _ => assert_eq!(found.err(), expected.err(), "{text}"),
            }
        }
    }

    #[tokio::test]
    async fn the_longest_time_limit_is_that_of_the_api() {
        for (api, seconds) in [(ApiKind::Rest, 29), (ApiKind::WebSocket, 29), (ApiKind::Http, 30)] {
            assert_eq!(longest(api), Duration::from_secs(seconds));
        }
    }
}
