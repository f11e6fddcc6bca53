use std::fs;
use std::path::Path;

use etl_component::{Class, Env, Secret};
use etl_testkit::http::{Reply as Answer, Script, Server};

use super::{args, base, client, fault};
use crate::{BaseUrl, Client, Request, SourceArgs, base_url};

fn weather(base: &BaseUrl, city: &str, secret: &Secret) -> Request {
    Request::get(base, "weather").query("q", city).secret_query("appid", secret).query("units", "metric")
}

fn texts(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_replay_gives_what_was_recorded_without_the_secret() {
    let secret = Secret::new("cassette-sesame");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/dir");
    let script = Script::new()
        .then(Answer::status(503))
        .then(
            Answer::json(200, r#"{"name":"Seattle"}"#)
                .header("ETag", "\"1\"")
                .header("X-RateLimit-Reset", "1700000000")
                .header("X-Key", "cassette-sesame"),
        )
        .then(Answer::json(404, r#"{"message":"no city for cassette-sesame"}"#));
    let server = Server::start(script);
    let (recorder, _) = client(&format!("--record {}", path.display()), &[]);
    let live = recorder.send(&weather(&base(&server), "Seattle", &secret)).unwrap();
    let error = fault(recorder.send(&weather(&base(&server), "Atlantis", &secret)));
    assert_eq!(error.class(), Class::Config);

    let files = texts(&path);
    let names: Vec<_> = files.iter().map(|(name, _)| name.rsplit_once('-').unwrap().0).collect();
    assert_eq!(names, ["get-weather-q-atlantis-units-metric", "get-weather-q-seattle-units-metric"]);
    for (_, text) in &files {
        assert!(!text.contains("cassette-sesame"), "{text}");
    }
    let cassette: serde_json::Value = serde_json::from_str(&files[1].1).unwrap();
    let expected = serde_json::json!({
        "method": "GET",
        "url": "weather?q=Seattle&units=metric",
        "status": 200,
        "headers": {
            "content-type": "application/json; charset=utf-8",
            "etag": "\"1\"",
            "x-ratelimit-reset": "1700000000",
        },
        "fetched_at": live.fetched_at.to_string(),
        "body": "{\"name\":\"Seattle\"}",
    });
    assert_eq!(cassette, expected);

    // Another host, another key: neither names the cassette.
    let (replayer, waits) = client(&format!("--replay {}", path.display()), &[]);
    assert!(replayer.replaying() && !recorder.replaying());
    let elsewhere = base_url("https://api.example", false).unwrap();
    let other_key = Secret::new("another-cassette-sesame");
    let replayed = replayer.send(&weather(&elsewhere, "Seattle", &other_key)).unwrap();
    assert_eq!((replayed.body, replayed.fetched_at), (live.body, live.fetched_at));
    assert_eq!((replayed.status, replayed.host.as_str()), (200, "api.example"));
    let again = fault(replayer.send(&weather(&elsewhere, "Atlantis", &other_key)));
    assert_eq!(again.class(), Class::Config);
    let message = r#"api.example: 404 Not Found: {"message":"no city for [redacted]"}"#;
    assert_eq!(again.message(), message);
    assert_eq!(waits.lock().unwrap().len(), 0);
}

#[test]
fn what_passes_is_sent_and_does_not_name_the_cassette() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Answer::json(200, "{}"));
    let request = |now: u32| {
        Request::get(&base(&server), "history").query("start", 1).passing_query("end", now).query("q", "a")
    };
    let (recorder, _) = client(&format!("--record {}", folder.path().display()), &[]);
    recorder.send(&request(2)).unwrap();
    assert_eq!(server.requests()[0].target, "/history?start=1&end=2&q=a");
    let cassettes = texts(folder.path());
    assert_eq!(cassettes.len(), 1);
    assert!(cassettes[0].1.contains("\"url\": \"history?start=1&q=a\""), "{cassettes:?}");
    let (replay, _) = client(&format!("--replay {}", folder.path().display()), &[]);
    assert_eq!(replay.send(&request(3)).unwrap().body, b"{}");
}

#[test]
fn a_missing_cassette_is_no_input_and_a_broken_one_too() {
    let folder = tempfile::tempdir().unwrap();
    let (client, _) = client(&format!("--replay {}", folder.path().display()), &[]);
    let request =
        Request::get(&base_url("https://api.example", false).unwrap(), "weather").query("q", "Faro");
    let missing = fault(client.send(&request));
    assert_eq!(missing.class(), Class::NoInput);
    let (words, asked) = missing.message().split_once(" is missing ").unwrap();
    assert!(words.starts_with("--replay: ") && words.contains("get-weather-q-faro-"), "{missing}");
    assert_eq!(asked, "(for GET weather?q=Faro)");

    fs::write(words.strip_prefix("--replay: ").unwrap(), "{}").unwrap();
    let fault = fault(client.send(&request));
    assert_eq!(fault.class(), Class::NoInput);
    assert!(fault.message().contains(" is not a cassette "), "{fault}");
}

#[test]
fn a_recorded_limit_fails_at_once_with_the_recorded_time() {
    let folder = tempfile::tempdir().unwrap();
    let limited = Answer::status(429).header("Retry-After", "60");
    let server = Server::start(limited);
    let (recorder, _) = client(&format!("--deadline 60s --record {}", folder.path().display()), &[]);
    let request = Request::get(&base(&server), "weather");
    let live = fault(recorder.send(&request));
    let (replayer, waits) = client(&format!("--replay {}", folder.path().display()), &[]);
    let replayed = fault(replayer.send(&request));
    assert_eq!((replayed.class(), replayed.message()), (Class::Transient, live.message()));
    assert!(live.message().contains(": 429 Too Many Requests; retry_at "), "{live}");
    assert_eq!(waits.lock().unwrap().len(), 0);
}

#[test]
fn bytes_that_are_no_text_are_recorded_whole_without_the_secret() {
    Secret::new("binary-sesame");
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Answer::status(200).body(b"\xff\x00binary-sesame\xfe"));
    let (recorder, _) = client(&format!("--record {}", folder.path().display()), &[]);
    let request = Request::get(&base(&server), "blob");
    assert_eq!(recorder.send(&request).unwrap().body, b"\xff\x00binary-sesame\xfe");
    let (replayer, _) = client(&format!("--replay {}", folder.path().display()), &[]);
    assert_eq!(replayer.send(&request).unwrap().body, b"\xff\x00[redacted]\xfe");
}

#[test]
fn record_and_replay_exclude_each_other() {
    use clap::Parser;
    assert!(super::Flags::try_parse_from(["test", "--record", "a", "--replay", "b"]).is_err());
    let both = SourceArgs { record: Some("a".into()), ..args("--replay b") };
    let fault = Client::of_source(&both, &Env::of(&[]), "test/1").unwrap_err();
    assert_eq!((fault.class().code(), fault.message()), (2, "--record cannot be used with --replay"));
}
