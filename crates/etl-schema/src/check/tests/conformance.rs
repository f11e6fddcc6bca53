//! The checks, compared with the `jsonschema` crate.

use std::sync::Arc;

use etl_stream::json::Scanner;
use serde_json::json;

use crate::{Checker, Schema, UnknownFields};

/// A random schema of the keywords that both know.
fn random_schema(random: &mut fastrand::Rng) -> serde_json::Value {
    let mut properties = serde_json::Map::new();
    for name in ["a", "b", "c", "d"] {
        let mut property = match random.u8(..6) {
            0 => json!({"type": "integer", "minimum": -3, "maximum": 4}),
            1 => json!({"type": "number", "minimum": -2.5}),
            2 => json!({"type": "string", "maxLength": 3}),
            3 => json!({"type": "string", "pattern": "^[a-c]+\\d?$"}),
            4 => json!({"type": "boolean"}),
            _ => json!({"type": "array", "items": {"type": "integer", "maximum": 3}}),
        };
        if random.u8(..4) == 0 && property["type"] != "array" {
            property["enum"] = json!([1, 2.0, "ab", "é", null, true]);
        }
        if random.bool() {
            property["type"] = json!([property["type"], "null"]);
        }
        properties.insert(name.to_owned(), property);
    }
    let mut schema =
        json!({"type": "object", "properties": properties, "additionalProperties": random.bool()});
    schema["required"] = if random.bool() { json!(["a", "c"]) } else { json!([]) };
    schema
}

#[test]
fn agrees_with_the_jsonschema_crate() {
    const VALUES: [&str; 24] = [
        "1",
        "2",
        "4",
        "4.0",
        "5",
        "-3",
        "-4",
        "1.5",
        "-2.5",
        "-2.6",
        "1e1",
        "null",
        "true",
        "false",
        r#""ab""#,
        r#""abc1""#,
        r#""é""#,
        r#""ééé""#,
        r#""\u0061""#,
        r#""c9""#,
        "[]",
        "[1,2]",
        "[1,4]",
        "{}",
    ];
    let mut random = fastrand::Rng::with_seed(3);
    let mut scanner = Scanner::new();
    let (mut good, mut bad) = (0, 0);
    for _ in 0..150 {
        let document = random_schema(&mut random);
        let theirs = jsonschema::draft202012::new(&document).expect("a schema");
        let schema = Schema::from_json("random", &document.to_string()).expect("a schema");
        let mut checker = Checker::new(Arc::new(schema), UnknownFields::Error);
        for _ in 0..300 {
            let mut members = Vec::new();
            for name in ["a", "b", "c", "d", "e"] {
                let present = if name == "e" { random.u8(..8) == 0 } else { random.u8(..6) > 0 };
                if present {
                    let ty = &document["properties"][name]["type"];
                    let fitting = match ty.as_str().or_else(|| ty[0].as_str()) {
                        Some("integer" | "number") => 0..11,
                        Some("boolean") => 12..14,
                        Some("string") => 14..20,
                        Some("array") => 20..23,
                        _ => 0..VALUES.len(),
                    };
                    let range = if random.u8(..10) == 0 { 0..VALUES.len() } else { fitting };
                    members.push(format!("\"{name}\":{}", VALUES[random.usize(range)]));
                }
            }
            random.shuffle(&mut members);
            let line = format!("{{{}}}", members.join(","));
            let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            let record = scanner.scan(line.as_bytes()).expect("a record");
            let ours = checker.check(&record).map(|_| ());
            assert_eq!(ours.is_ok(), theirs.is_valid(&value), "{document} {line} {ours:?}");
            *(if ours.is_ok() { &mut good } else { &mut bad }) += 1;
        }
    }
    assert!(good > 2000 && bad > 2000, "one-sided: {good} good, {bad} bad");
}
