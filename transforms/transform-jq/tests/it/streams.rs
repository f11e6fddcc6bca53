//! The seal, its schema and its ids, and everything else that all transforms have in common.

use etl_testkit::load::{plain, printed, refused, sealed, sealed_as, segments};
use etl_testkit::run::Folder;
use etl_testkit::transform;

use crate::support::jq;

#[test]
fn it_is_a_transform() {
    transform::conforms(|| jq("."));
}

/// What the `begin` of a run says.
#[track_caller]
fn begin(cmd: etl_testkit::run::Cmd) -> serde_json::Value {
    printed(&cmd.run().ok().stdout).remove(0)["_etl"].take()
}

#[test]
fn the_id_follows_from_the_input_and_all_that_decides_what_comes_out() {
    let folder = Folder::new();
    folder.write("same.jq", ".");
    let stream = sealed("a", &["{}"]);
    let id = |words: &[&str]| {
        let cmd = etl_testkit::run::Cmd::new(crate::support::BINARY).args(words).in_folder(folder.path(""));
        begin(cmd.stdin(&stream))["id"].to_string()
    };
    let plain = id(&["."]);
    assert_eq!(id(&["--file", "same.jq"]), plain);
    let others = [
        id(&[". "]),
        id(&[".", "--arg", "a", "1"]),
        id(&[".", "--arg", "a", "2"]),
        id(&[".", "--argjson", "a", "1"]),
        id(&[".", "--schema", "etl.reject"]),
        begin(jq(".").stdin(sealed("b", &["{}"])))["id"].to_string(),
    ];
    let distinct: std::collections::HashSet<&String> = others.iter().chain([&plain]).collect();
    assert_eq!(distinct.len(), 7, "{others:?}");
}

#[test]
fn the_schema_is_that_of_the_flag_or_none() {
    let folder = Folder::new();
    let document = r#"{"type":"object","properties":{"n":{"type":"integer"}}}"#;
    folder.write("n.json", document);
    let stream = sealed_as("etl.reject", "a", &["{}"]);
    let begin = |args: &[&str]| begin(jq(".").args(args).in_folder(folder.path("")).stdin(&stream));
    assert_eq!(begin(&[])["schema"], serde_json::Value::Null);
    assert_eq!(begin(&["--schema", "etl.receipt"])["schema"], "etl.receipt");
    assert_eq!(
        begin(&["--schema", "n.json"])["schema"],
        serde_json::from_str::<serde_json::Value>(document).expect("JSON")
    );
    refused(&jq(".").args(["--schema", "no.such"]).stdin(&stream).run(), 78, "no.such");
}

#[test]
fn segments_of_several_schemas_pass() {
    let stream =
        [sealed_as("etl.reject", "a", &["{\"n\":1}"]), sealed_as("etl.receipt", "b", &["{\"n\":2}"])];
    let ran = jq("select(.n > 1)").stdin(stream.concat()).run();
    assert_eq!(segments(&ran.ok().stdout), [vec![], vec!["{\"n\":2}"]]);
    assert_eq!(ran.stderr, "2 records in, 1 out\n");
}

#[test]
fn a_long_output_is_refused_before_its_reader_does_it() {
    let ran = jq("{a: (.a * 10)}").args(["--seal", "off", "--max-line-bytes", "50"]);
    let ran = ran.stdin(plain(&["{\"a\":\"abcdefgh\"}"])).run();
    refused(
        &ran,
        3,
        "line 1 (byte 0): a record of 88 bytes comes out of the filter; at most 50 are read (--max-line-bytes)",
    );
}

/// The folder of the binaries first.
fn path() -> String {
    let binary = etl_testkit::run::workspace_binary("standpipe");
    let folder = binary.parent().expect("a folder").display();
    format!("{folder}:{}", std::env::var("PATH").unwrap_or_default())
}

#[test]
fn what_comes_out_is_loaded_once() {
    let folder = Folder::new();
    folder.write("in", sealed("a", &["{\"id\":1}", "{\"id\":2}", "state 2"]));
    folder.write(
        "id.json",
        r#"{"type":"object","x-key":["id"],"required":["id"],"properties":{"id":{"type":"integer"}}}"#,
    );
    let pipe = "transform-jq 'select(.id > 1)' --input in --schema id.json | load-sqlite --db t.db --table ids --pipeline p";
    let run = || {
        let cmd = etl_testkit::run::Cmd::new("sh").args(["-c", pipe]).env("PATH", path());
        cmd.in_folder(folder.path("")).run()
    };
    let receipt = printed(&run().ok().stdout).remove(1);
    assert_eq!((&receipt["inserted"], &receipt["state"]), (&1.into(), &2.into()));
    let receipt = printed(&run().ok().stdout).remove(1);
    assert_eq!((&receipt["already_loaded"], &receipt["inserted"]), (&true.into(), &0.into()));
}

#[test]
fn a_pipeline_needs_nothing_around_it() {
    let folder = Folder::new();
    folder.write("in", sealed("a", &["{\"id\":1}"]));
    let steps = [
        "run",
        "--",
        "transform-jq",
        ".id += 1",
        "--input",
        "in",
        "|",
        "transform-jq",
        "., .",
        "--arg",
        "a",
        "b",
    ];
    let ran = etl_testkit::run::Cmd::bin("standpipe")
        .args(steps)
        .env("PATH", path())
        .in_folder(folder.path(""))
        .run();
    assert_eq!(segments(&ran.ok().stdout), [["{\"id\":2}", "{\"id\":2}"]]);
    assert!(ran.lines()[0].contains("\"producer\":\"transform-jq/0.1.0\""), "{}", ran.stdout);
}
