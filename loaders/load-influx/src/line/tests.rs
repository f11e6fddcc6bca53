use std::sync::Arc;

use etl_schema::{Checker, Schema, UnknownFields};
use etl_stream::json::Scanner;
use serde_json::{Value as Json, json};

use super::*;
use crate::mapping::map;

const PLAIN: &str = r#"{"x-time": "at", "x-key": ["site", "at"], "required": ["site", "at"], "properties": {
    "site": {"type": "string"}, "at": {"type": "string", "format": "date-time"}, "area": {"type": ["string", "null"], "x-influx": {"role": "tag"}},
    "v": {"type": ["number", "null"]}, "n": {"type": "integer"}, "f": {"type": "integer", "x-influx": {"type": "float"}},
    "u": {"type": "integer", "x-influx": {"type": "unsigned"}}, "on": {"type": "boolean"}, "s": {"type": "string"},
    "d": {"type": "number", "x-postgres": {"type": "numeric(30,10)"}},
    "dt": {"type": "string", "x-postgres": {"type": "numeric(30,10)"}},
    "ds": {"type": "number", "x-postgres": {"type": "numeric(30,10)"}, "x-influx": {"type": "string"}},
    "day": {"type": "string", "format": "date"}, "seen_at": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"}, "bytes": {"type": "string", "contentEncoding": "base64"},
    "any": {"x-postgres": {"type": "jsonb"}}, "list": {"type": "array", "items": {"type": "integer"}, "x-postgres": {"type": "bigint[]"}}}}"#;

/// A decimal of any size.
const ANY: &str = r#"{"x-time": "at", "properties": {"at": {"type": "string", "format": "date-time"},
    "d": {"type": "number", "x-postgres": {"type": "numeric"}}}}"#;

/// The encoder of a schema's rows in this measurement.
fn encoder(schema: &Schema, measurement: &str, precision: Precision, server: Server) -> Encoder {
    let mapping = map(schema, measurement.to_owned(), server.whole_strings).expect("a mapping");
    Encoder::new(schema, mapping, precision, server)
}

/// The line of a record, or what is wrong with it.
fn encode(schema: &str, record: &str, precision: Precision, whole_strings: bool) -> Result<String, String> {
    encode_for(schema, record, precision, Server { whole_strings, victoria: false })
}

fn encode_for(schema: &str, record: &str, precision: Precision, server: Server) -> Result<String, String> {
    let schema = Schema::from_json("s", schema).expect("a schema");
    let encoder = encoder(&schema, "m", precision, server);
    let mut checker = Checker::new(Arc::new(schema), UnknownFields::Error);
    let mut scanner = Scanner::new();
    let mut line = b"what was there".to_vec();
    let taken = encoder.take(&mut checker, record.as_bytes(), &mut line, &mut Parts::default());
    let taken = taken.map(|point| (String::from_utf8(line).expect("UTF-8"), point.key, point.nulls));
    let record = scanner.scan(record.as_bytes()).expect("a record");
    let mut line = b"what was there".to_vec();
    let encoded = checker.check(&record).and_then(|row| encoder.encode(&row, &mut line));
    let encoded = encoded.map(|point| (String::from_utf8(line).expect("UTF-8"), point.key, point.nulls));
    // What is read in one pass is the same point.
    assert!(taken.is_none() || taken.as_ref() == encoded.as_ref().ok(), "{taken:?} {encoded:?}");
    encoded.map(|(line, ..)| line).map_err(|violation| violation.to_string())
}

