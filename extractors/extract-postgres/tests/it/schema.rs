//! The schema of the records is that of the result.

use etl_schema::Schema;
use serde_json::json;

use crate::{Place, said};

#[test]
fn a_column_says_its_type_and_whether_it_may_be_null() {
    let place = Place::new();
    place.sql(
        "CREATE TABLE t (id bigint PRIMARY KEY, price numeric(12,4) NOT NULL, note varchar(20), at timestamptz(3) NOT NULL,
           day date, doc jsonb NOT NULL, tags text[] NOT NULL, key uuid NOT NULL, bytes bytea, x real)",
    );
    let schema = said(&place.extract("SELECT * FROM t", "--key id"));
    assert_eq!(
        schema,
        json!({
            "type": "object",
            "x-key": ["id"],
            "properties": {
                "id": {"type": "integer", "x-postgres": {"type": "bigint"}},
                "price": {"type": "number", "x-special": true, "x-postgres": {"type": "numeric(12,4)"}},
                "note": {"type": ["string", "null"], "x-postgres": {"type": "varchar(20)"}},
                "at": {"type": "string", "format": "date-time", "x-special": true, "x-postgres": {"type": "timestamptz(3)"}},
                "day": {"type": ["string", "null"], "format": "date", "x-special": true, "x-postgres": {"type": "date"}},
                "doc": {"x-postgres": {"type": "jsonb"}},
                "tags": {"type": "array", "x-postgres": {"type": "text[]"}},
                "key": {"type": "string", "format": "uuid", "x-postgres": {"type": "uuid"}},
                "bytes": {"type": ["string", "null"], "contentEncoding": "base64", "x-postgres": {"type": "bytea"}},
                "x": {"type": ["number", "null"], "x-special": true, "x-postgres": {"type": "real"}}
            },
            "required": ["id", "price", "note", "at", "day", "doc", "tags", "key", "bytes", "x"]
        })
    );
    // A copy is made with the same declarations.
    place.copy("SELECT * FROM t", "--key id", "--table made --create --allow-empty");
    let columns = |table: &str| {
        place.rows(&format!(
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
             WHERE attrelid = '{table}'::regclass AND attnum > 0 AND attname <> 'doc' ORDER BY attnum"
        ))
    };
    assert_eq!(columns("made"), columns("t"));
    let key = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'made'::regclass AND contype = 'p'";
    assert_eq!(place.rows(key), ["PRIMARY KEY (id)"]);
}

/// The columns that the schema says are never null.
fn never_null(place: &Place, query: &str) -> Vec<String> {
    let text = said(&place.extract(query, "")).to_string();
    let schema = Schema::from_json("t", &text).unwrap();
    schema.columns.into_iter().filter(|column| column.never_null()).map(|column| column.name).collect()
}

#[test]
fn not_null_is_said_only_where_it_is_known() {
    let place = Place::new();
    place.sql(
        "CREATE TABLE a (id int NOT NULL, b int); CREATE TABLE heir () INHERITS (a); ALTER TABLE heir ALTER id DROP NOT NULL;
         CREATE TABLE c (id int NOT NULL); CREATE VIEW v AS SELECT * FROM c;
         CREATE TABLE p (id int NOT NULL) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
    );
    for (query, columns) in [
        ("SELECT id, id + 1 AS more FROM c", &["id"][..]),
        ("SELECT x.id AS one, y.id AS other FROM c x, c y", &["one", "other"]),
        ("SELECT id FROM (SELECT id FROM c) s", &["id"]),
        ("SELECT id FROM p", &["id"]),
        ("SELECT id FROM v", &[]),
        // A table that inherits may have it as NULL.
        ("SELECT id FROM a", &[]),
        ("SELECT x.id AS one, y.id AS other FROM c x LEFT JOIN c y ON false", &[]),
        ("SELECT id, count(*) AS n FROM c GROUP BY ROLLUP (id)", &[]),
        ("SELECT id FROM c UNION ALL SELECT NULL", &[]),
    ] {
        assert_eq!(never_null(&place, query), columns, "{query}");
    }
}

#[test]
fn names_that_no_field_can_have() {
    let place = Place::new();
    for (query, message) in [
        (
            "SELECT 1 AS a, 2 AS a",
            "the query has two columns named \"a\"; give one of them another name (AS)",
        ),
        ("SELECT 1, 2", "the query has two columns named \"?column?\"; give one of them another name (AS)"),
        (
            "SELECT 1 AS a, 2 AS \"A\"",
            "schema of the query: properties \"A\" and \"a\" would become one column",
        ),
        (
            "SELECT 1 AS _etl",
            "schema of the query: property \"_etl\": the name is reserved for control lines",
        ),
        (
            "SELECT 1 AS \"a\nb\"",
            "schema of the query: property \"a\\nb\": its name contains a control character",
        ),
        ("SELECT", "the query has no columns"),
    ] {
        place.refused(query, "", 78, message);
    }
    let ran = place.extract("SELECT 1 AS \"a\"\"b\\é\", 2 AS \"$1 ; --\"", "");
    assert_eq!(crate::lines(&ran), [r#"{"a\"b\\é":1,"$1 ; --":2}"#]);
    // The same where the server has to make texts.
    let ran = place.extract("SELECT '1.2.3.4'::inet AS \"a\"\"b\\é\", 2 AS \"$1 ; --\"", "");
    assert_eq!(crate::lines(&ran), [r#"{"a\"b\\é":"1.2.3.4","$1 ; --":2}"#]);
    for (flags, message) in [
        ("--key b", "--key b: the query has no such column; it has a, doc"),
        ("--key a --cursor b", "--cursor b: the query has no such column; it has a, doc"),
        ("--key doc", "--key doc: the column is jsonb, which is not for keys"),
    ] {
        place.refused("SELECT 1 AS a, '{}'::jsonb AS doc", flags, 78, message);
    }
    place.refused("SELECT 1 AS a", "--key a --key a", 2, "--key a is given twice");
}
