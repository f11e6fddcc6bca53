//! Which files are read, and in which order.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use etl_component::{Class, Fault};
use glob::MatchOptions;

/// A file to be read.
#[derive(Debug)]
pub(crate) struct Source {
    /// Where it is; `-` is stdin.
    pub(crate) path: PathBuf,
    /// Its path within the folder that was given, or its name: what it is called wherever the folder is.
    pub(crate) name: PathBuf,
    /// Whether it can be read twice, which stdin and a FIFO cannot.
    pub(crate) is_regular: bool,
}

/// The files that these paths name: those of a folder and of a pattern sorted, the paths in the order given.
///
/// # Errors
/// 66 for a path that names nothing, and for a folder or a pattern without files unless that is accepted; 2 for a
/// pattern that is not one.
pub(crate) fn find(paths: &[PathBuf], allow_empty: bool) -> Result<Vec<Source>, Fault> {
    let mut sources = Vec::new();
    for path in paths {
        let before = sources.len();
        match fs::metadata(path) {
            _ if path == Path::new("-") => sources.push(Source::once(path)),
            Ok(found) if found.is_dir() => folder(path, &mut sources)?,
            Ok(found) if found.is_file() => {
                let name = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
                sources.push(Source { path: path.clone(), name, is_regular: true });
            }
            Ok(_) => sources.push(Source::once(path)),
            Err(error) => match path.to_str().filter(|text| text.contains(['*', '?', '['])) {
                Some(pattern) => matches(pattern, &mut sources)?,
                None => return Err(unreadable(path).because(error)),
            },
        }
        if sources.len() == before && !allow_empty {
            let message = format!("no file in {} (--allow-empty accepts that)", path.display());
            return Err(Fault::new(Class::NoInput, message));
        }
    }
    Ok(sources)
}

impl Source {
    fn once(path: &Path) -> Source {
        Source { path: path.to_owned(), name: path.to_owned(), is_regular: false }
    }

    /// What messages call it.
    pub(crate) fn shown(&self) -> String {
        if self.path == Path::new("-") { "stdin".to_owned() } else { self.path.display().to_string() }
    }
}

/// The files of a folder, but not of the folders in it.
fn folder(folder: &Path, sources: &mut Vec<Source>) -> Result<(), Fault> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder).because(error))? {
        let name = entry.map_err(|error| unreadable(folder).because(error))?.file_name();
        if !name.as_bytes().starts_with(b".") {
            names.push(PathBuf::from(name));
        }
    }
    names.sort();
    for name in names {
        take(folder.join(&name), name, sources)?;
    }
    Ok(())
}

/// The files that match a pattern, in which `**` stands for any folders.
fn matches(pattern: &str, sources: &mut Vec<Source>) -> Result<(), Fault> {
    let options = MatchOptions { require_literal_leading_dot: true, ..MatchOptions::new() };
    let found = glob::glob_with(pattern, options)
        .map_err(|error| Fault::usage(format!("the pattern {pattern}")).because(error))?;
    // The folder that the pattern starts in.
    let fixed = pattern.split(['*', '?', '[']).next().unwrap_or_default();
    let within = fixed.rfind('/').map_or("", |slash| &fixed[..=slash]);
    let mut paths = Vec::new();
    for path in found {
        paths.push(path.map_err(|error| {
            Fault::new(Class::NoInput, format!("cannot read the input {}", error.path().display()))
                .because(error)
        })?);
    }
    paths.sort();
    for path in paths {
        let name = path.strip_prefix(within).unwrap_or(&path).to_owned();
        take(path, name, sources)?;
    }
    Ok(())
}

/// Takes a regular file, or a link to one; a link to nothing is a missing file.
fn take(path: PathBuf, name: PathBuf, sources: &mut Vec<Source>) -> Result<(), Fault> {
    let found = fs::metadata(&path).map_err(|error| unreadable(&path).because(error))?;
    if found.is_file() {
        sources.push(Source { path, name, is_regular: true });
    }
    Ok(())
}

fn unreadable(path: &Path) -> Fault {
    Fault::new(Class::NoInput, format!("cannot read the input {}", path.display()))
}
