mod hosts;
mod psql;
mod servers;
mod sources;
mod texts;
mod tls;

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use etl_component::Class;

use super::*;

/// The environment of a user without files.
fn env(pairs: &[(&str, &str)]) -> Env {
    Env::of(&[&[("HOME", "/nonexistent")], pairs].concat())
}

#[track_caller]
fn settings(pairs: &[(&str, &str)]) -> Settings {
    match Settings::from_env(&env(pairs)) {
        Ok(settings) => settings,
        Err(fault) => panic!("{pairs:?}: {}", words(&fault)),
    }
}

/// What is said of an environment that is refused with 78.
#[track_caller]
fn refused(pairs: &[(&str, &str)]) -> String {
    match Settings::from_env(&env(pairs)) {
        Ok(settings) => panic!("{pairs:?}: {}", settings.name()),
        Err(fault) => {
            assert_eq!(fault.class(), Class::Config, "{}", words(&fault));
            words(&fault)
        }
    }
}

/// A fault with its causes, as they are before anything is redacted.
fn words(fault: &Fault) -> String {
    let (mut text, mut source) = (fault.to_string(), fault.source());
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// `user@host:port/database`.
fn target(pairs: &[(&str, &str)]) -> String {
    let settings = settings(pairs);
    format!("{}@{}", settings.config.get_user().unwrap(), settings.name())
}

/// The password for each host.
fn passwords(pairs: &[(&str, &str)]) -> Vec<Option<String>> {
    let hosts = settings(pairs).hosts;
    hosts.iter().map(|host| host.password.as_ref().map(|password| password.expose().to_owned())).collect()
}

fn password(pairs: &[(&str, &str)]) -> Option<String> {
    let mut passwords = passwords(pairs);
    assert_eq!(passwords.len(), 1);
    passwords.remove(0)
}

/// Writes a file that only its owner can read, and gives back its path.
fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    mode(&path, 0o600);
    path.display().to_string()
}

fn mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
