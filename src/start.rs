//! What happens before the first invocation.

use std::env;
use std::io;
use std::time::Duration;

use jwks_authorizer::{Authorizer, Config};
use lambda_runtime::{Diagnostic, Error};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{Client, build_request};
use tokio::time::timeout;
use tracing::warn;

/// Makes the runtime that fits: one thread, unless Lambda announces that
/// invocations will come concurrently. More threads would cost each invocation
/// more than the check of a signature.
pub(crate) fn tokio_runtime() -> io::Result<tokio::runtime::Runtime> {
    let concurrency =
        env::var("AWS_LAMBDA_MAX_CONCURRENCY").ok().and_then(|number| number.parse::<u32>().ok());
    let mut builder = if concurrency.is_some_and(|number| number > 1) {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder.enable_all().build()
}

/// Checks that Lambda, or something like it, has started us: the runtime library
/// takes that for granted.
pub(crate) fn check_lambda_environment() -> Result<(), Error> {
    const NEEDED: [&str; 4] = [
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
    ];
    let missing: Vec<_> = NEEDED.into_iter().filter(|name| env::var(name).is_err()).collect();
    if !missing.is_empty() {
        return Err(format!(
            "this is a Lambda function, and {} is not set; `cargo run -p local-gateway` runs it on this machine",
            missing.join(", ")
        )
        .into());
    }
    if env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").is_ok_and(|size| size.parse::<i32>().is_err()) {
        return Err("AWS_LAMBDA_FUNCTION_MEMORY_SIZE is not a number".into());
    }
    Ok(())
}

/// Reads the settings and fetches the first keys.
pub(crate) async fn authorizer() -> Result<Authorizer, Error> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let variables = env::vars_os().map(|(name, value)| (text(name), text(value)));
    let config = Config::from_variables(variables)?;
    for warning in &config.warnings {
        warn!("{warning}");
    }
    if let Some(warning) = slow_build(option_env!("AWS_LC_SYS_NO_JITTER_ENTROPY")) {
        warn!("{warning}");
    }
    Ok(Authorizer::start(config).await?)
}

/// Says what is wrong with a build that the project's `.cargo/config.toml` had no part in. It works
/// as any other, and nothing else would tell why it starts slowly.
fn slow_build(no_jitter_entropy: Option<&str>) -> Option<&'static str> {
    // What AWS-LC's build takes for yes.
    let is_yes = |value: String| {
        value.starts_with(|first| matches!(first, 'y' | 't' | '1'..='9')) || value.starts_with("on")
    };
    if no_jitter_entropy.map(str::to_ascii_lowercase).is_some_and(is_yes) {
        return None;
    }
    Some(
        "this build measures jitter for tens of milliseconds at each cold start; build it with AWS_LC_SYS_NO_JITTER_ENTROPY=1, as .cargo/config.toml says",
    )
}

/// Tells Lambda that the function cannot start. `lambda_runtime` keeps its own
/// way of doing so to itself.
///
/// See [initialization error](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror).
pub(crate) async fn report_init_error(error: &(dyn std::error::Error + Send + Sync)) {
    /// The Runtime API is on this machine.
    const TIME_TO_REPORT: Duration = Duration::from_secs(2);
    match timeout(TIME_TO_REPORT, post_init_error(error)).await {
        Ok(Ok(())) => {}
        Ok(Err(cause)) => warn!("the failed start could not be reported to Lambda: {cause}"),
        Err(_) => warn!("the failed start could not be reported to Lambda in time"),
    }
}

async fn post_init_error(error: &(dyn std::error::Error + Send + Sync)) -> Result<(), Error> {
    const ERROR_TYPE: &str = "Runtime.InvalidSettings";
    let diagnostic =
        Diagnostic { error_type: ERROR_TYPE.to_owned(), error_message: error.to_string() };
    let request = build_request()
        .method("POST")
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", ERROR_TYPE)
        .body(Body::from(serde_json::to_string(&diagnostic)?))?;
    Client::builder().build()?.call(request).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_build_that_starts_slowly() {
        for no in [None, Some(""), Some("0"), Some("01"), Some("false"), Some("No"), Some("off")] {
            assert!(slow_build(no).is_some(), "{no:?}");
        }
        for yes in ["1", "2", "true", "TRUE", "Yes", "on"] {
            assert!(slow_build(Some(yes)).is_none(), "{yes}");
        }
    }

    #[test]
    fn is_no_such_build() {
        assert_eq!(slow_build(option_env!("AWS_LC_SYS_NO_JITTER_ENTROPY")), None);
    }
}
