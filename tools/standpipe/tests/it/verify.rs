//! `standpipe verify` and `standpipe unreject`.

use std::fs;

use etl_stream::Digest;
use etl_testkit::run::temp_dir;
use serde_json::{Value, json};

use crate::support::{end, segment, standpipe};

const BODY: &str = "{\"n\":1}\n\n{\"_etl\":{\"v\":1,\"kind\":\"state\",\"value\":{\"c\":1}}}\n";

fn stream() -> String {
    segment("a", ",\"schema\":\"openweather.current\",\"producer\":\"p/1\"", 1, BODY)
        + &segment("b c", ",\"schema\":{\"type\":\"object\"},\"values\":\"text\"", 0, "")
}

#[test]
fn a_whole_stream_is_described() {
    let (a, b) = (Digest::of(BODY.as_bytes()), Digest::of(b""));
    let expected = [
        format!(
            "segment a schema=openweather.current producer=p/1 records=1 bytes={} sha256={a} states=1 last_state={{\"c\":1}}",
            BODY.len()
        ),
        format!(
            "segment \"b c\" schema=inline values=text producer=unknown records=0 bytes=0 sha256={b} states=0"
        ),
        "whole: segments=2 records=1".to_owned(),
    ];
    let folder = temp_dir();
    fs::write(folder.path().join("s"), stream()).expect("written");
    for args in [vec![], vec!["-"], vec!["s"], vec!["--input", "s"], vec!["--seal", "required", "s"]] {
        let ran = standpipe(["verify"]).args(args).in_folder(&folder).stdin(stream()).run();
        assert_eq!(ran.ok().lines(), expected);
    }
    standpipe(["verify", "s", "--input", "s"]).in_folder(&folder).run().fails(2);
    standpipe(["verify", "t"]).in_folder(&folder).run().fails(66);
    standpipe(["verify", "."]).in_folder(&folder).run().fails(66);
}

