//! Records that do not have all fields.

use std::collections::BTreeMap;

const FIELDS: [&str; 4] = ["a", "b", "c", "d"];
/// Their schema.
pub const SCHEMA: &str = r#"{"x-key":["id"],"required":["id"],"properties":{"id":{"type":"integer"},
    "a":{"type":["integer","null"]},"b":{"type":["string","null"]},
    "c":{"type":["number","null"],"x-postgres":{"type":"numeric"}},"d":{"type":["string","null"],"format":"date"}}}"#;

/// Records of any mix of fields, a few keys, many times.
pub fn mixed(seed: u64, count: usize) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut record = || {
        let mut line = format!("{{\"id\":{}", random.u8(0..12));
        for field in FIELDS {
            let value = match (random.u8(0..3), field) {
                (0, _) => continue,
                (1, _) if random.bool() => "null".to_owned(),
                (_, "a") => random.u8(0..5).to_string(),
                (_, "b") => format!("\"{}\"", random.alphabetic()),
                (_, "c") => format!("{}.{}", random.u8(0..3), random.u8(0..10)),
                _ => format!("\"2026-01-0{}\"", random.u8(1..10)),
            };
            line += &format!(",\"{field}\":{value}");
        }
        line + "}"
    };
    (0..count).map(|_| record()).collect()
}

/// The rows that they become, one after the other: each value after a `|`.
///
/// # Panics
/// If a line is not such a record.
pub fn merged(lines: &[String]) -> Vec<String> {
    let mut rows: BTreeMap<i64, [String; 4]> = BTreeMap::new();
    for line in lines {
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let row = rows.entry(record["id"].as_i64().expect("an id"));
        let row = row.or_insert_with(|| FIELDS.map(|_| "NULL".to_owned()));
        for (value, field) in row.iter_mut().zip(FIELDS) {
            match record.get(field) {
                None => (),
                Some(serde_json::Value::Null) => *value = "NULL".to_owned(),
                Some(serde_json::Value::String(text)) => value.clone_from(text),
                Some(other) => *value = other.to_string(),
            }
        }
    }
    rows.into_iter().map(|(id, row)| format!("{id}|{}", row.join("|"))).collect()
}
