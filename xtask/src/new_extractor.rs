//! `cargo xtask new-extractor NAME`: an extractor that builds and passes, to be made one's own.
//!
//! What is written is a copy of `xtask/template/` with another name. The template is a member of the workspace, so
//! that it is built, linted and tested like every other extractor.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use xtask::cargo;

/// The name of the source in the template; as a variable or a table it is written with `_`.
const TEMPLATE: &str = "my-source";
/// A container is named `extract-NAME`, and its name has at most 63 characters.
const LONGEST: usize = 63 - "extract-".len();

/// Writes the crate and its schema.
///
/// # Errors
/// If the name is not one, or is taken.
pub(crate) fn run(name: &str) -> anyhow::Result<()> {
    check(name)?;
    let package = format!("extract-{name}");
    for file in write(name, cargo::root())? {
        println!("{}", file.display());
    }
    // Lines are longer or shorter under another name.
    cargo::run(&["fmt", "--package", &package])?;
    // All packages are known already, so that no registry is asked.
    cargo::run(&["update", "--workspace", "--offline", "--quiet"])?;
    println!(
        "Cargo.lock (the one file that existed: it lists every member, and --locked asks for the entry)"
    );
    println!("\n{package} passes as it is: cargo xtask test --package {package}");
    println!("What to change, and in which order, is in extractors/{package}/README.md.");
    Ok(())
}

/// Whether a source can have this name, which is part of those of a package, a container, a schema and variables.
fn check(name: &str) -> anyhow::Result<()> {
    if let Some(rest) = name.strip_prefix("extract-") {
        bail!("{name:?}: leave `extract-` out: {rest}");
    }
    let is_label = name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    ensure!(
        is_label && name.len() <= LONGEST,
        "{name:?} is not a name: it must begin with a-z, continue with a-z, 0-9 or `-`, not end with `-`, and have at most \
         {LONGEST} characters"
    );
    ensure!(name != TEMPLATE, "{name} is the name of the template");
    Ok(())
}

/// Writes the files below the root of a workspace, and returns their paths from there.
fn write(name: &str, root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    for taken in [format!("extractors/extract-{name}"), format!("schemas/{name}.json")] {
        ensure!(!root.join(&taken).exists(), "{taken} exists already");
    }
    let template = template();
    let mut written = Vec::new();
    for file in files(&template)? {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let from_root = file.strip_prefix(&template)?;
        let path = PathBuf::from(renamed(&from_root.display().to_string(), name));
        let target = root.join(&path);
        let folder = target.parent().context("a file has a folder")?;
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&target, renamed(&text, name)))
            .with_context(|| format!("cannot write {}", target.display()))?;
        written.push(path);
    }
    Ok(written)
}

fn template() -> PathBuf {
    cargo::root().join("xtask/template")
}

/// The text under another name.
fn renamed(text: &str, name: &str) -> String {
    let snake = |name: &str| name.replace('-', "_");
    let shout = |name: &str| snake(name).to_uppercase();
    text.replace(TEMPLATE, name)
        .replace(&snake(TEMPLATE), &snake(name))
        .replace(&shout(TEMPLATE), &shout(name))
}

/// Every file below a folder, sorted.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_part_of_other_names() {
        for name in ["rss", "finnhub-trial", "a1", &"a".repeat(LONGEST)] {
            check(name).unwrap();
        }
        let rule = "it must begin with a-z, continue with a-z, 0-9 or `-`, not end with `-`, and have at most 55 characters";
        let too_long = "a".repeat(LONGEST + 1);
        for name in
            ["", "Finnhub", "finnhub_trial", "finnhub.quote", "7up", "-x", "x-", "../x", "é", &too_long]
        {
            assert_eq!(check(name).unwrap_err().to_string(), format!("{name:?} is not a name: {rule}"));
        }
        let said = check("extract-rss").unwrap_err().to_string();
        assert_eq!(said, "\"extract-rss\": leave `extract-` out: rss");
        assert_eq!(check("my-source").unwrap_err().to_string(), "my-source is the name of the template");
    }

    #[test]
    fn an_extractor_is_written_under_its_name_and_only_once() {
        let root = std::env::temp_dir().join(format!("xtask-new-extractor-{}", std::process::id()));
        let written = write("finnhub-trial", &root).unwrap();
        let expected = [
            "extractors/extract-finnhub-trial/Cargo.toml",
            "extractors/extract-finnhub-trial/README.md",
            "extractors/extract-finnhub-trial/src/args.rs",
            "extractors/extract-finnhub-trial/src/main.rs",
            "extractors/extract-finnhub-trial/src/mapping.rs",
            "extractors/extract-finnhub-trial/tests/it/extractor.rs",
            "extractors/extract-finnhub-trial/tests/it/help.rs",
            "extractors/extract-finnhub-trial/tests/it/main.rs",
            "extractors/extract-finnhub-trial/tests/it/readme.rs",
            "extractors/extract-finnhub-trial/tests/replies/PROVENANCE.md",
            "extractors/extract-finnhub-trial/tests/replies/error_401_unknown_key.err",
            "extractors/extract-finnhub-trial/tests/replies/error_401_unknown_key.json",
            "extractors/extract-finnhub-trial/tests/replies/quote.json",
            "extractors/extract-finnhub-trial/tests/replies/quote.ndjson",
            "extractors/extract-finnhub-trial/tests/replies/quote_without_price.json",
            "extractors/extract-finnhub-trial/tests/replies/quote_without_price.ndjson",
            "schemas/finnhub-trial.json",
        ];
        assert_eq!(written, expected.map(PathBuf::from));
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        for path in expected {
            let text = read(path);
            for placeholder in ["my-source", "my_source", "MY_SOURCE"] {
                assert!(!text.contains(placeholder), "{placeholder} in {path}");
            }
        }
        assert!(read(expected[0]).contains("name = \"extract-finnhub-trial\"\n"));
        assert!(read(expected[2]).contains("\"FINNHUB_TRIAL_API_KEY\""));
        assert!(read(expected[16]).contains(r#""x-postgres": {"table": "finnhub_trial"}"#));

        let again = write("finnhub-trial", &root).unwrap_err().to_string();
        assert_eq!(again, "extractors/extract-finnhub-trial exists already");
        fs::remove_dir_all(root.join("extractors")).unwrap();
        let schema = write("finnhub-trial", &root).unwrap_err().to_string();
        assert_eq!(schema, "schemas/finnhub-trial.json exists already");
        fs::remove_dir_all(&root).unwrap();
    }
}
