//! Tables that are copied: each type, with values that are hard to copy, is the same in the copy.

use crate::{Place, lines};

/// A type, what the copy's column is, if that is another one, and values in SQL.
const TYPES: &[(&str, &str, &[&str])] = &[
    ("smallint", "", &["-32768", "32767", "0"]),
    ("integer", "", &["-2147483648", "2147483647"]),
    ("bigint", "", &["-9223372036854775808", "9223372036854775807", "9007199254740993"]),
    (
        "numeric",
        "",
        &[
            "0",
            "0.000",
            "-0.10",
            "1e-10",
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "12345678901234567890.12345678901234567890",
            "1e400",
            "10000",
            "9999.9999",
            "0.0001",
            "0.00001",
            "-1e-300",
            "100000000000000000000000000000000.00",
        ],
    ),
    ("numeric(12,4)", "", &["99999999.9999", "-1.5", "0", "'NaN'"]),
    ("numeric(5,0)", "", &["99999", "-1"]),
    ("numeric(3,5)", "", &["0.00999", "0.00001"]),
    ("numeric(2,-3)", "", &["99000", "-1000"]),
    ("real", "", &["0.1", "3.4028235e38", "1e-45", "-0.0", "16777216", "'NaN'", "'Infinity'", "'-Infinity'"]),
    (
        "double precision",
        "",
        &[
            "0.1",
            "1.7976931348623157e308",
            "5e-324",
            "'-0'",
            "1e23",
            "9007199254740993",
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
        ],
    ),
    ("boolean", "", &["true", "false"]),
    (
        "text",
        "",
        &[
            "''",
            "' '",
            "E'\\t\\n\\r\\\"\\\\\\b\\f\\x01\\x7f'",
            "'é漢\u{1f600}'",
            "'null'",
            "'NaN'",
            "repeat('long', 100000)",
        ],
    ),
    ("varchar", "", &["'x'"]),
    ("varchar(3)", "", &["'äöü'", "''"]),
    ("char(5)", "", &["'ab'", "''", "'éééé'"]),
    ("char", "", &["'a'", "''"]),
    ("bpchar", "", &["'ab  '", "''"]),
    ("json", "", &["'{\"a\": 1.50,  \"a\": [null, \"\\u00e9\"]}'", "'7'", "'\"text\"'", "'[ ]'"]),
    (
        "jsonb",
        "",
        &["'{\"a\": 1.50, \"b\": [null, {}], \"c\": \"\\\"\\n\"}'", "'\"null\"'", "'1e400'", "'true'"],
    ),
    ("uuid", "", &["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'00000000-0000-0000-0000-000000000000'"]),
    ("bytea", "", &["''", "'\\x00'", "'\\xff00'", "'\\x5c220a'"]),
    (
        "date",
        "",
        &[
            "'infinity'",
            "'-infinity'",
            "'4714-11-24 BC'",
            "'0001-12-31 BC'",
            "'0001-01-01'",
            "'9999-12-31'",
            "'10000-01-01'",
            "'5874897-12-31'",
            "'2024-02-29'",
        ],
    ),
    ("time", "", &["'00:00'", "'24:00:00'", "'23:59:59.999999'", "'12:00:00.1'"]),
    ("time(0)", "", &["'12:34:56'"]),
    ("timetz", "", &["'10:00+02'", "'24:00:00-15:59:59'", "'10:00:00.5-03:30'"]),
    (
        "timestamp",
        "",
        &[
            "'infinity'",
            "'-infinity'",
            "'4714-11-24 00:00 BC'",
            "'0001-12-31 23:59:59.999999 BC'",
            "'0001-01-01 00:00'",
            "'9999-12-31 23:59:59.999999'",
            "'10000-01-01 00:00'",
            "'294276-12-31 23:59:59.999999'",
            "'1999-12-31 23:59:59.9'",
        ],
    ),
    (
        "timestamptz",
        "",
        &[
            "'infinity'",
            "'-infinity'",
            "'4714-11-24 00:00+00 BC'",
            "'0044-03-15 12:00:00.5+00 BC'",
            "'0001-01-01 00:00+00'",
            "'9999-12-31 23:59:59.999999+00'",
            "'10000-01-01 00:00+00'",
            "'294276-12-31 23:59:59.999999+00'",
            "'2026-11-23 02:00+02'",
        ],
    ),
    ("timestamp(0)", "", &["'2026-11-23 02:00:01'"]),
    ("timestamptz(3)", "", &["'2026-11-23 02:00:01.123+00'"]),
    (
        "interval",
        "",
        &[
            "'0'",
            "'1 year -2 mons 3 days -04:05:06.7'",
            "'-0.000001 s'",
            "'178000000 years'",
            "'-178000000 years'",
            "'2562047788:00:54.775807'",
            "'-2562047788:00:54.775807'",
            "'2147483647 days'",
            "'1 mon'",
            "'-1 hour'",
        ],
    ),
    ("interval(0)", "", &["'1 day 00:00:01'"]),
    ("interval year to month", "", &["'1-2'"]),
    ("interval day to second(3)", "", &["'1 00:00:00.123'"]),
    ("int4range", "", &["'[1,5)'", "'empty'", "'(,)'"]),
    ("numrange", "", &["'[1.50,2]'"]),
    ("tstzrange", "", &["'[2026-01-01 00:00+00,infinity)'", "'[0044-03-15 BC,)'"]),
    ("daterange", "", &["'[2026-01-01,2026-02-01]'"]),
    ("int8multirange", "", &["'{[1,3),[5,7)}'", "'{}'"]),
    ("inet", "", &["'10.0.0.1'", "'10.0.0.1/8'", "'::1'", "'::ffff:1.2.3.4'", "'::1.2.3.4/96'"]),
    ("cidr", "", &["'10.0.0.0/8'", "'2001:db8::/32'"]),
    ("macaddr", "", &["'08:00:2b:01:02:03'"]),
    ("macaddr8", "", &["'08:00:2b:01:02:03:04:05'"]),
    ("bit", "", &["'1'"]),
    ("bit(3)", "", &["'101'"]),
    ("varbit", "", &["'10101'", "''"]),
    ("varbit(9)", "", &["'1'"]),
    ("xml", "", &["'<a>\u{e9}</a>'"]),
    ("point", "", &["'(0.1,-1e300)'"]),
    ("polygon", "", &["'((0,0),(1,1),(1,0))'"]),
    ("tsvector", "", &["'a:1 b:2A'"]),
    ("tsquery", "", &["'a & !b'"]),
    ("pg_lsn", "", &["'16/B374D848'"]),
    ("jsonpath", "", &["'$.a[*] ? (@ > 1)'"]),
    ("oid", "bigint", &["4294967295", "0"]),
    ("name", "text", &["'pg_class'"]),
    ("\"char\"", "text", &["'a'"]),
    ("xid8", "text", &["'18446744073709551615'"]),
    ("money", "text", &["'1234.50'"]),
    ("mood", "text", &["'low'", "'it''s'"]),
    ("spot", "text", &["ROW(1, 'a, \"b\"')", "ROW(NULL, NULL)"]),
    ("word", "varchar(9)", &["'word'"]),
    ("span", "int4range", &["'[1,5)'"]),
    ("integer[]", "", &["'{}'", "'{1,NULL,-2147483648}'", "'{{1,2},{3,NULL}}'", "'{{{{{{7}}}}}}'"]),
    ("text[]", "", &["'{\"\",NULL,\"NULL\",\"a b\",\"\\\"\",\"{\",\"\\\\\"}'", "'{{a},{b}}'"]),
    ("numeric(12,4)[]", "", &["'{NaN,1.5,NULL}'"]),
    ("numeric[]", "", &["'{{NaN,1.50},{-Infinity,1e-10}}'"]),
    ("double precision[]", "", &["'{NaN,Infinity,-0,0.1}'"]),
    ("boolean[]", "", &["'{t,f,NULL}'"]),
    ("date[]", "", &["'{infinity,0044-03-15 BC,2026-01-01}'"]),
    ("timestamptz[]", "", &["'{infinity,2026-01-01 00:00:00.123456+00}'"]),
    ("timestamp(3)[]", "", &["'{2026-01-01 00:00:00.123}'"]),
    ("interval[]", "", &["'{1 day,-04:05:06.7}'"]),
    ("time[]", "", &["'{24:00:00}'"]),
    ("uuid[]", "", &["'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'"]),
    ("bytea[]", "", &["ARRAY['\\x00ff'::bytea, NULL]"]),
    ("jsonb[]", "", &["ARRAY['[1]'::jsonb, '{\"a\": \"}\"}', NULL]"]),
    ("varchar(3)[]", "", &["'{abc}'"]),
    ("char(3)[]", "", &["'{ab}'"]),
    ("inet[]", "", &["'{10.0.0.0/8}'"]),
    ("int4range[]", "", &["'{\"[1,5)\",empty}'"]),
    ("mood[]", "text[]", &["'{low,it''s}'"]),
    ("word[]", "text[]", &["'{a,b}'"]),
    ("spot[]", "text[]", &["ARRAY[ROW(1, 'a, \"b\"')::spot]"]),
    ("words", "text[]", &["'{a,b}'"]),
    ("codes", "integer[]", &["'{1,2}'"]),
];

