//! Only the sink knows which names are the same table.

use etl_testkit::load::sealed_as;

use crate::fake::{EVENTS, FakeFolder, failure};

const REJECT: &str = r#"{"line":1,"reason":"odd","original":"{}"}"#;

/// A segment of each of two schemas, whose tables' names differ only in case.
fn stream() -> Vec<u8> {
    let receipt = format!(
        r#"{{"target":"t","mode":"append","records":1,"inserted":1,"updated":0,"unchanged":0,"superseded":0,"rejected":0,
            "dropped_fields":0,"sha256":"{}","seconds":0.5,"already_loaded":false}}"#,
        "0".repeat(64)
    );
    let receipt = receipt.replace('\n', " ");
    [
        sealed_as("etl.receipt", "a", &[&receipt]),
        sealed_as("etl.reject", "b", &[REJECT]),
        sealed_as("etl.reject", "c", &[REJECT]),
    ]
    .concat()
}

#[test]
fn names_that_differ_in_case_may_be_two_tables() {
    let place = FakeFolder::new();
    place.load::<true, false>("", &stream()).expect("a load");
    let world = place.world.borrow();
    let rows: Vec<_> = world.rows.iter().map(|(table, rows)| (table.as_str(), rows.len())).collect();
    assert_eq!(rows, [("public.Logs", 1), ("public.logs", 2)]);
    let told: Vec<_> = place.receipts().iter().map(|r| (r["target"].clone(), r["records"].clone())).collect();
    assert_eq!(told, [("public.Logs".into(), 1.into()), ("public.logs".into(), 2.into())]);
    assert_eq!(
        world.ledger.keys().map(|(target, id)| format!("{target} {id}")).collect::<Vec<_>>(),
        ["public.Logs a", "public.logs b", "public.logs c"]
    );
}

#[test]
fn names_that_are_one_table_take_one_schema() {
    for result in [
        FakeFolder::new().load::<true, true>("", &stream()),
        FakeFolder::new().load::<false, true>("", &stream()),
    ] {
        assert_eq!(
            failure(result),
            (78, "two schemas of the stream go to one table, public.logs".to_owned())
        );
    }
}

#[test]
fn a_table_is_prepared_for_what_the_stream_brings() {
    let inline = |id: &str| sealed_as(EVENTS, id, &[r#"{"n":1}"#]);
    let place = FakeFolder::new();
    place.load::<true, false>("--table t", &[inline("a"), inline("b")].concat()).expect("a load");
    // Its own columns are looked at before anything is read, but they are not what it is prepared for.
    assert_eq!(place.world.borrow().prepared, ["public.t by inline"]);
    let place = FakeFolder::new();
    place.load::<true, false>("--table t", b"{\"n\":1}\n").expect("a load");
    assert_eq!(place.world.borrow().prepared, ["public.t by own"]);
    let place = FakeFolder::new();
    place.load::<true, false>("--schema %/events.json", &inline("a")).expect("a load");
    assert_eq!((place.world.borrow().prepared.len(), place.world.borrow().plans.len()), (1, 1));
}
