//! Replies that are odd, and what the service refuses.

use etl_testkit::extract::{Sealed, failed};
use etl_testkit::http::{Reply, Script, Server};

use crate::extractor::{reply, run};

#[test]
fn a_count_that_disagrees_with_its_list_is_a_warning() {
    let server = Server::start(Reply::json(200, &reply("forecast/paris_2018_40_steps.json")));
    let run = run(&["forecast", "--city", "Paris", "--base-url", &server.url()]);
    assert_eq!(Sealed::of(&run).records.len(), 2);
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
    assert_eq!(Sealed::of(&run).records.len(), 0);
}

#[test]
fn a_refused_key_is_not_tried_again() {
    for (subcommand, name) in
        [("current", "current"), ("forecast", "forecast"), ("air-pollution", "air_pollution")]
    {
        let server = Server::start(Reply::json(401, &reply(&format!("{name}/error_401_invalid_key.json"))));
        let run = run(&[subcommand, "--location", "here=1,2", "--base-url", &server.url()]);
        // The message is in the golden file.
        run.fails(77);
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn only_an_invalid_key_is_told_to_wait_for_its_activation() {
    const HINT: &str = "(a new key takes up to two hours to work)";
    let invalid = "Invalid API key. Please see https://openweathermap.org/faq#error401 for more info.";
    let subscription =
        "Please note that using One Call 3.0 requires a separate subscription to the One Call by Call plan.";
    let blocked = "You are temporarily blocked because your account is exceeding the requests limitation of your subscription type.";
    for command in ["current", "forecast", "air-pollution", "air-pollution --forecast", "one-call"] {
        for (cod, said, code, hinted) in [
            ("401", invalid, 77, true),
            ("\"401\"", invalid, 77, true),
            ("401", subscription, 77, false),
            ("\"401\"", subscription, 77, false),
            ("401", blocked, 75, false),
        ] {
            let body = format!("{{\"cod\":{cod},\"message\":\"{said}\"}}");
            let server = Server::start(Reply::json(401, &body));
            let args: Vec<&str> = command.split(' ').collect();
            let ran = run(&[&args[..], &["--location", "here=1,2", "--base-url", &server.url()]].concat());
            let line = ran.fails(code).last_error_line();
            assert!(line.contains(said), "{command} {body}: {line}");
            // At One Call a 401 is about its subscription, whatever it says.
            let one_call = command == "one-call";
            assert_eq!(line.contains(HINT), hinted && !one_call, "{command} {body}: {line}");
            assert_eq!(line.contains("two hours"), hinted && !one_call, "{command} {body}: {line}");
            let own =
                "(One Call 3.0 needs a subscription of its own, beside the key: openweathermap.org/price)";
            assert_eq!(line.contains(own), one_call && code == 77, "{command} {body}: {line}");
            assert_eq!(server.requests().len(), 1, "{command} {body}");
        }
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
        failed(&run(&["current", "--city", "A", "--base-url", &server.url()]), code, message);
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
    assert_eq!(Sealed::of(&run).records[0]["rain_1h"], 1.0);
    assert_eq!(server.requests().len(), 2);
}
