//! Helpers that tests of several files use.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use etl_component::{Env, Fault};

use crate::settings::Settings;

/// The component whose settings the tests read.
pub(crate) const COMPONENT: &str = "load-example";

/// The environment of a user without files.
pub(crate) fn env(pairs: &[(&str, &str)]) -> Env {
    Env::of(&[&[("HOME", "/nonexistent")], pairs].concat())
}

#[track_caller]
pub(crate) fn settings(pairs: &[(&str, &str)]) -> Settings {
    match Settings::new(&env(pairs), COMPONENT) {
        Ok(settings) => settings,
        Err(fault) => panic!("{pairs:?}: {}", words(&fault)),
    }
}

/// A fault with its causes, before anything is redacted.
pub(crate) fn words(fault: &Fault) -> String {
    let (mut text, mut source) = (fault.to_string(), fault.source());
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// Writes a file that only its owner can read, and returns its path.
pub(crate) fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    mode(&path, 0o600);
    path.display().to_string()
}

pub(crate) fn mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
