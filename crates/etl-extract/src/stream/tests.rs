use std::path::Path;

use clap::Parser;
use etl_component::{Component, Env, Output};
use etl_stream::Writer;
use serde_json::{Value, json};

use super::*;

static COMPONENT: Component = Component { name: "extract-x", version: "1", variables: &[], commands: &[] };

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: ExtractArgs,
}

/// The outcome of a run with these flags, and what is then in the file it writes to.
fn run_with(
    flags: &[&str],
    extract: impl FnOnce(&mut Stream) -> anyhow::Result<String>,
) -> (anyhow::Result<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    std::fs::write(&path, "older\n").unwrap();
    let output = ["extract-x", "--output", path.to_str().unwrap()];
    let cli = Cli::try_parse_from([&output[..], flags].concat()).unwrap();
    let context = Context { component: &COMPONENT, env: Env::of(&[]) };
    let ran = run(&context, &cli.args, "x.y", extract);
    (ran, std::fs::read_to_string(path).unwrap())
}

fn id(text: &str) -> String {
    let begin: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    begin["_etl"]["id"].as_str().unwrap().to_owned()
}

fn one_record(stream: &mut Stream) -> anyhow::Result<String> {
    stream.record(&json!({ "a": 1 }))?;
    Ok(counted(1, "place", "places"))
}

#[test]
fn a_live_run_has_an_id_of_its_own() {
    let (summary, first) = run_with(&[], one_record);
    assert_eq!(summary.unwrap(), "x.y: 1 record of 1 place");
    let (_, second) = run_with(&[], one_record);
    assert_ne!(id(&first), id(&second));
    let begin = format!(r#""id":"{}","schema":"x.y","producer":"extract-x/1"}}}}"#, id(&first));
    assert!(first.lines().next().unwrap().ends_with(&begin), "{first}");
    assert_eq!(first.lines().nth(1), Some(r#"{"a":1}"#));
}

#[test]
fn a_replay_has_the_id_of_what_it_writes() {
    let replay = ["--replay", "cassettes"];
    let (summary, two) = run_with(&replay, |stream| {
        one_record(stream)?;
        stream.record(&json!({ "a": 2 }))?;
        Ok(counted(2, "place", "places"))
    });
    assert_eq!(summary.unwrap(), "x.y: 2 records of 2 places");
    // What `printf 'x.y\n{"a":1}\n{"a":2}' | sha256sum` says.
    let expected = etl_stream::Digest::of(b"x.y\n{\"a\":1}\n{\"a\":2}").to_string();
    assert_eq!(id(&two), expected[..32]);

    let (_, one) = run_with(&replay, one_record);
    let with_state = |cursor: u32| {
        move |stream: &mut Stream| {
            stream.state(&0)?;
            let of = one_record(stream)?;
            stream.state(&json!({ "cursor": cursor }))?;
            Ok(of)
        }
    };
    let (_, first) = run_with(&replay, with_state(1));
    let (_, second) = run_with(&replay, with_state(2));
    assert_eq!(first.lines().nth(2), Some(r#"{"_etl":{"v":1,"kind":"state","value":{"cursor":1}}}"#));
    let ids = [&two, &one, &first, &second].map(|text| id(text));
    assert!((0..4).all(|n| !ids[..n].contains(&ids[n])), "{ids:?}");
    let (_, again) = run_with(&replay, with_state(2));
    assert_eq!(again, second);
}

#[test]
fn a_part_that_fails_is_named_and_nothing_is_published() {
    for flags in [&[][..], &["--replay", "cassettes"]] {
        let (ran, text) = run_with(flags, |stream| {
            assert_eq!(stream.part("feed a", |_| Ok(7))?, 7);
            stream.part("repository b", |stream| {
                one_record(stream)?;
                stream.part("page 2", |_| Err::<(), _>(Fault::config("no such page").into()))
            })?;
            unreachable!("the part has failed")
        });
        let chain: Vec<String> = ran.unwrap_err().chain().map(ToString::to_string).collect();
        assert_eq!(chain, ["repository b", "page 2", "no such page"]);
        assert_eq!(text, "older\n");
    }
}

#[test]
fn warnings_come_after_the_names_of_their_parts() {
    let (ran, _) = run_with(&[], |stream| {
        stream.part("repository b", |stream| {
            stream.part("page 2", |stream| {
                assert_eq!(stream.part, "repository b: page 2: ");
                Ok(())
            })?;
            assert_eq!(stream.part, "repository b: ");
            Ok(())
        })?;
        assert_eq!(stream.part, "");
        Ok("nothing".to_owned())
    });
    assert_eq!(ran.unwrap(), "x.y: 0 records of nothing");
}

#[test]
fn an_output_that_fails_is_no_fault_of_the_part() {
    let output = Output::create(Path::new("/dev/full")).unwrap();
    let relay = Relay::new(Writer::new(output), "extract-x/1".to_owned(), "an extractor");
    let (part, is_broken) = (String::new(), false);
    let mut stream = Stream { relay, digest: None, state: None, line: Vec::new(), part, is_broken };
    let failed = stream.part("feed a", one_record);
    assert_eq!(failed.unwrap_err().to_string(), "writing the output failed");
}

#[test]
fn nothing_is_asked_of_the_source_before_begin_is_written() {
    let cli = Cli::try_parse_from(["extract-x", "--output", "/dev/full"]).unwrap();
    let context = Context { component: &COMPONENT, env: Env::of(&[]) };
    let ran = run(&context, &cli.args, "x.y", |_| panic!("asked"));
    assert_eq!(ran.unwrap_err().to_string(), "writing the output failed");
}
