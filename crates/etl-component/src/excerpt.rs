//! What a message about a record shows of it: whoever reads the message at the end of a pipe has nothing else.

use std::fmt::Write;

use etl_stream::json::{Record, Scanner};
use etl_stream::{Fault, Line};

use crate::secret::redact;
use crate::visible::visible;

/// How much of a record is shown, in characters.
const SHOWN: usize = 120;
/// How much of each value of the key.
const VALUE: usize = 40;

/// Scans a line as a record.
///
/// # Errors
/// 3 if it is not one, naming the line and the byte, with an excerpt.
#[inline]
pub fn scan<'a>(line: Line<'a>, scanner: &'a mut Scanner) -> Result<Record<'a>, Fault> {
    line.scan(scanner).map_err(|fault| unscanned(line, fault))
}

/// Scans a line whose fields do not matter: that it is a record is enough.
///
/// # Errors
/// Those of [`scan`].
#[inline]
pub fn check_record(line: &Line<'_>, scanner: &mut Scanner) -> Result<(), Fault> {
    match line.scan(scanner) {
        Ok(_) => Ok(()),
        Err(fault) => Err(unscanned(*line, fault)),
    }
}

#[cold]
fn unscanned(line: Line<'_>, fault: Fault) -> Fault {
    fault.adding(&excerpt(line, []))
}

/// What follows a message about a record: the values of its key and its first characters, without secrets.
#[cold]
pub fn excerpt<'k>(line: Line<'_>, key: impl IntoIterator<Item = &'k str>) -> String {
    let mut said = String::from("; record");
    let mut scanner = Scanner::new();
    if let Ok(record) = scanner.scan(line.bytes) {
        for (name, field) in key.into_iter().filter_map(|name| Some((name, record.get(name)?))) {
            // Writing to memory cannot fail.
            let _ = write!(said, " {name}={}", cut(field.value.raw.as_bytes(), VALUE));
        }
    }
    said + ": " + &cut(line.bytes, SHOWN)
}

/// The first characters of a text. Secrets are replaced before it is cut: afterwards a part of one would be left.
fn cut(text: &[u8], shown: usize) -> String {
    // A secret that begins within what is shown is seen whole, unless it is longer than any that is in use.
    let text = &text[..text.len().min(16 << 10)];
    let text = visible(&redact(&String::from_utf8_lossy(text)));
    let mut characters = text.chars();
    let mut start: String = characters.by_ref().take(shown).collect();
    if characters.next().is_some() {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn line(bytes: &str) -> Line<'_> {
        Line { number: 5, offset: 9, record: 4, bytes: bytes.as_bytes() }
    }

    #[test]
    fn a_record_is_shown_by_its_key_and_start() {
        let record = format!("{{\"id\":7,\"text\":\"{}\"}}", "é".repeat(300));
        let said = excerpt(line(&record), ["id", "absent"]);
        let start =
            said.strip_prefix("; record id=7: ").and_then(|said| said.strip_suffix('…')).expect(&said);
        assert_eq!(start.chars().count(), 120);
        assert!(record.starts_with(start), "{start}");
        assert_eq!(excerpt(line("{}"), ["id"]), "; record: {}");
    }

    #[test]
    fn a_secret_at_the_cut_leaves_nothing() {
        let _secret = Secret::new("a-secret-of-the-excerpt".to_owned());
        let record = format!("{{\"t\":\"{}a-secret-of-the-excerpt\"}}", "x".repeat(100));
        let said = excerpt(line(&record), []);
        assert!(said.ends_with("x[redacted]\"}"), "{said}");
    }

    #[test]
    fn a_line_that_is_not_a_record_is_shown() {
        let fault = scan(line("<html>"), &mut Scanner::new()).expect_err("not a record");
        let message = fault.message();
        assert!(message.starts_with("line 5 (record 4, byte 9): "), "{message}");
        assert!(message.ends_with("; record: <html>"), "{message}");
    }
}
