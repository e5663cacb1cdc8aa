//! Where a function's executable comes from: cargo, or an environment variable.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use serde::Deserialize;
use tokio::process::Command;

/// Names a prebuilt executable to use in place of building one.
pub const PREBUILT: &str = "JWKS_AUTHORIZER_BIN";

const PACKAGE: &str = "jwks-authorizer";

/// Why there is no executable.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo could not be run at all.
    #[error("can't run cargo")]
    Cargo(#[source] io::Error),
    /// Cargo said on standard error what is wrong.
    #[error("cargo build failed: {0}")]
    Failed(ExitStatus),
    /// The build made no executable of that name.
    #[error("cargo built no executable named {0}")]
    NoExecutable(String),
}

/// Finds the function's executable: the one that [`PREBUILT`] names, else a fresh release build.
///
/// Cargo's progress and complaints go to this process' standard error.
///
/// # Errors
///
/// When the build fails, or makes no such executable.
pub async fn find() -> Result<PathBuf, BuildError> {
    match std::env::var_os(PREBUILT).filter(|path| !path.is_empty()) {
        Some(path) => Ok(PathBuf::from(path)),
        None => build(PACKAGE).await,
    }
}

/// Makes a fresh release build of a package of this workspace, whose executable has its name.
///
/// It is a build of that package alone: what other packages want of a shared dependency does not
/// get into it. Cargo's progress and complaints go to this process' standard error.
///
/// # Errors
///
/// When the build fails, or makes no such executable.
pub async fn build(package: &str) -> Result<PathBuf, BuildError> {
    // Under `cargo run` this is the very cargo, and so the toolchain, that built this crate.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--package", package, "--bins"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stderr(Stdio::inherit())
        .output()
        .await
        .map_err(BuildError::Cargo)?;
    if !output.status.success() {
        return Err(BuildError::Failed(output.status));
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|message| built_executable(package, message))
        .ok_or_else(|| BuildError::NoExecutable(package.to_owned()))
}

/// Reads one message of cargo's: the executable, if it tells of the one we look for.
///
/// <https://doc.rust-lang.org/cargo/reference/external-tools.html#artifact-messages>
fn built_executable(name: &str, message: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        target: Target,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    let artifact: Artifact = serde_json::from_str(message).ok()?;
    artifact.executable.filter(|_| artifact.target.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_executable_among_cargos_messages() {
        let messages = [
            r#"{"reason":"build-script-executed","package_id":"x"}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"jwks_authorizer"},"executable":null}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/target/other"}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"jwks-authorizer"},"executable":"/target/it"}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ];
        let found =
            messages.into_iter().find_map(|message| built_executable("jwks-authorizer", message));
        assert_eq!(found, Some(PathBuf::from("/target/it")));
    }
}
