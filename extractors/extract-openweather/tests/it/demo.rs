//! The cassettes of `cargo xtask demo`: what they hold, and how they were made.
//!
//! `cargo test -p extract-openweather --test it -- --ignored` makes them again. They hold recorded replies that were
//! metric: `replies/PROVENANCE.md` says whose. The one of Seattle's weather was recorded in °F and is not among them.

use etl_testkit::extract::Sealed;
use etl_testkit::http::{Reply, Script, Server};
use serde_json::Value;

use crate::extractor::{extractor, file, reply, run};

/// The arguments of a demo run, the path it asks, and the replies it gets.
const RUNS: [(&[&str], &str, &[&str]); 3] = [
    (
        &["current", "--city", "Munich", "--city", "Paris"],
        "/weather",
        &["current/munich_two_conditions_no_feels_like.json", "current/paris_drizzle_no_cod_no_base.json"],
    ),
    (&["forecast", "--city", "Munich"], "/forecast", &["forecast/munich_pop_16_steps_mock.json"]),
    (
        &["air-pollution", "--location", "Seattle=47.6038,-122.3301", "--location", "London=51.5074,-0.1278"],
        "/air_pollution",
        &["air_pollution/seattle_2023.json", "air_pollution/london_2021.json"],
    ),
];

/// The folder of the cassettes.
pub(crate) fn demo() -> String {
    file("demo").to_str().unwrap().to_owned()
}

#[test]
#[ignore = "writes the cassettes into the source tree"]
fn make_the_cassettes() {
    for (args, path, replies) in RUNS {
        let script = replies
            .iter()
            .fold(Script::new(), |script, name| script.at(path, Reply::json(200, &reply(name))));
        let server = Server::start(script);
        let run = run(&[args, &["--record", &demo(), "--base-url", &server.url()]].concat());
        assert!(!Sealed::of(&run).records.is_empty());
    }
}

#[test]
fn the_cassettes_replay_without_a_key() {
    let (mut seen, mut summaries) = (Vec::new(), Vec::new());
    for (args, _, _) in RUNS {
        let run = extractor().without_key(&[args, &["--replay", &demo()]].concat()).run();
        let stream = Sealed::of(&run);
        summaries.push(run.stderr.lines().last().unwrap().to_owned());
        for record in stream.records {
            let key = if record["forecast_at"].is_null() { "observed_at" } else { "forecast_at" };
            let value = if record["aqi"].is_null() { "temp" } else { "aqi" };
            seen.push(format!(
                "{} {} {value} {}",
                record["location"].as_str().unwrap(),
                record[key],
                record[value]
            ));
        }
    }
    assert_eq!(
        summaries,
        [
            "openweather.current: 2 records of 2 locations",
            "openweather.forecast: 16 records of 1 location",
            "openweather.air_pollution: 2 records of 2 locations",
        ]
    );
    assert_eq!(seen.len(), 2 + 16 + 2);
    assert_eq!(seen[0], "Munich \"2019-01-13T13:50:00Z\" temp 1.49");
    assert_eq!(seen[1], "Paris \"2018-12-07T15:00:00Z\" temp 9.25");
    assert_eq!(seen[2], "Munich \"2025-04-09T00:00:00Z\" temp -1.0");
    assert_eq!(seen[18], "Seattle \"2023-12-04T07:56:18Z\" aqi 1");
    assert_eq!(seen[19], "London \"2021-01-25T18:00:00Z\" aqi 1");
}

#[test]
fn the_cassettes_hold_the_replies_whose_provenance_is_known() {
    let known: Vec<String> =
        RUNS.iter().flat_map(|(_, _, replies)| *replies).map(|name| reply(name)).collect();
    let mut found = 0;
    let files = std::fs::read_dir(demo()).unwrap().map(|entry| entry.unwrap().path());
    for path in files.filter(|path| path.extension().is_some_and(|kind| kind == "json")) {
        let cassette: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let body = cassette["body"].as_str().unwrap();
        assert!(known.iter().any(|reply| reply == body), "{}", cassette["url"]);
        found += 1;
    }
    assert_eq!(found, known.len());
}
