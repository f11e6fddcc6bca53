//! `standpipe metrics`.

use std::fs::{self, File};

use etl_testkit::http::{Received, Reply, Script, Server};
use etl_testkit::need;
use etl_testkit::prometheus::Prometheus;
use etl_testkit::run::{Cmd, Folder};
use serde_json::{Value, json};

use crate::receipts::{ABORT, counts, receipt, sealed};
use crate::support::{aborted, segment, standpipe};

const AT: &str = "2026-11-28T10:00:00.250Z";

fn textfile(folder: &Folder) -> Cmd {
    standpipe(["metrics", "--textfile", "m.prom"]).in_folder(folder.path(""))
}

/// The samples in the file: those lines that are no comments.
fn samples(folder: &Folder) -> Vec<String> {
    let text = folder.read("m.prom");
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn receipts_are_passed_on_and_become_gauges() {
    let folder = Folder::new();
    let state = r#"{"Oslo":{"cursor":"2026-11-28T09:00:00Z"}}"#;
    let line = receipt("orders", &format!("{},\"pipeline\":\"shop\"", counts(AT)))
        .replace("\"state\":null", &format!("\"state\":{state}"));
    let ran = textfile(&folder).stdin(sealed(std::slice::from_ref(&line))).run();
    assert_eq!(ran.ok().stderr, "metrics of 1 target\n");
    assert_eq!(ran.lines()[1], line.trim_end());
    assert!(
        ran.lines()[0].contains("\"schema\":\"etl.receipt\",\"producer\":\"standpipe/"),
        "{}",
        ran.stdout
    );
    standpipe(["verify"]).stdin(&ran.stdout).run().ok();
    assert_eq!(
        folder.read("m.prom"),
        "\
# HELP standpipe_last_success_timestamp_seconds When the newest load was committed, in seconds since 1970.
# TYPE standpipe_last_success_timestamp_seconds gauge
standpipe_last_success_timestamp_seconds{pipeline=\"shop\",target=\"orders\"} 1795860000.25
# HELP standpipe_data_timestamp_seconds The newest cursor in the state of the last load, in seconds since 1970: how far its source was read.
# TYPE standpipe_data_timestamp_seconds gauge
standpipe_data_timestamp_seconds{pipeline=\"shop\",target=\"orders\"} 1795856400.0
# HELP standpipe_load_duration_seconds How long the last load took, from start to commit.
# TYPE standpipe_load_duration_seconds gauge
standpipe_load_duration_seconds{pipeline=\"shop\",target=\"orders\"} 0.25
# HELP standpipe_records Records that the last load read.
# TYPE standpipe_records gauge
standpipe_records{pipeline=\"shop\",target=\"orders\"} 4
# HELP standpipe_inserted Rows that the last load inserted.
# TYPE standpipe_inserted gauge
standpipe_inserted{pipeline=\"shop\",target=\"orders\"} 2
# HELP standpipe_updated Rows that the last load changed.
# TYPE standpipe_updated gauge
standpipe_updated{pipeline=\"shop\",target=\"orders\"} 1
# HELP standpipe_rejected Records that the last load set aside.
# TYPE standpipe_rejected gauge
standpipe_rejected{pipeline=\"shop\",target=\"orders\"} 1
"
    );
}

#[test]
fn other_series_stay_and_loads_of_one_target_count_together() {
    let folder = Folder::new();
    folder.write(
        "m.prom",
        "# TYPE backup_size_bytes gauge\nbackup_size_bytes 7\n# TYPE standpipe_records gauge\nstandpipe_records{pipeline=\"a\",target=\"t\"} 9\n\
         standpipe_records{pipeline=\"b\\\"} \",target=\"t\"} 8\nstandpipe_inserted{pipeline=\"a\",target=\"t\"} 6\n",
    );
    let load = |at: &str| receipt("t", &format!("{},\"pipeline\":\"a\"", counts(at)));
    let two = sealed(&[load(AT), load("2026-11-28T09:00:00Z")]);
    textfile(&folder).stdin(&two).run().ok();
    let shown = samples(&folder);
    assert_eq!(
        shown,
        [
            "backup_size_bytes 7",
            r#"standpipe_last_success_timestamp_seconds{pipeline="a",target="t"} 1795860000.25"#,
            r#"standpipe_load_duration_seconds{pipeline="a",target="t"} 0.5"#,
            r#"standpipe_records{pipeline="a",target="t"} 8"#,
            r#"standpipe_records{pipeline="b\"} ",target="t"} 8"#,
            r#"standpipe_inserted{pipeline="a",target="t"} 4"#,
            r#"standpipe_updated{pipeline="a",target="t"} 2"#,
            r#"standpipe_rejected{pipeline="a",target="t"} 2"#,
        ]
    );
    // What an earlier run had committed was counted then, and a success is not forgotten for an older one.
    let again = "\"records\":0,\"inserted\":0,\"updated\":0,\"rejected\":0,\"seconds\":0.01,\"already_loaded\":true,\"loaded_at\":\"2026-11-28T08:00:00Z\",\"pipeline\":\"a\"";
    textfile(&folder).stdin(sealed(&[receipt("t", again)])).run().ok();
    assert_eq!(samples(&folder), shown);
}

#[test]
fn labels_are_escaped_and_a_pipeline_may_be_named_here() {
    let folder = Folder::new();
    let line = receipt(r#"a\"b\\c\nd"#, &format!("{},\"pipeline\":null", counts(AT)));
    for args in [&[][..], &["--pipeline", "by flag"]] {
        textfile(&folder).args(args).stdin(sealed(std::slice::from_ref(&line))).run().ok();
    }
    let shown: Vec<String> =
        samples(&folder).into_iter().filter(|line| line.starts_with("standpipe_records")).collect();
    assert_eq!(
        shown,
        [
            r#"standpipe_records{pipeline="",target="a\"b\\c\nd"} 4"#,
            r#"standpipe_records{pipeline="by flag",target="a\"b\\c\nd"} 4"#,
        ]
    );
}

#[test]
fn a_stream_that_failed_leaves_the_numbers_as_they_are() {
    let (folder, server) = (Folder::new(), Server::start(Reply::status(200)));
    folder.write("m.prom", "standpipe_records{pipeline=\"a\",target=\"t\"} 9\n");
    let good = sealed(&[receipt("t", &counts(AT))]);
    let cut = good.rsplit_once("{\"_etl\"").expect("an end").0;
    let other = segment("s", ",\"schema\":\"orders\"", 1, "{\"target\":\"t\",\"records\":1}\n");
    let untold = segment("s", ",\"schema\":\"etl.receipt\"", 1, "{\"target\":\"t\"}\n");
    for (stream, code, said) in [
        (format!("{good}{ABORT}"), 77, "api.example: 401"),
        (ABORT.to_owned(), 77, "api.example: 401"),
        (cut.to_owned(), 75, "the producer did not finish"),
        (good.replace("\"records\":4", "\"records\":5"), 3, "digest"),
        (other, 3, "segment s is not of schema etl.receipt"),
        (untold, 3, ": not a receipt: missing field `records`"),
        (receipt("t", &counts(AT)), 3, "seal"),
    ] {
        let ran = textfile(&folder).args(["--otlp", &server.url()]).stdin(&stream).run();
        aborted(&ran, code);
        assert!(ran.last_error_line().contains(said), "{}", ran.stderr);
    }
    assert_eq!(folder.read("m.prom"), "standpipe_records{pipeline=\"a\",target=\"t\"} 9\n");
    assert!(server.requests().is_empty());
    // The first cause goes through as it came.
    let ran = textfile(&folder).stdin(ABORT).run();
    assert!(ran.stdout.contains("\"message\":\"api.example: 401\",\"step\":\"extract-x\""), "{}", ran.stdout);
}

#[test]
fn a_file_that_cannot_be_kept_is_left_alone() {
    let folder = Folder::new();
    folder.write("m.prom", "standpipe_records 9\n");
    let good = sealed(&[receipt("t", &counts(AT))]);
    let ran = textfile(&folder).stdin(&good).run();
    aborted(&ran, 78);
    assert_eq!(ran.last_error_line(), "--textfile m.prom: cannot read line 1");
    assert_eq!(folder.read("m.prom"), "standpipe_records 9\n");
    let ran = standpipe(["metrics", "--textfile", "/nonexistent/m.prom"]).stdin(&good).run();
    aborted(&ran, 74);
    assert!(ran.last_error_line().starts_with("--textfile /nonexistent/m.prom: "), "{}", ran.stderr);
    aborted(&standpipe(["metrics"]).stdin(&good).run(), 2);
}

#[test]
fn runs_that_write_at_the_same_time_take_turns() {
    let folder = Folder::new();
    let lock = File::create(folder.path("m.prom.lock")).expect("a file");
    lock.lock().expect("a lock");
    let waiting: Vec<_> = (0..8)
        .map(|n| textfile(&folder).stdin(sealed(&[receipt(&format!("t{n}"), &counts(AT))])).spawn())
        .collect();
    assert!(!folder.path("m.prom").exists());
    drop(lock);
    for running in waiting {
        running.finish().ok();
    }
    let shown = samples(&folder);
    for n in 0..8 {
        let line = format!("standpipe_records{{pipeline=\"\",target=\"t{n}\"}} 4");
        assert!(shown.contains(&line), "{shown:?}");
    }
    let mut names: Vec<_> = fs::read_dir(folder.path("")).expect("the folder").flatten().collect();
    names.retain(|entry| entry.file_name() != "m.prom" && entry.file_name() != "m.prom.lock");
    assert!(names.is_empty(), "{names:?}");
}

fn body(request: &Received) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

#[test]
fn a_collector_gets_gauges_with_their_resource_and_trace() {
    let folder = Folder::new();
    let server = Server::start(Script::new().then(Reply::status(503)).then(Reply::json(200, "{}")));
    let line = receipt("orders", &format!("{},\"pipeline\":\"shop\"", counts(AT)));
    let ran = standpipe(["metrics", "--otlp", &server.url()])
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test%20one, service.name=other")
        .env("OTEL_SERVICE_NAME", "etl")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20s3cretS3cret,X-Scope=a")
        .env("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .in_folder(folder.path(""))
        .stdin(sealed(&[line]))
        .run();
    ran.ok();
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "{}", ran.stderr);
    let request = &requests[1];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/v1/metrics"));
    assert_eq!(request.header("Content-Type"), Some("application/json"));
    assert_eq!(request.header("Authorization"), Some("Bearer s3cretS3cret"));
    assert_eq!(request.header("X-Scope"), Some("a"));
    assert_eq!(
        request.header("traceparent"),
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    );
    assert!(!ran.stderr.contains("s3cret") && !ran.stdout.contains("s3cret"), "{}", ran.stderr);
    let body = body(request);
    let attribute = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let sent = &body["resourceMetrics"][0];
    assert_eq!(
        sent["resource"]["attributes"],
        json!([attribute("deployment.environment", "test one"), attribute("service.name", "etl")])
    );
    let scoped = &sent["scopeMetrics"][0];
    assert_eq!(scoped["scope"]["name"], "standpipe");
    let metrics = scoped["metrics"].as_array().expect("a list");
    let told: Vec<(&str, &str, Value)> = metrics
        .iter()
        .map(|metric| {
            let point = &metric["gauge"]["dataPoints"][0];
            assert_eq!(
                point["attributes"],
                json!([attribute("pipeline", "shop"), attribute("target", "orders")])
            );
            let exemplar = &point["exemplars"][0];
            assert_eq!(exemplar["traceId"], "0af7651916cd43dd8448eb211c80319c");
            assert_eq!(exemplar["spanId"], "b7ad6b7169203331");
            assert!(point["timeUnixNano"].as_str().is_some_and(|at| at.len() == 19), "{point}");
            let value = if point["asInt"].is_null() { &point["asDouble"] } else { &point["asInt"] };
            let (name, unit) = (metric["name"].as_str(), metric["unit"].as_str());
            (name.unwrap_or_default(), unit.unwrap_or_default(), value.clone())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("standpipe.last_success_timestamp", "s", json!(1_795_860_000.25)),
            ("standpipe.load_duration", "s", json!(0.25)),
            ("standpipe.records", "{record}", json!("4")),
            ("standpipe.inserted", "{row}", json!("2")),
            ("standpipe.updated", "{row}", json!("1")),
            ("standpipe.rejected", "{record}", json!("1")),
        ]
    );
}

#[test]
fn what_a_collector_refuses_ends_with_the_class_of_it() {
    let stream = sealed(&[receipt("t", &counts(AT))]);
    let partial = r#"{"partialSuccess":{"rejectedDataPoints":"2","errorMessage":"too old"}}"#;
    for (reply, code, said) in [
        (Reply::text(400, "no"), 78, "400"),
        (Reply::text(401, "no"), 77, "401"),
        (Reply::json(200, partial), 3, "2 data points were refused: too old"),
        (Reply::text(503, ""), 75, "503"),
    ] {
        let server = Server::start(reply);
        let ran = standpipe(["metrics", "--retries", "0", "--otlp", &server.url()]).stdin(&stream).run();
        aborted(&ran, code);
        assert!(ran.last_error_line().contains(said), "{}", ran.stderr);
        assert_eq!(server.requests().len(), 1);
    }
    // Without anything to tell, nobody is asked.
    let server = Server::start(Reply::status(500));
    standpipe(["metrics", "--otlp", &server.url()]).stdin(sealed(&[])).run().ok();
    assert!(server.requests().is_empty());
    for (variable, value, said) in [
        ("OTEL_EXPORTER_OTLP_HEADERS", "nothing", "OTEL_EXPORTER_OTLP_HEADERS is not a list such as a=b,c=d"),
        ("OTEL_RESOURCE_ATTRIBUTES", "=b", "OTEL_RESOURCE_ATTRIBUTES is not a list such as a=b,c=d"),
    ] {
        let ran = standpipe(["metrics", "--otlp", &server.url()]).env(variable, value).stdin(&stream).run();
        aborted(&ran, 78);
        assert_eq!(ran.last_error_line(), said);
    }
    aborted(&standpipe(["metrics", "--otlp", "collector:4318"]).stdin(&stream).run(), 78);
}

#[test]
fn a_trace_context_that_is_none_is_ignored() {
    let server = Server::start(Reply::status(200));
    let ran = standpipe(["metrics", "--otlp", &server.url()])
        .env("TRACEPARENT", "00-00000000000000000000000000000000-b7ad6b7169203331-01")
        .stdin(sealed(&[receipt("t", &counts(AT))]))
        .run();
    assert!(ran.ok().stderr.contains("TRACEPARENT is not a trace context and is ignored"), "{}", ran.stderr);
    let request = &server.requests()[0];
    assert_eq!(request.header("traceparent"), None);
    assert!(!String::from_utf8_lossy(&request.body).contains("exemplars"));
}

#[test]
fn a_real_prometheus_reads_them_back() {
    if need::PROMETHEUS.iter().any(|(program, _)| !need::exists(program)) {
        return need::skipped("metrics were not read by a Prometheus", "it is not installed");
    }
    let prometheus = Prometheus::start();
    let file = prometheus.textfile();
    let write = |target: &str, rest: &str| {
        let line = receipt(target, rest);
        standpipe(["metrics", "--pipeline", "shop", "--textfile"])
            .arg(&file)
            .stdin(sealed(&[line]))
            .run()
            .ok();
    };
    write("or\\\"ders", &counts(AT));
    write("items", &counts("2026-11-28T11:00:00Z"));
    prometheus.wait_for(
        "standpipe_records",
        &[r#"{"pipeline":"shop","target":"items"} 4"#, r#"{"pipeline":"shop","target":"or\"ders"} 4"#],
    );
    prometheus.wait_for(
        "standpipe_last_success_timestamp_seconds",
        &[
            r#"{"pipeline":"shop","target":"items"} 1795863600"#,
            r#"{"pipeline":"shop","target":"or\"ders"} 1795860000.25"#,
        ],
    );
    write("items", &counts("2026-11-28T12:00:00Z").replace("\"records\":4", "\"records\":5"));
    prometheus
        .wait_for("standpipe_records{target=\"items\"}", &[r#"{"pipeline":"shop","target":"items"} 5"#]);
    prometheus.wait_for("node_textfile_scrape_error", &["{} 0"]);
}
