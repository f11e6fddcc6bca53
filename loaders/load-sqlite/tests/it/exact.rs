//! What is read back is what was sent.

use std::fmt::Write;

use crate::support::{SqliteFolder, plain, refused, strs};

fn schema(place: &SqliteFolder, properties: &str) {
    place.write("exact.json", format!("{{\"properties\":{{{properties}}}}}"));
}

const ARGS: &str = "--schema exact.json --seal off";

#[test]
fn decimals_keep_every_digit() {
    let place = SqliteFolder::new();
    schema(
        &place,
        r#""n":{"type":"integer"},"d":{"type":"number","x-postgres":{"type":"numeric"}},
        "t":{"type":["string","null"],"x-postgres":{"type":"numeric(30,10)"}}"#,
    );
    let numbers = [
        "12345678901234567890",
        "0.12345678901234567890",
        "-99999999999999999999.99999999999999999999",
        "1e400",
        "1E-400",
        "100.00",
        "-0.0",
        "9007199254740993",
    ];
    let lines: Vec<String> =
        numbers.iter().enumerate().map(|(n, d)| format!("{{\"n\":{n},\"d\":{d}}}")).collect();
    let last = r#"{"n":99,"d":0,"t":"12345678901234567890.0123456789"}"#;
    let lines: Vec<&str> = lines.iter().map(String::as_str).chain([last]).collect();
    place.load(ARGS, plain(&lines)).ok();
    let expected: Vec<String> =
        numbers.iter().map(|d| format!("{d:?}")).chain(["\"0\"".to_owned()]).collect();
    assert_eq!(place.rows("SELECT d FROM exact ORDER BY n"), expected);
    assert_eq!(place.rows("SELECT t FROM exact WHERE n = 99"), [r#""12345678901234567890.0123456789""#]);
    assert_eq!(
        place.rows("SELECT type FROM pragma_table_info('exact')"),
        [r#""INTEGER""#, r#""TEXT_DECIMAL""#, r#""TEXT_DECIMAL(30,10)""#]
    );
    let too_fine = r#"{"n":1,"d":1,"t":"0.00000000001"}"#;
    refused(
        &place.load(ARGS, plain(&[too_fine])),
        3,
        "field \"t\": \"0.00000000001\" has more than 10 digits after the decimal point",
    );
}

/// Texts of doubles: of 17 digits, short ones, subnormals, and near the ends of the range.
fn double(random: &mut fastrand::Rng) -> String {
    match random.u8(0..5) {
        0 => format!("{:.16e}", f64::from_bits(random.u64(..))),
        1 => format!("{:e}", f64::from_bits(random.u64(..1 << 52))),
        2 => format!("{}.{:017}", random.i32(-99..99), random.u64(..100_000_000_000_000_000)),
        3 => format!("{}{}e{}", random.u64(..), random.u64(..), random.i32(-340..290)),
        _ => format!("{}", random.i64(-100_000..100_000) as f64 / 100.0),
    }
}

#[test]
fn doubles_are_the_nearest_to_their_text() {
    let place = SqliteFolder::new();
    schema(&place, r#""n":{"type":"integer"},"x":{"type":"number"}"#);
    let mut random = fastrand::Rng::with_seed(20_261_123);
    let edges = [
        "0",
        "-0.0",
        "0e999",
        "5e-324",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "1.7976931348623157e308",
        "9007199254740993",
        "9223372036854775807",
        "18446744073709551616",
        "123456789012345678901234567890",
        "0.1",
        "1e23",
        "8.41",
        "4.9406564584124654e-324",
        "3e-324",
    ];
    let mut texts: Vec<String> = edges.map(str::to_owned).to_vec();
    while texts.len() < 100_000 {
        let text = double(&mut random);
        if text.parse().is_ok_and(|x: f64| x.is_finite() && x != 0.0) {
            texts.push(text);
        }
    }
    let mut stream = String::new();
    texts.iter().enumerate().for_each(|(n, x)| writeln!(stream, "{{\"n\":{n},\"x\":{x}}}").expect("memory"));
    place.load(ARGS, stream).ok();
    let connection = place.connect();
    let mut statement =
        connection.prepare("SELECT n, x, typeof(x) FROM exact ORDER BY n").expect("the table");
    let mut rows = statement.query([]).expect("the rows");
    let mut seen = 0;
    while let Some(row) = rows.next().expect("a row") {
        let (n, x, kind): (i64, f64, String) =
            (row.get(0).expect("n"), row.get(1).expect("x"), row.get(2).expect("type"));
        let text = &texts[n as usize];
        let expected: f64 = text.parse().expect("a double");
        // SQLite does not keep the sign of zero; adding 0.0 drops it.
        assert_eq!((x.to_bits(), &*kind), ((expected + 0.0).to_bits(), "real"), "{text}");
        seen += 1;
    }
    assert_eq!(seen, 100_000);
    for out in ["1e309", "1.7976931348623159e308", "1e-324", "-1e-400"] {
        refused(
            &place.load(ARGS, plain(&[&format!("{{\"x\":{out}}}")])),
            3,
            "is out of range for the column",
        );
    }
}

#[test]
fn integers_are_exact_to_their_ends() {
    let place = SqliteFolder::new();
    schema(&place, r#""n":{"type":"integer"}"#);
    let numbers = ["9223372036854775807", "-9223372036854775808", "4.0", "1e3", "-0", "9007199254740993"];
    let lines: Vec<String> = numbers.iter().map(|n| format!("{{\"n\":{n}}}")).collect();
    place.load(ARGS, plain(&strs(&lines))).ok();
    assert_eq!(
        place.rows("SELECT n FROM exact ORDER BY rowid"),
        ["9223372036854775807", "-9223372036854775808", "4", "1000", "0", "9007199254740993"]
    );
    refused(
        &place.load(ARGS, "\n{\"n\":1}\n{\"n\":9223372036854775808}\n"),
        3,
        "line 3 (byte 9): field \"n\": 9223372036854775808 is out of range for 64 bits",
    );
    refused(&place.load(ARGS, "{\"n\":-9223372036854775809}\n"), 3, "line 1 (byte 0): field \"n\"");
    assert_eq!(place.count("SELECT count(*) FROM exact"), 6);
}

#[test]
fn texts_round_trip() {
    let place = SqliteFolder::new();
    schema(&place, r#""n":{"type":"integer"},"text":{"type":"string"}"#);
    let texts = [
        "",
        " ",
        "quotes ' \" `",
        "tab\tnewline\nreturn\r",
        "back\\slash \\n",
        "🦀 e\u{301} \u{202e}rtl",
        "nul \0 inside",
        "\0",
        "\u{feff}bom",
        "\u{10ffff}",
        "0042",
        "1e5",
        "NULL",
        "null",
        "'; DROP TABLE exact; --",
        "\u{7f}\u{80}\u{2028}",
    ];
    let mut lines: Vec<String> = texts
        .iter()
        .enumerate()
        .map(|(n, text)| serde_json::json!({ "n": n, "text": text }).to_string())
        .collect();
    lines.push(r#"{"n":100,"text":"\u00e4\ud83e\udd80\/\b\f\u0000"}"#.to_owned());
    let long: String = format!("{}🦀\"\\", "0123456789".repeat(6)).repeat((15 << 20) / 66);
    lines.push(serde_json::json!({ "n": 101, "text": long }).to_string());
    place.load(ARGS, plain(&strs(&lines))).ok();
    let connection = place.connect();
    let read = |n: i64| -> String {
        connection.query_row("SELECT text FROM exact WHERE n = ?1", [n], |row| row.get(0)).expect("the row")
    };
    for (n, text) in texts.iter().enumerate() {
        assert_eq!(read(n as i64), *text);
    }
    assert_eq!(read(100), "ä🦀/\u{8}\u{c}\0");
    assert!(read(101) == long);
    assert_eq!(place.count("SELECT count(*) FROM exact WHERE typeof(text) <> 'text'"), 0);
}

#[test]
fn every_type_is_stored_in_its_standard_form() {
    let place = SqliteFolder::new();
    schema(
        &place,
        r#""at":{"type":"string","format":"date-time"},"local":{"type":"string","x-postgres":{"type":"timestamp"}},
        "day":{"type":"string","format":"date"},"id":{"type":"string","format":"uuid"},
        "bytes":{"type":"string","contentEncoding":"base64"},"flag":{"type":"boolean"},
        "tags":{"type":"array","items":{"type":"string"}},"numbers":{"type":"array","items":{"type":"integer"}},
        "any":{"x-postgres":{"type":"jsonb"}},"object":{"type":"object"},"none":{"type":["string","null"]},"gone":{"type":"string"}"#,
    );
    let first = r#"{"at":"2026-11-23T02:00:00+02:30","local":"2026-11-23 02:00:00.1234567","day":"2026-11-23",
        "id":"6F1C2A3B-0000-4000-8000-00000000000F","bytes":"AP8Q","flag":true,"tags":["a \"b\"","ü"],"numbers":[1, 2],
        "any":"text","object":{"a": 1e400, "b":[null]},"none":null}"#;
    let second = r#"{"at":"2016-12-31T23:59:60Z","local":"0001-01-01T00:00:00","day":"9999-12-31",
        "id":"00000000-0000-0000-0000-000000000000","bytes":"","flag":false,"tags":[],"numbers":[],"any":7,"object":{},"none":""}"#;
    place.load(ARGS, plain(&[&first.replace('\n', " "), &second.replace('\n', " ")])).ok();
    assert_eq!(
        place.rows("SELECT * FROM exact"),
        [
            [
                r#""2026-11-22T23:30:00Z""#,
                r#""2026-11-23T02:00:00.123457""#,
                r#""2026-11-23""#,
                r#""6f1c2a3b-0000-4000-8000-00000000000f""#,
                "x'00ff10'",
                "1",
                r#""[\"a \\\"b\\\"\",\"ü\"]""#,
                r#""[1, 2]""#,
                r#""\"text\"""#,
                r#""{\"a\": 1e400, \"b\":[null]}""#,
                "NULL",
                "NULL",
            ]
            .join("|"),
            [
                r#""2017-01-01T00:00:00Z""#,
                r#""0001-01-01T00:00:00""#,
                r#""9999-12-31""#,
                r#""00000000-0000-0000-0000-000000000000""#,
                "x''",
                "0",
                r#""[]""#,
                r#""[]""#,
                r#""7""#,
                r#""{}""#,
                r#""""#,
                "NULL",
            ]
            .join("|"),
        ]
    );
    assert_eq!(
        place.rows("SELECT type FROM pragma_table_info('exact')").join(" ").replace('"', ""),
        "TEXT_TIMESTAMPTZ TEXT_TIMESTAMP TEXT_DATE TEXT_UUID BLOB BOOLEAN TEXT_ARRAY_TEXT TEXT_ARRAY_INTEGER TEXT_JSON \
         TEXT_JSON TEXT TEXT"
    );
    // The same types come back from the declarations alone, and take the same records.
    place.load("--table exact --seal off", plain(&[&first.replace('\n', " ")])).ok();
    assert_eq!(place.count("SELECT count(*) FROM (SELECT DISTINCT * FROM exact)"), 2);
    refused(&place.load("--table exact --seal off", "{\"at\":\"2026-11-23T02:00:00\"}\n"), 3, "field \"at\"");
}

#[test]
fn special_values_are_texts_or_refused() {
    let place = SqliteFolder::new();
    schema(
        &place,
        r#""n":{"type":"integer"},"x":{"type":"number","x-special":true},
        "d":{"type":"number","x-postgres":{"type":"numeric"},"x-special":true},
        "day":{"type":"string","format":"date","x-special":true},
        "at":{"type":"string","format":"date-time","x-special":true},
        "list":{"type":"array","x-postgres":{"type":"numeric[]"},"x-special":true}"#,
    );
    let lines = [
        r#"{"n":1,"d":"NaN","day":"infinity","at":"0044-03-15 12:00:00+00 BC","list":[["NaN"],[1.50]]}"#,
        r#"{"n":2,"d":"-Infinity","day":"12026-01-01","at":"-infinity"}"#,
    ];
    place.load(ARGS, plain(&lines)).ok();
    assert_eq!(
        place.rows("SELECT d, day, at, list FROM exact ORDER BY n"),
        [
            r#""NaN"|"infinity"|"0044-03-15 12:00:00+00 BC"|"[[\"NaN\"],[1.50]]""#,
            r#""-Infinity"|"12026-01-01"|"-infinity"|NULL"#
        ]
    );
    let ran = place.load(ARGS, plain(&[r#"{"n":3,"x":"NaN"}"#]));
    refused(&ran, 3, "field \"x\": NaN is not a number that SQLite stores");
    // A column of numbers.
    place.sql("CREATE TABLE numbers (n INTEGER, d NUMERIC, x REAL, day TEXT, at TEXT, list TEXT)");
    let ran = place.load(&format!("{ARGS} --table numbers"), plain(&[r#"{"n":3,"d":"Infinity"}"#]));
    refused(&ran, 3, "field \"d\": Infinity is not a number that SQLite stores");
}
