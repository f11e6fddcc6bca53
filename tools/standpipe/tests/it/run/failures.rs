//! Which code a pipe ends with, what is committed, and what is run then.

use std::fs;

use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::run::Cmd;

use super::{LOAD, folder, left, program, rows, run, wait_for};
use crate::support::segment;

#[test]
fn the_first_cause_decides_and_nothing_is_committed() {
    let folder = folder();
    let record = r#"echo '{"id":1}'; "#;
    for (exit, code, said) in [
        ("echo no key >&2; exit 77", 77, "sh (step 1 of 3): `sh` failed with exit code 77: no key"),
        ("exit 3", 3, "sh (step 1 of 3): `sh` failed with exit code 3"),
        ("exit 1", 75, "sh (step 1 of 3): `sh` failed with exit code 1"),
        ("kill -9 $$", 75, "sh (step 1 of 3): `sh` was ended by signal 9"),
        (
            "echo '{'",
            3,
            "sh (step 1 of 3): the output of `sh`: line 2 (byte 10): the line ends inside an object: is it pretty-printed? one object per line (`jq -c`; within a pipe under `standpipe through`); record: {",
        ),
    ] {
        let first = ["sh", "-c", &format!("{record}{exit}")];
        let ran = run(&folder, &[], &[&first, &["cat"], &LOAD]).run();
        assert_eq!((ran.fails(code).last_error_line(), rows(&folder)), (said, vec![]), "{exit}");
        // The loader has said it, too, and has printed its own `abort`, the only one.
        assert!(ran.stderr.contains("error: the producer failed: "), "{}", ran.stderr);
        assert_eq!(ran.lines().len(), 1);
        assert!(ran.stdout.contains(&format!("\"kind\":\"abort\",\"code\":{code},")), "{}", ran.stdout);
    }
    // In the middle.
    let ran = run(&folder, &[], &[&["sh", "-c", record], &["sh", "-c", "cat; exit 66"], &LOAD]).run();
    assert_eq!(
        (ran.fails(66).last_error_line(), rows(&folder)),
        ("sh (step 2 of 3): `sh` failed with exit code 66", vec![])
    );
}

#[test]
fn a_step_that_fails_ends_those_before_it() {
    let folder = folder();
    let waits = ["sh", "-c", "echo '{\"id\":1}'; exec sleep 1000"];
    let load = ["load-sqlite", "--db", "m.db", "--table", "meters", "--schema", "none.json"];
    let ran = run(&folder, &[], &[&waits, &load]).env("RUN_TEST", "fails").run();
    ran.fails(78);
    assert!(ran.last_error_line().starts_with("load-sqlite (step 2 of 2): "), "{}", ran.stderr);
    assert_eq!(left("RUN_TEST=fails"), [""; 0]);
    // The same where the last step is no component.
    let ran = run(&folder, &[], &[&waits, &["sh", "-c", "read line; echo bad >&2; exit 3"]]).run();
    assert_eq!(ran.fails(3).last_error_line(), "sh (step 2 of 2) failed with exit code 3: bad");
    let ran = run(&folder, &[], &[&waits, &["sh", "-c", "read line; kill -11 $$"]]).run();
    assert_eq!(ran.fails(75).last_error_line(), "sh (step 2 of 2) was ended by signal 11");
}

#[test]
fn a_step_that_dies_after_its_end_line_has_not_ended_well() {
    let folder = folder();
    folder.write("stream", segment("x", "", 1, "{\"id\":1}\n"));
    program(&folder, "extract-file", "cat stream; kill -9 $$");
    let ran = run(&folder, &[], &[&["./extract-file"], &LOAD]).run();
    let said = "extract-file (step 1 of 2) was ended by signal 9";
    assert_eq!((ran.fails(137).last_error_line(), rows(&folder)), (said, vec![]));
    assert!(ran.stderr.contains("the input ends in the middle of a line"), "{}", ran.stderr);
    // A program that gets the records only does not take it for the end, either.
    let last = ["sh", "-c", "cat >taken; echo done >done"];
    run(&folder, &[], &[&["./extract-file"], &last]).run().fails(137);
    assert!(!folder.path("done").exists());
    program(&folder, "extract-file", "cat stream");
    run(&folder, &[], &[&["./extract-file"], &last]).run().ok();
    assert_eq!((folder.read("taken").as_str(), folder.read("done").as_str()), ("{\"id\":1}\n", "done\n"));
}

#[test]
fn a_program_at_the_end_is_killed_before_it_could_take_a_cut_stream_for_a_whole_one() {
    let folder = folder();
    let last = ["sh", "-c", "cat >taken; echo done >done"];
    for (first, code) in
        [("echo '{\"id\":1}'; exit 76", 76), ("echo '{\"id\":1}'; kill -9 $PPID; sleep 1000", 137)]
    {
        run(&folder, &[], &[&["sh", "-c", first], &last]).env("RUN_TEST", "cut").run().fails(code);
        assert!(!folder.path("done").exists(), "{first}");
        assert_eq!(left("RUN_TEST=cut"), [""; 0]);
    }
}

