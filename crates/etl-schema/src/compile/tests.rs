mod documents;

use etl_stream::Class;
use serde_json::{Value, json};

use super::*;
use crate::{Dialect, Influx, InfluxType, Role, ddl};

fn refusal(document: Value) -> String {
    let fault = Schema::from_json("s", &document.to_string()).expect_err("not a schema that is understood");
    assert_eq!(fault.class(), Class::Config);
    fault.message().strip_prefix("schema s: ").expect("the schema's name").to_owned()
}

fn weather() -> Schema {
    let document = json!({
        "$schema": DRAFT, "$id": "weather", "title": "Weather", "description": "It's\nweather; C:\\",
        "type": "object", "x-key": ["city", "at"], "x-time": "at", "required": ["at", "city"],
        "x-postgres": {"table": "etl.weather"}, "x-influx": {"measurement": "weather"},
        "properties": {
            "city": {"type": "string", "maxLength": 40, "x-influx": {"role": "tag"}, "examples": ["Lisbon"]},
            "at": {"type": "string", "format": "date-time", "x-influx": {"role": "time"}},
            "te\"mp": {
                "type": ["number", "null"], "description": "Air\r\n-- temperature", "x-unit": "°C",
                "x-influx": {"role": "field", "type": "float"}
            },
            "raw": {"x-postgres": {"type": "jsonb"}}
        }
    });
    Schema::from_json("weather", &document.to_string()).expect("a schema")
}

#[test]
fn a_document_becomes_columns() {
    let schema = weather();
    assert_eq!((schema.key.as_slice(), schema.time), ([0, 1].as_slice(), Some(1)));
    assert_eq!(
        (schema.table.as_deref(), schema.measurement.as_deref()),
        (Some("etl.weather"), Some("weather"))
    );
    assert_eq!((schema.title.as_deref(), schema.additional), (Some("Weather"), false));
    let columns: Vec<_> =
        schema.columns.iter().map(|c| (c.name.as_str(), &c.ty, c.nullable, c.required)).collect();
    assert_eq!(
        columns,
        [
            ("city", &Type::Text { max: Some(40) }, false, true),
            ("at", &Type::TimestampTz, false, true),
            ("te\"mp", &Type::Double, true, false),
            ("raw", &Type::Json, true, false),
        ]
    );
    assert_eq!(schema.columns[2].unit.as_deref(), Some("°C"));
    assert_eq!(schema.columns[2].influx, Influx { role: Some(Role::Field), ty: Some(InfluxType::Float) });
}

#[test]
fn ddl_of_postgres() {
    let schema = weather();
    assert_eq!(
        ddl(&schema, Dialect::Postgres, "etl.weather"),
        r#"CREATE TABLE IF NOT EXISTS "etl"."weather" (
    "city" varchar(40) NOT NULL,
    "at" timestamptz NOT NULL,
    "te""mp" double precision,
    "raw" jsonb,
    PRIMARY KEY ("city", "at")
);
COMMENT ON TABLE "etl"."weather" IS E'It''s
weather; C:\\';
COMMENT ON COLUMN "etl"."weather"."te""mp" IS "#
            .to_owned()
            + "'Air\r\n-- temperature [°C]';\n"
    );
}

#[test]
fn ddl_of_sqlite() {
    let mut schema = weather();
    assert_eq!(
        ddl(&schema, Dialect::Sqlite, "etl.weather"),
        r#"-- It's weather; C:\
CREATE TABLE IF NOT EXISTS "etl.weather" (
    "city" VARCHAR(40) NOT NULL,
    "at" TEXT_TIMESTAMPTZ NOT NULL,
    "te""mp" REAL, -- Air -- temperature [°C]
    "raw" TEXT_JSON,
    PRIMARY KEY ("city", "at")
);
"#
    );
    schema.key.clear();
    schema.columns.truncate(1);
    assert!(ddl(&schema, Dialect::Sqlite, "t").ends_with("    \"city\" VARCHAR(40) NOT NULL\n);\n"));
}