const DEFINED: &str = "CREATE TYPE mood AS ENUM ('low', 'it''s'); CREATE TYPE spot AS (n int, name text);
    CREATE DOMAIN word AS varchar(9); CREATE DOMAIN span AS int4range; CREATE DOMAIN words AS text[];
    CREATE DOMAIN code AS int; CREATE DOMAIN codes AS int[]";

/// Whether two tables have the same rows, as texts.
#[track_caller]
fn are_equal(place: &Place, what: &str, one: &str, other: &str) {
    for (a, b) in [(one, other), (other, one)] {
        let rows = place.rows(&format!("SELECT id, v::text FROM {a} EXCEPT ALL SELECT id, v::text FROM {b}"));
        assert!(rows.is_empty(), "{what}: only {a} has {rows:?}");
    }
}

#[test]
fn every_type_goes_round() {
    let place = Place::new();
    place.sql(DEFINED);
    for (ty, other, values) in TYPES {
        let rows: Vec<String> =
            values.iter().enumerate().map(|(id, value)| format!("({id}, ({value})::{ty})")).collect();
        place.sql(&format!(
            "DROP TABLE IF EXISTS original, made, own; CREATE TABLE original (id int, v {ty});
             INSERT INTO original VALUES {}, (-1, NULL); CREATE TABLE own (LIKE original)",
            rows.join(", ")
        ));
        let copied = place.copy("SELECT * FROM original", "", "--table made --create");
        assert_eq!(copied["inserted"], values.len() as u64 + 1, "{ty}");
        are_equal(&place, ty, "original", "made");
        let declared = |table: &str| {
            place.rows(&format!(
                "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attname = 'v'"
            ))
        };
        let expected = if other.is_empty() { declared("original").remove(0) } else { (*other).to_owned() };
        let expected = expected.replace("varchar", "character varying");
        assert_eq!(declared("made"), [expected], "{ty}");

        // Rows of a portal are those of COPY.
        let all = place.extract("SELECT * FROM original", "");
        let bound = place.extract("SELECT * FROM original WHERE id >= :least", "--param least=-1");
        assert_eq!(lines(&all), lines(&bound), "{ty}");

        // A table of the same type takes them too, but for types that no text is exactly.
        if !matches!(*ty, "\"char\"" | "xid8" | "oid" | "money") {
            place.copy("SELECT * FROM original", "", "--table own");
            are_equal(&place, ty, "original", "own");
        }
    }
}

