//! `standpipe runs`.

use std::path::Path;

use etl_testkit::need;
use etl_testkit::postgres::Server;
use etl_testkit::run::{Cmd, Folder, workspace_binary};
use etl_testkit::screen::Screen;
use serde_json::{Value, json};

use crate::receipts::{ABORT, counts, receipt, sealed};
use crate::support::{segment, standpipe};

/// A folder with two files of receipts: of two pipelines, and of one whose load was committed before.
fn folder() -> Folder {
    let folder = Folder::new();
    let load = |target: &str, at: &str, rest: &str| receipt(target, &format!("{}{rest}", counts(at)));
    let late = load("orders", "2026-11-28T12:00:00Z", ",\"pipeline\":\"shop <&> \\\"1\\\"\"");
    let early = load("orders", "2026-11-28T10:00:00Z", ",\"pipeline\":\"shop <&> \\\"1\\\"\"");
    let clean = load("items", "2026-11-28T11:00:00Z", ",\"pipeline\":null")
        .replace("\"rejected\":1", "\"rejected\":0");
    folder.write("a.ndjson", sealed(&[late, clean]));
    let again =
        early.replace("\"already_loaded\":false", "\"already_loaded\":true").replace("orders", "returns");
    folder.write("b.ndjson", sealed(&[early, again]));
    folder
}

fn runs(folder: &Folder, args: &str) -> Cmd {
    standpipe(["runs"]).words(args).in_folder(folder.path(""))
}

/// Lines of JSON: target, time, and the counts.
#[track_caller]
fn lines(stdout: &str) -> Vec<String> {
    let line = |line: &str| {
        let value: Value = serde_json::from_str(line).expect("JSON");
        let names = ["target", "loaded_at", "records", "rejected"];
        names
            .map(|name| value[name].as_str().map_or_else(|| value[name].to_string(), str::to_owned))
            .join(" ")
    };
    stdout.lines().map(line).collect()
}

#[test]
fn runs_of_all_files_are_lines_of_json_in_the_order_of_their_times() {
    let folder = folder();
    let ran = runs(&folder, "a.ndjson b.ndjson").run();
    assert_eq!(ran.ok().stderr, "4 runs\n");
    assert_eq!(
        lines(&ran.stdout),
        [
            "orders 2026-11-28T10:00:00.000Z 4 1",
            "returns 2026-11-28T10:00:00.000Z 4 1",
            "items 2026-11-28T11:00:00.000Z 4 0",
            "orders 2026-11-28T12:00:00.000Z 4 1",
        ]
    );
    let first: Value = serde_json::from_str(ran.lines()[1]).expect("JSON");
    assert_eq!(
        first,
        json!({
            "pipeline": "shop <&> \"1\"", "target": "returns", "load_id": "n-1", "loaded_at": "2026-11-28T10:00:00.000Z",
            "records": 4, "inserted": 2, "updated": 1, "rejected": 1, "seconds": 0.25, "already_loaded": true,
        })
    );
    let ran = runs(&folder, "a.ndjson --pipeline shop").run();
    assert_eq!((ran.ok().stdout.as_str(), ran.stderr.as_str()), ("", "0 runs\n"));
    let ran = standpipe(["runs", "--pipeline", "shop <&> \"1\""]).stdin(folder.read("a.ndjson")).run();
    assert_eq!(lines(&ran.ok().stdout), ["orders 2026-11-28T12:00:00.000Z 4 1"]);
}

#[test]
fn a_terminal_shows_a_table() {
    let folder = folder();
    let script = format!("{} runs a.ndjson", workspace_binary("standpipe").display());
    let rows = Screen::of(120, &script, folder.path("")).wait_for("ended");
    let words = |row: &str| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert_eq!(words(&rows[0]), "PIPELINE TARGET LOADED AT AGE RECORDS INSERTED REJECTED SECONDS");
    assert!(words(&rows[1]).starts_with("- items 2026-11-28 11:00Z "), "{rows:?}");
    assert!(words(&rows[1]).ends_with(" 4 2 0 0.25"), "{rows:?}");
    assert!(words(&rows[2]).starts_with("shop <&> \"1\" orders 2026-11-28 12:00Z "), "{rows:?}");
    assert_eq!(rows[3..], ["2 runs", "ended 0"]);
}

#[test]
fn what_is_not_whole_or_not_of_runs_is_refused_by_its_name() {
    let folder = folder();
    folder.write("failed.ndjson", ABORT);
    folder.write("orders.ndjson", segment("s", ",\"schema\":\"orders\"", 1, "{\"id\":1}\n"));
    folder.write("empty.ndjson", "");
    for (args, code, said) in [
        ("a.ndjson failed.ndjson", 77, "failed.ndjson: "),
        ("a.ndjson orders.ndjson", 3, "orders.ndjson: segment s is not of schema etl.receipt or etl.run"),
        ("orders.ndjson", 3, "segment s is not of schema"),
        ("a.ndjson empty.ndjson", 3, "empty.ndjson: "),
        ("none.ndjson", 66, "none.ndjson"),
        ("a.ndjson --input b.ndjson", 2, "the input is named twice, by FILE and by --input"),
        (
            "a.ndjson --table orders",
            2,
            "--table names a table of a ledger: it needs --sqlite FILE or --postgres",
        ),
        ("--sqlite shop.db", 2, "--table"),
        ("--sqlite shop.db --table orders a.ndjson", 2, "cannot be used with"),
    ] {
        let ran = runs(&folder, args).run();
        assert_eq!(ran.fails(code).stdout, "", "{args}");
        assert!(ran.last_error_line().contains(said), "{args}: {}", ran.stderr);
    }
}

