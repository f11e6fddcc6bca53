use clap::Parser;
use etl_component::{Component, Context, Env};
use serde_json::{Value, json};

use super::*;
use crate::args::ExtractArgs;
use crate::stream::run;
use crate::window::new_york;

static COMPONENT: Component = Component { name: "extract-x", version: "1", variables: &[], commands: &[] };
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: ExtractArgs,
    #[command(flatten)]
    history: HistoryArgs,
}

/// What a run with these flags gives of a source that has these records in the part `p`, changed at these times: the
/// numbers of the records, what was asked for, and the state, if there is one.
fn read(flags: &[&str], records: &[(&str, u32)]) -> anyhow::Result<(Vec<u64>, Window, Option<Value>)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("out");
    let output = ["extract-x", "--output", path.to_str().unwrap()];
    let cli = Cli::try_parse_from([&output[..], flags].concat())?;
    let context = Context { component: &COMPONENT, env: Env::of(&[]) };
    let mut asked = Window::default();
    run(&context, &cli.args, "x.y", |stream| {
        let mut history = History::new(&cli.history, DAY)?;
        let mut part = history.part("p")?;
        asked = part.window();
        for (nth, (at, n)) in records.iter().enumerate() {
            let record = json!({ "n": n, "fetched_at": nth });
            part.record(stream, at.parse()?, &record)?;
        }
        part.done(stream)?;
        Ok(String::new())
    })?;
    let text = std::fs::read_to_string(&path)?;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let state = lines.iter().find(|line| line["_etl"]["kind"] == "state");
    let numbers = lines.iter().filter_map(|line| line["n"].as_u64()).collect();
    Ok((numbers, asked, state.map(|line| line["_etl"]["value"].clone())))
}

fn at(text: &str) -> Option<Timestamp> {
    Some(text.parse().unwrap())
}

/// A file with this state, and the flag for it.
fn kept(state: &str) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, state).unwrap();
    let flag = format!("--state={}", file.path().display());
    (file, flag)
}

#[test]
fn a_second_run_reads_on_and_leaves_out_what_it_has_seen() {
    let first = [("2026-01-01T00:00:00Z", 1), ("2026-01-03T06:00:00Z", 3), ("2026-01-02T12:00:00Z", 2)];
    let (numbers, asked, state) = read(&[], &first).unwrap();
    assert_eq!((numbers, asked), (vec![1, 3, 2], Window::default()));
    let state = state.unwrap();
    assert_eq!(state["p"]["cursor"], "2026-01-03T06:00:00Z");
    // What is older than a day before the cursor cannot be asked for again.
    assert_eq!(state["p"]["seen"].as_object().unwrap().len(), 2);

    let (_file, flag) = kept(&state.to_string());
    // 2 has not changed, 3 has; 4 came late, 5 is new; 0 is older than what was asked for.
    let second = [
        ("2026-01-02T05:59:59Z", 0),
        ("2026-01-02T12:00:00Z", 2),
        ("2026-01-02T13:00:00Z", 4),
        ("2026-01-03T06:00:00Z", 33),
        ("2026-01-03T06:00:00Z", 5),
    ];
    let (numbers, asked, after) = read(&[&flag], &second).unwrap();
    assert_eq!(numbers, [4, 33, 5]);
    assert_eq!(asked, Window { since: at("2026-01-02T06:00:00Z"), until: None });
    assert_eq!(after.unwrap()["p"]["seen"].as_object().unwrap().len(), 5);

    let (numbers, asked, after) = read(&[&flag, "--look-back", "0"], &second[3..]).unwrap();
    assert_eq!((numbers, asked.since), (vec![33, 5], at("2026-01-03T06:00:00Z")));
    assert_eq!(after.unwrap()["p"]["seen"].as_object().unwrap().len(), 3);

    // Nothing new: the state is as it was.
    let (numbers, _, after) = read(&[&flag], &[]).unwrap();
    assert_eq!((numbers.len(), after), (0, Some(state)));
}

