//! Scripts, run by the shell of the system.

use std::process::Command;

use etl_pipeline::Target;
use etl_testkit::need;
use etl_testkit::postgres::Server;
use etl_testkit::run::{Cmd, Folder, Ran, workspace_binary};

use super::rendered;

/// Debian's package has the program.
const SHELLCHECK: need::Program = ("shellcheck", "shellcheck");

const PIPELINE: &str = "\
name: meters
matrix: {meter: [north, \"it's $HOME \\\"q\\\" \\\\ `x` -- y\"]}
steps:
  - python3 meters.py ${meter} ${since}
  - load-postgres --create --table meters --schema meter.json
env: {TITLE: \"$TITLE of ${meter}\", EMPTY: \"\"}
config: {PGHOST: pg/HOST, PGPORT: pg/PORT, PGUSER: pg/USER, PGDATABASE: pg/DATABASE}
secrets: {PGPASSWORD: pg/PASSWORD, TOKEN: meters/TOKEN}
on-failure: python3 failed.py
retry: {limit: 2, wait: 1s, longest: 2s}
";

/// Prints a record; before that, fails with the codes that `codes` lists, one each time.
const METERS: &str = r#"
import json, os, sys
codes = open("codes").read().split()
open("codes", "w").write(" ".join(codes[1:]))
open("tries", "a").write(sys.argv[1] + "\n")
if codes and codes[0] != "0":
    sys.exit(int(codes[0]))
print(json.dumps({"meter": sys.argv[1], "at": sys.argv[2], "title": os.environ["TITLE"], "kwh": 1}))
"#;

const SCHEMA: &str = r#"{"type": "object", "x-key": ["meter", "at"], "required": ["meter", "at"], "properties": {
  "meter": {"type": "string"}, "at": {"type": "string", "format": "date-time"},
  "title": {"type": "string"}, "kwh": {"type": "integer"}}}"#;

const FAILED: &str = r#"
import os
open("failed", "a").write(" ".join(os.environ["WORKFLOW_" + name] for name in ("NAME", "STATUS", "FAILURES")) + "\n")
"#;

fn run(folder: &Folder, codes: &str, variables: &[(String, String)]) -> Ran {
    folder.write("meters.py", METERS);
    folder.write("failed.py", FAILED);
    folder.write("meter.json", SCHEMA);
    folder.write("codes", codes);
    folder.write("tries", "");
    folder.write("failed", "");
    folder.write("meters.sh", &rendered(Target::Shell, PIPELINE, "1.2.3")[0].text);
    let path = std::env::var("PATH").expect("a path");
    let binaries = workspace_binary("standpipe");
    let binaries = binaries.parent().expect("a folder").display().to_string();
    let cmd =
        Cmd::new("sh").arg("meters.sh").in_folder(folder.path("")).env("PATH", format!("{binaries}:{path}"));
    variables.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value)).run()
}

#[test]
fn a_script_is_clean() {
    need::programs(&[SHELLCHECK]).expect("shellcheck");
    let folder = Folder::new();
    for (n, text) in
        [PIPELINE, &PIPELINE.replace("limit: 2", "limit: 0").replace("on-failure: python3 failed.py\n", "")]
            .iter()
            .enumerate()
    {
        let name = format!("{n}.sh");
        folder.write(&name, &rendered(Target::Shell, text, "1.2.3")[0].text);
        Cmd::new("shellcheck")
            .args(["--shell=sh", "--enable=all", "--exclude=SC2310,SC2312,SC2250"])
            .arg(folder.path(&name))
            .run()
            .ok();
        assert!(Command::new("sh").arg("-n").arg(folder.path(&name)).status().expect("sh").success());
    }
}

#[test]
fn missing_variables_are_named_before_anything_runs() {
    let folder = Folder::new();
    let some = ["TOKEN", "PGHOST", "PGPORT", "PGDATABASE"].map(|name| (name.to_owned(), "x".to_owned()));
    let ran = run(&folder, "", &some);
    ran.fails(78);
    assert_eq!(
        ran.stderr.lines().collect::<Vec<_>>(),
        [
            "error: the variable SINCE is not set (an end of the interval whose data the run is for)",
            "error: the variable PGUSER is not set (pg/USER)",
            "error: the variable PGPASSWORD is not set (pg/PASSWORD)",
        ]
    );
    assert_eq!(folder.read("tries"), "");
}

#[test]
fn items_are_tried_again_by_their_codes_and_loaded_once() {
    let space = Server::shared().database();
    let folder = Folder::new();
    let mut variables = space.env();
    let more = [("TOKEN", "x"), ("SINCE", "2026-01-01T00:00:00Z"), ("RUN_ID", "r1")];
    variables.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let second = "it's $HOME \"q\" \\ `x` -- y";
    // 75 twice, then success; the second item succeeds at once.
    run(&folder, "75 75 0 0", &variables).ok();
    assert_eq!(folder.read("tries"), format!("north\nnorth\nnorth\n{second}\n"));
    let rows = || space.rows("SELECT meter, title FROM meters ORDER BY 1");
    assert_eq!(rows(), [format!("{second}|$TITLE of {second}"), "north|$TITLE of north".to_owned()]);
    assert_eq!(folder.read("failed"), "");
    // The same run again loads nothing.
    let loads = || space.rows("SELECT load_id FROM etl_load ORDER BY 1");
    let ids = loads();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&"meters-north-r1-load-postgres".to_owned()), "{ids:?}");
    run(&folder, "0 0", &variables).ok();
    assert_eq!(loads(), ids);
    // Without an id it is a run of its own.
    variables.pop();
    run(&folder, "0 0", &variables).ok();
    assert_eq!(loads().len(), 4);
    // 3 is not tried again, the second item runs all the same, and the first failure decides.
    run(&folder, "3 75 75 75", &variables).fails(3);
    assert_eq!(folder.read("tries").lines().count(), 4);
    let failed = folder.read("failed");
    assert_eq!(failed.lines().count(), 1);
    let (before, failures) = failed.trim().split_once('[').expect("a list");
    assert_eq!(before, "meters Failed ");
    let failures: serde_json::Value = serde_json::from_str(&format!("[{failures}")).expect("JSON");
    assert_eq!(failures[0]["message"], "exit code 3");
    assert_eq!(failures[1]["message"], "exit code 75");
}
