//! Points that are older than the server keeps points (`--too-old`).

use etl_testkit::http::{Reply, Script};
use etl_testkit::load::{counts, receipts, refused};
use etl_testkit::run::Ran;
use serde_json::{Value, json};

use crate::support::{InfluxFolder, now, plain, recent, rejects, scripted, site};

/// A folder and a database that keeps points for two hours.
fn forgetful() -> InfluxFolder {
    let place = InfluxFolder::new();
    let name = place.database.name();
    let statement = format!("ALTER RETENTION POLICY autogen ON {name} DURATION 2h SHARD DURATION 1h DEFAULT");
    place.database.ask(&statement);
    place
}

/// Old and new points by turns; those that are kept have an odd `n`.
fn by_turns() -> Vec<String> {
    let record = |n: i64| match n % 2 {
        0 => site("a", n.unsigned_abs(), &format!("\"n\":{n}")),
        _ => recent("a", n, &format!("\"n\":{n}")),
    };
    (0..6).map(record).collect()
}

fn too_old(ran: &Ran) -> Value {
    receipts(ran)[0]["too_old"].clone()
}

#[test]
fn what_a_database_no_longer_keeps_is_left_out_set_aside_or_refused() {
    let reason = "points beyond retention policy";
    let said = format!("lines 1, 3, 5: {reason}");
    let stored = |place: &InfluxFolder| {
        let mut rows: Vec<String> = place.database.rows("SELECT n FROM sites");
        rows.iter_mut().for_each(|row| *row = row.split('|').next_back().unwrap_or_default().to_owned());
        rows.sort();
        rows
    };
    let place = forgetful();
    let ran = place.load("--too-old warn", plain(&by_turns()));
    assert_eq!((counts(&ran), too_old(&ran)), ([6, 3, 0, 0, 0, 0], json!(3)));
    let warning = format!("3 points were too old and are left out: {said}\n");
    assert!(ran.stderr.contains(&warning), "{}", ran.stderr);
    assert_eq!(stored(&place), ["1", "3", "5"]);

    let place = forgetful();
    let records = by_turns();
    let ran = place.load("--rejects bad --max-rejects 50%", plain(&records));
    assert_eq!((counts(&ran), too_old(&ran)), ([6, 3, 0, 0, 0, 3], Value::Null));
    let expected = [0, 2, 4].map(|n| [json!(n + 1), json!("at"), json!(reason), json!(records[n])]);
    assert_eq!(rejects(&place.read("bad")), expected);
    assert_eq!(stored(&place), ["1", "3", "5"]);

    for (args, hint) in [
        ("", "; --too-old warn leaves out what is too old; record "),
        ("--too-old fail", "; record "),
        ("--too-old fail --rejects bad --max-rejects 100%", "; record "),
    ] {
        let place = forgetful();
        let ran = place.load(args, plain(&by_turns()));
        refused(&ran, 3, &format!("refused 3 points, the other 3 sent were stored: {said}{hint}"));
        assert_eq!(stored(&place), ["1", "3", "5"], "{args}");
    }
}

