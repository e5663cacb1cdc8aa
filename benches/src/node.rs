//! The contestant on Node, where there is one: it needs node, npm and a registry.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use bench::scene::Outcome;

/// Node, and the function for it.
pub(crate) struct Node {
    /// Node's executable, whatever finds it by its name.
    pub(crate) executable: PathBuf,
    /// Its version, as it writes it.
    pub(crate) version: String,
    /// The function.
    pub(crate) script: OsString,
}

/// Finds Node and installs what the function needs. `None` where there is no Node or no npm.
pub(crate) fn find() -> Outcome<Option<Node>> {
    let has_npm = output("npm", &["--version"]).is_some();
    let told = output("node", &["--print", "`${process.version} ${process.execPath}`"]);
    let Some(told) = told.filter(|_| has_npm) else { return Ok(None) };
    let (version, executable) = told.trim().split_once(' ').ok_or("node tells no version")?;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    install(&directory)?;
    let script = directory.join("index.mjs").into_os_string();
    Ok(Some(Node { executable: executable.into(), version: version.to_owned(), script }))
}

/// Installs what the lock file says, unless that was done since the file was written.
fn install(directory: &Path) -> Outcome<()> {
    let written = |file: &str| -> Option<SystemTime> {
        fs::metadata(directory.join(file)).and_then(|file| file.modified()).ok()
    };
    if written("node_modules/.package-lock.json") >= written("package-lock.json") {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(directory);
    // Standard output is for the table.
    let status = npm.stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("npm ci failed: {status}").into()) }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
