//! Points that the server refuses, and requests that are too large for it.

use etl_testkit::http::{Reply, Script};
use etl_testkit::influx::{Influx, Options};
use etl_testkit::load::{counts, refused};

use crate::support::{InfluxFolder, many, plain, scripted, sealed, site};

const V2: &str = "--api v2 --bucket b --org o";

/// The recorded replies.
fn reply(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/replies/{name}", env!("CARGO_MANIFEST_DIR"))).expect("a reply")
}

fn good() -> Script {
    Script::new().then(Reply::status(204))
}

#[test]
fn twenty_refused_points_are_named_and_the_others_are_there() {
    let place = InfluxFolder::new();
    // Here the field is a string.
    place.database.write("sites,site=other n=\"text\" 1699999200000000000");
    let mut records = many(3000);
    let without = |record: &String| record.replace("\"n\"", "\"v\"").replace(",\"v\":", ",\"n\":null,\"v\":");
    for (position, record) in records.iter_mut().enumerate() {
        if position % 100 != 7 {
            *record = without(record).replacen("\"v\"", "\"s\"", 1);
            let end = record.find("\"s\":").expect("a field");
            *record = format!("{}\"v\":{position}}}", &record[..end]);
        }
    }
    let ran = place.load("--batch-lines 700", sealed(&records));
    refused(&ran, 3, "refused 30 points, the other 2970 sent were stored: ");
    let message = ran.last_error_line();
    let lines: Vec<usize> = message
        .split_once("lines ")
        .and_then(|(_, rest)| rest.split_once(": "))
        .map(|(list, _)| list.split(", ").map(|line| line.parse().expect("a line")).collect())
        .unwrap_or_default();
    assert_eq!(lines.len(), 20, "{message}");
    // Line 1 is `begin`.
    assert!(lines.iter().all(|line| (line - 2) % 100 == 7) && lines.is_sorted(), "{message}");
    let reason = "field type conflict: input field \"n\" on measurement \"sites\" is type integer, already exists as type string";
    assert!(message.contains(&format!("{reason}; and 10 more; record ")), "{message}");
    // The first of them is shown.
    assert!(message.starts_with("line 9 (record 8, byte "), "{message}");
    assert!(message.ends_with(r#"{"site":"site-7","at":"2023-11-14T22:00:00Z","n":7,"v":7.5}"#), "{message}");
    assert_eq!(place.database.count("sites", "v"), 2970);
    assert_eq!(place.database.count("sites", "n"), 1);
}

#[test]
fn all_points_of_a_batch_may_be_refused() {
    let place = InfluxFolder::new();
    place.database.write("sites,site=other n=\"text\" 1699999200000000000");
    let ran = place.load("--batch-lines 100", plain(&many(250)));
    refused(&ran, 3, "refused 250 points, none was stored: lines ");
    assert!(ran.last_error_line().contains("already exists as type string; and 230 more; record site="));
    assert_eq!(place.database.count("sites", "v"), 0);
}

#[test]
fn a_few_are_named_by_reason_in_their_order() {
    let place = InfluxFolder::new();
    place.database.write("sites,site=other n=\"text\",v=true 1699999200000000000");
    let records = [
        site("a", 0, r#""s":"x""#),
        site("b", 0, r#""n":1"#),
        site("c", 0, r#""v":1"#),
        site("d", 0, r#""n":2"#),
        site("e", 0, r#""s":"y""#),
    ];
    let ran = place.load("", plain(&records));
    let (n, v) = (
        "input field \"n\" on measurement \"sites\" is type integer, already exists as type string",
        "input field \"v\" on measurement \"sites\" is type float, already exists as type boolean",
    );
    let expected = format!(
        "refused 3 points, the other 2 sent were stored: lines 2, 4: field type conflict: {n}; line 3: field type conflict: {v}"
    );
    refused(&ran, 3, &expected);
    assert_eq!(place.database.rows("SELECT s FROM sites GROUP BY site").len(), 2);
}

#[test]
fn a_partial_write_of_version_2_is_halved_until_it_is_found() {
    let partial = |dropped: u32| {
        let message = format!(
            "failure writing points to database: partial write: field type conflict: input field \"n\" on measurement \"sites\" is type integer, already exists as type float dropped={dropped}"
        );
        Reply::json(422, &serde_json::json!({"code": "unprocessable entity", "message": message}).to_string())
    };
    // Four points, of which the second is refused. The second half is sent again, too, because the first must not
    // come last.
    let script = good()
        .then(partial(1))
        .then(partial(1))
        .then(Reply::status(204))
        .then(partial(1))
        .then(Reply::status(204));
    let records: Vec<String> = (0..4).map(|n| site("a", n, &format!("\"n\":{n}"))).collect();
    let (ran, posted) = scripted(script, V2, plain(&records));
    refused(
        &ran,
        3,
        "refused 1 point, the other 3 sent were stored: line 2: field type conflict: input field \"n\"",
    );
    let line = |n: u64| format!("sites,site=a n={n}i {}\n", 1_699_999_200_000_000_000 + n * 1_000_000_000);
    let expected =
        [line(0) + &line(1) + &line(2) + &line(3), line(0) + &line(1), line(0), line(1), line(2) + &line(3)];
    assert_eq!(posted, expected);
}

#[test]
fn a_request_that_is_refused_as_a_whole_is_sent_in_parts() {
    // As recorded: InfluxDB 2 stores nothing of such a request.
    let parse_error = || Reply::json(400, &reply("v2_400_parse_error.json"));
    let script = good()
        .then(parse_error())
        .then(Reply::status(204))
        .then(parse_error())
        .then(Reply::status(204))
        .then(parse_error());
    let records: Vec<String> = (0..4).map(|n| site("a", n, &format!("\"n\":{n}"))).collect();
    let (ran, posted) = scripted(script, V2, plain(&records));
    refused(
        &ran,
        3,
        "refused 1 point, the other 3 sent were stored: line 4: unable to parse 'cpu value': invalid field format",
    );
    assert_eq!(posted.iter().map(|body| body.lines().count()).collect::<Vec<_>>(), [4, 2, 2, 1, 1]);
    // The recorded reply of version 1 has no count.
    let partial = || Reply::json(400, &reply("v1_400_partial_write.json"));
    let script = good().then(partial()).then(partial()).then(Reply::status(204));
    let (ran, posted) = scripted(script, "--db d", plain(&records[..2]));
    refused(&ran, 3, "refused 1 point, the other 1 sent was stored: line 1: field type conflict:");
    assert_eq!(posted.len(), 3);
}

#[test]
fn a_server_that_refuses_everything_is_not_asked_a_thousand_times() {
    let script = good().then(Reply::json(400, &reply("v2_400_parse_error.json")));
    let (ran, posted) = scripted(script, V2, plain(&many(1000)));
    refused(&ran, 3, "no point is accepted, so no more are sent; refused 1");
    assert!(ran.last_error_line().contains(" points, none was stored: lines "), "{}", ran.last_error_line());
    assert!(posted.len() < 500, "{} requests", posted.len());
}

#[test]
fn what_is_too_large_is_halved() {
    let too_large = || Reply::text(413, "<html>413 Request Entity Too Large</html>");
    let script = good().then(too_large()).then(Reply::status(204));
    let records: Vec<String> = (0..4).map(|n| site("a", n, &format!("\"n\":{n}"))).collect();
    let (ran, posted) = scripted(script, "--db d", plain(&records));
    assert_eq!(counts(&ran), [4, 4, 0, 0, 0, 0]);
    assert_eq!(posted.iter().map(|body| body.lines().count()).collect::<Vec<_>>(), [4, 2, 2]);
    // A single point that is too large is refused.
    let (ran, _) = scripted(good().then(too_large()), "--db d", plain(&records[..2]));
    refused(
        &ran,
        3,
        "refused 2 points, none was stored: lines 1, 2: <html>413 Request Entity Too Large</html>",
    );
}

#[test]
fn a_server_with_a_small_limit_gets_small_requests() {
    let server = Influx::start(&Options { http: "max-body-size = 20000".to_owned() });
    let place = InfluxFolder::of(server.database());
    assert_eq!(counts(&place.load("", plain(&many(5000)))), [5000, 5000, 0, 0, 0, 0]);
    assert_eq!(place.database.count("sites", "n"), 5000);
}

#[test]
fn a_large_request_asks_first_so_that_a_413_is_seen() {
    let server = Influx::start(&Options { http: "max-body-size = 3000000".to_owned() });
    let place = InfluxFolder::of(server.database());
    let text = "x".repeat(900);
    let records: Vec<String> =
        (0..8000).map(|n| site("a", n, &format!("\"s\":\"{text}\",\"n\":{n}"))).collect();
    let ran = place.load("--batch-bytes 12M --batch-lines 100000 --retries 0", plain(&records));
    assert_eq!(counts(&ran), [8000, 8000, 0, 0, 0, 0]);
    assert_eq!(place.database.count("sites", "n"), 8000);
}

#[test]
fn all_refused_points_are_counted_whatever_the_server_counts() {
    // A conflict in each of two shards, and lines that cannot be read: InfluxDB counts only some of the first.
    let place = InfluxFolder::new();
    place
        .database
        .write("sites,site=x n=\"text\" 1699999200000000000\nsites,site=x n=\"text\" 1600000000000000000");
    let (early, late) = (r#""at":"2020-09-13T12:26:40Z""#, r#""at":"2023-11-14T22:00:00Z""#);
    let mut records: Vec<String> = (0..40).map(|n| format!(r#"{{"site":"g{n}",{late},"v":{n}}}"#)).collect();
    records.extend((0..3).map(|n| format!(r#"{{"site":"e{n}",{early},"n":{n}}}"#)));
    records.extend((0..4).map(|n| format!(r#"{{"site":"l{n}",{late},"n":{n}}}"#)));
    let ran = place.load("", plain(&records));
    refused(&ran, 3, "refused 7 points, the other 40 sent were stored: lines 41, 42, 43, 44, 45, 46, 47: ");
    assert_eq!(place.database.count("sites", "v"), 40);
}

#[test]
fn the_later_value_of_a_point_stays_also_when_its_request_is_halved() {
    let place = InfluxFolder::new();
    place.database.write("sites,site=x n=\"text\" 1699999200000000000");
    let mut records = vec![site("twice", 0, r#""v":1"#), site("bad", 0, r#""n":1"#)];
    records.extend((0..6).map(|n| site(&format!("g{n}"), 0, r#""v":0"#)));
    records.push(site("twice", 0, r#""v":2"#));
    refused(&place.load("", plain(&records)), 3, "refused 1 point, the other 8 sent were stored: line 2: ");
    assert_eq!(place.database.rows("SELECT v FROM sites WHERE site = 'twice'"), ["1699999200000000000|2"]);
}

#[test]
fn good_points_behind_twenty_refused_ones_are_sent() {
    // As in version 2: a request with a line that is not accepted is refused as a whole.
    let bad = |n: usize| n < 20;
    let replies = |points: std::ops::Range<usize>| {
        // The requests that `Sender::part` will make, in its order.
        fn ask(points: std::ops::Range<usize>, bad: &dyn Fn(usize) -> bool, script: Script) -> Script {
            if !points.clone().any(bad) {
                return script.then(Reply::status(204));
            }
            let script =
                script.then(Reply::json(400, r#"{"code":"invalid","message":"unable to parse it"}"#));
            if points.len() == 1 {
                return script;
            }
            let middle = points.start + points.len() / 2;
            let script = ask(points.start..middle, bad, script);
            ask(middle..points.end, bad, script)
        }
        ask(points, &bad, good())
    };
    let (ran, posted) = scripted(replies(0..100), V2, plain(&many(100)));
    refused(&ran, 3, "refused 20 points, the other 80 sent were stored: lines 1, 2, 3, ");
    // The server has accepted exactly what was sent without a bad line.
    let is_bad = |line: &str| (0..20).any(|n| line.contains(&format!(",n={n}i ")));
    let taken = posted.iter().filter(|body| !body.lines().any(is_bad)).map(|body| body.lines().count());
    assert_eq!(taken.sum::<usize>(), 80);
}

#[test]
fn a_count_is_believed_whatever_follows_it() {
    // As InfluxDB 2 words it; each request names other instants.
    let retention = "dropped 50 points outside retention policy of duration 24h0m0s - oldest point sites,site=a at \
                     2020-01-01T00:00:00Z dropped because it violates a Retention Policy Lower Bound at INSTANT, newest \
                     point sites,site=a at 2020-01-01T00:00:49Z dropped=50";
    let conflict = "field type conflict: input field \"n\" on measurement \"sites\" is type integer, already exists as \
                    type string dropped=50";
    for (words, reason, hint) in [
        (
            retention,
            "points outside retention policy of duration 24h0m0s; and 80 more",
            "; --too-old warn leaves out what is too old",
        ),
        (conflict, "already exists as type string; and 80 more", ""),
    ] {
        for end in ["", ".", " (max 7)", "; see logs", " for database: 9f28 for retention policy: autogen"] {
            for (status, key, args) in [(422, "message", V2), (400, "error", "--db d"), (500, "message", V2)]
            {
                let refusal = |instant: &str| {
                    let words = words.replace("INSTANT", instant);
                    let words = format!("failure writing points to database: partial write: {words}{end}");
                    Reply::json(status, &serde_json::json!({key: words}).to_string())
                };
                let script =
                    good().then(refusal("2026-11-26T09:00:00.1Z")).then(refusal("2026-11-26T09:00:01.2Z"));
                let (ran, posted) = scripted(script, &format!("{args} --batch-lines 50"), plain(&many(100)));
                refused(&ran, 3, "refused 100 points, none was stored: lines ");
                let message = ran.last_error_line();
                assert!(message.contains(&format!("{reason}{hint}; record site=\"site-0\"")), "{message}");
                assert_eq!(message.matches(reason).count(), 1, "{message}");
                assert_eq!(posted.len(), 2, "{message}");
            }
        }
    }
}

#[test]
fn a_count_within_a_name_is_not_believed() {
    let words = "partial write: field type conflict: input field \"dropped=9\" on measurement \"sites\" is type float";
    let partial = || Reply::json(400, &serde_json::json!({"error": words}).to_string());
    let script = good().then(partial()).then(partial()).then(Reply::status(204));
    let records: Vec<String> = (0..2).map(|n| site("a", n, &format!("\"n\":{n}"))).collect();
    let (ran, _) = scripted(script, "--db d", plain(&records));
    refused(&ran, 3, "refused 1 point, the other 1 sent was stored: line 1: field type conflict: ");
}

#[test]
fn lines_and_reasons_that_version_3_names_are_told() {
    let records: Vec<String> = (0..4).map(|n| site("a", n, &format!("\"n\":{n}"))).collect();
    let point = |line: u64, why: &str| serde_json::json!({"original_line": "…", "line_number": line, "error_message": why});
    let reply = |error: &str, data: serde_json::Value| {
        Reply::json(400, &serde_json::json!({"error": error, "data": data}).to_string())
    };
    let why = "invalid column type for column 'n', expected iox::column_type::field::float, got iox::column_type::field::integer";
    let partial = "partial write of line protocol occurred";
    for api in [V2, "--api v3 --db d"] {
        // All of a partial write are named: one request is enough.
        let script = good().then(reply(partial, serde_json::json!([point(2, why), point(3, "other")])));
        let (ran, posted) = scripted(script, api, plain(&records[..3]));
        let message = format!("refused 2 points, the other 1 sent was stored: line 2: {why}; line 3: other");
        refused(&ran, 3, &message);
        assert_eq!(posted.len(), 1);
        // A line that was not sent: it counts in another way.
        let script = good()
            .then(reply(partial, serde_json::json!([point(9, why)])))
            .then(reply(partial, serde_json::json!([point(1, why)])))
            .then(Reply::status(204));
        let (ran, posted) = scripted(script, api, plain(&records[..3]));
        refused(&ran, 3, &format!("refused 1 point, the other 2 sent were stored: line 1: {why}"));
        assert_eq!(posted.len(), 3);
        // What is refused as a whole names one line, in an object: what is before it and after it is sent again.
        let parsing = |line| reply("parsing failed for write_lp endpoint", point(line, "no fields"));
        let script =
            good().then(parsing(2)).then(Reply::status(204)).then(parsing(2)).then(Reply::status(204));
        let (ran, posted) = scripted(script, api, plain(&records));
        refused(&ran, 3, "refused 2 points, the other 2 sent were stored: lines 2, 4: no fields");
        assert_eq!(posted.iter().map(|body| body.lines().count()).collect::<Vec<_>>(), [4, 1, 2, 1]);
        // A line that was not sent.
        let script = good().then(parsing(9)).then(parsing(1)).then(Reply::status(204));
        let (ran, posted) = scripted(script, api, plain(&records[..2]));
        refused(&ran, 3, "refused 1 point, the other 1 sent was stored: line 1: no fields");
        assert_eq!(posted.len(), 3);
    }
    // `err` says more closely what `message` only names.
    let body = r#"{"code":"invalid","message":"failed to parse","err":"line 1: no fields"}"#;
    let (ran, _) = scripted(good().then(Reply::json(400, body)), V2, plain(&records[..1]));
    refused(&ran, 3, "refused 1 point, none was stored: line 1: failed to parse: line 1: no fields");
}

#[test]
fn an_answer_in_place_of_leave_to_send_is_seen() {
    let records = many(30_000);
    let args = "--db d --batch-lines 50000 --request-timeout 60s --retries 0";
    for (reply, code, message) in [
        (Reply::status(401), 77, "401 Unauthorized"),
        (Reply::text(401, "go away, please"), 77, "401 Unauthorized: go away, please"),
        (Reply::status(503), 75, "503 Service Unavailable"),
    ] {
        let (ran, posted) = scripted(good().then(reply.before_body()), args, plain(&records));
        refused(&ran, code, message);
        assert_eq!(posted, [""]);
    }
    // What is too large is halved; none of it was sent.
    let script = good().then(Reply::status(413).before_body()).then(Reply::status(204));
    let (ran, posted) = scripted(script, args, plain(&records));
    assert_eq!(counts(&ran), [30_000, 30_000, 0, 0, 0, 0]);
    assert_eq!(posted.iter().map(|body| body.lines().count()).collect::<Vec<_>>(), [0, 15_000, 15_000]);
    // RFC 9110, section 10.1.1.
    let script = good().then(Reply::status(417).before_body()).then(Reply::status(204));
    let (ran, posted) = scripted(script, args, plain(&records));
    assert_eq!(counts(&ran), [30_000, 30_000, 0, 0, 0, 0]);
    assert_eq!(posted.iter().map(|body| body.lines().count()).collect::<Vec<_>>(), [0, 30_000]);
}