#[test]
fn a_ledger_is_read_through_its_loader() {
    let folder = Folder::new();
    folder.write("t.json", r#"{"properties":{"n":{"type":"integer"}},"required":["n"]}"#);
    let load = |loader: Cmd, table: &str| {
        let loader = loader.words("--create --schema t.json --pipeline p --table").arg(table);
        loader.stdin(segment("s", "", 2, "{\"n\":1}\n{\"n\":2}\n")).in_folder(folder.path("")).run().ok();
    };
    let sqlite = || Cmd::bin("load-sqlite").words("--db t.db");
    load(sqlite(), "days");
    load(sqlite(), "nights");
    let ran = runs(&folder, "--sqlite t.db --table days --table nights").run();
    let shown: Vec<String> = ran
        .ok()
        .lines()
        .iter()
        .map(|line| line.split(",\"loaded_at\"").next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        shown,
        [
            r#"{"pipeline":"p","target":"days","load_id":"s""#,
            r#"{"pipeline":"p","target":"nights","load_id":"s""#
        ]
    );
    // A database that does not exist has no runs, and is not created.
    let ran = runs(&folder, "--sqlite none.db --table days").run();
    assert_eq!(ran.ok().stdout, "");
    assert!(!folder.path("none.db").exists());
    runs(&folder, "--sqlite / --table days").run().fails(78);

    let space = Server::shared().space();
    let with_env = |cmd: Cmd| space.env().iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value));
    load(with_env(Cmd::bin("load-postgres")), "days");
    let ran = with_env(runs(&folder, "--postgres --table days")).run();
    let line: Value = serde_json::from_str(&ran.ok().stdout).expect("JSON");
    assert_eq!((&line["target"], &line["inserted"]), (&format!("{}.days", space.schema()).into(), &2.into()));
    // Why the loader fails is why this fails.
    let ran = with_env(runs(&folder, "--postgres --table days")).env("PGPORT", "1").run();
    ran.fails(75);
}

#[test]
fn the_page_is_one_file_that_loads_nothing() {
    let folder = folder();
    let ran = runs(&folder, "a.ndjson b.ndjson --html runs.html").run();
    assert_eq!((ran.ok().stdout.as_str(), ran.stderr.as_str()), ("", "4 runs\n"));
    let page = folder.read("runs.html");
    for absent in ["<script", "http:", "https:", "url(", "src=", "href=", "@import", "shop <&>"] {
        assert!(!page.contains(absent), "{absent} in {page}");
    }
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("default-src 'none'"), "{page}");
}

#[test]
fn chromium_shows_a_timeline_and_a_table_of_each_pipeline() {
    if !need::exists(need::CHROMIUM.0) {
        return need::skipped("the page was not opened", "chromium is not installed");
    }
    let folder = folder();
    runs(&folder, "a.ndjson b.ndjson --html runs.html").run().ok();
    let dom = dom(&folder.path("runs.html"));
    // The parser has understood it as it was meant.
    let headings: Vec<&str> = between(&dom, "<h2>", "</h2>");
    assert_eq!(headings, ["Without a pipeline", "shop &lt;&amp;&gt; \"1\""]);
    assert_eq!(between(&dom, "<svg ", "</svg>").len(), 2);
    let targets = between(&dom, "<text class=\"target\" x=\"0\" y=\"14\">", "</text>");
    assert_eq!(targets, ["items", "orders"]);
    assert_eq!(
        between(&dom, "<title>", "</title>")[1..],
        [
            "2026-11-28 11:00Z: 4 records, 2 inserted, 1 updated (n-1)",
            "2026-11-28 10:00Z: 4 records, 2 inserted, 1 updated, 1 rejected (n-1)",
            "2026-11-28 12:00Z: 4 records, 2 inserted, 1 updated, 1 rejected (n-1)",
            "2026-11-28 10:00Z: committed before",
        ]
    );
    // The first mark is at the left, the last one at the right; what was rejected, and what was committed before, looks different.
    let marks: Vec<&str> = between(&dom, "<circle ", " cy=");
    assert_eq!(
        marks,
        [
            "class=\"good\" cx=\"480.0\"",
            "class=\"bad\" cx=\"12.0\"",
            "class=\"bad\" cx=\"948.0\"",
            "class=\"again\" cx=\"12.0\""
        ]
    );
    let rows: Vec<Vec<&str>> = between(&dom, "<tr", "</tr>").into_iter().map(cells).collect();
    let rows: Vec<_> = rows.iter().filter(|row| !row.is_empty()).collect();
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert_eq!((rows[1][0], rows[1][1]), ("orders", "2026-11-28 12:00Z"));
    assert_eq!(rows[1][3..], ["4", "2", "1", "0.25"]);
    // Of what was committed before, the counts are not known.
    let again = rows.iter().find(|row| row[0] == "returns").expect("the row");
    assert_eq!(again[3..], ["-", "-", "-", "-"]);
}

/// The page as Chromium has understood it.
fn dom(page: &Path) -> String {
    let folder = Folder::new();
    let profile = format!("--user-data-dir={}", folder.path("profile").display());
    let ran = Cmd::new(need::CHROMIUM.0)
        .words("--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --dump-dom")
        .arg(profile)
        .arg(format!("file://{}", page.display()))
        .env("HOME", folder.path(""))
        .run();
    ran.ok().stdout.clone()
}

/// What stands between these texts, each time.
fn between<'t>(text: &'t str, open: &str, close: &str) -> Vec<&'t str> {
    text.split(open).skip(1).filter_map(|rest| Some(rest.split_once(close)?.0)).collect()
}

fn cells(row: &str) -> Vec<&str> {
    row.split("<td").skip(1).filter_map(|cell| Some(cell.split_once('>')?.1.split_once('<')?.0)).collect()
}
