//! Runs as a whole: locations, keys, cassettes, and what must not be printed.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::time::Instant;

use etl_testkit::http::{Reply, Script, Server};
use support::{KEY, binary, finish, folder, no_secret_in, reply, run};

fn two_cities() -> Script {
    Script::new()
        .then(Reply::json(200, &reply("current/munich_two_conditions_no_feels_like.json")))
        .then(Reply::json(200, &reply("current/paris_drizzle_no_cod_no_base.json")))
}

#[test]
fn the_request_is_what_the_service_documents() {
    let server = Server::start(two_cities());
    let url = format!("{}/data/2.5/", server.url());
    run(&["current", "--city", "São Paulo,BR", "--lang", "pt_br", "--base-url", &url]).stream();
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
    let server = Server::start(two_cities());
    let (_keep, folder) = folder();
    let file = format!("{folder}/places");
    std::fs::write(&file, "# abroad\nParis,FR\n").unwrap();
    let run =
        run(&["current", "--locations", &file, "--lat=48.14", "--lon=11.58", "--base-url", &server.url()]);
    let stream = run.stream();
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
    let server = Server::start(two_cities());
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
    assert_eq!(run.stream().records.len(), 2);
    assert!(run.stderr.contains("the locations 48.140,11.58 and home are the same place"), "{}", run.stderr);
}

#[test]
fn one_location_that_fails_fails_the_run() {
    let script = Script::new()
        .then(Reply::json(200, &reply("current/munich_two_conditions_no_feels_like.json")))
        .then(Reply::json(404, r#"{"cod":"404","message":"city not found"}"#));
    let server = Server::start(script.clone());
    let cities = ["current", "--city", "Munich", "--city", "Atlantis", "--base-url"];
    run(&[&cities[..], &[&server.url()]].concat()).failed(78, "location Atlantis: HOST: 404: city not found");

    let server = Server::start(script);
    let (keep, folder) = folder();
    let file = format!("{folder}/weather.ndjson");
    std::fs::write(&file, "yesterday\n").unwrap();
    let run = run(&[&cities[..], &[&server.url(), "--output", &file]].concat());
    assert_eq!(run.code, 78);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "yesterday\n");
    assert_eq!(std::fs::read_dir(keep.path()).unwrap().count(), 1);
}

#[test]
fn an_output_file_has_the_stream() {
    let server = Server::start(two_cities());
    let (_keep, folder) = folder();
    let file = format!("{folder}/weather.ndjson");
    let mut run = run(&["current", "--city", "Munich", "--output", &file, "--base-url", &server.url()]);
    assert_eq!(run.stdout, "");
    run.stdout = std::fs::read_to_string(&file).unwrap();
    assert_eq!(run.stream().records[0]["city"], "Munich");
}

#[test]
fn the_key_is_found_under_each_of_its_names() {
    let (_keep, folder) = folder();
    let file = format!("{folder}/key");
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    for name in ["OPENWEATHER_API_KEY", "OPENWEATHER_KEY", "OPEN_WEATHER_KEY"] {
        for (name, value) in [(name.to_owned(), KEY), (format!("{name}_FILE"), file.as_str())] {
            let server = Server::start(two_cities());
            let mut command = binary(&["current", "--city", "A", "--base-url", &server.url()]);
            let run = finish(command.env_remove("OPENWEATHER_API_KEY").env(&name, value));
            assert_eq!(run.stream().records.len(), 1, "{name}");
            let target = server.requests().remove(0).target;
            assert!(target.ends_with("&appid=s3cret%2Fk%22y%2B1"), "{name}: {target}");
        }
    }
}

#[test]
fn without_a_key_nothing_is_sent() {
    let server = Server::start(two_cities());
    let url = server.url();
    let args = ["current", "--city", "A", "--base-url", &url];
    let missing = finish(binary(&args).env_remove("OPENWEATHER_API_KEY"));
    missing.failed(
        78,
        "OPENWEATHER_API_KEY is not set (the key from openweathermap.org/api_keys; not needed with --replay); set \
         it, or OPENWEATHER_API_KEY_FILE to a file with it",
    );
    finish(binary(&args).env("OPENWEATHER_API_KEY", "")).failed(78, "OPENWEATHER_API_KEY is set but empty");
    assert_eq!(server.requests(), []);
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
            "base URL \"http://h.example\": http:// is refused but to loopback, because keys would travel \
             readable; --allow-http permits it",
        ),
        (&["air-pollution", "--city", "A"], 2, "--city A: the service knows the air by coordinates only"),
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
        run(args).failed(code, message);
    }
}

#[test]
fn the_environment_gives_the_location_of_existing_deployments() {
    let server = Server::start(Reply::json(200, &reply("air_pollution/seattle_2023.json")));
    let mut command = binary(&["air-pollution", "--base-url", &server.url()]);
    let run = finish(command.env("CITY", "Seattle").env("LAT", "47.6038").env("LONG", "-122.3301"));
    assert_eq!(run.stream().records[0]["location"], "47.6038,-122.3301");
}

#[test]
fn a_server_that_is_not_there_is_transient() {
    let server = Server::start(Reply::status(200));
    let url = server.url();
    drop(server);
    let run = run(&["current", "--city", "A", "--retries", "0", "--base-url", &url]);
    assert_eq!(run.code, 75);
    assert!(run.stderr.lines().last().unwrap().contains("location A: 127.0.0.1:"), "{}", run.stderr);
}

