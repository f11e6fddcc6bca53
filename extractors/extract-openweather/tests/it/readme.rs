//! The examples of the README, run as written.

use etl_testkit::examples;
use etl_testkit::http::{Reply, Script, Server};

use crate::extractor::reply;
use crate::one_call::whole;

#[test]
fn the_examples_run_as_written() {
    let server = Server::start(
        Script::new()
            .at("/weather", Reply::json(200, &reply("current/seattle_imperial.json")))
            .at("/forecast", Reply::json(200, &reply("forecast/munich_pop_16_steps_mock.json")))
            .at("/air_pollution", Reply::json(200, &reply("air_pollution/seattle_2023.json")))
            .at(
                "/air_pollution/forecast",
                Reply::json(200, &reply("air_pollution_forecast/made_two_hours.json")),
            )
            .at("/air_pollution/history", Reply::json(200, &reply("air_pollution/seattle_2023.json")))
            .at("/onecall", Reply::json(200, &whole())),
    );
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let binaries = ["extract-openweather", "load-sqlite", "load-postgres", "load-influx", "notify-slack"];
    let env = [
        ("OPENWEATHER_API_KEY", "k3y"),
        ("OPENWEATHER_BASE_URL", &server.url()),
        ("OPENWEATHER_ONE_CALL_BASE_URL", &server.url()),
    ];
    assert_eq!(examples::run(readme, &binaries, &env), 8);
}
