//! Finds Node, for the authorizer that is written for it. Needs node, npm and a registry.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use bench::fixture::Outcome;

/// Node, and the script of the authorizer.
pub(crate) struct Node {
    /// Node's executable itself, not a wrapper that is called `node`.
    pub(crate) executable: PathBuf,
    /// Node's version, for example `v20.20.2`.
    pub(crate) version: String,
    /// The script.
    pub(crate) script: OsString,
}

/// Finds Node, and installs the script's dependencies. Returns `None` when node or npm is missing.
pub(crate) fn find() -> Outcome<Option<Node>> {
    let has_npm = output("npm", &["--version"]).is_some();
    let found = output("node", &["--print", "`${process.version} ${process.execPath}`"]);
    let Some(found) = found.filter(|_| has_npm) else { return Ok(None) };
    let (version, executable) = found.trim().split_once(' ').ok_or("node printed no version")?;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    install(&directory)?;
    let script = directory.join("index.mjs").into_os_string();
    Ok(Some(Node { executable: executable.into(), version: version.to_owned(), script }))
}

/// Installs the dependencies, unless that was done after the lock file was written.
fn install(directory: &Path) -> Outcome<()> {
    let written = |file: &str| -> Option<SystemTime> {
        fs::metadata(directory.join(file)).and_then(|file| file.modified()).ok()
    };
    if written("node_modules/.package-lock.json") >= written("package-lock.json") {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(directory);
    // Standard output is only for the tables.
    let status = npm.stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("npm ci failed: {status}").into()) }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