#[test]
fn beside_them_another_point_may_be_refused() {
    let place = forgetful();
    // The field is a string in the shard of this hour and in the one before.
    let hour = 3_600_000_000_000;
    for at in [now(), now() - hour] {
        place.database.write(&format!("sites,site=other n=\"text\" {at}"));
    }
    let records = [
        site("a", 0, r#""v":1"#),
        recent("b", 1, r#""n":1"#),
        recent("c", 1, r#""v":2"#),
        site("d", 0, r#""v":3"#),
        recent("e", 1, r#""v":4"#),
    ];
    let ran = place.load("--too-old warn --rejects bad --max-rejects 1", plain(&records));
    assert_eq!((counts(&ran), too_old(&ran)), ([5, 2, 0, 0, 0, 1], json!(2)));
    let [line, field, ..] = rejects(&place.read("bad")).remove(0);
    assert_eq!((line, field), (json!(2), json!("n")));
    assert_eq!(place.database.rows("SELECT sum(v) FROM sites")[0].split('|').next_back(), Some("6"));
}

/// The words of InfluxDB 1.12 and 2.7.12 for so many points.
fn outside(dropped: u64) -> Reply {
    let bound = "dropped because it violates a Retention Policy Lower Bound at 2023-11-14T22:00:04.5Z";
    let message = format!(
        "failure writing points to database: partial write: dropped {dropped} points outside retention policy of duration \
         24h0m0s - oldest point sites,site=a at 2023-11-14T22:00:00Z {bound}, newest point sites,site=a at \
         2023-11-14T22:00:04Z {bound} dropped={dropped} for database: 9f282d63c7d3a5c0 for retention policy: autogen"
    );
    Reply::json(422, &json!({"code": "unprocessable entity", "message": message}).to_string())
}

fn good() -> Script {
    Script::new().then(Reply::status(204))
}

const V2: &str = "--api v2 --bucket b --org o --too-old warn";

#[test]
fn the_oldest_of_a_request_are_taken_out_and_the_rest_is_sent_again() {
    let times = [7, 2, 9, 4, 0, 8];
    let records = times.map(|seconds| site("a", seconds, &format!("\"n\":{seconds}")));
    let script = good().then(outside(3)).then(Reply::status(204));
    let (ran, posted) = scripted(script, V2, plain(&records));
    assert_eq!((counts(&ran), too_old(&ran)), ([6, 3, 0, 0, 0, 0], json!(3)));
    let warning = "3 points were too old and are left out: lines 2, 4, 5: points outside retention policy of duration 24h0m0s\n";
    assert!(ran.stderr.contains(warning), "{}", ran.stderr);
    let line = |n: u64| format!("sites,site=a n={n}i {}\n", 1_699_999_200_000_000_000 + n * 1_000_000_000);
    assert_eq!(posted, [times.map(line).concat(), [7, 9, 8].map(line).concat()]);
    // What they hide is found then.
    let message = "failure writing points to database: partial write: unable to parse it dropped=0";
    let hidden = || Reply::json(422, &json!({"code": "invalid", "message": message}).to_string());
    let script = good().then(outside(3)).then(hidden()).then(hidden()).then(Reply::status(204));
    let (ran, _) = scripted(script, V2, plain(&records));
    refused(&ran, 3, "refused 1 point, the other 2 sent were stored: line 1: unable to parse it");
}

#[test]
fn points_of_the_same_time_are_asked_for_one_by_one() {
    let records = [site("a", 0, r#""n":1"#), site("b", 0, r#""n":2"#)];
    let script = good().then(outside(1)).then(Reply::status(204)).then(outside(1));
    let (ran, posted) = scripted(script, V2, plain(&records));
    assert_eq!((counts(&ran), too_old(&ran)), ([2, 1, 0, 0, 0, 0], json!(1)));
    assert!(ran.stderr.contains("1 point was too old and is left out: line 2: "), "{}", ran.stderr);
    assert_eq!(posted.len(), 3);
}

#[test]
fn a_backfill_of_which_nothing_is_kept_goes_on_to_its_end() {
    // The same reply to each of three requests of 100 points, which are all too old.
    let records: Vec<String> = (0..300).map(|n| site("a", n, &format!("\"n\":{n}"))).collect();
    let (ran, posted) =
        scripted(good().then(outside(100)), &format!("{V2} --batch-lines 100"), plain(&records));
    assert_eq!((counts(&ran), too_old(&ran)), ([300, 0, 0, 0, 0, 0], json!(300)));
    assert_eq!(posted.len(), 3);
}

#[test]
fn a_cluster_of_version_3_says_it_with_403() {
    let words = "data in table sites is outside of the retention period: minimum acceptable timestamp is \
                 2023-11-14T22:00:00.5+00:00, but observed timestamp 2023-11-14T22:00:00+00:00 is older.";
    let refusal = || Reply::json(403, &json!({"code": "forbidden", "message": words}).to_string());
    // Nothing of the request is stored.
    let script = good().then(refusal()).then(refusal()).then(Reply::status(204));
    let records = [site("a", 0, r#""n":1"#), site("a", 1, r#""n":2"#)];
    let (ran, posted) = scripted(script, V2, plain(&records));
    assert_eq!((counts(&ran), too_old(&ran)), ([2, 1, 0, 0, 0, 0], json!(1)));
    assert_eq!(posted.len(), 3);
}
