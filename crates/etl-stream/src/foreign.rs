//! What bytes are that are not a stream, so that a message can say it and what to do about it.

/// A kind of data that is not a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Packed by gzip.
    Gzip,
    /// Packed by zstd.
    Zstd,
    /// An array, whose lines are no records.
    Array,
    /// A line of words between commas, semicolons or tabs, which is most likely a header.
    Csv,
    /// Text of two bytes a character.
    Utf16,
    /// What no component reads.
    Unread(&'static str),
}

use Foreign::{Array, Csv, Gzip, Unread, Utf16, Zstd};

/// What binary data starts with.
const MAGIC: &[(&[u8], Foreign)] = &[
    (b"\x1F\x8B", Gzip),
    (b"\x28\xB5\x2F\xFD", Zstd),
    // The frame without data that pzstd starts with (RFC 8878, 3.1.2).
    (b"\x50\x2A\x4D\x18", Zstd),
    (b"\xFF\xFE", Utf16),
    (b"\xFE\xFF", Utf16),
    (b"\xFD7zXZ\0", Unread("xz: `xz -dc` unpacks it")),
    (
        b"PK\x03\x04",
        Unread("a zip archive or a spreadsheet: unpack it, or save it as CSV, which extract-file reads"),
    ),
    (b"\xD0\xCF\x11\xE0", Unread("an old spreadsheet: save it as CSV, which extract-file reads")),
    (b"PAR1", Unread("Parquet: write it as CSV or NDJSON first, as DuckDB does")),
    (b"SQLite format 3\0", Unread("an SQLite database: `sqlite3 -csv -header` makes CSV of a query")),
    (b"%PDF-", Unread("a PDF document")),
];

/// What text starts with, after white space and in lower case.
const MARKUP: &[(&[u8], Foreign)] =
    &[(b"<!doctype html", HTML), (b"<html", HTML), (b"<?xml", Unread("XML: convert it to NDJSON first"))];

const HTML: Foreign = Unread("an HTML page: is it the error or the login page of what was asked?");

impl Foreign {
    /// What an input is that starts with `head`, if it is known not to be a stream. A few hundred bytes are enough.
    pub fn of(head: &[u8]) -> Option<Foreign> {
        if let Some((_, foreign)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Some(*foreign);
        }
        match head {
            // In UTF-16 every other byte of ASCII text is zero.
            [0, 1..=0xFF, ..] | [1..=0xFF, 0, ..] => return Some(Utf16),
            [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', ..] => {
                return Some(Unread("bzip2: `bzip2 -dc` unpacks it"));
            }
            _ => (),
        }
        let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
        let begins = |with: &[u8]| head.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
        if let Some((_, foreign)) = MARKUP.iter().find(|(with, _)| begins(with)) {
            return Some(*foreign);
        }
        match head.first()? {
            b'[' => Some(Array),
            _ if is_row(head) => Some(Csv),
            _ => None,
        }
    }

    /// What it is and what to do, as a message ends.
    pub fn says(self) -> &'static str {
        match self {
            Gzip => "gzip: extract-file reads it",
            Zstd => "zstd: extract-file reads it",
            Array => "a JSON array: extract-file reads it",
            Csv => "CSV? extract-file reads it",
            Utf16 => "UTF-16: `iconv -f UTF-16 -t UTF-8` makes UTF-8 of it",
            Unread(says) => says,
        }
    }
}

/// Whether a text starts with a row of CSV or TSV. In a sentence, such as a program's complaint, a blank follows each
/// comma.
fn is_row(text: &[u8]) -> bool {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let begins =
        matches!(line.first(), Some(b'"' | b'_' | b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | 0x80..));
    let is_separator = |byte: &u8| matches!(byte, b',' | b';' | b'\t');
    let is_sentence = line.windows(2).any(|two| is_separator(&two[0]) && two[1] == b' ');
    begins && line.iter().any(is_separator) && !is_sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_stream_is_known_by_how_it_starts() {
        for (head, says) in [
            (&b"\x1F\x8B\x08\0\0\0\0\0"[..], "gzip: extract-file reads it"),
            (b"\x28\xB5\x2F\xFD\x04", "zstd: extract-file reads it"),
            (b"[{\"a\":1}]", "a JSON array: extract-file reads it"),
            (b"\xEF\xBB\xBF \n[\n", "a JSON array: extract-file reads it"),
            (b"id,v\n1,2\n", "CSV? extract-file reads it"),
            (b"\"id\";\"v\"\r\n", "CSV? extract-file reads it"),
            (b"id\tv", "CSV? extract-file reads it"),
            (b"{\0\"\0", "UTF-16: `iconv -f UTF-16 -t UTF-8` makes UTF-8 of it"),
            (b"\xFF\xFEi\0d\0", "UTF-16: `iconv -f UTF-16 -t UTF-8` makes UTF-8 of it"),
            (b"BZh91AY&SY", "bzip2: `bzip2 -dc` unpacks it"),
            (b"PAR1\x15\x04", "Parquet: write it as CSV or NDJSON first, as DuckDB does"),
            (b"\n<!DOCTYPE html>", "an HTML page: is it the error or the login page of what was asked?"),
            (b"<?xml version=\"1.0\"?>", "XML: convert it to NDJSON first"),
        ] {
            assert_eq!(Foreign::of(head).map(Foreign::says), Some(says), "{}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn records_and_complaints_are_nothing_foreign() {
        for head in [
            "",
            "{\"a\":1,\"b\":2}",
            "  {\"a,b\":[1]}",
            "psql: error: no host, no port",
            "12",
            "{'a':1}",
            "\n",
        ] {
            assert_eq!(Foreign::of(head.as_bytes()), None, "{head}");
        }
    }
}
