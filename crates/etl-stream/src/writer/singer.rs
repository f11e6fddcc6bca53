//! The messages of a Singer stream (<https://hub.meltano.com/singer/spec>).

use serde_json::value::RawValue;

use crate::control::one_line;

/// A stream of a Singer target: what its messages have besides the records.
#[derive(Clone, Debug)]
pub struct Singer {
    /// The SCHEMA.
    pub(super) opening: Vec<u8>,
    /// A RECORD up to its record.
    pub(super) record: Vec<u8>,
}

impl Singer {
    /// A stream of this name. `schema` is the JSON Schema of its records, and `key` names the fields of their key, if they
    /// have one.
    pub fn new(stream: &str, schema: &RawValue, key: &[String]) -> Singer {
        let (stream, schema) = (serde_json::Value::from(stream), one_line(schema.get()));
        let key = serde_json::Value::from(key);
        let opening =
            format!(r#"{{"type":"SCHEMA","stream":{stream},"schema":{schema},"key_properties":{key}}}"#);
        let record = format!(r#"{{"type":"RECORD","stream":{stream},"record":"#);
        Singer { opening: (opening + "\n").into(), record: record.into() }
    }
}

pub(super) fn write_state(out: &mut Vec<u8>, value: &RawValue) {
    out.extend_from_slice(br#"{"type":"STATE","value":"#);
    out.extend_from_slice(one_line(value.get()).get().as_bytes());
    out.extend_from_slice(b"}\n");
}
