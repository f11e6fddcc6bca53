//! `standpipe seal`.

use std::fs;

use etl_testkit::run::{Cmd, temp_dir, workspace_binary};

use crate::support::{BEGIN, aborted, end, seal, segment, standpipe};

#[test]
fn a_plain_output_becomes_one_segment() {
    let ran = seal("printf '{\"n\":1}\\n{\"n\":2}\\n'").run();
    let body = "{\"n\":1}\n{\"n\":2}\n";
    assert_eq!(ran.ok().stdout, format!("{BEGIN}{body}{}", end("x", 2, body)));
    assert_eq!(ran.stderr, "sealed 2 records\n");
}

#[test]
fn nothing_is_no_records() {
    for script in ["exit 0", "printf '\\n \\r\\n'"] {
        assert_eq!(seal(script).run().ok().stdout, format!("{BEGIN}{}", end("x", 0, "")));
    }
}

#[test]
fn stdin_goes_to_the_program() {
    let ran = standpipe(["seal", "--id", "x", "--", "cat"]).stdin("{}\n").run();
    assert_eq!(ran.ok().stdout, format!("{BEGIN}{{}}\n{}", end("x", 1, "{}\n")));
}

#[test]
fn exit_codes_become_aborts() {
    let pass = [2, 3, 66, 70, 74, 75, 76, 77, 78, 137, 143].map(|code| (format!("exit {code}"), code));
    let other = [1, 4, 64, 65, 99, 101, 127, 128, 141, 193, 255].map(|code| (format!("exit {code}"), 75));
    let signals = [9, 11, 13, 15].map(|signal| (format!("kill -{signal} $$"), 75));
    for (script, code) in pass.into_iter().chain(other).chain(signals) {
        let ran = seal(&format!("echo '{{}}'; {script}")).run();
        aborted(&ran, code);
        assert!(ran.stdout.starts_with(&format!("{BEGIN}{{}}\n")), "{script}: {}", ran.stdout);
        assert!(ran.last_error_line().starts_with("`sh` "), "{}", ran.stderr);
        aborted(&seal(&script).run(), code);
    }
    let ran = seal("exit 77").run();
    assert_eq!(ran.last_error_line(), "`sh` failed with exit code 77");
    for (means, code) in [("3", 3), ("70", 70), ("75", 75)] {
        for command in ["seal", "through"] {
            let with =
                |exit: &str| standpipe([command, "--exit-1-is", means, "sh", "-c", exit]).stdin("{}\n").run();
            aborted(&with("cat; exit 1"), code);
            aborted(&with("cat; exit 4"), 75);
            aborted(&with("cat; exit 77"), 77);
        }
    }
    assert_eq!(seal("kill -9 $$").run().last_error_line(), "`sh` was ended by signal 9");
}

