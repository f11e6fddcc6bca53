//! Embeds every document of `schemas/`, so that adding a schema touches no existing file.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let folder = Path::new(&manifest).join("../../schemas").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut documents = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(stem) = file.strip_suffix(".json") {
            let name = stem.strip_suffix(".schema").unwrap_or(stem).to_owned();
            println!("cargo::rerun-if-changed={}", path.display());
            documents.push((name, path));
        }
    }
    documents.sort();
    if let Some(pair) = documents.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(io::Error::other(format!("two files for the schema {}", pair[0].0)));
    }

    let mut source = String::from("static DOCUMENTS: &[(&str, &str)] = &[\n");
    for (name, path) in documents {
        let _ = writeln!(source, "    ({name:?}, include_str!({:?})),", path.display().to_string());
    }
    source.push_str("];\n");
    fs::write(Path::new(&out).join("documents.rs"), source)
}
