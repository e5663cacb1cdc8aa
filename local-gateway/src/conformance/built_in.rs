//! An API of this process for one case.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

use super::stub;
use super::table::{self, Table};
use crate::authorizer::Authorizer;
use crate::events::{HTTP_API_STAGE, STAGE};
use crate::http_api::HttpApi;
use crate::identity::ApiKind;
use crate::lambda::Lambda;
use crate::recorder::Recorder;
use crate::rest::{GatewayResponses, Listening, RestApi, RestSettings};
use crate::runtime_api::RuntimeApi;
use crate::stack::Stack;
use crate::stage::Stage;
use crate::websocket::WebSocketApi;

/// A running API, with an empty cache. Dropping it stops it.
#[derive(Debug)]
pub struct BuiltIn {
    api: Api,
    authorizer: Arc<Authorizer>,
    recorder: Arc<Recorder>,
    function: Function,
}

/// What answers the authorizer's events.
#[derive(Debug)]
enum Function {
    Real(Arc<Lambda>),
    Stub { runtime_api: Arc<RuntimeApi>, answering: JoinHandle<()> },
}

#[derive(Debug)]
enum Api {
    WebSocket(WebSocketApi),
    Rest(RestApi),
    Http(HttpApi),
}

impl BuiltIn {
    /// Starts an API of the table. Its authorizer is the stack's function, or else the stub.
    ///
    /// # Errors
    ///
    /// When the table has a mistake, or no port is free.
    pub async fn start(
        table: &Table,
        api: &table::Api,
        function: Option<&Stack>,
    ) -> io::Result<Self> {
        let unknown = || io::Error::other("the table has an unknown kind of authorizer");
        let config = api.authorizer().ok_or_else(unknown)?;
        let kind = config.kind.api();
        let (function, authorizer) = match function {
            Some(stack) => {
                let lambda = Arc::clone(&stack.lambda);
                (Function::Real(Arc::clone(&lambda)), Authorizer::new(lambda, config))
            }
            None => {
                let runtime_api = Arc::new(RuntimeApi::start().await?);
                let answering = answer(Arc::clone(&runtime_api), table.responses.clone());
                let answering = tokio::spawn(answering);
                let function = Function::Stub { runtime_api: Arc::clone(&runtime_api), answering };
                (function, Authorizer::new(runtime_api, config))
            }
        };
        let authorizer = Arc::new(authorizer.map_err(io::Error::other)?);
        let recorder = Arc::new(Recorder::default());
        let (for_api, records) = (Arc::clone(&authorizer), Arc::clone(&recorder));
        let api = match kind {
            ApiKind::WebSocket => {
                Api::WebSocket(WebSocketApi::start_at(0, for_api, records).await?)
            }
            ApiKind::Rest => {
                let responses = api.gateway_responses.clone().into_iter().collect();
                let settings = RestSettings {
                    gateway_responses: serde_json::from_value::<GatewayResponses>(Value::Object(
                        responses,
                    ))?,
                    api_keys: api.api_keys.clone(),
                    integration: Arc::default(),
                };
                let stages = vec![Stage::new(STAGE, for_api)];
                let listening = Listening::at(0).await?;
                Api::Rest(RestApi::start_stages(listening, stages, settings, records)?)
            }
            ApiKind::Http => {
                let stages = vec![Stage::new(HTTP_API_STAGE, for_api)];
                Api::Http(HttpApi::start(0, stages, Arc::default(), records).await?)
            }
        };
        Ok(Self { api, authorizer, recorder, function })
    }

    /// Returns the API's URL.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.api {
            Api::WebSocket(api) => api.url(),
            Api::Rest(api) => api.url(),
            Api::Http(api) => api.url(),
        }
    }

    /// Makes cached responses older.
    pub(super) fn advance(&self, duration: Duration) {
        self.authorizer.clock().advance(duration);
    }

    /// Returns how many invocations the function has taken so far.
    pub(super) fn invocations(&self) -> usize {
        match &self.function {
            Function::Real(lambda) => lambda.invocations(),
            Function::Stub { runtime_api, .. } => runtime_api.taken_so_far(),
        }
    }

    /// Tells whether the latest request was answered from the cache.
    pub(super) fn was_cached(&self) -> bool {
        self.latest()["cache"]["use"] == "hit"
    }

    /// Tells whether the record of the latest request has an invocation.
    pub(super) fn recorded_invocation(&self) -> bool {
        self.latest()["invoked_ms"].is_number()
    }

    fn latest(&self) -> Value {
        let record = self.recorder.all().pop();
        record.map(|record| record.description["authorization"].clone()).unwrap_or_default()
    }
}

impl Drop for BuiltIn {
    fn drop(&mut self) {
        if let Function::Stub { answering, .. } = &self.function {
            answering.abort();
        }
    }
}

/// Answers events in place of the real function, without an end.
async fn answer(runtime_api: Arc<RuntimeApi>, responses: BTreeMap<String, Value>) {
    while let Some((event, id)) = runtime_api.take().await {
        let event = serde_json::from_slice(&event).unwrap_or_default();
        runtime_api.complete(&id, stub::respond(&responses, &event, &id));
    }
}
