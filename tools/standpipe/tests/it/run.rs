//! `standpipe run`.

mod ends;
mod failures;
mod files;
mod kills;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use etl_testkit::run::{Cmd, Folder, Ran, wait_until};

use crate::support::{aborted, segment, standpipe};

const SCHEMA: &str = r#"{"type":"object","x-key":["id"],"required":["id"],"properties":{"id":{"type":"integer"},"kwh":{"type":"number"}}}"#;

/// The loader of most tests.
const LOAD: [&str; 8] =
    ["load-sqlite", "--db", "m.db", "--table", "meters", "--schema", "meter.json", "--seal=required"];

/// A folder with the schema and a CSV file of two records.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("meter.json", SCHEMA);
    folder.write("meters.csv", "id,kwh\n1,0.5\n2,9.5\n");
    folder
}

/// `standpipe run -- STEP '|' STEP …`, with the flags before.
fn run(folder: &Folder, flags: &[&str], steps: &[&[&str]]) -> Cmd {
    let steps = steps.join(&"|");
    standpipe(["run"]).args(flags).arg("--").args(steps).in_folder(folder.path(""))
}

/// A program of this name in the folder.
fn program(folder: &Folder, name: &str, script: &str) {
    folder.write(name, format!("#!/bin/sh\n{script}\n"));
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(name), mode).expect("the file is ours");
}

/// The rows of the loader's table, without the file none.
#[track_caller]
fn rows(folder: &Folder) -> Vec<String> {
    if !folder.path("m.db").exists() {
        return Vec::new();
    }
    let query = "SELECT id, kwh FROM meters ORDER BY id";
    let ran = Cmd::new("sqlite3").args(["m.db", query]).in_folder(folder.path("")).run();
    if ran.stderr.contains("no such table") {
        return Vec::new();
    }
    ran.ok().stdout.lines().map(str::to_owned).collect()
}

