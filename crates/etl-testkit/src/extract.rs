//! What every extractor must do, so that its own tests are about its source only; [`Local`] for one without a server.
//!
//! ```no_run
//! use etl_testkit::extract::{Extractor, Key, Place};
//! use etl_testkit::http::Reply;
//!
//! fn extractor() -> Extractor {
//!     Extractor {
//!         binary: "…", // env!("CARGO_BIN_EXE_extract-finnhub")
//!         folder: "…", // env!("CARGO_MANIFEST_DIR")
//!         args: &["--symbol", "AAPL", "--symbol", "MSFT", "--base-url", "{url}"],
//!         replies: vec![Reply::json(200, "…"), Reply::json(200, "…")],
//!         schema: "finnhub.quote",
//!         key: Some(Key { names: &["FINNHUB_API_KEY"], place: Place::Header("X-Finnhub-Token") }),
//!     }
//! }
//!
//! # fn tests() {
//! extractor().conforms();
//! extractor().golden("tests/replies", &["--symbol", "AAPL", "--base-url", "{url}"], "1 symbol");
//! # }
//! ```

mod fixtures;
mod golden;
mod keys;
mod local;
mod runs;
mod sealed;

use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::http::{Reply, Script, Server};
use crate::run::{Cmd, Ran};

pub use fixtures::fixtures;
pub use local::Local;
pub use sealed::{Sealed, failed};

/// The key of every run. It looks different in a URL, in JSON and in plain text.
pub const KEY: &str = "s3cret/k\"y+1";
/// The same, as it is in JSON, as it is in a URL, and a part of it.
const FORMS: [&str; 4] = [KEY, "s3cret/k\\\"y+1", KEY_IN_URL, "s3cret"];
const KEY_IN_URL: &str = "s3cret%2Fk%22y%2B1";

/// An extractor, as its tests describe it.
pub struct Extractor {
    /// The path of the binary, `env!("CARGO_BIN_EXE_extract-NAME")`.
    pub binary: &'static str,
    /// The folder of its crate, `env!("CARGO_MANIFEST_DIR")`.
    pub folder: &'static str,
    /// The arguments of a run that succeeds, best one of several requests; `{url}` stands for the address of a server.
    pub args: &'static [&'static str],
    /// The replies to its requests, in order, each with a record.
    pub replies: Vec<Reply>,
    /// The schema of its records.
    pub schema: &'static str,
    /// Its key, where the source needs one.
    pub key: Option<Key>,
}

/// A key.
#[derive(Clone, Copy)]
pub struct Key {
    /// The variables that it is read from, the first one first.
    pub names: &'static [&'static str],
    /// How it travels.
    pub place: Place,
}

/// Where a key is in a request.
#[derive(Clone, Copy)]
pub enum Place {
    /// A query parameter, the last one.
    Query(&'static str),
    /// A header.
    Header(&'static str),
    /// `Authorization: Bearer …`
    Bearer,
}

type Check = fn(&Extractor);

impl Extractor {
    /// Checks what is the same for all extractors: keys, replays, what is printed of a key, the card, failures, outputs.
    ///
    /// # Panics
    /// If anything is not so; what, each failed check has printed.
    pub fn conforms(&self) {
        let checks: [(&str, Check); 14] = [
            ("a run is a sealed stream", runs::sealed_stream),
            ("a run begins before there is a reply", runs::begins_at_once),
            ("an output file has the stream", runs::output_file),
            ("a failing page leaves nothing that looks complete", runs::failing_page),
            ("a server that does not exist is transient", runs::no_server),
            ("wrong arguments are reported in the format asked for", |it| {
                runs::wrong_arguments(it.name(), |args| it.cmd(args));
            }),
            ("a replay is byte-identical and needs neither key nor network", runs::replay),
            ("a Singer target gets the same records, and nothing of seals", runs::singer),
            ("the card says what it reads and writes", runs::card),
            ("the key is found under each of its names", keys::names),
            ("without a key nothing is sent", keys::missing),
            ("a key that the server echoes goes nowhere", keys::echoed),
            ("a key in the wrong place is not printed", keys::misplaced),
            ("the command line of the process has no key", keys::command_line),
        ];
        let fails = |check: Check| panic::catch_unwind(AssertUnwindSafe(|| check(self))).is_err();
        let failed: Vec<&str> =
            checks.iter().filter(|(_, check)| fails(*check)).map(|(name, _)| *name).collect();
        assert_eq!(failed, [""; 0], "of {} checks of every extractor", checks.len());
    }

    /// A run with the key and these arguments.
    pub fn cmd(&self, args: &[impl AsRef<str>]) -> Cmd {
        let cmd = self.without_key(args);
        self.key.iter().fold(cmd, |cmd, key| cmd.env(key.names[0], KEY))
    }

    /// A run without the key.
    pub fn without_key(&self, args: &[impl AsRef<str>]) -> Cmd {
        Cmd::new(self.binary).args(args.iter().map(AsRef::as_ref))
    }

    /// Runs it with the key and these arguments.
    ///
    /// # Panics
    /// If it prints the key.
    #[track_caller]
    pub fn run(&self, args: &[impl AsRef<str>]) -> Ran {
        silent(self.cmd(args))
    }

    fn name(&self) -> &str {
        name_of(self.binary)
    }

    /// The arguments of a run that asks this address, and more of them.
    fn args(&self, url: &str, more: &[&str]) -> Vec<String> {
        filled(&[self.args, more].concat(), url)
    }

    /// A server with the replies.
    fn server(&self) -> Server {
        Server::start(self.replies.iter().cloned().fold(Script::new(), Script::then))
    }

    fn card(&self) -> Value {
        let printed = self.run(&["--describe"]);
        serde_json::from_str(&printed.ok().stdout).expect("the card is JSON")
    }

    /// The document of a schema.
    fn schema(&self, name: &str) -> PathBuf {
        Path::new(self.folder).join("../../schemas").join(format!("{name}.json"))
    }
}

fn name_of(binary: &str) -> &str {
    Path::new(binary).file_name().and_then(|name| name.to_str()).expect("the name of a binary")
}

/// Arguments with the address of a server.
fn filled(args: &[&str], url: &str) -> Vec<String> {
    args.iter().map(|arg| arg.replace("{url}", url)).collect()
}

/// Runs it.
///
/// # Panics
/// If it prints the key.
#[track_caller]
pub fn silent(cmd: Cmd) -> Ran {
    let ran = cmd.run();
    no_secret_in(&ran.stdout);
    no_secret_in(&ran.stderr);
    ran
}

/// Asserts that a text has neither the key nor a form of it.
///
/// # Panics
/// If it has.
#[track_caller]
pub fn no_secret_in(text: &str) {
    for form in FORMS {
        assert!(!text.contains(form), "{form} in {text}");
    }
}
