//! Packages of Python that hold a program.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use xtask::cargo;

/// The folder of this package below the target folder of the workspace, into which pip puts it unless it is there; `None`
/// where pip cannot.
pub(crate) fn folder(package: &str, version: &str) -> Option<PathBuf> {
    let all = cargo::root().join("target/wheels");
    let folder = all.join(format!("{package}-{version}"));
    if !folder.is_dir() {
        // Under its name it is whole.
        let new = all.join(format!(".{package}-{version}.{}", std::process::id()));
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target"]);
        // Into a folder of its own, root may.
        pip.env("PIP_ROOT_USER_ACTION", "ignore").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        succeeds(pip.arg(&new).arg(format!("{package}=={version}")))?;
        std::fs::rename(&new, &folder).ok();
    }
    folder.is_dir().then_some(folder)
}

/// Whether a command succeeds, without what it prints on stdout.
pub(crate) fn succeeds(command: &mut Command) -> Option<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success()).then_some(())
}
