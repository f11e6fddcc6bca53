//! What an extractor that asks no HTTP server must do.

use std::fs;
use std::path::Path;

use etl_stream::reader::Options;
use etl_stream::{Event, Reader, Seal};
use serde_json::{Value, json};

use super::runs::wrong_arguments;
use super::{failed, name_of};
use crate::run::{Cmd, Folder};

/// An extractor of what is on this machine or in a database, as its tests describe it.
pub struct Local<'a> {
    /// The path of the binary, `env!("CARGO_BIN_EXE_extract-NAME")`.
    pub binary: &'static str,
    /// The folder that it runs in.
    pub folder: &'a Path,
    /// Its environment.
    pub env: &'a [(String, String)],
    /// The arguments of a run that succeeds with a record.
    pub good: &'a [&'a str],
    /// The arguments of a run that is refused (3).
    pub bad: &'a [&'a str],
    /// What that run says.
    pub message: &'a str,
}

impl Local<'_> {
    /// Checks what is the same for all extractors: the seal, outputs, failures, the card, wrong arguments.
    ///
    /// # Panics
    /// If anything is not so.
    pub fn conforms(&self) {
        let card: Value = serde_json::from_str(&self.cmd(&["--describe"]).run().ok().stdout).expect("JSON");
        assert_eq!(card["name"], name_of(self.binary));
        assert_eq!(card["reads"], json!({ "kind": "nothing" }));
        // What there is has a schema of its own, or none.
        assert_eq!(card["stdout"], json!({ "kind": "stream", "schemas": null, "passes_on": false }));

        let producer = format!("{}/{}", name_of(self.binary), card["version"].as_str().expect("a version"));
        let good = self.cmd(self.good).run();
        sealed(&good.ok().stdout, &producer);
        let bad = self.cmd(self.bad).run();
        failed(&bad, 3, self.message);

        let folder = Folder::new();
        let file = folder.path("out.ndjson").display().to_string();
        let output = |args: &[&str]| self.cmd(&[args, &["--output", &file]].concat()).run();
        assert_eq!(output(self.good).ok().stdout, "");
        sealed(&folder.read("out.ndjson"), &producer);
        folder.write("out.ndjson", "yesterday\n");
        let ran = output(self.bad);
        assert_eq!((ran.fails(3).stdout.as_str(), ran.last_error_line()), ("", self.message));
        assert_eq!(folder.read("out.ndjson"), "yesterday\n");
        assert_eq!(fs::read_dir(folder.path("")).expect("the folder exists").count(), 1);

        wrong_arguments(name_of(self.binary), |args| self.cmd(args));
    }

    fn cmd(&self, args: &[&str]) -> Cmd {
        let cmd = Cmd::new(self.binary).in_folder(self.folder).args(args);
        self.env.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value))
    }
}

/// Asserts that a stream is sealed by this producer, and has a record.
#[track_caller]
fn sealed(stream: &str, producer: &str) {
    let options = Options { seal: Seal::Required, ..Options::default() };
    let mut reader = Reader::new(stream.as_bytes(), options);
    while let Some(event) = reader.next().unwrap_or_else(|fault| panic!("{fault}: {stream}")) {
        if let Event::Begin(begin) = event {
            assert_eq!(begin.producer.as_deref(), Some(producer));
        }
    }
    assert!(reader.totals().records > 0, "{stream}");
}
