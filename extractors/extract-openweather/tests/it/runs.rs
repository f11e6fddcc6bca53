//! Runs as a whole: locations, arguments, and what must not be printed.

use etl_testkit::extract::{KEY, Sealed, failed, silent};
use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::run::Folder;

use crate::demo::demo;
use crate::extractor::{extractor, reply, run, two_cities};

fn two_replies() -> Server {
    Server::start(two_cities().into_iter().fold(Script::new(), Script::then))
}

#[test]
fn the_request_is_what_the_service_documents() {
    let server = two_replies();
    let url = format!("{}/data/2.5/", server.url());
    run(&["current", "--city", "São Paulo,BR", "--lang", "pt_br", "--base-url", &url]).ok();
    let request = server.requests().remove(0);
    assert_eq!(request.method, "GET");
    let query = "q=S%C3%A3o%20Paulo%2CBR&units=metric&lang=pt_br&appid=s3cret%2Fk%22y%2B1";
    assert_eq!(request.target, format!("/data/2.5/weather?{query}"));
    assert_eq!(
        request.header("user-agent"),
        Some(concat!("extract-openweather/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("accept-encoding"), Some("gzip"));
}

#[test]
fn locations_keep_their_order_and_names() {
    let server = two_replies();
    let folder = Folder::new();
    folder.write("places", "# abroad\nParis,FR\n");
    let file = folder.path("places").display().to_string();
    let run =
        run(&["current", "--locations", &file, "--lat=48.14", "--lon=11.58", "--base-url", &server.url()]);
    let stream = Sealed::of(&run);
    let names: Vec<&str> = stream.records.iter().map(|record| record["location"].as_str().unwrap()).collect();
    assert_eq!(names, ["48.14,11.58", "Paris,FR"]);
    let cities: Vec<&str> = stream.records.iter().map(|record| record["city"].as_str().unwrap()).collect();
    assert_eq!(cities, ["Munich", "Paris"]);
    let targets: Vec<String> = server.requests().into_iter().map(|request| request.target).collect();
    assert!(targets[0].starts_with("/weather?lat=48.14&lon=11.58&units=metric&"), "{targets:?}");
    assert!(targets[1].starts_with("/weather?q=Paris%2CFR&units=metric&"), "{targets:?}");
}

#[test]
fn one_place_under_two_names_is_a_warning() {
    let server = two_replies();
    let url = server.url();
    let run = run(&[
        "current",
        "--location",
        "home=48.14,11.58",
        "--lat",
        "48.140",
        "--lon",
        "11.58",
        "--base-url",
        &url,
    ]);
    assert_eq!(Sealed::of(&run).records.len(), 2);
    assert!(run.stderr.contains("the locations 48.140,11.58 and home are the same place"), "{}", run.stderr);
}

#[test]
fn one_location_that_fails_fails_the_run() {
    let script = Script::new()
        .then(Reply::json(200, &reply("current/munich_two_conditions_no_feels_like.json")))
        .then(Reply::json(404, r#"{"cod":"404","message":"city not found"}"#));
    let server = Server::start(script);
    let run = run(&["current", "--city", "Munich", "--city", "Atlantis", "--base-url", &server.url()]);
    failed(&run, 78, "location Atlantis: HOST: 404: city not found");
}

#[test]
fn arguments_that_make_no_sense_are_refused_before_anything_is_sent() {
    let cases: [(&[&str], i32, &str); 5] = [
        (
            &["current", "--city", "A", "--base-url", "ftp://h"],
            78,
            "base URL \"ftp://h\": it must start with https:// (or http://)",
        ),
        (
            &["current", "--city", "A", "--base-url", "http://h.example"],
            78,
            "base URL \"http://h.example\": http:// is only allowed to loopback, because keys would travel \
             unencrypted; --allow-http permits it",
        ),
        (&["air-pollution", "--city", "A"], 2, "--city A: the service knows this by coordinates only"),
        (
            &["current"],
            2,
            "no location: give --city, --lat and --lon, --location or --locations, or set CITY, or LAT and LONG",
        ),
        (
            &["current", "--locations", "nowhere/places"],
            66,
            "cannot read nowhere/places: No such file or directory (os error 2)",
        ),
    ];
    for (args, code, message) in cases {
        failed(&run(args), code, message);
    }
}

#[test]
fn the_environment_gives_the_location_of_existing_deployments() {
    let server = Server::start(Reply::json(200, &reply("air_pollution/seattle_2023.json")));
    let cmd = extractor().cmd(&["air-pollution", "--base-url", &server.url()]);
    let run = silent(cmd.env("CITY", "Seattle").env("LAT", "47.6038").env("LONG", "-122.3301"));
    assert_eq!(Sealed::of(&run).records[0]["location"], "47.6038,-122.3301");
}

#[test]
fn other_places_of_the_same_cassettes_are_another_stream() {
    let replay = |cities: &[&str]| run(&[&["current", "--replay", &demo()], cities].concat());
    let both = Sealed::of(&replay(&["--city", "Munich", "--city", "Paris"]));
    let fewer = Sealed::of(&replay(&["--city", "Munich"]));
    assert_ne!(fewer.id, both.id);
    let missing = replay(&["--city", "Lisbon"]);
    assert!(
        missing.fails(66).last_error_line().starts_with("location Lisbon: --replay: "),
        "{}",
        missing.stderr
    );
}

#[test]
fn the_card_lists_what_it_reads_and_writes() {
    let run = run(&["--describe"]);
    let card: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let commands = [
        ("current", &["openweather.current"][..]),
        ("forecast", &["openweather.forecast"]),
        ("air-pollution", &["openweather.air_pollution", "openweather.air_pollution_forecast"]),
        (
            "one-call",
            &[
                "openweather.one_call_current",
                "openweather.one_call_minutely",
                "openweather.one_call_hourly",
                "openweather.one_call_daily",
                "openweather.one_call_alerts",
            ],
        ),
    ];
    let all: Vec<&str> = commands.iter().flat_map(|(_, schemas)| *schemas).copied().collect();
    assert_eq!(card["schemas"]["out"], serde_json::json!(all));
    for (command, (name, schemas)) in card["commands"].as_array().unwrap().iter().zip(commands) {
        assert_eq!((&command["name"], &command["writes"]), (&name.into(), &serde_json::json!(schemas)));
    }
    let help = "the key from openweathermap.org/api_keys; not needed with --replay";
    assert_eq!(card["variables"][0]["help"], help);
    let names: Vec<_> = card["variables"].as_array().unwrap().iter().map(|v| v["name"].clone()).collect();
    assert_eq!(names, ["OPENWEATHER_API_KEY", "CITY", "LAT", "LONG"]);
}

#[test]
fn a_key_in_the_wrong_place_is_not_printed_either() {
    let wrong = run(&["current", "--lat", KEY, "--lon", "1"]);
    assert!(wrong.fails(2).stderr.contains("[redacted]"), "{}", wrong.stderr);
    let cmd = extractor().cmd(&["current", "--help"]);
    let help = silent(cmd.env("OPENWEATHER_BASE_URL", format!("http://h.example/{KEY}")));
    assert!(help.ok().stdout.contains("[env: OPENWEATHER_BASE_URL]"), "{}", help.stdout);
}
