//! Where points go, whose credentials are used, and what can be wrong with either.

use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::influx::{Influx, Options};
use etl_testkit::load::{counts, refused};
use etl_testkit::run::{Cmd, Ran};
use flate2::read::GzDecoder;

use crate::support::{InfluxFolder, plain, site};

/// Loads one record with these variables and arguments; also returns what the server was asked.
fn load(variables: &[(&str, &str)], args: &str, reply: Reply) -> (Ran, Vec<etl_testkit::http::Received>) {
    let (server, place) = (Server::start(Script::new().then(reply)), InfluxFolder::new());
    let cmd = place.bare(&format!("--schema sites.json {args}")).env("INFLUX_URL", server.url());
    let cmd = variables.iter().fold(cmd, |cmd: Cmd, (name, value)| cmd.env(name, value));
    let ran = cmd.stdin(plain(&[site("a", 0, r#""n":1"#)])).run();
    (ran, server.requests())
}

#[test]
fn database_bucket_and_credentials_come_from_flags_and_variables() {
    let basic = "Basic dTpwIHc="; // u:p w
    for (variables, args, target, authorization) in [
        (&[("INFLUX_DATABASE", "d e")][..], "", "/write?db=d%20e&precision=ns", None),
        (&[("BUCKET", "b")], "--precision us", "/write?db=b&precision=u", None),
        (
            &[("BUCKET", "b"), ("INFLUX_KEY", "t")],
            "--precision us",
            "/api/v2/write?bucket=b&precision=us",
            Some("Token t"),
        ),
        (
            &[("INFLUX_BUCKET", "b"), ("INFLUX_ORG", "o&o"), ("INFLUX_TOKEN", "t\n")],
            "--precision s",
            "/api/v2/write?org=o%26o&bucket=b&precision=s",
            Some("Token t"),
        ),
        (
            &[("INFLUX_USERNAME", "u"), ("INFLUX_PASSWORD", "p w")],
            "--db d",
            "/write?db=d&precision=ns",
            Some(basic),
        ),
        (&[("INFLUX_TOKEN", "t")], "--db d", "/write?db=d&precision=ns", Some("Token t")),
        (
            &[("INFLUX_DATABASE", "d"), ("INFLUX_BUCKET", "b")],
            "--api v2 --org o",
            "/api/v2/write?org=o&bucket=b&precision=ns",
            None,
        ),
        (
            &[("INFLUX_DATABASE", "d"), ("INFLUX_TOKEN", "t")],
            "--api v3 --precision ms",
            "/api/v3/write_lp?db=d&precision=millisecond&accept_partial=true&no_sync=false",
            Some("Bearer t"),
        ),
        (
            &[("BUCKET", "b")],
            "--api v3",
            "/api/v3/write_lp?db=b&precision=nanosecond&accept_partial=true&no_sync=false",
            None,
        ),
    ] {
        let (ran, asked) = load(variables, args, Reply::status(204));
        assert_eq!(counts(&ran), [1, 1, 0, 0, 0, 0]);
        assert_eq!(asked.len(), 2);
        for request in &asked {
            assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", target));
            assert_eq!(request.header("authorization"), authorization, "{variables:?}");
            // Without a length, some proxies reply 411.
            assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
            assert!(request.header("user-agent").unwrap_or_default().starts_with("load-influx/"));
        }
        // The check has no points.
        assert_eq!(asked[0].body, b"");
        assert_eq!(
            asked[1].body,
            b"sites,site=a n=1i ".iter().chain(asked[1].body[18..].iter()).copied().collect::<Vec<_>>()
        );
    }
}

#[test]
fn the_card_says_what_it_reads_and_prints() {
    let ran = Cmd::bin("load-influx").arg("--describe").run();
    let card: serde_json::Value = serde_json::from_str(&ran.ok().stdout).expect("JSON");
    assert_eq!(card["schemas"], serde_json::json!({ "in": [], "out": ["etl.receipt", "etl.reject"] }));
    assert_eq!(card["reads"], serde_json::json!({ "kind": "stream", "schemas": null }));
    assert_eq!(card["stdout"]["schemas"], serde_json::json!(["etl.receipt"]));
    assert_eq!(card["when"][0]["flag"], "--plan");
    assert_eq!(card["when"][1]["values"], serde_json::json!(["records"]));
}

#[test]
fn requests_are_compressed_when_asked() {
    let (ran, asked) = load(&[], "--db d --gzip", Reply::status(204));
    assert_eq!(counts(&ran), [1, 1, 0, 0, 0, 0]);
    assert_eq!(
        (asked[0].header("content-encoding"), asked[1].header("content-encoding")),
        (None, Some("gzip"))
    );
    let text = std::io::read_to_string(GzDecoder::new(asked[1].body.as_slice())).unwrap();
    assert_eq!(text, "sites,site=a n=1i 1699999200000000000\n");
    let place = InfluxFolder::new();
    place.load("--gzip", plain(&[site("a", 0, r#""n":1"#)])).ok();
    assert_eq!(place.database.rows("SELECT n FROM sites"), ["1699999200000000000|1"]);
}

#[test]
fn what_is_missing_empty_or_contradictory_is_told_before_any_request() {
    for (variables, args, code, said) in [
        (
            &[][..],
            "",
            78,
            "no database is given: set INFLUX_DATABASE or --db (API v1), or INFLUX_BUCKET or --bucket (API v2)",
        ),
        (&[], "--api v2", 78, "no bucket is given: set INFLUX_BUCKET or --bucket"),
        (&[("INFLUX_TOKEN", "")], "--bucket b", 78, "INFLUX_TOKEN is set but empty"),
        (&[("INFLUX_DATABASE", "")], "", 78, "INFLUX_DATABASE is set but empty"),
        (&[("INFLUX_USERNAME", "u")], "--db d", 78, "INFLUX_USERNAME is set, but INFLUX_PASSWORD is not"),
        (
            &[("INFLUX_PASSWORD", "sesame")],
            "--db d",
            78,
            "INFLUX_PASSWORD is set, but INFLUX_USERNAME is not",
        ),
        (&[], "--db d --bucket b", 2, "choose with --api v1, v2 or v3"),
        (&[], "--api v3 --bucket b", 78, "no database is given: set INFLUX_DATABASE or --db"),
        (&[], "--api v3 --db d --create", 2, "InfluxDB 3 creates one with its first point"),
        (
            &[],
            "--bucket b --create",
            2,
            "--create creates a database of API v1; a bucket of API v2 must already exist",
        ),
        (&[], "--db d --url ftp://x", 78, "it must start with https:// (or http://)"),
        (&[], "--db d --batch-lines 0", 2, "'--batch-lines <N>'"),
    ] {
        let (ran, asked) = load(variables, args, Reply::status(204));
        refused(&ran, code, said);
        assert_eq!(asked.len(), 0, "{args}");
    }
    let place = InfluxFolder::new();
    refused(&place.bare("--db d").run(), 78, "no server is given: set INFLUX_URL or --url");
}

#[test]
fn a_refusal_ends_it_before_the_stream_is_read() {
    let secrets = &[("INFLUX_TOKEN", "sesame")];
    for (reply, code, said) in [
        (
            Reply::json(401, r#"{"code":"unauthorized","message":"unauthorized access"}"#),
            77,
            "401 Unauthorized: unauthorized access",
        ),
        (
            Reply::json(403, r#"{"error":"\"u\" user is not authorized to write"}"#),
            77,
            "403 Forbidden: \"u\" user is not authorized to write",
        ),
        (
            Reply::json(404, r#"{"code":"not found","message":"bucket \"b\" not found"}"#),
            78,
            "404 Not Found: bucket \"b\" not found",
        ),
        (
            Reply::text(404, "404 page not found"),
            78,
            "404 Not Found: 404 page not found (check --url and --api)",
        ),
        (
            Reply::json(400, r#"{"code":"invalid","message":"please provide either orgID or org"}"#),
            78,
            "please provide either orgID or org",
        ),
        (
            Reply::text(200, "<html>log in</html>"),
            76,
            "200 OK: an HTML page, but InfluxDB replies to a write with 204",
        ),
        (
            Reply::text(200, "welcome, sesame"),
            76,
            "200 OK: an unexpected reply, but InfluxDB replies to a write with 204",
        ),
        (Reply::text(404, "<html>nothing here</html>"), 78, "404 Not Found"),
        (
            Reply::text(411, "Length Required"),
            78,
            "411 Length Required: Length Required (load-influx sends every request with its length, so a proxy on the way",
        ),
        (
            Reply::text(400, "<html>bad</html>"),
            76,
            "400 Bad Request: an HTML page, but InfluxDB replies to a write with 204",
        ),
        (
            Reply::redirect(307, "http://192.0.2.1/write"),
            76,
            "the redirect to 192.0.2.1 is not followed: the request carries a secret",
        ),
    ] {
        let (ran, asked) = load(secrets, "--bucket b", reply);
        refused(&ran, code, said);
        assert!(!ran.stderr.contains("sesame") && !ran.stdout.contains("sesame"), "{}", ran.stderr);
        assert_eq!(asked.len(), 1, "{said}");
    }
}

#[test]
fn a_database_is_created_when_asked() {
    let place = InfluxFolder::new();
    let name = "made \"here\" é";
    let args = |more: &str| {
        let cmd = place.bare(&format!("--schema sites.json {more}")).args([
            "--url",
            place.database.url(),
            "--db",
            name,
        ]);
        cmd.stdin(plain(&[site("a", 0, r#""n":1"#)])).run()
    };
    refused(&args(""), 78, "404 Not Found: database not found: ");
    assert!(args("").last_error_line().ends_with("(--create creates it)"));
    for _ in 0..2 {
        assert_eq!(counts(&args("--create")), [1, 1, 0, 0, 0, 0]);
    }
    let names = place.database.ask("SHOW DATABASES")["series"][0]["values"].to_string();
    assert!(names.contains(&serde_json::Value::from(name).to_string()), "{names}");
}

#[test]
fn users_of_a_server_that_asks_for_them() {
    let server = Influx::start(&Options { http: "auth-enabled = true".to_owned() });
    let place = InfluxFolder::new();
    let query = |user: &str, q: &str| {
        let url = format!("{}/query{user}", server.url());
        Cmd::new("curl")
            .args(["-sS", "--noproxy", "*", &url, "--data-urlencode", &format!("q={q}")])
            .run()
            .ok();
    };
    query("", "CREATE USER admin WITH PASSWORD 'a' WITH ALL PRIVILEGES");
    for q in [
        "CREATE DATABASE d",
        "CREATE USER writer WITH PASSWORD 'sesame'",
        "GRANT WRITE ON d TO writer",
        "CREATE USER reader WITH PASSWORD 'looks'",
        "GRANT READ ON d TO reader",
    ] {
        query("?u=admin&p=a", q);
    }
    let load = |user: &str, password: &str| {
        let cmd = place.bare("--schema sites.json --db d").args(["--url", &server.url()]);
        let cmd = cmd.env("INFLUX_USERNAME", user).env("INFLUX_PASSWORD", password);
        cmd.stdin(plain(&[site("a", 0, r#""n":1"#)])).run()
    };
    assert_eq!(counts(&load("writer", "sesame")), [1, 1, 0, 0, 0, 0]);
    refused(&load("writer", "wrong"), 77, "401 Unauthorized: authorization failed");
    refused(
        &load("reader", "looks"),
        77,
        "403 Forbidden: \"reader\" user is not authorized to write to database \"d\"",
    );
}

#[test]
fn credentials_over_plain_http_to_another_host_are_warned_of() {
    let place = InfluxFolder::new();
    let args =
        "--schema sites.json --bucket b --retries 0 --connect-timeout 100ms --url http://192.0.2.1:8086";
    let ran = place.bare(args).env("INFLUX_TOKEN", "sesame").stdin("{}\n").run();
    refused(&ran, 75, "192.0.2.1:8086: ");
    assert!(
        ran.stderr.contains("192.0.2.1:8086: credentials travel unencrypted over http://"),
        "{}",
        ran.stderr
    );
}