#[test]
fn a_reader_of_stdout_that_goes_away_is_no_failure_of_a_step() {
    let folder = folder();
    for steps in
        [&[&["yes", "{}"][..], &["cat"]][..], &[&["standpipe", "seal", "--", "yes", "{}"]], &[&["yes", "{}"]]]
    {
        let (ran, _) = run(&folder, &["--on-failure", "touch told"], steps).pipe(Cmd::new("true"));
        ran.fails(141);
        // Only a step that was told to end says so.
        assert!(!ran.stderr.contains("(step "), "{}", ran.stderr);
    }
    assert!(!folder.path("told").exists());
}

#[test]
fn the_termination_log_has_the_first_cause() {
    let folder = folder();
    folder.write("log", "older");
    let ran = run(&folder, &[], &[&["sh", "-c", "exit 77"], &LOAD]).env("ETL_TERMINATION_LOG", "log").run();
    ran.fails(77);
    assert_eq!(folder.read("log"), "error: sh (step 1 of 2): `sh` failed with exit code 77");
}

#[test]
fn on_failure_is_told_which_step_failed_and_why() {
    let folder = folder();
    program(
        &folder,
        "tell",
        "cat; printf '%s\\n' \"$WORKFLOW_NAME\" \"$WORKFLOW_STATUS\" \"$WORKFLOW_FAILURES\" >told; echo on stdout; exit $1",
    );
    let steps: [&[&str]; 2] = [&["sh", "-c", "echo first >&2; echo 'no \"key\"' >&2; exit 77"], &LOAD];
    let ran = run(&folder, &["--on-failure", "./tell 0"], &steps).stdin("not read").run();
    let said = "sh (step 1 of 2): `sh` failed with exit code 77: no \"key\"";
    assert_eq!(ran.fails(77).last_error_line(), said);
    let failures = serde_json::json!([{ "displayName": "sh", "phase": "Failed", "message": format!("exit code 77: {said}") }]);
    assert_eq!(folder.read("told"), format!("sh | load-sqlite\nFailed\n{failures}\n"));
    // What it prints is no data, and its own failure changes nothing.
    assert!(!ran.stdout.contains("on stdout") && ran.stderr.contains("on stdout\n"), "{}", ran.stdout);
    let ran = run(&folder, &["--on-failure", "./tell 2"], &steps).run();
    assert_eq!(ran.fails(77).last_error_line(), said);
    assert!(ran.stderr.contains("warning: on-failure: tell failed with exit code 2\n"), "{}", ran.stderr);
    // The last lines of a program at the end.
    let script = "cat >&2; echo two >&2; exit 3";
    run(&folder, &["--on-failure", "./tell 0"], &[&["echo", "{}"], &["sh", "-c", script]]).run().fails(3);
    assert!(
        folder.read("told").contains("failed with exit code 3: two\\n{}\\ntwo\""),
        "{}",
        folder.read("told")
    );
    // A success is nobody's business.
    fs::remove_file(folder.path("told")).expect("it was told");
    run(&folder, &["--on-failure", "./tell 0"], &[&["extract-file", "meters.csv"], &LOAD]).run().ok();
    assert!(!folder.path("told").exists());
    let ran = run(&folder, &["--on-failure", "no-such-program"], &steps).run();
    assert_eq!(ran.fails(78).last_error_line(), "--on-failure: no-such-program is not in PATH");
}

#[test]
fn notify_slack_posts_the_failure() {
    let folder = folder();
    let slack = Server::start(Script::new().at("/services", Reply::text(200, "ok")));
    let ran = run(&folder, &["--on-failure", "notify-slack"], &[&["sh", "-c", "exit 77"], &LOAD])
        .env("SLACK_WEBHOOK_URL", format!("{}/services/T1/B1/sesame", slack.url()))
        .run();
    ran.fails(77);
    let posts = slack.requests();
    assert_eq!(posts.len(), 1, "{}", ran.stderr);
    let body: serde_json::Value = serde_json::from_slice(&posts[0].body).expect("JSON");
    let text = "Workflow sh | load-sqlite failed\n*sh*: Failed: exit code 77: sh (step 1 of 2): `sh` failed with exit code 77";
    assert_eq!(body["text"], text);
}

#[test]
fn over_the_deadline_all_are_ended_with_75() {
    let folder = folder();
    let waits = ["sh", "-c", "trap '' TERM; echo '{\"id\":1}'; echo >started; sleep 1000"];
    let ran = run(&folder, &["--deadline", "300ms", "--on-failure", "touch told"], &[&waits, &LOAD])
        .env("RUN_TEST", "deadline")
        .run();
    assert_eq!(
        (ran.fails(75).last_error_line(), rows(&folder)),
        (
            "not done when the deadline of 0.30 s was over; load-sqlite: ended by SIGTERM: nothing was committed",
            vec![]
        )
    );
    assert_eq!(left("RUN_TEST=deadline"), [""; 0]);
    wait_for(&folder, "started");
    assert!(folder.path("told").exists());
}