#[test]
fn a_replay_is_byte_identical_and_needs_neither_key_nor_network() {
    let server = Server::start(two_cities());
    let (keep, cassettes) = folder();
    let url = server.url();
    let args = ["current", "--city", "Munich", "--city", "Paris"];
    let live = run(&[&args[..], &["--base-url", &url, "--record", &cassettes]].concat()).stream();
    drop(server);
    let replay =
        || finish(binary(&[&args[..], &["--replay", &cassettes]].concat()).env_remove("OPENWEATHER_API_KEY"));
    let (first, second) = (replay(), replay());
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(first.stream().lines, live.lines);
    assert_ne!(first.stream().id, live.id);

    let fewer = run(&["current", "--city", "Munich", "--replay", &cassettes]).stream();
    assert_ne!(fewer.id, first.stream().id);

    let files: Vec<_> = std::fs::read_dir(keep.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2);
    for file in files {
        no_secret_in(&std::fs::read_to_string(&file).unwrap());
        no_secret_in(file.to_str().unwrap());
    }

    let missing = run(&["current", "--city", "Lisbon", "--replay", &cassettes]);
    assert_eq!(missing.code, 66);
    assert!(missing.stderr.contains("location Lisbon: --replay: "), "{}", missing.stderr);
}

#[test]
fn a_key_that_the_server_echoes_goes_nowhere() {
    let in_json = serde_json::json!({ "cod": "400", "message": format!("{KEY} is odd") }).to_string();
    for (status, body, code) in [
        (400, in_json.as_str(), 78),
        (401, in_json.as_str(), 77),
        (500, &format!("cannot serve ?appid={KEY}"), 75),
        (403, "no appid=s3cret%2Fk%22y%2B1 here", 77),
        (200, KEY, 76),
    ] {
        let server = Server::start(Reply::text(status, body));
        let (keep, cassettes) = folder();
        let url = server.url();
        let args = ["current", "--city", "A", "--retries", "0", "--record", &cassettes, "--base-url", &url];
        let run = run(&[&args[..], &["--log-level", "trace"]].concat());
        assert_eq!(run.code, code, "{}", run.stderr);
        for entry in std::fs::read_dir(keep.path()).unwrap() {
            no_secret_in(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
        }
    }
}

#[test]
fn the_command_line_of_the_process_has_no_key() {
    let server = Server::start(Reply::silence());
    let mut command = binary(&["current", "--city", "A", "--base-url", &server.url()]);
    let mut child =
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while server.requests().is_empty() {
        assert!(started.elapsed() < etl_testkit::DEADLINE, "no request came");
        std::thread::yield_now();
    }
    let cmdline = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(String::from_utf8_lossy(&cmdline).contains("--city\0A"));
    no_secret_in(&String::from_utf8_lossy(&cmdline));
}

#[test]
fn the_card_lists_what_it_reads_and_writes() {
    let run = run(&["--describe"]);
    let card: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(card["name"], "extract-openweather");
    let schemas = ["openweather.current", "openweather.forecast", "openweather.air_pollution"];
    assert_eq!(card["schemas"]["out"], serde_json::json!(schemas));
    for (command, schema) in card["commands"].as_array().unwrap().iter().zip(schemas) {
        assert_eq!(command["reads"], serde_json::json!({ "kind": "nothing" }));
        assert_eq!(command["stdout"]["schemas"], serde_json::json!([schema]), "{}", command["name"]);
        assert_eq!(command["writes"], serde_json::json!([schema]));
    }
    let key = &card["variables"][0];
    assert_eq!((&key["name"], &key["secret"]), (&"OPENWEATHER_API_KEY".into(), &true.into()));
    assert_eq!(key["aliases"], serde_json::json!(["OPENWEATHER_KEY", "OPEN_WEATHER_KEY"]));
    let names: Vec<_> = card["variables"].as_array().unwrap().iter().map(|v| v["name"].clone()).collect();
    assert_eq!(names, ["OPENWEATHER_API_KEY", "CITY", "LAT", "LONG"]);
}

#[test]
fn a_key_in_the_wrong_place_is_not_printed_either() {
    let address = format!("http://h.example/{KEY}");
    for args in [
        &["current", "--city", "A", "--base-url", &address][..],
        &["current", "--lat", KEY, "--lon", "1"],
        &["current", "--city", "A", "--deadline", KEY],
        &["current", "--city", "A", KEY],
    ] {
        let run = run(args);
        assert!([2, 78].contains(&run.code), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains("[redacted]"), "{args:?}: {}", run.stderr);
    }
    let help = finish(binary(&["current", "--help"]).env("OPENWEATHER_BASE_URL", &address));
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("[env: OPENWEATHER_BASE_URL]"), "{}", help.stdout);
}

#[test]
fn wrong_arguments_are_reported_in_the_format_asked_for() {
    for (args, variable) in [(&["--log-format", "json", "--nope"][..], "text"), (&["--nope"], "json")] {
        let run = finish(binary(args).env("ETL_LOG_FORMAT", variable));
        assert_eq!(run.code, 2);
        let line: serde_json::Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
        assert_eq!((&line["level"], &line["code"]), (&"error".into(), &2.into()));
        assert_eq!(line["msg"], "unexpected argument '--nope' found (extract-openweather --help says more)");
    }
}
