//! What real Singer taps printed, and what of it is in the tables: compared with what their own sources had.

use etl_testkit::connectors::read;
use etl_testkit::load::sealed;
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
    assert!(ran.ok().stderr.contains("ACTIVATE_VERSION 1795752788118 is not followed"), "{}", ran.stderr);
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
    let ran = place.load("", read("singer-sdk-encodings/every-python-type.singer"));
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
        "\u{2028}😀\0\u{7f} é",
        r#"{"1":3}"#,
        "[1,2]",
        "{3}",
    ];
    let expected = expected.map(|text| if text == "NULL" { text.to_owned() } else { format!("{text:?}") });
    assert_eq!(texts, expected);
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

/// A tap's messages.
fn tap(lines: &[&str]) -> String {
    let schema = r#"{"type":"SCHEMA","stream":"a","schema":{"properties":{"id":{"type":"integer"},"n":{"type":["integer","null"]}}},"key_properties":["id"]}"#;
    [&[schema], lines].concat().join("\n") + "\n"
}

#[test]
fn only_a_seal_shows_that_a_tap_is_complete() {
    let place = SqliteFolder::new();
    let lines =
        [r#"{"type":"RECORD","stream":"a","record":{"id":1}}"#, r#"{"type":"STATE","value":{"at":1}}"#];
    let plain = tap(&lines);
    let ran = place.load("--seal required", &plain);
    refused(&ran, 3, "`standpipe seal -- COMMAND` seals what a program prints");
    let ran = place.load("--mode replace --format singer", &plain);
    refused(&ran, 2, "mode replace needs a sealed stream");
    assert_eq!(ran.stdout, "");
    let whole = sealed("s", &plain.lines().collect::<Vec<_>>());
    let ran = place.load("--seal required --mode replace", &whole);
    assert_eq!(ran.ok().stdout, "{\"at\":1}\n");
    assert_eq!(place.rows("SELECT id, n FROM a"), ["1|NULL"]);
    assert_eq!(place.rows("SELECT target, load_id, records FROM etl_load"), [r#""a"|"s"|1"#]);
    // The same segment again is nothing new, and its state is as durable as it was.
    let ran = place.load("--seal required --mode replace", &whole);
    assert!(ran.ok().stderr.contains("a: nothing to do"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "{\"at\":1}\n");
    // One that was cut prints no state.
    let ran = place.load("--format singer", &whole[..whole.len() - 10]);
    assert_eq!((ran.fails(75).stdout.as_str(), place.count("SELECT count(*) FROM a")), ("", 1));
}

#[test]
fn a_table_that_is_gone_is_filled_again_from_a_segment_of_several_streams() {
    let place = SqliteFolder::new();
    let plain = tap(&[
        r#"{"type":"SCHEMA","stream":"b","schema":{"properties":{"x":{}}},"key_properties":[]}"#,
        r#"{"type":"RECORD","stream":"b","record":{"x":1}}"#,
        r#"{"type":"RECORD","stream":"a","record":{"id":1}}"#,
        r#"{"type":"RECORD","stream":"b","record":{"x":2}}"#,
    ]);
    let whole = sealed("s", &plain.lines().collect::<Vec<_>>());
    place.load("", &whole).ok();
    place.sql("DROP TABLE a");
    place.load("", &whole).ok();
    assert_eq!(
        (place.rows("SELECT id FROM a"), place.rows("SELECT x FROM b")),
        (vec!["1".to_owned()], vec![r#""1""#.to_owned(), r#""2""#.to_owned()])
    );
    place.sql("DROP TABLE b");
    place.load("", &whole).ok();
    assert_eq!(
        (place.rows("SELECT id FROM a"), place.rows("SELECT x FROM b")),
        (vec!["1".to_owned()], vec![r#""1""#.to_owned(), r#""2""#.to_owned()])
    );
}

#[test]
fn what_a_tap_may_not_do() {
    let place = SqliteFolder::new();
    for (args, lines, code, says) in [
        (
            "",
            &[r#"{"type":"RECORD","stream":"z","record":{}}"#][..],
            3,
            "a RECORD of stream z before its SCHEMA",
        ),
        (
            "",
            &[r#"{"type":"RECORD","stream":"a","record":{"n":1}}"#],
            3,
            r#"stream a, field "id": required, but missing"#,
        ),
        ("", &[r#"{"type":"RECORD","stream":"a","record":{"id":null}}"#], 3, r#"stream a, field "id": null"#),
        (
            "",
            &[
                r#"{"type":"SCHEMA","stream":"a","schema":{"properties":{"id":{"type":"integer"},"n":{"type":"string"}}},"key_properties":["id"]}"#,
            ],
            3,
            "the SCHEMA of stream a changes: column n was bigint and is text",
        ),
        (
            "--table t",
            &[r#"{"type":"SCHEMA","stream":"b","schema":{"properties":{"x":{}}}}"#],
            2,
            "--table names one table, but the input has stream a and stream b",
        ),
        (
            "",
            &[
                r#"{"type":"SCHEMA","stream":"A","schema":{"properties":{"id":{"type":"integer"},"n":{"type":["integer","null"]}}},"key_properties":["id"]}"#,
            ],
            78,
            "stream a and stream A would be mixed in one table",
        ),
        (
            "",
            &[r#"{"type":"BATCH","stream":"a","encoding":{},"manifest":[]}"#],
            78,
            "BATCH messages are not read",
        ),
        ("", &["oops"], 3, "expected an object"),
        ("--emit new", &[], 2, "--emit records and new pass on the records of one stream"),
        ("--commit-every 1", &[], 2, "what a connector sends is one load"),
        ("--format singer --catalog none.json", &[], 2, "--catalog is for an Airbyte source"),
        ("--format airbyte", &[], 78, "--catalog FILE must name the configured catalog"),
        ("--format ndjson --table t", &[], 78, "table t does not exist"),
    ] {
        let ran = place.load(args, tap(lines));
        refused(&ran, code, says);
    }
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0]);
    // The same SCHEMA again, or one that makes the same columns, changes nothing.
    let again = r#"{"type":"SCHEMA","stream":"a","schema":{"properties":{"id":{"type":"integer","maximum":9},"n":{"type":["integer","null"]}}},"key_properties":["id"]}"#;
    let one = r#"{"type":"RECORD","stream":"a","record":{"id":1,"n":1}}"#;
    let two = r#"{"type":"RECORD","stream":"a","record":{"id":2,"n":2.0,"extra":0}}"#;
    let ran = place.load("--names snake", tap(&[one, again, r#"{"type":"NEW"}"#, two]));
    assert_eq!(place.rows("SELECT id, n FROM a ORDER BY id"), ["1|1", "2|2"]);
    let warned = &ran.ok().stderr;
    assert!(warned.contains("messages of type NEW are ignored"), "{warned}");
    assert!(
        warned.contains(r#"a: dropped from 1 record what the schema does not know: "extra""#),
        "{warned}"
    );
}

#[test]
fn names_and_plans() {
    let place = SqliteFolder::new();
    let schema = r#"{"type":"SCHEMA","stream":"My Orders","schema":{"properties":{"orderId":{"type":"integer"},"Net Sum":{"type":"number"}}},"key_properties":["orderId"]}"#;
    let record = r#"{"type":"RECORD","stream":"My Orders","record":{"orderId":1,"Net Sum":2.50}}"#;
    let stream = format!("{schema}\n{record}\n");
    let plan = place.load("--plan --names snake", &stream);
    assert!(
        plan.ok().stdout.contains(r#"CREATE TABLE IF NOT EXISTS "my_orders""#)
            || plan.stdout.contains("my_orders"),
        "{}",
        plan.stdout
    );
    place.load("--names snake", &stream).ok();
    assert_eq!(place.rows("SELECT order_id, net_sum FROM my_orders"), [r#"1|"2.50""#]);
    let bad = stream.replace(r#""orderId":1"#, r#""orderId":"x""#);
    refused(&place.load("--names snake", bad), 3, r#"field "orderId": expected an integer, found "x""#);
}
