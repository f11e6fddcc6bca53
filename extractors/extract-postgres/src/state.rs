//! How far earlier runs have read (`--state`): the cursor and the key of the last row, as texts, which keep every digit.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use etl_component::{Class, Fault};
use etl_stream::json::shorten;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// `{"cursor":"2026-11-23T02:00:00.123456Z","key":["17"]}`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct State {
    pub(crate) cursor: String,
    pub(crate) key: Vec<String>,
}

/// As it stands in a file, where a number may also be written as one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    cursor: Box<RawValue>,
    key: Vec<Box<RawValue>>,
}

impl State {
    /// Reads the file, if there is to be one. A file that does not exist yet, or holds nothing, is a start.
    ///
    /// # Errors
    /// 66 if it cannot be read, 3 if it is not the state of a key of this many columns.
    pub(crate) fn read(path: Option<&Path>, columns: usize) -> Result<Option<State>, Fault> {
        let Some(path) = path else { return Ok(None) };
        let file = path.display();
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                log::info!("the state {file} does not exist yet: everything is new");
                return Ok(None);
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(Fault::data(format!("the state {file} is not UTF-8")));
            }
            Err(error) => {
                return Err(
                    Fault::new(Class::NoInput, format!("cannot read the state {file}")).because(error)
                );
            }
        };
        if text.trim().is_empty() {
            return Ok(None);
        }
        let wrong = || {
            let shown = shorten(text.trim(), 80);
            Fault::data(format!("the state {file} has {shown}, which is not of this extractor"))
        };
        let written: Written = serde_json::from_str(&text).map_err(|error| wrong().because(error))?;
        let key: Option<Vec<String>> = written.key.iter().map(|value| plain(value)).collect();
        let (Some(cursor), Some(key)) = (plain(&written.cursor), key) else { return Err(wrong()) };
        if key.len() != columns {
            return Err(Fault::data(format!(
                "the state {file} is of a key of {}, but --key names {}",
                etl_stream::counted(key.len() as u64, "column", "columns"),
                etl_stream::counted(columns as u64, "column", "columns")
            )));
        }
        Ok(Some(State { cursor, key }))
    }
}

/// The text of a scalar; a number's as it is written.
fn plain(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok(),
        b'-' | b'0'..=b'9' | b't' | b'f' => Some(value.get().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use etl_testkit::run::Folder;

    use super::*;

    fn read(text: &str, columns: usize) -> Result<Option<State>, String> {
        let folder = Folder::new();
        folder.write("state", text);
        let path = folder.path("state");
        let shown = path.display().to_string();
        State::read(Some(&path), columns)
            .map_err(|fault| format!("{} {}", fault.class().code(), fault.message().replace(&shown, "FILE")))
    }

    #[test]
    fn a_state_keeps_every_digit() {
        let state = |cursor: &str, key: &[&str]| {
            let key = key.iter().map(|text| (*text).to_owned()).collect();
            Ok(Some(State { cursor: cursor.to_owned(), key }))
        };
        for (text, expected) in [
            (
                r#"{"cursor":"2026-11-23T02:00:00.123456Z","key":["17"]}"#,
                state("2026-11-23T02:00:00.123456Z", &["17"]),
            ),
            (
                "{\"cursor\": 12345678901234567890.12345678901234567890, \"key\": [9007199254740993]}\n",
                state("12345678901234567890.12345678901234567890", &["9007199254740993"]),
            ),
            (r#"{"cursor":"é\n\"","key":[true]}"#, state("é\n\"", &["true"])),
            ("", Ok(None)),
            (" \n", Ok(None)),
        ] {
            assert_eq!(read(text, 1), expected, "{text}");
        }
        let state = State { cursor: "é\"".into(), key: vec!["1".into(), "a".into()] };
        let text = serde_json::to_string(&state).expect("JSON");
        assert_eq!(text, r#"{"cursor":"é\"","key":["1","a"]}"#);
        assert_eq!(read(&text, 2), Ok(Some(state)));
    }

    #[test]
    fn another_state_is_refused() {
        for text in [
            "{}",
            "[]",
            "7",
            "{",
            r#"{"cursor":null,"key":["1"]}"#,
            r#"{"cursor":"1","key":[[]]}"#,
            r#"{"cursor":"1","key":["1"],"more":1}"#,
        ] {
            let said = read(text, 1).expect_err(text);
            assert_eq!(said, format!("3 the state FILE has {text}, which is not of this extractor"));
        }
        assert_eq!(
            read(r#"{"cursor":"1","key":["1","2"]}"#, 1),
            Err("3 the state FILE is of a key of 2 columns, but --key names 1 column".into())
        );
        let missing = Folder::new().path("missing");
        assert_eq!(State::read(Some(&missing), 1).expect("a start"), None);
        let fault = State::read(Some(Folder::new().path("").as_path()), 1);
        assert_eq!(fault.map_err(|fault| fault.class()), Err(Class::NoInput));
    }
}