#[test]
fn a_program_that_cannot_be_started_is_78() {
    let folder = temp_dir();
    for program in ["no-such-program", folder.path().to_str().expect("a text"), "/etc/passwd"] {
        let ran = standpipe(["seal", "--", program]).run();
        aborted(&ran, 78);
        assert!(
            ran.last_error_line().starts_with(&format!("`{program}` cannot be started: ")),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn what_is_sealed_is_passed_on() {
    let folder = temp_dir();
    let body = "{\"n\":1}\n{\"_etl\":{\"v\":1,\"kind\":\"state\",\"value\":{\"c\":1}}}\n{\"n\":2}\n";
    let a = segment("a", ",\"schema\":\"etl.reject\",\"producer\":\"p/1\"", 2, body);
    let b = segment("b", ",\"schema\":{\"type\": \"object\"}", 0, "");
    let cat = |stream: &str, and: &str| {
        fs::write(folder.path().join("s"), stream).expect("written");
        seal(&format!("cat s; {and}")).in_folder(&folder).run()
    };
    let ran = cat(&format!("{a}{b}"), "true");
    assert_eq!(ran.ok().stdout, format!("{a}{b}"));
    assert_eq!(ran.stderr, "verified 2 records\n");

    // The last end is held back until the program has exited with 0.
    let ran = cat(&a, "exit 77");
    aborted(&ran, 77);
    assert!(ran.stdout.starts_with(&a[..a.len() - end("a", 2, body).len()]));
    let ran = cat(&format!("{a}{b}"), "kill -9 $$").fails(75).clone();
    assert!(ran.stdout.starts_with(&a) && !ran.stdout.contains("\"end\",\"id\":\"b\""), "{}", ran.stdout);

    let abort = "{\"_etl\":{\"v\":1,\"kind\":\"abort\",\"code\":77,\"message\":\"no key\"}}\n";
    for and in ["exit 77", "exit 1", "true"] {
        let ran = cat(abort, and);
        aborted(&ran, 77);
        assert_eq!(ran.last_error_line(), "the output of `sh`: the producer failed: no key");
    }
    let begun = &a[..a.len() - end("a", 2, body).len()];
    aborted(&cat(begun, "true"), 75);
    aborted(&cat(&format!("{begun}{}", end("a", 3, body)), "true"), 3);
    aborted(&cat(&format!("{begun}{}", end("a", 2, "other")), "true"), 3);
    aborted(&cat(&format!("{{}}\n{a}"), "true"), 3);
    cat(&format!("{a}{{}}\n"), "true").fails(3);
}

#[test]
fn what_is_no_record_is_refused_with_its_line() {
    let bad: [(&[u8], u64); 13] = [
        (b"oops", 4),
        (b"[1]", 4),
        (b"7", 4),
        (b"\"text\"", 4),
        (b"{\"a\":1}{\"a\":2}", 11),
        (b"{", 5),
        (b"{\"a\":NaN}", 9),
        (b"{\"a\":1,\"a\":2}", 12),
        (b"{\"a\":\"\\ud800\"}", 10),
        (b"{\"a\":\"\xff\"}", 10),
        (b"{\"a\":\"\0\"}", 10),
        (b"{\0\"\0a\0\"\0:\x001\0}\0", 5),
        (b" {\"_etl\":{}}", 7),
    ];
    for (bad, at) in bad {
        let input = [b"{}\n\n".as_slice(), bad, b"\n{}\n"].concat();
        let ran = standpipe(["seal", "--id", "x", "--", "cat"]).stdin(&input).run();
        aborted(&ran, 3);
        let said = format!("the output of `cat`: line 3 (byte {at}): ");
        assert!(ran.last_error_line().starts_with(&said), "{}", ran.stderr);
        assert!(ran.stdout.starts_with(&format!("{BEGIN}{{\"_etl\"")), "{}", ran.stdout);
    }
    let deep = format!("{{\"a\":{}1{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
    aborted(&standpipe(["seal", "--", "cat"]).stdin(deep).run(), 3);
}

#[test]
fn a_program_whose_output_is_refused_is_ended() {
    // It would go on for ever, and ignores TERM.
    aborted(&seal("yes oops").run(), 3);
    aborted(&seal("trap '' TERM; echo oops; exec sleep 1000").run(), 3);
}

#[test]
fn line_ends_and_blank_lines_and_a_byte_order_mark() {
    let ran = seal("printf '\\357\\273\\277{\"n\":1}\\r\\n\\r\\n\\n{\"n\":2}  \\n'").run();
    let body = "{\"n\":1}\n{\"n\":2}\n";
    assert_eq!(ran.ok().stdout, format!("{BEGIN}{body}{}", end("x", 2, body)));
    assert_eq!(
        ran.stderr,
        "warning: the output starts with a byte order mark, which is left out\nsealed 2 records, 2 blank lines left out\n"
    );
}

#[test]
fn a_cut_line_is_75_unless_the_exit_code_explains_it() {
    let ran = seal("printf '{\"n\":1}\\n{\"n\":'").run();
    aborted(&ran, 75);
    assert!(
        ran.last_error_line()
            .starts_with("the output of `sh`: line 2 (byte 8): the input ends in the middle")
    );
    let ran = seal("printf '{\"n\":1}\\n{\"n\":'; exit 77").run();
    aborted(&ran, 77);
    assert!(
        ran.last_error_line()
            .starts_with("`sh` failed with exit code 77: the output of `sh`: line 2 (byte 8): ")
    );
}

#[test]
fn the_schema_is_named_or_embedded() {
    let folder = temp_dir();
    let seal = |schema: &str| {
        standpipe(["seal", "--id", "x", "--producer", "me/2", "--schema", schema, "--", "touch", "started"])
            .in_folder(&folder)
            .run()
    };
    let document = "{\n  \"type\": \"object\",\n  \"properties\": {\"n\": {\"type\": \"integer\", \"maximum\": 9007199254740993}}\n}\n";
    fs::write(folder.path().join("my.schema.json"), document).expect("written");
    fs::write(folder.path().join("broken.json"), "{\"type\":\"array\"}").expect("written");
    for bad in ["no.such", "../etl.reject", "nowhere.json", "broken.json", "./"] {
        aborted(&seal(bad), 78);
        assert!(!folder.path().join("started").exists(), "{bad}");
    }
    let begun = |schema: &str| segment("x", &format!(",\"schema\":{schema},\"producer\":\"me/2\""), 0, "");
    assert_eq!(seal("etl.reject").ok().stdout, begun("\"etl.reject\""));
    assert!(folder.path().join("started").exists());
    assert_eq!(seal("my.schema.json").ok().stdout, begun(document.replace('\n', " ").trim_end()));
}

#[test]
fn a_slow_program_is_not_held_back() {
    let mut running = seal("echo '{\"n\":1}'; read go; echo '{\"n\":2}'").stdin_open().spawn();
    assert_eq!(running.wait_until_stdout_contains("{\"n\":1}\n"), format!("{BEGIN}{{\"n\":1}}\n"));
    running.write("go\n");
    let body = "{\"n\":1}\n{\"n\":2}\n";
    assert_eq!(running.finish().ok().stdout, format!("{BEGIN}{body}{}", end("x", 2, body)));
}

#[test]
fn a_grandchild_that_still_prints_is_waited_for() {
    let script = "exec 3<&0; (read go <&3; echo '{\"n\":2}') & echo '{\"n\":1}'; exit 0";
    let mut running = seal(script).stdin_open().spawn();
    running.wait_until_stdout_contains("{\"n\":1}\n");
    running.write("go\n");
    let body = "{\"n\":1}\n{\"n\":2}\n";
    assert_eq!(running.finish().ok().stdout, format!("{BEGIN}{body}{}", end("x", 2, body)));
}

#[test]
fn a_python_extractor_killed_anywhere_is_never_complete() {
    let script = "import os, sys\nfor n in range(9):\n if n == int(sys.argv[1]): os.kill(os.getpid(), 9)\n \
                  print('{\"n\":%d}' % n, flush=True)\n";
    for point in [0, 1, 5, 8] {
        let python = standpipe(["seal", "--id", "x", "--", "python3", "-c", script, &point.to_string()]);
        let (sealed, verified) = python.pipe(standpipe(["verify", "--seal", "required"]));
        assert_eq!((sealed.code, verified.code), (75, 75), "{}", verified.stderr);
        assert_eq!(verified.last_error_line(), "the producer failed: `python3` was ended by signal 9");
    }
    let python = standpipe(["seal", "--id", "x", "--", "python3", "-c", script, "9"]);
    let (_, verified) = python.pipe(standpipe(["verify", "--seal", "required"]));
    assert_eq!(verified.ok().lines()[1], "whole: segments=1 records=9");
}

#[test]
fn a_file_is_there_when_it_is_complete() {
    let folder = temp_dir();
    let path = folder.path().join("out.ndjson");
    fs::write(&path, "older").expect("written");
    let into = |script: &str| {
        standpipe(["seal", "--id", "x", "--output", "out.ndjson", "--", "sh", "-c", script])
            .in_folder(&folder)
            .run()
    };
    assert_eq!(into("echo '{}'; exit 1").fails(75).stdout, "");
    assert_eq!(fs::read_to_string(&path).expect("there"), "older");
    assert_eq!(into("echo '{}'").ok().stdout, "");
    assert_eq!(fs::read_to_string(&path).expect("there"), format!("{BEGIN}{{}}\n{}", end("x", 1, "{}\n")));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn arguments_that_are_wrong() {
    for args in [
        vec!["seal"],
        vec!["seal", "--"],
        vec!["seal", "--every", "0", "--", "cat"],
        vec!["seal", "--exit-1-is", "4", "--", "cat"],
        vec!["seal", "--evry", "3", "cat"],
        vec!["seal", "--id", "", "--", "cat"],
        vec!["sael"],
    ] {
        let ran = Cmd::bin("standpipe").args(&args).run();
        aborted(&ran, 2);
    }
    let ran = standpipe(["seal", "--log-format", "json", "--", "false"]).run();
    let line: serde_json::Value = serde_json::from_str(ran.stderr.trim_end()).expect("JSON");
    assert_eq!((&line["level"], &line["code"]), (&"error".into(), &75.into()));
    aborted(&ran, 75);
}

#[test]
fn what_the_program_has_started_ends_with_it() {
    let script = "sh -c 'echo pid=$$. >&2; echo garbage; exec sleep 600' & wait";
    let sealed = standpipe(["seal", "--", "sh", "-c", script]).spawn().wait();
    sealed.fails(3);
    let pid = sealed.stderr.split("pid=").nth(1).and_then(|rest| rest.split('.').next()).expect("a pid");
    // A process that has ended has no command line, whether it was reaped or not.
    let command_line = std::path::Path::new("/proc").join(pid).join("cmdline");
    let started = std::time::Instant::now();
    while fs::read(&command_line).is_ok_and(|bytes| !bytes.is_empty()) {
        assert!(started.elapsed().as_secs() < 60, "process {pid} is still there");
        std::thread::yield_now();
    }
}

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
