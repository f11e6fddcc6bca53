//! Real taps, sources and a real target from PyPI, between real servers. Each test is skipped, loudly, where pip cannot get
//! its package.

#[path = "../it/support.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests of the loader alone")]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use etl_testkit::load::printed;
use etl_testkit::need::skipped;
use etl_testkit::run::{Cmd, Folder, Ran, Signal, workspace_binary};
use serde_json::{Value, json};
use xtask::python;

use crate::support::PostgresFolder;

/// A program of a package; `None`, and a loud word, if pip cannot get it.
fn real(package: &str, version: &str, program: &str) -> Option<PathBuf> {
    let path = python::program(package, version, program);
    if path.is_none() {
        skipped(&format!("{program} was not run"), &format!("pip cannot install {package} {version}"));
    }
    path
}

/// `source-faker`, whose environment also has the CDK.
fn faker(program: &str) -> Option<PathBuf> {
    real("airbyte-source-faker", "7.2.1", program)
}

/// `standpipe seal -- PROGRAM ARGS | load-postgres LOAD`, in the folder.
fn load(place: &PostgresFolder, program: &Path, args: &str, load: &str) -> (Ran, Ran) {
    let seal = Cmd::new(workspace_binary("standpipe")).words("seal --").arg(program).words(args);
    seal.in_folder(place.path("")).pipe(place.loader(load))
}

