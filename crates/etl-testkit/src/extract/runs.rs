//! Runs, replays and failures.

use std::fs;

use etl_schema::registry;
use serde_json::{Value, json};

use super::sealed::aborted;
use super::{Extractor, Sealed, no_secret_in, silent};
use crate::http::{Reply, Script, Server};
use crate::load::printed;
use crate::run::{Cmd, Folder, Signal};

pub(super) fn sealed_stream(extractor: &Extractor) {
    let version = extractor.card()["version"].as_str().expect("a version").to_owned();
    let producer = format!("{}/{version}", extractor.name());
    let run = || {
        let server = extractor.server();
        let ran = extractor.run(&extractor.args(&server.url(), &[]));
        let requests = server.requests();
        assert_eq!(requests.len(), extractor.replies.len(), "a request for each reply");
        for request in requests {
            assert_eq!(request.header("user-agent"), Some(producer.as_str()));
            assert_eq!(request.header("accept-encoding"), Some("gzip"));
        }
        let stream = Sealed::of(&ran);
        let plural = if stream.records.len() == 1 { "" } else { "s" };
        let summary = format!("{}: {} record{plural} of ", extractor.schema, stream.records.len());
        let last = ran.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with(&summary), "{last} does not start with {summary}");
        stream
    };
    let (first, second) = (run(), run());
    assert_eq!(first.schema, extractor.schema);
    assert_eq!(first.producer, producer);
    assert!(first.records.len() >= extractor.replies.len(), "a record of each reply");
    assert_ne!(first.id, second.id);
}

pub(super) fn begins_at_once(extractor: &Extractor) {
    let server = Server::start(Reply::silence());
    let running = extractor.cmd(&extractor.args(&server.url(), &[])).spawn();
    let printed = running.wait_until_stdout_contains("\n");
    running.kill(Signal::TERM);
    running.finish().fails(143);
    let begin: Value = serde_json::from_str(&printed).expect("a line");
    assert_eq!(
        (&begin["_etl"]["kind"], &begin["_etl"]["schema"]),
        (&"begin".into(), &extractor.schema.into())
    );
}

pub(super) fn output_file(extractor: &Extractor) {
    let server = extractor.server();
    let folder = Folder::new();
    let file = folder.path("out.ndjson").display().to_string();
    let ran = extractor.run(&extractor.args(&server.url(), &["--output", &file]));
    assert_eq!(ran.ok().stdout, "");
    let stream = Sealed::read(&folder.read("out.ndjson"));
    assert_eq!(stream.schema, extractor.schema);
    assert!(!stream.records.is_empty());
}

pub(super) fn failing_page(extractor: &Extractor) {
    let good = extractor.replies.len() - 1;
    let script = extractor.replies[..good].iter().cloned().fold(Script::new(), Script::then);
    let script = script.then(Reply::text(500, "out of order"));
    let server = Server::start(script.clone());
    let ran = extractor.run(&extractor.args(&server.url(), &["--retries", "0"]));
    ran.fails(75);
    assert!(ran.last_error_line().ends_with("500 Internal Server Error: out of order"), "{}", ran.stderr);
    aborted(&ran);
    let records = ran.lines().iter().filter(|line| !line.starts_with("{\"_etl\":")).count();
    assert!(records >= good, "a record of each reply before: {}", ran.stdout);

    let server = Server::start(script);
    let folder = Folder::new();
    folder.write("out.ndjson", "yesterday\n");
    let file = folder.path("out.ndjson").display().to_string();
    let ran = extractor.run(&extractor.args(&server.url(), &["--retries", "0", "--output", &file]));
    assert_eq!(ran.fails(75).stdout, "");
    assert_eq!(folder.read("out.ndjson"), "yesterday\n");
    assert_eq!(fs::read_dir(folder.path("")).expect("the folder exists").count(), 1);
}

pub(super) fn no_server(extractor: &Extractor) {
    let server = extractor.server();
    let url = server.url();
    drop(server);
    let ran = extractor.run(&extractor.args(&url, &["--retries", "0"]));
    assert!(ran.fails(75).last_error_line().contains("127.0.0.1:"), "{}", ran.stderr);
    aborted(&ran);
}

pub(super) fn wrong_arguments(name: &str, cmd: impl Fn(&[&str]) -> Cmd) {
    for (args, variable) in [(&["--log-format", "json", "--nope"][..], "text"), (&["--nope"], "json")] {
        let ran = silent(cmd(args).env("ETL_LOG_FORMAT", variable));
        let last = ran.fails(2).stderr.lines().last().unwrap_or_default();
        let line: Value = serde_json::from_str(last).expect("JSON on stderr");
        assert_eq!((&line["level"], &line["code"]), (&"error".into(), &2.into()));
        assert_eq!(line["msg"], format!("unexpected argument '--nope' found ({name} --help says more)"));
    }
}

