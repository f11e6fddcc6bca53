//! Columns as other tools declare them are taken by the affinity that they have.

use crate::support::{SqliteFolder, counts, plain, refused};

const OWN: &str = "--table own --seal off";

#[test]
fn a_declaration_is_read_by_its_affinity() {
    for (declared, value, stored) in [
        ("DECIMAL(10,2)", "1234.50", "1234.5|\"real\""),
        ("decimal(10, 2)", "12", "12|\"integer\""),
        ("NUMERIC", "1e3", "1000|\"integer\""),
        ("NUMERIC(5,5)", "0.10000", "0.1|\"real\""),
        ("MONEY", "-0.25", "-0.25|\"real\""),
        ("ANY", "7.0", "7|\"integer\""),
        ("UNSIGNED BIG INT", "9223372036854775807", "9223372036854775807|\"integer\""),
        ("MEDIUMINT UNSIGNED", "8", "8|\"integer\""),
        ("NATIVE CHARACTER(70)", r#""007""#, "\"007\"|\"text\""),
        ("LONGTEXT", r#""1.0""#, "\"1.0\"|\"text\""),
        ("LONGBLOB", r#""AP8=""#, "x'00ff'|\"blob\""),
        ("DOUBLE UNSIGNED", "1", "1.0|\"real\""),
        ("json", r#"{"a":1.50}"#, r#""{\"a\":1.50}"|"text""#),
        ("JSONB", r#""x""#, r#""\"x\""|"text""#),
        ("JSON", "1.50", "1.5|\"real\""),
        ("JSON", "true", "\"true\"|\"text\""),
    ] {
        let place = SqliteFolder::new();
        place.sql(&format!("CREATE TABLE own (n {declared})"));
        let ran = place.load(OWN, format!("{{\"n\":{value}}}\n{{\"n\":null}}\n"));
        assert_eq!(counts(&ran)[1], 2, "{declared}");
        assert_eq!(place.rows("SELECT n, typeof(n) FROM own"), [stored, "NULL|\"null\""], "{declared}");
    }
}

#[test]
fn a_decimal_that_would_not_read_back_is_refused() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE own (n NUMERIC, j JSON)");
    for (field, value) in [
        ("n", "0.10000000000000000001"),
        ("n", "9223372036854775809"),
        ("n", "123456789012345678901234567890"),
        ("n", "1e400"),
        ("n", "1e-400"),
        ("j", "0.10000000000000000001"),
    ] {
        let said = format!("line 1 (byte 1): field \"{field}\": {value} would be changed: ");
        let ran = place.load(OWN, format!("{{\"{field}\":{value}}}\n"));
        ran.fails(3);
        assert!(
            ran.last_error_line().contains(&format!("field \"{field}\": {value} would be changed: ")),
            "{said}: {}",
            ran.stderr
        );
    }
    // Deeper in JSON, a number is text.
    let lines = [r#"{"n":0.10000000000000000001}"#, r#"{"n":0.5,"j":[0.10000000000000000001]}"#];
    let ran = place.load(&format!("{OWN} --rejects bad --max-rejects 1"), plain(&lines));
    assert_eq!(counts(&ran), [2, 1, 0, 0, 0, 1]);
    assert_eq!(place.rows("SELECT n, j FROM own"), [r#"0.5|"[0.10000000000000000001]""#]);
    assert!(place.read("bad").contains("would be changed"));
}

#[test]
fn a_strict_any_keeps_what_a_schema_says() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE own (d ANY, t ANY, n ANY) STRICT");
    refused(
        &place.load(OWN, "{\"d\":1}\n"),
        78,
        r#"table own: column "d" is declared "ANY" and holds anything; --schema must say what its values are"#,
    );
    place.write(
        "s.json",
        r#"{"properties":{"d":{"type":"number","x-postgres":{"type":"numeric"}},"t":{"type":"string"},"n":{"type":"integer"}}}"#,
    );
    let line = r#"{"d":0.10000000000000000001,"t":"007","n":7}"#;
    place.load(&format!("{OWN} --schema s.json"), plain(&[line])).ok();
    assert_eq!(place.rows("SELECT * FROM own"), [r#""0.10000000000000000001"|"007"|7"#]);
}

#[test]
fn a_decimal_is_a_key_where_it_is_compared_as_a_number() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE own (k NUMERIC NOT NULL, v INTEGER, PRIMARY KEY (k))");
    let first = place.load(OWN, "{\"k\":1,\"v\":1}\n{\"k\":1.0,\"v\":2}\n{\"k\":0.5,\"v\":3}\n");
    assert_eq!(counts(&first), [3, 2, 0, 0, 1, 0]);
    assert_eq!(counts(&place.load(OWN, "{\"k\":1.00,\"v\":2}\n{\"k\":5e-1,\"v\":4}\n")), [2, 0, 1, 1, 0, 0]);
    assert_eq!(place.rows("SELECT k, v FROM own ORDER BY k"), ["0.5|4", "1|2"]);
}

#[test]
fn an_equal_key_of_another_type_ends_as_the_record_has_it() {
    let place = SqliteFolder::new();
    place.sql(
        "CREATE TABLE own (k BLOB NOT NULL PRIMARY KEY, v BLOB); INSERT INTO own VALUES (1, 1), (2.0, 2.0)",
    );
    place.write(
        "s.json",
        r#"{"x-key":["k"],"required":["k"],"properties":{"k":{"type":"number"},"v":{"type":"number"}}}"#,
    );
    let args = format!("{OWN} --schema s.json");
    assert_eq!(counts(&place.load(&args, "{\"k\":1,\"v\":1}\n{\"k\":2,\"v\":2}\n")), [2, 0, 1, 1, 0, 0]);
    assert_eq!(place.rows("SELECT * FROM own ORDER BY k"), ["1.0|1.0", "2.0|2.0"]);
}
