//! The same points in VictoriaMetrics, which keeps only numbers, and times to the millisecond.

use etl_testkit::http::{Reply, Script};
use etl_testkit::influx::Victoria;
use etl_testkit::load::{counts, refused};

use crate::support::{InfluxFolder, plain, scripted, site};

#[test]
fn numbers_are_there_once_also_when_they_are_sent_twice() {
    let (server, place) = (Victoria::shared(), InfluxFolder::new());
    let records = plain(&[
        site("a b,c=d", 0, r#""v":1.5,"n":-7"#),
        site("a b,c=d", 1, r#""v":2.25"#),
        site("e\\\"f", 0, r#""v":1e3"#),
    ]);
    for api in ["--api v1 --db kept", "--api v2 --bucket kept"] {
        let args = format!("{api} --measurement once --precision ms --url {}", server.url());
        let ran = place.bare(&format!("{args} --schema sites.json")).stdin(&records).run();
        assert_eq!(counts(&ran), [3, 3, 0, 0, 0, 0]);
        assert!(ran.stderr.contains("stored twice unless -dedup.minScrapeInterval is set"), "{}", ran.stderr);
    }
    // A write by API v1 adds the database as a label.
    let points = server.points("once_.*");
    let series = |db: &str| {
        [
            format!(r#"{{"__name__":"once_n",{db}"site":"a b,c=d"}} [1699999200000] [-7]"#),
            format!(
                r#"{{"__name__":"once_v",{db}"site":"a b,c=d"}} [1699999200000,1699999201000] [1.5,2.25]"#
            ),
            format!(r#"{{"__name__":"once_v",{db}"site":"e\"f"}} [1699999200000] [1000]"#),
        ]
    };
    let mut expected = [series(r#""db":"kept","#), series("")].concat();
    expected.sort();
    assert_eq!(points, expected);
}

#[test]
fn a_text_cannot_smuggle_a_point_in() {
    let (server, place) = (Victoria::shared(), InfluxFolder::new());
    let text = r#""n":1,"s":"x\nsmuggled n=7 1699999200000\nq""#;
    let args = format!("--db x --schema sites.json --measurement text --precision ms --url {}", server.url());
    let ran = place.bare(&args).stdin(plain(&[site("a", 0, text)])).run();
    refused(&ran, 3, "line 1 (byte 0): field \"s\": has a newline, at which this server would end the point");
    assert_eq!(server.points("smuggled.*|text.*"), [""; 0]);
}

#[test]
fn a_proxy_that_hides_the_server_opens_no_door() {
    // Nothing in the reply says that a string may have a newline.
    let text = r#""n":1,"s":"x\nsmuggled n=7""#;
    let script = Script::new().then(Reply::status(204));
    let (ran, posted) = scripted(script, "--db d", plain(&[site("a", 0, text)]));
    refused(&ran, 3, "field \"s\": has a newline, at which this server would end the point");
    assert_eq!(posted, [""; 0]);
}

#[test]
fn a_quote_in_a_fields_name_would_be_misread() {
    let (server, place) = (Victoria::shared(), InfluxFolder::new());
    let schema = r#"{"x-time": "at", "properties": {"at": {"type": "string", "format": "date-time"}, "5\"": {"type": "number"}}}"#;
    place.write("quoted.json", schema);
    let args =
        format!("--db x --schema quoted.json --measurement quoted --precision ms --url {}", server.url());
    let ran = place.bare(&args).stdin("{\"at\":\"2023-11-14T22:00:00Z\",\"5\\\"\":7}\n").run();
    refused(&ran, 78, "this server would mistake the quote in the name for the start of a string");
}

#[test]
fn what_it_would_change_without_a_word_is_refused() {
    let (server, place) = (Victoria::shared(), InfluxFolder::new());
    let records = plain(&[
        site("a", 0, r#""n":9007199254740992,"v":0.5"#),
        site("a", 1, r#""n":9007199254740993"#),
        site("a", 2, r#""v":5e-324"#),
        r#"{"site":"a","at":"1970-01-01T00:00:00Z","v":1}"#.to_owned(),
    ]);
    let args =
        format!("--db x --schema sites.json --measurement exact --precision ms --url {}", server.url());
    let ran = place.bare(&format!("{args} --rejects bad --max-rejects 3")).stdin(records).run();
    assert_eq!(counts(&ran)[5], 3, "{}", ran.stderr);
    let rejects = place.read("bad");
    for why in ["is beyond 2^53", "is too close to zero", "is not after 1970-01-01T00:00:00Z"] {
        assert_eq!(rejects.matches(why).count(), 1, "{rejects}");
    }
    assert_eq!(
        server.points("exact_.*"),
        [
            r#"{"__name__":"exact_n","db":"x","site":"a"} [1699999200000] [9007199254740992]"#,
            r#"{"__name__":"exact_v","db":"x","site":"a"} [1699999200000] [0.5]"#,
        ]
    );
}
