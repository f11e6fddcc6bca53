//! The seal, its schema and its ids, and everything else that all transforms have in common.

use etl_testkit::connectors::{path, read};
use etl_testkit::load::{printed, refused, sealed, sealed_as, segments};
use etl_testkit::run::Cmd;
use etl_testkit::transform;
use serde_json::Value;

use crate::support::{BINARY, Place, passed};

#[test]
fn it_is_a_transform() {
    let place = Place::new();
    // Texts are read into the types of their columns, so `n` may come as one.
    transform::conforms(|| Cmd::new(BINARY).arg("--schema").arg(place.path("events.json")));
}

#[test]
fn good_records_pass_byte_for_byte() {
    let place = Place::new();
    let lines = [r#"{ "n" : 1.0 , "text":"\u00e9" }"#, r#"{"text":null,"n":-0}"#];
    assert_eq!(passed(&place.run("--schema events.json", sealed("a", &lines))), lines);
}

fn begin(ran: &etl_testkit::run::Ran) -> Value {
    printed(&ran.ok().stdout).remove(0)["_etl"].take()
}

#[test]
fn what_comes_out_has_the_schema_that_it_was_checked_by() {
    let place = Place::new();
    let reject = r#"{"line":1,"reason":"r","original":"o"}"#;
    let named = sealed_as("etl.reject", "a", &[reject]);
    let ran = place.run("", &named);
    assert_eq!(begin(&ran)["schema"], "etl.reject");
    assert_ne!(begin(&ran)["id"], begin(&place.run("--unknown-fields drop", &named))["id"]);
    let document: Value = serde_json::from_str(&place.read("events.json")).expect("JSON");
    let ran = place.run("--schema events.json", sealed_as("etl.reject", "a", &[r#"{"n":1}"#]));
    assert_eq!(begin(&ran)["schema"], document);
    // A schema that the stream carries.
    let ran = place.run("", sealed_as(&document.to_string(), "a", &[r#"{"n":1}"#]));
    assert_eq!(begin(&ran)["schema"], document);
    // Each segment by its own.
    let two = [named, sealed_as(&document.to_string(), "b", &[r#"{"n":1}"#])].concat();
    let ran = place.run("", &two);
    assert_eq!(segments(&ran.ok().stdout), [[reject], [r#"{"n":1}"#]]);
    refused(&place.run("--schema etl.reject", &two), 3, "line 5 (record 1, byte ");
}

#[test]
fn records_without_a_schema_are_78_with_advice() {
    let place = Place::new();
    for stream in [sealed("a", &["{}"]), b"{}\n".to_vec(), sealed("a", &[])] {
        let ran = place.run("", stream);
        refused(&ran, 78, "the records have no schema: the stream names none. Give --schema NAME");
    }
    refused(&place.run("--schema no.such", "{}\n"), 78, "no.such");
    refused(&place.run("", sealed_as("no.such", "a", &["{}"])), 78, "no.such");
}

#[test]
fn one_stream_of_a_connector_is_checked() {
    let place = Place::new();
    place.write(
        "product.json",
        r#"{"type":"object","additionalProperties":true,"required":["id"],"properties":{"id":{"type":"integer"},"make":{"type":"string"}}}"#,
    );
    let gate = place.gate("--schema product.json --stream products --catalog");
    let gate = gate.arg(path("airbyte-source-faker/catalog.json"));
    let ran = gate.stdin(read("airbyte-source-faker/read.airbyte")).run();
    let passed = passed(&ran);
    assert!(
        passed[0].starts_with(r#"{"id": 1, "make": "Mazda""#)
            || passed[0].starts_with(r#"{"id":1,"make":"Mazda""#),
        "{passed:?}"
    );
    assert_eq!(passed.len(), 4);
    assert!(passed[3].starts_with(r#"{"_etl":{"v":1,"kind":"state","value":[{"#), "{passed:?}");
}
