//! Starts the stack with functions that do not start.

#![cfg(unix)]

use std::path::Path;

use local_gateway::stack::{Stack, StartError};

#[tokio::test]
async fn reports_the_output_of_a_function_that_ends_at_once() {
    let error = Stack::start(Path::new("/usr/bin/env"), &[("AUTHORIZER_LEEWAY_SECONDS", "7")])
        .await
        .unwrap_err();
    let StartError::Ended { status, log } = error else { panic!("another error: {error}") };
    assert!(status.success());
    assert!(log.contains("AUTHORIZER_ISSUER=http://127.0.0.1:"), "{log}");
    assert!(log.contains("AUTHORIZER_LEEWAY_SECONDS=7"), "{log}");
}

#[tokio::test]
async fn sets_no_issuer_and_audience_if_the_user_names_an_issuer() {
    for (name, value) in
        [("AUTHORIZER_ISSUER", "https://issuer.example"), ("AUTHORIZER_ISSUERS", "[]")]
    {
        let error = Stack::start(Path::new("/usr/bin/env"), &[(name, value)]).await.unwrap_err();
        let StartError::Ended { log, .. } = error else { panic!("another error: {error}") };
        let settings: Vec<&str> =
            log.lines().filter(|line| line.starts_with("AUTHORIZER_")).collect();
        assert_eq!(settings, [format!("{name}={value}")]);
    }
}

#[tokio::test]
async fn reports_an_executable_that_does_not_exist() {
    let settings: [(&str, &str); 0] = [];
    let error = Stack::start(Path::new("/nonexistent"), &settings).await.unwrap_err();
    assert!(matches!(error, StartError::Function { .. }), "{error}");
    assert_eq!(error.to_string(), "could not start the function, /nonexistent");
}
