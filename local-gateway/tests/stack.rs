//! The stack's start, when the function does not live up to it.

#![cfg(unix)]

use std::path::Path;

use local_gateway::stack::{Stack, StartError};

#[tokio::test]
async fn tells_what_a_function_wrote_that_ends_at_once() {
    let error = Stack::start(Path::new("/usr/bin/env"), &[("AUTHORIZER_LEEWAY_SECONDS", "7")])
        .await
        .unwrap_err();
    let StartError::Ended { status, log } = error else { panic!("another error: {error}") };
    assert!(status.success());
    assert!(log.contains("AUTHORIZER_ISSUER=http://127.0.0.1:"), "{log}");
    assert!(log.contains("AUTHORIZER_LEEWAY_SECONDS=7"), "{log}");
}

#[tokio::test]
async fn tells_when_there_is_no_function() {
    let error = Stack::start(Path::new("/nonexistent"), &[]).await.unwrap_err();
    assert!(matches!(error, StartError::Io(_)), "{error}");
}
