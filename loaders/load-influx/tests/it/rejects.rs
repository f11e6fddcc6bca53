//! Points that the server refuses, set aside (`--rejects`, `--max-rejects`).

use etl_testkit::http::{Reply, Script};
use etl_testkit::load::{counts, receipts, refused, segments};
use etl_testkit::run::Cmd;
use serde_json::json;

use crate::support::{InfluxFolder, many, plain, rejects, scripted, sealed, site};

const CONFLICT: &str = "field type conflict: input field \"n\" on measurement \"sites\" is type integer, already exists as type string";

/// A folder and a database in which the field `n` is a string.
fn with_string() -> InfluxFolder {
    let place = InfluxFolder::new();
    place.database.write("sites,site=other n=\"text\" 1699999200000000000");
    place
}

#[test]
fn refused_points_are_set_aside_with_line_field_reason_and_original() {
    let mut records = many(3000);
    for (position, record) in records.iter_mut().enumerate().filter(|(position, _)| position % 100 != 7) {
        *record = format!("{}\"v\":{position}}}", &record[..record.find("\"n\":").expect("a field")]);
    }
    for args in ["--batch-lines 700", "--batch-lines 700 --spool ."] {
        let place = with_string();
        let ran = place.load(&format!("{args} --rejects bad --max-rejects 30"), sealed(&records));
        assert_eq!(counts(&ran), [3000, 2970, 0, 0, 0, 30], "{args}");
        let expected: Vec<_> = (7..3000)
            .step_by(100)
            // Line 1 is `begin`.
            .map(|position| [json!(position + 2), json!("n"), json!(CONFLICT), json!(records[position])])
            .collect();
        assert_eq!(rejects(&place.read("bad")), expected, "{args}");
        assert_eq!(place.database.count("sites", "v"), 2970);
        assert_eq!(place.database.count("sites", "n"), 1);
    }
}

