//! `standpipe seal` of programs that print no `begin`: their states, their aborts, their last words, and where an endless
//! output is cut.

use std::fs;

use etl_testkit::run::{Cmd, temp_dir, workspace_binary};

use crate::support::{BEGIN, aborted, end, seal, segment, standpipe};

const STATE: &str = "{\"_etl\":{\"v\":1,\"kind\":\"state\",\"value\":1}}\n";

/// `standpipe seal --id x FLAGS -- sh -c SCRIPT`
fn cut(flags: &str, script: &str) -> Cmd {
    standpipe(["seal", "--id", "x"]).args(flags.split(' ')).args(["--", "sh", "-c", script])
}

fn numbered(n: u32, records: u64, body: &str) -> String {
    segment(&format!("x-{n}"), ",\"producer\":\"standpipe/0.1.0\"", records, body)
}

#[test]
fn states_of_a_bare_program_stand_where_it_printed_them() {
    let folder = temp_dir();
    for (body, records) in [
        (format!("{{\"n\":1}}\n{STATE}{{\"n\":2}}\n{STATE}"), 2),
        (format!("{STATE}{{}}\n"), 1),
        (STATE.to_owned(), 0),
        (STATE.repeat(2), 0),
    ] {
        fs::write(folder.path().join("s"), &body).expect("written");
        let ran = seal("cat s").in_folder(&folder).run();
        assert_eq!(ran.ok().stdout, format!("{BEGIN}{body}{}", end("x", records, &body)));
        // What follows the last state was not completed.
        let ran = seal("cat s; exit 75").in_folder(&folder).run();
        aborted(&ran, 75);
        assert!(ran.stdout.starts_with(&format!("{BEGIN}{body}")), "{}", ran.stdout);
    }
    // A plain stream is still one that has no segments.
    for (bad, what) in [
        (
            "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"a\"}}\n",
            "a control line inside a plain stream (a filter in between needs `standpipe through -- COMMAND`)",
        ),
        (
            &end("x", 1, "")[..],
            "a control line inside a plain stream (a filter in between needs `standpipe through -- COMMAND`)",
        ),
        ("{\"_etl\":{\"v\":1,\"kind\":\"state\"}}\n", "a `state` without `value`"),
    ] {
        fs::write(folder.path().join("s"), format!("{STATE}{bad}")).expect("written");
        let ran = seal("cat s").in_folder(&folder).run();
        aborted(&ran, 3);
        assert_eq!(ran.last_error_line(), format!("the output of `sh`: line 2 (byte 42): {what}"));
    }
}

#[test]
fn an_abort_of_a_bare_program_closes_its_segment() {
    let abort = |code: &str| {
        format!("{{\"_etl\":{{\"v\":1,\"kind\":\"abort\",\"code\":{code},\"message\":\"no key\"}}}}\n")
    };
    let odd = |code: &str| format!("no key (it ended with {code}, which is not an exit code of a component)");
    for (code, class, message) in [
        ("77", 77, "no key".to_owned()),
        ("1", 3, odd("1")),
        ("-1", 3, odd("-1")),
        ("\"denied\"", 3, odd("\\\"denied\\\"")),
    ] {
        for before in ["", "{\"n\":1}\n", STATE] {
            let ran = standpipe(["seal", "--id", "x", "cat"]).stdin(format!("{before}{}", abort(code))).run();
            aborted(&ran, class);
            // As it was said, for whoever reads on; this process says once where it comes from.
            let said = format!("\"code\":{class},\"message\":\"{message}\"}}}}\n");
            assert!(ran.stdout.ends_with(&said), "{}", ran.stdout);
            assert_eq!(ran.stdout.starts_with(BEGIN), !before.is_empty(), "{}", ran.stdout);
            let message = message.replace('\\', "");
            assert_eq!(ran.last_error_line(), format!("the output of `cat`: the producer failed: {message}"));
        }
    }
}

