//! Reading the newest state back (`--print-state`).

use crate::support::{SqliteFolder, sealed};

const EVENTS: &str = "--schema events.json";

fn load(place: &SqliteFolder, args: &str, id: &str, states: &[&str]) {
    let states: Vec<String> = states.iter().map(|state| format!("state {state}")).collect();
    let lines: Vec<&str> = states.iter().map(String::as_str).chain([r#"{"n":1}"#]).collect();
    place.load(&format!("{EVENTS} {args}"), sealed(id, &lines)).ok();
}

#[test]
fn the_newest_state_as_it_was_stored() {
    let place = SqliteFolder::new();
    load(&place, "--pipeline p", "a", &["1", r#"{"at":  [2, "ä"]}"#]);
    for by in ["--table events", "--table EVENTS", EVENTS] {
        let ran = place.loader(&format!("{by} --print-state --pipeline p")).run();
        assert_eq!(ran.ok().stdout, "{\"at\":  [2, \"ä\"]}\n");
        assert!(
            ran.stderr.starts_with("t.db: the state of p in ")
                || ran.stderr.starts_with("the state of p in "),
            "{}",
            ran.stderr
        );
    }
    // A load without a state does not remove it; one of another pipeline, or into another table, has its own.
    load(&place, "--pipeline p", "b", &[]);
    load(&place, "--pipeline q", "c", &["\"of q\""]);
    load(&place, "--pipeline p --table other", "d", &["\"elsewhere\""]);
    load(&place, "", "e", &["\"of none\""]);
    let print = |args: &str| place.loader(&format!("--print-state {args}")).run().ok().stdout.clone();
    assert_eq!(print("--table events --pipeline p"), "{\"at\":  [2, \"ä\"]}\n");
    assert_eq!(print("--table events --pipeline q"), "\"of q\"\n");
    assert_eq!(print("--table other --pipeline p"), "\"elsewhere\"\n");
    load(&place, "--pipeline p", "f", &["null"]);
    assert_eq!(print("--table events --pipeline p"), "null\n");
    load(&place, "--pipeline p --load-id L", "g", &["7"]);
    assert_eq!(print("--table events --pipeline p"), "7\n");
    // Of loads in the same instant the later one counts.
    place.sql("UPDATE etl_load SET loaded_at = '2026-01-01T00:00:00.000Z'");
    assert_eq!(print("--table events --pipeline p"), "7\n");
    place.sql("UPDATE etl_load SET loaded_at = '2026-01-02T00:00:00.000Z' WHERE load_id = 'f'");
    assert_eq!(print("--table events --pipeline p"), "null\n");
}

#[test]
fn where_there_is_none_it_is_an_error_that_names_what_there_is() {
    let place = SqliteFolder::new();
    let print = |args: &str| {
        let allowed = place.loader(&format!("--print-state --allow-empty {args}")).run();
        assert_eq!((allowed.ok().stdout.as_str(), allowed.stderr.lines().count()), ("", 1));
        let ran = place.loader(&format!("--print-state --output state.json {args}")).run();
        assert_eq!((ran.fails(78).stdout.as_str(), ran.stderr.lines().count()), ("", 1));
        let said = ran.last_error_line().to_owned();
        assert!(said.starts_with(allowed.stderr.trim_end()), "{said}\n{}", allowed.stderr);
        said
    };
    let how = "(--allow-empty prints nothing then, as before a first load)";
    let none = format!("events has no state of p; it has no state of any pipeline {how}");
    assert_eq!(print("--table events --pipeline p"), none);
    assert!(!place.path("t.db").exists() && place.others().is_empty());
    place.sql("CREATE TABLE events (n)");
    assert_eq!(print("--table events --pipeline p"), none);
    load(&place, "--pipeline p --table other", "a", &["1"]);
    assert_eq!(print("--table events --pipeline p"), none);
    let known =
        |name: &str, known: &str| format!("other has no state of {name}; it has states of {known} {how}");
    assert_eq!(print("--table other --pipeline q"), known("q", "p"));
    for n in 0..21 {
        load(&place, &format!("--pipeline q{n:02} --table other"), &format!("b{n}"), &["1"]);
    }
    // A load of a pipeline without a state is not one to resume from.
    load(&place, "--pipeline stateless --table other", "c", &[]);
    let names: Vec<String> = (0..19).map(|n| format!("q{n:02}")).collect();
    assert_eq!(
        print("--table other --pipeline P"),
        known("P", &format!("p, {} and 2 more", names.join(", ")))
    );
    assert_eq!(
        place.rows("SELECT name FROM sqlite_master WHERE type = 'table'"),
        [r#""events""#, r#""etl_load""#, r#""other""#]
    );
}

#[test]
fn it_changes_nothing_and_prints_no_stream() {
    let place = SqliteFolder::new();
    load(&place, "--pipeline p", "a", &["1"]);
    let before = std::fs::read(place.path("t.db")).expect("the database");
    let ran = place
        .loader("--table events --print-state --pipeline p --output state.txt --state-out s --rejects r")
        .run();
    assert_eq!((ran.ok().stdout.as_str(), place.read("state.txt").as_str()), ("", "1\n"));
    assert_eq!(place.others(), ["state.txt"]);
    assert!(std::fs::read(place.path("t.db")).expect("the database") == before);
    for (args, code, said) in [
        ("--print-state --table events", 2, "--pipeline"),
        ("--print-state --pipeline p", 78, "Give --schema NAME"),
        ("--print-state --pipeline p --schema nope", 78, "unknown schema \"nope\""),
        ("--print-state --pipeline p --table events --plan", 2, "cannot be used with"),
        (
            "--print-state --pipeline p --table events --db no/such/folder.db",
            2,
            "cannot be used multiple times",
        ),
    ] {
        let ran = place.loader(args).run();
        ran.fails(code);
        assert!(ran.last_error_line().contains(said), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    place.loader("--table events --print-state --pipeline p").stdout_to(full).run().fails(74);
    let gone = std::io::pipe().expect("a pipe").1;
    let ran = place.loader("--table events --print-state --pipeline p").stdout_to(gone).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (141, ""));
}
