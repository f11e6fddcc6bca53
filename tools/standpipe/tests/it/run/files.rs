//! Pipeline files.

use std::fs;

use etl_testkit::run::{Cmd, Folder};

use super::{folder, rows};
use crate::support::{aborted, standpipe};

/// `standpipe run p.yaml` with this file.
fn run(folder: &Folder, file: &str, flags: &[&str]) -> Cmd {
    folder.write("p.yaml", file);
    standpipe(["run", "p.yaml"]).args(flags).in_folder(folder.path(""))
}

#[test]
fn a_file_is_run_with_its_variables_deadline_and_on_failure() {
    let folder = folder();
    let file = "name: meters\nsteps:\n  - sh -c 'cat meters.csv >/dev/null; echo \"{\\\"id\\\":$A}\"; exit $EXIT'\n  \
                - run: load-sqlite --db m.db --table meters --schema meter.json\n    env: {ETL_LOG_LEVEL: warn}\n\
                env: {A: \"3\", EXIT: 0, ETL_LOG_FORMAT: logfmt}\n\
                on-failure: sh -c 'echo \"$WORKFLOW_NAME $A\" >told'\ndeadline: 1m\n";
    let ran = run(&folder, file, &[]).run();
    assert_eq!((ran.ok().lines().len(), rows(&folder)), (3, vec!["3|".to_owned()]));
    // All lines have one format, and the loader's level is its own.
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ran.stderr);
    assert!(
        lines.iter().all(|line| line.starts_with("ts=") && line.contains(" level=info msg=")),
        "{}",
        ran.stderr
    );
    assert!(lines[2].contains("msg=\"meters: sh: sealed 1 record ("), "{}", ran.stderr);
    // The environment comes before the file of --env-file, that before the pipeline's.
    folder.write(".env", "A=4\nEXIT=3\n");
    let ran = run(&folder, file, &["--env-file", ".env"]).env("EXIT", "0").run();
    assert_eq!(rows(ran_ok(&ran, &folder)), ["3|", "4|"]);
    run(&folder, file, &["--env-file", ".env"]).run().fails(3);
    assert_eq!(folder.read("told"), "meters 4\n");
    let ran = run(&folder, &file.replace("exit $EXIT", "sleep 1000"), &["--deadline", "200ms"]).run();
    assert!(ran.fails(75).stderr.contains("the deadline of 0.20 s was over"), "{}", ran.stderr);
}

fn ran_ok<'a>(ran: &etl_testkit::run::Ran, folder: &'a Folder) -> &'a Folder {
    ran.ok();
    folder
}

#[test]
fn the_window_is_filled_in_and_has_to_be() {
    let folder = folder();
    let file = "name: window\nsteps:\n  - printf '%s %s\\n' ${since} '${until} $${x} {{ y }}'\n";
    let ran = run(&folder, file, &["--since", "2026-11-01", "--until", "2026-11-02"]).run();
    assert_eq!(ran.ok().stdout, "2026-11-01 2026-11-02 ${x} {{ y }}\n");
    let ran = run(&folder, file, &["--since", "2026-11-01"]).run();
    aborted(&ran, 2);
    assert_eq!(ran.last_error_line(), "--until is missing: p.yaml uses ${until}");
    let ran = run(&folder, "name: window\nsteps: [echo]\n", &["--since", "1"]).run();
    assert_eq!(ran.fails(2).last_error_line(), "--since changes nothing: p.yaml does not use ${since}");
}

#[test]
fn what_is_wrong_with_a_file_is_said_before_anything_is_started() {
    let folder = folder();
    let openweather =
        "name: weather\nsteps:\n  - extract-openweather current --city Seattle\n  - touch started\n";
    for (file, said) in [
        ("name: x\nstep: [cat]\n", "p.yaml:"),
        (
            "name: x\nsteps:\n  - touch started\n  - load-sqlit --db x\n",
            "p.yaml:4: `load-sqlit` is named like a component",
        ),
        (
            "name: x\nsteps:\n  - touch started\n  - no-such-program\n",
            "no-such-program (step 2 of 2) is not in PATH",
        ),
        (openweather, "p.yaml:3: `extract-openweather` needs OPENWEATHER_API_KEY or "),
        (
            &format!("{openweather}secrets: {{OPENWEATHER_API_KEY: weather/key}}\n"),
            "p.yaml:5: OPENWEATHER_API_KEY or ",
        ),
        (
            "name: x\nsteps:\n  - touch started\n  - run: cat\n    config: {PLACE: map/place}\n",
            "p.yaml:5: PLACE is not set: `config` names map/place, which a cluster has; here it comes from the environment or --env-file",
        ),
    ] {
        let ran = run(&folder, file, &[]).run();
        aborted(&ran, 78);
        assert!(ran.last_error_line().starts_with(said), "{}", ran.stderr);
    }
    assert!(!folder.path("started").exists());
    let ran = standpipe(["run", "none.yaml"]).in_folder(folder.path("")).run();
    aborted(&ran, 66);
    for args in [
        &["run"][..],
        &["run", "a", "--", "cat"],
        &["run", "--jobs", "0", "a"],
        &["run", "--jobs", "2", "--", "cat"],
    ] {
        aborted(&standpipe([]).args(args).run(), 2);
    }
}

