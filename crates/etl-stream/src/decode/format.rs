//! Which encoding an input has.

use crate::json::{Kind, Record, Scanner};

/// How the lines of an input say what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Each line is a record.
    #[default]
    Ndjson,
    /// Messages of a Singer tap (<https://hub.meltano.com/singer/spec>).
    Singer,
    /// Messages of an Airbyte source (<https://docs.airbyte.com/understanding-airbyte/airbyte-protocol>).
    Airbyte,
}

/// The types of Airbyte's messages, each with the key that has its content.
const AIRBYTE: [(&str, &str); 8] = [
    ("RECORD", "record"),
    ("STATE", "state"),
    ("TRACE", "trace"),
    ("LOG", "log"),
    ("CONTROL", "control"),
    ("SPEC", "spec"),
    ("CATALOG", "catalog"),
    ("CONNECTION_STATUS", "connectionStatus"),
];

impl Format {
    /// The format of an input by its first line that is not a control line. A line that is neither a message of a tap nor
    /// one of a source is a record, or is refused when it is read as one.
    pub fn of(line: &[u8]) -> Format {
        let mut scanner = Scanner::new();
        let Ok(record) = scanner.scan(line) else { return Format::Ndjson };
        let Some(ty) = text(&record, "type") else { return Format::Ndjson };
        let is = |key: &str, kind: Kind| record.get(key).is_some_and(|field| field.value.kind == kind);
        let has_stream = text(&record, "stream").is_some();
        match &*ty {
            "SCHEMA" if has_stream && is("schema", Kind::Object) => Format::Singer,
            "RECORD" if has_stream && is("record", Kind::Object) => Format::Singer,
            "STATE" if record.get("value").is_some() => Format::Singer,
            "ACTIVATE_VERSION" | "BATCH" if has_stream => Format::Singer,
            ty if AIRBYTE.iter().any(|(known, key)| *known == ty && is(key, Kind::Object)) => Format::Airbyte,
            _ => Format::Ndjson,
        }
    }

    /// How many levels of JSON are around a record.
    pub fn levels(self) -> u32 {
        match self {
            Format::Ndjson => 0,
            Format::Singer => 1,
            Format::Airbyte => 2,
        }
    }

    /// Its name, as `--format` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Ndjson => "ndjson",
            Format::Singer => "singer",
            Format::Airbyte => "airbyte",
        }
    }
}

/// The text of a field that is a string.
pub(super) fn text(record: &Record<'_>, name: &str) -> Option<String> {
    let value = record.get(name)?.value;
    matches!(value.kind, Kind::String { .. }).then(|| crate::json::unescape(value.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_decides() {
        for (line, format) in [
            (r#"{"type":"STATE","value":{}}"#, Format::Singer),
            (r#"{"type": "SCHEMA", "stream": "a", "schema": {}, "key_properties": []}"#, Format::Singer),
            (r#"{"stream":"a","record":{},"type":"RECORD"}"#, Format::Singer),
            (r#"{"type":"ACTIVATE_VERSION","stream":"a","version":1}"#, Format::Singer),
            (r#"{"type":"LOG","log":{"level":"INFO","message":"x"}}"#, Format::Airbyte),
            (r#"{"type":"RECORD","record":{"stream":"a","data":{}}}"#, Format::Airbyte),
            (r#"{"type":"STATE","state":{"data":{}}}"#, Format::Airbyte),
            (r#"{"type":"RECORD","id":1}"#, Format::Ndjson),
            (r#"{"type":"STATE"}"#, Format::Ndjson),
            (r#"{"type":7,"stream":"a"}"#, Format::Ndjson),
            (r#"{"stream":"a"}"#, Format::Ndjson),
            ("Starting", Format::Ndjson),
        ] {
            assert_eq!(Format::of(line.as_bytes()), format, "{line}");
        }
    }
}
