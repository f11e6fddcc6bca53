//! Input that is not a stream, whatever reads it.

use crate::support::standpipe;

#[test]
fn what_is_not_a_stream_is_named_with_what_reads_it() {
    let utf16: Vec<u8> = "{\"a\":1}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (input, says) in [
        (&b"\x1F\x8B\x08\0\0\0\0\0\0\x03"[..], "gzip: extract-file reads it"),
        (b"\x28\xB5\x2F\xFD\x04\0", "zstd: extract-file reads it"),
        (b"[{\"a\":1},{\"a\":2}]", "a JSON array: extract-file reads it"),
        (b"[\n{\"a\":1}\n]\n", "a JSON array: extract-file reads it"),
        (b"id,v\n1,2\n", "CSV? extract-file reads it"),
        (&utf16, "UTF-16: `iconv -f UTF-16 -t UTF-8` makes UTF-8 of it"),
        (b"<!DOCTYPE html>\n<html>", "an HTML page: is it the error or the login page of what was asked?"),
        (
            b"PK\x03\x04\x14\0",
            "a zip archive or a spreadsheet: unpack it, or save it as CSV, which extract-file reads",
        ),
        (b"PAR1\x15\x04", "Parquet: write it as CSV or NDJSON first, as DuckDB does"),
    ] {
        let said = format!("error: line 1 (byte 0): {says}\n");
        for args in
            [&["verify"][..], &["verify", "--seal", "required"], &["through", "--", "cat"], &["unreject"]]
        {
            let ran = standpipe([]).args(args).stdin(input).run();
            assert_eq!(ran.fails(3).stderr, said, "{args:?}");
        }
        let ran = standpipe(["seal", "--", "cat"]).stdin(input).run();
        assert_eq!(ran.fails(3).stderr, said.replacen("line", "the output of `cat`: line", 1));
    }
}
