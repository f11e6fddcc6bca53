//! The examples of a document, run as written.
//!
//! ```no_run
//! use etl_testkit::examples;
//! # fn test(server: &str) {
//! let document = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
//! let env = [("FINNHUB_API_KEY", "k3y"), ("FINNHUB_BASE_URL", server)];
//! assert_eq!(examples::run(document, &["extract-finnhub", "load-sqlite"], &env), 3);
//! # }
//! ```

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::influx::Influx;
use crate::postgres;
use crate::run::{Cmd, temp_dir, workspace_binary};

/// A fenced block: its language, its text, and the last line before it.
struct Block {
    language: String,
    text: String,
    before: String,
}

fn blocks(document: &str) -> Vec<Block> {
    let (mut blocks, mut open, mut before) = (Vec::<Block>::new(), false, String::new());
    for line in document.lines() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                let (language, before) = (language.to_owned(), std::mem::take(&mut before));
                blocks.push(Block { language, text: String::new(), before });
                open = true;
            }
            None if open => blocks.last_mut().expect("a block").text += &format!("{line}\n"),
            None if !line.trim().is_empty() => before = line.to_owned(),
            None => (),
        }
    }
    blocks
}

/// The file that a block is, if the line before it ends with `` `name`: ``.
fn file_name(before: &str) -> Option<&str> {
    before.strip_suffix("`:")?.rsplit('`').next()
}

/// The schema of an extractor that does not lie with the others, as the template of one does: loaders know only `schemas/` by
/// name.
fn schema_beside(document: &Path) -> Option<PathBuf> {
    let extractors = document.parent()?.parent()?;
    let schemas = extractors.parent()?.join("schemas").canonicalize().ok()?;
    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas").canonicalize().ok()?;
    if !extractors.ends_with("extractors") || schemas == known {
        return None;
    }
    fs::read_dir(schemas).ok()?.find_map(|file| Some(file.ok()?.path()))
}

/// What makes a shell hand this schema to the loaders.
fn hand_over(schema: &Path, binaries: &[&str]) -> String {
    let loaders = binaries.iter().filter(|name| name.starts_with("load-"));
    loaders.map(|name| format!("alias {name}='{name} --schema \"{}\"'\n", schema.display())).collect()
}

/// Runs the `sh` blocks of a document one after the other in one empty folder, each of which must succeed, and compares
/// what the last one printed with the `text` block that follows it. Another block is a file, if the line before it ends
/// with its name: `` `name`: ``. Blocks of `sh no-run` are left out. Returns how many were run.
///
/// `PATH` begins with the folder of these binaries of the workspace; `env` is the rest of the environment, besides a
/// database in PostgreSQL and the address of an InfluxDB where the document loads into them.
///
/// # Panics
/// If an example fails, prints something else, or a binary is not built.
#[track_caller]
pub fn run(document: impl AsRef<Path>, binaries: &[&str], env: &[(&str, &str)]) -> usize {
    run_beside(&[], document, binaries, env)
}

/// As [`run`], with these files and folders in the folder where the examples run.
///
/// # Panics
/// As [`run`].
#[track_caller]
pub fn run_beside(
    files: &[&Path],
    document: impl AsRef<Path>,
    binaries: &[&str],
    env: &[(&str, &str)],
) -> usize {
    let document = document.as_ref();
    let text = fs::read_to_string(document).expect("the document");
    let folder = temp_dir();
    for file in files {
        let name = file.file_name().expect("a file has a name");
        symlink(file, folder.path().join(name)).expect("the folder is writable");
    }
    let aliases = schema_beside(document).map(|schema| hand_over(&schema, binaries)).unwrap_or_default();
    let mut path = env::var("PATH").unwrap_or_default();
    let binaries: Vec<_> = binaries.iter().map(|name| workspace_binary(name)).collect();
    if let Some(folder) = binaries.first().and_then(|binary| binary.parent()) {
        path = format!("{}:{path}", folder.display());
    }
    let mut set: Vec<(String, String)> = vec![("PATH".to_owned(), path)];
    set.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let database = text.contains("postgres").then(|| postgres::Server::shared().database());
    set.extend(database.iter().flat_map(|database| database.env()));
    if text.contains("load-influx") {
        set.push(("INFLUX_URL".to_owned(), Influx::shared().url()));
    }
    let (mut count, mut printed) = (0, String::new());
    for Block { language, text, before } in blocks(&text) {
        match language.as_str() {
            "sh" => {
                let cmd =
                    Cmd::new("sh").args(["-e", "-c", &format!("{aliases}{text}")]).in_folder(folder.path());
                let ran = set.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value)).run();
                assert_eq!(ran.code, 0, "{}:\n{text}\n{}", document.display(), ran.stderr);
                printed = ran.stdout;
                count += 1;
            }
            "text" => assert_eq!(printed, text, "{}", document.display()),
            "sh no-run" => (),
            _ => {
                if let Some(name) = file_name(&before) {
                    fs::write(folder.path().join(name), text).expect("the folder is writable");
                }
            }
        }
    }
    count
}
