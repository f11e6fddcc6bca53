//! `--sample`.

use etl_testkit::load::{plain, sealed};

use crate::support::Place;

#[test]
fn reasons_are_counted_with_their_first_line() {
    let place = Place::new();
    let lines = [
        r#"{"n":1}"#,
        r#"{"n":"x"}"#,
        r#"{"text":"no number"}"#,
        r#"{"n":"y"}"#,
        r#"{"n":2,"other":1}"#,
        r#"{"n":1.5}"#,
        r#"{"n":"z"}"#,
    ];
    let ran = place.run("--schema events.json --sample 100", sealed("a", &lines));
    assert_eq!(
        ran.fails(3).stdout,
        "7 records, 6 refused\n\
         \x20      3  field \"n\": expected an integer, found … (first on line 3: \"x\")\n\
         \x20      1  field \"n\": required, but missing (first on line 4)\n\
         \x20      1  field \"other\": the schema events has no such field (--unknown-fields drop of a loader leaves it out) (first on line 6: 1)\n\
         \x20      1  field \"n\": … is not an integer (first on line 7: 1.5)\n"
    );
    assert_eq!(ran.last_error_line(), "6 of 7 records do not fit");
    let ran = place.run("--schema events.json --sample 100 --unknown-fields drop", sealed("a", &lines));
    assert!(ran.fails(3).stdout.starts_with("7 records, 5 refused\n"), "{}", ran.stdout);
}

#[test]
fn only_so_many_records_are_read() {
    let place = Place::new();
    let lines = [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":"x"}"#];
    let ran = place.run("--schema events.json --sample 2 --seal off", plain(&lines));
    assert_eq!(ran.ok().stdout, "2 records, 0 refused\n");
    assert_eq!(ran.stderr, "2 records, all of which fit\n");
    // What is wrong with the stream comes first, and is no `abort`: what is printed is for people.
    let ran = place.run("--schema events.json --sample 5 --seal off", "{\"n\":1}\nnot json\n");
    assert_eq!(ran.fails(3).stdout, "");
    place.run("--sample 5 --seal off", plain(&lines)).fails(78);
}