#[test]
fn more_than_may_be_set_aside_fail_the_load() {
    let place = with_string();
    let records = [site("a", 0, r#""n":1"#), site("b", 0, r#""v":1"#), site("c", 0, r#""n":2"#)];
    for limit in ["1", "50%"] {
        let ran = place.load(&format!("--rejects bad --max-rejects {limit}"), plain(&records));
        ran.fails(3);
        let said = "refused 2 points, the other 1 sent was stored: lines 1, 3: ";
        assert!(ran.last_error_line().contains(said), "{}", ran.last_error_line());
        let lines: Vec<_> = rejects(&place.read("bad")).into_iter().map(|[line, ..]| line).collect();
        assert_eq!(lines, [1, 3], "{limit}");
    }
    // Without a file they fail it, as they do where none may be set aside.
    for args in ["", "--rejects bad"] {
        refused(&place.load(args, plain(&records)), 3, "refused 2 points, the other 1 sent was stored: ");
    }
}

#[test]
fn what_the_loader_refuses_and_what_the_server_refuses_count_together() {
    let place = with_string();
    let records = [
        site("a", 0, r#""n":1"#),
        site("b", 0, r#""n":"x""#),
        site("c", 0, r#""v":1"#),
        site("d", 0, r#""n":2"#),
    ];
    let args = "--rejects bad --max-rejects 3 --emit records";
    let ran = place.load(args, plain(&records));
    assert_eq!(segments(&ran.ok().stdout), [[records[2].as_str()]]);
    let mut set_aside: Vec<_> =
        rejects(&place.read("bad")).into_iter().map(|[line, field, ..]| (line, field)).collect();
    set_aside.sort_by_key(|(line, _)| line.as_u64());
    assert_eq!(set_aside, [(json!(1), json!("n")), (json!(2), json!("n")), (json!(4), json!("n"))]);
    place.load("--rejects bad --max-rejects 2", plain(&records)).fails(3);
}

#[test]
fn a_point_that_comes_twice_is_stored_once_or_not_at_all() {
    let place = with_string();
    let records = [
        // Stored, and set aside.
        site("a", 0, r#""v":1"#),
        site("a", 0, r#""n":1"#),
        // Set aside both times.
        site("b", 0, r#""n":1"#),
        site("b", 0, r#""n":2"#),
        // Stored, and overwritten.
        site("c", 0, r#""v":1"#),
        site("c", 0, r#""v":2"#),
    ];
    let ran = place.load("--rejects bad --max-rejects 3", plain(&records));
    assert_eq!(counts(&ran), [6, 2, 0, 0, 1, 3]);
    let rows = place.database.rows("SELECT v FROM sites GROUP BY site");
    assert_eq!(rows, ["site=a: 1699999200000000000|1", "site=c: 1699999200000000000|2"]);
}

#[test]
fn the_list_of_version_3_is_set_aside_after_one_request() {
    let why = "invalid column type for column 'n', expected iox::column_type::field::float, got iox::column_type::field::integer";
    let data = [(2, why), (4, "no fields")]
        .map(|(line, why)| json!({"original_line": "…", "line_number": line, "error_message": why}));
    let body = json!({"error": "partial write of line protocol occurred", "data": data}).to_string();
    let script = Script::new().then(Reply::status(204)).then(Reply::json(400, &body));
    let records: Vec<String> = (0..5).map(|n| site("a", n, &format!("\"n\":{n}"))).collect();
    let place = InfluxFolder::new();
    let bad = place.path("bad");
    let args = format!("--api v3 --db d --rejects {} --max-rejects 2", bad.display());
    let (ran, posted) = scripted(script, &args, sealed(&records));
    assert_eq!(counts(&ran), [5, 3, 0, 0, 0, 2]);
    assert_eq!(posted.len(), 1);
    assert_eq!(
        rejects(&place.read("bad")),
        [
            [json!(3), json!("n"), json!(why), json!(records[1])],
            [json!(5), json!(null), json!("no fields"), json!(records[3])]
        ]
    );
}

#[test]
fn a_server_that_refuses_every_point_is_believed_if_all_may_be_set_aside() {
    let script = Script::new()
        .then(Reply::status(204))
        .then(Reply::json(400, r#"{"code":"invalid","message":"unable to parse it: missing fields"}"#));
    let place = InfluxFolder::new();
    let args =
        format!("--api v2 --bucket b --org o --rejects {} --max-rejects 100%", place.path("bad").display());
    let (ran, _) = scripted(script, &args, plain(&many(150)));
    assert_eq!(counts(&ran), [150, 0, 0, 0, 0, 150]);
    assert_eq!(rejects(&place.read("bad")).len(), 150);
}

#[test]
fn each_measurement_has_the_rejects_of_its_own_records() {
    let replies = concat!(env!("CARGO_MANIFEST_DIR"), "/../../extractors/extract-openweather/demo");
    let extract = |args: &str| {
        let cmd = Cmd::bin("extract-openweather").args(args.split(' ')).args(["--replay", replies]);
        cmd.run().ok().stdout.clone()
    };
    let stream = extract("current --city Munich --city Paris")
        + &extract("air-pollution --location Seattle=47.6038,-122.3301");
    let load = |place: &InfluxFolder, args: &str| {
        let (url, db) = (place.database.url(), place.database.name());
        place.bare(args).args(["--url", url, "--db", db]).stdin(&stream).run()
    };
    let place = InfluxFolder::new();
    load(&place, "").ok();
    let row = place.database.rows("SELECT pm2_5 FROM openweather_air_pollution").remove(0);
    let time = row.split('|').next().expect("a time");
    let place = InfluxFolder::new();
    place.database.write(&format!("openweather_air_pollution,location=x pm2_5=\"text\" {time}"));
    let ran = load(&place, "--rejects bad --max-rejects 1");
    let told: Vec<_> = receipts(&ran)
        .iter()
        .map(|receipt| ["target", "records", "inserted", "rejected"].map(|name| receipt[name].clone()))
        .collect();
    assert_eq!(
        told,
        [
            [json!("openweather_current"), json!(2), json!(2), json!(0)],
            [json!("openweather_air_pollution"), json!(1), json!(0), json!(1)]
        ]
    );
    let [line, field, ..] = rejects(&place.read("bad")).remove(0);
    assert_eq!((line, field), (json!(6), json!("pm2_5")));
}
