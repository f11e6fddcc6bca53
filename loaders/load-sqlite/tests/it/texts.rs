//! Streams whose values are all texts (`values: "text"`).

use etl_testkit::run::Cmd;

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
    // SQLite has no NaN, and a TEXT_ARRAY is JSON.
    for number in ["NaN", "Infinity", "-inf"] {
        let ran = place.load("--table t", texts("n", &[&format!("{{\"x\":\"{number}\"}}")]));
        refused(&ran, 3, &format!("field \"x\": \"{number}\" is not a number"));
    }
    place.sql("CREATE TABLE a (v TEXT_ARRAY_INTEGER)");
    place.load("--table a", texts("a", &[r#"{"v":"{1,2}"}"#, r#"{"v":"[3]"}"#])).ok();
    assert_eq!(place.rows("SELECT v FROM a"), [r#""[1,2]""#, r#""[3]""#]);
    let ran = place.load("--table t", texts("b", &[r#"{"id":7}"#]));
    refused(&ran, 3, "line 2");
    assert!(ran.last_error_line().contains("field \"id\": 7 is neither a string nor null"), "{}", ran.stderr);
    refused(&place.load("", texts("b", &[r#"{"id":"7"}"#])), 78, "--table TABLE");
}

#[test]
fn texts_that_were_set_aside_are_loaded_again_as_texts() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE t (id INTEGER, ok BOOLEAN, note TEXT)");
    let records = [r#"{"id":"007","ok":"t","note":"1"}"#, r#"{"id":"eight","ok":"f","note":"2"}"#];
    let ran = place.load("--table t --rejects bad --max-rejects 1", texts("a", &records));
    assert_eq!(counts(&ran), [2, 1, 0, 0, 0, 1]);
    let unreject = Cmd::bin("standpipe").args(["unreject", "bad"]).in_folder(place.path("")).run();
    let corrected = unreject.ok().stdout.replace("eight", "008");
    assert_eq!(counts(&place.load("--table t", corrected)), [1, 1, 0, 0, 0, 0]);
    assert_eq!(place.rows("SELECT * FROM t ORDER BY id"), [r#"7|1|"1""#, r#"8|0|"2""#]);
}
