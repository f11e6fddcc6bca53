//! Records that are set aside.

use etl_testkit::load::{printed, refused, sealed, segments, texts};
use etl_testkit::run::Cmd;

use crate::support::{Place, passed};

const BAD: &str = r#"{ "n":"x", "text":"é\n" }"#;

fn stream(records: usize, bad: usize) -> Vec<u8> {
    let lines: Vec<String> =
        (0..records).map(|n| if n < bad { BAD.to_owned() } else { format!("{{\"n\":{n}}}") }).collect();
    sealed("a", &etl_testkit::load::strs(&lines))
}

#[test]
fn what_does_not_fit_is_set_aside_as_it_was() {
    let place = Place::new();
    let stream = sealed("a", &[r#"{"n":1}"#, BAD, r#"{"n":2}"#, r#"{"text":"x"}"#]);
    let ran = place.run("--schema events.json --rejects bad --max-rejects 2", &stream);
    assert_eq!(passed(&ran), [r#"{"n":1}"#, r#"{"n":2}"#]);
    assert_eq!(ran.stderr, "4 records, 2 rejected\n");
    let rejects = printed(&place.read("bad"));
    assert_eq!(rejects[0]["_etl"]["schema"], "etl.reject");
    assert_eq!(
        rejects[1],
        serde_json::json!({"line":3,"field":"n","reason":"expected an integer, found \"x\"","original":BAD})
    );
    assert_eq!(
        rejects[2],
        serde_json::json!({"line":5,"field":"n","reason":"required, but missing","original":r#"{"text":"x"}"#})
    );
    assert_eq!(rejects[3]["_etl"]["records"], 2);
    // They can be taken back.
    let back = Cmd::bin("standpipe").args(["unreject", "bad"]).in_folder(place.path("")).run();
    assert_eq!(back.ok().stdout, format!("{BAD}\n{{\"text\":\"x\"}}\n"));
    // A run without any has a file, too.
    place.run("--schema events.json --rejects bad", sealed("b", &[r#"{"n":1}"#])).ok();
    assert_eq!(segments(&place.read("bad")), [vec![""; 0]]);
}

#[test]
fn texts_are_taken_back_as_texts() {
    let place = Place::new();
    let stream = texts("a", &[r#"{"n":"x"}"#]);
    place.run("--schema events.json --rejects bad --max-rejects 1", stream).ok();
    assert_eq!(printed(&place.read("bad"))[1]["values"], "text");
    let back = Cmd::bin("standpipe").args(["unreject", "bad"]).in_folder(place.path("")).run();
    assert!(back.ok().lines()[0].contains("\"values\":\"text\""), "{}", back.stdout);
}

#[test]
fn a_count_is_judged_at_once_and_the_file_is_kept() {
    let place = Place::new();
    let ran = place.run("--schema events.json --rejects bad --max-rejects 2", stream(100, 5));
    refused(&ran, 3, "(rejected record 3, --max-rejects 2)");
    assert!(ran.last_error_line().starts_with("line 4 (record 3, byte "), "{}", ran.stderr);
    assert_eq!(segments(&place.read("bad"))[0].len(), 3);
    // A run that fails without any leaves it as it is.
    let before = place.read("bad");
    place.run("--schema events.json --rejects bad", "not json\n").fails(3);
    assert_eq!(place.read("bad"), before);
}

#[test]
fn a_share_is_judged_before_a_segment_is_complete() {
    let place = Place::new();
    let run = |share: &str, stream: &[u8]| {
        place.run(&format!("--schema events.json --rejects bad --max-rejects {share}"), stream)
    };
    assert_eq!(run("5%", &stream(100, 5)).ok().stderr, "100 records, 5 rejected\n");
    let ran = run("4.9%", &stream(100, 5));
    refused(&ran, 3, "5 of 100 records do not fit, which is more than 4.9% (--max-rejects)");
    assert!(!ran.stdout.contains("\"kind\":\"end\""), "{}", ran.stdout);
    assert_eq!(segments(&place.read("bad"))[0].len(), 5);
    refused(&run("0%", &stream(100, 1)), 3, "field \"n\": expected an integer");
    run("100%", &stream(10, 10)).ok();
    // What is not sealed, too.
    let plain: String = "{\"n\":1}\n{}\n".to_owned();
    refused(&run("49%", plain.as_bytes()), 3, "1 of 2 records do not fit");
    // A file of output is not published.
    let ran = run("1% --output out", &stream(100, 5));
    assert_eq!((ran.fails(3).stdout.as_str(), place.path("out").exists()), ("", false));
}

#[test]
fn the_file_of_rejects_is_not_another_one() {
    let place = Place::new();
    place.write("bad", "precious\n");
    let ran = place.run("--schema events.json --rejects bad", stream(1, 0));
    refused(&ran, 2, "--rejects bad: the file exists and is not a stream of rejects");
    assert_eq!(place.read("bad"), "precious\n");
    let ran = place.run("--schema events.json --rejects /dev/full", stream(1, 1));
    assert!(ran.fails(74).last_error_line().starts_with("cannot write the rejects"), "{}", ran.stderr);
}
