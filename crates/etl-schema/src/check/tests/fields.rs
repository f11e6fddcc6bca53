//! Which column a field goes to.

use std::sync::Arc;

use etl_stream::json::Scanner;
use serde_json::json;

use crate::{Checker, Column, Schema, Type, UnknownFields, Value};

fn sample() -> Arc<Schema> {
    let columns = vec![
        Column::new("id", Type::Integer { bits: 64 }, false, true),
        Column::new("name", Type::Text { max: None }, true, false),
        Column::new("price", Type::Decimal { precision: None }, true, false),
    ];
    Arc::new(Schema::from_columns("t", columns, &["id"]).expect("a schema"))
}

#[test]
fn fields_find_their_columns() {
    let mut scanner = Scanner::new();
    let mut checker = Checker::new(sample(), UnknownFields::Error);
    let cases = [
        (r#"{"id":1,"name":"a","price":2}"#, r#"Integer(1) Text("a") Decimal("2")"#),
        (r#"{"id":2,"name":"b\t","price":"2.50"}"#, r#"Integer(2) Text("b\t") Decimal("2.50")"#),
        (r#"{"price":3,"id":3}"#, r#"Integer(3) Null Decimal("3")"#),
        (r#"{"n\u0061me":"c","id":4}"#, r#"Integer(4) Text("c") Null"#),
        (r#"{"id":5}"#, "Integer(5) Null Null"),
        (
            r#"{"id":6,"nome":1}"#,
            r#"field "nome": the schema t has no such field (--unknown-fields drop of a loader leaves it out)"#,
        ),
        (r#"{"name":"x"}"#, r#"field "id": required, but missing"#),
        (r#"{"id":7}"#, "Integer(7) Null Null"),
        (r#"{"id":null}"#, r#"field "id": null, but the schema does not allow null here"#),
        (
            r#"{"ID":8}"#,
            r#"field "ID": the schema t has no such field (--unknown-fields drop of a loader leaves it out)"#,
        ),
    ];
    for (line, expected) in cases {
        let record = scanner.scan(line.as_bytes()).expect("a record");
        let shown = match checker.check(&record) {
            Ok(row) => row.values().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(" "),
            Err(violation) => violation.to_string(),
        };
        assert_eq!(shown, expected, "{line}");
    }
    assert_eq!(checker.dropped.fields, 0);
}

#[test]
fn unknown_fields_are_dropped_and_counted() {
    let mut scanner = Scanner::new();
    let mut checker = Checker::new(sample(), UnknownFields::Drop);
    for (line, dropped) in [
        (r#"{"x":[],"id":1,"y":{"id":2}}"#, 2),
        (r#"{"x":{},"id":1,"y":null}"#, 4),
        (r#"{"id":1}"#, 4),
        (r#"{"id":1,"z":"\n"}"#, 5),
    ] {
        let record = scanner.scan(line.as_bytes()).expect("a record");
        assert_eq!(checker.check(&record).expect("a row").get(0), Value::Integer(1));
        assert_eq!(checker.dropped.fields, dropped, "{line}");
    }
    let open = json!({"additionalProperties": true, "properties": {"id": {"type": "integer"}}});
    let open = Schema::from_json("open", &open.to_string()).expect("a schema");
    let mut checker = Checker::new(Arc::new(open), UnknownFields::Error);
    let record = scanner.scan(br#"{"id":1,"z":0}"#).expect("a record");
    assert!(checker.check(&record).is_ok());
    assert_eq!(checker.dropped.fields, 1);
}
