//! The history of the air: windows, their ends, the state, replays.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use etl_testkit::extract::{Sealed, failed, silent};
use etl_testkit::http::{Received, Reply, Server};
use etl_testkit::postgres;
use etl_testkit::run::{Cmd, Folder, Ran};

use crate::extractor::{extractor, run};

/// 2025-01-01T00:00:00Z
const START: i64 = 1_735_689_600;
const HOUR: i64 = 3600;

/// A service that knows each hour from 2021 on up to `last`. It counts both ends in, as nobody has documented.
struct Service {
    server: Server,
    last: Arc<AtomicI64>,
    /// The hour whose index is 5, and no longer what `aqi` says.
    revised: Arc<AtomicI64>,
}

fn service(last: i64) -> Service {
    let (last, revised) = (Arc::new(AtomicI64::new(last)), Arc::new(AtomicI64::new(0)));
    let answer = {
        let (last, revised) = (Arc::clone(&last), Arc::clone(&revised));
        move |request: &Received| {
            let [start, end] = ["start", "end"].map(|name| parameter(request, name));
            let first = start.max(1_609_459_200);
            let hours = (first.div_euclid(HOUR)..=end.min(last.load(Ordering::SeqCst)).div_euclid(HOUR))
                .map(|hour| hour * HOUR)
                .filter(|at| *at >= first);
            let entry = |at: i64| {
                let aqi = if at == revised.load(Ordering::SeqCst) { 5 } else { aqi(at) };
                format!(r#"{{"dt":{at},"main":{{"aqi":{aqi}}},"components":{{"no":0,"o3":61.5}}}}"#)
            };
            let list: Vec<String> = hours.map(entry).collect();
            Reply::json(200, &format!(r#"{{"coord":{{"lat":1,"lon":2}},"list":[{}]}}"#, list.join(",")))
        }
    };
    Service { server: Server::answering("127.0.0.1:0", answer), last, revised }
}

fn aqi(at: i64) -> i64 {
    at / HOUR % 4 + 1
}

fn parameter(request: &Received, name: &str) -> i64 {
    let query = request.target.split_once('?').unwrap().1;
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    pair.unwrap_or_else(|| panic!("{name} in {query}")).parse().unwrap()
}

impl Service {
    fn args<'a>(&self, more: &'a [&'a str]) -> Vec<String> {
        let args =
            [&["air-pollution", "--location", "here=1,2", "--base-url"][..], &[&self.server.url()], more];
        args.concat().into_iter().map(str::to_owned).collect()
    }

    fn run(&self, more: &[&str]) -> Ran {
        let args = self.args(more);
        run(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The `start` and `end` of each request so far.
    fn windows(&self) -> Vec<(i64, i64)> {
        let windows = self.server.requests();
        windows.iter().map(|request| (parameter(request, "start"), parameter(request, "end"))).collect()
    }
}

fn times(stream: &Sealed) -> Vec<&str> {
    stream.records.iter().map(|record| record["observed_at"].as_str().unwrap()).collect()
}

#[test]
fn a_window_is_half_open_and_asked_for_in_unix_seconds() {
    let service = service(i64::MAX);
    let ran = service.run(&["--since", "2025-01-01", "--until", "2025-01-01T03:00:00Z"]);
    let stream = Sealed::of(&ran);
    assert_eq!(stream.schema, "openweather.air_pollution");
    assert_eq!(times(&stream), ["2025-01-01T00:00:00Z", "2025-01-01T01:00:00Z", "2025-01-01T02:00:00Z"]);
    assert_eq!(
        (&stream.records[1]["o3"], &stream.records[1]["aqi"]),
        (&61.5.into(), &aqi(START + HOUR).into())
    );
    let request = service.server.requests().remove(0);
    let query = "lat=1&lon=2&start=1735689600&end=1735700400&appid=s3cret%2Fk%22y%2B1";
    assert_eq!(request.target, format!("/air_pollution/history?{query}"));
    assert!(!ran.stdout.contains("\"kind\":\"state\""), "a piece of the past has no state: {}", ran.stdout);

    // Neither end is a whole hour.
    let ran = service.run(&["--since", "2025-01-01T00:00:00.5Z", "--until", "2025-01-01T02:00:00.5Z"]);
    assert_eq!(times(&Sealed::of(&ran)), ["2025-01-01T01:00:00Z", "2025-01-01T02:00:00Z"]);
    assert_eq!(service.windows()[1], (START, START + 2 * HOUR + 1));
}

#[test]
fn a_long_time_is_asked_for_in_windows_without_a_gap_or_a_double() {
    let service = service(i64::MAX);
    let ran = service.run(&["--since", "2025-01-01", "--until", "2025-08-01"]);
    let stream = Sealed::of(&ran);
    assert_eq!(stream.records.len(), 212 * 24);
    let times = times(&stream);
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "in order, and each once");
    assert_eq!((times[0], times[212 * 24 - 1]), ("2025-01-01T00:00:00Z", "2025-07-31T23:00:00Z"));
    let days = |days: i64| START + days * 24 * HOUR;
    assert_eq!(service.windows(), [(days(0), days(90)), (days(90), days(180)), (days(180), days(212))]);
}

#[test]
fn the_history_begins_in_november_2020() {
    let service = service(i64::MAX);
    for more in [
        &["--until", "2021-01-01T02:00:00Z"][..],
        &["--since", "2019-01-01", "--until", "2021-01-01T02:00:00Z"],
    ] {
        let ran = service.run(more);
        assert_eq!(times(&Sealed::of(&ran)), ["2021-01-01T00:00:00Z", "2021-01-01T01:00:00Z"]);
    }
    let first = (1_606_435_200, 1_609_466_400);
    assert_eq!(service.windows(), [first, first]);
    let ran = service.run(&["--since", "9999-01-01"]);
    failed(&ran, 2, "location here: --since 9999-01-01T00:00:00Z is in the future");
    let ran = service.run(&["--since", "2025-01-02", "--until", "2025-01-02"]);
    failed(&ran, 2, "--until 2025-01-02T00:00:00Z is not after --since 2025-01-02T00:00:00Z");
}

#[test]
fn without_an_end_it_reaches_up_to_now_and_not_beyond() {
    let service = service(i64::MAX);
    let args = ["--since", "2025-01-01"];
    let stream = Sealed::of(&service.run(&args));
    let windows = service.windows();
    let (last, fetched) = (windows.last().unwrap().1, stream.records.last().unwrap());
    assert!(fetched["observed_at"].as_str() <= fetched["fetched_at"].as_str(), "{fetched}");
    assert!(windows.windows(2).all(|pair| pair[0].1 == pair[1].0 && pair[0].1 - pair[0].0 == 90 * 24 * HOUR));
    assert!(last - windows.last().unwrap().0 <= 90 * 24 * HOUR, "{windows:?}");
    assert_eq!(stream.records.len() as i64, (last - START).div_euclid(HOUR) + 1);
}

#[test]
fn a_replay_at_another_time_is_the_same_stream() {
    let service = service(START + 100 * 24 * HOUR);
    let folder = Folder::new();
    let cassettes = folder.path("").display().to_string();
    let live = Sealed::of(&service.run(&["--since", "2025-01-01", "--record", &cassettes]));
    assert_eq!(live.records.len(), 100 * 24 + 1);
    // As if it had been recorded within the second window.
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.path("")).unwrap() {
        let path = entry.unwrap().path();
        let mut cassette: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        cassette["fetched_at"] = "2025-04-11T12:34:56Z".into();
        std::fs::write(&path, cassette.to_string()).unwrap();
        names.push(cassette["url"].as_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names[0], "air_pollution/history?lat=1&lon=2&start=1735689600");
    assert_eq!(names[1], "air_pollution/history?lat=1&lon=2&start=1743465600");
    for name in
        folder_names(&folder).iter().filter(|name| !name.contains("17356896") && !name.contains("17434656"))
    {
        std::fs::remove_file(folder.path(name)).unwrap();
    }
    let args = service.args(&["--since", "2025-01-01", "--replay", &cassettes]);
    let replay = || silent(extractor().without_key(&args));
    let (first, second) = (replay(), replay());
    assert_eq!(first.ok().stdout, second.ok().stdout);
    assert_eq!(times(&Sealed::of(&first)), times(&live));
}

fn folder_names(folder: &Folder) -> Vec<String> {
    let files = std::fs::read_dir(folder.path("")).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_run_reads_on_from_the_state_and_sees_what_came_late() {
    let (service, folder, space) =
        (service(START + 4 * HOUR), Folder::new(), postgres::Server::shared().space());
    let state = folder.path("air.json").display().to_string();
    let load = |more: &[&str]| {
        let args = service.args(&[&["--state", &state, "--since", "2025-01-01"][..], more].concat());
        let loader = Cmd::bin("load-postgres").words("--create --mode upsert").args(["--state-out", &state]);
        let loader = space.env().into_iter().fold(loader, |loader, (name, value)| loader.env(name, value));
        let (extracted, loaded) = extractor().cmd(&args).pipe(loader);
        loaded.ok();
        extracted.ok().stderr.lines().last().unwrap().to_owned()
    };
    let rows = || {
        let select = "SELECT to_char(observed_at AT TIME ZONE 'UTC', 'DD HH24'), aqi, o3 FROM openweather_air_pollution \
                      ORDER BY observed_at";
        space.rows(select)
    };
    let expected = |hours: i64, revised: Option<i64>| -> Vec<String> {
        let day = |hour: i64| format!("{:02} {:02}", hour / 24 + 1, hour % 24);
        let value = |hour: i64| if Some(hour) == revised { 5 } else { aqi(START + hour * HOUR) };
        (0..hours).map(|hour| format!("{}|{}|61.5", day(hour), value(hour))).collect()
    };
    let summary = |records: &str| format!("openweather.air_pollution: {records} of 1 location");

    assert_eq!(load(&[]), summary("5 records"));
    assert_eq!(rows(), expected(5, None));
    // The same again: nothing is new.
    assert_eq!(load(&[]), summary("0 records"));
    assert_eq!(rows(), expected(5, None));

    // The next day there are more hours, and one that was read before has changed.
    service.last.store(START + 26 * HOUR, Ordering::SeqCst);
    service.revised.store(START + 2 * HOUR, Ordering::SeqCst);
    let before = service.windows().len();
    assert_eq!(load(&[]), summary("23 records"));
    assert_eq!(rows(), expected(27, Some(2)));
    assert_eq!(service.windows()[before].0, START);

    // From then on a day before the newest hour is early enough.
    let before = service.windows().len();
    assert_eq!(load(&[]), summary("0 records"));
    assert_eq!(service.windows()[before].0, START + 2 * HOUR);

    // Looked at only an hour back, the same change is not seen.
    service.revised.store(START + 3 * HOUR, Ordering::SeqCst);
    assert_eq!(load(&["--look-back", "1h"]), summary("0 records"));
    assert_eq!(rows(), expected(27, Some(2)));
}

#[test]
fn hours_that_the_service_does_not_have_are_no_records_and_no_state() {
    let service = service(0);
    let ran = service.run(&["--since", "2025-01-01"]);
    assert_eq!(times(&Sealed::of(&ran)), [""; 0]);
    assert!(!ran.stdout.contains("\"kind\":\"state\""), "{}", ran.stdout);
}

#[test]
fn a_failure_in_a_later_window_writes_no_state() {
    let folder = Folder::new();
    let state = folder.path("air.json").display().to_string();
    let script = etl_testkit::http::Script::new()
        .then(Reply::json(200, r#"{"coord":{},"list":[{"dt":1735689600,"main":{"aqi":1},"components":{}}]}"#))
        .then(Reply::json(200, r#"{"list":[{"dt":1743465600,"main":{"aqi":9}}]}"#));
    let server = Server::start(script);
    let args = ["air-pollution", "--location", "here=1,2", "--since", "2025-01-01", "--state", &state];
    let ran = run(&[&args[..], &["--base-url", &server.url()]].concat());
    let why = "location here: the reply to air_pollution/history is not as documented: `list[0].main.aqi` is 9, expected 1 \
               to 5";
    failed(&ran, 76, why);
    assert!(!ran.stdout.contains("\"kind\":\"state\""), "{}", ran.stdout);
}
