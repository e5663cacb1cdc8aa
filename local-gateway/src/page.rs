//! The page: shows each request's way through API Gateway and the authorizer, and sends requests.
//!
//! One process serves it, without a build step. The browser gets each new request by
//! [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html). The page
//! contains tokens and can send requests, so every request to it is checked by `guard`.
//!
//! | request | does |
//! |---|---|
//! | `GET /` | the page; its style and its script's modules are beside it |
//! | `GET /docs/…` | the project's documentation |
//! | `GET /setup` | the stages of the APIs: their addresses and their authorizers |
//! | `GET /requests` | server-sent events: the latest requests, then each new one |
//! | `POST /send` | sends a request to an API |
//! | `POST /disconnect` | closes a WebSocket as a backend does |
//! | `POST /token` | returns a token, for a WebSocket of the browser's own |
//! | `POST /explain` | asks the function to explain its decision on a request |
//! | `POST /issuer` | changes what the issuer serves |
//! | `POST /trap` | sends requests that run into one of the traps |
//! | `POST /authorizer` | changes the identity sources, the time to live, the type or the validation expression |
//! | `POST /lambda` | changes how the function is run, or ends its environments |
//! | `POST /cache` | empties the caches, or advances the gateway's clock |

mod control;
mod docs;
mod files;
mod send;
mod stream;
mod traps;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::client_request::json_answer;
use crate::clock::Clock;
use crate::guard;
use crate::invocation::FunctionOutcome;
use crate::issuer::{Issuer, now_seconds};
use crate::lambda::Lambda;
use crate::recorder::Recorder;
use crate::server::{self, Answer, Disconnect, Server};
use crate::stack::{ISSUER_SETTINGS, Stack};
use crate::stage::Stage;

/// The largest body of a request to the page. A token is the largest part of it.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// How many explanations are kept.
const MAX_EXPLANATIONS: usize = 200;

/// Lets the page load its own files, connect to its own server, and nothing else. The URL of the
/// WebSocket API follows.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      connect-src 'self'";

/// A response whose body may be a stream.
type Streamed = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// A page on loopback. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Page {
    server: Server,
}

/// The page's port, before there is anything to show.
#[derive(Debug)]
pub struct Listening(TcpListener);

impl Listening {
    /// Takes this port; 0 is any free port.
    ///
    /// # Errors
    ///
    /// When another program has the port.
    pub async fn at(port: u16) -> io::Result<Self> {
        server::listen_at(port).await.map(Self)
    }

    /// Takes this port, or a free one if another program has it.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn preferring(port: u16) -> io::Result<Self> {
        server::listen_preferring(port).await.map(Self)
    }
}

impl Page {
    /// Serves the page for `stack`. `settings` are the names of the settings that the user gave.
    ///
    /// # Errors
    ///
    /// When the operating system does not tell the port.
    pub fn start(listening: Listening, stack: &Stack, settings: Vec<String>) -> io::Result<Self> {
        let policy = format!("{POLICY} {}", stack.websocket_api.url());
        let state = State {
            policy: HeaderValue::from_str(&policy).map_err(io::Error::other)?,
            address: listening.0.local_addr()?,
            started_at: now_seconds(),
            stages: stack.stages.clone(),
            clock: stack.clock.clone(),
            function_url: stack.invoke_api.url(),
            issuer: Arc::clone(&stack.issuer),
            issuer_serves: Mutex::new(control::ISSUER_RESTORED),
            lambda: Arc::clone(&stack.lambda),
            recorder: Arc::clone(&stack.recorder),
            explanations: Mutex::default(),
            good: send::GoodToken::default(),
            settings,
        };
        let state = Arc::new(state);
        let server = Server::start(listening.0, move |request| Arc::clone(&state).handle(request))?;
        Ok(Self { server })
    }

    /// Returns the URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.server.address())
    }
}

#[derive(Debug)]
struct State {
    /// The `Content-Security-Policy`.
    policy: HeaderValue,
    address: SocketAddr,
    /// Tells the page that the program was started again.
    started_at: u64,
    /// The clock of the caches and the connections.
    clock: Clock,
    /// The stages of all APIs, with their URLs.
    stages: Vec<(String, Stage)>,
    function_url: String,
    issuer: Arc<Issuer>,
    /// The action that decided what the issuer serves.
    issuer_serves: Mutex<&'static str>,
    lambda: Arc<Lambda>,
    recorder: Arc<Recorder>,
    explanations: Mutex<HashMap<u64, Value>>,
    good: send::GoodToken,
    settings: Vec<String>,
}

/// Asks for the explanation of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Explain {
    number: u64,
}