#[test]
fn types_read_back_from_both_databases() {
    let simple = [
        (Type::Text { max: None }, "text", "TEXT"),
        (Type::Text { max: Some(7) }, "varchar(7)", "VARCHAR(7)"),
        (Type::Integer { bits: 16 }, "smallint", "INT2"),
        (Type::Integer { bits: 32 }, "integer", "INT4"),
        (Type::Integer { bits: 64 }, "bigint", "INTEGER"),
        (Type::Double, "double precision", "REAL"),
        (Type::Float, "real", "FLOAT4"),
        (Type::Decimal { precision: None }, "numeric", "TEXT_DECIMAL"),
        (Type::Decimal { precision: Some((9, 2)) }, "numeric(9,2)", "TEXT_DECIMAL(9,2)"),
        (Type::Boolean, "boolean", "BOOLEAN"),
        (Type::Date, "date", "TEXT_DATE"),
        (Type::Timestamp, "timestamp", "TEXT_TIMESTAMP"),
        (Type::TimestampTz, "timestamptz", "TEXT_TIMESTAMPTZ"),
        (Type::Uuid, "uuid", "TEXT_UUID"),
        (Type::Bytes, "bytea", "BLOB"),
        (Type::Json, "jsonb", "TEXT_JSON"),
    ];
    for (ty, postgres, sqlite) in simple {
        for (ty, postgres, sqlite) in [
            (Type::Array(Box::new(ty.clone())), format!("{postgres}[]"), format!("TEXT_ARRAY_{sqlite}")),
            (ty, postgres.to_owned(), sqlite.to_owned()),
        ] {
            assert_eq!((ty.postgres(), ty.sqlite()), (postgres.clone(), sqlite.clone()));
            assert_eq!(Type::from_postgres(&postgres).as_ref(), Some(&ty), "{postgres}");
            assert_eq!(Type::from_sqlite("c", &sqlite).expect("known"), ty, "{sqlite}");
        }
    }
}

#[test]
fn other_spellings() {
    let postgres = [
        ("INT4", Type::Integer { bits: 32 }),
        ("double  precision", Type::Double),
        ("Character Varying ( 5 )", Type::Text { max: Some(5) }),
        ("char(2)", Type::Text { max: Some(2) }),
        ("decimal(10)", Type::Decimal { precision: Some((10, 0)) }),
        ("timestamp with time zone", Type::TimestampTz),
        ("timestamp without time zone", Type::Timestamp),
        ("bool", Type::Boolean),
        ("json", Type::Json),
    ];
    for (spelled, ty) in postgres {
        assert_eq!(Type::from_postgres(spelled), Some(ty), "{spelled}");
    }
    for unknown in
        ["", "money", "timestamp(3)", "varchar(0)", "varchar(x)", "numeric(2,3)", "int[][]", "text(3)", "[]"]
    {
        assert_eq!(Type::from_postgres(unknown), None, "{unknown}");
    }
    let sqlite = [
        ("bigint", Type::Integer { bits: 64 }),
        ("Double Precision", Type::Double),
        ("DATETIME", Type::Timestamp),
        ("DATE", Type::Date),
        ("DECIMAL(8, 3)", Type::Decimal { precision: Some((8, 3)) }),
        ("CLOB", Type::Text { max: None }),
        ("JSON", Type::Json),
    ];
    for (declared, ty) in sqlite {
        assert_eq!(Type::from_sqlite("c", declared).expect("known"), ty, "{declared}");
    }
    for unknown in ["", "POINT", "TEXT_ARRAY_"] {
        let fault = Type::from_sqlite("where", unknown).expect_err("unknown");
        assert_eq!(fault.class(), Class::Config);
        assert!(fault.message().contains("\"where\""), "{fault}");
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    let cases = [
        (json!([]), "a schema must be an object"),
        (json!({}), "it has no properties"),
        (json!({"properties": {}}), "it has no properties"),
        (
            json!({"properties": {"a": {"type": "string"}}, "$defs": {}}),
            "the keyword \"$defs\" is not supported: write what it refers to in its place",
        ),
        (
            json!({"properties": {"a": {"type": "string"}}, "x-foo": 1}),
            "the keyword \"x-foo\" is not understood",
        ),
        (
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"type": "string"}}}),
            "$schema: only https://json-schema.org/draft/2020-12/schema is understood",
        ),
        (
            json!({"properties": {"a": {"type": "string"}}, "type": "array"}),
            "type: a record must be an object",
        ),
        (
            json!({"properties": {"a": {"type": "string"}}, "additionalProperties": {}}),
            "additionalProperties: only true and false are understood",
        ),
        (
            json!({"properties": {"a": {"type": "string"}}, "required": ["b"]}),
            "required: property \"b\" does not exist",
        ),
        (
            json!({"properties": {"a": {"type": "string"}}, "x-key": ["b"]}),
            "x-key: property \"b\" does not exist",
        ),
        (
            json!({"properties": {"a": {"type": "string"}}, "x-key": ["a"]}),
            "x-key: property \"a\" must be required and not nullable",
        ),
        (
            json!({"properties": {"a": {"type": ["string", "null"]}}, "required": ["a"], "x-key": ["a"]}),
            "x-key: property \"a\" must be required and not nullable",
        ),
        (
            json!({"properties": {"a": {"type": "string"}}, "x-time": "a"}),
            "x-time: property \"a\" is not a date or time",
        ),
        (
            json!({"properties": {"a": {"type": "string"}}, "x-deleted": "a"}),
            "x-deleted: property \"a\" must be a boolean or a time, and be in neither x-key nor x-time",
        ),
        (
            json!({"properties": {"a": {"type": "string", "format": "date"}}, "x-time": "a", "x-deleted": "a"}),
            "x-deleted: property \"a\" must be a boolean or a time, and be in neither x-key nor x-time",
        ),
        (
            json!({"properties": {"a": {"type": "boolean"}}, "x-deleted": "b"}),
            "x-deleted: property \"b\" does not exist",
        ),
        (
            json!({"properties": {"a": {"type": "string"}}, "x-postgres": {"schema": "x"}}),
            "x-postgres: the keyword \"schema\" is not understood",
        ),
        (
            json!({"properties": {"City": {"type": "string"}, "city": {"type": "string"}}}),
            "properties \"City\" and \"city\" would become one column",
        ),
        (json!({"properties": {"": {"type": "string"}}}), "a property has an empty name"),
        (
            json!({"properties": {"_etl": {"type": "string"}}}),
            "property \"_etl\": the name is reserved for control lines",
        ),
        (
            json!({"properties": {"ä".repeat(32): {"type": "string"}}}),
            &format!("property {:?}: its name is longer than 63 bytes", "ä".repeat(32)),
        ),
    ];
    for (document, expected) in cases {
        assert_eq!(refusal(document.clone()), expected, "{document}");
    }
}

