//! Keys: where they are read from, how they travel, and that nothing shows them.

use std::fs;

use serde_json::json;

use super::{Extractor, KEY, KEY_IN_URL, Place, Sealed, failed, no_secret_in, silent};
use crate::http::{Received, Reply, Server};
use crate::run::{Folder, Signal, wait_until};

pub(super) fn names(extractor: &Extractor) {
    let Some(key) = extractor.key else { return };
    let folder = Folder::new();
    folder.write("key", format!("{KEY}\n"));
    let file = folder.path("key").display().to_string();
    for name in key.names {
        for (name, value) in [((*name).to_owned(), KEY), (format!("{name}_FILE"), file.as_str())] {
            let server = extractor.server();
            let ran = silent(extractor.without_key(&extractor.args(&server.url(), &[])).env(&name, value));
            assert!(!Sealed::of(&ran).records.is_empty(), "{name}");
            let requests = server.requests();
            assert!(!requests.is_empty(), "{name}");
            for request in requests {
                key.place.has_key(&request);
            }
        }
    }
}

impl Place {
    #[track_caller]
    fn has_key(self, request: &Received) {
        let (header, value) = match self {
            Place::Query(name) => {
                let parameter = format!("{name}={KEY_IN_URL}");
                let last = request.target.rsplit(['?', '&']).next();
                return assert_eq!(last, Some(parameter.as_str()), "{}", request.target);
            }
            Place::Header(name) => (name, KEY.to_owned()),
            Place::Bearer => ("Authorization", format!("Bearer {KEY}")),
        };
        assert_eq!(request.header(header), Some(value.as_str()));
        no_secret_in(&request.target);
    }
}

pub(super) fn missing(extractor: &Extractor) {
    let Some(key) = extractor.key else { return };
    let name = key.names[0];
    let card = extractor.card();
    let variables = card["variables"].as_array().expect("variables");
    let help =
        variables.iter().find(|variable| variable["name"] == name).and_then(|key| key["help"].as_str());
    let help = help.expect("the card has the key");
    let server = extractor.server();
    let args = extractor.args(&server.url(), &[]);
    let message = format!("{name} is not set ({help}); set it, or {name}_FILE to a file with it");
    failed(&extractor.without_key(&args).run(), 78, &message);
    for name in key.names {
        let message = format!("{name} is set but empty");
        failed(&extractor.without_key(&args).env(name, "").run(), 78, &message);
    }
    assert_eq!(server.requests(), []);
}

pub(super) fn echoed(extractor: &Extractor) {
    if extractor.key.is_none() {
        return;
    }
    let words = format!("{KEY} is odd");
    // Under each name that services give their words.
    let in_json = json!({
        "cod": "400", "message": words, "error": words, "detail": words, "Note": words, "Information": words,
        "Error Message": words, "errors": [{ "message": words }],
    });
    let in_json = in_json.to_string();
    for (status, body, code) in [
        (400, in_json.as_str(), 78),
        (401, in_json.as_str(), 77),
        (500, &format!("cannot serve ?key={KEY}"), 75),
        (403, &format!("no key={KEY_IN_URL} here"), 77),
        (200, KEY, 76),
    ] {
        let server = Server::start(Reply::text(status, body));
        let folder = Folder::new();
        let cassettes = folder.path("").display().to_string();
        let more = ["--retries", "0", "--record", &cassettes, "--log-level", "trace"];
        extractor.run(&extractor.args(&server.url(), &more)).fails(code);
        for entry in fs::read_dir(&cassettes).expect("the folder exists") {
            let path = entry.expect("a file").path();
            no_secret_in(&path.display().to_string());
            no_secret_in(&fs::read_to_string(path).expect("a cassette"));
        }
    }
}

pub(super) fn misplaced(extractor: &Extractor) {
    if extractor.key.is_none() {
        return;
    }
    let server = extractor.server();
    for args in [
        extractor.args(&format!("http://h.example/{KEY}"), &[]),
        extractor.args(&server.url(), &["--deadline", KEY]),
        extractor.args(&server.url(), &[KEY]),
    ] {
        let ran = extractor.run(&args);
        assert!([2, 78].contains(&ran.code), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("[redacted]"), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(server.requests(), []);
}

pub(super) fn command_line(extractor: &Extractor) {
    let server = Server::start(Reply::silence());
    let args = extractor.args(&server.url(), &[]);
    let running = extractor.cmd(&args).spawn();
    wait_until("a request", || !server.requests().is_empty());
    let line = fs::read(format!("/proc/{}/cmdline", running.id())).expect("the process exists");
    running.kill(Signal::KILL);
    running.finish().fails(137);
    let line = String::from_utf8_lossy(&line).into_owned();
    assert!(line.contains(&args.join("\0")), "{line}");
    no_secret_in(&line);
}
