//! Uses the Runtime API from both sides: as the function and as the invoker.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, SystemTime};

use local_gateway::invocation::{Deadline, FunctionError, FunctionOutcome, InvokeError};
use local_gateway::runtime_api::{FUNCTION_ARN, RuntimeApi};
use support::{Runtime, http_client, report};

async fn start() -> (RuntimeApi, Runtime) {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = Runtime::connect(api.address());
    (api, runtime)
}

fn function_error(error_type: &str, error_message: &str) -> FunctionError {
    FunctionError { error_type: error_type.into(), error_message: error_message.into() }
}

#[tokio::test]
async fn passes_the_event_to_the_function_and_the_response_back() {
    let (api, runtime) = start().await;
    let (outcome, ()) = tokio::join!(api.invoke("event"), async {
        let taken = runtime.next().await;
        assert_eq!(taken.event, "event");
        assert_eq!(taken.headers["lambda-runtime-invoked-function-arn"], FUNCTION_ARN);
        assert!(taken.headers.contains_key("lambda-runtime-trace-id"));
        assert_eq!(runtime.respond(&taken.id, "response").await.status(), 202);
    });
    assert_eq!(outcome, Ok(FunctionOutcome::Response("response".into())));
}

#[tokio::test]
async fn passes_an_error_back() {
    let (api, runtime) = start().await;
    let (outcome, ()) = tokio::join!(api.invoke("event"), async {
        let taken = runtime.next().await;
        assert_eq!(runtime.fail(&taken.id, "Refusal", "Unauthorized").await.status(), 202);
    });
    assert_eq!(outcome, Ok(FunctionOutcome::Error(function_error("Refusal", "Unauthorized"))));
}

#[tokio::test]
async fn sends_the_deadline_to_the_function() {
    let (api, runtime) = start().await;
    let before = SystemTime::now();
    let deadline = Deadline::In(Duration::from_secs(60));
    let (outcome, ()) = tokio::join!(api.invoke_before(deadline, "event"), async {
        let taken = runtime.next().await;
        let told = taken.headers["lambda-runtime-deadline-ms"].to_str().unwrap().parse().unwrap();
        let told = SystemTime::UNIX_EPOCH + Duration::from_millis(told);
        // The header has whole milliseconds.
        assert!(told + Duration::from_millis(1) > before + Duration::from_secs(60));
        assert!(told <= SystemTime::now() + Duration::from_secs(60));
        runtime.respond(&taken.id, "response").await;
    });
    outcome.unwrap();
}

#[tokio::test]
async fn sends_any_deadline_header_to_the_function() {
    let (api, runtime) = start().await;
    let deadline =
        Deadline::Told { header: "600000".parse().unwrap(), timeout: Duration::from_secs(60) };
    let (outcome, ()) = tokio::join!(api.invoke_before(deadline, "event"), async {
        let taken = runtime.next().await;
        assert_eq!(taken.headers["lambda-runtime-deadline-ms"], "600000");
        runtime.respond(&taken.id, "response").await;
    });
    outcome.unwrap();
}

#[tokio::test]
async fn times_out_if_the_function_does_not_respond() {
    let (api, runtime) = start().await;
    let timeout = Duration::from_millis(1);
    let outcome = api.invoke_before(Deadline::In(timeout), "lost").await;
    assert_eq!(outcome, Err(InvokeError::Timeout(timeout)));

    let (outcome, ()) = tokio::join!(api.invoke("next"), async {
        let taken = runtime.next().await;
        assert_eq!(taken.event, "next", "nobody waits for the one that timed out");
        runtime.respond(&taken.id, "response").await;
    });
    outcome.unwrap();
}

#[tokio::test]
async fn rejects_a_second_response_and_an_unknown_id() {
    let (api, runtime) = start().await;
    let (_, id) = tokio::join!(api.invoke("event"), async {
        let taken = runtime.next().await;
        runtime.respond(&taken.id, "response").await;
        taken.id
    });
    assert_eq!(runtime.respond(&id, "again").await.status(), 400);
    assert_eq!(runtime.fail("unknown", "E", "m").await.status(), 400);
    assert_eq!(runtime.post("invocation/next", "").await.status(), 404);
}

#[tokio::test]
async fn serves_many_pollers_at_once() {
    const POLLERS: usize = 20;
    let (api, runtime) = start().await;
    // The first poller responds only when all of them have taken an invocation.
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(POLLERS));
    for _ in 0..POLLERS {
        let runtime = runtime.clone();
        let barrier = barrier.clone();
        tokio::spawn(async move {
            let taken = runtime.next().await;
            barrier.wait().await;
            runtime.respond(&taken.id, format!("response to {}", taken.event)).await;
        });
    }
    let api = std::sync::Arc::new(api);
    let mut invokers = tokio::task::JoinSet::new();
    for number in 0..POLLERS {
        let api = api.clone();
        invokers.spawn(async move {
            let outcome = api.invoke(number.to_string()).await;
            assert_eq!(
                outcome,
                Ok(FunctionOutcome::Response(format!("response to {number}").into()))
            );
        });
    }
    invokers.join_all().await;
}

#[tokio::test]
async fn is_ready_when_the_function_asks_for_its_first_invocation() {
    let (api, runtime) = start().await;
    let poller = tokio::spawn(async move { runtime.next().await });
    assert_eq!(api.ready().await, Ok(()));
    poller.abort();
}

#[tokio::test]
async fn reports_a_failed_start_to_all_that_wait() {
    let (api, runtime) = start().await;
    let error = function_error("Config", "AUTHORIZER_ISSUER is missing");
    let (invoked, ready, reported, posted) = tokio::join!(
        api.invoke("event"),
        api.ready(),
        api.init_error(),
        runtime.post("init/error", report(&error.error_type, &error.error_message)),
    );
    assert_eq!(invoked, Err(InvokeError::InitError(error.clone())));
    assert_eq!(ready, Err(error.clone()));
    assert_eq!(reported, error);
    assert_eq!(posted.status(), 202);
}

#[tokio::test]
async fn a_web_page_cannot_answer_in_the_functions_place() {
    let (api, runtime) = start().await;
    let invocation = api.invoke("event");
    let answers = async {
        let taken = runtime.next().await;
        let url =
            format!("http://{}/2018-06-01/runtime/invocation/{}/response", api.address(), taken.id);
        for (name, value) in [
            ("Origin", "https://elsewhere.example"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Host", "rebound.example"),
        ] {
            let request = http_client().post(&url).header(name, value).body("forged");
            assert_eq!(request.send().await.unwrap().status(), 403, "{name}");
        }
        assert_eq!(runtime.respond(&taken.id, "response").await.status(), 202);
    };
    let (outcome, ()) = tokio::join!(invocation, answers);
    assert_eq!(outcome, Ok(FunctionOutcome::Response("response".into())));
}
