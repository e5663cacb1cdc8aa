//! The Runtime API, seen from the function and from the invoker at once.

#![allow(clippy::unwrap_used, reason = "a test's way to fail")]

mod support;

use std::time::{Duration, SystemTime};

use local_gateway::invocation::{Answer, Deadline, FunctionError, InvokeError};
use local_gateway::runtime_api::{FUNCTION_ARN, RuntimeApi};
use support::{Runtime, report};

async fn start() -> (RuntimeApi, Runtime) {
    let api = RuntimeApi::start().await.unwrap();
    let runtime = Runtime::connect(api.address());
    (api, runtime)
}

fn function_error(error_type: &str, error_message: &str) -> FunctionError {
    FunctionError { error_type: error_type.into(), error_message: error_message.into() }
}

#[tokio::test]
async fn hands_an_event_to_the_function_and_its_answer_back() {
    let (api, runtime) = start().await;
    let (answer, ()) = tokio::join!(api.invoke("event"), async {
        let taken = runtime.next().await;
        assert_eq!(taken.event, "event");
        assert_eq!(taken.headers["lambda-runtime-invoked-function-arn"], FUNCTION_ARN);
        assert!(taken.headers.contains_key("lambda-runtime-trace-id"));
        assert_eq!(runtime.respond(&taken.id, "answer").await.status(), 202);
    });
    assert_eq!(answer, Ok(Answer::Response("answer".into())));
}

#[tokio::test]
async fn tells_a_functions_error_from_its_answer() {
    let (api, runtime) = start().await;
    let (answer, ()) = tokio::join!(api.invoke("event"), async {
        let taken = runtime.next().await;
        assert_eq!(runtime.fail(&taken.id, "Refusal", "Unauthorized").await.status(), 202);
    });
    assert_eq!(answer, Ok(Answer::Error(function_error("Refusal", "Unauthorized"))));
}

#[tokio::test]
async fn tells_the_function_when_its_time_is_up() {
    let (api, runtime) = start().await;
    let before = SystemTime::now();
    let deadline = Deadline::In(Duration::from_secs(60));
    let (answer, ()) = tokio::join!(api.invoke_before(deadline, "event"), async {
        let taken = runtime.next().await;
        let told = taken.headers["lambda-runtime-deadline-ms"].to_str().unwrap().parse().unwrap();
        let told = SystemTime::UNIX_EPOCH + Duration::from_millis(told);
        // The header has whole milliseconds.
        assert!(told + Duration::from_millis(1) > before + Duration::from_secs(60));
        assert!(told <= SystemTime::now() + Duration::from_secs(60));
        runtime.respond(&taken.id, "answer").await;
    });
    answer.unwrap();
}

#[tokio::test]
async fn tells_the_function_any_deadline() {
    let (api, runtime) = start().await;
    let deadline =
        Deadline::Told { header: "600000".parse().unwrap(), timeout: Duration::from_secs(60) };
    let (answer, ()) = tokio::join!(api.invoke_before(deadline, "event"), async {
        let taken = runtime.next().await;
        assert_eq!(taken.headers["lambda-runtime-deadline-ms"], "600000");
        runtime.respond(&taken.id, "answer").await;
    });
    answer.unwrap();
}

#[tokio::test]
async fn gives_up_on_a_function_that_does_not_answer() {
    let (api, runtime) = start().await;
    let timeout = Duration::from_millis(1);
    let answer = api.invoke_before(Deadline::In(timeout), "lost").await;
    assert_eq!(answer, Err(InvokeError::Timeout(timeout)));

    let (answer, ()) = tokio::join!(api.invoke("next"), async {
        let taken = runtime.next().await;
        assert_eq!(taken.event, "next", "nobody waits for the lost one");
        runtime.respond(&taken.id, "answer").await;
    });
    answer.unwrap();
}

#[tokio::test]
async fn refuses_an_answer_that_comes_too_late_or_twice() {
    let (api, runtime) = start().await;
    let (_, id) = tokio::join!(api.invoke("event"), async {
        let taken = runtime.next().await;
        runtime.respond(&taken.id, "answer").await;
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
    // All of them hold an invocation before the first one answers.
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(POLLERS));
    for _ in 0..POLLERS {
        let runtime = runtime.clone();
        let barrier = barrier.clone();
        tokio::spawn(async move {
            let taken = runtime.next().await;
            barrier.wait().await;
            runtime.respond(&taken.id, format!("answer to {}", taken.event)).await;
        });
    }
    let api = std::sync::Arc::new(api);
    let mut invokers = tokio::task::JoinSet::new();
    for number in 0..POLLERS {
        let api = api.clone();
        invokers.spawn(async move {
            let answer = api.invoke(number.to_string()).await;
            assert_eq!(answer, Ok(Answer::Response(format!("answer to {number}").into())));
        });
    }
    invokers.join_all().await;
}

#[tokio::test]
async fn is_ready_once_the_function_asks_for_work() {
    let (api, runtime) = start().await;
    let poller = tokio::spawn(async move { runtime.next().await });
    assert_eq!(api.ready().await, Ok(()));
    poller.abort();
}

#[tokio::test]
async fn reports_a_failed_start_to_everyone_who_waits() {
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