fn plain(fields: &str) -> Result<String, String> {
    encode(PLAIN, &format!(r#"{{"site":"a","at":"2023-11-14T22:13:20Z"{fields}}}"#), Precision::Ns, true)
}

#[test]
fn a_fields_type_is_the_columns_and_its_digits_are_the_records() {
    for (field, expected) in [
        (r#","v":42"#, "v=42"),
        (r#","v":-0.0"#, "v=-0.0"),
        (r#","v":1E+300"#, "v=1E+300"),
        (r#","v":0.1000000000000000055511151231257827"#, "v=0.1000000000000000055511151231257827"),
        (r#","n":42.0"#, "n=42i"),
        (r#","n":-9223372036854775808"#, "n=-9223372036854775808i"),
        (r#","f":42.0"#, "f=42"),
        (r#","u":4.2e1"#, "u=42u"),
        (r#","on":true"#, "on=true"),
        (r#","on":false"#, "on=false"),
        (r#","s":"""#, r#"s="""#),
        (r#","s":"a \"b\" \\ c,d=e""#, r#"s="a \"b\" \\ c,d=e""#),
        (r#","s":"é\nü\ttab""#, "s=\"é\nü\ttab\""),
        (r#","d":12345678901234567890.0123456789"#, "d=12345678901234567890.0123456789"),
        (r#","dt":"12.50""#, "dt=12.50"),
        (r#","d":0.0e-9"#, "d=0.0e-9"),
        (r#","ds":12.50"#, r#"ds="12.50""#),
        (r#","day":"2026-11-26""#, r#"day="2026-11-26""#),
        (r#","seen_at":"2026-11-26T03:00:00.5+02:00""#, r#"seen_at="2026-11-26T01:00:00.5Z""#),
        (
            r#","uuid":"6F1C0000-0000-0000-0000-00000000000A""#,
            r#"uuid="6f1c0000-0000-0000-0000-00000000000a""#,
        ),
        (r#","bytes":"AP8=""#, r#"bytes="AP8=""#),
        (r#","any":{"k": "a\"b"}"#, r#"any="{\"k\": \"a\\\"b\"}""#),
        (r#","list":[1, 2]"#, r#"list="[1, 2]""#),
        (r#","v":null,"n":1"#, "n=1i"),
    ] {
        assert_eq!(plain(field), Ok(format!("m,site=a {expected} 1700000000000000000\n")), "{field}");
    }
}

#[test]
fn several_parts_stand_in_their_order() {
    let line = plain(r#","area":"north","v":1,"n":2,"on":true"#).unwrap();
    assert_eq!(line, "m,area=north,site=a v=1,n=2i,on=true 1700000000000000000\n");
}

#[test]
fn tags_are_escaped_left_out_or_refused() {
    for (area, expected) in [
        ("a b,c=d", r"area=a\ b\,c\=d,"),
        ("\\\"quoted\\\"", "area=\"quoted\","),
        ("tab\\there", "area=tab\there,"),
        ("", ""),
        ("#é", "area=#é,"),
    ] {
        let line = plain(&format!(r#","v":1,"area":"{area}""#)).unwrap();
        assert_eq!(line, format!("m,{expected}site=a v=1 1700000000000000000\n"), "{area}");
    }
    let line = plain(r#","v":1,"area":null"#).unwrap();
    assert_eq!(line, "m,site=a v=1 1700000000000000000\n");
    for area in ["a\\nb", "a\\\\", "\\u005cn"] {
        let reason = "has a newline or a backslash, which line protocol cannot represent in a tag";
        assert_eq!(
            plain(&format!(r#","v":1,"area":"{area}""#)),
            Err(format!("field \"area\": {reason}")),
            "{area}"
        );
    }
    let long = "x".repeat(MAX_SERIES - "m,area=,site=a".len());
    assert!(plain(&format!(r#","v":1,"area":"{long}""#)).is_ok());
    assert_eq!(
        plain(&format!(r#","v":1,"area":"{long}x""#)),
        Err("field \"site\": measurement and tags are longer than InfluxDB's 65535 bytes".to_owned())
    );
}

#[test]
fn names_are_escaped() {
    let document = json!({"x-time": "at", "required": ["at"], "properties": {
        "at": {"type": "string", "format": "date-time"},
        "a tag,of=all": {"type": "string", "x-influx": {"role": "tag"}}, "a field,of=\"all\"": {"type": "number"}}});
    let schema = Schema::from_json("s", &document.to_string()).unwrap();
    let encoder =
        encoder(&schema, "a measure,of=all", Precision::Ns, Server { whole_strings: true, victoria: false });
    let mut checker = Checker::new(Arc::new(schema), UnknownFields::Error);
    let mut scanner = Scanner::new();
    let record: Json = json!({"at": "1970-01-01T00:00:00Z", "a tag,of=all": "t", "a field,of=\"all\"": 1.5});
    let record = record.to_string();
    let record = scanner.scan(record.as_bytes()).unwrap();
    let row = checker.check(&record).unwrap();
    let mut line = Vec::new();
    encoder.encode(&row, &mut line).unwrap();
    assert_eq!(
        String::from_utf8(line).unwrap(),
        "a\\ measure\\,of=all,a\\ tag\\,of\\=all=t a\\ field\\,of\\=\"all\"=1.5 0\n"
    );
}

#[test]
fn what_no_point_can_have_is_refused() {
    let at = |time: &str, precision| {
        encode(PLAIN, &format!(r#"{{"site":"a","at":"{time}","v":1}}"#), precision, true)
    };
    for (result, said) in [
        (
            plain(""),
            "field \"v\": is null or absent, like every other field: a point needs at least one field",
        ),
        (
            encode(ANY, r#"{"at":"2023-11-14T22:13:20Z","d":1e400}"#, Precision::Ns, true),
            "field \"d\": is out of range for a double",
        ),
        (
            encode(ANY, r#"{"at":"2023-11-14T22:13:20Z","d":1e-400}"#, Precision::Ns, true),
            "field \"d\": is out of range for a double",
        ),
        (plain(r#","u":-1"#), "field \"u\": is negative, but the field is unsigned"),
        (
            encode(PLAIN, r#"{"site":"a","at":"2023-11-14T22:13:20Z","s":"x\nm v=1"}"#, Precision::Ns, false),
            "field \"s\": has a newline, at which this server would end the point",
        ),
        (
            at("1677-09-21T00:12:43.145224Z", Precision::Ns),
            "field \"at\": is outside InfluxDB's range of times, 1677-09-21 to 2262-04-11",
        ),
        (
            at("2262-04-11T23:47:16.854776Z", Precision::S),
            "field \"at\": is outside InfluxDB's range of times, 1677-09-21 to 2262-04-11",
        ),
        (at("2023-11-14T22:13:20.000001Z", Precision::Ms), "field \"at\": is finer than --precision ms"),
        (at("2023-11-14T22:13:20.5Z", Precision::S), "field \"at\": is finer than --precision s"),
    ] {
        assert_eq!(result, Err(said.to_owned()));
    }
    for (time, precision, expected) in [
        ("1677-09-21T00:12:43.145225Z", Precision::Ns, "-9223372036854775000"),
        ("2262-04-11T23:47:16.854775Z", Precision::Us, "9223372036854775"),
        ("2023-11-14T22:13:20.123456789Z", Precision::Ns, "1700000000123456789"),
        ("2023-11-14T22:13:20.1234564Z", Precision::Ns, "1700000000123456400"),
        ("2023-11-14T22:13:20.9999999990Z", Precision::Ns, "1700000000999999999"),
        ("2023-11-14T22:13:20.123000000000Z", Precision::Ms, "1700000000123"),
        ("1969-12-31T23:59:59.999999999Z", Precision::Ns, "-1"),
        ("1969-12-31T23:59:59.999Z", Precision::Ms, "-1"),
        ("1969-12-31T23:59:59Z", Precision::S, "-1"),
        ("2023-11-14T23:13:20+01:00", Precision::S, "1700000000"),
    ] {
        assert_eq!(at(time, precision), Ok(format!("m,site=a v=1 {expected}\n")), "{time}");
    }
}

#[test]
fn series_and_time_tell_points_apart() {
    let key = |record: &str| {
        let schema = Schema::from_json("s", PLAIN).unwrap();
        let encoder = encoder(&schema, "m", Precision::Ns, Server { whole_strings: true, victoria: false });
        let mut checker = Checker::new(Arc::new(schema), UnknownFields::Error);
        let mut scanner = Scanner::new();
        let record = scanner.scan(record.as_bytes()).unwrap();
        encoder.encode(&checker.check(&record).unwrap(), &mut Vec::new()).unwrap().key
    };
    let one = key(r#"{"site":"a","at":"2023-11-14T22:13:20Z","v":1}"#);
    assert_eq!(one, key(r#"{"at":"2023-11-14T23:13:20+01:00","v":2,"n":1,"site":"a"}"#));
    assert_ne!(one, key(r#"{"site":"b","at":"2023-11-14T22:13:20Z","v":1}"#));
    assert_ne!(one, key(r#"{"site":"a","at":"2023-11-14T22:13:21Z","v":1}"#));
    assert_ne!(one, key(r#"{"site":"a","at":"2023-11-14T22:13:20Z","v":1,"area":"x"}"#));
}

#[test]
fn what_victoria_metrics_would_change_is_refused() {
    let schema = r#"{"x-time": "at", "properties": {"at": {"type": "string", "format": "date-time"},
        "i": {"type": "integer"}, "v": {"type": "number"}, "d": {"type": "number", "x-postgres": {"type": "numeric"}},
        "s": {"type": "integer", "x-influx": {"type": "string"}}}}"#;
    let encode = |fields: &str, at: &str, victoria: bool| {
        let record = format!("{{\"at\":\"{at}\",{fields}}}");
        encode_for(schema, &record, Precision::Ns, Server { whole_strings: true, victoria })
    };
    let (at, first) = ("2023-11-14T22:00:00Z", "1970-01-01T00:00:00.001Z");
    for (fields, at) in [
        ("\"i\":9007199254740992,\"v\":1e-307", at),
        ("\"i\":-9007199254740992,\"d\":0.0", first),
        ("\"v\":-0.0", first),
        ("\"s\":9007199254740993", at),
    ] {
        assert_eq!(encode(fields, at, true), encode(fields, at, false), "{fields}");
        assert!(encode(fields, at, true).is_ok(), "{fields}");
    }
    for (fields, at, why) in [
        ("\"i\":9007199254740993", at, "field \"i\": is beyond 2^53: VictoriaMetrics would round it"),
        ("\"i\":-9007199254740993", at, "field \"i\": is beyond 2^53: VictoriaMetrics would round it"),
        ("\"v\":5e-324", at, "field \"v\": is too close to zero: VictoriaMetrics would store 0"),
        (
            "\"v\":-2.2250738585072014e-308",
            at,
            "field \"v\": is too close to zero: VictoriaMetrics would store 0",
        ),
        ("\"d\":1e-308", at, "field \"d\": is too close to zero: VictoriaMetrics would store 0"),
        ("\"v\":1", "1970-01-01T00:00:00Z", "field \"at\": is not after 1970-01-01T00:00:00Z: "),
        ("\"v\":1", "1970-01-01T00:00:00.000999Z", "field \"at\": is not after 1970-01-01T00:00:00Z: "),
        ("\"v\":1", "1969-12-31T23:59:59Z", "field \"at\": is not after 1970-01-01T00:00:00Z: "),
    ] {
        let refused = encode(fields, at, true).expect_err("refused");
        assert!(refused.starts_with(why), "{refused}");
        assert!(encode(fields, at, false).is_ok(), "{fields}");
    }
}

#[test]
fn what_no_number_is_stays_out_of_a_field_of_numbers() {
    let schema = r#"{"x-time": "at", "properties": {"at": {"type": "string", "format": "date-time", "x-special": true},
        "day": {"type": "string", "format": "date", "x-special": true},
        "tag": {"type": "string", "format": "date", "x-special": true, "x-influx": {"role": "tag"}},
        "v": {"type": "number", "x-special": true},
        "d": {"type": "number", "x-postgres": {"type": "numeric"}, "x-special": true},
        "s": {"type": "number", "x-postgres": {"type": "numeric"}, "x-special": true, "x-influx": {"type": "string"}}}}"#;
    let line = |fields: &str| {
        encode(schema, &format!(r#"{{"at":"1970-01-01T00:00:01Z"{fields}}}"#), Precision::S, true)
    };
    let refused = |field: &str| Err(format!("field \"{field}\": is not a number that InfluxDB stores"));
    assert_eq!(line(r#","v":"NaN""#), refused("v"));
    assert_eq!(line(r#","d":"-Infinity""#), refused("d"));
    assert_eq!(line(r#","s":"NaN""#), Ok("m s=\"NaN\" 1\n".into()));
    assert_eq!(line(r#","day":"0044-03-15 BC""#), Ok("m day=\"0044-03-15 BC\" 1\n".into()));
    assert_eq!(line(r#","tag":"0044-03-15 BC","v":1"#), Ok("m,tag=0044-03-15\\ BC v=1 1\n".into()));
    let record = r#"{"at":"infinity","v":1}"#;
    let said = "field \"at\": is outside the times that InfluxDB stores";
    assert_eq!(encode(schema, record, Precision::S, true), Err(said.into()));
}

#[test]
fn usual_records_are_read_in_one_pass() {
    let schema = Schema::from_json("s", PLAIN).expect("a schema");
    let encoder = encoder(&schema, "m", Precision::Ns, Server { whole_strings: true, victoria: false });
    let mut checker = Checker::new(Arc::new(schema), UnknownFields::Error);
    for (record, expected) in [
        (r#"{"site":"a","at":"2023-11-14T22:13:20Z","v":1.50}"#, "m,site=a v=1.50 1700000000000000000\n"),
        (
            r#"{"site": "a b", "at": "2023-11-14T22:13:20.1234564Z", "v": -1, "n": 7}"#,
            "m,site=a\\ b v=-1,n=7i 1700000000123456400\n",
        ),
        (
            r#"{"site":"a","at":"2023-11-14T22:13:20Z","area":"x","v":1}"#,
            "m,area=x,site=a v=1 1700000000000000000\n",
        ),
    ] {
        let mut line = Vec::new();
        let taken = encoder.take(&mut checker, record.as_bytes(), &mut line, &mut Parts::default());
        assert!(taken.is_some_and(|point| point.nulls == 0), "{record}");
        assert_eq!(String::from_utf8(line).as_deref(), Ok(expected));
    }
}
