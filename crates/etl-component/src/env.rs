//! The environment, captured once, so that everything behind `main` can be tested without a process environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, IsTerminal, stderr, stdin, stdout};
use std::os::unix::fs::MetadataExt;

use etl_stream::Fault;
use rustix::process::geteuid;

use crate::secret::Secret;

/// The variables of Standpipe's own, each read by some component or other.
pub(crate) const FAMILY: [&str; 5] =
    ["ETL_DEADLINE", "ETL_LOAD_ID", "ETL_LOG_FORMAT", "ETL_LOG_LEVEL", "ETL_TERMINATION_LOG"];

/// A variable a component reads, as `--describe` lists it.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Other names it is read from when `name` is not set, in this order.
    pub aliases: &'static [&'static str],
    /// Whether it is a secret, which can also come from the file named by `NAME_FILE`.
    pub secret: bool,
    /// Whether the component cannot do without it.
    pub required: bool,
    /// The flags, and other variables, with any of which it can.
    pub unless: &'static [&'static str],
    /// What it is for.
    pub help: &'static str,
}

/// The environment of the process.
#[derive(Clone, Debug, Default)]
pub struct Env {
    variables: BTreeMap<String, String>,
    /// The values that are not UTF-8.
    raw: BTreeMap<String, OsString>,
    /// Which of the standard streams are terminals.
    pub terminal: Terminal,
}

/// Which of the standard streams are terminals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Somebody types what is read.
    pub stdin: bool,
    /// Somebody reads what is printed.
    pub stdout: bool,
    /// Somebody reads what is logged.
    pub stderr: bool,
}

impl Env {
    /// The real environment; what is not UTF-8 in it is replaced character by character.
    pub fn capture() -> Env {
        let text = |os: OsString| os.to_string_lossy().into_owned();
        let (stdin, stdout, stderr) = (stdin().is_terminal(), stdout().is_terminal(), stderr().is_terminal());
        let (mut variables, mut raw) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in std::env::vars_os() {
            let name = text(name);
            if value.to_str().is_none() {
                raw.insert(name.clone(), value.clone());
            }
            variables.insert(name, text(value));
        }
        Env { variables, raw, terminal: Terminal { stdin, stdout, stderr } }
    }

    /// An environment of these pairs, without a terminal.
    pub fn of(pairs: &[(&str, &str)]) -> Env {
        let variables = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Env { variables, raw: BTreeMap::new(), terminal: Terminal::default() }
    }

    /// Whether stderr is a terminal that can clear what it shows.
    pub(crate) fn obeys(&self) -> bool {
        self.terminal.stderr && self.get("TERM").is_some_and(|name| !matches!(name, "" | "dumb"))
    }

    /// The value of one variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The value of one variable, byte for byte: it may be the path of a file.
    pub(crate) fn raw(&self, name: &str) -> Option<&OsStr> {
        self.raw.get(name).map(OsString::as_os_str).or_else(|| self.get(name).map(OsStr::new))
    }

    /// The variables that are named like one of Standpipe's own, which no component reads.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = &str> {
        let ours = self.variables.keys().filter(|name| name.starts_with("ETL_"));
        ours.map(String::as_str).filter(|name| !FAMILY.contains(name))
    }

    /// The value of a variable under the first of its names that is set, with that name.
    ///
    /// # Errors
    /// 78 if it is empty.
    pub fn text(&self, variable: &Variable) -> Result<Option<(&'static str, &str)>, Fault> {
        match names(variable).find_map(|name| self.get(name).map(|value| (name, value))) {
            Some((name, "")) => Err(empty(name)),
            found => Ok(found),
        }
    }

    /// A secret, from `NAME` or from the file that `NAME_FILE` names, under the first of its names that is set. One
    /// trailing newline is dropped.
    ///
    /// # Errors
    /// 78 if it is empty or has a control character, if both `NAME` and `NAME_FILE` are set, or if the file cannot be
    /// read.
    pub fn secret(&self, variable: &Variable) -> Result<Option<Secret>, Fault> {
        Ok(self.named_secret(variable)?.map(|(_, secret)| secret))
    }

    /// A secret that travels in a header of HTTP.
    ///
    /// # Errors
    /// 78 if a header cannot carry it, otherwise as [`Env::secret`].
    pub fn header_secret(&self, variable: &Variable) -> Result<Option<Secret>, Fault> {
        match self.named_secret(variable)? {
            Some((name, secret)) if secret.expose().chars().any(|c| !matches!(c, ' '..='~')) => {
                Err(Fault::config(format!("{name} contains a character that a header cannot carry")))
            }
            found => Ok(found.map(|(_, secret)| secret)),
        }
    }

    fn named_secret(&self, variable: &Variable) -> Result<Option<(&'static str, Secret)>, Fault> {
        for name in names(variable) {
            let file = format!("{name}_FILE");
            let value = match (self.get(name), self.get(&file)) {
                (None, None) => continue,
                (Some(_), Some(_)) => {
                    return Err(Fault::config(format!("both {name} and {file} are set; set one")));
                }
                (Some(value), None) => value.to_owned(),
                (None, Some(path)) => {
                    fs::read_to_string(path).map_err(|error| unreadable(&file, path, error))?
                }
            };
            let value = value.strip_suffix('\n').unwrap_or(&value);
            let value = value.strip_suffix('\r').unwrap_or(value);
            if value.is_empty() {
                return Err(empty(name));
            }
            if value.contains(char::is_control) {
                return Err(Fault::config(format!(
                    "{name} contains a line break or another control character; only one line break at its end is dropped"
                )));
            }
            let secret = Secret::new(value);
            if secret.is_short() {
                log::warn!("{name} is too short to be hidden: messages may show it within longer words");
            }
            return Ok(Some((name, secret)));
        }
        Ok(None)
    }

    /// Makes every secret that these variables hold known to [`crate::redact`], whether it will be used or not, so that
    /// no early failure prints one.
    pub fn register_secrets(&self, variables: &[Variable]) {
        for name in variables.iter().filter(|variable| variable.secret).flat_map(names) {
            let file = self.get(&format!("{name}_FILE")).and_then(|path| fs::read_to_string(path).ok());
            for value in self.get(name).into_iter().chain(file.as_deref()) {
                Secret::new(value.trim_end_matches(['\r', '\n']));
            }
        }
    }

    /// A secret the component cannot do without.
    ///
    /// # Errors
    /// 78 if it is not set under any of its names, otherwise as [`Env::secret`].
    pub fn required_secret(&self, variable: &Variable) -> Result<Secret, Fault> {
        self.secret(variable)?.ok_or_else(|| missing(variable))
    }

    /// A secret that travels in a header, and that the component cannot do without.
    ///
    /// # Errors
    /// 78 if it is not set under any of its names, otherwise as [`Env::header_secret`].
    pub fn required_header_secret(&self, variable: &Variable) -> Result<Secret, Fault> {
        self.header_secret(variable)?.ok_or_else(|| missing(variable))
    }
}

