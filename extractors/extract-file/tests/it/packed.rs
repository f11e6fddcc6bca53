//! Files that are packed, and files of kinds that are not read.

use std::io::Write;

use crate::{of, records, refused};

const ROWS: [&str; 2] = [r#"{"a":"1"}"#, r#"{"a":"2"}"#];

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    zstd::encode_all(bytes.as_ref(), 3).unwrap()
}

#[test]
fn packed_files_are_known_by_their_content() {
    let members = [gzip("a\n1\n"), gzip("2\n")].concat();
    assert_eq!(records(&of(members, &[])), ROWS);
    assert_eq!(records(&of(zstd("a\n1\n2\n"), &[])), ROWS);
    let frames = [zstd("a\n1\n"), zstd("2\n")].concat();
    assert_eq!(records(&of(&frames, &[])), ROWS);
    // pzstd says the length of the frame that follows in one without data.
    let skipped = [b"\x50\x2A\x4D\x18\x04\0\0\0\x11\0\0\0", frames.as_slice()].concat();
    assert_eq!(records(&of(skipped, &[])), ROWS);
}

#[test]
fn what_is_cut_or_broken_is_refused() {
    let rows: String = (0..2000).map(|n| format!("{n}\n")).collect();
    let rows = format!("a\n{rows}");
    for (packed, kind) in [(gzip(&rows), "gzip"), (zstd(&rows), "zstd")] {
        for length in [packed.len() - 1, packed.len() / 2, 12] {
            let ran = of(&packed[..length], &[]);
            let said = format!("in: the {kind} file is cut short: ");
            assert!(ran.fails(3).last_error_line().starts_with(&said), "{kind} {length}: {}", ran.stderr);
            assert!(!ran.stdout.contains("\"kind\":\"end\""));
        }
    }
    // The checksum stands before the length at the end.
    let mut packed = gzip(&rows);
    let at = packed.len() - 6;
    packed[at] ^= 1;
    let ran = of(&packed, &[]);
    assert!(ran.fails(3).last_error_line().starts_with("in: the gzip file is broken: "), "{}", ran.stderr);
    let ran = of([gzip("a\n1\n"), b"2\n".to_vec()].concat(), &[]);
    assert!(ran.fails(3).last_error_line().starts_with("in: the gzip file is "), "{}", ran.stderr);
}

#[test]
fn a_window_over_16_mib_is_refused_by_name() {
    let message = |size: u64| {
        format!(
            "in: zstd with a window of {size} MiB; at most 16 MiB are read (pack it without --long and --ultra)"
        )
    };
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(25).unwrap();
    encoder.write_all(b"a\n1\n").unwrap();
    refused(encoder.finish().unwrap(), &[], 3, &message(32));
    // A frame of a single segment, whose window is its content: 17 MiB in four bytes.
    refused(b"\x28\xB5\x2F\xFD\xA0\0\0\x10\x01", &[], 3, &message(17));
}

#[test]
fn other_kinds_are_refused_by_name() {
    refused(gzip(zstd("a\n1\n")), &[], 3, "in: packed twice; unpack the gzip file first");
    refused(zstd(gzip("a\n1\n")), &[], 3, "in: packed twice; unpack the zstd file first");
    let parquet = "in: Parquet: write it as CSV or NDJSON first, as DuckDB does";
    refused(b"PAR1\x15\x04", &[], 3, parquet);
    refused(gzip(b"PAR1\x15\x04"), &[], 3, parquet);
    refused(
        b"PK\x03\x04....",
        &[],
        3,
        "in: a zip archive or a spreadsheet: unpack it, or save it as CSV, which extract-file reads",
    );
    refused(
        b"\n<!doctype html><html>",
        &[],
        3,
        "in: an HTML page: is it the error or the login page of what was asked?",
    );
}