#[test]
fn every_so_many_records_a_segment() {
    let records =
        |n: std::ops::RangeInclusive<u32>| n.map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>();
    let print = "for n in 1 2 3 4 5; do echo \"{\\\"n\\\":$n}\"; done";
    let ran = cut("--every 2", print).run();
    let expected =
        numbered(1, 2, &records(1..=2)) + &numbered(2, 2, &records(3..=4)) + &numbered(3, 1, &records(5..=5));
    assert_eq!(ran.ok().stdout, expected);
    assert_eq!(ran.stderr, "sealed 5 records in 3 segments\n");
    // None is added to what ends with a full one, and one is written for nothing at all.
    assert_eq!(cut("--every 5", print).run().ok().stdout, numbered(1, 5, &records(1..=5)));
    assert_eq!(cut("--interval 1h", print).run().ok().stdout, numbered(1, 5, &records(1..=5)));
    assert_eq!(cut("--every 5", "true").run().ok().stdout, numbered(1, 0, ""));
    // What is closed stays.
    let ran = cut("--every 2", &format!("{print}; exit 77")).run();
    ran.fails(77);
    let closed = numbered(1, 2, &records(1..=2)) + &numbered(2, 2, &records(3..=4));
    assert!(ran.stdout.starts_with(&closed) && ran.stdout.matches("\"end\"").count() == 2, "{}", ran.stdout);
    // Random ids differ from run to run.
    let ids = || standpipe(["seal", "--every", "1", "--", "echo", "{}"]).run().ok().lines()[0].to_owned();
    assert_ne!(ids(), ids());
}

#[test]
fn a_state_stays_with_the_records_before_it() {
    let folder = temp_dir();
    fs::write(folder.path().join("s"), format!("{{}}\n{STATE}{{}}\n{STATE}{STATE}{{}}\n")).expect("written");
    let ran = cut("--every 1", "cat s").in_folder(&folder).run();
    let expected = numbered(1, 1, &format!("{{}}\n{STATE}"))
        + &numbered(2, 1, &format!("{{}}\n{STATE}{STATE}"))
        + &numbered(3, 1, "{}\n");
    assert_eq!(ran.ok().stdout, expected);
}

#[test]
fn a_silent_program_keeps_no_segment_open() {
    for flags in ["--every 1", "--interval 10ms"] {
        let mut running = cut(flags, "echo '{}'; read go; echo '{}'").stdin_open().spawn();
        let first = numbered(1, 1, "{}\n");
        assert_eq!(running.wait_until_stdout_contains("\"end\""), first, "{flags}");
        running.write("go\n");
        assert_eq!(running.finish().ok().stdout, first + &numbered(2, 1, "{}\n"), "{flags}");
    }
}

#[test]
fn an_output_that_is_sealed_is_not_cut() {
    let folder = temp_dir();
    let stream = segment("a", "", 2, "{}\n{}\n") + &segment("b", "", 1, "{}\n");
    fs::write(folder.path().join("s"), &stream).expect("written");
    let ran = cut("--every 1", "cat s").in_folder(&folder).run();
    assert_eq!(ran.ok().stdout, stream);
    assert_eq!(
        ran.stderr,
        "warning: --every and --interval are ignored: the output is already sealed, and its segments stay as they are\n\
         verified 3 records\n"
    );
}

#[test]
fn two_dashes_are_not_needed() {
    let ran = standpipe(["seal", "--id", "x", "sh", "-c", "echo '{}'", "--every"]).run();
    assert_eq!(ran.ok().stdout, format!("{BEGIN}{{}}\n{}", end("x", 1, "{}\n")));
    standpipe(["through", "--same-count", "sed", "-n", "p"]).stdin("{}\n").run().ok();
}

