//! What is printed, set aside and kept in files.

use etl_testkit::load::{counts, refused, segments};

use crate::support::{InfluxFolder, plain, sealed, site};

#[test]
fn records_are_passed_on_and_end_after_the_points_are_there() {
    let place = InfluxFolder::new();
    let records = [site("a", 0, r#""n":1"#), site("b", 0, r#""n":2"#)];
    let ran = place.load("--emit records", sealed(&records));
    assert_eq!(segments(&ran.ok().stdout), [[records[0].as_str(), records[1].as_str()]]);
    place.database.write("sites,site=x v=true 1699999200000000000");
    let ran = place.load("--emit records", sealed(&[site("a", 1, r#""v":1"#)]));
    refused(&ran, 3, "refused 1 point, none was stored");
    let usage = place.load("--emit new", sealed(&records));
    refused(&usage, 2, "--emit new: InfluxDB does not say which points are new");
}

#[test]
fn what_no_point_can_have_is_set_aside() {
    let place = InfluxFolder::new();
    let records = [
        site("a", 0, r#""n":1"#),
        site("a\\nb", 0, r#""n":2"#),
        site("c", 0, r#""n":null"#),
        site("d", 0, r#""n":"x""#),
    ];
    let ran = place.load("--rejects rejects --max-rejects 3", plain(&records));
    assert_eq!(counts(&ran), [4, 1, 0, 0, 0, 3]);
    let rejects: Vec<serde_json::Value> =
        place.read("rejects").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> =
        rejects[1..4].iter().map(|reject| (reject["line"].clone(), reject["field"].clone())).collect();
    assert_eq!(told, [(2.into(), "site".into()), (3.into(), "v".into()), (4.into(), "n".into())]);
    assert_eq!(place.database.count("sites", "n"), 1);
    let ran = place.load("", plain(&records[1..]));
    refused(
        &ran,
        3,
        "line 1 (byte 0): field \"site\": has a newline or a backslash, which line protocol cannot represent in a tag",
    );
}

#[test]
fn the_plan_is_printed_without_a_server() {
    let place = InfluxFolder::new();
    let ran = place.bare("--plan --schema sites.json --precision ms").run();
    let expected = "measurement  sites\ntag          site\nfield        v     float\nfield        n     integer\nfield        s     string\ntime         at    ms\n";
    assert_eq!(ran.ok().stdout, expected);
    let ran = place.bare("--plan").run();
    ran.fails(78);
    assert!(ran.last_error_line().contains("Give --schema NAME"), "{}", ran.last_error_line());
}

#[test]
fn an_empty_segment_is_a_success_and_no_input_is_none() {
    let place = InfluxFolder::new();
    assert_eq!(counts(&place.load("", sealed(&[]))), [0; 6]);
    refused(&place.load("", ""), 75, "the input is empty");
}

#[test]
fn the_receipt_has_load_id_pipeline_and_digest() {
    let place = InfluxFolder::new();
    let stream = sealed(&[site("a", 0, r#""n":1"#)]);
    let ran = place.loader("--pipeline p").env("ETL_LOAD_ID", "run-1").stdin(&stream).run();
    let receipt = etl_testkit::load::receipts(&ran).remove(0);
    assert_eq!((&receipt["load_id"], &receipt["pipeline"]), (&"run-1".into(), &"p".into()));
    let end: serde_json::Value =
        serde_json::from_slice(stream.split(|&byte| byte == b'\n').rev().nth(1).unwrap()).unwrap();
    assert_eq!(receipt["sha256"], end["_etl"]["sha256"]);
}
