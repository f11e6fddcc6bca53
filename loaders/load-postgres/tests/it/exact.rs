//! Texts that the loader reads instead of the server: the same value or a refusal, never another value.

use etl_testkit::load::{sealed, strs};

use crate::support::PostgresFolder;

const TRY_CAST: &str = "CREATE FUNCTION try_cast(text, type text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE result text;
    BEGIN EXECUTE format('SELECT CAST(%L AS %s)::text', $1, type) INTO result; RETURN result;
    EXCEPTION WHEN OTHERS THEN RETURN 'error: ' || SQLERRM; END $$";

/// Texts for each type, some of which are invalid for it; `*` marks those to try with every type.
const TEXTS: &[(&str, &[&str])] = &[
    (
        "*",
        &[
            "",
            " ",
            "NULL",
            "null",
            "infinity",
            "-infinity",
            "NaN",
            "now",
            "today",
            "epoch",
            "allballs",
            "\\.",
            "\\N",
            "é",
            "0",
            "-0",
            "+1",
            "1.",
            ".5",
            "1_000",
            "0x10",
            "١",
        ],
    ),
    (
        "date",
        &[
            "2026-11-24",
            "0001-01-01",
            "9999-12-31",
            "10000-01-01",
            "0000-01-01",
            "2026-02-29",
            "2024-02-29",
            "1900-02-29",
            "2026-1-2",
            "20261124",
            "2026-11-24 BC",
            "0044-03-15 BC",
            "24.11.2026",
            "2026-11-31",
            "2026-00-10",
            "2026-11-24T00:00:00",
        ],
    ),
    (
        "time",
        &[
            "00:00:00",
            "24:00:00",
            "24:00:01",
            "23:59:60",
            "23:59:59.999999",
            "23:59:59.9999999",
            "12:00",
            "1:2:3",
            "12:00:00Z",
            "12:00:00+02",
            "12:00 PM",
            "12:00:61",
            "12:60:00",
            "12:00:00.",
            "12:00:00.5",
        ],
    ),
    (
        "timestamp",
        &[
            "2026-11-24T10:00:00",
            "2026-11-24 10:00:00",
            "2026-11-24t10:00:00.1234565",
            "2026-11-24T10:00:00.1234575",
            "2026-11-24T10:00:00.12345650001",
            "2026-11-24T23:59:60",
            "2026-11-24T23:59:60.5",
            "2026-11-24T24:00:00",
            "2026-11-24T10:00",
            "2026-11-24T10:00:00Z",
            "9999-12-31T23:59:59.999999",
            "9999-12-31T23:59:59.9999999",
            "0001-01-01T00:00:00",
            "2026-11-24",
            "2026-11-24T10:00:00 BC",
        ],
    ),
    (
        "timestamptz",
        &[
            "2026-11-24T10:00:00Z",
            "2026-11-24T10:00:00+02:00",
            "2026-11-24 10:00:00-11:30",
            "2026-11-24T10:00:00+15:59",
            "2026-11-24T10:00:00+16:00",
            "2026-11-24T10:00:00+02",
            "2026-11-24T10:00:00+02:00:30",
            "2026-11-24T10:00:00 Europe/Berlin",
            "1883-11-18T12:03:58Z",
            "2026-11-24T10:00:00",
            "2016-12-31T23:59:60Z",
            "2026-11-24T10:00:00z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "2026-11-24T10:00:00.9999995Z",
        ],
    ),
    (
        "interval",
        &[
            "P1D",
            "P1Y2M3W4DT5H6M7.8S",
            "PT0.000001S",
            "PT1.0000001S",
            "P1.5D",
            "P-1Y-2M",
            "PT-1.5S",
            "P",
            "PT",
            "P1DT",
            "P1M1Y",
            "-P1D",
            "1 day",
            "1 days",
            "2 mons",
            "3 weeks",
            "-1 year -2 mons +3 days -04:05:06.7",
            "1 year 2 mons 3 days 04:05:06",
            "04:05",
            "04:05:06",
            "-04:05:06",
            "100:00:00",
            "1 fortnight",
            "1 day ago",
            "1-2",
            "3 4:05:06",
            "1.5 hours",
            "1 hour 2 min 3.25 sec",
            "2147483647 days",
            "2147483648 days",
            "178956970 years",
            "178956971 years",
            "1 century",
        ],
    ),
    (
        "uuid",
        &[
            "c0ffee00-0000-4000-8000-000000000001",
            "C0FFEE00-0000-4000-8000-00000000000F",
            "{c0ffee00-0000-4000-8000-000000000001}",
            "c0ffee00000040008000000000000001",
            "c0ffee00-0000-4000-8000-00000000000",
            "g0ffee00-0000-4000-8000-000000000001",
        ],
    ),
    (
        "inet",
        &[
            "10.1.2.3",
            "10.1.2.3/32",
            "10.1.2.3/0",
            "10.1.2.3/33",
            "10.1",
            "010.1.2.3",
            "::",
            "::1/128",
            "::1/129",
            "2001:DB8::8:800:200C:417A",
            "::ffff:10.1.2.3/96",
            "1:2:3:4:5:6:7:8",
            "fe80::1%eth0",
            "10.1.2.3/08",
            "10.1.2.3/-1",
        ],
    ),
    (
        "cidr",
        &[
            "10.0.0.0/8",
            "10.0.0.1/8",
            "10",
            "10.1.2.3",
            "2001:db8::/32",
            "2001:db8::1/32",
            "::/0",
            "192.168/16",
        ],
    ),
    (
        "macaddr",
        &[
            "08:00:2b:01:02:03",
            "08-00-2b-01-02-03",
            "08002b:010203",
            "08002b-010203",
            "0800.2b01.0203",
            "0800-2b01-0203",
            "08002b010203",
            "8:0:2b:1:2:3",
            "08:00:2b:01:02",
            "08:00:2b:01:02:03:04",
            "08:00:2b-01-02-03",
        ],
    ),
    ("int4", &["2147483647", "2147483648", "-2147483648", "007", "1e2", "4.0", "--1"]),
    ("int8", &["9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"]),
    (
        "float8",
        &[
            "1e308",
            "1e309",
            "-1e400",
            "4.9e-324",
            "1e-400",
            "0.1",
            "123456789012345678",
            "1.7976931348623157e308",
            "2.2250738585072011e-308",
            "-0.0",
            "00.5",
        ],
    ),
    (
        "numeric",
        &[
            "1e400",
            "-0.0",
            "12345678901234567890.12345678901234567890",
            "1e-16383",
            "1e-16384",
            "1e131071",
            "1e131072",
            "0.000",
            "1.10",
            "01.5",
            "1e+5",
            "1E5",
            "99999999999999999999999999999999999999e-20",
        ],
    ),
    ("bool", &["true", "false", "t", "yes", "on", "1", "TRUE"]),
];

