//! The executable as a tool: what it prints where, and its status.

use test_support::deployment::executable;
use tokio::process::Command;

/// What the tool printed, and its status.
pub(crate) struct Output {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the tool without Lambda's variables.
pub(crate) async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let output = Command::new(executable())
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .await
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Output {
        status: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

#[tokio::test]
async fn says_what_it_is_when_started_without_lambda() {
    for environment in [&[][..], &[("AUTHORIZER_ISSUER", "https://a.example")]] {
        let said = run(&[], environment).await;
        assert_eq!((said.status, said.stdout.as_str()), (Some(2), ""));
        for helpful in ["a Lambda authorizer", "check", "explain", "cargo run -p local-gateway"] {
            assert!(said.stderr.contains(helpful), "{}", said.stderr);
        }
    }
}

#[tokio::test]
async fn prints_its_usage_and_its_version_if_asked_to() {
    let help = run(&["--help"], &[]).await;
    assert_eq!((help.status, help.stderr.as_str()), (Some(0), ""));
    assert!(help.stdout.contains("jwks-authorizer explain"), "{}", help.stdout);
    let version = run(&["--version"], &[]).await;
    let expected = concat!("jwks-authorizer ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((version.status, version.stdout.as_str()), (Some(0), expected));
}

#[tokio::test]
async fn refuses_unknown_arguments() {
    let said = run(&["explian"], &[]).await;
    assert_eq!((said.status, said.stdout.as_str()), (Some(2), ""));
    assert!(said.stderr.contains("explian") && said.stderr.contains("--help"), "{}", said.stderr);
}
