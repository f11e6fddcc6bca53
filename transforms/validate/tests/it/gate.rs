//! Which records pass.

use etl_testkit::load::{plain, refused, sealed, texts};

use crate::support::{Place, passed};

const GOOD: &str = r#"{"id":1,"total":10.50,"note":"é","paid":true,"at":"2026-01-01T00:00:00Z"}"#;

#[test]
fn a_record_that_does_not_fit_fails_the_run_with_its_line() {
    let place = Place::new();
    for (bad, said) in [
        (r#"{"id":"x"}"#, r#"field "id": expected an integer, found "x"; record id="x": {"id":"x"}"#),
        (r#"{}"#, r#"field "id": required, but missing; record: {}"#),
        (
            r#"{"id":1,"note":"longer"}"#,
            r#"field "note": "longer" is longer than 5 characters; record id=1: "#,
        ),
        (r#"{"id":1,"at":"yesterday"}"#, r#"field "at": "#),
        (
            r#"{"id":1,"paid":null}"#,
            r#"field "paid": null, but the schema does not allow null here; record id=1"#,
        ),
        (r#"{"id":1,"nope":1}"#, r#"field "nope": the schema orders has no such field"#),
    ] {
        let ran = place.run("--schema orders.json", sealed("a", &[GOOD, bad]));
        refused(&ran, 3, &format!("line 3 (record 2, byte {}): {said}", 42 + GOOD.len()));
    }
    assert_eq!(passed(&place.run("--schema orders.json", sealed("a", &[GOOD]))), [GOOD]);
}

#[test]
fn unknown_fields_can_pass() {
    let place = Place::new();
    let record = r#"{"id":1,"nope":1}"#;
    let ran = place.run("--schema orders.json --unknown-fields drop", sealed("a", &[record]));
    assert_eq!(passed(&ran), [record]);
    assert_eq!(
        ran.stderr,
        "warning: 1 field that the schema does not know passed on in 1 record: \"nope\"\n1 record, 0 rejected\n"
    );
}

#[test]
fn values_that_are_texts_are_read_as_their_types() {
    let place = Place::new();
    let good = r#"{"id":"007","total":"1.50","note":null,"paid":"t","at":"2026-01-01 00:00:00+00"}"#;
    assert_eq!(passed(&place.run("--schema orders.json", texts("a", &[good]))), [good]);
    refused(&place.run("--schema orders.json", texts("a", &[r#"{"id":"x"}"#])), 3, "field \"id\"");
}

#[test]
fn flags_that_contradict_each_other_are_2() {
    let place = Place::new();
    for (args, said) in [
        ("--max-rejects 1", "--max-rejects needs --rejects FILE"),
        ("--max-rejects 1%", "--max-rejects needs --rejects FILE"),
        ("--max-rejects x", "give a number of records, or a share from 0% to 100%, such as 1%"),
        ("--rejects -", "--rejects must name a file"),
        ("--rejects out --output out", "--output and --rejects are the same file, out"),
        ("--rejects out --stats=out", "--rejects and --stats are the same file, out"),
        ("--sample 0", "0 is not in 1.."),
    ] {
        let ran = place.run(&format!("--schema events.json {args}"), plain(&["{\"n\":1}"]));
        assert!(ran.fails(2).last_error_line().contains(said), "{}", ran.stderr);
    }
    let ran = place.run("--schema events.json --sample 5 --rejects x", "");
    assert!(ran.fails(2).last_error_line().contains("cannot be used with"), "{}", ran.stderr);
}
