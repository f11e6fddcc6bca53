//! What real Singer taps printed, and what of it is in the tables: compared with what their own sources had.

use etl_testkit::connectors::read;
use etl_testkit::run::Ran;

use crate::support::SqliteFolder;

/// It failed like this, and printed nothing that could be taken for a state.
#[track_caller]
pub(crate) fn refused(ran: &Ran, code: i32, says: &str) {
    let line = ran.fails(code).last_error_line();
    assert!(line.contains(says), "{line}");
    assert!(
        ran.stdout.is_empty() || ran.stdout.starts_with(r#"{"_etl":{"v":1,"kind":"abort""#),
        "{}",
        ran.stdout
    );
}

const ZOO: &str = r#""shop-zoo5""#;

#[test]
fn a_whole_table_of_meltanos_tap_postgres() {
    let place = SqliteFolder::new();
    let ran = place.load("", read("meltano-tap-postgres/full-table.singer"));
    assert_eq!(ran.ok().stdout, "{\"bookmarks\":{\"shop-plain\":{}}}\n");
    assert_eq!(
        place.rows(r#"SELECT id, name, "Mixed Case", updated, amount FROM "shop-plain" ORDER BY id"#),
        [
            r#"1|"Ada"|"x"|"2026-01-01T10:00:00Z"|"10.10""#,
            r#"2|"Grace"|"y"|"2026-01-02T10:00:00.5Z"|"20.20""#,
            r#"3|"Edsger"|NULL|"2026-01-03T08:00:00Z"|"30.00""#,
        ]
    );
    // The key makes it an upsert.
    let again = place.load("", read("meltano-tap-postgres/incremental.singer"));
    assert!(again.ok().stderr.contains("shop-plain: 3 records, 0 inserted, 3 unchanged"), "{}", again.stderr);
    assert_eq!(
        again.stdout,
        "{\"bookmarks\":{\"shop-plain\":{\"replication_key\":\"updated\",\
         \"replication_key_value\":\"2026-01-03T08:00:00.000000+00:00\"}}}\n"
    );
    assert_eq!(place.count(r#"SELECT count(*) FROM "shop-plain""#), 3);
}

#[test]
fn every_type_of_postgresql_by_way_of_both_taps() {
    for (file, jsonb, interval, date) in [
        (
            "meltano-tap-postgres/types-and-arrays.singer",
            r#"{\"a\":1.50,\"b\":12345678901234567890123}"#,
            true,
            "2024-02-03",
        ),
        (
            "pipelinewise-tap-postgres/types.singer",
            r#"{\"a\": 1.5, \"b\": 12345678901234567890123}"#,
            false,
            "2024-02-03T00:00:00Z",
        ),
    ] {
        let place = SqliteFolder::new();
        place.load("", read(file)).ok();
        let row = |columns: &str| place.rows(&format!("SELECT {columns} FROM {ZOO}")).concat();
        assert_eq!(
            row("id, n, nu, r, d, b8, m, hs, bo"),
            r#"1|"12345678901234567890.1234567890"|"0.1"|"0.1"|"0.1"|9007199254740993|"$1.00"|7|1"#
        );
        assert_eq!(
            row("ts, tz, dt, t"),
            format!(
                r#""2024-02-03T04:05:06.789012Z"|"2024-02-03T02:05:06.789012Z"|"{date}"|"04:05:06.700000""#
            )
        );
        assert_eq!(row("jb"), format!("\"{jsonb}\""));
        assert_eq!(
            row("u, ip, cd, mac, c, v, tx, e"),
            r#""6f1c2d3e-0000-4000-8000-0123456789ab"|"10.1.2.3/8"|"10.0.0.0/8"|"08:00:2b:01:02:03"|"ab   "|"abc"|"text"|"calm""#
        );
        // Numbers that the tap announces as strings are their own text; what the other tap does not support is NULL.
        let odd = if interval {
            r#""1971-03-05T04:05:06+00:00"|"00ff10"|"5"|"42"|"(1,2)""#
        } else {
            "NULL|NULL|NULL|NULL|NULL"
        };
        assert_eq!(row("iv, ba, p, ol, pt"), odd);
    }
}

#[test]
fn nested_arrays_and_nulls_in_them_are_kept_as_json() {
    let place = SqliteFolder::new();
    let ran = place.load("", read("pipelinewise-tap-postgres/arrays.singer"));
    assert_eq!(
        place.rows(r#"SELECT id, grid, tags, nums, nil FROM "shop-arr""#),
        [r#"1|"[[1, 2], [3, null]]"|"[\"a\", null]"|"[0.1, 1.50]"|"[]""#]
    );
    assert!(
        ran.ok()
            .stderr
            .contains("stream shop-arr: ACTIVATE_VERSION is not followed: the input is not sealed"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        ran.stdout,
        "{\"bookmarks\": {\"shop-arr\": {\"last_replication_method\": \"FULL_TABLE\", \"version\": 1795752788118, \
         \"xmin\": null}}, \"currently_syncing\": null}\n"
    );
    place.load("", read("pipelinewise-tap-postgres/incremental-with-activate-version.singer")).ok();
    assert_eq!(
        place.rows(r#"SELECT id, amount, "Mixed Case" FROM "shop-plain" ORDER BY id"#),
        [r#"1|"10.10"|"x""#, r#"2|"20.20"|"y""#, r#"3|"30.00"|NULL"#]
    );
    place.load("", read("meltano-tap-postgres/failed-after-one-row.singer")).ok();
    assert_eq!(
        place.rows(r#"SELECT ttz, tsa FROM "shop-zoo""#),
        [r#""04:05:06.700000+02:00"|"[\"2024-02-03T04:05:06+00:00\"]""#]
    );
}

#[test]
fn every_type_of_python_by_way_of_the_sdk() {
    let place = SqliteFolder::new();
    let stream = read("singer-sdk-encodings/every-python-type.singer");
    refused(&place.load("", &stream), 3, r#"stream things, field "v""#);
    let ran = place.load("--rejects r.ndjson --max-rejects 1", &stream);
    assert!(ran.ok().stderr.contains("incr: 1 time without a zone was taken for UTC"), "{}", ran.stderr);
    assert_eq!(
        place.rows("SELECT id, upd FROM incr ORDER BY id"),
        [r#"0|"2026-01-03T00:00:00Z""#, r#"1|"2025-12-31T22:00:00Z""#, r#"2|"2026-01-02T00:00:00Z""#]
    );
    let texts = place.rows("SELECT v FROM things ORDER BY id");
    let expected = [
        "0.1",
        "1e+22",
        "1e+16",
        "1.2345678901234568e+17",
        "1e-07",
        "5e-324",
        "-0.0",
        "NULL",
        "NULL",
        "12345678901234567890.12",
        "1E+3",
        "NULL",
        "0E-10",
        "1180591620717411303424",
        "2024-01-01T01:02:03.000000+00:00",
        "2024-01-01T00:00:00.000000+02:00",
        "2024-01-01",
        "01:02:03",
        "1970-01-02T00:00:01.500000+00:00",
        "00ff",
        "00000000-0000-0000-0000-000000000005",
        r#"{"1":3}"#,
        "[1,2]",
        "{3}",
    ];
    let expected = expected.map(|text| if text == "NULL" { text.to_owned() } else { format!("{text:?}") });
    assert_eq!(texts, expected);
    assert!(place.read("r.ndjson").contains("has the character U+0000"), "{}", place.read("r.ndjson"));
    assert_eq!(
        ran.stdout,
        "{\"bookmarks\":{\"incr\":{\"replication_key\":\"upd\",\"replication_key_value\":\"2026-01-03T00:00:00Z\"},\"things\":{}}}\n"
    );
}

#[test]
fn files_by_way_of_three_taps() {
    let place = SqliteFolder::new();
    let ran = place.load("--pipeline p --state-out s.state", read("tap-csv-folder/empty-state-first.singer"));
    let state = "{\"bookmarks\":{\"d\":{\"partitions\":[{\"context\":{\"_sdc_path\":\"csvd/d.csv\"},\"replication_key\":\
                 \"_sdc_modified_at\",\"replication_key_value\":\"2026-11-27T04:33:46.171766+00:00\"}]}}}\n";
    assert_eq!(ran.ok().stdout, state);
    assert_eq!(place.read("s.state"), state);
    assert!(ran.stderr.contains("the tap has sent an empty STATE"), "{}", ran.stderr);
    assert_eq!(
        place.rows("SELECT id, name, amount, \"when\", _sdc_line_number, _sdc_path FROM d ORDER BY id"),
        [
            r#""1"|"Ada"|"0.1"|"2026-01-01"|2|"csvd/d.csv""#,
            r#""2"|"Gr, ace"|"12345678901234567890.12"|""|3|"csvd/d.csv""#,
            r#""3"|"Ed"|"NaN"|"2026-01-02T03:04:05Z"|4|"csvd/d.csv""#,
        ]
    );
    let kept = place.loader("--print-state --pipeline p --table d").run();
    assert_eq!(kept.ok().stdout, state);
    // An empty state does not take the place of one that is stored.
    let empty = "{\"type\":\"SCHEMA\",\"stream\":\"d\",\"schema\":{\"properties\":{\"_sdc_path\":{\"type\":\"string\"},\
                 \"_sdc_line_number\":{\"type\":\"integer\"}}},\"key_properties\":[\"_sdc_path\",\"_sdc_line_number\"]}\n\
                 {\"type\":\"STATE\",\"value\":{}}\n";
    let ran = place.load("--pipeline p --state-out s.state", empty);
    assert_eq!((ran.ok().stdout.as_str(), place.read("s.state").as_str()), ("", state));
    let kept = place.loader("--print-state --pipeline p --table d").run();
    assert_eq!(kept.ok().stdout, state);

    place.load("", read("tap-spreadsheets/things.singer")).ok();
    assert_eq!(
        place.rows("SELECT id, name, amount, \"when\", _sdc_worksheet FROM things ORDER BY id"),
        [
            r#""1"|"Ada"|"0.1"|"2026-01-01"|NULL"#,
            r#""2"|"Gr, ace"|"12345678901234567890.12"|""|NULL"#,
            r#""3"|"Ed"|"NaN"|"2026-01-02T03:04:05Z"|NULL"#,
        ]
    );
}

#[test]
fn an_integer_that_is_too_long_is_refused_set_aside_or_given_room() {
    let stream = read("tap-jsonl/things.singer");
    let state = stream.lines().last().unwrap().strip_prefix(r#"{"type":"STATE","value":"#).unwrap();
    let state = format!("{}\n", &state[..state.len() - 1]);
    let place = SqliteFolder::new();
    let ran = place.load("", &stream);
    refused(
        &ran,
        3,
        r#"line 2 (byte 826): stream things, field "big": 12345678901234567890123 is out of range for 64 bits"#,
    );
    assert_eq!((ran.stdout.as_str(), place.rows("SELECT name FROM sqlite_master")), ("", vec![]));

    let ran = place.load("--rejects r.ndjson --max-rejects 1", &stream);
    assert_eq!(ran.ok().stdout, state);
    assert_eq!(
        place.rows("SELECT id, amount, tags, extra, id2 FROM things ORDER BY id"),
        [r#"2|NULL|NULL|1|NULL"#, r#"3|"1.2345678901234567e+19"|NULL|NULL|"-0.0""#]
    );
    assert!(place.read("r.ndjson").contains(r#""line":2,"field":"big""#), "{}", place.read("r.ndjson"));

    place.sql("DROP TABLE things; CREATE TABLE things AS SELECT 1; DROP TABLE things");
    place.sql(
        "CREATE TABLE things (id INTEGER PRIMARY KEY NOT NULL, amount TEXT_DECIMAL, tags TEXT_JSON, big TEXT_DECIMAL,
         nested TEXT_JSON, extra BOOLEAN, id2 TEXT_DECIMAL, _sdc_last_modified TEXT_TIMESTAMPTZ, _sdc_filename TEXT,
         _sdc_stream TEXT)",
    );
    place.load("", &stream).ok();
    assert_eq!(
        place.rows("SELECT id, big, nested FROM things ORDER BY id LIMIT 1"),
        [r#"1|"12345678901234567890123"|"{\"x\":1.5}""#]
    );
}
