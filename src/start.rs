//! The start of the executable, before the first invocation.

use std::env;
use std::io;
use std::time::Duration;

use jwks_authorizer::config::ConfigError;
use jwks_authorizer::{Authorizer, Config};
use lambda_runtime::{Diagnostic, Error};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{Client, build_request};
use tokio::time::timeout;
use tracing::warn;

use crate::after_answer::Invocations;

/// The variable with the address of the Runtime API, which Lambda sets.
pub(crate) const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Builds the Tokio runtime: multi-threaded if Lambda sends concurrent invocations. Otherwise
/// further threads would cost each invocation more CPU time than the check of a signature.
pub(crate) fn tokio_runtime() -> io::Result<tokio::runtime::Runtime> {
    let mut builder = match invocations() {
        Invocations::Concurrent => tokio::runtime::Builder::new_multi_thread(),
        Invocations::OneAtATime => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

/// Returns how Lambda sends invocations to this environment.
pub(crate) fn invocations() -> Invocations {
    announced_by(env::var("AWS_LAMBDA_MAX_CONCURRENCY").ok().as_deref())
}

/// Returns what a value of `AWS_LAMBDA_MAX_CONCURRENCY` announces.
fn announced_by(max_concurrency: Option<&str>) -> Invocations {
    match max_concurrency.and_then(|number| number.parse::<u32>().ok()) {
        Some(2..) => Invocations::Concurrent,
        Some(0..=1) | None => Invocations::OneAtATime,
    }
}

/// Checks that Lambda or an emulator started the function. `lambda_runtime` needs these variables and
/// panics without them.
pub(crate) fn check_lambda_environment() -> Result<(), Error> {
    const REQUIRED: [&str; 4] = [
        RUNTIME_API,
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
    ];
    let missing: Vec<_> = REQUIRED.into_iter().filter(|name| env::var(name).is_err()).collect();
    if !missing.is_empty() {
        return Err(format!(
            "{RUNTIME_API} is set, but Lambda's {} is not; to run the function on this machine, use `cargo run -p local-gateway`",
            missing.join(", ")
        )
        .into());
    }
    if env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").is_ok_and(|size| size.parse::<i32>().is_err()) {
        return Err("AWS_LAMBDA_FUNCTION_MEMORY_SIZE is not a number; Lambda sets it to the memory size in MB".into());
    }
    Ok(())
}

/// Reads the settings, and starts the authorizer. That fetches the first keys.
pub(crate) async fn authorizer() -> Result<Authorizer, Error> {
    let config = settings()?;
    for warning in &config.warnings {
        warn!("{warning}");
    }
    if let Some(warning) = slow_start_warning(option_env!("AWS_LC_SYS_NO_JITTER_ENTROPY")) {
        warn!("{warning}");
    }
    Ok(Authorizer::start(config).await?)
}

/// Reads the settings from the environment, and from the files that they name.
pub(crate) fn settings() -> Result<Config, ConfigError> {
    Config::from_variables_and_files(variables(), |path| std::fs::read_to_string(path))
}

/// Returns the environment's variables.
pub(crate) fn variables() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// Returns a warning if the build did not use the project's `.cargo/config.toml`. Such a build works,
/// but it starts slowly, and nothing else would say why.
fn slow_start_warning(no_jitter_entropy: Option<&str>) -> Option<&'static str> {
    // AWS-LC's build reads the variable in the same way.
    let is_set = |value: String| {
        value.starts_with(|first| matches!(first, 'y' | 't' | '1'..='9')) || value.starts_with("on")
    };
    if no_jitter_entropy.map(str::to_ascii_lowercase).is_some_and(is_set) {
        return None;
    }
    Some(
        "this build measures jitter for tens of milliseconds at each cold start; set AWS_LC_SYS_NO_JITTER_ENTROPY=1 for the build, as .cargo/config.toml does",
    )
}

/// Reports to Lambda that the function cannot start. `lambda_runtime` has no public function for this.
///
/// See [initialization error](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror).
pub(crate) async fn report_init_error(error: &(dyn std::error::Error + Send + Sync)) {
    /// The Runtime API is on the same machine, so it responds fast.
    const TIME_LIMIT: Duration = Duration::from_secs(2);
    match timeout(TIME_LIMIT, post_init_error(error)).await {
        Ok(Ok(())) => {}
        Ok(Err(cause)) => warn!("cannot report the failed start to Lambda: {cause}"),
        Err(_) => warn!("cannot report the failed start to Lambda: no response within 2 s"),
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
    fn invocations_are_concurrent_if_lambda_sends_two_or_more_at_once() {
        for concurrent in ["2", "64", "4294967295"] {
            assert_eq!(announced_by(Some(concurrent)), Invocations::Concurrent, "{concurrent}");
        }
        for number in [None, Some(""), Some("0"), Some("1"), Some("-2"), Some("2.0"), Some("many")]
        {
            assert_eq!(announced_by(number), Invocations::OneAtATime, "{number:?}");
        }
    }

    #[test]
    fn warns_of_a_build_that_starts_slowly() {
        for no in [None, Some(""), Some("0"), Some("01"), Some("false"), Some("No"), Some("off")] {
            assert!(slow_start_warning(no).is_some(), "{no:?}");
        }
        for yes in ["1", "2", "true", "TRUE", "Yes", "on"] {
            assert!(slow_start_warning(Some(yes)).is_none(), "{yes}");
        }
    }

    #[test]
    fn this_build_starts_fast() {
        assert_eq!(slow_start_warning(option_env!("AWS_LC_SYS_NO_JITTER_ENTROPY")), None);
    }
}
