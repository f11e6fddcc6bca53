//! What is the same for all extractors, and what becomes of each recorded reply.

use std::path::{Path, PathBuf};

use etl_testkit::extract::{Extractor, Key, Place, fixtures};
use etl_testkit::http::Reply;
use etl_testkit::run::Ran;

pub(crate) fn extractor() -> Extractor {
    Extractor {
        binary: env!("CARGO_BIN_EXE_extract-openweather"),
        folder: env!("CARGO_MANIFEST_DIR"),
        args: &["current", "--city", "Munich", "--city", "Paris", "--base-url", "{url}"],
        replies: two_cities(),
        schema: "openweather.current",
        key: Some(Key {
            names: &["OPENWEATHER_API_KEY", "OPENWEATHER_KEY", "OPEN_WEATHER_KEY"],
            place: Place::Query("appid"),
        }),
    }
}

/// The weather in Munich, then in Paris.
pub(crate) fn two_cities() -> Vec<Reply> {
    let names =
        ["current/munich_two_conditions_no_feels_like.json", "current/paris_drizzle_no_cod_no_base.json"];
    names.map(|name| Reply::json(200, &reply(name))).to_vec()
}

/// Runs the binary with a key.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Ran {
    extractor().run(args)
}

/// A file of this crate.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A recorded reply, such as `current/rain_1h_only.json`.
pub(crate) fn reply(name: &str) -> String {
    std::fs::read_to_string(file("tests/replies").join(name)).unwrap()
}

#[test]
fn it_does_what_every_extractor_does() {
    extractor().conforms();
}

#[test]
fn recorded_replies_become_the_records_beside_them() {
    for (command, folder) in [
        ("current", "current"),
        ("forecast", "forecast"),
        ("air-pollution", "air_pollution"),
        ("air-pollution --forecast", "air_pollution_forecast"),
        ("one-call", "one_call_current"),
        ("one-call --part minutely", "one_call_minutely"),
        ("one-call --part hourly", "one_call_hourly"),
        ("one-call --part daily", "one_call_daily"),
        ("one-call --part alerts", "one_call_alerts"),
    ] {
        let command: Vec<&str> = command.split(' ').collect();
        let args = [&command[..], &["--location", "here=48.14,11.58", "--base-url", "{url}"]].concat();
        let runs = extractor().golden(&format!("tests/replies/{folder}"), &args, "1 location");
        for (name, ran) in runs {
            let warnings: Vec<&str> =
                ran.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
            let expected: &[&str] = match name.as_str() {
                "paris_2018_40_steps" => {
                    &["warning: location here: the forecast says cnt 40 and lists 2 steps"]
                }
                _ => &[],
            };
            assert_eq!(warnings, expected, "{name}");
            if ran.code == 0 {
                assert!(ran.stdout.contains(&format!("\"schema\":\"openweather.{folder}\"")), "{name}");
            }
        }
    }
}

#[test]
fn each_shared_fixture_has_an_outcome() {
    let table = |source: &str, folder: &str, files: &[(&str, &str)]| {
        let copies: Vec<String> =
            files.iter().map(|(name, _)| format!("tests/replies/{folder}/{name}")).collect();
        let table: Vec<(&str, &str, &str)> = files
            .iter()
            .zip(&copies)
            .map(|((name, outcome), copy)| (*name, copy.as_str(), *outcome))
            .collect();
        fixtures(env!("CARGO_MANIFEST_DIR"), source, &table);
    };
    table(
        "openweather_current",
        "current",
        &[
            ("error_401_invalid_key.json", "exit code 77"),
            ("error_429_blocked.json", "exit code 75"),
            ("munich_two_conditions_no_feels_like.json", "1 record"),
            ("paris_drizzle_no_cod_no_base.json", "1 record"),
            ("rain_1h_only.json", "1 record"),
            ("seattle_imperial.json", "1 record"),
        ],
    );
    table(
        "openweather_forecast",
        "forecast",
        &[
            ("error_401_invalid_key.json", "exit code 77"),
            ("london_2013_one_step.json", "1 record"),
            ("munich_pop_16_steps_mock.json", "16 records"),
            ("paris_2018_40_steps.json", "2 records"),
        ],
    );
    table(
        "openweather_air_pollution",
        "air_pollution",
        &[
            ("error_401_invalid_key.json", "exit code 77"),
            ("london_2021.json", "1 record"),
            ("seattle_2023.json", "1 record"),
        ],
    );
}
