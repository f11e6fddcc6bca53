//! Records that a tap has put into files.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Place, refused, seal, tap};

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).expect("memory takes it");
    packed.finish().expect("memory takes it")
}

fn batch(files: &[&Path], compression: &str) -> String {
    let files: Vec<String> = files
        .iter()
        .map(|file| format!("\"file://{}\"", file.display().to_string().replace(' ', "%20")))
        .collect();
    let files = files.join(",");
    format!(
        r#"{{"type":"BATCH","stream":"a","encoding":{{"format":"jsonl","compression":{compression}}},"manifest":[{files}]}}"#
    )
}

/// The lines of the files are records of the stream, among others, as often as they are read.
///
/// # Panics
/// If something else is in the table.
pub fn records_of_a_batch(place: &impl Place) {
    let packed =
        place.write("a b.jsonl.gz", &gzip("{\"id\":1,\"n\":1}\n\n{\"id\":2,\"n\":NaN}\n{\"id\":\"x\"}\n"));
    let plain = place.write("c.jsonl", b"{\"id\":3,\"n\":3}\r\n{\"id\":4}");
    let record = r#"{"type":"RECORD","stream":"a","record":{"id":5}}"#;
    let state = r#"{"type":"STATE","value":{"at":5}}"#;
    let stream = tap(&[
        &batch(&[&packed], "\"gzip\""),
        record,
        &batch(&[&plain], "null"),
        &batch(&[&plain], "\"none\""),
        state,
    ]);
    let ran = place.load("--create", stream.as_bytes());
    refused(&ran, 3, r#"a b.jsonl.gz, line 3: line 2 (byte "#);
    assert!(
        ran.stderr.contains(r#"stream a, field "n": expected an integer, found the number NaN"#),
        "{}",
        ran.stderr
    );
    refused(
        &place.load("--create --rejects r.ndjson --max-rejects 1", stream.as_bytes()),
        3,
        "rejected record 2, --max-rejects 1",
    );
    let ran = place.load("--create --rejects r.ndjson --max-rejects 2", &seal("1", &stream));
    assert!(ran.ok().stderr.contains("a: 8 records, 4 inserted, 2 superseded, 2 rejected"), "{}", ran.stderr);
    assert_eq!(
        (ran.stdout.as_str(), place.rows("SELECT id, n FROM a ORDER BY id")),
        ("{\"at\":5}\n", ["1|1", "3|3", "4|NULL", "5|NULL"].map(str::to_owned).to_vec())
    );
    refused(
        &place.load("", tap(&[&batch(&[Path::new("/nowhere/x.jsonl")], "null")]).as_bytes()),
        66,
        "cannot read /nowhere/x.jsonl, a file of the BATCH",
    );
    let broken = place.write("d.gz", b"{\"id\":7}\n");
    refused(
        &place.load("", tap(&[&batch(&[&broken], "\"gzip\"")]).as_bytes()),
        3,
        "d.gz, line 1: cannot be read",
    );
    let long = place.write("e.jsonl", format!("{{\"id\":7,\"n\":{}1}}\n", " ".repeat(500)).as_bytes());
    refused(
        &place.load("--max-line-bytes 400", tap(&[&batch(&[&long], "null")]).as_bytes()),
        3,
        "e.jsonl, line 1: longer than --max-line-bytes 400",
    );
    place.load("--max-line-bytes 600", tap(&[&batch(&[&long], "null")]).as_bytes()).ok();
    assert_eq!(place.rows("SELECT n FROM a WHERE id = 7"), ["1"]);
}