#[test]
fn properties_that_are_not_understood_are_refused() {
    let cases = [
        (json!(true), "a schema must be an object"),
        (json!({}), "no single type: give one, or x-postgres {\"type\": \"jsonb\"} for any JSON"),
        (
            json!({"type": ["string", "integer"]}),
            "no single type: give one, or x-postgres {\"type\": \"jsonb\"} for any JSON",
        ),
        (json!({"type": "null"}), "type: a column cannot hold only null"),
        (json!({"type": "text"}), "type: \"text\" is not a JSON Schema type"),
        (
            json!({"type": "string", "minLength": 1}),
            "the keyword \"minLength\" is not supported: leave it out, or let the table check it",
        ),
        (
            json!({"$ref": "other.json"}),
            "the keyword \"$ref\" is not supported: write what it refers to in its place",
        ),
        (
            json!({"type": "object", "properties": {}}),
            "the keyword \"properties\" is not supported: a nested object is one column of JSON: leave out what it says of its members, or let the producer write them as fields of the record",
        ),
        (
            json!({"type": "string", "x-units": "m"}),
            "the keyword \"x-units\" is not understood: did you mean x-unit?",
        ),
        (json!({"type": "string", "format": "email"}), "format: \"email\" is not supported"),
        (json!({"type": "integer", "format": "date"}), "format and contentEncoding: only for type string"),
        (
            json!({"type": "string", "contentEncoding": "base32"}),
            "contentEncoding: \"base32\" is not supported",
        ),
        (json!({"type": "string", "pattern": "("}), "pattern: "),
        (json!({"type": "string", "pattern": "(?=a)"}), "pattern: "),
        (json!({"type": "string", "minimum": 1}), "minimum: not supported for a column of text"),
        (json!({"type": "integer", "pattern": "a"}), "pattern: not supported for a column of bigint"),
        (json!({"type": "integer", "maxLength": 1}), "maxLength: not supported for a column of bigint"),
        (json!({"type": "object", "enum": [1]}), "enum and const: not supported for a column of jsonb"),
        (json!({"type": "string", "enum": [{}]}), "enum or const: {} is not a scalar"),
        (json!({"type": "integer", "enum": [1], "const": 1}), "enum and const cannot be used together"),
        (json!({"type": "integer", "minimum": "1"}), "minimum: not a number"),
        (json!({"type": "string", "items": {"type": "string"}}), "items: only for type array"),
        (
            json!({"type": "array", "items": {"type": "string", "x-a": 1}}),
            "items: the keyword \"x-a\" is not understood",
        ),
        (
            json!({"type": "string", "x-postgres": {"type": "money"}}),
            "x-postgres.type: \"money\" is not supported",
        ),
        (
            json!({"type": "string", "x-postgres": {"table": "t"}}),
            "x-postgres: the keyword \"table\" is not understood",
        ),
        (
            json!({"type": "string", "x-influx": {"role": "key"}}),
            "x-influx.role: \"key\" is not tag, field, time or ignore",
        ),
    ];
    for (property, expected) in cases {
        let message = refusal(json!({"properties": {"a": property.clone()}}));
        let message = message.strip_prefix("property \"a\": ").expect("the property's name");
        // The rest of the message about a pattern is the regex crate's.
        assert!(
            message == expected || expected == "pattern: " && message.starts_with(expected),
            "{property} {message}"
        );
    }
}

