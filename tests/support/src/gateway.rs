//! Invokes the function as API Gateway does, and says what the client sees.

use std::sync::Arc;

use local_gateway::events;
use local_gateway::invocation::{Deadline, FunctionOutcome, InvokeError};
use local_gateway::policy::{self, Caller};
use local_gateway::request::Request;
use local_gateway::runtime_api::RuntimeApi;
use serde_json::Value;

/// Invokes the function as a WebSocket API does. Clones can invoke it at the same time.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<RuntimeApi>);

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self(Arc::new(RuntimeApi::start().await.unwrap()))
    }

    /// Returns the API from which the function takes its invocations.
    #[must_use]
    pub fn runtime_api(&self) -> &RuntimeApi {
        &self.0
    }

    /// Sends a WebSocket handshake with a token.
    pub async fn ask(&self, token: &str) -> Verdict {
        self.ask_before(Deadline::default(), token).await
    }

    /// Sends a WebSocket handshake with a token and a deadline.
    pub async fn ask_before(&self, deadline: Deadline, token: &str) -> Verdict {
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
            // The Runtime API itself has no other errors than this one.
            Err(error) => panic!("{error}"),
        }
    }
}

/// What the client of a WebSocket API sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The handshake succeeds.
    Allow,
    /// A 403.
    Deny,
    /// A 401.
    Unauthorized,
    /// A 500, for this reason.
    Fault(String),
    /// A 500: there was no answer before the deadline.
    TimedOut,
}

impl Verdict {
    /// A 500, because there are no keys.
    #[must_use]
    pub fn keys_unavailable() -> Self {
        Self::Fault("keys_unavailable".to_owned())
    }
}

/// What a refused client sees, and what the log says about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The HTTP status that API Gateway answers with.
    pub status: u16,
    /// The reason code.
    pub reason: String,
}

/// A 401.
#[must_use]
pub fn unauthorized(reason: &str) -> Refused {
    Refused { status: 401, reason: reason.to_owned() }
}

/// A 403.
#[must_use]
pub fn forbidden(reason: &str) -> Refused {
    Refused { status: 403, reason: reason.to_owned() }
}

/// A 500.
#[must_use]
pub fn fault(reason: &str) -> Refused {
    Refused { status: 500, reason: reason.to_owned() }
}

/// Returns what API Gateway makes of an answer, and checks that the log line says the same.
pub(crate) fn judge(
    event: &Value,
    answer: &FunctionOutcome,
    line: &Value,
) -> Result<Caller, Refused> {
    let decision = line["decision"].as_str().unwrap();
    let reason = line["reason"].as_str();
    match answer {
        FunctionOutcome::Error(error) if error.error_message == "Unauthorized" => {
            assert_eq!(decision, "unauthorized", "{line}");
            Err(unauthorized(reason.unwrap()))
        }
        FunctionOutcome::Error(error) => {
            assert_eq!(decision, "error", "{error} but {line}");
            let message = format!("{}: {}", reason.unwrap(), line["message"].as_str().unwrap());
            assert_eq!(error.error_message, message);
            Err(fault(reason.unwrap()))
        }
        FunctionOutcome::Response(body) => match evaluate(event, body) {
            policy::PolicyDecision::Allow(caller) => {
                assert_eq!((decision, reason), ("allow", None), "{line}");
                Ok(caller)
            }
            policy::PolicyDecision::Deny(caller) => {
                assert!(["deny", "unauthorized"].contains(&decision), "denied but {line}");
                assert_eq!(caller.context["reason"], line["reason"]);
                Err(forbidden(reason.unwrap()))
            }
        },
    }
}

/// Evaluates an answer: a policy, or the simple response of an HTTP API.
#[must_use]
pub fn evaluate(event: &Value, body: &[u8]) -> policy::PolicyDecision {
    let answer: Value = serde_json::from_slice(body).unwrap();
    let Some(is_authorized) = answer.get("isAuthorized") else {
        let arn = event.get("routeArn").or_else(|| event.get("methodArn")).unwrap();
        return policy::evaluate(body, arn.as_str().unwrap()).unwrap();
    };
    assert_eq!(event["version"], "2.0", "only payload 2.0 has simple answers");
    assert_eq!(answer.as_object().unwrap().len(), 2, "isAuthorized, context and nothing else");
    let context = answer["context"].as_object().unwrap().clone();
    let caller = Caller { principal_id: String::new(), context };
    if is_authorized.as_bool().unwrap() {
        policy::PolicyDecision::Allow(caller)
    } else {
        policy::PolicyDecision::Deny(caller)
    }
}