/// A variable without a value is a mistake: whoever set it meant something.
pub(crate) fn empty(name: &str) -> Fault {
    Fault::config(format!("{name} is set but empty"))
}

fn missing(variable: &Variable) -> Fault {
    let name = variable.name;
    Fault::config(format!("{name} is not set ({}); set it, or {name}_FILE to a file with it", variable.help))
}

/// A file that cannot be read. Containers run under a user of their own, so it matters who tried, and whose file it is.
fn unreadable(variable: &str, path: &str, error: io::Error) -> Fault {
    let owner = match fs::metadata(path) {
        Ok(found) if error.kind() == io::ErrorKind::PermissionDenied => {
            let (uid, gid, mode) = (found.uid(), found.gid(), found.mode() & 0o7777);
            format!(
                ", which belongs to uid {uid} and gid {gid} and has mode {mode:04o}, as uid {}",
                geteuid()
            )
        }
        Err(_) if error.kind() == io::ErrorKind::PermissionDenied => format!(" as uid {}", geteuid()),
        _ => String::new(),
    };
    Fault::config(format!("{variable}: cannot read {path}{owner}")).because(error)
}

fn names(variable: &Variable) -> impl Iterator<Item = &'static str> {
    std::iter::once(variable.name).chain(variable.aliases.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Variable = Variable {
        name: "API_KEY",
        aliases: &["OLD_KEY"],
        secret: true,
        required: true,
        unless: &[],
        help: "the key",
    };

    fn message(pairs: &[(&str, &str)]) -> String {
        Env::of(pairs).required_secret(&KEY).expect_err("refused").message().to_owned()
    }

    #[test]
    fn the_standard_name_comes_first() {
        let env = Env::of(&[("OLD_KEY", "old"), ("API_KEY", "new\n")]);
        assert_eq!(env.required_secret(&KEY).unwrap().expose(), "new");
        assert_eq!(Env::of(&[("OLD_KEY", "old")]).required_secret(&KEY).unwrap().expose(), "old");
    }

    #[test]
    fn empty_and_missing_are_named() {
        assert_eq!(message(&[]), "API_KEY is not set (the key); set it, or API_KEY_FILE to a file with it");
        assert_eq!(message(&[("API_KEY", "")]), "API_KEY is set but empty");
        assert_eq!(message(&[("OLD_KEY", "\n")]), "OLD_KEY is set but empty");
        assert_eq!(
            message(&[("API_KEY", "a"), ("API_KEY_FILE", "b")]),
            "both API_KEY and API_KEY_FILE are set; set one"
        );
        assert_eq!(
            message(&[("API_KEY_FILE", "/nonexistent/x")]),
            "API_KEY_FILE: cannot read /nonexistent/x"
        );
    }

    #[test]
    fn a_file_that_may_not_be_read_is_told_with_its_owner_and_who_tried() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let (path, me) = (path.to_str().unwrap(), geteuid());
        let gid = fs::metadata(path).unwrap().gid();
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(
            unreadable("API_KEY_FILE", path, denied()).message(),
            format!(
                "API_KEY_FILE: cannot read {path}, which belongs to uid {me} and gid {gid} and has mode 0600, as uid {me}"
            )
        );
        assert_eq!(
            unreadable("API_KEY_FILE", "/nowhere/x", denied()).message(),
            format!("API_KEY_FILE: cannot read /nowhere/x as uid {me}")
        );
    }
}