/// Raw JSON numbers, each to be loaded into several types.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-0.0",
    "1.50",
    "100",
    "1e2",
    "1.0",
    "12345678901234567890",
    "9223372036854775807",
    "9223372036854775808",
    "0.1",
    "3.4028235e38",
    "3.5e38",
    "1e-45",
    "1e-50",
    "1e400",
    "1e-400",
    "0.30000000000000004",
    "1E+2",
    "123456789.987654321",
];

#[test]
fn a_text_is_read_as_the_server_reads_it_or_refused() {
    let place = PostgresFolder::new();
    place.sql(TRY_CAST);
    let any = TEXTS[0].1;
    for (ty, texts) in &TEXTS[1..] {
        let texts: Vec<String> =
            texts.iter().chain(any).map(|text| serde_json::to_string(text).expect("JSON")).collect();
        compare(&place, ty, "string", &texts);
    }
}

#[test]
fn a_number_is_read_as_the_server_reads_it_or_refused() {
    let place = PostgresFolder::new();
    place.sql(TRY_CAST);
    for ty in ["int2", "int4", "int8", "float8", "numeric", "text"] {
        let schema = if ty.starts_with("int") { "integer" } else { "number" };
        compare(&place, ty, schema, &NUMBERS.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
}

/// Loads the values, and compares those that were accepted with casts of the same text.
fn compare(place: &PostgresFolder, ty: &str, schema: &str, values: &[String]) {
    place.sql(&format!(
        "DROP TABLE IF EXISTS v, given; CREATE TABLE v (id int, v {ty}); CREATE TABLE given (id int, v text)"
    ));
    place.write(
        "v.json",
        format!(r#"{{"properties":{{"id":{{"type":"integer"}},"v":{{"type":"{schema}"}}}}}}"#),
    );
    let lines: Vec<String> =
        values.iter().enumerate().map(|(id, value)| format!("{{\"id\":{id},\"v\":{value}}}")).collect();
    let stream = sealed(ty, &strs(&lines));
    place.load("--schema v.json --rejects r.ndjson --max-rejects 1000", stream).ok();
    let mut session = place.space.connect();
    for (id, line) in lines.iter().enumerate() {
        let sql = "INSERT INTO given SELECT $1, $2::text::json ->> 'v'";
        session.execute(sql, &[&(id as i32), line]).expect("it is JSON");
    }
    // In JSON Schema 1.0 is an integer; the server is asked for 1 instead.
    let cast = format!(
        "try_cast(CASE WHEN given.v ~ '[.eE]' AND '{schema}' = 'integer' THEN trunc(given.v::numeric)::text
         ELSE given.v END, '{ty}')"
    );
    let differ = format!(
        "SELECT given.v, v.v, {cast} FROM v JOIN given USING (id) WHERE v.v::text IS DISTINCT FROM {cast}"
    );
    assert_eq!(place.rows(&differ), [""; 0], "{ty}");
    let taken = place.count("SELECT count(*) FROM v");
    assert!(
        taken >= 2 && place.read("r.ndjson").lines().count() as i64 == 2 + values.len() as i64 - taken,
        "{ty}"
    );
}
