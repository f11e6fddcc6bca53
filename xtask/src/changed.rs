//! `cargo xtask changed BASE`: the components whose images would not be what they were at the commit BASE, as JSON, which
//! a workflow reads as its matrix; on stderr what each of them is listed for.

mod workspace;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde_json::json;
use xtask::cargo;

use workspace::{Change, Workspace};

/// What images are made for. A package that only other systems need changes nothing.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// Compares the work tree with this commit. All components are listed if the commit is unknown or cannot be read.
pub(crate) fn run(base: &str) -> anyhow::Result<()> {
    let changes = since(base, cargo::root())?;
    for Change { component, cause } in &changes {
        eprintln!("{component}: {cause}");
    }
    let names: Vec<&str> = changes.iter().map(|change| change.component.as_str()).collect();
    writeln!(std::io::stdout(), "{}", json!(names)).context("cannot write to stdout")
}

fn since(base: &str, root: &Path) -> anyhow::Result<Vec<Change>> {
    let now = read(root)?;
    match before(base, root) {
        Ok((before, files)) => Ok(now.changes(&before, &files)),
        Err(why) => Ok(now.all(&format!("{why:#}"))),
    }
}

/// The workspace at a commit, and the files that are not what they were there.
fn before(base: &str, root: &Path) -> anyhow::Result<(Workspace, Vec<PathBuf>)> {
    // Nothing typed is taken for an option, and git has no commit without a name.
    let commit = git(root, &["rev-parse", "--verify", "--end-of-options", &format!("{base}^{{commit}}")])
        .with_context(|| format!("{base:?} is not a known commit"))?;
    let commit = commit.trim();
    let changed = git(root, &["diff", "--name-only", "--relative", "--no-renames", "-z", commit, "--"])?;
    let new = git(root, &["ls-files", "--others", "--exclude-standard", "-z"])?;
    let files = [changed, new].concat();
    let files = files.split_terminator('\0').map(PathBuf::from).collect();
    let folder = Folder::new()?;
    unpack(root, commit, &folder.0)?;
    Ok((read(&folder.0).with_context(|| format!("cannot read the workspace of {base}"))?, files))
}

/// The workspace in this folder.
fn read(root: &Path) -> anyhow::Result<Workspace> {
    let manifest = root.join("Cargo.toml");
    let manifest =
        fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    Workspace::new(&metadata(root)?, &manifest)
}

fn metadata(root: &Path) -> anyhow::Result<String> {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--locked", "--format-version", "1"]);
    metadata.args(TARGETS.iter().flat_map(|target| ["--filter-platform", target]));
    printed(metadata.current_dir(root))
}

fn git(root: &Path, args: &[&str]) -> anyhow::Result<String> {
    printed(Command::new("git").args(args).current_dir(root))
}

/// What a command prints, if it succeeds.
fn printed(command: &mut Command) -> anyhow::Result<String> {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().display().to_string();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    String::from_utf8(output.stdout).with_context(|| format!("{program} printed what is not UTF-8"))
}

/// Writes the files of a commit into a folder.
fn unpack(root: &Path, commit: &str, folder: &Path) -> anyhow::Result<()> {
    let mut git = Command::new("git");
    git.args(["archive", commit]).current_dir(root).stdout(Stdio::piped());
    let mut git = git.spawn().context("cannot run git")?;
    let archive = git.stdout.take().context("git has no stdout")?;
    let tar = Command::new("tar").arg("-xC").arg(folder).stdin(archive).status();
    if !git.wait()?.success() || !tar.context("cannot run tar")?.success() {
        bail!("cannot unpack {commit}");
    }
    Ok(())
}

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Folder> {
        let folder = std::env::temp_dir().join(format!("xtask-changed-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Folder(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[cfg(test)]
mod tests;