#[test]
fn other_parts_stay_and_nothing_before_since_is_read() {
    let (_file, flag) = kept(r#"{"q":{"cursor":"2026-01-01T00:00:00Z"}}"#);
    let records = [("2026-01-01T23:59:59Z", 1), ("2026-01-02T00:00:00Z", 2)];
    let (numbers, _, state) = read(&[&flag, "--since", "2026-01-02", "--look-back", "1h"], &records).unwrap();
    let state = state.unwrap();
    assert_eq!((numbers, &state["q"]), (vec![2], &json!({ "cursor": "2026-01-01T00:00:00Z" })));
    let (_file, flag) = kept(&state.to_string());
    let (numbers, asked, _) = read(&[&flag, "--since", "2026-01-02", "--look-back", "1h"], &records).unwrap();
    assert_eq!((numbers.len(), asked.since), (0, at("2026-01-02T00:00:00Z")));
}

#[test]
fn a_window_is_half_open_and_writes_no_state() {
    let records = [("2026-01-01T00:00:00Z", 1), ("2026-01-01T23:59:59.999Z", 2), ("2026-01-02T00:00:00Z", 3)];
    let (numbers, asked, state) =
        read(&["--since", "2026-01-01", "--until", "2026-01-02T02:00:00+02:00"], &records).unwrap();
    assert_eq!((numbers, state), (vec![1, 2], None));
    assert_eq!(asked, Window { since: at("2026-01-01T00:00:00Z"), until: at("2026-01-02T00:00:00Z") });
}

#[test]
fn what_is_no_state_or_no_window_is_refused() {
    let said = |flags: &[&str]| format!("{:#}", read(flags, &[]).unwrap_err());
    for wrong in ["[]", "x", r#"{"p":1,"p":"#] {
        let (_file, flag) = kept(wrong);
        assert!(said(&[&flag]).contains("is not a JSON object"), "{wrong}");
    }
    for wrong in [r#"{"p":1}"#, r#"{"p":{"cursor":"then"}}"#, r#"{"p":{"page":2}}"#] {
        let (_file, flag) = kept(wrong);
        assert!(said(&[&flag]).contains(r#"for "p", which is not of this extractor"#), "{wrong}");
    }
    assert!(said(&["--state", "."]).contains("cannot read the state ."));
    let (numbers, ..) = read(&["--state", "not-there"], &[("2026-01-01T00:00:00Z", 1)]).unwrap();
    assert_eq!(numbers, [1]);
    let (_file, flag) = kept(" \n");
    assert_eq!(read(&[&flag], &[("2026-01-01T00:00:00Z", 1)]).unwrap().0, [1]);

    let wrong = "--until 2026-01-01T00:00:00Z is not after --since 2026-01-01T00:00:00Z";
    assert!(said(&["--since", "2026-01-01", "--until", "2026-01-01"]).contains(wrong));
    assert!(said(&["--state", "s", "--until", "2026-01-01"]).contains("cannot be used with"));
    for wrong in ["2026-01-01T00:00:00", "1", "2026-13-01", "2026-1-1", "2026-01-01[UTC]"] {
        assert!(said(&["--since", wrong]).contains("expected a day such as 2026-01-31"), "{wrong}");
    }
}

#[test]
fn a_day_of_new_york_ends_hours_after_that_of_greenwich() {
    for (at, day) in [
        ("2027-01-01T04:59:59Z", "2026-12-31"),
        ("2027-01-01T05:00:00Z", "2027-01-01"),
        ("2026-07-04T03:59:59Z", "2026-07-03"),
        ("2026-07-04T04:00:00Z", "2026-07-04"),
    ] {
        let at: Timestamp = at.parse().unwrap();
        assert_eq!(new_york().to_datetime(at).date().to_string(), day, "{at}");
    }
}
