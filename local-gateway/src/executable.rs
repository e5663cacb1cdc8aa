//! Finds or builds the function's executable.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// The environment variable with the path of a prebuilt executable. If it is not set, cargo builds one.
pub const PREBUILT: &str = "JWKS_AUTHORIZER_BIN";

const PACKAGE: &str = "jwks-authorizer";

/// Cargo's profile of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Builds fast.
    Dev,
    /// Runs fast. Deployments and benchmarks use it.
    Release,
}

impl Profile {
    /// The profile that this crate was built with, for which the dependencies are already compiled.
    pub const OWN: Self = if cfg!(debug_assertions) { Self::Dev } else { Self::Release };

    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

/// Why no executable was found or built.
#[derive(Debug, thiserror::Error)]
pub enum ExecutableError {
    /// [`PREBUILT`] is not the path of an executable file.
    #[error(
        "{name} is {}, which is not an executable file. \
         Correct the path, or leave {name} out to build the function.",
        .path.display()
    )]
    Prebuilt {
        /// The variable or the option with the path.
        name: &'static str,
        /// The variable's value.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// Cargo could not be run.
    #[error(
        "could not run `{}` to build {package}. Install Rust, or set {PREBUILT} to the path of a \
         prebuilt executable.",
        .cargo.display()
    )]
    Cargo {
        /// The package to build.
        package: String,
        /// The program that was started as cargo.
        cargo: OsString,
        /// The operating system's error.
        source: io::Error,
    },
    /// Ctrl-C ended cargo: a terminal sends the signal to cargo too.
    #[error("the build of {0} was interrupted")]
    Interrupted(String),
    /// The build failed. Cargo has written why to standard error.
    #[error(
        "cargo could not build {package} ({status}). Correct the errors above. \
         If the C compiler (cc) is missing, install one, for example the package gcc. \
         Or set {PREBUILT} to the path of a prebuilt executable."
    )]
    Build {
        /// The package to build.
        package: String,
        /// Cargo's exit status.
        status: ExitStatus,
    },
    /// The build made no executable with the package's name.
    #[error("cargo built no executable named {0}")]
    NoExecutable(String),
}

/// Returns the path of the function's executable: the value of [`PREBUILT`], or a new build.
///
/// # Errors
///
/// When [`PREBUILT`] is not an executable file, or when [`build`] fails.
pub async fn find(profile: Profile) -> Result<PathBuf, ExecutableError> {
    match std::env::var_os(PREBUILT).filter(|path| !path.is_empty()) {
        Some(path) => prebuilt(PREBUILT, path.into()),
        None => build(PACKAGE, profile).await,
    }
}

/// Checks the path of a prebuilt executable, which the variable or option `name` has, and returns it as
/// an absolute path.
///
/// # Errors
///
/// When it is not an executable file.
pub fn prebuilt(name: &'static str, path: PathBuf) -> Result<PathBuf, ExecutableError> {
    match check_executable(&path) {
        Ok(path) => Ok(path),
        Err(source) => Err(ExecutableError::Prebuilt { name, path, source }),
    }
}

/// Returns the absolute path of an executable file, because a bare name would be searched in `PATH`.
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

/// Builds a package of this workspace and returns the path of the executable with its name.
///
/// Cargo builds only this package: features that other packages enable in shared dependencies are
/// off. Cargo's progress and errors go to standard error. Dropping the future ends cargo.
///
/// # Errors
///
/// When cargo cannot be run, the build fails, or the package has no such executable.
pub async fn build(package: &str, profile: Profile) -> Result<PathBuf, ExecutableError> {
    let profile = profile.name();
    print_progress(&format!(
        "Building {package} ({profile} profile). The first build takes a few minutes."
    ));
    let started = Instant::now();
    // `cargo run` sets CARGO to itself, so this is the toolchain that built this crate.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let (executable, status) = run(build_command(&cargo, package, profile), package)
        .await
        .map_err(|source| ExecutableError::Cargo { package: package.to_owned(), cargo, source })?;
    if is_interrupt(status) {
        return Err(ExecutableError::Interrupted(package.to_owned()));
    }
    if !status.success() {
        return Err(ExecutableError::Build { package: package.to_owned(), status });
    }
    let executable = executable.ok_or_else(|| ExecutableError::NoExecutable(package.to_owned()))?;
    print_progress(&format!("Built {package} in {:.1} s.", started.elapsed().as_secs_f64()));
    Ok(executable)
}

fn build_command(cargo: &OsStr, package: &str, profile: &str) -> Command {
    let mut command = Command::new(cargo);
    command
        .args(["build", "--profile", profile, "--package", package, "--bins"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    command
}

/// Runs cargo to its end. Returns the path of the executable, if any, and the exit status.
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

#[expect(clippy::print_stderr, reason = "cargo writes its progress to standard error too")]
fn print_progress(progress: &str) {
    eprintln!("{progress}");
}

/// Returns the path in a message of cargo's, if it is about the executable `name`.
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
