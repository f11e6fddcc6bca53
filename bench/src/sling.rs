//! sling, as PyPI has it.

use std::path::PathBuf;
use std::process::Command;

use etl_testkit::postgres::Space;
use xtask::python;

use crate::contender::Contender;
use crate::database::peer_url;

const VERSION: &str = "1.4.11";

/// Its program, if pip can get it; what is missed otherwise is said.
fn program() -> Option<PathBuf> {
    let system = match std::env::consts::ARCH {
        "x86_64" => "linux-amd64",
        "aarch64" => "linux-arm64",
        _ => return None,
    };
    let folder = python::folder(&format!("sling-{system}"), VERSION)?;
    let program = folder.join(format!("sling_{}/bin/sling-{system}", system.replace('-', "_")));
    python::succeeds(Command::new("chmod").arg("+x").arg(&program))?;
    Some(program)
}

/// Sling in the mode in which it is fastest: from a table, or a file with this URL, into a table that it empties first.
pub(crate) fn contender<'a>(space: &Space, source: &str, table: &str) -> Option<Contender<'a>> {
    let Some(program) = program() else {
        eprintln!("LEFT OUT: sling {VERSION}, which pip cannot get");
        return None;
    };
    let url = format!("{}?sslmode=disable", peer_url(space, "postgres"));
    let from: &[&str] = if source.starts_with("file://") { &[] } else { &["--src-conn", "PEER"] };
    let to = ["--src-stream", source, "--tgt-conn", "PEER", "--tgt-object", table, "--mode", "truncate"];
    let args = [&["run"], from, &to].concat();
    let contender = Contender::new(&format!("sling {VERSION}"), &program.display().to_string(), &args);
    Some(contender.env(&[
        ("PEER".to_owned(), url),
        ("SLING_DISABLE_TELEMETRY".to_owned(), "true".to_owned()),
        ("SLING_HOME_DIR".to_owned(), "sling-home".to_owned()),
    ]))
}