#[test]
fn every_fault_is_named_at_once() {
    let document = json!({
        "x-keys": ["id"], "required": ["id", "b"],
        "properties": {
            "id": {"type": "strin", "minlenght": 1},
            "union": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            "list": {"type": "array", "items": {"type": "object", "properties": {}}},
            "at": {"type": "string", "format": "datetime"},
        }
    });
    let union = "the keyword \"anyOf\" is not supported: a column has one type: give that type, with \"null\" if it may \
                 be null, or x-postgres {\"type\": \"jsonb\"} without type for any JSON";
    let nested = "the keyword \"properties\" is not supported: a nested object is one column of JSON: leave out what it \
                  says of its members, or let the producer write them as fields of the record";
    let faults = [
        "property \"id\": type: \"strin\" is not a JSON Schema type",
        "property \"id\": the keyword \"minlenght\" is not understood: did you mean minLength?",
        &format!("property \"union\": {union}"),
        &format!("property \"list\": items: {nested}"),
        "property \"at\": format: \"datetime\" is not supported: did you mean date-time?",
        "required: property \"b\" does not exist",
        "the keyword \"x-keys\" is not understood: did you mean x-key?",
    ];
    assert_eq!(refusal(document), format!("7 faults: {}", faults.join("; ")));
    let many: serde_json::Map<_, _> = (0..60).map(|n| (format!("p{n}"), json!({}))).collect();
    let message = refusal(json!({ "properties": many }));
    assert!(message.starts_with("60 faults: property \"p0\": no single type"), "{message}");
    assert!(message.ends_with("; and 10 more"), "{message}");
}

#[test]
fn only_lossless_storage_is_accepted() {
    let pair = |ty: &str, more: Value, postgres: &str| {
        let mut property = json!({"type": ty, "x-postgres": {"type": postgres}});
        for (keyword, value) in more.as_object().expect("keywords") {
            property[keyword] = value.clone();
        }
        Schema::from_json("s", &json!({"properties": {"a": property}}).to_string())
            .map(|schema| schema.columns[0].ty.clone())
    };
    let date_time = json!({"format": "date-time"});
    for (ty, more, postgres) in [
        ("integer", json!({}), "text"),
        ("integer", json!({}), "double precision"),
        ("integer", json!({}), "boolean"),
        ("number", json!({}), "bigint"),
        ("number", json!({}), "text"),
        ("boolean", json!({}), "integer"),
        ("string", json!({}), "integer"),
        ("string", json!({}), "bytea"),
        ("string", date_time.clone(), "date"),
        ("string", date_time.clone(), "jsonb"),
        ("string", json!({"format": "date"}), "timestamptz"),
        ("string", json!({"format": "uuid"}), "numeric"),
        ("array", json!({"items": {"type": "string"}}), "text"),
        ("array", json!({"items": {"type": "integer"}}), "text[]"),
        ("object", json!({}), "text"),
    ] {
        let fault = pair(ty, more, postgres).expect_err(postgres);
        assert!(fault.message().contains("x-postgres.type"), "{fault}");
    }
    for (ty, more, postgres) in [
        ("integer", json!({}), "numeric(20,0)"),
        ("integer", json!({}), "jsonb"),
        ("number", json!({}), "real"),
        ("string", json!({}), "uuid"),
        ("string", date_time.clone(), "timestamp"),
        ("string", date_time, "text"),
        ("string", json!({"contentEncoding": "base64"}), "bytea"),
        ("array", json!({"items": {"type": "integer"}}), "smallint[]"),
        ("array", json!({}), "text[]"),
        ("array", json!({"items": {"type": "integer"}}), "jsonb"),
        ("object", json!({}), "jsonb"),
    ] {
        assert_eq!(Some(pair(ty, more, postgres).expect(postgres)), Type::from_postgres(postgres));
    }
}

