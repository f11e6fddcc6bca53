//! Embeds every card of `cards/`, so that adding a component touches no existing file.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let folder = Path::new(&manifest).join("cards");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut cards = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(name) = file.strip_suffix(".json") {
            println!("cargo::rerun-if-changed={}", path.display());
            cards.push((name.to_owned(), path));
        }
    }
    cards.sort();
    let mut source = String::from("static CARDS: &[(&str, &str)] = &[\n");
    for (name, path) in cards {
        let _ = writeln!(source, "    ({name:?}, include_str!({:?})),", path.display().to_string());
    }
    source.push_str("];\n");
    fs::write(Path::new(&out).join("cards.rs"), source)
}
