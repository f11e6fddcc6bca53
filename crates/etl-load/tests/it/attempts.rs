//! Another attempt at a load leaves each trace once.

use std::fs;

use etl_testkit::load::sealed_as;
use serde_json::json;

use crate::fake::{At, FakeFolder, failure};

const ARGS: &str = "--schema %/events.json";
const LINES: [&str; 4] = [r#"{"n":1}"#, r#"{"n":"x"}"#, r#"{ "n":3 }"#, r#"{"n":4}"#];

fn failing(at: &[Option<At>]) -> FakeFolder {
    let place = FakeFolder::new();
    place.world.borrow_mut().failures.extend(at);
    place
}

#[test]
fn whatever_fails_the_next_attempt_does_all_of_it_once() {
    for at in [At::Begin, At::Record(1), At::Record(2), At::Record(3), At::Finish, At::Complete, At::Commit] {
        for (emit, stdout) in
            [("records", &[LINES[0], LINES[2], LINES[3]][..]), ("new", &[LINES[0], LINES[2], LINES[3]])]
        {
            let place = failing(&[Some(at), Some(at)]);
            let args = format!(
                "{ARGS} --emit {emit} --rejects %/bad --max-rejects 1 --unknown-fields drop --state-out %/state"
            );
            let lines = [LINES[0], LINES[1], "state 1", LINES[2], LINES[3], "state 2"];
            place
                .load::<true, false>(&args, &sealed_as("", "a", &lines))
                .unwrap_or_else(|error| panic!("{at:?}: {error:#}"));
            let mut printed = place.lines("out");
            assert_eq!(printed.pop().as_deref(), Some(r#"{"_etl":{"v":1,"kind":"state","value":2}}"#));
            assert_eq!(printed, stdout, "{at:?} {emit}");
            let bad = place.lines("bad");
            assert_eq!((bad.len(), bad[0].contains(r#""line":3,"#)), (1, true), "{at:?}");
            assert_eq!(fs::read_to_string(place.path("state")).expect("a file"), "2\n");
            let world = place.world.borrow();
            assert_eq!((world.attempts, world.retries), (3, 2));
            assert_eq!(world.rows["public.events"], [LINES[0], LINES[2], LINES[3]]);
            let (_, records, state) = &world.ledger[&("public.events".to_owned(), "a".to_owned())];
            assert_eq!((*records, state.as_deref()), (4, Some("2")));
        }
    }
}

#[test]
fn counts_are_those_of_the_attempt_that_was_committed() {
    let place = failing(&[Some(At::Commit), Some(At::Record(2))]);
    let args = format!("{ARGS} --rejects %/bad --max-rejects 1 --unknown-fields drop");
    let lines = [r#"{"n":1,"a":1}"#, LINES[1], r#"{"n":3,"b":1,"c":2}"#];
    place.load::<false, false>(&args, &sealed_as("", "a", &lines)).expect("a load");
    let mut receipt = place.receipts().remove(0);
    let object = receipt.as_object_mut().expect("an object");
    assert!(object.remove("seconds").is_some() && object.remove("sha256").is_some());
    let loaded_at = object.remove("loaded_at").expect("a time");
    assert!(loaded_at.as_str().is_some_and(|time| time.ends_with('Z')), "{loaded_at}");
    assert_eq!(
        receipt,
        json!({ "target": "public.events", "load_id": "a", "mode": "append", "records": 3, "inserted": 2, "updated": 0,
            "unchanged": 0, "superseded": 0, "rejected": 1, "dropped_fields": 3, "unknown_fields": ["a", "b", "c"],
            "already_loaded": false,
            "pipeline": null, "state": null })
    );
}

#[test]
fn what_an_earlier_attempt_changed_about_the_table_is_in_the_receipt() {
    for at in [At::Begin, At::Record(1), At::Commit] {
        let place = failing(&[Some(at)]);
        place.world.borrow_mut().lacks = vec!["m".to_owned()];
        let said = place.load::<true, false>(ARGS, &sealed_as("", "a", &LINES[..1])).expect("a load");
        assert!(said.ends_with(" s (columns added: m)"), "{said}");
        assert_eq!(place.receipts()[0]["columns_added"], json!(["m"]), "{at:?}");
        assert_eq!(place.world.borrow().attempts, 2);
        // The next load finds it.
        place.load::<true, false>(ARGS, &sealed_as("", "b", &LINES[..1])).expect("a load");
        assert_eq!(place.receipts()[0].get("columns_added"), None);
    }
}

#[test]
fn a_record_that_was_failed_on_and_is_then_refused_is_set_aside() {
    let place = failing(&[Some(At::Record(2))]);
    place.world.borrow_mut().refuses = Some((LINES[2], 2));
    let args = format!("{ARGS} --rejects %/bad --max-rejects 1");
    place.load::<true, false>(&args, &sealed_as("", "a", &[LINES[0], LINES[2], LINES[3]])).expect("a load");
    let bad = place.lines("bad");
    assert_eq!(
        (bad.len(), bad[0].contains(r#""line":3,"field":"n","reason":"not here","#)),
        (1, true),
        "{bad:?}"
    );
    assert_eq!(place.world.borrow().rows["public.events"], [LINES[0], LINES[3]]);
    // One too many is a failure of the data, which another attempt does not cure.
    let place = failing(&[Some(At::Record(2))]);
    place.world.borrow_mut().refuses = Some((LINES[2], 2));
    let (code, said) = failure(place.load::<true, false>(ARGS, &sealed_as("", "a", &[LINES[0], LINES[2]])));
    assert_eq!(
        (code, said.as_str()),
        (3, r#"line 3 (record 2, byte 49): field "n": not here; record: { "n":3 }"#)
    );
    assert_eq!(place.world.borrow().rows.len(), 0);
}

#[test]
fn what_the_database_refuses_in_an_attempt_that_fails_is_not_set_aside() {
    let place = failing(&[Some(At::Commit), Some(At::Commit)]);
    // Each attempt finds something else: two records, then another one, then one of the first two.
    place.world.borrow_mut().declines = vec![(1, 0), (1, 2), (2, 1), (3, 2)];
    let args = format!("{ARGS} --rejects %/bad --max-rejects 2");
    let stream = sealed_as("", "a", &[LINES[0], LINES[2], LINES[3]]);
    place.load::<true, false>(&args, &stream).expect("a load");
    let bad = place.lines("bad");
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert!(bad[0].starts_with(r#"{"line":4,"field":null,"reason":"declined","original":"#), "{bad:?}");
    assert_eq!(place.receipts()[0]["rejected"], 1);
    // The last attempt counts, too, where it is one too many.
    let place = failing(&[Some(At::Commit)]);
    place.world.borrow_mut().declines = vec![(1, 0), (2, 1), (2, 2)];
    let args = format!("{ARGS} --rejects %/bad --max-rejects 1");
    let (code, said) = failure(place.load::<true, false>(&args, &stream));
    assert_eq!((code, said.contains("line 4")), (3, true), "{said}");
    assert!(said.contains("declined (rejected record 2, --max-rejects 1)"), "{said}");
    assert_eq!(place.world.borrow().rows.len(), 0);
    assert_eq!(place.lines("bad").len(), 2);
}

#[test]
fn what_is_new_is_what_the_last_attempt_brought() {
    let place = failing(&[Some(At::Commit)]);
    let (a, b) = (sealed_as("", "a", &[LINES[0], LINES[2]]), sealed_as("", "b", &[LINES[3]]));
    let digest = {
        let other = FakeFolder::new();
        other.load::<true, false>(ARGS, &a).expect("a load");
        other.receipts()[0]["sha256"].as_str().expect("a digest").to_owned()
    };
    // Between the two attempts somebody else has loaded the first segment.
    place.world.borrow_mut().meanwhile = Some((("public.events".to_owned(), "a".to_owned()), digest));
    place.load::<true, false>(&format!("{ARGS} --emit new"), &[a, b].concat()).expect("a load");
    assert_eq!(place.lines("out"), [LINES[3]]);
    assert_eq!(place.world.borrow().rows["public.events"], [LINES[3]]);
}

#[test]
fn what_fails_after_the_commit_is_not_tried_again() {
    let place = FakeFolder::new();
    place.world.borrow_mut().folder = Some(place.path("state").into());
    let args = format!("{ARGS} --state-out %/state --emit new");
    let (code, said) = failure(place.load::<true, false>(&args, &sealed_as("", "a", &[LINES[0], "state 1"])));
    assert_eq!(code, 74);
    assert!(said.starts_with("the load is committed, but its state file is not written: "), "{said}");
    let world = place.world.borrow();
    assert_eq!((world.attempts, world.retries), (1, 0));
    assert_eq!(world.rows["public.events"], [LINES[0]]);
}

#[test]
fn records_that_cannot_be_published_are_74() {
    for (kind, published) in [("records", 74), ("new", 74), ("receipt", 0)] {
        let place = FakeFolder::new();
        place.world.borrow_mut().folder = Some(place.path("out").into());
        let done =
            place.load::<true, false>(&format!("{ARGS} --emit {kind}"), &sealed_as("", "a", &[LINES[0]]));
        if published == 0 {
            done.expect("a warning");
        } else {
            let (code, said) = failure(done);
            assert_eq!(code, published, "{kind}");
            let expected =
                "the load is committed, but what it prints is not complete: cannot write the output ";
            assert!(said.starts_with(expected), "{said}");
        }
        assert_eq!(place.world.borrow().rows["public.events"], [LINES[0]], "{kind}");
    }
}

#[test]
fn what_was_not_held_back_cannot_be_given_again() {
    let line = format!(r#"{{"n":1,"text":"{}"}}"#, "x".repeat(1000));
    let lines = vec![line.as_str(); 9000];
    let args = format!("{ARGS} --unknown-fields drop");
    for (at, retries) in [(At::Record(1), 1), (At::Record(8900), 0), (At::Commit, 0)] {
        let place = failing(&[Some(at)]);
        let result = place.load::<true, false>(&args, &sealed_as("", "a", &lines));
        assert_eq!(result.is_ok(), retries == 1, "{at:?}");
        assert_eq!(place.world.borrow().retries, retries, "{at:?}");
        assert_eq!(place.world.borrow().rows.values().map(Vec::len).sum::<usize>(), retries * 9000);
    }
}

#[test]
fn a_load_of_many_is_tried_again_by_itself() {
    let place = failing(&[None, Some(At::Commit), None]);
    let lines = [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#, r#"{"n":4}"#, r#"{"n":5}"#];
    let stream = lines.map(|line| format!("{line}\n")).concat();
    let args = format!("{ARGS} --seal off --commit-every 2 --emit records");
    let summary = place.load::<true, false>(&args, stream.as_bytes()).expect("loads");
    assert_eq!(summary, "fake: 5 records in 3 loads");
    assert_eq!(place.lines("out"), lines);
    let world = place.world.borrow();
    assert_eq!(
        (&world.rows["public.events"][..], world.attempts, world.ledger.len()),
        (&lines.map(str::to_owned)[..], 4, 3)
    );
}