#[test]
fn tables_are_schemas() {
    let column = |name: &str| Column::new(name, Type::Date, true, false);
    let schema = Schema::from_columns("t", vec![column("a"), column("b")], &["b"]).expect("a schema");
    assert_eq!(schema.key, [1]);
    assert!(schema.columns[1].never_null() && !schema.columns[0].never_null());
    for (columns, key) in [(vec![column("a")], "b"), (vec![column("a"), column("A")], "a"), (vec![], "a")] {
        let fault = Schema::from_columns("t", columns, &[key]).expect_err("no schema");
        assert_eq!(fault.class(), Class::Config);
    }
}

#[test]
fn special_is_for_numbers_and_times() {
    let with = |more: Value| {
        let mut property = json!({"x-special": true});
        for (keyword, value) in more.as_object().expect("keywords") {
            property[keyword] = value.clone();
        }
        json!({"properties": {"a": property}})
    };
    let misplaced = "property \"a\": x-special: not supported for a column of ";
    let bounded = "property \"a\": x-special: cannot be used together with bounds, pattern, enum or const";
    for (more, message) in [
        (json!({"type": "string"}), format!("{misplaced}text")),
        (json!({"type": "integer"}), format!("{misplaced}bigint")),
        (json!({"type": "integer", "x-postgres": {"type": "numeric"}}), format!("{misplaced}numeric")),
        (json!({"type": "boolean"}), format!("{misplaced}boolean")),
        (json!({"type": "object"}), format!("{misplaced}jsonb")),
        (json!({"type": "array", "items": {"type": "number"}}), format!("{misplaced}double precision[]")),
        (json!({"type": "number", "minimum": 0}), bounded.to_owned()),
        (json!({"type": "string", "format": "date", "const": "infinity"}), bounded.to_owned()),
        (
            json!({"type": "number", "x-special": "yes"}),
            "property \"a\": x-special: neither true nor false".to_owned(),
        ),
    ] {
        assert_eq!(refusal(with(more)), message);
    }
}

#[test]
fn a_table_is_declared_as_the_schema_says() {
    let document = json!({"properties": {
        "a": {"type": "string", "x-postgres": {"type": "interval day to second(3)"}},
        "b": {"type": "string", "format": "date-time", "x-postgres": {"type": "timestamp (3) with time zone"}},
        "c": {"type": "string", "maxLength": 2, "x-postgres": {"type": "character(3)"}},
        "d": {"x-postgres": {"type": "json"}},
        "e": {"type": "array", "items": {"type": "string", "x-postgres": {"type": "inet"}}},
        "f": {"type": "array", "x-postgres": {"type": "numeric(3,5)[]"}},
    }});
    let schema = Schema::from_json("s", &document.to_string()).expect("a schema");
    assert_eq!(
        ddl(&schema, Dialect::Postgres, "t"),
        "CREATE TABLE IF NOT EXISTS \"t\" (
    \"a\" interval day to second(3),
    \"b\" timestamptz(3),
    \"c\" char(3),
    \"d\" json,
    \"e\" inet[],
    \"f\" numeric(3,5)[]
);
"
    );
    assert!(
        ddl(&schema, Dialect::Sqlite, "t")
            .contains("\"a\" TEXT,\n    \"b\" TEXT_TIMESTAMPTZ,\n    \"c\" VARCHAR(3),\n")
    );
}