#[test]
fn what_a_program_said_last_is_in_the_message() {
    let folder = temp_dir();
    fs::write(folder.path().join("broken.py"), "print('{}'\n").expect("written");
    fs::write(folder.path().join("missing.py"), "import no_such_module\n").expect("written");
    for (script, said) in [
        ("broken.py", "SyntaxError: "),
        ("missing.py", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("nowhere.py", "[Errno 2] No such file or directory"),
    ] {
        let ran = standpipe(["seal", "--", "python3", script]).in_folder(&folder).run();
        let code = if script == "nowhere.py" { "2" } else { "1" };
        aborted(&ran, if script == "nowhere.py" { 2 } else { 75 });
        let message = format!("`python3` failed with exit code {code}: ");
        let last = ran.last_error_line();
        assert!(last.starts_with(&message) && last.contains(said), "{}", ran.stderr);
        // All that it said, as it said it, comes first.
        assert!(ran.stderr.lines().count() >= 2 && !ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
    let ran = seal("printf 'one\\n\\377two \\n\\n' >&2; exit 3").run();
    aborted(&ran, 3);
    assert_eq!(ran.last_error_line(), "`sh` failed with exit code 3: \u{fffd}two");
    // Whoever keeps stderr open is not waited for.
    let script = "exec 3<&0; cat <&3 >/dev/null & echo '{}'; echo gone >&2; exit 3";
    let running = seal(script).stdin_open().spawn();
    running.wait_until_stderr_contains("error: ");
    let ran = running.finish();
    aborted(&ran, 3);
    assert_eq!(ran.last_error_line(), "`sh` failed with exit code 3: gone");
    assert_eq!(seal("echo all is well >&2").run().ok().stderr, "all is well\nsealed 0 records\n");
}

#[test]
fn a_loader_keeps_the_state_of_what_it_has_committed() {
    let folder = temp_dir();
    let program = "import json, sys\nlast = json.loads(sys.argv[1] or '0')\n\
                   for id in (last + 1, last + 2): print(json.dumps({'id': id}))\n\
                   print(json.dumps({'_etl': {'v': 1, 'kind': 'state', 'value': last + 2}}))\n\
                   if sys.argv[2] == 'fail': raise ValueError('no more')\n";
    fs::write(folder.path().join("program.py"), program).expect("written");
    let schema =
        r#"{"type":"object","x-key":["id"],"required":["id"],"properties":{"id":{"type":"integer"}}}"#;
    fs::write(folder.path().join("id.json"), schema).expect("written");
    let load = |args: &str| {
        let args = format!("--db t.db --table t --pipeline p {args}");
        Cmd::new(workspace_binary("load-sqlite")).args(args.split(' ')).in_folder(&folder)
    };
    let mut state = load("--print-state --allow-empty").run().ok().stdout.clone();
    assert_eq!(state, "");
    for (end, code, next) in [("well", 0, "2\n"), ("fail", 75, "2\n"), ("well", 0, "4\n")] {
        let command = ["seal", "--schema", "id.json", "python3", "program.py", state.as_str(), end];
        let (_, loaded) = standpipe(command).in_folder(&folder).pipe(load("--seal required"));
        assert_eq!(loaded.code, code, "{}", loaded.stderr);
        if code != 0 {
            let said = "the producer failed: `python3` failed with exit code 1: ValueError: no more";
            assert_eq!(loaded.last_error_line(), said);
        }
        state = load("--print-state").run().ok().stdout.clone();
        assert_eq!(state, next, "{end}");
    }
}

#[test]
fn a_loader_commits_each_segment_of_an_endless_program() {
    let folder = temp_dir();
    let schema = r#"{"type":"object","properties":{"n":{"type":"integer"}}}"#;
    fs::write(folder.path().join("n.json"), schema).expect("written");
    let print = "for n in 1 2 3 4 5; do echo \"{\\\"n\\\":$n}\"; done; exit 75";
    let sealed = cut("--schema n.json --every 2", print).in_folder(&folder);
    let load = "--db t.db --table t --commit-every 1 --emit none";
    let loader = Cmd::new(workspace_binary("load-sqlite")).args(load.split(' ')).in_folder(&folder);
    let (_, loaded) = sealed.pipe(loader);
    assert_eq!(loaded.code, 75, "{}", loaded.stderr);
    let plan = Cmd::new("python3").in_folder(&folder).args([
        "-c",
        "import sqlite3\ndb = sqlite3.connect('t.db')\nprint([n for n, in db.execute('SELECT n FROM t ORDER BY n')])\n\
         print([id for id, in db.execute('SELECT load_id FROM etl_load ORDER BY 1')])",
    ]);
    assert_eq!(plan.run().ok().stdout, "[1, 2, 3, 4]\n['x-1', 'x-2']\n");
}
