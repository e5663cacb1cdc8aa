//! Asks the function as a WebSocket API does, and tells what its client would see.

#![allow(dead_code, reason = "each test binary asks for its own part")]

use std::sync::Arc;

use local_gateway::events;
use local_gateway::invocation::{Deadline, FunctionOutcome, InvokeError};
use local_gateway::policy;
use local_gateway::request::Request;
use local_gateway::runtime_api::RuntimeApi;

/// Invokes the function as a WebSocket API does.
#[derive(Clone)]
pub(crate) struct Gateway(Arc<RuntimeApi>);

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self(Arc::new(RuntimeApi::start().await.unwrap()))
    }

    /// Where the function takes its invocations from.
    pub(crate) fn runtime_api(&self) -> &RuntimeApi {
        &self.0
    }

    pub(crate) async fn ask(&self, token: &str) -> Verdict {
        self.ask_before(Deadline::default(), token).await
    }

    pub(crate) async fn ask_before(&self, deadline: Deadline, token: &str) -> Verdict {
        let event = Request::handshake().bearer(token).websocket_connect().to_string();
        match self.0.invoke_before(deadline, event).await {
            Ok(FunctionOutcome::Response(answer)) => {
                match policy::evaluate(&answer, &events::connect_arn()).expect("a valid policy") {
                    policy::PolicyDecision::Allow(_) => Verdict::Allow,
                    policy::PolicyDecision::Deny(_) => Verdict::Deny,
                }
            }
            Ok(FunctionOutcome::Error(error)) if error.error_message == "Unauthorized" => {
                Verdict::Unauthorized
            }
            Ok(FunctionOutcome::Error(error)) => {
                let prefix = format!("{}: ", error.error_type);
                assert!(error.error_message.starts_with(&prefix), "{error}");
                Verdict::Fault(error.error_type)
            }
            Err(InvokeError::Timeout(_)) => Verdict::TimedOut,
            Err(InvokeError::InitError(error)) => panic!("the function failed to start: {error}"),
        }
    }
}

/// What the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    /// A 403, which API Gateway may cache.
    Deny,
    /// A 401.
    Unauthorized,
    /// A 500, for this reason.
    Fault(String),
    /// A 500 as well: no answer before the deadline.
    TimedOut,
}

impl Verdict {
    /// There are no keys to judge the token by.
    pub(crate) fn keys_unavailable() -> Self {
        Self::Fault("keys_unavailable".to_owned())
    }
}