pub(super) fn replay(extractor: &Extractor) {
    let server = extractor.server();
    let folder = Folder::new();
    let cassettes = folder.path("").display().to_string();
    let url = server.url();
    let live = Sealed::of(&extractor.run(&extractor.args(&url, &["--record", &cassettes])));
    drop(server);
    let replay = || silent(extractor.without_key(&extractor.args(&url, &["--replay", &cassettes])));
    let (first, second) = (replay(), replay());
    assert_eq!(first.ok().stdout, second.ok().stdout);
    let stream = Sealed::of(&first);
    assert_eq!(stream.lines, live.lines);
    assert_ne!(stream.id, live.id);

    let files: Vec<_> =
        fs::read_dir(&cassettes).expect("the folder exists").map(|file| file.expect("a file")).collect();
    assert_eq!(files.len(), extractor.replies.len(), "a cassette for each reply");
    for file in files {
        no_secret_in(&file.path().display().to_string());
        let text = fs::read_to_string(file.path()).expect("a cassette");
        no_secret_in(&text);
        let mut other: Value = serde_json::from_str(&text).expect("a cassette is JSON");
        other["fetched_at"] = "2001-02-03T04:05:06Z".into();
        fs::write(file.path(), other.to_string()).expect("the folder is writable");
    }
    let other = Sealed::of(&replay());
    assert_eq!(other.records[0]["fetched_at"], "2001-02-03T04:05:06Z");
    assert_ne!(other.id, stream.id);

    let empty = Folder::new();
    let nowhere = empty.path("").display().to_string();
    let ran = silent(extractor.without_key(&extractor.args(&url, &["--replay", &nowhere])));
    assert!(ran.fails(66).last_error_line().contains("--replay: "), "{}", ran.stderr);
}

pub(super) fn singer(extractor: &Extractor) {
    if registry::document(extractor.schema).is_none() {
        // That of the template is embedded once it is an extractor of its own.
        return;
    }
    let folder = Folder::new();
    let cassettes = folder.path("").display().to_string();
    let server = extractor.server();
    let url = server.url();
    extractor.run(&extractor.args(&url, &["--record", &cassettes])).ok();
    drop(server);
    let replay = |more: &[&str]| {
        let args = [&["--replay", &cassettes], more].concat();
        silent(extractor.without_key(&extractor.args(&url, &args)))
    };
    let plain = replay(&[]);
    let stream = Sealed::of(&plain);
    let messages = printed(&replay(&["--output-format", "singer"]).ok().stdout);
    let document: Value =
        serde_json::from_str(&fs::read_to_string(extractor.schema(extractor.schema)).expect("a schema"))
            .expect("JSON");
    let schema = &messages[0];
    assert_eq!(
        (&schema["type"], &schema["stream"], &schema["key_properties"]),
        (&"SCHEMA".into(), &document["x-postgres"]["table"], &document["x-key"])
    );
    let names = |document: &Value| -> Vec<String> {
        document["properties"].as_object().expect("properties").keys().cloned().collect()
    };
    assert_eq!(names(&schema["schema"]), names(&document));
    let record = |record: &Value| json!({ "type": "RECORD", "stream": schema["stream"], "record": record });
    let mut expected: Vec<Value> = stream.records.iter().map(record).collect();
    expected.extend(
        printed(&plain.stdout)
            .iter()
            .filter(|line| line["_etl"]["kind"] == "state")
            .map(|line| json!({ "type": "STATE", "value": line["_etl"]["value"] })),
    );
    assert_eq!(messages[1..], expected);

    let named = replay(&["--output-format", "singer", "--stream-name", "a \"b\""]);
    let named = printed(&named.ok().stdout);
    assert_eq!(named[0]["stream"], "a \"b\"");
    assert_eq!(named[1]["stream"], "a \"b\"");
    let nameless = replay(&["--stream-name", "x"]);
    assert_eq!(nameless.fails(2).last_error_line(), "--stream-name is for --output-format singer");

    let server = Server::start(Reply::text(500, "out of order"));
    let args = ["--output-format", "singer", "--retries", "0"];
    let ran = extractor.run(&extractor.args(&server.url(), &args));
    assert_eq!(ran.fails(75).lines().len(), 1, "a SCHEMA: {}", ran.stdout);
    assert!(ran.stdout.starts_with(r#"{"type":"SCHEMA","#), "{}", ran.stdout);
    assert_eq!(extractor.run(&["--output-format", "singer", "--nope"]).fails(2).stdout, "");
}

pub(super) fn card(extractor: &Extractor) {
    let card = extractor.card();
    assert_eq!(card["name"], extractor.name());
    let schemas = card["schemas"]["out"].as_array().expect("schemas");
    assert!(schemas.contains(&extractor.schema.into()), "{schemas:?}");
    assert_eq!(card["schemas"]["in"], json!([]));
    for schema in schemas {
        let document = extractor.schema(schema.as_str().expect("a name"));
        assert!(document.is_file(), "{} is missing", document.display());
    }
    let commands = card["commands"].as_array().expect("commands");
    for stage in if commands.is_empty() { std::slice::from_ref(&card) } else { commands } {
        assert_eq!(stage["reads"], json!({ "kind": "nothing" }), "{}", stage["name"]);
        assert_eq!(stage["stdout"]["kind"], "stream", "{}", stage["name"]);
        let mut written = stage["stdout"]["schemas"].as_array().expect("schemas").clone();
        for when in stage["when"].as_array().into_iter().flatten() {
            written.extend(when["stdout"]["schemas"].as_array().into_iter().flatten().cloned());
        }
        assert_eq!(json!(written), stage["writes"], "{}", stage["name"]);
    }
    let variables = card["variables"].as_array().expect("variables");
    match extractor.key {
        Some(key) => {
            let names = json!({
                "name": key.names[0], "aliases": key.names[1..], "secret": true, "required": true,
                "unless": ["--replay"],
                "help": variables[0]["help"],
            });
            assert_eq!(variables[0], names);
        }
        None => assert!(variables.iter().all(|variable| variable["secret"] == false), "{variables:?}"),
    }
}
