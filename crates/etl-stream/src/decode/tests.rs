use super::*;
use crate::reader::{Options, Reader};

/// The messages of an input, in short.
fn messages(input: &str) -> Vec<String> {
    of(Decoder::default(), input)
}

fn of(mut decoder: Decoder, input: &str) -> Vec<String> {
    let mut reader = Reader::new(input.as_bytes(), Options::default());
    let mut messages = Vec::new();
    while let Some(event) = reader.next().unwrap() {
        messages.push(match decoder.decode(event).unwrap() {
            Message::Begin(begin, stream) => match stream {
                Some(stream) => format!("{} opens {}", begin.id, stream.index()),
                None => format!("{} opens", begin.id),
            },
            Message::Record(stream, line, _) => {
                format!("{}: {}", stream.index(), String::from_utf8_lossy(line.bytes))
            }
            Message::State(stream, value) => format!("{stream:?} at {value}"),
            Message::End(segment) => format!("{} ends", segment.id),
            Message::Schema(stream, _) => format!("Schema({stream:?})"),
            other => format!("{other:?}"),
        });
    }
    messages
}

#[test]
fn a_segment_of_the_same_schema_is_the_same_stream() {
    let segment = |id: &str, schema: &str| {
        format!(
            "{{\"_etl\":{{\"v\":1,\"kind\":\"begin\",\"id\":\"{id}\"{schema}}}}}\n{{\"in\":\"{id}\"}}\n\
             {{\"_etl\":{{\"v\":1,\"kind\":\"state\",\"value\":7}}}}\n\
             {{\"_etl\":{{\"v\":1,\"kind\":\"end\",\"id\":\"{id}\",\"records\":1}}}}\n"
        )
    };
    let input = [
        segment("a", r#","schema":"x.y""#),
        segment("b", ""),
        segment("c", r#","schema":{"type":"object"}"#),
        segment("d", r#","schema":"x.y""#),
        segment("e", r#","values":"text""#),
    ];
    let expected = [("a", 0), ("b", 1), ("c", 2), ("d", 0), ("e", 3)].map(|(id, stream)| {
        [
            format!("{id} opens {stream}"),
            format!("{stream}: {{\"in\":\"{id}\"}}"),
            "None at 7".to_owned(),
            format!("{id} ends"),
        ]
    });
    assert_eq!(messages(&input.concat()), expected.concat());
}

#[test]
fn plain_records_are_one_stream_without_a_schema() {
    assert_eq!(messages("{\"n\":1}\n{\"n\":2}\n"), ["0: {\"n\":1}", "0: {\"n\":2}"]);
}

/// A faithful record of what taps print is in the loaders' tests; here is what each message becomes.
#[test]
fn messages_of_a_tap() {
    let input = [
        r#"{"type":"STATE","value":{ }}"#,
        r#"{"type": "SCHEMA", "stream": "a", "schema": {"properties": {}}, "key_properties": ["id"]}"#,
        r#"{"type":"SCHEMA","stream":"b\u0021","schema":{"properties":{"x":{}}}}"#,
        r#"{"type":"RECORD","stream":"a","record":{"id":1},"time_extracted":"2026-01-01T00:00:00Z"}"#,
        r#"{"type":"RECORD","stream":"b!","record":{"x":{"type":"RECORD"}},"version":7}"#,
        r#"{"record": {"id":2}, "stream": "a", "type": "RECORD"}"#,
        r#"{"type":"SCHEMA","stream":"a","schema":{"properties": {}},"key_properties":["id"]}"#,
        r#"{"type":"RECORD","stream":"a","record":{"id":3}}"#,
        r#"{"type":"SCHEMA","stream":"a","schema":{"properties":{"n":{}}},"key_properties":["id"]}"#,
        r#"{"type":"RECORD","stream":"a","record":{"id":4}}"#,
        r#"{"type":"ACTIVATE_VERSION","stream":"a","version":1795752788118}"#,
        r#"{"type":"HEARTBEAT"}"#,
        r#"{"type":"HEARTBEAT"}"#,
        r#"{"type":"STATE","value":{"bookmarks":{"a":1}}}"#,
    ];
    let expected = [
        "EmptyState",
        "Schema(StreamId(0))",
        "Schema(StreamId(1))",
        r#"0: {"id":1}"#,
        r#"1: {"x":{"type":"RECORD"}}"#,
        r#"0: {"id":2}"#,
        "Schema(StreamId(0))",
        r#"0: {"id":3}"#,
        "Schema(StreamId(2))",
        r#"2: {"id":4}"#,
        "Version(StreamId(2), 1795752788118)",
        r#"Ignored(Some("line 12 (byte 743): messages of type HEARTBEAT are ignored"))"#,
        "Ignored(None)",
        r#"None at {"bookmarks":{"a":1}}"#,
    ];
    let found = of(Decoder::new(Format::Singer, &[]), &(input.join("\n") + "\n"));
    assert_eq!(found, expected);
}

/// What is wrong with the last of these lines.
fn refusal(format: Format, lines: &[&str]) -> (u8, String) {
    let input = lines.join("\n") + "\n";
    let mut reader = Reader::new(input.as_bytes(), Options::default());
    let mut decoder = Decoder::new(format, &[]);
    loop {
        let event = reader.next().unwrap().expect("a line that is refused");
        if let Err(fault) = decoder.decode(event) {
            return (fault.class().code(), fault.to_string());
        }
    }
}

#[test]
fn what_is_no_message_of_a_tap_is_refused_with_its_line() {
    let schema = r#"{"type":"SCHEMA","stream":"a","schema":{"properties":{}},"key_properties":[]}"#;
    for (line, code, says) in [
        ("hello", 3, "line 2 (byte 78): expected an object, found `h`"),
        (r#"{"id":1}"#, 3, "line 2 (byte 78): not a Singer message: it has no `type`"),
        (
            r#"{"type":"RECORD","stream":"z","record":{}}"#,
            3,
            "line 2 (byte 78): a RECORD of stream z before its SCHEMA",
        ),
        (
            r#"{"type":"RECORD","stream":"a","record":[]}"#,
            3,
            "line 2 (byte 78): a RECORD without `stream` or without an object `record`",
        ),
        (r#"{"type":"STATE"}"#, 3, "line 2 (byte 78): a STATE without `value`"),
        (
            r#"{"type":"SCHEMA","stream":"a","schema":{},"key_properties":[[1]]}"#,
            3,
            "line 2 (byte 78): the SCHEMA of stream a: key_properties is not a list of names",
        ),
        (
            r#"{"type":"ACTIVATE_VERSION","stream":"a"}"#,
            3,
            "line 2 (byte 78): an ACTIVATE_VERSION without a whole number as `version`",
        ),
        (
            r#"{"type":"BATCH","stream":"a","encoding":{},"manifest":[]}"#,
            3,
            "line 2 (byte 78): a BATCH without an object `encoding` or a list `manifest`",
        ),
        (
            r#"{"type":"BATCH","stream":"z","encoding":{"format":"jsonl"},"manifest":[]}"#,
            3,
            "line 2 (byte 78): a BATCH of stream z before its SCHEMA",
        ),
        (
            r#"{"type":"BATCH","stream":"a","encoding":{"format":"parquet"},"manifest":[]}"#,
            78,
            "line 2 (byte 78): the format parquet of a BATCH is not read, only jsonl",
        ),
        (
            r#"{"type":"BATCH","stream":"a","encoding":{"format":"jsonl","compression":"zip"},"manifest":[]}"#,
            78,
            "line 2 (byte 78): the compression zip of a BATCH is not read, only gzip and none",
        ),
        (
            r#"{"type":"BATCH","stream":"a","encoding":{"format":"jsonl"},"manifest":["s3://b/x"]}"#,
            78,
            "line 2 (byte 78): s3://b/x: files of a BATCH are read only at file:///PATH",
        ),
    ] {
        assert_eq!(refusal(Format::Singer, &[schema, line]), (code, says.to_owned()), "{line}");
    }
}

#[test]
fn messages_of_a_source() {
    let streams = catalog(
        r#"{"streams":[
            {"stream":{"name":"a","json_schema":{}},"destination_sync_mode":"append"},
            {"stream":{"name":"a","namespace":"n","json_schema":{}},"destination_sync_mode":"overwrite_dedup",
             "primary_key":[["id"]]}]}"#,
    )
    .unwrap();
    assert_eq!(streams[1].stream.as_ref().unwrap().key, ["id"]);
    let input = [
        r#"{"type":"LOG","log":{"level":"FATAL","message":"m"}}"#,
        r#"Starting: {"#,
        r#"{"level":"x"}"#,
        r#"{"type":"RECORD","record":{"stream":"a","data":{"id":1},"emitted_at":1}}"#,
        r#"{"type": "RECORD", "record": {"namespace": "n", "data": {"id": 2}, "stream": "a", "emitted_at": 1.5}}"#,
        r#"{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":{}}}}"#,
        r#"{"type":"STATE","state":{"type":"GLOBAL","global":{"shared_state":{}}}}"#,
        r#"{"type":"STATE","state":{"data":{"x":1}}}"#,
        r#"{"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1.5,"stream_status":{"stream_descriptor":{"name":"a","namespace":null},"status":"COMPLETE"}}}"#,
        r#"{"type":"TRACE","trace":{"type":"ERROR","emitted_at":1,"error":{"message":"broke","internal_message":"half"}}}"#,
        r#"{"type":"TRACE","trace":{"type":"ESTIMATE","emitted_at":1,"estimate":{"name":"a"}}}"#,
        r#"{"type":"TRACE","trace":{"type":"ESTIMATE","emitted_at":1,"estimate":{"name":"a","type":"STREAM","row_estimate":7}}}"#,
        r#"{"type":"TRACE","trace":{"type":"ESTIMATE","emitted_at":1,"estimate":{"name":"","type":"SYNC","row_estimate":9}}}"#,
        r#"{"type":"TRACE","trace":{"type":"ESTIMATE","emitted_at":1,"estimate":{"name":"z","type":"STREAM","row_estimate":7}}}"#,
        r#"{"type":"CONTROL","control":{}}"#,
        r#"{"type":"NEW"}"#,
    ];
    let expected = [
        r#"Log(Error, "m")"#,
        r#"Log(Info, "Starting: {")"#,
        r#"Log(Info, "{\"level\":\"x\"}")"#,
        r#"0: {"id":1}"#,
        r#"1: {"id": 2}"#,
        r#"Some(StreamId(0)) at {"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":{}}}"#,
        r#"None at {"type":"GLOBAL","global":{"shared_state":{}}}"#,
        r#"None at {"data":{"x":1}}"#,
        "Status(StreamId(0), Complete)",
        r#"Log(Error, "broke (half)")"#,
        "Ignored(None)",
        "Estimate(Some(StreamId(0)), 7)",
        "Estimate(None, 9)",
        "Ignored(None)",
        "Ignored(None)",
    ];
    let found = of(Decoder::new(Format::Airbyte, &streams), &(input.join("\n") + "\n"));
    assert_eq!(found[..expected.len()], expected);
    assert!(found[expected.len()].contains("messages of type NEW are ignored"));
    let stray = r#"{"type":"RECORD","record":{"stream":"z","data":{},"emitted_at":1}}"#;
    assert_eq!(
        refusal(Format::Airbyte, &[stray]),
        (3, "line 1 (byte 0): stream z is not in the catalog".to_owned())
    );
}

/// What becomes of a line: whose record it is and what it has, or what is wrong with it.
fn outcome(decoder: &mut Decoder, scanner: &mut crate::json::Scanner, line: &str, quick: bool) -> String {
    let line = Line { number: 1, offset: 100, record: 0, bytes: line.as_bytes() };
    let mut decoded = if quick { decoder.message(line) } else { decoder.scanned(line) };
    loop {
        let (stream, record, envelope) = match decoded {
            Err(fault) => return format!("{fault:?}"),
            Ok(Message::Record(stream, record, envelope)) => (stream, record, envelope),
            Ok(Message::Ignored(_)) => return "ignored".to_owned(),
            Ok(other) => return format!("{other:?}"),
        };
        let about = decoder.about(envelope);
        let fault = match record.scan(scanner) {
            Ok(scanned) => {
                let fields: Vec<_> =
                    scanned.fields().map(|field| (field.name().into_owned(), field.value)).collect();
                return format!("{stream:?} {record:?} {fields:?} {about:?}");
            }
            Err(fault) => fault,
        };
        decoded = match decoder.again(record, envelope).transpose() {
            Some(decoded) => decoded,
            None => Err(fault),
        };
    }
}

/// Lines that look like earlier ones, and others that only nearly do, are the same message whether they are compared or
/// scanned.
#[test]
fn the_quick_way_decides_nothing() {
    let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let singer = [
        r#"{"type":"RECORD","stream":"a","record":{"id":1,"t":"x"},"version":10,"time_extracted":"2026-01-01T00:00:00.5Z"}"#,
        r#"{"type": "RECORD", "stream": "b", "record": {"id": 2, "n": NaN}, "time_extracted": "2026-01-01"}"#,
        r#"{"type":"RECORD","record":{"id":3},"stream":"a1"}"#,
        r#"{"type":"RECORD","record":{"id":3},"stream":"a2"}"#,
        r#"{"type":"RECORD","stream":"a","record":{"id":4,"t":"},\"version\":10"}}"#,
        r#"{"type":"RECORD","stream":"a","record":{"id":4},"extra":{"version":1},"version":10,"time_extracted":"2026-01-01T00:00:00.5Z"}"#,
        r#"{"type":"RECORD","stream":"a","record":{"id":4},"k1":1,"k2":2}"#,
        r#"{"type":"RECORD","stream":"a","record":{"id":4},"k1":1,"k1":2}"#,
        r#"{"type":"RECORD","stream":"a","record":{"id":1},"version":010,"time_extracted":"2026-01-01T00:00:00.5Z"}"#,
        r#"{"type":"RECORD","stream":"a","record":{},"version":-1.05e+07}"#,
        r#"{"type":"RECORD","stream":"a","record":{}}"#,
        r#"{"type":"RECORD","stream":"a","record":{}},"record":{}}"#,
        r#"{"type":"STATE","value":{"a":{"type":"RECORD"}}}"#,
    ];
    let airbyte = [
        r#"{"type":"RECORD","record":{"stream":"a","data":{"id":1,"t":"x"},"emitted_at":1795755519512}}"#,
        r#"{"type":"RECORD","record":{"stream":"a","data":{"id":1},"emitted_at":1.5,"meta":{"changes":[]}}}"#,
        r#"{"type": "RECORD", "record": {"namespace": "n", "data": {"id": 2}, "stream": "b", "emitted_at": 1.5}}"#,
        r#"{"type":"RECORD","record":{"stream":"a","data":{"id":1},"data2":{},"emitted_at":1795755519512}}"#,
        r#"{"type":"RECORD","record":{"stream":"a","data":{"id":NaN},"emitted_at":1795755519512}}"#,
        r#"{"type":"RECORD","record":{"stream":"a","data":{"t":"},\"emitted_at\":1}}"},"emitted_at":1}}"#,
        r#"{"type":"RECORD","record":{"stream":"z","data":{},"emitted_at":1}}"#,
        "plain {",
    ];
    let mut random = fastrand::Rng::with_seed(11);
    for (format, lines) in [(Format::Singer, &singer[..]), (Format::Airbyte, &airbyte[..])] {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        // 128 levels are the most, those of the message included.
        let first = lines[0].clone();
        for levels in 123..130 {
            lines.push(first.replace(r#"{"id":1,"t":"x"}"#, &deep(levels)));
        }
        let streams = catalog(
            r#"{"streams":[{"stream":{"name":"a","json_schema":{}},"destination_sync_mode":"append"},
                {"stream":{"name":"b","namespace":"n","json_schema":{}},"destination_sync_mode":"append"}]}"#,
        )
        .unwrap();
        let fresh = || {
            let mut decoder = Decoder::new(format, &streams);
            let mut scanner = crate::json::Scanner::new();
            scanner.admit_odd_numbers(format == Format::Singer);
            scanner.set_levels(format.levels());
            for name in ["a", "b", "a1", "a2"].iter().filter(|_| format == Format::Singer) {
                let schema =
                    format!(r#"{{"type":"SCHEMA","stream":"{name}","schema":{{"properties":{{}}}}}}"#);
                outcome(&mut decoder, &mut scanner, &schema, false);
            }
            (decoder, scanner)
        };
        let ((mut quick, mut of_quick), (mut full, mut of_full)) = (fresh(), fresh());
        let mut compared = 0;
        for round in 0..60_000 {
            let mut line = lines[random.usize(..lines.len())].clone().into_bytes();
            for _ in 0..if round % 3 == 0 { 0 } else { random.usize(1..4) } {
                let (at, byte) =
                    (random.usize(..line.len()), *random.choice(b"{}\",:0159a.-e \\[]N").unwrap());
                match random.u8(..4) {
                    0 if line.len() > 1 => drop(line.remove(at)),
                    0 | 1 => line.insert(at, byte),
                    2 => line[at] = byte,
                    _ => line.truncate(at + 1),
                }
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            let (found, expected) = (
                outcome(&mut quick, &mut of_quick, &line, true),
                outcome(&mut full, &mut of_full, &line, false),
            );
            assert_eq!(found, expected, "{line}");
            compared += usize::from(expected.starts_with("StreamId"));
        }
        assert!(compared > 10_000, "{compared}");
    }
}
