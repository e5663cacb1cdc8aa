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
async fn leaves_the_issuer_and_the_audience_to_a_user_who_sets_one_of_them() {
    for (name, value) in [
        ("AUTHORIZER_ISSUER", "https://issuer.example"),
        ("AUTHORIZER_ISSUERS", "[]"),
        ("AUTHORIZER_ISSUERS_FILE", "/issuers.json"),
    ] {
        let error = Stack::start(Path::new("/usr/bin/env"), &[(name, value)]).await.unwrap_err();
        let StartError::Ended { log, .. } = error else { panic!("another error: {error}") };
        let settings: Vec<&str> =
            log.lines().filter(|line| line.starts_with("AUTHORIZER_")).collect();
        assert_eq!(settings, [format!("{name}={value}")]);
    }
}

#[tokio::test]
async fn tells_when_there_is_no_function() {
    let settings: [(&str, &str); 0] = [];
    let error = Stack::start(Path::new("/nonexistent"), &settings).await.unwrap_err();
    assert!(matches!(error, StartError::Function { .. }), "{error}");
    assert_eq!(error.to_string(), "could not start the function, /nonexistent");
}
