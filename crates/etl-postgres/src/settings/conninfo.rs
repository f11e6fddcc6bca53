//! Connection strings (chapter 34.1.1): URLs, and key words with values.
//!
//! No message shows a value, or a name that may be the rest of a password.

use etl_component::{Fault, Secret};
use percent_encoding::percent_decode_str;

use super::params::Pairs;
use super::words;

const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];
const ENCODE: &str = "percent-encode special characters in the password, such as / as %2F, @ as %40";

/// The settings in a connection string. If one is given more than once, only the last counts.
///
/// # Errors
/// 78.
pub(super) fn parse(text: &str) -> Result<Pairs, Fault> {
    let mut conninfo = Conninfo::default();
    let result = match SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)) {
        Some(rest) => url(rest, &mut conninfo),
        None => words_and_values(text, &mut conninfo),
    };
    result.map(|()| conninfo.pairs).map_err(|why| Fault::config(format!("DATABASE_URL: {why}")))
}

#[derive(Default)]
struct Conninfo {
    pairs: Pairs,
    /// Whether an unknown key word may be the rest of a password.
    suspicious: bool,
}

impl Conninfo {
    fn add(&mut self, word: &str, value: String) -> Result<(), String> {
        let (word, value) = match word {
            // fe-connect.c, conninfo_storeval: the name of sslmode before 7.4.
            "requiressl" if value.starts_with('1') => ("sslmode", "require".to_owned()),
            "requiressl" => ("sslmode", "prefer".to_owned()),
            _ => (word, value),
        };
        let Some(word) = words::find(word) else {
            return Err(if self.suspicious {
                format!("an unknown key word, or a password that is not written correctly ({ENCODE})")
            } else {
                format!("unknown key word {word:?}")
            });
        };
        let secret = matches!(word, "password" | "sslpassword");
        if secret {
            Secret::new(value.as_str());
        }
        self.suspicious |= secret;
        self.pairs.retain(|(other, _)| *other != word);
        self.pairs.push((word, value));
        Ok(())
    }
}

/// `[user[:password]@][host[:port][,...]][/database][?word=value[&...]]` (RFC 3986 except for the list of hosts).
fn url(text: &str, conninfo: &mut Conninfo) -> Result<(), String> {
    let at = text.find(['@', '/']).filter(|&at| text[at..].starts_with('@'));
    let rest = match at {
        Some(at) => {
            let (user, password) = text[..at].split_once(':').unwrap_or((&text[..at], ""));
            conninfo.add("user", decode(user)?)?;
            Secret::new(password);
            conninfo.add("password", decode(password)?)?;
            &text[at + 1..]
        }
        None => text,
    };
    // Another @, or one after a /, most likely belongs to a password that was not encoded.
    conninfo.suspicious = rest.contains('@');
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, dbname) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.contains('@') || dbname.contains('@') {
        return Err(format!("an @ in the wrong place ({ENCODE})"));
    }
    hosts(authority, conninfo)?;
    if !dbname.is_empty() {
        conninfo.add("dbname", decode(dbname)?)?;
    }
    // As in libpq, the query may end in one &.
    let query = query.strip_suffix('&').unwrap_or(query);
    for pair in query.split('&').filter(|_| !query.is_empty()) {
        let (word, value) = pair.split_once('=').ok_or("a part after the ? has no =")?;
        match (decode(word)?, decode(value)?) {
            // As JDBC writes it (fe-connect.c, conninfo_uri_parse_params).
            (word, value) if word == "ssl" && value == "true" => {
                conninfo.add("sslmode", "require".to_owned())?
            }
            (word, value) => conninfo.add(&word, value)?,
        }
    }
    Ok(())
}

fn hosts(authority: &str, conninfo: &mut Conninfo) -> Result<(), String> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for part in authority.split(',') {
        let (host, port) = match part.strip_prefix('[') {
            Some(part) => {
                let (host, rest) = part.split_once(']').ok_or("a [ without a ]")?;
                if host.is_empty() {
                    return Err("nothing between [ and ]".to_owned());
                }
                let port = rest.strip_prefix(':').or(rest.is_empty().then_some(""));
                (host, port.ok_or("unexpected text after a ]")?)
            }
            None => part.split_once(':').unwrap_or((part, "")),
        };
        hosts.push(decode(host)?);
        ports.push(decode(port)?);
    }
    for (word, list) in [("host", hosts.join(",")), ("port", ports.join(","))] {
        if !list.is_empty() {
            conninfo.add(word, list)?;
        }
    }
    Ok(())
}

/// Strict, unlike the crate: a `%` that encodes nothing most likely belongs to a password that was not encoded.
fn decode(text: &str) -> Result<String, String> {
    let wrong = || format!("a % that is not followed by two hexadecimal digits ({ENCODE}, % as %25)");
    for part in text.split('%').skip(1) {
        let code = part.get(..2).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if code.ok_or_else(wrong)? == "00" {
            return Err("%00 is not allowed".to_owned());
        }
    }
    let text = percent_decode_str(text).decode_utf8().map_err(|_| "the decoded text is not UTF-8")?;
    Ok(text.into_owned())
}

/// `word=value word = 'value with spaces'`; a character after a backslash is taken as it is.
fn words_and_values(text: &str, conninfo: &mut Conninfo) -> Result<(), String> {
    if text.split('=').next().is_some_and(|head| head.contains("://")) {
        return Err(
            "it must begin with postgres:// or postgresql://, or consist of key words with values".to_owned()
        );
    }
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let after = after.trim_ascii_start().strip_prefix('=').ok_or_else(|| no_equals(conninfo))?;
        let (value, after) = value(after.trim_ascii_start())?;
        conninfo.add(word, value)?;
        rest = after.trim_ascii_start();
    }
    Ok(())
}

fn no_equals(conninfo: &Conninfo) -> String {
    let hint = if conninfo.suspicious { " (a password with spaces must be in single quotes)" } else { "" };
    format!("a key word without ={hint}")
}

/// A value, and the text after it.
fn value(text: &str) -> Result<(String, &str), String> {
    let (text, quoted) = text.strip_prefix('\'').map_or((text, false), |text| (text, true));
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        let rest = chars.as_str();
        match chars.next() {
            None if quoted => return Err("a quote that is not closed".to_owned()),
            None => return Ok((value, "")),
            Some('\'') if quoted => return Ok((value, chars.as_str())),
            Some(c) if !quoted && c.is_ascii_whitespace() => return Ok((value, rest)),
            Some('\\') => value.extend(chars.next()),
            Some(c) => value.push(c),
        }
    }
}