/// The last line of stderr, with every duration as `N s`.
fn closing(ran: &Ran) -> String {
    let last = ran.stderr.lines().last().unwrap_or_default();
    let words = last.split(' ').map(|word| {
        let number = word.trim_start_matches('(');
        if number.contains('.') && number.parse::<f64>().is_ok() {
            word.replace(number, "N")
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn steps_are_joined_and_programs_that_know_no_seal_are_sealed() {
    let folder = folder();
    let print = ["printf", "%s\\n", r#"{"id":1,"kwh":0.5}"#, r#"{"id":2,"kwh":9.5}"#];
    let ran = run(&folder, &[], &[&print, &["grep", "9.5"], &LOAD]).run();
    assert_eq!(rows(ran_ok(&ran, &folder)), ["2|9.5"]);
    // The receipt is on stdout, as if the loader had been run alone.
    assert!(ran.lines()[0].contains("\"schema\":\"etl.receipt\""), "{}", ran.stdout);
    assert_eq!(ran.lines().len(), 3);
    // Two processes write these lines, either of them first.
    let mut own: Vec<&str> = ran.stderr.lines().take(2).collect();
    own.sort_unstable();
    assert_eq!(own, ["2 records in, 1 out", "sealed 2 records"], "{}", ran.stderr);
    assert_eq!(
        closing(&ran),
        "printf: sealed 2 records (N s); grep: 2 records in, 1 out (N s); load-sqlite: m.db: meters: 1 record, 1 inserted in N s (N s); 3 steps in N s"
    );
}

fn ran_ok<'a>(ran: &Ran, folder: &'a Folder) -> &'a Folder {
    ran.ok();
    folder
}

#[test]
fn components_are_found_beside_standpipe_and_run_as_they_are() {
    let folder = folder();
    let ran = run(&folder, &[], &[&["extract-file", "meters.csv"], &LOAD]).run();
    assert_eq!(rows(ran_ok(&ran, &folder)), ["1|0.5", "2|9.5"]);
    // The load has one ledger row: that of the extractor's own segment.
    let ledger =
        Cmd::new("sqlite3").args(["m.db", "SELECT records FROM etl_load"]).in_folder(folder.path("")).run();
    assert_eq!(ledger.ok().stdout, "2\n");
}

#[test]
fn a_component_of_ones_own_is_one_if_it_says_so() {
    let folder = folder();
    let path = format!("{}:/usr/bin:/bin", folder.path("").display());
    let real = etl_testkit::run::workspace_binary("extract-file");
    let script = format!(
        "echo \"$*\" >>asked; if [ \"$1\" = --describe ]; then {0} \"$1\" | sed s/extract-file/extract-mine/; else exec {0} \"$@\"; fi",
        real.display()
    );
    program(&folder, "extract-mine", &script);
    // In a file and as typed, it is found in PATH, and its stream is not sealed once more.
    let load = LOAD.map(|word| word.replace('=', " ")).join(" ");
    folder.write("p.yaml", format!("name: own\nsteps:\n  - extract-mine meters.csv\n  - {load}\n"));
    for words in [&["p.yaml"][..], &[&["--", "extract-mine", "meters.csv", "|"][..], &LOAD].concat()] {
        let ran = standpipe(["run"]).args(words).env("PATH", &path).in_folder(folder.path("")).run();
        assert_eq!(rows(ran_ok(&ran, &folder)), ["1|0.5", "2|9.5"]);
        assert!(!ran.stderr.contains("sealed"), "{}", ran.stderr);
        fs::remove_file(folder.path("m.db")).expect("a file of our own");
        assert_eq!(folder.read("asked"), "--describe\nmeters.csv\n");
        fs::remove_file(folder.path("asked")).expect("a file of our own");
    }
    program(&folder, "extract-mine", "echo 1");
    let ran = run(&folder, &[], &[&["extract-mine"], &LOAD]).env("PATH", &path).run();
    aborted(&ran, 78);
    let own = folder.path("extract-mine");
    assert_eq!(
        ran.last_error_line(),
        format!(
            "extract-mine (step 1 of 2): the name is that of a component, but {} does not say what it is when asked with --describe",
            own.display()
        )
    );
}

#[test]
fn a_foreign_program_at_the_end_gets_the_records_only() {
    let folder = folder();
    let ran = run(&folder, &[], &[&["extract-file", "meters.csv"], &["sort", "-r"]]).run();
    assert_eq!(ran.ok().stdout, "{\"id\":\"2\",\"kwh\":\"9.5\"}\n{\"id\":\"1\",\"kwh\":\"0.5\"}\n");
    assert!(closing(&ran).ends_with("; sort: 2 records (N s); 2 steps in N s"), "{}", ran.stderr);
    // It need not read them all.
    let ran = run(&folder, &[], &[&["extract-file", "meters.csv"], &["head", "-n1"]]).run();
    assert_eq!(ran.ok().stdout, "{\"id\":\"1\",\"kwh\":\"0.5\"}\n");
}

#[test]
fn the_first_step_has_the_stdin_of_run_and_the_only_one_its_stdout_too() {
    let folder = folder();
    let ran = run(&folder, &[], &[&["cat"]]).stdin("any\ntext").run();
    assert_eq!((ran.ok().stdout.as_str(), closing(&ran).as_str()), ("any\ntext", "cat (N s); 1 step in N s"));
    let ran = run(&folder, &[], &[&["cat"], &LOAD]).stdin("{\"id\":7}\n").run();
    assert_eq!(rows(ran_ok(&ran, &folder)), ["7|"]);
    let ran = run(&folder, &[], &[&["standpipe", "verify"]]).stdin(segment("x", "", 1, "{}\n")).run();
    assert_eq!(ran.ok().lines()[1], "whole: segments=1 records=1");
}

#[test]
fn what_was_typed_wrongly_is_2_and_what_does_not_exist_78() {
    let folder = folder();
    let steps = |words: &[&str]| standpipe(["run", "--"]).args(words).in_folder(folder.path("")).run();
    for words in [&["|", "cat"][..], &["cat", "|"], &["cat", "|", "|", "cat"], &["|"]] {
        let ran = steps(words);
        aborted(&ran, 2);
        assert_eq!(ran.last_error_line(), "a step is missing: '|' stands between two steps");
    }
    aborted(&steps(&[]), 2);
    let touch = ["touch", "started"];
    for (program, said) in [
        ("no-such-program", "no-such-program (step 2 of 2) is not in PATH"),
        ("./nothing", "nothing (step 2 of 2): ./nothing does not exist, or may not be run"),
        ("./meters.csv", "meters.csv (step 2 of 2): ./meters.csv does not exist, or may not be run"),
        (
            "load-nowhere",
            "load-nowhere (step 2 of 2): the name is that of a component, but there is none of that name",
        ),
    ] {
        let ran = steps(&[&touch[..], &["|", program]].concat());
        aborted(&ran, 78);
        assert_eq!(ran.last_error_line(), said);
    }
    assert!(!folder.path("started").exists());
}

#[test]
fn variables_come_from_the_environment_and_then_from_the_file() {
    let folder = folder();
    folder.write(".env", "# none of ours\nexport A='from file'\n\nB=\"from file\"\n");
    let print = ["sh", "-c", "echo \"$A, $B\""];
    let ran = run(&folder, &["--env-file", ".env"], &[&print]).env("A", "from environment").run();
    assert_eq!(ran.ok().stdout, "from environment, from file\n");
    folder.write(".env", "A=1\nsesame\n");
    let ran = run(&folder, &["--env-file", ".env"], &[&print]).run();
    aborted(&ran, 78);
    assert_eq!(ran.last_error_line(), ".env, line 2: this is not NAME=value");
    let ran = run(&folder, &["--env-file", "none"], &[&print]).run();
    aborted(&ran, 78);
    assert!(ran.last_error_line().starts_with("cannot read --env-file none: No such file"), "{}", ran.stderr);
}

#[test]
fn lines_of_several_steps_do_not_mix() {
    let folder = folder();
    let script = "for n in 1 2 3 4 5 6 7 8 9; do printf '%s' \"$0\" >&2; printf '%s\\n' \"$0$0\" >&2; done; printf last >&2; cat";
    let [a, b, c] = ["aaaa", "bbbb", "cccc"].map(|name| ["sh", "-c", script, name]);
    let ran = run(&folder, &[], &[&a, &b, &c]).stdin("{}\n").run();
    let mut lines: Vec<&str> = ran.ok().stderr.lines().collect();
    lines.pop();
    for name in ["aaaa", "bbbb", "cccc"] {
        assert_eq!(lines.iter().filter(|line| **line == name.repeat(3)).count(), 9, "{}", ran.stderr);
    }
    assert_eq!(lines.iter().filter(|line| **line == "last").count(), 3, "{}", ran.stderr);
    assert_eq!(lines.len(), 32, "{}", ran.stderr);
}

/// The processes with this variable in their environment, as their command lines.
fn left(marker: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let marked = entries.filter(|entry| {
        let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environ).contains(marker)
    });
    marked.map(|entry| fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default()).collect()
}

/// The processes of a run but for itself: their ids, and how they were started.
fn processes(marker: &str, run: u32) -> Vec<(i32, String)> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let found = entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let environ = fs::read(entry.path().join("environ")).ok()?;
        let marked = String::from_utf8_lossy(&environ).contains(marker);
        let words = fs::read_to_string(entry.path().join("cmdline")).ok()?.replace('\0', " ");
        let (program, rest) = words.split_once(' ')?;
        let name = program.rsplit('/').next()?;
        (marked && pid != run.cast_signed()).then(|| (pid, format!("{name} {rest}")))
    });
    found.collect()
}

/// Waits until a file has a text.
#[track_caller]
fn wait_for(folder: &Folder, name: &str) {
    wait_until(name, || fs::read(folder.path(name)).is_ok_and(|text| text.ends_with(b"\n")));
}
