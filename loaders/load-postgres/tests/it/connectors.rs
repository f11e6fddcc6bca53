//! What real taps and sources printed, and what of it is in the tables: compared with what their own sources had.

use etl_testkit::connectors::{path, read};
use etl_testkit::load::{HELD, sealed};
use etl_testkit::run::Ran;

use crate::support::PostgresFolder;

/// It failed like this, and printed nothing that could be taken for a state.
#[track_caller]
fn refused(ran: &Ran, code: i32, says: &str) {
    let line = ran.fails(code).last_error_line();
    assert!(line.contains(says), "{line}");
    assert!(
        ran.stdout.is_empty() || ran.stdout.starts_with(r#"{"_etl":{"v":1,"kind":"abort""#),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_whole_table_of_meltanos_tap_postgres() {
    let place = PostgresFolder::new();
    let stream = read("meltano-tap-postgres/full-table.singer");
    refused(&place.load("", &stream), 78, "shop-plain does not exist (--create creates it)");
    let ran = place.load("--create", &stream);
    assert_eq!(ran.ok().stdout, "{\"bookmarks\":{\"shop-plain\":{}}}\n");
    let rows =
        r#"SELECT id, name, "Mixed Case", updated AT TIME ZONE 'UTC', amount FROM "shop-plain" ORDER BY id"#;
    let expected = [
        "1|Ada|x|2026-01-01 10:00:00|10.10",
        "2|Grace|y|2026-01-02 10:00:00.5|20.20",
        "3|Edsger|NULL|2026-01-03 08:00:00|30.00",
    ];
    assert_eq!(place.rows(rows), expected);
    let again = place.load("", read("pipelinewise-tap-postgres/incremental-with-activate-version.singer"));
    assert!(again.ok().stderr.contains("shop-plain: 3 records, 0 inserted, 3 unchanged"), "{}", again.stderr);
    assert_eq!(place.rows(rows), expected);
}

#[test]
fn every_type_of_postgresql_by_way_of_both_taps() {
    for (file, date, interval) in [
        (
            "meltano-tap-postgres/types-and-arrays.singer",
            "2024-02-03",
            "1971-03-05T04:05:06+00:00|00ff10|5|42",
        ),
        ("pipelinewise-tap-postgres/types.singer", "2024-02-03 00:00:00+00", "NULL|NULL|NULL|NULL"),
    ] {
        let place = PostgresFolder::new();
        place.load("--create", read(file)).ok();
        let row = |columns: &str| place.rows(&format!(r#"SELECT {columns} FROM "shop-zoo5""#)).concat();
        place.sql("SET timezone = 'UTC'");
        assert_eq!(
            row("id, n, nu, r, d, b8, m, hs, bo"),
            "1|12345678901234567890.1234567890|0.1|0.1|0.1|9007199254740993|$1.00|7|t"
        );
        assert_eq!(
            row("ts AT TIME ZONE 'UTC', tz AT TIME ZONE 'UTC', t"),
            "2024-02-03 04:05:06.789012|2024-02-03 02:05:06.789012|04:05:06.700000"
        );
        assert!(date.starts_with(&row("left(dt::text, 10)")), "{date}");
        assert_eq!(
            row("u, ip, c, jb->'b', tsa, jba"),
            "6f1c2d3e-0000-4000-8000-0123456789ab|10.1.2.3/8|ab   |12345678901234567890123|\
             [\"2024-02-03T04:05:06+00:00\"]|[{\"x\": 1}]"
        );
        assert_eq!(row("iv, ba, p, ol"), interval);
        assert_eq!(row("jsonb_typeof(ta), ta->>2, na"), "array|b c|[1.10, 2.20]");
    }
}

#[test]
fn nested_arrays_and_one_row_of_a_tap_that_failed() {
    let place = PostgresFolder::new();
    let ran = place.load("--create", read("pipelinewise-tap-postgres/arrays.singer"));
    assert_eq!(
        place.rows(r#"SELECT id, grid, tags, nums, nil FROM "shop-arr""#),
        [r#"1|[[1, 2], [3, null]]|["a", null]|[0.1, 1.50]|[]"#]
    );
    assert_eq!(
        ran.ok().stdout,
        "{\"bookmarks\": {\"shop-arr\": {\"last_replication_method\": \"FULL_TABLE\", \"version\": 1795752788118, \
         \"xmin\": null}}, \"currently_syncing\": null}\n"
    );
    // Under `standpipe seal` it would have been an abort; without a seal nobody can know.
    let ran = place.load("--create", read("meltano-tap-postgres/failed-after-one-row.singer"));
    assert_eq!((ran.ok().stdout.as_str(), place.count(r#"SELECT count(*) FROM "shop-zoo""#)), ("", 1));
}

#[test]
fn every_type_of_python_by_way_of_the_sdk() {
    let place = PostgresFolder::new();
    let stream = read("singer-sdk-encodings/every-python-type.singer");
    refused(&place.load("--create", &stream), 3, "stream things, field \"v\"");
    let ran = place.load("--create --rejects r.ndjson --max-rejects 1", &stream);
    assert_eq!(
        ran.ok().stdout,
        "{\"bookmarks\":{\"incr\":{\"replication_key\":\"upd\",\"replication_key_value\":\"2026-01-03T00:00:00Z\"},\"things\":{}}}\n"
    );
    assert_eq!(
        place.rows("SELECT id, upd AT TIME ZONE 'UTC' FROM incr ORDER BY id"),
        ["0|2026-01-03 00:00:00", "1|2025-12-31 22:00:00", "2|2026-01-02 00:00:00"]
    );
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
    assert_eq!(place.rows("SELECT v FROM things ORDER BY id"), expected);
    // U+0000 is what no text of PostgreSQL can have.
    assert_eq!(place.count("SELECT count(*) FROM things WHERE id = 21"), 0);
    assert!(place.read("r.ndjson").contains(r#""field":"v""#), "{}", place.read("r.ndjson"));
}

#[test]
fn files_by_way_of_three_taps() {
    let place = PostgresFolder::new();
    let ran = place.load("--create --pipeline p", read("tap-csv-folder/empty-state-first.singer"));
    let kept = place.loader("--print-state --pipeline p --table d").run();
    assert_eq!(
        (ran.ok().stdout.as_str(), kept.ok().stdout.contains("csvd/d.csv")),
        (kept.stdout.as_str(), true)
    );
    assert_eq!(
        place.rows("SELECT id, name, amount, \"when\", _sdc_line_number FROM d ORDER BY id"),
        ["1|Ada|0.1|2026-01-01|2", "2|Gr, ace|12345678901234567890.12||3", "3|Ed|NaN|2026-01-02T03:04:05Z|4"]
    );
    place.load("--create", read("tap-spreadsheets/things.singer")).ok();
    assert_eq!(
        place.rows("SELECT id, name, amount, \"when\" FROM things ORDER BY id"),
        ["1|Ada|0.1|2026-01-01", "2|Gr, ace|12345678901234567890.12|", "3|Ed|NaN|2026-01-02T03:04:05Z"]
    );
    place.sql("DROP TABLE things");
    let stream = read("tap-jsonl/things.singer");
    let ran = place.load("--create", &stream);
    refused(&ran, 3, r#"stream things, field "big": 12345678901234567890123 is out of range for 64 bits"#);
    assert_eq!((ran.stdout.as_str(), place.count("SELECT count(*) FROM things")), ("", 0));
    place.sql("ALTER TABLE things ALTER COLUMN big TYPE numeric");
    let ran = place.load("", &stream);
    assert!(
        ran.ok().stdout.ends_with("\"replication_key_value\":\"2026-11-27T04:33:24+00:00\"}}}\n"),
        "{}",
        ran.stdout
    );
    assert_eq!(
        place.rows("SELECT id, amount, big, nested, id2, tags FROM things ORDER BY id"),
        [
            r#"1|0.1|12345678901234567890123|{"x": 1.5}|NULL|["a", null]"#,
            "2|NULL|NULL|NULL|NULL|NULL",
            "3|12345678901234567000|NULL|NULL|0.0|NULL",
        ]
    );
}

#[test]
fn only_a_seal_shows_that_a_tap_is_complete() {
    let place = PostgresFolder::new();
    let stream = read("meltano-tap-postgres/full-table.singer");
    let ran = place.load("--create --seal required", &stream);
    refused(&ran, 3, "`standpipe seal -- COMMAND` seals what a program prints");
    let whole = sealed("s", &stream.lines().collect::<Vec<_>>());
    let ran = place.load("--create --seal required --mode replace", &whole);
    assert_eq!(ran.ok().stdout, "{\"bookmarks\":{\"shop-plain\":{}}}\n");
    assert_eq!(place.rows("SELECT target, load_id, records FROM etl_load"), ["shop-plain|s|3"]);
    let ran = place.load("--create --format singer", &whole[..whole.len() - 10]);
    assert_eq!((ran.fails(75).stdout.as_str(), place.count(r#"SELECT count(*) FROM "shop-plain""#)), ("", 3));
}

#[test]
fn two_streams_that_meet_and_a_schema_that_changes() {
    let place = PostgresFolder::new();
    let schema = |stream: &str, ty: &str| {
        format!(
            r#"{{"type":"SCHEMA","stream":"{stream}","schema":{{"properties":{{"n":{{"type":"{ty}"}}}}}},"key_properties":[]}}"#
        )
    };
    let stream = |lines: &[String]| lines.join("\n") + "\n";
    let changed = stream(&[schema("a", "integer"), schema("a", "string")]);
    refused(
        &place.load("--create", changed),
        3,
        "the SCHEMA of stream a changes: column n was bigint and is text",
    );
    let several = stream(&[schema("a", "integer"), schema("b", "integer")]);
    refused(
        &place.load("--create --table t", &several),
        2,
        "--table names one table, but the input has stream a and stream b",
    );
    place.load("--create", &several).ok();
    assert_eq!(place.count("SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b)"), 0);
    // Names that need quotes are names.
    let odd = stream(&[
        schema("a.b\\\"c", "integer"),
        r#"{"type":"RECORD","stream":"a.b\"c","record":{"n":"7"}}"#.to_owned(),
    ]);
    place.load("--create", odd).ok();
    assert_eq!(place.rows(r#"SELECT n FROM "a.b""c""#), ["7"]);
}

fn airbyte(name: &str) -> String {
    format!("--create --catalog {}", path(name).display())
}

#[test]
fn the_source_faker() {
    let place = PostgresFolder::new();
    let args = airbyte("airbyte-source-faker/catalog.json");
    let stream = read("airbyte-source-faker/read.airbyte");
    let ran = place.load(&format!("{args} --format airbyte --seal required"), &stream);
    let states: Vec<String> = stream
        .lines()
        .filter(|line| line.contains(r#""type":"STATE""#))
        .map(|line| format!("{},\"destinationStats\":{{\"recordCount\":3.0}}}}}}", &line[..line.len() - 2]))
        .collect();
    assert_eq!(ran.ok().lines(), states);
    assert_eq!(
        place.rows("SELECT id, make, year, price, created_at AT TIME ZONE 'UTC' FROM products ORDER BY id"),
        [
            "1|Mazda|2023|15001|2024-04-08 18:07:20",
            "2|Mercedes-Benz|2023|34239|2024-04-08 18:07:20",
            "3|Honda|2023|28895|2024-04-08 18:07:20",
        ]
    );
    assert_eq!(
        place.rows("SELECT id, created_at AT TIME ZONE 'UTC', returned_at FROM purchases ORDER BY id"),
        [
            "1|2014-10-12 08:08:11.908655|NULL",
            "2|2002-06-18 19:44:02.763564|NULL",
            "3|2005-04-02 03:08:32.91407|NULL",
        ]
    );
}

#[test]
fn an_overwrite_shows_nothing_until_its_stream_is_complete() {
    let place = PostgresFolder::new();
    let stream = read("airbyte-source-file/read.airbyte");
    let args = airbyte("airbyte-source-file/catalog.json");
    place.load(&args, &stream).ok();
    let rows = ["1|Ada|10.1|2026-01-01", "2|Grace|NULL|2026-01-02", "3|Ed|NULL|NULL"];
    let sql = "SELECT id, name, amount, \"when\" FROM d ORDER BY id";
    assert_eq!(place.rows(sql), rows);
    let other = stream.replace("\"Ada\"", "\"Eve\"");
    let ran = place.load(&args, other.replace("COMPLETE", "INCOMPLETE"));
    refused(&ran, 75, "the source did not send all of stream d");
    assert_eq!((ran.stdout.as_str(), place.rows(sql)), ("", rows.map(str::to_owned).to_vec()));
    place.load(&args, other).ok();
    assert_eq!(place.rows("SELECT name FROM d WHERE id = 1"), ["Eve"]);
    let ran = place.load(
        &airbyte("airbyte-cdk/one-stream-fails-catalog.json"),
        read("airbyte-cdk/one-stream-fails-exit-1.airbyte"),
    );
    refused(&ran, 75, "the source did not send all of stream boom");
    assert_eq!(place.count("SELECT (SELECT count(*) FROM boom) + (SELECT count(*) FROM zlast)"), 0);
}

#[test]
fn every_number_of_the_cdk() {
    let place = PostgresFolder::new();
    let args = airbyte("airbyte-cdk/numbers-catalog.json");
    let stream = read("airbyte-cdk/numbers.airbyte");
    refused(&place.load(&args, &stream), 3, "stream nums, field \"v\"");
    place.load(&format!("{args} --rejects r.ndjson --max-rejects 1"), &stream).ok();
    assert_eq!(
        place.rows("SELECT v FROM nums ORDER BY id"),
        [
            "9007199254740993",
            "9223372036854775808",
            "18446744073709551615",
            "0.1",
            "10000000000000000000000",
            "10000000000000000",
            // What PostgreSQL's numeric, and so its jsonb, makes of -0.0.
            "0.0",
            "0.0000001",
            "NULL",
            "NULL",
            "true",
            r#"{"1": 2}"#,
            r#""2024-01-01T01:02:03""#,
            r#""2024-01-01""#,
        ]
    );
}

#[test]
fn arrays_of_scalars_may_be_arrays() {
    let place = PostgresFolder::new();
    let stream = |record: &str| {
        format!(
            "{}\n{{\"type\":\"RECORD\",\"stream\":\"a\",\"record\":{record}}}\n",
            r#"{"type":"SCHEMA","stream":"a","schema":{"properties":{"t":{"type":["null","array"],"items":{"type":["string","null"]}},"n":{"anyOf":[{"type":"null"},{"type":"array","items":{"type":"integer"}}]},"m":{"type":"array","items":{"type":["integer","string"]}},"o":{"type":"array"}}}}"#
        )
    };
    let record = r#"{"t":["a,b",null,"\"c\""],"n":[1,-2],"m":[1,"x"],"o":[[1]]}"#;
    place.load("--create --arrays native", stream(record)).ok();
    assert_eq!(
        place.rows("SELECT t[1], t[2], t[3], n[2], array_length(n, 1), m, o FROM a"),
        [r#"a,b|NULL|"c"|-2|2|[1, "x"]|[[1]]"#]
    );
    let ran = place.load("--arrays native", stream(r#"{"n":[1,"x"]}"#));
    refused(&ran, 3, r#"stream a, field "n": element 1: expected an integer, found "x""#);
    let types = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'a'::regclass AND attnum > 0 ORDER BY attnum";
    assert_eq!(place.rows(types), ["text[]", "bigint[]", "jsonb", "jsonb"]);
    refused(&place.load("", stream(record)), 78, "column t is text[], which does not store jsonb");
}

#[test]
fn a_namespace_is_a_schema_that_create_makes() {
    let place = PostgresFolder::new();
    let namespace = format!("{} ns", place.space.schema());
    place.write(
        "cat.json",
        format!(
            r#"{{"streams":[{{"stream":{{"name":"t","namespace":"{namespace}","json_schema":{{"properties":{{"id":{{"type":"integer"}}}}}}}},"destination_sync_mode":"append"}}]}}"#
        ),
    );
    let stream = format!(
        "{{\"type\":\"RECORD\",\"record\":{{\"namespace\":\"{namespace}\",\"stream\":\"t\",\"data\":{{\"id\":7}},\"emitted_at\":1}}}}\n"
    );
    let ran = place.load("--catalog cat.json", &stream);
    refused(&ran, 78, "does not exist");
    place.load("--catalog cat.json --create", &stream).ok();
    assert_eq!(place.rows(&format!("SELECT id FROM \"{namespace}\".t")), ["7"]);
    assert_eq!(place.count(&format!("SELECT count(*) FROM \"{namespace}\".etl_load")), 1);
    place.sql(&format!("DROP SCHEMA \"{namespace}\" CASCADE"));
}

#[test]
fn a_stream_may_begin_after_what_is_held_back() {
    let place = PostgresFolder::new();
    let schema = |stream: &str| {
        format!(
            r#"{{"type":"SCHEMA","stream":"{stream}","schema":{{"properties":{{"n":{{"type":"integer"}},"x":{{"type":"string"}}}}}},"key_properties":["n"]}}"#
        )
    };
    let record = |stream: &str, n: usize, length: usize| {
        format!(
            r#"{{"type":"RECORD","stream":"{stream}","record":{{"n":{n},"x":"{}"}}}}"#,
            "x".repeat(length)
        )
    };
    let mut lines = vec![schema("a")];
    lines.extend((0..HELD / 1000).map(|n| record("a", n, 1000)));
    lines.extend([schema("b"), record("b", 1, 1), record("a", 0, 1), schema("a"), record("b", 1, 2)]);
    lines.push(r#"{"type":"STATE","value":{"at":1}}"#.to_owned());
    let ran = place.load("--create", lines.join("\n") + "\n");
    assert_eq!(ran.ok().stdout, "{\"at\":1}\n");
    assert_eq!(place.count("SELECT count(*) FROM a") as usize, HELD / 1000);
    assert_eq!(place.count("SELECT length(x) FROM a WHERE n = 0"), 1);
    assert_eq!(place.count("SELECT length(x) FROM b"), 2);
    // What is refused at the end leaves nothing, and prints nothing.
    lines.push(r#"{"type":"RECORD","stream":"b","record":{}}"#.to_owned());
    let ran = place.load("--create", lines.join("\n") + "\n");
    refused(&ran, 3, r#"stream b, field "n": required, but missing"#);
    assert_eq!((ran.stdout.as_str(), place.count("SELECT count(*) FROM b")), ("", 1));
}
