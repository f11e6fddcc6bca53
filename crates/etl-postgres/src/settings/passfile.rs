//! The password file (chapter 34.16; fe-connect.c, passwordFromFile).

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use etl_component::Secret;

use super::hosts::{Endpoint, SOCKETS};
use super::params::Params;

/// The lines of the file.
pub(super) struct PassFile(String);

impl PassFile {
    /// Reads the file that was named, otherwise the user's own.
    pub(super) fn read(params: &Params, home: Option<&Path>) -> Option<PassFile> {
        let named = params.text("passfile").map(PathBuf::from);
        let path = named.clone().or(home.map(|home| home.join(".pgpass")))?;
        read(&path, named.is_some()).map(PassFile)
    }

    /// The password for a server.
    pub(super) fn password(&self, server: &Endpoint, dbname: &str, user: &str) -> Option<Secret> {
        let socket = SOCKETS.contains(&server.host.as_str());
        let host = if socket { "localhost" } else { &server.host };
        find(&self.0, [host, &server.port.to_string(), dbname, user]).map(Secret::new)
    }
}

/// Reads the file, unless it is missing or open to others. As with libpq, neither is an error.
fn read(path: &Path, named: bool) -> Option<String> {
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound && !named => return None,
        Err(error) => {
            log::warn!("the password file {shown} cannot be read: {error}");
            return None;
        }
    };
    if !metadata.is_file() {
        log::warn!("the password file {shown} is not a plain file");
        return None;
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        log::warn!("the password file {shown} is ignored: group or others have access to it (chmod 0600)");
        return None;
    }
    let text = fs::read_to_string(path);
    text.inspect_err(|error| log::warn!("the password file {shown} cannot be read: {error}")).ok()
}

/// The password in the first line that matches the host, port, database and user.
fn find(text: &str, wanted: [&str; 4]) -> Option<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let password = lines.map(fields).find_map(|fields| match &fields[..] {
        [keys @ .., password] if keys.len() == 4 => {
            let fits = keys.iter().zip(wanted).all(|(key, wanted)| key == "*" || unescape(key) == wanted);
            fits.then(|| unescape(password))
        }
        _ => None,
    })?;
    (!password.is_empty()).then_some(password)
}

/// The first five parts between colons, still escaped. What follows a fifth colon is not part of the password.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut escaped) = (vec![String::new()], false);
    for c in line.chars() {
        if c == ':' && !escaped {
            fields.push(String::new());
        } else if let Some(field) = fields.last_mut() {
            field.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    fields.truncate(5);
    fields
}

/// Takes each character after a backslash as it is.
fn unescape(field: &str) -> String {
    let (mut out, mut chars) = (String::new(), field.chars());
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_counts() {
        let text = "#db:5432:d:u:no\nshort:line\ndb:5432:d:u:first\r\ndb:*:*:*:wide\n*:*:a\\:b:u\\\\x:p\\:\\\\w:rest\n\
                    \\*:1:x:y:literal\nempty:*:*:*:\n*:*:*:*:last";
        let of = |host, port, dbname, user| find(text, [host, port, dbname, user]);
        assert_eq!(of("db", "5432", "d", "u").unwrap(), "first");
        assert_eq!(of("db", "5433", "d", "u").unwrap(), "wide");
        assert_eq!(of("x", "1", "a:b", "u\\x").unwrap(), "p:\\w");
        assert_eq!(of("*", "1", "x", "y").unwrap(), "literal");
        assert_eq!(of("empty", "1", "x", "y"), None);
        assert_eq!(of("z", "1", "x", "y").unwrap(), "last");
        assert_eq!(find("db:5432:d:u:first", ["db", "5432", "d", "other"]), None);
    }
}
