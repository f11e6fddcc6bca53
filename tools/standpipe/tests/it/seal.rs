//! `standpipe seal`.

use std::fs;

use etl_testkit::run::{Cmd, temp_dir};

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
fn an_abort_says_which_program_failed_and_what_it_said_last() {
    let ran = seal("seq 12 >&2; echo '  no key' >&2; exit 77").run();
    aborted(&ran, 77);
    let last: serde_json::Value = serde_json::from_str(ran.lines().last().expect("an abort")).expect("JSON");
    let lines: Vec<String> = (4..=12).map(|n| n.to_string()).chain(["  no key".to_owned()]).collect();
    assert_eq!((&last["_etl"]["step"], &last["_etl"]["log"]), (&"sh".into(), &lines.into()));
    // What the program's own output says of a failure is passed on.
    let abort =
        r#"{"_etl":{"v":1,"kind":"abort","code":77,"message":"no","step":"x","pipeline":"p","log":["a"]}}"#;
    let ran = seal(&format!("echo '{abort}'")).run();
    aborted(&ran, 77);
    assert_eq!(ran.lines().last().copied(), Some(abort));
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