#[test]
fn a_stream_is_described_as_json() {
    let ran = standpipe(["verify", "--json"]).stdin(stream()).run();
    let found: Value = serde_json::from_str(&ran.ok().stdout).expect("JSON");
    let (a, b) = (Digest::of(BODY.as_bytes()), Digest::of(b""));
    let expected = json!({
        "whole": true,
        "sealed": true,
        "segments": [
            {"id": "a", "schema": "openweather.current", "values": null, "producer": "p/1", "records": 1, "bytes": BODY.len(),
             "sha256": a.to_string(), "states": 1, "last_state": {"c": 1}},
            {"id": "b c", "schema": {"type": "object"}, "values": "text", "producer": null, "records": 0, "bytes": 0,
             "sha256": b.to_string(), "states": 0, "last_state": null},
        ],
        "records": 1,
        "lines": 7,
        "blank_lines": 1,
        "bytes": stream().len(),
        "sha256": Digest::of(format!("{a}\n{b}\n").as_bytes()).to_string(),
        "error": null,
    });
    assert_eq!(found, expected);

    let ran = standpipe(["verify", "--json"]).stdin(&stream()[..stream().len() - 1]).run();
    let found: Value = serde_json::from_str(&ran.fails(75).stdout).expect("JSON");
    assert_eq!(
        (&found["whole"], &found["sha256"], &found["error"]["code"]),
        (&json!(false), &Value::Null, &json!(75))
    );
    assert_eq!(found["error"]["message"], ran.last_error_line());
    assert_eq!(found["segments"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_plain_stream_is_not_called_whole() {
    let ran = standpipe(["verify"]).stdin("{}\n{}\n").run();
    let digest = Digest::of(b"{}\n{}\n");
    let line = format!("not sealed: records=2 sha256={digest}; nothing says that these are all");
    assert_eq!(ran.ok().lines(), [line]);
    standpipe(["verify", "--seal", "required"]).stdin("{}\n").run().fails(3);
    standpipe(["verify", "--seal", "off"]).stdin(stream()).run().fails(3);
    standpipe(["verify"]).run().fails(75);
    standpipe(["verify", "--allow-empty"]).run().ok();
}

#[test]
fn what_is_wrong_is_said_on_both_outputs() {
    let begun = "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"a\"}}\n{}\n";
    let cases = [
        (
            format!("{begun}{}", end("a", 2, "{}\n")),
            3,
            "line 3 (byte 44): segment a has 1 record, but its end says 2 (a filter in between needs `standpipe through -- COMMAND`)",
        ),
        (
            begun.replace("{}\n", "{\"a\":1,\"a\":2}\n"),
            3,
            "line 2 (record 1, byte 49): the key `a` comes twice; record: {\"a\":1,\"a\":2}",
        ),
        (
            end("a", 0, ""),
            3,
            "line 1 (byte 0): an `end` without `begin` (a filter in between needs `standpipe through -- COMMAND`)",
        ),
        (format!("{begun}{begun}"), 3, "line 3 (byte 44): a `begin` inside segment a (begun on line 1)"),
        (segment("a", "", 0, "") + &segment("a", "", 0, ""), 3, "segment a appears twice"),
        (
            format!("{begun}{{\"_etl\":{{\"v\":1,\"kind\":\"abort\",\"code\":76,\"message\":\"odd\"}}}}\n"),
            76,
            "the producer failed: odd",
        ),
    ];
    for (stream, code, message) in cases {
        let ran = standpipe(["verify"]).stdin(&stream).run();
        assert!(ran.fails(code).last_error_line().ends_with(message), "{}", ran.stderr);
        assert_eq!(
            ran.lines().last().copied(),
            Some(format!("not whole: {}", ran.last_error_line()).as_str())
        );
    }
}

#[test]
fn rejects_give_their_originals_back() {
    let body = "{\"line\":1,\"field\":\"n\",\"reason\":\"r\",\"original\":\"{\\\"n\\\":\\\"\\u00e9\\\\t\\ud83d\\ude00\\\"}\"}\n\
                {\"line\":2,\"reason\":\"r\",\"original\":\"oops\"}\n";
    let rejects = segment("a", ",\"schema\":\"etl.reject\"", 2, body);
    let folder = temp_dir();
    fs::write(folder.path().join("r"), &rejects).expect("written");
    let expected = "{\"n\":\"é\\t😀\"}\noops\n";
    let ran = standpipe(["unreject", "r"]).in_folder(&folder).run();
    assert_eq!((ran.ok().stdout.as_str(), ran.stderr.as_str()), (expected, "2 rejected lines\n"));
    assert_eq!(standpipe(["unreject"]).stdin(&rejects).run().ok().stdout, expected);
    assert_eq!(standpipe(["unreject", "r", "--output", "o"]).in_folder(&folder).run().ok().stdout, "");
    assert_eq!(fs::read_to_string(folder.path().join("o")).expect("there"), expected);

    let refused = |stream: &str, code: i32, message: &str| {
        let ran = standpipe(["unreject"]).stdin(stream).run();
        assert!(ran.fails(code).last_error_line().starts_with(message), "{}", ran.stderr);
        // A reader must not take what it got for all there was.
        assert!(ran.lines().last().is_some_and(|line| line.contains("\"kind\":\"abort\"")), "{}", ran.stdout);
    };
    refused(body, 3, "line 1 (byte 0): a record outside a verified segment");
    refused(&segment("a", "", 0, ""), 3, "segment a is not of schema etl.reject");
    refused(
        &segment("a", ",\"schema\":\"etl.reject\"", 1, "{\"original\":7}\n"),
        3,
        "line 2 (record 1, byte 63): field \"original\"",
    );
    let two = segment("a", ",\"schema\":\"etl.reject\"", 1, "{\"original\":\"a\\nb\"}\n");
    refused(&two, 3, "line 2 (record 1, byte 63): field \"original\"");
    refused(&rejects[..rejects.len() - 1], 75, "line 4 ");
    standpipe(["unreject", "r", "--output", "o"]).in_folder(&folder).run().ok();
    fs::write(folder.path().join("r"), &rejects[..rejects.len() - 1]).expect("written");
    fs::write(folder.path().join("o"), "older").expect("written");
    assert_eq!(standpipe(["unreject", "r", "--output", "o"]).in_folder(&folder).run().fails(3).stdout, "");
    assert_eq!(fs::read_to_string(folder.path().join("o")).expect("there"), "older");
}

#[test]
fn originals_whose_values_are_texts_are_segments_that_can_be_corrected() {
    let reject = |original: &str, more: &str| {
        format!("{{\"line\":1,\"reason\":\"r\",\"original\":\"{{\\\"n\\\":{original}}}\"{more}}}\n")
    };
    let text = ",\"values\":\"text\"";
    let body =
        [reject("1", ""), reject("\\\"a\\\"", text), reject("\\\"b\\\"", text), reject("2", "")].concat();
    let ran = standpipe(["unreject"]).stdin(segment("a", ",\"schema\":\"etl.reject\"", 4, &body)).run();
    let corrected = ran.ok().stdout.replace("\"b\"", "\"3\"");
    let verified = standpipe(["verify", "--json"]).stdin(&corrected).run();
    let found: Value = serde_json::from_str(&verified.ok().stdout).expect("JSON");
    let segments = found["segments"].as_array().expect("segments");
    let said: Vec<_> =
        segments.iter().map(|segment| json!([segment["values"], segment["records"]])).collect();
    assert_eq!(said, [json!([null, 1]), json!(["text", 2]), json!([null, 1])]);
    let lines: Vec<_> = corrected.lines().filter(|line| !line.starts_with("{\"_etl\":")).collect();
    assert_eq!(lines, ["{\"n\":1}", "{\"n\":\"a\"}", "{\"n\":\"3\"}", "{\"n\":2}"]);
}

#[test]
fn a_line_that_nothing_can_complete_is_bad_data() {
    for command in [&["verify", "-"][..], &["through", "--", "cat"], &["seal", "--", "cat"]] {
        for input in [&b"[{\"id\":1}]"[..], b"\x1f\x8b\x08\x00", b"id"] {
            let ran = standpipe([]).args(command).stdin(input).run();
            ran.fails(3);
            assert!(ran.last_error_line().contains("line 1 (byte "), "{command:?}: {}", ran.stderr);
        }
    }
}