#[test]
fn a_secret_of_the_file_is_hidden() {
    let folder = folder();
    folder.write(".env", "TOKEN=open-sesame-1\n");
    let file =
        "name: x\nsteps:\n  - sh -c 'echo bad token $TOKEN >&2; exit 77'\n  - cat\nsecrets: {TOKEN: a/b}\n";
    let ran = run(&folder, file, &["--env-file", ".env"]).run();
    let said = "sh (step 1 of 2): `sh` failed with exit code 77: bad token [redacted]";
    assert_eq!(ran.fails(77).last_error_line(), said);
}

const ITEMS: &str = "name: parts\nmatrix: {part: [one, \"007\", three]}\nsteps:\n  - sh -c 'cat ${part}.ndjson'\n  \
                     - load-sqlite --db m.db --table meters --schema meter.json\n";

#[test]
fn each_item_is_a_run_of_its_own() {
    let folder = folder();
    for (name, id) in [("one", 1), ("007", 7), ("three", 3)] {
        folder.write(&format!("{name}.ndjson"), format!("{{\"id\":{id}}}\n"));
    }
    let ran = run(&folder, ITEMS, &[]).env("ETL_LOAD_ID", "today").run();
    assert_eq!(rows(ran_ok(&ran, &folder)), ["1|", "3|", "7|"]);
    for item in ["one", "007", "three"] {
        assert!(ran.stderr.contains(&format!("\npart={item}: sh: sealed 1 record (")), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("part={item}: sealed 1 record\n")), "{}", ran.stderr);
    }
    assert!(
        ran.stderr.lines().last().is_some_and(|last| last.starts_with("parts: 3 items in ")),
        "{}",
        ran.stderr
    );
    // Each has a load id of its own.
    let ids = Cmd::new("sqlite3")
        .args(["m.db", "SELECT load_id FROM etl_load ORDER BY 1"])
        .in_folder(folder.path(""))
        .run();
    assert_eq!(ids.ok().lines(), ["today-007", "today-one", "today-three"]);
}

#[test]
fn items_at_once_print_whole_streams_and_one_that_fails_stops_no_other() {
    let folder = folder();
    let many: String = (0..3000).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    for name in ["one", "007", "three"] {
        folder.write(&format!("{name}.ndjson"), &many);
    }
    let file =
        ITEMS.replace("load-sqlite --db m.db --table meters --schema meter.json", "standpipe through -- cat");
    let ran = run(&folder, &file, &["--jobs", "3"]).run();
    let verified = standpipe(["verify"]).stdin(&ran.ok().stdout).run();
    assert_eq!(verified.ok().lines().last(), Some(&"whole: segments=3 records=9000"));
    for name in ["007", "three"] {
        fs::remove_file(folder.path(&format!("{name}.ndjson"))).expect("it exists");
    }
    folder.write("one.ndjson", "{\"id\":1}\n");
    for jobs in ["1", "2", "3", "9"] {
        let exits = ITEMS.replace("cat ${part}.ndjson", "cat ${part}.ndjson || exit 77");
        let ran = run(&folder, &exits, &["--jobs", jobs]).run();
        let last = ran.fails(77).last_error_line();
        assert!(
            last.starts_with("2 of 3 items failed; the first is part=007: sh (step 1 of 2): `sh` failed with exit code 77: cat: 007.ndjson"),
            "{last}"
        );
        assert!(ran.stderr.contains("error: part=three: sh (step 1 of 2): "), "{}", ran.stderr);
        assert_eq!(rows(&folder), ["1|"]);
    }
}
