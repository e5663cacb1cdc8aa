//! Where a function's executable comes from: a cargo build, or an environment variable.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Names a prebuilt executable to use in place of building one.
pub const PREBUILT: &str = "JWKS_AUTHORIZER_BIN";

const PACKAGE: &str = "jwks-authorizer";

/// Cargo's profile of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Fast to build.
    Dev,
    /// Fast to run: what is deployed, and what is measured.
    Release,
}

impl Profile {
    /// The profile that this crate was built with: its dependencies are compiled already.
    pub const OWN: Self = if cfg!(debug_assertions) { Self::Dev } else { Self::Release };

    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

/// Why there is no executable.
#[derive(Debug, thiserror::Error)]
pub enum ExecutableError {
    /// [`PREBUILT`] names something that cannot be executed.
    #[error(
        "{PREBUILT} is {}, which is not an executable file. \
         Correct the path, or unset the variable to build the function.",
        .path.display()
    )]
    Prebuilt {
        /// What the variable holds.
        path: PathBuf,
        /// What the operating system says of it.
        source: io::Error,
    },
    /// Cargo could not be run at all.
    #[error(
        "could not run `{}` to build {package}. Install Rust, or set {PREBUILT} to the path of a \
         prebuilt executable.",
        .cargo.display()
    )]
    Cargo {
        /// The package that was to be built.
        package: String,
        /// The program that was run.
        cargo: OsString,
        /// Why it could not be run.
        source: io::Error,
    },
    /// Ctrl-C ended cargo; a terminal sends the signal to cargo too.
    #[error("the build of {0} was interrupted")]
    Interrupted(String),
    /// The build failed; cargo said why on standard error.
    #[error(
        "cargo could not build {package} ({status}). Correct what its errors above name. \
         If the C compiler (cc) is missing, install one, for example the package gcc. \
         Or set {PREBUILT} to the path of a prebuilt executable."
    )]
    Build {
        /// The package that was to be built.
        package: String,
        /// How cargo ended.
        status: ExitStatus,
    },
    /// The build succeeded without an executable of the package's name.
    #[error("cargo built no executable named {0}")]
    NoExecutable(String),
}

/// Finds the function's executable: the one that [`PREBUILT`] names, else a fresh build.
///
/// # Errors
///
/// When [`PREBUILT`] names no executable file, or as [`build`].
pub async fn find(profile: Profile) -> Result<PathBuf, ExecutableError> {
    match std::env::var_os(PREBUILT).filter(|path| !path.is_empty()) {
        Some(path) => prebuilt(path.into()),
        None => build(PACKAGE, profile).await,
    }
}

fn prebuilt(path: PathBuf) -> Result<PathBuf, ExecutableError> {
    match check_executable(&path) {
        Ok(path) => Ok(path),
        Err(source) => Err(ExecutableError::Prebuilt { path, source }),
    }
}

/// Returns the absolute path of an executable file: a bare name would be searched for in `PATH`.
fn check_executable(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let metadata = path.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 == 0 {
        return Err(io::Error::other("the file has no execute permission"));
    }
    Ok(path)
}

/// Builds a package of this workspace, whose executable has the package's name.
///
/// It is a build of that package alone: features that other packages enable in a shared dependency
/// are not in it. What happens, and cargo's progress and errors, go to standard error at once.
/// Dropping the future ends cargo.
///
/// # Errors
///
/// When cargo cannot be run, the build fails, or there is no such executable.
pub async fn build(package: &str, profile: Profile) -> Result<PathBuf, ExecutableError> {
    let profile = profile.name();
    say(&format!("Building {package} ({profile} profile). The first build takes a few minutes."));
    let started = Instant::now();
    // Under `cargo run` this is the very cargo, and so the toolchain, that built this crate.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command
        .args(["build", "--profile", profile, "--package", package, "--bins"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let (executable, status) = run(command, package)
        .await
        .map_err(|source| ExecutableError::Cargo { package: package.to_owned(), cargo, source })?;
    if is_interrupt(status) {
        return Err(ExecutableError::Interrupted(package.to_owned()));
    }
    if !status.success() {
        return Err(ExecutableError::Build { package: package.to_owned(), status });
    }
    let executable = executable.ok_or_else(|| ExecutableError::NoExecutable(package.to_owned()))?;
    say(&format!("Built {package} in {:.1} s.", started.elapsed().as_secs_f64()));
    Ok(executable)
}

/// Runs cargo to its end and returns the executable that its messages name.
async fn run(mut command: Command, package: &str) -> io::Result<(Option<PathBuf>, ExitStatus)> {
    let mut cargo = command.spawn()?;
    let mut executable = None;
    if let Some(stdout) = cargo.stdout.take() {
        let mut messages = BufReader::new(stdout).lines();
        while let Some(message) = messages.next_line().await? {
            executable = executable.or_else(|| built_executable(package, &message));
        }
    }
    Ok((executable, cargo.wait().await?))
}

#[cfg(unix)]
fn is_interrupt(status: ExitStatus) -> bool {
    let interrupt = tokio::signal::unix::SignalKind::interrupt().as_raw_value();
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(interrupt)
}

#[cfg(not(unix))]
fn is_interrupt(_status: ExitStatus) -> bool {
    false
}

#[expect(clippy::print_stderr, reason = "it belongs to cargo's own progress, which goes there")]
fn say(progress: &str) {
    eprintln!("{progress}");
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