#[test]
fn a_table_by_way_of_meltanos_tap_postgres() {
    let Some(tap) = real("meltanolabs-tap-postgres", "0.10.0", "tap-postgres") else { return };
    let place = PostgresFolder::new();
    place.sql(
        r#"CREATE TABLE orders (id bigint PRIMARY KEY, "Big" bigint, price numeric(20,4), at timestamptz, day date, paid boolean, text text, parts jsonb);
        INSERT INTO orders VALUES
            (1, 9007199254740993, 1.5000, '2026-01-02 03:04:05.678901+02', '2026-01-02', true, E'é "q"\\\n', '{"a": [1, null], "b": "x"}'),
            (2, -9223372036854775808, -0.1000, '1999-12-31 23:59:59Z', '1970-01-01', false, '', '[]'),
            (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"#,
    );
    let space = place.space.env();
    let of =
        |name: &str| space.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let config = json!({
        "host": of("PGHOST"), "port": of("PGPORT").parse::<u16>().unwrap(), "user": of("PGUSER"),
        "password": of("PGPASSWORD"), "database": of("PGDATABASE"), "filter_schemas": [place.space.schema()],
    });
    place.write("tap.json", config.to_string());
    // It reads only what a catalog selects.
    let discovered = Cmd::new(&tap).words("--config tap.json --discover").in_folder(place.path("")).run();
    let mut catalog: Value = serde_json::from_str(&discovered.ok().stdout).expect("JSON");
    for metadata in catalog["streams"][0]["metadata"].as_array_mut().expect("metadata") {
        metadata["metadata"]["selected"] = true.into();
    }
    place.write("properties.json", catalog.to_string());

    let args = "--create --seal required --pipeline orders";
    let (tapped, loaded) = load(&place, &tap, "--config tap.json --catalog properties.json", args);
    tapped.ok();
    let stream = format!("{}-orders", place.space.schema());
    let state = &printed(&loaded.ok().stdout)[0];
    assert!(state["bookmarks"].get(&stream).is_some(), "{state}");
    let copied = format!(
        r#"SELECT id, "Big", price::numeric(20,4), at, day::date, paid, text, parts FROM "{stream}""#
    );
    let differs = |one: &str, other: &str| {
        place.count(&format!("SELECT count(*) FROM ({one} EXCEPT ALL {other}) only_here"))
    };
    assert_eq!(place.count(&format!(r#"SELECT count(*) FROM "{stream}""#)), 3);
    assert_eq!((differs("TABLE orders", &copied), differs(&copied, "TABLE orders")), (0, 0));

    place.sql("UPDATE orders SET price = 7 WHERE id = 2");
    let (tapped, loaded) =
        load(&place, &tap, "--config tap.json --catalog properties.json", "--seal required");
    tapped.ok();
    let summary = loaded.ok().stderr.lines().last().unwrap().to_owned();
    assert!(summary.contains("3 records, 0 inserted, 1 updated, 2 unchanged"), "{summary}");
    assert_eq!((differs("TABLE orders", &copied), differs(&copied, "TABLE orders")), (0, 0));
}

#[test]
fn a_file_by_way_of_tap_jsonl() {
    let Some(tap) = real("tap-jsonl", "0.3.1", "tap-jsonl") else { return };
    let place = PostgresFolder::new();
    place.write(
        "in.jsonl",
        concat!(
            r#"{"id": 1, "big": 9007199254740993, "price": 1.25, "tags": ["a", null], "text": "é \"q\""}"#,
            "\n",
            r#"{"id": 2, "big": -1, "price": 0.1, "tags": [], "text": null}"#,
            "\n",
        ),
    );
    place.write("tap.json", r#"{"path": "in.jsonl", "stream_name": "things", "primary_keys": ["id"]}"#);
    for outcome in ["2 records, 2 inserted", "2 records, 0 inserted, 2 unchanged"] {
        let (tapped, loaded) = load(&place, &tap, "--config tap.json", "--create --seal required");
        tapped.ok();
        assert!(loaded.ok().stderr.contains(outcome), "{}", loaded.stderr);
        assert_eq!(
            place.rows("SELECT id, big, price, tags, text, _sdc_filename FROM things ORDER BY id"),
            [r#"1|9007199254740993|1.25|["a", null]|é "q"|in.jsonl"#, r"2|-1|0.1|[]|NULL|in.jsonl"]
        );
    }
}

/// A tap of the SDK takes SIGTERM for an end: it prints one more STATE and exits with 0.
#[test]
fn a_tap_that_is_stopped_midway_leaves_nothing() {
    let Some(tap) = real("tap-jsonl", "0.3.1", "tap-jsonl") else { return };
    for signal in [Signal::TERM, Signal::KILL] {
        let place = PostgresFolder::new();
        place.write("tap.json", r#"{"path": "in.jsonl", "stream_name": "things", "primary_keys": ["id"]}"#);
        let lines: String = (0..20_000).map(|id| format!("{{\"id\": {id}}}\n")).collect();
        place.write("in.jsonl", lines);
        // The reader takes some of it and no more, so that the tap is in the middle when it is stopped.
        let (mut reader, writer) = std::io::pipe().unwrap();
        let seal =
            Cmd::new(workspace_binary("standpipe")).words("seal --").arg(&tap).words("--config tap.json");
        let sealing = seal.in_folder(place.path("")).stdout_to(writer).spawn();
        let mut begun = vec![0; 1000];
        std::io::Read::read_exact(&mut reader, &mut begun).unwrap();
        sealing.kill(signal);
        std::io::Read::read_to_end(&mut reader, &mut begun).unwrap();
        let code = if signal == Signal::TERM { 143 } else { 137 };
        sealing.finish().fails(code);
        let text = String::from_utf8_lossy(&begun);
        assert!(!text.contains(r#""kind":"end""#), "{signal:?}");
        let ran = place.load("--create --seal required", &begun);
        assert_eq!(ran.fails(if signal == Signal::TERM { 143 } else { 75 }).stdout, "", "{signal:?}");
        assert_eq!(place.rows("SELECT to_regclass('things')"), ["NULL"], "{signal:?}");
    }
}

/// The catalog that asks a source for all that it discovers.
fn discover(place: &Folder, source: &Path, args: &str, sync_mode: &str) -> Vec<Value> {
    let ran = Cmd::new(source).words(args).in_folder(place.path("")).run();
    let catalog = ran.ok().lines().into_iter().find(|line| line.starts_with(r#"{"type":"CATALOG""#));
    let catalog: Value = serde_json::from_str(catalog.expect("a catalog")).expect("JSON");
    let streams = catalog["catalog"]["streams"].as_array().expect("streams").iter().map(|stream| {
        json!({
            "stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": sync_mode,
            "primary_key": [["id"]],
        })
    });
    let streams: Vec<Value> = streams.collect();
    place.write("catalog.json", json!({ "streams": streams }).to_string());
    streams
}

#[test]
fn every_record_of_source_faker() {
    let Some(source) = faker("source-faker") else { return };
    let place = PostgresFolder::new();
    place.write("faker.json", r#"{"count": 50, "seed": 7, "parallelism": 1, "always_updated": false}"#);
    discover(&place, &source, "discover --config faker.json", "append_dedup");
    let read = "read --config faker.json --catalog catalog.json";
    let ran = Cmd::new(&source).words(read).in_folder(place.path("")).run();
    // It says itself that its streams are complete.
    let args = "--create --format airbyte --catalog catalog.json --seal required";
    let loaded = place.load(args, &ran.ok().stdout);
    let states = printed(&loaded.ok().stdout);
    assert!(!states.is_empty() && states.iter().all(|state| state["type"] == "STATE"), "{}", loaded.stdout);
    let messages = ran.lines().into_iter().filter(|line| line.starts_with(r#"{"type":"RECORD""#));
    let mut records = 0;
    for message in messages {
        let message: Value = serde_json::from_str(message).expect("JSON");
        let (stream, data) = (&message["record"]["stream"], &message["record"]["data"]);
        records += 1;
        let row = format!(
            "SELECT to_jsonb(r)->>'id' FROM {} r WHERE id = {} AND jsonb_strip_nulls(to_jsonb(r)) - '{{created_at,updated_at,added_to_cart_at,purchased_at,returned_at}}'::text[] \
             = jsonb_strip_nulls('{}'::jsonb) - '{{created_at,updated_at,added_to_cart_at,purchased_at,returned_at}}'::text[] \
             AND created_at = '{}'::timestamptz",
            stream.as_str().unwrap(),
            data["id"],
            data.to_string().replace('\'', "''"),
            data["created_at"].as_str().unwrap(),
        );
        place.sql("SET timezone = 'UTC'");
        assert_eq!(place.rows(&row), [data["id"].to_string()], "{stream} {data}");
    }
    assert!(records > 100, "{records}");
    let rows =
        ["products", "users", "purchases"].map(|table| place.count(&format!("SELECT count(*) FROM {table}")));
    assert_eq!(rows.iter().sum::<i64>(), records);

    let (sourced, again) = load(&place, &source, read, "--catalog catalog.json --seal required");
    sourced.ok();
    assert!(again.ok().stderr.contains("users: 50 records, 0 inserted"), "{}", again.stderr);
}

/// A source of two streams, on Airbyte's CDK; the second one fails if the configuration says so.
const SOURCE: &str = r#"
import sys
from airbyte_cdk.entrypoint import launch
from airbyte_cdk.sources import AbstractSource
from airbyte_cdk.sources.streams import Stream

class Rows(Stream):
    primary_key = "id"
    def __init__(self, name, rows, fails):
        self._name, self.rows, self.fails = name, rows, fails
    @property
    def name(self):
        return self._name
    def get_json_schema(self):
        return {"type": "object", "properties": {"id": {"type": "integer"}, "v": {}}}
    def read_records(self, sync_mode, cursor_field=None, stream_slice=None, stream_state=None):
        yield from ({"id": i, "v": v} for i, v in enumerate(self.rows))
        if self.fails:
            raise RuntimeError("broke half way")

class Source(AbstractSource):
    def check_connection(self, logger, config):
        return True, None
    def streams(self, config):
        values = [2**53 + 1, 2**63, 0.1, 1e22, True, None, {"a": [1, None]}, "text"]
        return [Rows("first", values, False), Rows("second", ["x"], config["fails"])]
    def spec(self, logger):
        from airbyte_cdk.models import ConnectorSpecification
        return ConnectorSpecification(connectionSpecification={"type": "object"})

launch(Source(), sys.argv[1:])
"#;

#[test]
fn a_source_on_airbytes_cdk_replaces_its_tables_only_when_it_is_complete() {
    let Some(python) = faker("python3") else { return };
    let place = PostgresFolder::new();
    place.write("source.py", SOURCE);
    place.write("good.json", r#"{"fails": false}"#);
    place.write("bad.json", r#"{"fails": true}"#);
    discover(&place, &python, "source.py discover --config good.json", "overwrite");
    let read = |config: &str| format!("source.py read --config {config} --catalog catalog.json");
    let args = "--create --catalog catalog.json --seal required";
    let (sourced, loaded) = load(&place, &python, &read("good.json"), args);
    sourced.ok();
    loaded.ok();
    let rows = [
        "0|9007199254740993",
        "1|9223372036854775808",
        "2|0.1",
        "3|10000000000000000000000",
        "4|true",
        "5|NULL",
        "6|{\"a\": [1, null]}",
        "7|\"text\"",
    ];
    assert_eq!(place.rows("SELECT id, v FROM first ORDER BY id"), rows);
    assert_eq!(place.rows("SELECT id, v FROM second"), ["0|\"x\""]);
    place.sql("UPDATE first SET v = '1'; DELETE FROM second");

    let (sourced, loaded) = load(&place, &python, &read("bad.json"), args);
    assert_ne!(sourced.code, 0);
    assert_eq!(loaded.fails(75).stdout, "");
    assert_eq!(place.count("SELECT count(*) FROM first WHERE v = '1'"), 8);
    assert_eq!(place.count("SELECT count(*) FROM second"), 0);

    let (sourced, loaded) = load(&place, &python, &read("good.json"), args);
    sourced.ok();
    loaded.ok();
    assert_eq!(place.rows("SELECT id, v FROM first ORDER BY id"), rows);
    assert_eq!(place.rows("SELECT id, v FROM second"), ["0|\"x\""]);
}

#[test]
fn an_extractor_feeds_target_jsonl() {
    let Some(target) = real("target-jsonl", "0.1.4", "target-jsonl") else { return };
    let folder = Folder::new();
    folder.write(
        "orders.csv",
        "id,price,at,paid\n1,1.50,2026-01-02T03:04:05Z,true\n2,100000000000000000000,,false\n",
    );
    folder.write(
        "orders.json",
        r#"{"type":"object","x-key":["id"],"x-postgres":{"table":"orders"},"required":["id"],"properties":{
            "id":{"type":"integer"},"price":{"type":["number","null"],"x-postgres":{"type":"numeric(30,2)"}},
            "at":{"type":["string","null"],"format":"date-time"},"paid":{"type":"boolean"}}}"#,
    );
    folder.write("target.json", json!({ "destination_path": folder.path("out") }).to_string());
    fs::create_dir(folder.path("out")).unwrap();
    let extractor = Cmd::new(workspace_binary("extract-file"))
        .words("orders.csv --schema ./orders.json --output-format singer")
        .in_folder(folder.path(""));
    let target = Cmd::new(target).words("--config target.json").in_folder(folder.path(""));
    let (extracted, loaded) = extractor.pipe(target);
    extracted.ok();
    loaded.ok();
    let written: Vec<PathBuf> =
        fs::read_dir(folder.path("out")).unwrap().map(|file| file.unwrap().path()).collect();
    let [file] = written.as_slice() else { panic!("one file: {written:?}") };
    assert!(file.file_name().unwrap().to_str().unwrap().starts_with("orders-"), "{}", file.display());
    assert_eq!(
        fs::read_to_string(file).unwrap().lines().collect::<Vec<_>>(),
        [
            r#"{"id": 1, "price": 1.50, "at": "2026-01-02T03:04:05Z", "paid": true}"#,
            r#"{"id": 2, "price": 100000000000000000000, "at": null, "paid": false}"#,
        ]
    );
}
