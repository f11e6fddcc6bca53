//! Pipeline files: which there are, and what they say.

use std::fs;
use std::path::{Path, PathBuf};

use etl_component::{Class, Fault};
use etl_pipeline::{Pipeline, Problems};

/// The files that are named, and those in the folders that are, sorted by name.
///
/// # Errors
/// 66 if one cannot be read; 78 for a folder without a pipeline.
pub(crate) fn pipelines(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let unreadable = |error| missing(path).because(error);
        let mut found = Vec::new();
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                found.push(file);
            }
        }
        if found.is_empty() {
            return Err(Fault::config(format!("{} has no pipeline: no *.yaml, no *.yml", path.display())));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// Reads a pipeline file.
///
/// # Errors
/// 66 if it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Result<Pipeline, Problems>, Fault> {
    let text = fs::read(path).map_err(|error| missing(path).because(error))?;
    let text = String::from_utf8(text)
        .map_err(|_| Fault::config(format!("{}: the file is not UTF-8", path.display())))?;
    Ok(etl_pipeline::parse(&path.display().to_string(), &text))
}

fn missing(path: &Path) -> Fault {
    Fault::new(Class::NoInput, format!("cannot read {}", path.display()))
}
