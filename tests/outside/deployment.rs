//! The built function behind a Runtime API, asked as API Gateway asks and judged as it judges.

use std::path::Path;
use std::time::Duration;

use local_gateway::function::Function;
use local_gateway::invocation::{Deadline, FunctionOutcome};
use local_gateway::issuer::{AUDIENCE, Issuer};
use local_gateway::log::Follower;
use local_gateway::policy::{self, Caller, PolicyDecision};
use local_gateway::runtime_api::RuntimeApi;
use serde_json::Value;
use tokio::time::timeout;

/// How long a log line may take to be written and read.
const PATIENCE: Duration = Duration::from_secs(10);

/// The function as cargo built it for this test.
pub(crate) const EXECUTABLE: &str = env!("CARGO_BIN_EXE_jwks-authorizer");

/// A running function.
pub(crate) struct Deployment {
    runtime_api: RuntimeApi,
    function: Function,
    log: Follower,
}

/// What a client sees that is not let in, and what its operator reads in the log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    /// The HTTP status that API Gateway answers with.
    pub(crate) status: u16,
    /// The reason code.
    pub(crate) reason: String,
}

/// A 401.
pub(crate) fn unauthorized(reason: &str) -> Refused {
    Refused { status: 401, reason: reason.to_owned() }
}

/// A 403.
pub(crate) fn forbidden(reason: &str) -> Refused {
    Refused { status: 403, reason: reason.to_owned() }
}

/// A 500.
pub(crate) fn fault(reason: &str) -> Refused {
    Refused { status: 500, reason: reason.to_owned() }
}

impl Deployment {
    /// Starts the function for one issuer's tokens, with `settings` on top.
    pub(crate) async fn trusting(issuer: &Issuer, settings: &[(&str, &str)]) -> Self {
        let trust = [("AUTHORIZER_ISSUER", issuer.url()), ("AUTHORIZER_AUDIENCE", AUDIENCE)];
        Self::start(&[&trust, settings].concat()).await
    }

    /// Starts the function with these environment variables and waits until it takes events.
    pub(crate) async fn start(environment: &[(&str, &str)]) -> Self {
        let runtime_api = RuntimeApi::start().await.unwrap();
        let mut function = start_function(&runtime_api, environment);
        let log = function.follow_log();
        tokio::select! {
            // A function that reports a failed start then ends: its report says more.
            biased;
            ready = runtime_api.ready() => ready.unwrap(),
            status = function.wait() => panic!("{}: {}", status.unwrap(), function.log().join("\n")),
        }
        Self { runtime_api, function, log }
    }

    /// Lets API Gateway ask for a request; returns who was let in, or how it was refused.
    ///
    /// # Panics
    ///
    /// Where answer and log line contradict each other, or API Gateway would not take the answer.
    pub(crate) async fn ask(&mut self, event: &Value) -> Result<Caller, Refused> {
        self.ask_for_more(event).await.0
    }

    /// As [`Deployment::ask`], with the log line about the decision.
    pub(crate) async fn ask_for_more(&mut self, event: &Value) -> (Result<Caller, Refused>, Value) {
        let answer = self.invoke(event.to_string()).await;
        let line = self.decision().await;
        (judge(event, &answer, &line), line)
    }

    /// Invokes the function with anything.
    pub(crate) async fn invoke(&self, event: impl Into<Vec<u8>>) -> FunctionOutcome {
        self.runtime_api.invoke(event.into()).await.unwrap()
    }

    /// Invokes the function with a deadline of its own.
    pub(crate) async fn invoke_before(&self, deadline: Deadline, event: &Value) -> FunctionOutcome {
        self.runtime_api.invoke_before(deadline, event.to_string()).await.unwrap()
    }

    /// Waits for the log line about the next decision.
    pub(crate) async fn decision(&mut self) -> Value {
        let is_decision = |line: &str| read(line).is_some_and(|line| line["decision"].is_string());
        let line = timeout(PATIENCE, self.log.line(is_decision)).await;
        let line = line.ok().flatten().expect("the function logs each decision");
        read(&line).unwrap()
    }

    /// Waits for the first log line with `text` in it, from the function's start on.
    pub(crate) async fn logged(&self, text: &str) -> String {
        let line = timeout(PATIENCE, self.function.log_line(|line| line.contains(text))).await;
        line.ok().flatten().unwrap_or_else(|| panic!("{text:?} is not in the log"))
    }

    /// Returns what it has logged so far, all lines about the decisions so far included.
    pub(crate) fn log(&self) -> Vec<String> {
        self.function.log()
    }

    /// Takes Lambda away, which ends the function, and returns all that it ever logged.
    pub(crate) async fn end(mut self) -> Vec<String> {
        drop(self.runtime_api);
        self.function.wait().await.unwrap();
        let beyond_the_last = self.function.log_line(|_| false).await;
        assert_eq!(beyond_the_last, None);
        self.function.log()
    }
}

/// Starts the function in Lambda's environment and `environment`, and waits for nothing.
pub(crate) fn start_function(runtime_api: &RuntimeApi, environment: &[(&str, &str)]) -> Function {
    // Allowed requests are logged at this level.
    let defaults = [("AWS_LAMBDA_LOG_LEVEL", "DEBUG")];
    let environment = defaults.iter().chain(environment).copied();
    Function::start(Path::new(EXECUTABLE), runtime_api.address(), environment).unwrap()
}

fn read(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok()
}

/// Makes of an answer what API Gateway makes of it, and holds the log line against it.
fn judge(event: &Value, answer: &FunctionOutcome, line: &Value) -> Result<Caller, Refused> {
    let decision = line["decision"].as_str().unwrap();
    let reason = line["reason"].as_str();
    let refused = |status: u16| Refused { status, reason: reason.unwrap().to_owned() };
    match answer {
        FunctionOutcome::Error(error) if error.error_message == "Unauthorized" => {
            assert_eq!(decision, "unauthorized", "{line}");
            Err(refused(401))
        }
        FunctionOutcome::Error(error) => {
            assert_eq!(decision, "error", "{error} but {line}");
            let message = format!("{}: {}", reason.unwrap(), line["message"].as_str().unwrap());
            assert_eq!(error.error_message, message);
            Err(refused(500))
        }
        FunctionOutcome::Response(body) => match evaluate(event, body) {
            PolicyDecision::Allow(caller) => {
                assert_eq!((decision, reason), ("allow", None), "{line}");
                Ok(caller)
            }
            PolicyDecision::Deny(caller) => {
                assert!(["deny", "unauthorized"].contains(&decision), "denied but {line}");
                assert_eq!(caller.context["reason"], line["reason"]);
                Err(refused(403))
            }
        },
    }
}

/// Reads an answer in either of its forms.
pub(crate) fn evaluate(event: &Value, body: &[u8]) -> PolicyDecision {
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
        PolicyDecision::Allow(caller)
    } else {
        PolicyDecision::Deny(caller)
    }
}