#[test]
fn random_values_go_round() {
    let place = Place::new();
    let mut random = fastrand::Rng::with_seed(5);
    place.sql(
        "CREATE TABLE original (id int, f4 real, f8 double precision, n numeric, d date, ts timestamp, tz timestamptz, iv interval,
           t time, i bigint, by bytea, s text)",
    );
    let mut rows = Vec::new();
    for id in 0..5000 {
        let f4 = loop {
            let x = f32::from_bits(random.u32(..));
            if x.is_finite() {
                break x;
            }
        };
        let f8 = loop {
            let x = f64::from_bits(random.u64(..));
            if x.is_finite() {
                break x;
            }
        };
        let digits = |random: &mut fastrand::Rng, most: usize| -> String {
            (0..random.usize(1..=most)).map(|_| if random.bool() { '0' } else { random.digit(10) }).collect()
        };
        let sign = if random.bool() { "-" } else { "" };
        let n = format!("{sign}{}.{}", digits(&mut random, 30), digits(&mut random, 30));
        let micros = random.i64(-211_810_000_000_000_000..9_223_371_331_200_000_000);
        let (months, days, part) = (random.i32(..), random.i32(..), random.i64(..));
        let text: String = (0..random.usize(0..40)).map(|_| random.char('\u{1}'..'\u{3000}')).collect();
        rows.push(format!(
            "({id}, '{f4:e}', '{f8:e}', {n}, date '2000-01-01' + {}, timestamp '2000-01-01' + interval '{micros} us',
              timestamptz '2000-01-01 00:00+00' + interval '{micros} us', make_interval(months => {}, days => {days}) + interval '{} us',
              time '00:00' + interval '{} us', {}, decode('{:x}', 'hex'), '{}')",
            random.i32(-2_451_545..2_145_031_949),
            months / 2,
            part / 2,
            random.i64(0..86_400_000_000),
            random.i64(..),
            random.u64(1 << 60..),
            text.replace('\'', "''")
        ));
    }
    for chunk in rows.chunks(500) {
        place.sql(&format!("INSERT INTO original VALUES {}", chunk.join(", ")));
    }
    let copied = place.copy("SELECT * FROM original ORDER BY id", "", "--table made --create");
    assert_eq!(copied["inserted"], 5000);
    for (a, b) in [("original", "made"), ("made", "original")] {
        let rows = place.rows(&format!("SELECT x::text FROM {a} x EXCEPT ALL SELECT x::text FROM {b} x"));
        assert!(rows.is_empty(), "only {a} has {} rows: {}", rows.len(), rows[0]);
    }
}

