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

/// Builds the programs of these packages as images have them, static. Returns their folder.
///
/// Static linking is for images only. On a host with name-service modules of another version a static glibc may load
/// these and crash (<https://github.com/rust-lang/rust/issues/100711>); an image has none.
///
/// # Errors
/// As [`run`].
pub fn build_static<'a>(packages: impl IntoIterator<Item = &'a str>) -> anyhow::Result<PathBuf> {
    // Images are for the machine they are built on: no cross-compiler, no emulation.
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    eprintln!("building static binaries ...");
    let folder = target()?.join("images");
    let folder = folder.to_str().context("the path of the target folder is not UTF-8")?;
    let build = ["build", "--profile", "image", "--locked", "--bins"];
    let place = ["--target", &triple, "--target-dir", folder];
    // With --target these flags do not apply to build scripts and macros, which cannot be static. Cargo forgets the
    // profile's `strip` for a package that has an optimization level of its own in the profile. Packed, the
    // relocations of a binary that can be loaded anywhere take a few kilobytes instead of 400.
    let flags = "-C target-feature=+crt-static -C strip=symbols -C link-arg=-Wl,-z,pack-relative-relocs";
    let packages: Vec<&str> = packages.into_iter().flat_map(|package| ["--package", package]).collect();
    run_with(&[("RUSTFLAGS", flags.to_owned())], &[&build[..], &place, &packages].concat())?;
    Ok([folder, &triple, "image"].iter().collect())
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
