//! A second run reads only what is new, whatever the cursor is.

use crate::{Place, lines, state};

fn place() -> Place {
    let place = Place::new();
    place.sql(
        "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz NOT NULL, name text);
         INSERT INTO t SELECT n, timestamptz '2026-01-01 00:00+00' + n / 3 * interval '1 us', 'row ' || n FROM generate_series(1, 9) n",
    );
    place
}

const QUERY: &str = "SELECT * FROM t";
const FLAGS: &str = "--cursor at --key id --state state.json";
const LOAD: &str = "--table copy --create --state-out state.json";

#[test]
fn a_second_run_moves_only_what_is_new() {
    let place = place();
    let copy = || {
        let receipt = place.copy(QUERY, FLAGS, &format!("{LOAD} --allow-empty"));
        ["records", "inserted", "updated", "unchanged"].map(|count| receipt[count].as_u64().unwrap())
    };
    assert_eq!(copy(), [9, 9, 0, 0]);
    assert_eq!(
        place.folder.read("state.json").trim(),
        r#"{"cursor":"2026-01-01T00:00:00.000003Z","key":["9"]}"#
    );
    assert_eq!(copy(), [0, 0, 0, 0]);
    // Another row with the same cursor, one a microsecond later, and one that has changed.
    place.sql(
        "INSERT INTO t VALUES (10, '2026-01-01 00:00:00.000003+00', 'same'), (11, '2026-01-01 00:00:00.000004+00', 'later');
         UPDATE t SET at = '2026-01-01 00:00:00.000005+00', name = 'changed' WHERE id = 2",
    );
    assert_eq!(copy(), [3, 2, 1, 0]);
    assert_eq!(copy(), [0, 0, 0, 0]);
    assert_eq!(
        place.folder.read("state.json").trim(),
        r#"{"cursor":"2026-01-01T00:00:00.000005Z","key":["2"]}"#
    );
    assert_eq!(place.rows("SELECT * FROM t ORDER BY id"), place.rows("SELECT * FROM copy ORDER BY id"));
}

