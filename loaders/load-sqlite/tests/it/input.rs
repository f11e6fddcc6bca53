//! Input that is odd, and input that is wrong.

use crate::support::{SqliteFolder, counts, plain, refused, sealed};

const SCHEMA: &str = r#"{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},
    "x":{"type":["number","null"]},"d":{"type":["number","null"],"x-postgres":{"type":"numeric"}},
    "text":{"type":["string","null"]},"short":{"type":["string","null"],"maxLength":3},
    "color":{"type":["string","null"],"enum":["red","green",null]},"day":{"type":["string","null"],"format":"date"},
    "at":{"type":["string","null"],"format":"date-time"},"flag":{"type":["boolean","null"]},
    "small":{"type":["integer","null"],"x-postgres":{"type":"smallint"},"minimum":1,"maximum":9}}}"#;
const ARGS: &str = "--schema wide.json";

fn place() -> SqliteFolder {
    let place = SqliteFolder::new();
    place.write("wide.json", SCHEMA);
    place.load(ARGS, sealed("s0", &[r#"{"id":0}"#])).ok();
    place
}

/// Loads a good line and then this one, plain and sealed: neither leaves anything.
#[track_caller]
fn bad(place: &SqliteFolder, line: &[u8], said: &str) {
    let stream = [b"{\"id\":1}\n", line, b"\n"].concat();
    let ran = place.load(ARGS, &stream);
    refused(&ran, 3, said);
    assert!(ran.last_error_line().contains("line 2"), "{}", ran.last_error_line());
    let begin = b"{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"x\"}}\n";
    let end = b"{\"_etl\":{\"v\":1,\"kind\":\"end\",\"id\":\"x\",\"records\":2}}\n";
    let ran = place.load(ARGS, [begin, &*stream, end].concat());
    refused(&ran, 3, said);
    assert!(ran.last_error_line().contains("line 3"), "{}", ran.last_error_line());
    assert_eq!(place.rows("SELECT id FROM wide"), ["0"]);
}

#[test]
fn what_is_no_record_is_refused_with_its_line() {
    let place = place();
    for (line, said) in [
        (&b"{\"id\":2,\"text\":\"\xff\"}"[..], "invalid UTF-8: byte 0xFF"),
        (b"\xff\xfe{\0\"\0", "UTF-16"),
        (b"{\"id\":2,\"text\":\"a\0b\"}", "a NUL byte inside a string, where it must be escaped"),
        (b"{\"id\":2,\"x\":NaN}", "NaN is not a JSON number"),
        (b"{\"id\":2,\"x\":Infinity}", "Infinity is not a JSON number"),
        (b"{\"id\":2,\"x\":1e1000}", "field \"x\": 1e1000 is out of range for the column's type"),
        (b"{\"id\":2,\"x\":1e-1000}", "field \"x\": 1e-1000 is out of range for the column's type"),
        (b"{\"id\":2,\"id\":3}", "the key `id` comes twice"),
        (b"{\"id\":2,\"\\u0069d\":3}", "the key `id` comes twice"),
        (b"{\"id\":2}{\"id\":3}", "two objects on a line"),
        (b"{", "the line ends inside an object"),
        (b"[1]", "the line is an array"),
        (b"17", "the line is not an object"),
        (b"{\"id\":2,\"text\":\"\\ud800\"}", "lone surrogate in a \\u escape"),
        (b"{\"id\":2,}", "expected a key in double quotes, found `}`"),
        (b"{'id':2}", "expected a key in double quotes"),
        (b"id,text", "expected an object"),
        (b"{\"id\":2,\"_etl\":1}", "the key `_etl` is reserved for control lines"),
    ] {
        bad(&place, line, said);
    }
    let deep = format!("{{\"id\":2,\"text\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    bad(&place, deep.as_bytes(), "128");
}

#[test]
fn what_breaks_the_schema_is_refused_with_its_field() {
    let place = place();
    for (line, said) in [
        (r#"{"text":"no id"}"#, r#"field "id": required, but missing"#),
        (r#"{"id":null}"#, r#"field "id": null, but the schema does not allow null here"#),
        (r#"{"id":"2"}"#, r#"field "id": expected an integer, found "2""#),
        (r#"{"id":2.5}"#, r#"field "id": 2.5 is not an integer"#),
        (r#"{"id":9223372036854775808}"#, r#"field "id": 9223372036854775808 is out of range for 64 bits"#),
        (r#"{"id":2,"small":40000}"#, r#"field "small": 40000 is out of range for 16 bits"#),
        (r#"{"id":2,"small":10}"#, r#"field "small": 10 is greater than the maximum 9"#),
        (r#"{"id":2,"small":0}"#, r#"field "small": 0 is less than the minimum 1"#),
        (r#"{"id":2,"color":"blue"}"#, r#"field "color": "blue" is not one of the allowed values"#),
        (r#"{"id":2,"day":"2026-02-29"}"#, r#"field "day""#),
        (r#"{"id":2,"at":"2026-02-28T00:00:00"}"#, r#"field "at": "2026-02-28T00:00:00" has no zone"#),
        (r#"{"id":2,"flag":1}"#, r#"field "flag""#),
        (r#"{"id":2,"short":"äöüß"}"#, r#"field "short": "äöüß" is longer than 3 characters"#),
        (r#"{"id":2,"more":1}"#, r#"field "more": the schema wide has no such field"#),
        (r#"{"id":2,"x\"); DROP TABLE wide; --":1}"#, "the schema wide has no such field"),
    ] {
        bad(&place, line.as_bytes(), said);
    }
    let ran = place.load(ARGS, "{\"id\":1}\n{\"id\":9223372036854775808}\n");
    refused(&ran, 3, r#"line 2 (byte 9): field "id": 9223372036854775808 is out of range for 64 bits"#);
}

#[test]
fn a_pretty_printed_object_is_refused_on_its_first_line() {
    let place = place();
    refused(&place.load(ARGS, "{\n  \"id\": 1\n}\n"), 3, "line 1");
    assert_eq!(place.rows("SELECT id FROM wide"), ["0"]);
}

#[test]
fn files_that_are_no_stream_are_named_with_what_reads_them() {
    let place = place();
    for (input, says) in [
        (&b"\x1F\x8B\x08\0\0\0"[..], "gzip: extract-file reads it"),
        (b"[{\"id\":1}]\n", "a JSON array: extract-file reads it"),
        (b"id,text\n1,a\n", "CSV? extract-file reads it"),
    ] {
        refused(&place.load(ARGS, input), 3, &format!("line 1 (byte 0): {says}"));
    }
    assert_eq!(place.rows("SELECT id FROM wide"), ["0"]);
}

#[test]
fn bom_crlf_and_blank_lines_are_accepted() {
    let place = place();
    let ran = place.load(ARGS, "\u{feff}{\"id\":1}\r\n\r\n\n  \n{\"id\":2,\"text\":\"a\\r\\n\"}\r\n");
    assert_eq!(counts(&ran), [2, 2, 0, 0, 0, 0]);
    assert_eq!(ran.stderr.matches("byte order mark").count(), 1);
    assert_eq!(place.rows("SELECT id, text FROM wide ORDER BY id"), ["0|NULL", "1|NULL", r#"2|"a\r\n""#]);
    let sealed = String::from_utf8(sealed("crlf", &[r#"{"id":3}"#])).expect("UTF-8");
    let (begin, rest) = sealed.split_once('\n').expect("lines");
    place.load(ARGS, format!("{begin}\r\n{rest}")).ok();
    // Blank lines count as lines.
    refused(&place.load(ARGS, "\n\n{\"id\":true}\n"), 3, "line 3 (byte 2): field \"id\"");
    assert_eq!(place.count("SELECT max(id) FROM wide"), 3);
}

#[test]
fn an_empty_input_is_no_success_unless_allowed() {
    let place = place();
    for (empty, said) in [("", "the input is empty"), ("\n \r\n", "the input has only blank lines")] {
        refused(&place.load(ARGS, empty), 75, said);
        place.write("empty", empty);
        refused(&place.loader(ARGS).args(["--input", "empty"]).run(), 3, said);
        let allowed = place.load(&format!("{ARGS} --allow-empty"), empty);
        assert!(allowed.ok().stderr.ends_with("t.db: nothing to load\n"), "{}", allowed.stderr);
    }
    // A segment without records is complete.
    assert_eq!(counts(&place.load(ARGS, sealed("none", &[]))), [0; 6]);
    assert_eq!(place.rows("SELECT load_id, records FROM etl_load ORDER BY 1"), [r#""none"|0"#, r#""s0"|1"#]);
}

#[test]
fn a_line_over_the_limit_is_refused_at_once() {
    let place = place();
    let ran = place.load(
        &format!("{ARGS} --max-line-bytes 1k"),
        format!("{{\"id\":1,\"text\":\"{}\"}}\n", "x".repeat(1024)),
    );
    refused(&ran, 3, "line 1 (byte 0): the line is longer than 1024 bytes (--max-line-bytes)");
    // A gigabyte without a newline is not read to its end.
    let endless = etl_testkit::run::Cmd::new("head").args(["-c", "1G", "/dev/zero"]);
    let (_, ran) = endless.pipe(place.loader(ARGS));
    refused(&ran, 3, "line 1 (byte 0): the line is longer than 16777216 bytes");
    let exact = format!("{{\"id\":1,\"text\":\"{}\"}}", "x".repeat((16 << 20) - 18));
    assert_eq!(exact.len(), 16 << 20);
    place.load(ARGS, plain(&[&exact])).ok();
    assert_eq!(place.rows("SELECT length(text) FROM wide WHERE id = 1"), [((16 << 20) - 18).to_string()]);
}

#[test]
fn a_plain_stream_that_ends_in_a_line_was_cut() {
    let place = place();
    let ran = place.load(ARGS, "{\"id\":1}\n{\"id\":2}");
    refused(&ran, 75, "line 2 (byte 9): the input ends in the middle of a line");
    place.write("cut", "{\"id\":1}\n{\"id\":2");
    refused(&place.loader(ARGS).args(["--input", "cut"]).run(), 3, "line 2 (byte 9)");
    assert_eq!(place.rows("SELECT id FROM wide"), ["0"]);
    // A file that was written so, or an end that is taken for complete.
    place.write("whole", "{\"id\":1}\n{\"id\":2}");
    place.loader(ARGS).args(["--input", "whole"]).run().ok();
    place.load(&format!("{ARGS} --seal off"), "\u{feff}{\"id\":3}").ok();
    assert_eq!(place.rows("SELECT id FROM wide"), ["0", "1", "2", "3"]);
    // A seal is complete only with its newline, wherever it comes from.
    place.write("sealed", sealed("s", &[r#"{"id":4}"#]).trim_ascii_end());
    refused(
        &place.loader(ARGS).args(["--input", "sealed"]).run(),
        3,
        "line 3 (byte 50): the input ends in the middle of a line",
    );
    assert_eq!(place.count("SELECT count(*) FROM wide"), 4);
}

#[test]
fn a_bad_line_before_a_cut_is_bad_data() {
    let place = place();
    for (input, code, said) in [
        (&b"<html>\n<body>x"[..], 3, "line 1 (byte 0): "),
        (b"{\n \"id\": 1\n}", 3, "line 1 (byte 1): "),
        (b"id,v\n1,x", 3, "line 1 (byte 0): "),
        (b"{\0\"\0i\0d\0\"\0:\x001\0}\0\n\0", 3, "line 1 (byte 0): "),
        (b"\xff\xfe{\0\"\0i\0d\0\"\0:\x001\0}\0\n\0", 3, "line 1 (byte 0): "),
        (b"{\"id\":1,\"text\":\"\xff\"}\n{\"id\":2", 3, "line 1 (byte 16): "),
        (b"{\"id\":1}\n{\"id\":tru}\n{\"id\":2", 3, "line 2 (byte 15): "),
        // A line that nothing can complete.
        (b"[{\"id\":1,\"text\":\"x\"}]", 3, "line 1 (byte 0): "),
        (b"\x1f\x8b\x08\x00", 3, "line 1 (byte 0): "),
        (b"{\"id\":1}\n{\"id\":1}}", 3, "line 2 (byte 17): "),
        (b"{\"id\":1}\n{\"id\":01", 3, "line 2 (byte 15): "),
        (b"{\"id\":1}\nid", 3, "line 2 (byte 9): "),
        (b"{\"id\":1,\"text\":\"\xff", 3, "line 1 (byte 16): "),
        // What may have been cut.
        (b"{\"id\":1}\n{\"id\":tr", 75, "line 2 (byte 9): the input ends in the middle"),
        (b"{\"id\":1,\"text\":\"\xc3", 75, "line 1 (byte 0): the input ends in the middle"),
        (b"{\"id\":1,\"text\":\"\\u00", 75, "line 1 (byte 0): the input ends in the middle"),
        (b"{\"id\":-", 75, "line 1 (byte 0): the input ends in the middle"),
        (b"{\"id\":1}\n  ", 75, "line 2 (byte 9): the input ends in the middle"),
        // It fails the schema only, and the next run may bring another.
        (b"{\"id\":\"x\"}\n{\"id\":2", 75, "line 2 (byte 11): the input ends in the middle"),
    ] {
        refused(&place.load(ARGS, input), code, said);
        assert_eq!(place.rows("SELECT id FROM wide"), ["0"]);
    }
}

#[test]
fn a_missing_input_is_66() {
    let place = place();
    refused(&place.loader(&format!("{ARGS} --input nowhere")).run(), 66, "cannot read the input nowhere");
    refused(&place.loader(&format!("{ARGS} --input .")).run(), 66, "cannot read the input .");
}

#[test]
fn a_schema_whose_columns_fall_together_or_are_too_long_is_refused_before_any_row() {
    let place = SqliteFolder::new();
    let property = |name: &str| format!("{:?}:{{\"type\":\"string\"}}", name);
    for (names, said) in [
        (vec!["a".to_owned(), "A".to_owned()], "properties \"A\" and \"a\" would become one column"),
        (vec!["x".repeat(64)], "its name is longer than 63 bytes"),
    ] {
        let properties: Vec<String> = names.iter().map(|name| property(name)).collect();
        place.write("clash.json", format!("{{\"properties\":{{{}}}}}", properties.join(",")));
        refused(&place.load("--schema clash.json", "{}\n"), 78, said);
    }
    refused(&place.load("--schema nowhere.json", "{}\n"), 78, "cannot read the schema nowhere.json");
    refused(&place.load("--schema openweather.nope", "{}\n"), 78, "unknown schema \"openweather.nope\"");
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [""; 0]);
}