impl State {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Streamed, Disconnect> {
        let mut answer = match guard::check(self.address, request.headers()) {
            Ok(()) => self.answer(request).await?,
            Err(foreign) => boxed(error(StatusCode::FORBIDDEN, &foreign.to_string())),
        };
        let headers = answer.headers_mut();
        for (name, value) in [
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        Ok(answer)
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Streamed, Disconnect> {
        let (parts, body) = request.into_parts();
        let answer = match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/setup") => json_answer(StatusCode::OK, &self.setup()),
            (&Method::GET, "/requests") => {
                let last = parts.headers.get("last-event-id");
                let seen = last.and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
                return Ok(self.events(seen));
            }
            (&Method::POST, path) => {
                // A form of another page cannot send this type without asking first.
                let content_type = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
                if content_type != Some(b"application/json") {
                    let message = "the content type is not application/json";
                    return Ok(boxed(error(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)));
                }
                let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
                match body {
                    Ok(body) => self.act(path, &body.to_bytes()).await,
                    Err(_) => error(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
                }
            }
            (&Method::GET, path) => {
                let file = files::at(path).or_else(|| docs::at(path.strip_prefix('/')?));
                file.unwrap_or_else(|| error(StatusCode::NOT_FOUND, "there is nothing here"))
            }
            _ => error(StatusCode::NOT_FOUND, "there is nothing here"),
        };
        Ok(boxed(answer))
    }

    /// Does what a POST asks for.
    async fn act(&self, path: &str, body: &[u8]) -> Answer {
        let done = match path {
            "/send" => match read(body) {
                Ok(message) => self.send(message).await,
                Err(message) => Err(message),
            },
            "/disconnect" => match read(body) {
                Ok(send::Connection { id }) => self.disconnect(&id).await,
                Err(message) => Err(message),
            },
            "/token" => read(body)
                .and_then(|token| self.token(&token))
                .map(|token| json!({ "token": token })),
            "/explain" => match read(body) {
                Ok(Explain { number }) => self.explain(number).await,
                Err(message) => Err(message),
            },
            "/trap" => match read(body) {
                Ok(traps::Chosen { id }) => self.spring(&id).await,
                Err(message) => Err(message),
            },
            "/issuer" => read(body).and_then(|action| self.change_issuer(&action)),
            "/authorizer" => read(body).and_then(|change| self.change_authorizer(change)),
            "/lambda" => read(body).and_then(|action| self.change_lambda(&action)),
            "/cache" => read(body).and_then(|action| self.change_caches(&action)),
            _ => return error(StatusCode::NOT_FOUND, "there is nothing here"),
        };
        match done {
            Ok(value) => json_answer(StatusCode::OK, &value),
            Err(message) => error(StatusCode::BAD_REQUEST, &message),
        }
    }

    fn setup(&self) -> Value {
        let stages = self.stages.iter();
        let apis: Vec<Value> =
            stages.map(|(url, stage)| control::describe_stage(url, stage)).collect();
        let own_issuer = self.settings.iter().any(|name| ISSUER_SETTINGS.contains(&name.as_str()));
        json!({
            "started_at": self.started_at,
            "apis": apis,
            "function_url": self.function_url,
            "issuer_serves": *self.issuer_serves.lock().unwrap_or_else(PoisonError::into_inner),
            "lambda": self.lambda.describe(),
            "issuer_url": self.issuer.url(),
            "settings": self.settings,
            "traps": traps::titles(),
            "trusts_built_in_issuer": !own_issuer,
        })
    }

    /// Finds a stage of an API, and its URL. Without a name it is the first one.
    fn stage(&self, api: &str, name: Option<&str>) -> Result<(&str, &Stage), String> {
        let mut stages = self.stages.iter().filter(|(_, it)| it.authorizer.api().name() == api);
        let stage = match name {
            None => stages.next().ok_or_else(|| format!("there is no API {api}")),
            Some(name) => stages
                .find(|(_, stage)| stage.name == name)
                .ok_or_else(|| format!("there is no stage {name} of the API {api}")),
        };
        stage.map(|(url, stage)| (url.as_str(), stage))
    }

    /// Asks the function for each step of its decision on a request.
    async fn explain(&self, number: u64) -> Result<Value, String> {
        let kept = |explanations: &HashMap<u64, Value>| explanations.get(&number).cloned();
        if let Some(explanation) = self.with_explanations(|all| kept(all)) {
            return Ok(explanation);
        }
        let record = self.recorder.find(number).ok_or("this request is not kept any more")?;
        if record.description.pointer("/trap/real") == Some(&Value::Bool(false)) {
            return Err(String::from("another function answered in its place, to show the trap"));
        }
        let event = record.description.pointer("/authorization/event");
        let event = event.ok_or("the request did not reach an authorizer")?;
        let question = json!({ "type": "EXPLAIN", "event": event }).to_string();
        let explanation: Value = match self.lambda.invoke(question.into()).await.outcome {
            Ok(FunctionOutcome::Response(response)) => {
                serde_json::from_slice(&response).map_err(|error| error.to_string())?
            }
            Ok(FunctionOutcome::Error(error)) => return Err(error.to_string()),
            Err(error) => return Err(error.to_string()),
        };
        self.with_explanations(|all| {
            if all.len() == MAX_EXPLANATIONS {
                all.clear();
            }
            all.insert(number, explanation.clone());
        });
        Ok(explanation)
    }

    fn with_explanations<T>(&self, use_them: impl FnOnce(&mut HashMap<u64, Value>) -> T) -> T {
        use_them(&mut self.explanations.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn error(status: StatusCode, message: &str) -> Answer {
    json_answer(status, &json!({ "message": message }))
}

fn boxed(answer: Answer) -> Streamed {
    answer.map(BodyExt::boxed_unsync)
}