#[test]
fn the_state_is_written_only_by_what_stored_the_rows() {
    let place = place();
    let first = place.extract(QUERY, FLAGS);
    let expected = r#"{"cursor":"2026-01-01T00:00:00.000003Z","key":["9"]}"#;
    assert_eq!(state(&first).as_deref(), Some(expected));
    assert!(!place.folder.path("state.json").exists());
    assert!(
        first.stderr.contains("the state state.json does not exist yet: everything is new"),
        "{}",
        first.stderr
    );
    // Rows come in the order of cursor and key, and the state stands before the end.
    let ids: Vec<&str> = lines(&first).iter().map(|line| line.split([':', ',']).nth(1).unwrap()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert!(first.lines()[first.lines().len() - 2].contains("\"kind\":\"state\""));
    // A run that fails says no state.
    let failed = place.extract("SELECT id, at, 1 / (9 - id) AS x FROM t", FLAGS);
    assert!(!failed.fails(3).stdout.contains("\"kind\":\"state\""));
    // Nothing new: the state is what it was.
    place.folder.write("state.json", expected);
    let second = place.extract(QUERY, FLAGS);
    assert_eq!((lines(&second).len(), state(&second).as_deref()), (0, Some(expected)));
    assert_eq!(place.folder.read("state.json"), expected);
    // Without a row and without a state there is none to say.
    assert_eq!(state(&place.extract("SELECT * FROM t WHERE false", "--cursor at --key id")), None);
    assert_eq!(state(&place.extract(QUERY, "--key id")), None);
}

#[test]
fn cursors_of_any_type_keep_every_digit() {
    let place = Place::new();
    for (ty, values, greatest) in [
        (
            "numeric",
            [
                "1.00000000000000000000000000000000000001",
                "1.00000000000000000000000000000000000002",
                "99999999999999999999",
            ],
            "99999999999999999999",
        ),
        (
            "bigint",
            ["-9223372036854775808", "9223372036854775806", "9223372036854775807"],
            "9223372036854775807",
        ),
        ("double precision", ["-Infinity", "0.1", "0.30000000000000004"], "0.30000000000000004"),
        ("date", ["0044-03-15 BC", "2026-01-01", "infinity"], "infinity"),
        (
            "timestamp",
            ["-infinity", "0044-03-15 BC", "2026-01-01 00:00:00.000001"],
            "2026-01-01T00:00:00.000001",
        ),
        ("text", ["", "a", "it''s \"\\é\n"], "it's \"\\é\n"),
        (
            "uuid",
            [
                "00000000-0000-0000-0000-000000000000",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                "f0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            ],
            "f0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
        ("inet", ["1.2.3.4", "1.2.3.5", "10.0.0.0/8"], "10.0.0.0/8"),
        ("interval", ["-1 day", "1 hour", "1 mon"], "P1M"),
        ("bytea", ["", "\\x00", "\\xff"], "/w=="),
    ] {
        place.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (id text, c {ty})"));
        for (id, value) in values.iter().enumerate() {
            place.sql(&format!("INSERT INTO t VALUES ('k{id}', '{value}'), ('K{id}', '{value}')"));
        }
        let ran = place.extract(QUERY, "--cursor c --key id");
        let text = state(&ran).unwrap();
        let said: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(said["cursor"], greatest, "{ty}");
        assert_eq!(lines(&ran).len(), 6, "{ty}");
        if ty == "bytea" {
            continue;
        }
        // From each row on there are only those after it.
        let mut seen = lines(&ran);
        while let Some(line) = seen.pop() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let cursor = row["c"].as_str().map_or_else(
                || line.split_once("\"c\":").unwrap().1.trim_end_matches('}').to_owned(),
                str::to_owned,
            );
            place
                .folder
                .write("state.json", serde_json::json!({"cursor": cursor, "key": [row["id"]]}).to_string());
            let rest = place.extract(QUERY, "--cursor c --key id --state state.json");
            assert_eq!(lines(&rest).len(), 5 - seen.len(), "{ty}: {line}");
        }
    }
}

#[test]
fn a_key_may_have_several_columns() {
    let place = Place::new();
    place.sql("CREATE TABLE t (a text, b int, at date); INSERT INTO t SELECT a, b, '2026-01-01' FROM unnest('{x,y}'::text[]) a, generate_series(1, 3) b");
    let flags = "--cursor at --key a --key b --state state.json";
    place.folder.write("state.json", r#"{"cursor":"2026-01-01","key":["x","2"]}"#);
    let ran = place.extract(QUERY, flags);
    assert_eq!(lines(&ran).len(), 4);
    assert_eq!(state(&ran).unwrap(), r#"{"cursor":"2026-01-01","key":["y","3"]}"#);
    // Parameters of the query come before those of the state.
    let ran = place.extract(
        "SELECT * FROM t WHERE b <> :not AND a <> :nor",
        &format!("{flags} --param nor=z --param not=2"),
    );
    assert_eq!(
        lines(&ran),
        [
            r#"{"a":"x","b":3,"at":"2026-01-01"}"#,
            r#"{"a":"y","b":1,"at":"2026-01-01"}"#,
            r#"{"a":"y","b":3,"at":"2026-01-01"}"#
        ]
    );
    // A cursor that is the key.
    place.folder.write("state.json", r#"{"cursor":2,"key":[2]}"#);
    let ran = place.extract("SELECT DISTINCT b FROM t", "--cursor b --key b --state state.json");
    assert_eq!(lines(&ran), [r#"{"b":3}"#]);
}

#[test]
fn what_was_committed_late_is_found_by_looking_back() {
    let place = place();
    let flags = format!("{FLAGS} --look-back 1s");
    let copy = || place.copy(QUERY, &flags, &format!("{LOAD} --allow-empty"))["inserted"].as_u64().unwrap();
    assert_eq!(copy(), 9);
    // A transaction that began before the others ends after them: its row lies before the cursor.
    place.sql("INSERT INTO t VALUES (100, '2026-01-01 00:00:00.000001+00', 'late'), (101, '2025-12-31 23:59:58+00', 'too late')");
    assert_eq!(copy(), 1);
    assert_eq!(place.rows("SELECT name FROM copy WHERE id > 9"), ["late"]);
    // The state stays where it was.
    assert_eq!(
        place.folder.read("state.json").trim(),
        r#"{"cursor":"2026-01-01T00:00:00.000003Z","key":["9"]}"#
    );
    place.sql("DELETE FROM t WHERE id BETWEEN 5 AND 9");
    assert_eq!(copy(), 0);
    assert_eq!(
        place.folder.read("state.json").trim(),
        r#"{"cursor":"2026-01-01T00:00:00.000003Z","key":["9"]}"#
    );
    place.sql("INSERT INTO t VALUES (102, '2026-01-01 00:00:00.5+00', 'new')");
    assert_eq!(copy(), 1);
    assert_eq!(
        place.folder.read("state.json").trim(),
        r#"{"cursor":"2026-01-01T00:00:00.5Z","key":["102"]}"#
    );
}

#[test]
fn one_looks_back_as_far_as_the_cursor_is_counted() {
    let place = place();
    for (ty, back, from, count) in [
        ("bigint", "3", "7", 5),
        ("smallint", "0", "7", 3),
        ("numeric", "2.5", "7", 5),
        ("real", "2.5", "7", 5),
        ("date", "2d", "2026-01-07", 5),
        ("timestamp", "36h", "2026-01-07", 4),
    ] {
        let value = if matches!(ty, "date" | "timestamp") {
            format!("(date '2026-01-01' + id::int - 1)::{ty}")
        } else {
            format!("id::{ty}")
        };
        place.folder.write("state.json", format!(r#"{{"cursor":"{from}","key":["9"]}}"#));
        let query = format!("SELECT id, {value} AS c FROM t");
        let ran =
            place.extract(&query, &format!("--cursor c --key id --state state.json --look-back {back}"));
        assert_eq!(lines(&ran).len(), count + usize::from(ty == "bigint"), "{ty}");
    }
    for (column, back, message) in [
        ("id", "1h", "--look-back 1h: the cursor is a number, so write a number, not negative"),
        ("id", "-1", "--look-back -1: the cursor is a number, so write a number, not negative"),
        ("name", "1", "--look-back 1: the cursor is neither a time nor a number"),
        (
            "at",
            "soon",
            "--look-back soon: `soon` is not a duration; write 500ms, 20s, 5m, 1h, 90d or a number of seconds",
        ),
    ] {
        let ran = place
            .extractor(QUERY, &format!("--cursor {column} --key id"))
            .arg(format!("--look-back={back}"))
            .run();
        assert_eq!(ran.fails(2).last_error_line(), message);
    }
}

#[test]
fn a_cursor_is_never_null() {
    let place = place();
    place.sql("ALTER TABLE t ALTER at DROP NOT NULL; INSERT INTO t VALUES (10, NULL, 'never')");
    place.refused(
        QUERY,
        "--cursor at --key id",
        3,
        "row 10: column at is NULL, which its key, its cursor or its table does not allow",
    );
    // Such a row would not be met by a run that reads on.
    place.folder.write("state.json", r#"{"cursor":"2026-01-01T00:00:00Z","key":["2"]}"#);
    let message = "the query has rows whose cursor or key is NULL: a cursor would never come to them";
    place.refused(QUERY, FLAGS, 3, message);
    let filtered = place.extract("SELECT * FROM t WHERE at IS NOT NULL", FLAGS);
    assert_eq!(lines(&filtered).len(), 7);
    place.refused("SELECT * FROM t WHERE id > :n", &format!("{FLAGS} --param n=8"), 3, message);
}

#[test]
fn another_state_is_refused() {
    let place = place();
    for (text, code, message) in [
        (
            r#"{"parts":{}}"#,
            3,
            r#"the state state.json has {"parts":{}}, which is not of this extractor: unknown field `parts`, expected `cursor` or `key` at line 1 column 8"#,
        ),
        (
            r#"{"cursor":"1","key":["1","2"]}"#,
            3,
            "the state state.json is of a key of 2 columns, but --key names 1 column",
        ),
        (
            r#"{"cursor":"yes","key":["1"]}"#,
            3,
            "the query: invalid input syntax for type timestamp with time zone: \"yes\" (SQLSTATE 22007)",
        ),
    ] {
        place.folder.write("state.json", text);
        place.refused(QUERY, FLAGS, code, message);
    }
    place.extract(QUERY, "--cursor at").fails(2);
    place.extract(QUERY, "--key id --state state.json").fails(2);
    std::fs::create_dir(place.folder.path("folder")).unwrap();
    place.extract(QUERY, "--cursor at --key id --state folder").fails(66);
}
