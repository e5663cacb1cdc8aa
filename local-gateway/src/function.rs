//! Runs the function's executable as Lambda does, with Lambda's environment variables.
//!
//! The process inherits no variables, so the developer's shell cannot change a result. Unlike Lambda,
//! this module sets no memory limit and does not isolate the file system. A process is frozen only if
//! `lambda` runs it.

use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::process::Command;

use crate::log::{Follower, Log};
use crate::process_group::ProcessGroup;

/// A running function. Dropping it kills the process and its children.
#[derive(Debug)]
pub struct Function {
    group: ProcessGroup,
    pid: u32,
    log: Log,
}

impl Function {
    /// Starts `executable`, which takes its invocations from the Runtime API at `runtime_api`.
    ///
    /// The process gets the variables that Lambda sets, and `environment`, which overrides them.
    ///
    /// # Errors
    ///
    /// When the process cannot be started.
    pub fn start<K, V>(
        executable: &Path,
        runtime_api: SocketAddr,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> io::Result<Self>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        Self::start_with(executable, &[], runtime_api, environment)
    }

    /// Starts `executable` as [`Function::start`] does, with arguments, for example a script for an
    /// interpreter.
    ///
    /// # Errors
    ///
    /// When the process cannot be started.
    pub fn start_with<K, V>(
        executable: &Path,
        arguments: &[&OsStr],
        runtime_api: SocketAddr,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> io::Result<Self>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        Self::start_logging(executable, arguments, runtime_api, environment, Log::new())
    }

    /// Starts `executable` as [`Function::start_with`] does. Its lines are added to `log`.
    pub(crate) fn start_logging<K, V>(
        executable: &Path,
        arguments: &[&OsStr],
        runtime_api: SocketAddr,
        environment: impl IntoIterator<Item = (K, V)>,
        log: Log,
    ) -> io::Result<Self>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let mut command = lambda_command(executable, runtime_api);
        let mut group = ProcessGroup::spawn(command.args(arguments).envs(environment))?;
        let leader = &mut group.leader;
        let pid = leader.id().ok_or_else(|| io::Error::other("the process has no ID"))?;
        if let Some(stdout) = leader.stdout.take() {
            log.capture(stdout);
        }
        if let Some(stderr) = leader.stderr.take() {
            log.capture(stderr);
        }
        Ok(Self { group, pid, log })
    }

    /// Returns the process ID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the process to end.
    ///
    /// # Errors
    ///
    /// When the operating system does not report the end.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.group.leader.wait().await
    }

    /// Returns whether the process has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.group.leader.try_wait(), Ok(None))
    }

    /// Stops the process and its children, until they are thawed. On Windows it does nothing.
    pub(crate) fn freeze(&self) {
        self.group.freeze();
    }

    /// Lets the process and its children go on.
    pub(crate) fn thaw(&self) {
        self.group.thaw();
    }

    /// Kills the process and waits for its end.
    ///
    /// # Errors
    ///
    /// When the operating system cannot kill it.
    pub async fn kill(mut self) -> io::Result<()> {
        self.group.leader.kill().await
    }

    /// Returns the latest lines of standard output and standard error, at most 10,000.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Returns the first line that is kept and that `wanted` accepts. Waits for it if needed.
    ///
    /// Returns `None` when the function has ended without such a line.
    pub async fn log_line(&self, wanted: impl FnMut(&str) -> bool) -> Option<String> {
        self.log.replay().line(wanted).await
    }

    /// Returns a reader of the lines that are written from now on.
    #[must_use]
    pub fn follow_log(&self) -> Follower {
        self.log.follow()
    }
}

/// Returns the environment variables that Lambda sets.
#[must_use]
pub fn lambda_variables(runtime_api: SocketAddr) -> [(&'static str, String); 6] {
    [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", "jwks-authorizer".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
    ]
}

/// Returns a command with the environment variables that Lambda sets, and no others.
fn lambda_command(executable: &Path, runtime_api: SocketAddr) -> Command {
    let mut command = Command::new(executable);
    command
        .env_clear()
        .envs(lambda_variables(runtime_api))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const NO_RUNTIME_API: ([u8; 4], u16) = ([127, 0, 0, 1], 9);

    #[tokio::test]
    async fn gets_only_lambdas_variables_and_its_settings() {
        let settings = [("AUTHORIZER_AUDIENCE", "chat"), ("AWS_REGION", "eu-north-1")];
        let mut function =
            Function::start(&PathBuf::from("/usr/bin/env"), NO_RUNTIME_API.into(), settings)
                .unwrap();
        assert!(function.wait().await.unwrap().success());
        assert_eq!(function.log_line(|_| false).await, None, "the log ends with the process");
        let mut environment = function.log();
        environment.sort();
        assert_eq!(
            environment,
            [
                "AUTHORIZER_AUDIENCE=chat",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
                "AWS_LAMBDA_FUNCTION_NAME=jwks-authorizer",
                "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
                "AWS_LAMBDA_LOG_FORMAT=JSON",
                "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9",
                "AWS_REGION=eu-north-1",
            ]
        );
    }

    #[tokio::test]
    async fn passes_arguments_to_an_interpreter() {
        let script = ["-c", "echo $AUTHORIZER_AUDIENCE"].map(OsStr::new);
        let settings = [("AUTHORIZER_AUDIENCE", "chat")];
        let shell = PathBuf::from("/bin/sh");
        let function =
            Function::start_with(&shell, &script, NO_RUNTIME_API.into(), settings).unwrap();
        assert_eq!(function.log_line(|_| true).await.as_deref(), Some("chat"));
    }

    #[tokio::test]
    async fn ends_when_it_is_killed() {
        let endless = ["-c", "while :; do :; done"].map(OsStr::new);
        let nothing: [(&str, &str); 0] = [];
        let shell = PathBuf::from("/bin/sh");
        let function =
            Function::start_with(&shell, &endless, NO_RUNTIME_API.into(), nothing).unwrap();
        let mut log = function.follow_log();
        function.kill().await.unwrap();
        assert_eq!(log.line(|_| true).await, None, "the log ends with the process");
    }

    #[tokio::test]
    async fn reports_an_executable_that_does_not_exist() {
        let nothing: [(&str, &str); 0] = [];
        let error = Function::start(&PathBuf::from("/nonexistent"), NO_RUNTIME_API.into(), nothing)
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
