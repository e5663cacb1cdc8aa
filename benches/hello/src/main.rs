//! The smallest function there is: it answers each event with the same policy, unread.
//!
//! What it costs is what Lambda's runtime library, Tokio and the process cost. It uses the library as
//! jwks-authorizer does, so the rest of what that costs is its own.

use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde_json::value::RawValue;

const ANSWER: &str = r#"{"principalId":"anyone","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"*"}]}}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let answer: &RawValue = serde_json::from_str(ANSWER)?;
    let handler =
        service_fn(move |_: LambdaEvent<Box<RawValue>>| async move { Ok::<_, Error>(answer) });
    Runtime::new(handler).run_concurrent().await
}
