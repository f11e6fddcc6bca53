//! `cargo xtask bench`: builds what is measured, and the build before, for `bench`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use xtask::{cargo, components};

/// What is measured.
pub(crate) const COMPONENTS: [&str; 10] = [
    "bench-parts",
    "extract-file",
    "extract-openweather",
    "extract-postgres",
    "load-sqlite",
    "load-postgres",
    "load-influx",
    "standpipe",
    "transform-jq",
    "validate",
];

/// Builds what instructions are counted of: the programs as images have them, and the parts alone. Returns their folder.
///
/// What the tests of images have built is not built again: the same packages, and so the same features of dependencies.
pub(crate) fn guarded() -> anyhow::Result<String> {
    let components = components::all()?;
    let names = components.iter().map(|component| component.name.as_str());
    let folder = cargo::build_static(names.chain(["stand-in", "bench-parts"]))?;
    Ok(folder.display().to_string())
}

/// The arguments of `bench`: `--against REV` becomes `--before FOLDER`, with that revision's components in the folder.
pub(crate) fn arguments(args: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut args: Vec<String> = args.iter().map(ToString::to_string).collect();
    if let Some(at) = args.iter().position(|arg| arg == "--against") {
        let revision = args.get(at + 1).context("--against needs a revision")?;
        let folder = before(revision)?.display().to_string();
        args.splice(at..=at + 1, ["--before".to_owned(), folder]);
    }
    Ok(args)
}

/// The components of a revision, built like those that they are compared with, in a folder that is kept for its commit.
fn before(revision: &str) -> anyhow::Result<PathBuf> {
    let commit = git(&["rev-parse", "--verify", "--end-of-options", &format!("{revision}^{{commit}}")])?;
    let all = cargo::target()?.join("against");
    let folder = all.join(commit.trim());
    if !folder.is_dir() {
        // Always in the same place, so that what does not change between commits is built once.
        let tree = all.join("tree");
        let path = tree.display().to_string();
        if tree.exists() {
            git(&["worktree", "remove", "--force", &path])?;
        }
        // Also if it was deleted without git.
        git(&["worktree", "add", "--force", "--detach", &path, commit.trim()])?;
        let built = build(&tree, &all.join("target"), &folder);
        git(&["worktree", "remove", "--force", &path])?;
        built?;
    }
    Ok(folder)
}

/// Builds the components that a tree has, and puts them into a folder, which is whole under its name.
fn build(tree: &Path, target: &Path, folder: &Path) -> anyhow::Result<()> {
    let has = |name: &&str| {
        ["extractors", "loaders", "tools", "transforms"]
            .iter()
            .any(|kind| tree.join(kind).join(name).is_dir())
    };
    let names: Vec<&str> = COMPONENTS.into_iter().filter(has).collect();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--locked", "--bins", "--release", "--target-dir"]).arg(target).current_dir(tree);
    build.args(names.iter().flat_map(|name| ["--package", *name]));
    ensure!(build.status().context("cannot run cargo")?.success(), "the build before cannot be built");
    let new = folder.with_extension("new");
    std::fs::create_dir_all(&new)?;
    for name in names {
        std::fs::copy(target.join("release").join(name), new.join(name))?;
    }
    std::fs::rename(new, folder)?;
    Ok(())
}

/// What git prints.
fn git(args: &[&str]) -> anyhow::Result<String> {
    let mut git = Command::new("git");
    let output = git.args(args).current_dir(cargo::root()).stderr(Stdio::inherit()).output();
    let output = output.context("cannot run git")?;
    ensure!(output.status.success(), "git {} failed", args.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}
