//! Streams whose values are all texts (`values: "text"`).

use crate::support::{SqliteFolder, counts, refused, texts};

#[test]
fn texts_are_read_into_the_columns_of_the_table() {
    let place = SqliteFolder::new();
    place.sql(
        "CREATE TABLE t (id INTEGER, x REAL, ok BOOLEAN, day TEXT_DATE, at TEXT_TIMESTAMPTZ, price TEXT_DECIMAL, note TEXT)",
    );
    let record = r#"{"id":"007","x":"1e3","ok":"t","day":"2026-01-01","at":"2026-01-01 01:00:00+01","price":"+01.50","note":" 007"}"#;
    assert_eq!(counts(&place.load("--table t", texts("a", &[record]))), [1, 1, 0, 0, 0, 0]);
    assert_eq!(
        place.rows("SELECT * FROM t"),
        [r#"7|1000.0|1|"2026-01-01"|"2026-01-01T00:00:00Z"|"1.50"|" 007""#]
    );
    let ran = place.load("--table t", texts("b", &[r#"{"id":7}"#]));
    refused(&ran, 3, "line 2");
    assert!(ran.last_error_line().contains("field \"id\": 7 is neither a string nor null"), "{}", ran.stderr);
    refused(&place.load("", texts("b", &[r#"{"id":"7"}"#])), 78, "--table TABLE");
}
