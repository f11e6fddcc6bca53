//! What an extractor printed, as its reader takes it.

use etl_stream::reader::Options;
use etl_stream::{Reader, Seal};
use serde_json::Value;

use crate::run::Ran;

/// A sealed segment.
#[derive(Debug)]
pub struct Sealed {
    /// Its id.
    pub id: String,
    /// The name of its schema.
    pub schema: String,
    /// `program/version` of who wrote it.
    pub producer: String,
    /// Its records.
    pub records: Vec<Value>,
    /// The same as text.
    pub lines: Vec<String>,
}

impl Sealed {
    /// Reads the only segment of a stream, and verifies its seal.
    ///
    /// # Panics
    /// If it is not one, or has no schema by name.
    #[track_caller]
    pub fn read(stream: &str) -> Sealed {
        let options = Options { seal: Seal::Required, ..Options::default() };
        let mut reader = Reader::new(stream.as_bytes(), options);
        while reader.next().unwrap_or_else(|fault| panic!("{fault}: {stream}")).is_some() {}
        let mut lines = stream.lines();
        let begin: Value = parsed(lines.next().expect("a begin"));
        let text = |key: &str| begin["_etl"][key].as_str().expect("a text in begin").to_owned();
        let lines: Vec<String> =
            lines.filter(|line| !line.starts_with("{\"_etl\":")).map(str::to_owned).collect();
        let records = lines.iter().map(|line| parsed(line)).collect();
        Sealed { id: text("id"), schema: text("schema"), producer: text("producer"), records, lines }
    }

    /// What a run that succeeded printed.
    ///
    /// # Panics
    /// If it failed, or as [`Sealed::read`].
    #[track_caller]
    pub fn of(ran: &Ran) -> Sealed {
        Sealed::read(&ran.ok().stdout)
    }
}

/// Asserts that a run failed with this code, that stdout ends with its `abort` and has no `end`, and that both it and the
/// last line on stderr say `message`, in which `HOST` stands for the address of the server.
///
/// # Panics
/// If it did not.
#[track_caller]
pub fn failed(ran: &Ran, code: i32, message: &str) {
    ran.fails(code);
    assert_eq!(without_address(ran.last_error_line()), message);
    aborted(ran);
}

/// Asserts that stdout has no `end`, and that its last line is an `abort` with the code and the message of the failure.
#[track_caller]
pub(super) fn aborted(ran: &Ran) {
    assert!(!ran.stdout.contains("\"kind\":\"end\""), "{}", ran.stdout);
    let abort: Value = parsed(ran.stdout.lines().last().expect("an abort"));
    assert_eq!(abort["_etl"]["kind"], "abort");
    assert_eq!(abort["_etl"]["code"], ran.code);
    assert_eq!(abort["_etl"]["message"], ran.last_error_line());
}

/// The text with `HOST` in the place of each address of a server.
pub(super) fn without_address(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let before = parts.next().unwrap_or_default().to_owned();
    parts.fold(before, |text, rest| text + "HOST" + rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[track_caller]
fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}