#[test]
fn json_is_as_it_is_but_for_line_breaks_and_null() {
    let place = Place::new();
    place.sql(
        "CREATE TABLE t (id int, j json, jb jsonb);
         INSERT INTO t VALUES (1, E'{\"a\":\\n  [1.50,\\r\\n \"x\\\\ny\"]}', '{\"b\": 1.50}'), (2, 'null', 'null'), (3, NULL, NULL)",
    );
    let ran = place.extract("SELECT * FROM t ORDER BY id", "");
    assert_eq!(
        lines(&ran),
        [
            r#"{"id":1,"j":{"a":   [1.50,   "x\ny"]},"jb":{"b": 1.50}}"#,
            r#"{"id":2,"j":null,"jb":null}"#,
            r#"{"id":3,"j":null,"jb":null}"#
        ]
    );
    place.copy("SELECT * FROM t", "", "--table made --create");
    assert_eq!(
        place.rows("SELECT id, j::jsonb, jb FROM made ORDER BY id"),
        [r#"1|{"a": [1.50, "x\ny"]}|{"b": 1.50}"#, "2|NULL|NULL", "3|NULL|NULL"]
    );
}

#[test]
fn what_no_record_can_have_is_refused() {
    let place = Place::new();
    for (value, said) in [
        ("'[0:1]={1,2}'::int[]", "is an array whose indexes do not begin at 1; select it as text"),
        (
            "ARRAY[['1'::jsonb]]",
            "is an array of several dimensions with elements of JSON, which may be arrays, too; select it as text",
        ),
    ] {
        let message = format!("row 2: column v {said}");
        place.refused(&format!("SELECT NULL AS v UNION ALL (SELECT {value})"), "", 3, &message);
    }
    // A database that knows only bytes.
    let bytes = etl_testkit::postgres::Server::shared().database();
    bytes.sql(&format!(
        "CREATE DATABASE {}_bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0",
        bytes.database()
    ));
    let mut place = place;
    place.set("PGDATABASE", &format!("{}_bytes", bytes.database()));
    place.set("PGOPTIONS", "");
    place.refused(
        "SELECT E'\\xff' AS v",
        "",
        3,
        "the query: invalid byte sequence for encoding \"UTF8\": 0xff (SQLSTATE 22021)",
    );
    assert_eq!(lines(&place.extract("SELECT E'\\xc3\\xa9' AS v", "")), [r#"{"v":"é"}"#]);
    bytes.sql(&format!("DROP DATABASE {}_bytes", bytes.database()));
}

#[test]
fn settings_of_the_session_change_nothing() {
    let mut place = Place::new();
    let query = "SELECT timestamptz '2026-01-01 00:00+00' AS tz, interval '1 day' AS iv, interval '1.5 s' AS iv2, date '2026-01-02' AS d,
        0.1::float8 AS f8, ROW(0.1::float8, '\\x00'::bytea, date '2026-01-02', interval '1 day') AS r, '\\x00'::bytea AS by, 'a\\b' AS t,
        tsrange('2026-01-02', 'infinity') AS tr";
    let usual = place.extract(query, "");
    let (record, schema) = (lines(&usual)[0].to_owned(), crate::said(&usual));
    assert_eq!(
        record,
        r#"{"tz":"2026-01-01T00:00:00Z","iv":"P1D","iv2":"PT1.5S","d":"2026-01-02","f8":0.1,"r":"(0.1,\"\\\\x00\",2026-01-02,P1D)","by":"AA==","t":"a\\b","tr":"[\"2026-01-02 00:00:00\",infinity)"}"#
    );
    let options = "-c datestyle=German -c intervalstyle=sql_standard -c extra_float_digits=-10 -c bytea_output=escape \
                   -c standard_conforming_strings=off -c timezone=Asia/Kolkata -c escape_string_warning=off";
    place.set("PGOPTIONS", options);
    let odd = place.extract(query, "");
    assert_eq!((lines(&odd)[0], crate::said(&odd)), (record.as_str(), schema));
    // The zone is the query's: it decides what a day is.
    assert_eq!(
        lines(&place.extract("SELECT '2026-01-01 20:00+00'::timestamptz::date AS d", "")),
        [r#"{"d":"2026-01-02"}"#]
    );
}
