use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// Reads everything, and lists the events, each as a short text.
fn read(stream: &[u8], options: Options) -> Result<(Vec<String>, Totals), Fault> {
    read_in_chunks(stream, options, usize::MAX)
}

struct Chunks<'a>(&'a [u8], usize);

impl Read for Chunks<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.0.len().min(buf.len()).min(self.1);
        buf[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

fn read_in_chunks(stream: &[u8], options: Options, chunk: usize) -> Result<(Vec<String>, Totals), Fault> {
    let mut reader = Reader::new(Chunks(stream, chunk), options);
    let mut events = Vec::new();
    while let Some(event) = reader.next()? {
        events.push(match event {
            Event::Begin(begin) => format!("begin {}", begin.id),
            Event::Record(line) => {
                format!("{}@{} {}", line.number, line.offset, String::from_utf8_lossy(line.bytes))
            }
            Event::State(value) => format!("state {value}"),
            Event::End(segment) => format!("end {} {} {}", segment.id, segment.records, segment.bytes),
        });
    }
    Ok((events, reader.totals().clone()))
}

fn fails(stream: &[u8], options: Options) -> (u8, String) {
    let fault = read(stream, options).expect_err("must be refused");
    (fault.class().code(), fault.message().to_owned())
}

fn file() -> Options {
    Options { origin: Origin::File, ..Options::default() }
}

const SEALED: &str = "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"a\"}}\n{\"x\":1}\n\n{\"_etl\":{\"v\":1,\"kind\":\
                      \"state\",\"value\":3}}\n{\"x\":2}\r\n{\"_etl\":{\"v\":1,\"kind\":\"end\",\"id\":\"a\",\
                      \"records\":2,\"bytes\":60}}\n";

#[test]
fn a_sealed_stream_is_read_whole_whatever_the_chunks() {
    let expected = ["begin a", "2@41 {\"x\":1}", "state 3", "5@92 {\"x\":2}", "end a 2 60"];
    for chunk in [1, 2, 3, 7, 64, usize::MAX] {
        let (events, totals) = read_in_chunks(SEALED.as_bytes(), file(), chunk).unwrap();
        assert_eq!(events, expected);
        let expected = Totals {
            sealed: true,
            segments: 1,
            records: 2,
            lines: 6,
            blank_lines: 1,
            bytes: SEALED.len() as u64,
        };
        assert_eq!(totals, expected);
    }
}

#[test]
fn a_stream_cut_at_any_byte_is_refused() {
    for cut in 0..SEALED.len() {
        let stream = &SEALED.as_bytes()[..cut];
        assert_eq!(fails(stream, file()).0, 3, "cut at {cut}");
        assert_eq!(fails(stream, Options::default()).0, 75, "cut at {cut}");
        let required = Options { seal: Seal::Required, ..Options::default() };
        assert_eq!(fails(stream, required).0, 75, "cut at {cut}");
    }
}

#[test]
fn a_changed_byte_is_noticed() {
    let mut writer = crate::Writer::new(Vec::new());
    writer.begin(&Begin { id: "a".into(), ..Begin::default() }).unwrap();
    for n in 0..5 {
        writer.line(format!("{{\"n\":{n}}}").as_bytes()).unwrap();
    }
    writer.end().unwrap();
    let stream = writer.into_inner();
    assert!(read(&stream, file()).is_ok());
    let at = stream.windows(5).position(|w| w == b"\"n\":3").unwrap() + 4;
    let mut changed = stream.clone();
    changed[at] = b'4';
    let (code, message) = fails(&changed, file());
    assert_eq!(code, 3);
    assert!(message.starts_with("line 7 (byte 81): segment a has the digest "), "{message}");
}

#[test]
fn plain_streams_are_accepted_with_one_warning() {
    static WARNINGS: AtomicU64 = AtomicU64::new(0);
    let warn = |_: &str| {
        WARNINGS.fetch_add(1, Ordering::Relaxed);
    };
    let (events, totals) = read(b"{\"x\":1}\n{\"x\":2}\n", Options { warn, ..file() }).unwrap();
    assert_eq!(events, ["1@0 {\"x\":1}", "2@8 {\"x\":2}"]);
    assert!(!totals.sealed);
    assert_eq!(WARNINGS.load(Ordering::Relaxed), 1);
}

#[test]
fn a_byte_order_mark_is_skipped_on_line_one_only() {
    let (events, _) = read(b"\xEF\xBB\xBF{\"x\":1}\n", file()).unwrap();
    assert_eq!(events, ["1@3 {\"x\":1}"]);
    let sealed = [b"\xEF\xBB\xBF", SEALED.as_bytes()].concat();
    assert_eq!(read(&sealed, file()).unwrap().0.last().unwrap(), "end a 2 60");
    let (events, _) = read(b"{\"x\":1}\n\xEF\xBB\xBF{\"x\":2}\n", file()).unwrap();
    assert_eq!(events[1], "2@8 \u{feff}{\"x\":2}");
}

#[test]
fn what_does_not_belong_is_refused_with_its_line() {
    let off = Options { seal: Seal::Off, ..file() };
    let required = Options { seal: Seal::Required, ..file() };
    let begin = |id| format!("{{\"_etl\":{{\"v\":1,\"kind\":\"begin\",\"id\":\"{id}\"}}}}\n");
    let end = |id, n| format!("{{\"_etl\":{{\"v\":1,\"kind\":\"end\",\"id\":\"{id}\",\"records\":{n}}}}}\n");
    let cases: Vec<(String, Options, &str)> = vec![
        (
            "{}\n".into(),
            required,
            "line 1 (byte 0): a record outside a verified segment (--seal required; `standpipe seal -- COMMAND` seals what a program prints)",
        ),
        (begin("a"), off, "line 1 (byte 0): a control line in a stream that is read with --seal off"),
        (
            format!("{{}}\n{}", begin("a")),
            file(),
            "line 2 (byte 3): a control line inside a plain stream (a filter in between needs `standpipe through -- COMMAND`)",
        ),
        (
            format!("{}{}{{}}\n", begin("a"), end("a", 0)),
            file(),
            "line 3 (byte 92): a record outside a segment of a sealed stream",
        ),
        (begin("a") + &begin("b"), file(), "line 2 (byte 41): a `begin` inside segment a (begun on line 1)"),
        (
            end("a", 0),
            file(),
            "line 1 (byte 0): an `end` without `begin` (a filter in between needs `standpipe through -- COMMAND`)",
        ),
        (
            begin("a") + &end("b", 0),
            file(),
            "line 2 (byte 41): the end of segment b, but segment a is open (a filter in between needs `standpipe through -- COMMAND`)",
        ),
        (
            begin("a") + &end("a", 1),
            file(),
            "line 2 (byte 41): segment a has 0 records, but its end says 1 (a filter in between needs `standpipe through -- COMMAND`)",
        ),
        ([begin("a"), end("a", 0), begin("a")].concat(), file(), "line 3 (byte 92): segment a appears twice"),
        (
            "\n{\"_etl\":{\"v\":1,\"kind\":\"state\",\"value\":1}}\n".into(),
            file(),
            "line 2 (byte 1): a `state` outside a segment",
        ),
        (
            "{\"_etl\":{\"v\":1,\"kind\":\"x\"}}\n".into(),
            file(),
            "line 1 (byte 0): control line of unknown kind `x`",
        ),
    ];
    for (stream, options, expected) in cases {
        assert_eq!(fails(stream.as_bytes(), options), (3, expected.to_owned()), "{stream}");
    }
}

#[test]
fn an_abort_fails_with_its_code_wherever_it_stands() {
    let abort = "{\"_etl\":{\"v\":1,\"kind\":\"abort\",\"code\":77,\"message\":\"no\"}}\n";
    for before in ["", "{}\n", "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"a\"}}\n{}\n"] {
        let stream = format!("{before}{abort}");
        assert_eq!(fails(stream.as_bytes(), file()), (77, "the producer failed: no".to_owned()));
    }
    let strange = abort.replace("77", "1");
    let message = "the producer failed: no (it ended with 1, which is not an exit code of a component)";
    assert_eq!(fails(strange.as_bytes(), file()), (3, message.to_owned()));
}

#[test]
fn nothing_at_all_is_an_error_unless_allowed() {
    assert_eq!(fails(b"", file()).0, 3);
    assert_eq!(fails(b"\n \r\n", Options::default()).0, 75);
    let allowed = Options { allow_empty: true, ..file() };
    let (events, totals) = read(b"", allowed).unwrap();
    assert_eq!((events.len(), totals.sealed), (0, true));
    assert_eq!(read(b"\n\n", allowed).unwrap().1.blank_lines, 2);
}

#[test]
fn an_endless_line_is_refused_in_bounded_memory() {
    let options = Options { max_line_bytes: 1000, ..file() };
    let mut reader = Reader::new(io::repeat(b'x').take(1 << 30), options);
    let fault = reader.next().map(|_| ()).unwrap_err();
    assert_eq!(fault.message(), "line 1 (byte 0): the line is longer than 1000 bytes (--max-line-bytes)");
    assert!(reader.lines.buffered() <= lines::BUFFER + 1000);
    let exact = [b"{}\n".as_slice(), &[b' '; 998], b"{}\n"].concat();
    assert_eq!(read(&exact, options).unwrap().0.len(), 2);
    let over = [b"{}\n".as_slice(), &[b' '; 999], b"{}\n"].concat();
    assert_eq!(fails(&over, options).0, 3);
}

#[test]
fn digests_are_those_of_sha256sum() {
    let plain = b"{\"x\":1}\n{\"x\":2}\n";
    let mut reader = Reader::new(plain.as_slice(), file());
    while reader.next().unwrap().is_some() {}
    // printf '{"x":1}\n{"x":2}\n' | sha256sum
    assert_eq!(reader.digest(), Digest::of(plain));
    assert_eq!(
        Digest::of(b"abc").to_string(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    let mut segments = Segments::default();
    segments.push(a);
    assert_eq!(segments.digest(), a);
    segments.push(b);
    assert_eq!(segments.digest(), Digest::of(format!("{a}\n{b}\n").as_bytes()));
}

#[test]
fn what_is_not_a_stream_is_named() {
    let short = Options { max_line_bytes: 8, ..Options::default() };
    let required = Options { seal: Seal::Required, ..Options::default() };
    let (gzip, array, csv) = (&b"\x1F\x8B\x08\0\0\0\n\0"[..], &b"[{\"a\":1}"[..], &b"\n\nid,v\n1,2\n"[..]);
    for (stream, options, message) in [
        (gzip, Options::default(), "line 1 (byte 0): gzip: extract-file reads it"),
        (gzip, required, "line 1 (byte 0): gzip: extract-file reads it"),
        (&gzip[..6], Options::default(), "line 1 (byte 0): gzip: extract-file reads it"),
        (array, Options::default(), "line 1 (byte 0): a JSON array: extract-file reads it"),
        (b"[{\"a\":12}]", short, "line 1 (byte 0): a JSON array: extract-file reads it"),
        (csv, file(), "line 3 (byte 2): CSV? extract-file reads it"),
    ] {
        assert_eq!(fails(stream, options), (3, message.to_owned()));
    }
    // Behind a record it is one bad line.
    let (events, _) = read(b"{}\n[1]\n", file()).unwrap();
    assert_eq!(events[1], "2@3 [1]");
}
