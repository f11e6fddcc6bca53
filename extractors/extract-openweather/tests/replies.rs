//! Each recorded reply through the binary: the documented records, or the documented error and exit code.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::sync::Arc;

use etl_schema::{Checker, Schema, UnknownFields};
use etl_stream::json::Scanner;
use etl_testkit::http::{Reply, Script, Server};
use support::{reply, run, with_fetched_at};

fn golden(subcommand: &str, path: &str, name: &str) {
    let server = Server::start(Script::new().at(path, Reply::json(200, &reply(&format!("{name}.json")))));
    let run = run(&[subcommand, "--location", "here=48.14,11.58", "--base-url", &server.url()]);
    let stream = run.stream();

    let expected = reply(&format!("{name}.ndjson"));
    let fetched_at = stream.records[0]["fetched_at"].as_str().unwrap().to_owned();
    assert!(fetched_at.parse::<jiff::Timestamp>().is_ok() && fetched_at.ends_with('Z'), "{fetched_at}");
    let expected: Vec<String> = expected.lines().map(|line| with_fetched_at(line, &fetched_at)).collect();
    assert_eq!(stream.lines, expected, "{name}");

    assert_eq!(stream.schema, format!("openweather.{}", name.split('/').next().unwrap()));
    let schema = Arc::new(Schema::named(&stream.schema).unwrap());
    let mut checker = Checker::new(schema, UnknownFields::Error);
    let mut scanner = Scanner::default();
    for line in &stream.lines {
        let record = scanner.scan(line.as_bytes()).unwrap();
        if let Err(violation) = checker.check(&record) {
            panic!("{name}: {violation:?}");
        }
    }
    assert_eq!(stream.producer, concat!("extract-openweather/", env!("CARGO_PKG_VERSION")));
    let summary = format!("{}: {} records of 1 locations", stream.schema, expected.len());
    assert!(run.stderr.trim_end().ends_with(&summary), "{}", run.stderr);
}

#[test]
fn current_weather() {
    for name in [
        "munich_two_conditions_no_feels_like",
        "paris_drizzle_no_cod_no_base",
        "rain_1h_only",
        "seattle_imperial",
    ] {
        golden("current", "/weather", &format!("current/{name}"));
    }
}

#[test]
fn forecasts() {
    for name in ["london_2013_one_step", "munich_pop_16_steps_mock", "paris_2018_40_steps"] {
        golden("forecast", "/forecast", &format!("forecast/{name}"));
    }
}

#[test]
fn air_pollution() {
    for name in ["london_2021", "seattle_2023"] {
        golden("air-pollution", "/air_pollution", &format!("air_pollution/{name}"));
    }
}

#[test]
fn a_count_that_disagrees_with_its_list_is_a_warning() {
    let server = Server::start(Reply::json(200, &reply("forecast/paris_2018_40_steps.json")));
    let run = run(&["forecast", "--city", "Paris", "--base-url", &server.url()]);
    assert_eq!(run.stream().records.len(), 2);
    assert!(
        run.stderr.contains("location Paris: the forecast says cnt 40 and lists 2 steps"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_empty_list_is_a_success_without_records() {
    let server = Server::start(Reply::json(200, r#"{"coord":[50,50],"list":[]}"#));
    let run = run(&["air-pollution", "--lat", "50", "--lon", "50", "--base-url", &server.url()]);
    assert_eq!(run.stream().records.len(), 0);
}

#[test]
fn a_refused_key_says_how_long_a_new_one_takes() {
    for (subcommand, name) in
        [("current", "current"), ("forecast", "forecast"), ("air-pollution", "air_pollution")]
    {
        let server = Server::start(Reply::json(401, &reply(&format!("{name}/error_401_invalid_key.json"))));
        run(&[subcommand, "--location", "here=1,2", "--base-url", &server.url()]).failed(
            77,
            "location here: HOST: 401: Invalid API key. Please see https://openweathermap.org/faq#error401 for \
             more info. (a new key takes up to two hours to work)",
        );
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn an_exceeded_quota_waits_a_minute_or_leaves() {
    let server = Server::start(Reply::json(429, &reply("current/error_429_blocked.json")));
    let run = run(&["current", "--city", "A", "--deadline", "30s", "--base-url", &server.url()]);
    assert_eq!(run.code, 75);
    assert_eq!(server.requests().len(), 1);
    let last = run.stderr.lines().last().unwrap();
    assert!(last.contains("location A: 127.0.0.1:") && last.contains("429 Too Many Requests"), "{last}");
    assert!(last.contains("temporary blocked") && last.contains("; retry_at 2"), "{last}");
}

#[test]
fn a_quota_in_the_body_of_a_200_is_one_too() {
    let server = Server::start(Reply::json(200, &reply("current/error_429_blocked.json")));
    let run = run(&["current", "--city", "A", "--deadline", "30s", "--base-url", &server.url()]);
    assert_eq!((run.code, server.requests().len()), (75, 1));
    assert!(run.stderr.lines().last().unwrap().contains("; retry_at 2"), "{}", run.stderr);
}

#[test]
fn what_the_service_refuses_names_the_location_and_its_words() {
    let not_found = r#"{"cod":"404","message":"city not found"}"#;
    for (status, body, code, message) in [
        (404, not_found, 78, "location A: HOST: 404: city not found"),
        (200, not_found, 78, "location A: HOST: 404: city not found"),
        (
            400,
            r#"{"cod":"400","message":"Nothing to geocode"}"#,
            78,
            "location A: HOST: 400: Nothing to geocode",
        ),
        (404, "<html><h1>Not Found</h1></html>", 78, "location A: HOST: 404"),
        (200, r#"{"cod":"0","message":"odd"}"#, 76, "location A: HOST: an unknown `cod` 0: odd"),
        (
            200,
            "<html>Log in</html>",
            76,
            "location A: the reply to weather is not as documented: HTML where JSON is expected",
        ),
        (200, "[]", 76, "location A: the reply to weather is not as documented: a list, expected an object"),
        (
            200,
            r#"{"cod":200,"dt":1700000000,"main":{"temp":"1"},"weather":[]}"#,
            76,
            "location A: the reply to weather is not as documented: `main.temp` is a string, expected a number that \
             a double can hold",
        ),
    ] {
        let server = Server::start(Reply::json(status, body));
        run(&["current", "--city", "A", "--base-url", &server.url()]).failed(code, message);
        assert_eq!(server.requests().len(), 1, "{body}");
    }
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    let script = Script::new()
        .then(Reply::text(503, "later").header("Retry-After", "0"))
        .then(Reply::json(200, &reply("current/rain_1h_only.json")));
    let server = Server::start(script);
    let run = run(&["current", "--city", "A", "--base-url", &server.url()]);
    assert_eq!(run.stream().records[0]["rain_1h"], 1.0);
    assert_eq!(server.requests().len(), 2);
}
