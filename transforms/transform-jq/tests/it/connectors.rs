//! One stream of a Singer tap or an Airbyte source.

use etl_testkit::connectors::{path, read};
use etl_testkit::load::{plain, refused, sealed, segments};
use etl_testkit::run::{Cmd, Ran};

use crate::support::{jq, lines};

const USERS: &str = r#"{"type":"SCHEMA","stream":"users","schema":{"properties":{"id":{"type":"integer"}}},"key_properties":["id"]}"#;
const TEAMS: &str = r#"{"type":"SCHEMA","stream":"teams","schema":{"properties":{"id":{"type":"integer"}}},"key_properties":["id"]}"#;

fn record(stream: &str, id: u32) -> String {
    format!(r#"{{"type":"RECORD","stream":"{stream}","record":{{"id":{id}}}}}"#)
}

fn tap(lines: &[&str], args: &[&str]) -> Ran {
    jq(".").args(args).stdin(sealed("a", lines)).run()
}

#[test]
fn records_and_states_of_a_tap() {
    let (one, two) = (record("users", 1), record("users", 2));
    let messages = [
        r#"{"type":"STATE","value":{}}"#,
        USERS,
        &one,
        r#"{"type":"STATE","value":{"bookmarks":{"users":1}}}"#,
        &two,
        r#"{"type":"ACTIVATE_VERSION","stream":"users","version":1}"#,
        USERS,
        r#"{"type":"OTHER"}"#,
    ];
    let state = r#"{"_etl":{"v":1,"kind":"state","value":{"bookmarks":{"users":1}}}}"#;
    for args in [&[][..], &["--format", "singer"], &["--stream", "users"]] {
        let ran = tap(&messages, args);
        assert_eq!(segments(&ran.ok().stdout), [[r#"{"id":1}"#, state, r#"{"id":2}"#]]);
        assert_eq!(
            ran.stderr,
            "warning: the tap has sent an empty STATE, which is left out\n\
             warning: ACTIVATE_VERSION is left out: records have no versions\n\
             warning: line 9 (record 8, byte 501): messages of type OTHER are ignored\n\
             2 records in, 2 out\n"
        );
    }
    // A tap is not complete by itself, which is said.
    let ran = jq(".").stdin(plain(&messages)).run();
    assert!(ran.ok().stderr.contains("warning: the input is not sealed"), "{}", ran.stderr);
    assert_eq!(segments(&ran.stdout).len(), 1);
}

#[test]
fn one_of_several_streams_is_taken() {
    let (user, team) = (record("users", 1), record("teams", 7));
    let messages = [USERS, &user, TEAMS, &team, &user];
    let ran = tap(&messages, &[]);
    refused(&ran, 2, "the input has several streams, users and teams: --stream NAME takes one of them");
    let ran = tap(&messages, &["--stream", "teams"]);
    assert_eq!(lines(&ran), [r#"{"id":7}"#]);
    assert_eq!(ran.stderr, "2 records of other streams left out (users)\n1 record in, 1 out\n");
    refused(
        &tap(&messages, &["--stream", "team"]),
        2,
        "--stream team: the input has no such stream; it has users, teams",
    );
    let ran = jq(".").args(["--stream", "users"]).stdin(sealed("a", &["{}"])).run();
    refused(
        &ran,
        2,
        "--stream users names a stream of a Singer tap or an Airbyte source, but the input has records",
    );
    refused(&tap(&[&user], &[]), 3, "a RECORD of stream users before its SCHEMA");
}

#[test]
fn errors_name_the_record_and_its_line() {
    let ran = jq(".id.x").stdin(sealed("a", &[USERS, &record("users", 1)])).run();
    refused(&ran, 3, "line 3 (record 2, byte ");
    assert!(
        ran.last_error_line().ends_with("the filter: cannot index 1 with \"x\"; record: {\"id\":1}"),
        "{}",
        ran.stderr
    );
}

fn faker(args: &[&str]) -> Cmd {
    jq("{id}").arg("--catalog").arg(path("airbyte-source-faker/catalog.json")).args(args)
}

#[test]
fn an_airbyte_source_says_what_is_complete() {
    let stream = read("airbyte-source-faker/read.airbyte");
    let ran =
        faker(&["--stream", "products", "--format", "airbyte", "--seal", "required"]).stdin(&stream).run();
    let found = lines(&ran);
    assert_eq!(found[..3], [r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":3}"#]);
    assert!(
        found[3].starts_with(r#"{"_etl":{"v":1,"kind":"state","value":[{"type":"STREAM","stream":{"stream_descriptor":{"name":"products"}"#),
        "{}",
        found[3]
    );
    assert_eq!(found.len(), 4);
    // It says itself that it is complete, so nothing is said of a seal; of a tap, which cannot, it is.
    let unsealed = "warning: the input is not sealed";
    let plain = faker(&["--stream", "products"]).stdin(&stream).run();
    assert!(!plain.ok().stderr.contains(unsealed), "{}", plain.stderr);
    let tap = jq(".").stdin(read("tap-jsonl/things.singer")).run();
    assert_eq!(tap.ok().stderr.matches(unsealed).count(), 1, "{}", tap.stderr);
    refused(&faker(&[]).stdin(&stream).run(), 2, "the input has several streams, ");
    refused(
        &faker(&["--stream", "none"]).stdin(&stream).run(),
        2,
        "--stream none: the input has no such stream",
    );
    refused(
        &jq(".").args(["--stream", "products"]).stdin(&stream).run(),
        78,
        "--catalog FILE must name the configured catalog",
    );
    // Without its COMPLETE nothing is.
    let cut: String =
        stream.lines().filter(|line| !line.contains("COMPLETE")).map(|line| format!("{line}\n")).collect();
    let ran = faker(&["--stream", "products"]).stdin(cut).run();
    refused(&ran, 75, "the source did not send all of stream products: it has not said COMPLETE");
}
