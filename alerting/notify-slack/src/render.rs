//! What a record looks like without a template: a receipt as a sentence, anything else as its fields.

use etl_stream::counted;
use etl_stream::json::{Kind, Record, unescape};
use serde::Deserialize;

use crate::text::escape;

/// What a sentence is made of. A sink may leave out what it does not count, or set it to null.
#[derive(Deserialize)]
struct Receipt {
    target: String,
    records: u64,
    inserted: Option<u64>,
    updated: Option<u64>,
    unchanged: Option<u64>,
    superseded: Option<u64>,
    rejected: Option<u64>,
    rows_before: Option<u64>,
    dropped_fields: Option<u64>,
    seconds: Option<f64>,
    already_loaded: Option<bool>,
}

/// A record of the schema `etl.receipt` in plain words; `None` if it is not a receipt.
pub(crate) fn receipt(line: &str) -> Option<String> {
    let receipt: Receipt = serde_json::from_str(line).ok()?;
    let target = escape(&receipt.target);
    if receipt.already_loaded == Some(true) {
        return Some(format!("*{target}*: nothing to do, this load was committed before"));
    }
    let mut text = format!("Loaded *{target}*: {}", counted(receipt.records, "record", "records"));
    for (count, name) in [
        (receipt.inserted, "inserted"),
        (receipt.updated, "updated"),
        (receipt.unchanged, "unchanged"),
        (receipt.superseded, "superseded"),
    ] {
        // That nothing was inserted is worth saying; that nothing else happened is not.
        if let Some(count) = count.filter(|&count| count > 0 || name == "inserted") {
            text += &format!(", {count} {name}");
        }
    }
    if let Some(before) = receipt.rows_before {
        text += &format!(", in place of {}", counted(before, "row", "rows"));
    }
    if let Some(seconds) = receipt.seconds {
        text += &format!(" in {seconds:.2} s");
    }
    if let Some(fields) = receipt.dropped_fields.filter(|&fields| fields > 0) {
        text += &format!("\n{} dropped", counted(fields, "unknown field", "unknown fields"));
    }
    if let Some(rejected) = receipt.rejected.filter(|&rejected| rejected > 0) {
        text += &format!("\n:warning: {} rejected", counted(rejected, "record", "records"));
    }
    Some(text)
}

/// The fields of a record, each on a line of its own or all on one. Numbers keep their digits; objects and arrays are
/// shown as their JSON.
pub(crate) fn fields(record: &Record<'_>, on_one_line: bool) -> String {
    let field = |field: etl_stream::json::Field<'_>| {
        let value = match field.value.kind {
            Kind::String { escaped: true } => unescape(field.value.text),
            _ => field.value.text.to_owned(),
        };
        format!("*{}*: {}", escape(&field.name()), escape(&value))
    };
    record.fields().map(field).collect::<Vec<_>>().join(if on_one_line { ", " } else { "\n" })
}

#[cfg(test)]
mod tests {
    use etl_stream::json::Scanner;

    use super::*;

    #[test]
    fn receipts_are_sentences() {
        for (rest, sentence) in [
            (r#""inserted":3"#, "Loaded *a&lt;b*: 3 records, 3 inserted"),
            (
                r#""inserted":0,"updated":1,"unchanged":2,"superseded":0,"rejected":0,"seconds":0.1234"#,
                "Loaded *a&lt;b*: 3 records, 0 inserted, 1 updated, 2 unchanged in 0.12 s",
            ),
            (
                r#""inserted":1,"superseded":1,"rejected":1,"dropped_fields":2"#,
                "Loaded *a&lt;b*: 3 records, 1 inserted, 1 superseded\n2 unknown fields dropped\n:warning: 1 record rejected",
            ),
            (
                r#""inserted":3,"rows_before":1000,"rows_after":3,"seconds":0.1234"#,
                "Loaded *a&lt;b*: 3 records, 3 inserted, in place of 1000 rows in 0.12 s",
            ),
            (
                r#""inserted":0,"already_loaded":true,"load_id":null"#,
                "*a&lt;b*: nothing to do, this load was committed before",
            ),
            (r#""inserted":null,"updated":null"#, "Loaded *a&lt;b*: 3 records"),
        ] {
            assert_eq!(
                receipt(&format!(r#"{{"target":"a<b","records":3,{rest}}}"#)).as_deref(),
                Some(sentence)
            );
        }
        assert_eq!(receipt(r#"{"target":"t"}"#), None);
    }

    #[test]
    fn fields_are_as_they_stand() {
        let line = br#"{"a<b":"x\n<!here>","n":1.10,"big":123456789012345678901234567890,"none":null,"o":{"k":[1, 2]}}"#;
        let mut scanner = Scanner::new();
        let record = scanner.scan(line).unwrap();
        assert_eq!(
            fields(&record, false),
            "*a&lt;b*: x\n&lt;!here&gt;\n*n*: 1.10\n*big*: 123456789012345678901234567890\n*none*: null\n*o*: {\"k\":[1, 2]}"
        );
        assert_eq!(fields(&record, true).lines().count(), 2);
    }
}
