//! The function's executable as Lambda runs it: a child process with a known environment.
//!
//! The process inherits no variable, so the developer's shell cannot change an outcome.
//! There is no sandbox: no memory limit, no frozen process, the developer's file system.

use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};

use crate::log::{Follower, Log};

/// A running function; dropping it kills the process.
#[derive(Debug)]
pub struct Function {
    child: Child,
    pid: u32,
    log: Log,
}

impl Function {
    /// Starts `executable` against the Runtime API at `runtime_api`.
    ///
    /// Its environment is what Lambda sets, then `environment`, which wins.
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

    /// Starts `executable` with arguments, as an interpreter needs them; otherwise as
    /// [`Function::start`].
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
        let mut command = Command::new(executable);
        // A terminal's Ctrl-C reaches this process alone, which then ends the function.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
            .args(arguments)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "jwks-authorizer")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_REGION", "eu-west-1")
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().ok_or_else(|| io::Error::other("the process has no id"))?;
        let log = Log::new();
        if let Some(stdout) = child.stdout.take() {
            log.capture(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            log.capture(stderr);
        }
        Ok(Self { child, pid, log })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the process to end.
    ///
    /// # Errors
    ///
    /// When the operating system won't tell.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Kills the process and waits for its end, when its memory is given back as well.
    ///
    /// # Errors
    ///
    /// When the operating system won't.
    pub async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// What it wrote so far, standard output and standard error, line by line.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Waits for the first line that `wanted` accepts, from the function's start on.
    ///
    /// `None` when the function ended without one.
    pub async fn log_line(&self, wanted: impl FnMut(&str) -> bool) -> Option<String> {
        self.log.replay().line(wanted).await
    }

    /// Follows the log from here on, line after line.
    #[must_use]
    pub fn follow_log(&self) -> Follower {
        self.log.follow()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const NOWHERE: ([u8; 4], u16) = ([127, 0, 0, 1], 9);

    #[tokio::test]
    async fn runs_in_lambdas_environment_and_nothing_else() {
        let settings = [("AUTHORIZER_AUDIENCE", "chat"), ("AWS_REGION", "eu-north-1")];
        let mut function =
            Function::start(&PathBuf::from("/usr/bin/env"), NOWHERE.into(), settings).unwrap();
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
    async fn hands_arguments_to_an_interpreter() {
        let script = ["-c", "echo $AUTHORIZER_AUDIENCE"].map(OsStr::new);
        let settings = [("AUTHORIZER_AUDIENCE", "chat")];
        let shell = PathBuf::from("/bin/sh");
        let function = Function::start_with(&shell, &script, NOWHERE.into(), settings).unwrap();
        assert_eq!(function.log_line(|_| true).await.as_deref(), Some("chat"));
    }

    #[tokio::test]
    async fn is_gone_once_it_is_killed() {
        let endless = ["-c", "while :; do :; done"].map(OsStr::new);
        let nothing: [(&str, &str); 0] = [];
        let shell = PathBuf::from("/bin/sh");
        let function = Function::start_with(&shell, &endless, NOWHERE.into(), nothing).unwrap();
        let mut log = function.follow_log();
        function.kill().await.unwrap();
        assert_eq!(log.line(|_| true).await, None, "the log ends with the process");
    }

    #[tokio::test]
    async fn refuses_an_executable_that_is_not_there() {
        let nothing: [(&str, &str); 0] = [];
        let error =
            Function::start(&PathBuf::from("/nonexistent"), NOWHERE.into(), nothing).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
