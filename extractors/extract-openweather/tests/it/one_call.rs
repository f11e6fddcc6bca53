//! One Call: one reply, of which each run maps a part.

use etl_testkit::extract::{KEY, Sealed, failed, silent};
use etl_testkit::http::{Reply, Server};
use etl_testkit::run::Folder;

use crate::extractor::{extractor, reply, run};

/// A reply with all parts, of New York.
pub(crate) fn whole() -> String {
    let parts =
        ["current", "hourly", "daily"].map(|part| reply(&format!("one_call_{part}/new_york_2026.json")));
    let inside = parts.map(|part| part[part.find("\t\"timezone_offset\"").unwrap()..].to_owned());
    let inside = inside.map(|part| {
        let (_, part) = part.split_once(",\n").unwrap();
        part.trim_end().strip_suffix('}').unwrap().trim_end().to_owned()
    });
    let alerts = reply("one_call_alerts/made_four_of_which_two_are_alike.json");
    let (head, alerts) = alerts.split_once("\"alerts\"").unwrap();
    format!("{head}{},\"alerts\"{alerts}", inside.join(",\n"))
}

#[test]
fn the_request_asks_for_all_parts_in_metric_units() {
    let server = Server::start(Reply::json(200, &whole()));
    let url = format!("{}/data/3.0/", server.url());
    for part in ["current", "daily"] {
        let args = ["one-call", "--part", part, "--lat", "40.78", "--lon=-73.97", "--lang", "de"];
        run(&[&args[..], &["--base-url", &url]].concat()).ok();
    }
    let targets: Vec<String> = server.requests().into_iter().map(|request| request.target).collect();
    let query = "lat=40.78&lon=-73.97&units=metric&lang=de&appid=s3cret%2Fk%22y%2B1";
    assert_eq!(targets, [format!("/data/3.0/onecall?{query}"), format!("/data/3.0/onecall?{query}")]);
}

#[test]
fn one_recorded_reply_has_the_records_of_every_part() {
    let server = Server::start(Reply::json(200, &whole()));
    let folder = Folder::new();
    let cassettes = folder.path("").display().to_string();
    let args = ["one-call", "--location", "here=40.78,-73.97", "--base-url", &server.url()];
    run(&[&args[..], &["--record", &cassettes]].concat()).ok();
    let mut counts = Vec::new();
    for part in ["current", "minutely", "hourly", "daily", "alerts"] {
        let args = [&args[..], &["--part", part, "--replay", &cassettes]].concat();
        let stream = Sealed::of(&silent(extractor().without_key(&args)));
        counts.push((stream.schema, stream.records.len()));
    }
    let expected = [("current", 1), ("minutely", 0), ("hourly", 2), ("daily", 2), ("alerts", 3)];
    assert_eq!(counts, expected.map(|(part, count)| (format!("openweather.one_call_{part}"), count)));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_part_that_does_not_exist_is_no_argument() {
    let ran = run(&["one-call", "--part", "weekly", "--lat", "1", "--lon", "2"]);
    assert!(
        ran.fails(2).last_error_line().contains("[possible values: current, minutely,"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_prefix_of_the_other_commands_is_not_that_of_one_call() {
    let [other, own] = [0, 1].map(|_| Server::start(Reply::json(200, &whole())));
    let cmd = extractor().cmd(&["one-call", "--lat", "1", "--lon", "2"]);
    let cmd = cmd.env("OPENWEATHER_BASE_URL", other.url());
    silent(cmd.env("OPENWEATHER_ONE_CALL_BASE_URL", own.url())).ok();
    assert_eq!((other.requests().len(), own.requests().len()), (0, 1));
}

#[test]
fn the_calls_that_cost_nothing_are_counted_by_the_day() {
    let server = Server::start(Reply::json(200, &whole()));
    let folder = Folder::new();
    let file = folder.path("calls").display().to_string();
    let args = ["one-call", "--lat", "1", "--lon", "2", "--quota", &file, "--base-url", &server.url()];
    run(&args).ok();
    let ledger: serde_json::Value = serde_json::from_str(&folder.read("calls")).unwrap();
    assert_eq!((&ledger["per_seconds"], &ledger["calls"]), (&86_400.into(), &1.into()));
    let spent = folder.read("calls").replace("\"calls\":1", "\"calls\":1000");
    folder.write("calls", spent);
    let ran = run(&args);
    let last = ran.fails(75).last_error_line();
    assert!(last.contains("the quota of 1000 requests a day is spent (--quota); retry_at "), "{last}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_reply_without_the_part_or_of_another_kind_is_refused() {
    for (body, why) in
        [("{\"cod\":200}", "`current.dt` is missing"), ("<html>Log in</html>", "HTML where JSON is expected")]
    {
        let server = Server::start(Reply::json(200, body));
        let ran = run(&["one-call", "--location", "here=1,2", "--base-url", &server.url()]);
        failed(&ran, 76, &format!("location here: the reply to onecall is not as documented: {why}"));
    }
    let server = Server::start(Reply::json(200, &format!("{{\"cod\":\"400\",\"message\":\"no {KEY}\"}}")));
    run(&["one-call", "--location", "here=1,2", "--base-url", &server.url()]).fails(76);
}
