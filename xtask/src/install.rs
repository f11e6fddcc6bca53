//! `cargo xtask install [DIR]`: the components with their shell completions and manual pages, where a shell and `man`
//! look for them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;
use xtask::{cargo, components};

/// Builds every component for speed and installs it into this folder, or into `~/.local`.
pub(crate) fn run(folder: Option<&str>) -> anyhow::Result<()> {
    let folder = match folder {
        Some(folder) => PathBuf::from(folder),
        None => std::env::home_dir()
            .context("no home folder found: name the folder to install into")?
            .join(".local"),
    };
    let names: Vec<String> = components::all()?.into_iter().map(|component| component.name).collect();
    let packages: Vec<&str> = names.iter().flat_map(|name| ["--package", name]).collect();
    cargo::run(&[&["build", "--release", "--locked", "--bins"], &packages[..]].concat())?;
    let binaries = cargo::built("release")?;
    let mut pages = 0;
    for name in &names {
        pages += install(&binaries.join(name), name, &folder)?;
    }
    let (bin, share) = (folder.join("bin"), folder.join("share"));
    println!("{} in {}", names.join(", "), bin.display());
    println!("{pages} manual pages, and completions for bash, zsh and fish in {}", share.display());
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|part| part == bin) {
        println!("Your PATH does not have {} yet.", bin.display());
    }
    Ok(())
}

/// Puts one program in place with everything that belongs to it; returns how many manual pages it has.
fn install(binary: &Path, name: &str, folder: &Path) -> anyhow::Result<usize> {
    let bytes = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let share = folder.join("share");
    for (shell, file) in [
        ("bash", format!("bash-completion/completions/{name}")),
        ("zsh", format!("zsh/site-functions/_{name}")),
        ("fish", format!("fish/vendor_completions.d/{name}.fish")),
    ] {
        replace(&share.join(file), &said(binary, &["--completions", shell])?, 0o644)?;
    }
    let card: Value = serde_json::from_slice(&said(binary, &["--describe"])?)?;
    let mut commands = vec![vec![]];
    subcommands(&card, &[], &mut commands);
    for words in &commands {
        let page = share.join(format!("man/man1/{}.1", [&[name], &words[..]].concat().join("-")));
        replace(&page, &said(binary, &[&words[..], &["--man"]].concat())?, 0o644)?;
    }
    replace(&folder.join("bin").join(name), &bytes, 0o755)?;
    Ok(commands.len())
}

/// Adds the words of each subcommand that a card lists, at every depth.
fn subcommands<'a>(card: &'a Value, above: &[&'a str], commands: &mut Vec<Vec<&'a str>>) {
    for command in card["commands"].as_array().into_iter().flatten() {
        let words = [above, &[command["name"].as_str().unwrap_or_default()]].concat();
        commands.push(words.clone());
        subcommands(command, &words, commands);
    }
}

/// What a component prints about itself, independent of the environment.
fn said(binary: &Path, args: &[&str]) -> anyhow::Result<Vec<u8>> {
    let output = Command::new(binary).args(args).env_clear().output();
    let output = output.with_context(|| format!("cannot run {}", binary.display()))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} {}: {}", binary.display(), args.join(" "), stderr.trim());
    Ok(output.stdout)
}

/// Writes a file under another name beside the old one and renames it: whoever reads or runs the old one is not
/// disturbed.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let parent = path.parent().context("a file has a folder")?;
    let name = path.file_name().context("a file has a name")?.display();
    let new = parent.join(format!(".{name}.{}", std::process::id()));
    let write = || {
        fs::create_dir_all(parent)?;
        fs::write(&new, bytes)?;
        fs::set_permissions(&new, Permissions::from_mode(mode))?;
        fs::rename(&new, path)
    };
    write()
        .inspect_err(|_| drop(fs::remove_file(&new)))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::Read;

    /// Every file below a folder, by its path in it.
    fn files(folder: &Path) -> Vec<String> {
        let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
        while let Some(next) = folders.pop() {
            for entry in next.read_dir().unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(folder).unwrap().display().to_string());
                }
            }
        }
        files.sort();
        files
    }

    #[test]
    fn a_program_comes_with_completions_and_pages_and_replaces_whole_files() {
        // `cargo xtask test` has built it.
        let binary = cargo::built("debug").unwrap().join("standpipe");
        let folder = std::env::temp_dir().join(format!("xtask-install-{}", std::process::id()));
        let installed = folder.join("bin/standpipe");
        for (file, text) in [("bin/standpipe", "the one before"), ("bin/other", "not ours")] {
            replace(&folder.join(file), text.as_bytes(), 0o644).unwrap();
        }
        let mut open = fs::File::open(&installed).unwrap();

        let pages = install(&binary, "standpipe", &folder).unwrap();

        let files = files(&folder);
        let man = |files: &[String]| files.iter().filter(|file| file.starts_with("share/man/man1/")).count();
        assert_eq!(man(&files), pages);
        for file in [
            "share/man/man1/standpipe.1",
            "share/man/man1/standpipe-seal.1",
            "share/man/man1/standpipe-schema-show.1",
        ] {
            assert!(files.contains(&file.to_owned()), "{file} is missing: {files:?}");
        }
        let others: Vec<&String> = files.iter().filter(|file| !file.starts_with("share/man/")).collect();
        assert_eq!(
            others,
            [
                "bin/other",
                "bin/standpipe",
                "share/bash-completion/completions/standpipe",
                "share/fish/vendor_completions.d/standpipe.fish",
                "share/zsh/site-functions/_standpipe",
            ]
        );
        let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
        assert!(read("share/bash-completion/completions/standpipe").contains("--max-line-bytes"));
        assert!(read("share/zsh/site-functions/_standpipe").starts_with("#compdef standpipe"));
        assert!(read("share/man/man1/standpipe-seal.1").contains(".TH standpipe-seal 1"));
        assert_eq!(read("bin/other"), "not ours");

        let version = said(&installed, &["--version"]).unwrap();
        assert!(version.starts_with(b"standpipe "));
        let mut before = String::new();
        open.read_to_string(&mut before).unwrap();
        assert_eq!(before, "the one before");
        fs::remove_dir_all(&folder).unwrap();
    }
}
