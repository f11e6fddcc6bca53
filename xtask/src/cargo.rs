//! Running cargo, and finding what it built.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Runs cargo in the root of the workspace.
///
/// # Errors
/// If it cannot be started, or fails.
pub fn run(args: &[&str]) -> anyhow::Result<()> {
    run_with(&[], args)
}

/// The same with these variables.
///
/// # Errors
/// As [`run`].
pub fn run_with(env: &[(&str, String)], args: &[&str]) -> anyhow::Result<()> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(args).envs(env.iter().map(|(name, value)| (name, value))).current_dir(root());
    let status = cargo.status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo {} failed", args.join(" "));
    Ok(())
}

/// Builds the programs of these packages in a profile.
///
/// # Errors
/// As [`run`].
pub fn build<'a>(profile: &str, packages: impl IntoIterator<Item = &'a str>) -> anyhow::Result<()> {
    let packages = packages.into_iter().flat_map(|package| ["--package", package]);
    run(&["build", "--bins", "--profile", profile].into_iter().chain(packages).collect::<Vec<_>>())
}

/// Where binaries of a profile (`debug`, `release`) are: beside the folder that this program runs from.
///
/// # Errors
/// As [`target`].
pub fn built(profile: &str) -> anyhow::Result<PathBuf> {
    Ok(target()?.join(profile))
}

/// The target folder, which this program runs from; a test of it is one folder deeper.
///
/// # Errors
/// If this program was moved to where there is no target folder.
pub fn target() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe().context("cannot find out where this program is")?;
    let folder = here.parent().filter(|folder| !folder.ends_with("deps")).or(here.ancestors().nth(2));
    let target = folder.and_then(Path::parent).context("this program is not in a target folder")?;
    Ok(target.to_owned())
}
