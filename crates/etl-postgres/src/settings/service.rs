//! The connection service file (chapter 34.17; fe-connect.c, parseServiceFile).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use etl_component::{Env, Fault};

use super::params::Pairs;
use super::words;

/// Where Debian's libpq looks for the file shared by all users.
const SYSCONFDIR: &str = "/etc/postgresql-common";

/// The settings of a service. If one is given more than once, the first counts.
///
/// # Errors
/// 78 if no file defines the service, or a file cannot be read or has a mistake.
pub(super) fn read(service: &str, env: &Env, home: Option<&Path>) -> Result<Pairs, Fault> {
    let set = |name: &str| env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let named = set("PGSERVICEFILE");
    let must_be_there = named.is_some();
    let own = named.or(home.map(|home| home.join(".pg_service.conf")));
    let shared = set("PGSYSCONFDIR").unwrap_or(SYSCONFDIR.into()).join("pg_service.conf");
    for (path, must_be_there) in own.map(|own| (own, must_be_there)).into_iter().chain([(shared, false)]) {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && !must_be_there => continue,
            Err(error) => {
                let message = format!("the service file {} cannot be read", path.display());
                return Err(Fault::config(message).because(error));
            }
        };
        let pairs = section(&text, service).map_err(|(line, why)| {
            Fault::config(format!("line {line} of the service file {}: {why}", path.display()))
        })?;
        if let Some(pairs) = pairs {
            return Ok(pairs);
        }
    }
    Err(Fault::config(format!("PGSERVICE: definition of service {service:?} not found")))
}

/// The settings under `[service]`, or the line with a mistake.
fn section(text: &str, service: &str) -> Result<Option<Pairs>, (usize, String)> {
    let is_ours = |line: &str| {
        line.strip_prefix('[').and_then(|line| line.strip_prefix(service)).is_some_and(|l| l.starts_with(']'))
    };
    let lines = text.lines().map(str::trim_ascii).zip(1..);
    let mut lines = lines.skip_while(|(line, _)| !is_ours(line));
    if lines.next().is_none() {
        return Ok(None);
    }
    let mut pairs = Pairs::new();
    for (line, number) in lines.take_while(|(line, _)| !line.starts_with('[')) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with("ldap") {
            return Err((number, "services from LDAP are not supported".to_owned()));
        }
        let (word, value) = line.split_once('=').ok_or((number, "a key word without =".to_owned()))?;
        match words::find(word) {
            None => return Err((number, format!("unknown key word {word:?}"))),
            Some("service") => return Err((number, "a service cannot name another".to_owned())),
            Some(word) if pairs.iter().any(|(other, _)| *other == word) => (),
            Some(word) => pairs.push((word, value.to_owned())),
        }
    }
    Ok(Some(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# all\nhost=none\n[other]\nhost=wrong\n\n[db]\n  host=first \n# no\nhost=second\nport=1\n\
                        [db2]\nhost=wrong\n[bad]\nhots=x\n[ldap]\nldap://x\n[nested]\nservice=db\n[word]\nhost\n";

    #[test]
    fn a_section_is_read() {
        let pairs = section(TEXT, "db").unwrap().unwrap();
        assert_eq!(pairs, [("host", "first".to_owned()), ("port", "1".to_owned())]);
        assert_eq!(section(TEXT, "d").unwrap(), None);
    }

    #[test]
    fn mistakes_are_told_by_line() {
        let wrong = |service| section(TEXT, service).unwrap_err();
        assert_eq!(wrong("bad"), (14, "unknown key word \"hots\"".to_owned()));
        assert_eq!(wrong("ldap"), (16, "services from LDAP are not supported".to_owned()));
        assert_eq!(wrong("nested"), (18, "a service cannot name another".to_owned()));
        assert_eq!(wrong("word"), (20, "a key word without =".to_owned()));
    }
}
