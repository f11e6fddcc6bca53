//! What is in InfluxDB after a load.

use etl_testkit::load::{counts, receipts, refused};
use etl_testkit::run::Cmd;

use crate::support::{InfluxFolder, plain, sealed, site};

#[test]
fn tags_fields_types_and_times_are_those_of_the_schema() {
    let place = InfluxFolder::new();
    let ran = place.load(
        "",
        sealed(&[
            site("Lisbon", 0, r#""v":42,"n":42.0,"s":"clear \"sky\" \\ é""#),
            site("Oslo", 1, r#""v":-0.1234567890123456789,"n":-9223372036854775808,"s":null"#),
            site("Oslo", 2, r#""v":1.7976931348623157e308"#),
        ]),
    );
    assert_eq!(counts(&ran), [3, 3, 0, 0, 0, 0]);
    assert_eq!(
        (&receipts(&ran)[0]["target"], &receipts(&ran)[0]["mode"]),
        (&"sites".into(), &"upsert".into())
    );
    assert_eq!(
        place.database.rows("SELECT n, s, v FROM sites GROUP BY *"),
        [
            r#"site=Lisbon: 1699999200000000000|42|"clear \"sky\" \\ é"|42"#,
            "site=Oslo: 1699999201000000000|-9223372036854775808|null|-0.12345678901234568",
            "site=Oslo: 1699999202000000000|null|null|1.7976931348623157e+308",
        ]
    );
    assert_eq!(
        place.database.rows("SHOW FIELD KEYS"),
        [r#""n"|"integer""#, r#""s"|"string""#, r#""v"|"float""#]
    );
    assert_eq!(place.database.rows("SHOW TAG KEYS"), [r#""site""#]);
}

#[test]
fn every_special_character_comes_back_as_it_was() {
    let place = InfluxFolder::new();
    let odd = "a b,c=d\"e'f#g|h;i{j}k\tl é 漢 \u{1f600} \r$%&/()?!";
    let escaped = serde_json::Value::from(odd).to_string();
    let lines = serde_json::Value::from(format!("{odd}\\ \n second, line=1 2")).to_string();
    place
        .load("", format!("{{\"site\":{escaped},\"at\":\"2023-11-14T22:13:20Z\",\"s\":{lines},\"n\":1}}\n"))
        .ok();
    let tags = place.database.ask("SHOW TAG VALUES WITH KEY = site");
    assert_eq!(tags["series"][0]["values"][0][1], odd);
    let rows = place.database.ask("SELECT s FROM sites");
    assert_eq!(rows["series"][0]["values"][0][1], format!("{odd}\\ \n second, line=1 2"));
    assert_eq!(place.database.rows("SHOW MEASUREMENTS"), [r#""sites""#]);
    // Names of all three kinds.
    let names = r#"{"x-time": "at", "required": ["at"], "properties": {"at": {"type": "string", "format": "date-time"},
        "t a,g=\"é\"": {"type": "string", "x-influx": {"role": "tag"}}, "f i,e=\"l\"d": {"type": "integer"}}}"#;
    place.write("names.json", names);
    let record = r#"{"at":"1970-01-01T00:00:00Z","t a,g=\"é\"":"x","f i,e=\"l\"d":7}"#;
    place
        .loader("--schema names.json --measurement")
        .arg("m e,a=\"s")
        .stdin(format!("{record}\n"))
        .run()
        .ok();
    let answer = place.database.ask(r#"SELECT * FROM "m e,a=\"s""#);
    assert_eq!(answer["series"][0]["columns"], serde_json::json!(["time", "f i,e=\"l\"d", "t a,g=\"é\""]));
    assert_eq!(answer["series"][0]["values"][0], serde_json::json!([0, 7, "x"]));
}

#[test]
fn a_load_can_be_repeated_and_the_later_value_counts() {
    let place = InfluxFolder::new();
    let records = [site("a", 0, r#""n":1,"s":"kept""#), site("b", 0, r#""n":2"#)];
    for _ in 0..2 {
        assert_eq!(counts(&place.load("", sealed(&records))), [2, 2, 0, 0, 0, 0]);
    }
    let ran = place
        .load("", plain(&[site("a", 0, r#""n":3"#), site("c", 0, r#""n":4"#), site("a", 0, r#""n":5"#)]));
    assert_eq!(counts(&ran), [3, 2, 0, 0, 1, 0]);
    let warning =
        "line 3: the point has the same measurement, tags and time as line 1, whose fields it overwrites";
    assert!(ran.stderr.contains(warning), "{}", ran.stderr);
    assert_eq!(
        place.database.rows("SELECT n, s FROM sites GROUP BY *"),
        [
            "site=a: 1699999200000000000|5|\"kept\"",
            "site=b: 1699999200000000000|2|null",
            "site=c: 1699999200000000000|4|null"
        ]
    );
}

#[test]
fn timestamps_have_the_unit_of_precision() {
    for precision in ["ns", "us", "ms", "s"] {
        let place = InfluxFolder::new();
        place.load(&format!("--precision {precision}"), plain(&[site("a", 3, r#""n":1"#)])).ok();
        assert_eq!(place.database.rows("SELECT n FROM sites"), ["1699999203000000000|1"], "{precision}");
    }
    let place = InfluxFolder::new();
    let record = r#"{"site":"a","at":"2023-11-14T22:13:20.000001Z","n":1}"#;
    let ran = place.load("--precision ms", format!("{record}\n"));
    refused(&ran, 3, "line 1 (byte 0): field \"at\": is finer than --precision ms");
    place.load("--precision us", format!("{record}\n")).ok();
    assert_eq!(place.database.rows("SELECT n FROM sites"), ["1700000000000001000|1"]);
    let at = |digits: &str, n: u32| format!(r#"{{"site":"a","at":"2023-11-14T22:13:21.{digits}Z","n":{n}}}"#);
    place.load("", plain(&[at("000000100", 2), at("0000002", 3), at("999999999", 4)])).ok();
    assert_eq!(
        place.database.rows("SELECT n FROM sites WHERE n > 1"),
        ["1700000001000000100|2", "1700000001000000200|3", "1700000001999999999|4"]
    );
    refused(&place.load("", plain(&[at("0000000001", 5)])), 3, "field \"at\": is finer than a nanosecond");
}

#[test]
fn two_measurements_of_one_stream() {
    let place = InfluxFolder::new();
    let replies = concat!(env!("CARGO_MANIFEST_DIR"), "/../../extractors/extract-openweather/demo");
    let extract = |args: &str| {
        let cmd = Cmd::bin("extract-openweather").args(args.split(' ')).args(["--replay", replies]);
        cmd.run().ok().stdout.clone()
    };
    let stream = extract("current --city Munich --city Paris")
        + &extract("air-pollution --location Seattle=47.6038,-122.3301");
    let (url, db) = (place.database.url(), place.database.name());
    let ran = place.bare("").args(["--url", url, "--db", db]).stdin(&stream).run();
    let targets: Vec<_> = receipts(&ran)
        .iter()
        .map(|receipt| (receipt["target"].clone(), receipt["inserted"].clone()))
        .collect();
    assert_eq!(
        targets,
        [("openweather_current".into(), 2.into()), ("openweather_air_pollution".into(), 1.into())]
    );
    assert_eq!(
        place.database.rows("SELECT temp, condition_id, pressure FROM openweather_current GROUP BY location"),
        [
            "location=Munich: 1547387400000000000|1.49|615|1005",
            "location=Paris: 1544194800000000000|9.25|300|1007"
        ]
    );
    assert_eq!(place.database.count("openweather_air_pollution", "pm2_5"), 1);
}

#[test]
fn a_null_takes_nothing_back_and_the_log_says_so() {
    let place = InfluxFolder::new();
    let ran = place.load("", sealed(&[site("Oslo", 0, r#""v":21.5,"n":3"#)]));
    assert!(!ran.ok().stderr.contains("null"), "{}", ran.stderr);
    let ran = place.load("", sealed(&[site("Oslo", 0, r#""v":null,"n":4"#), site("Oslo", 1, r#""n":5"#)]));
    assert!(
        ran.ok().stderr.contains(
            "1 null value was left out: a point keeps what an earlier load wrote in such a field\n"
        ),
        "{}",
        ran.stderr
    );
    assert_eq!(
        place.database.rows("SELECT n, v FROM sites GROUP BY *"),
        ["site=Oslo: 1699999200000000000|4|21.5", "site=Oslo: 1699999201000000000|5|null"]
    );
}
