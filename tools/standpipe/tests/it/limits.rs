//! Outputs that fail, signals, and memory.

use std::fs::{self, OpenOptions};

use etl_testkit::run::{Cmd, Signal, temp_dir, workspace_binary};

use crate::support::{BEGIN, aborted, seal, segment, standpipe};

#[test]
fn a_reader_that_went_away_is_141_and_silent() {
    for command in [
        standpipe(["seal", "--", "yes", "{}"]),
        standpipe(["through", "--", "cat"]).stdin("{}\n".repeat(1 << 20)),
        standpipe(["verify", "--log-level", "off"]).stdin(many_segments()),
    ] {
        let (first, second) = command.pipe(Cmd::new("head").args(["-n1"]));
        assert_eq!((first.code, second.stdout.lines().count()), (141, 1), "{}", first.stderr);
        assert!(!first.stderr.contains("error"), "{}", first.stderr);
    }
}

fn many_segments() -> String {
    (0..5000).map(|n| segment(&n.to_string(), "", 1, "{}\n")).collect()
}

#[test]
fn a_full_disk_is_74() {
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let rejects =
        segment("r", ",\"schema\":\"etl.reject\"", 1, "{\"line\":1,\"reason\":\"r\",\"original\":\"o\"}\n");
    for command in [
        standpipe(["seal", "--", "true"]),
        standpipe(["seal", "--", "yes", "{}"]),
        standpipe(["seal", "--output", "/dev/full", "--", "true"]),
        standpipe(["through", "--", "cat"]).stdin("{}\n"),
        standpipe(["verify"]).stdin(segment("a", "", 0, "")),
        standpipe(["verify", "--json"]).stdin("{}\n"),
        standpipe(["unreject"]).stdin(&rejects),
        standpipe(["schema", "list"]),
        standpipe(["schema", "show", "etl.reject"]),
    ] {
        let ran = command.stdout_to(full()).run();
        assert!(ran.fails(74).last_error_line().contains("No space left on device"), "{}", ran.stderr);
    }
}

#[test]
fn a_file_size_limit_is_74_and_leaves_nothing() {
    let folder = temp_dir();
    let binary = workspace_binary("standpipe");
    for command in ["seal --output out -- yes {}", "through --seal off --output out -- cat < in"] {
        fs::write(folder.path().join("in"), "{}\n".repeat(1 << 20)).expect("written");
        let script = format!("ulimit -f 8; exec \"$0\" {command}");
        let ran = Cmd::new("sh").args(["-c", &script]).arg(&binary).in_folder(&folder).run();
        assert!(ran.fails(74).last_error_line().contains("File too large"), "{}", ran.stderr);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}

#[test]
fn signals_end_it_with_its_child() {
    let scripts = [
        "echo '{}'; exec sleep 1000",
        "trap '' TERM INT HUP; echo '{}'; exec sleep 1000",
        // Half done, and content with it.
        "exec python3 -c 'import signal, sys\nfor s in 1, 2, 15: signal.signal(s, lambda *_: sys.exit(0))\n\
         print(\"{}\", flush=True)\nsignal.pause()'",
    ];
    for script in scripts {
        for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
            let running = seal(script).spawn();
            running.wait_until_stdout_contains("{}\n");
            running.kill(signal);
            // The child has the same stderr, so it is gone when this returns.
            let ran = running.finish();
            aborted(&ran, code);
            assert!(ran.stdout.starts_with(&format!("{BEGIN}{{}}\n")), "{}", ran.stdout);
            assert!(ran.last_error_line().starts_with("ended by SIG"), "{}", ran.stderr);
        }
    }
}

#[test]
fn a_signal_ends_through_and_all_that_its_child_has_started() {
    let folder = temp_dir();
    let script = "(echo ready >&2; cat; echo > ended) | cat; echo > ended";
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let command = standpipe(["through", "--", "sh", "-c", script]).in_folder(&folder).stdin_open();
        let mut running = command.spawn();
        running.write("{}\n");
        running.wait_until_stderr_contains("ready");
        running.kill(signal);
        let ran = running.wait();
        aborted(&ran, code);
        assert!(!folder.path().join("ended").exists());
    }
}

#[test]
fn killed_outright_it_leaves_a_cut_stream() {
    let (sealed, verified) = seal("echo '{}'; kill -9 $PPID").pipe(standpipe(["verify"]));
    assert_eq!(sealed.code, 137);
    verified.fails(75);
    assert!(verified.stdout.starts_with("not whole: "), "{}", verified.stdout);
}

#[test]
fn a_file_cut_at_every_byte_is_refused() {
    let folder = temp_dir();
    let path = folder.path().join("cut");
    let stream = seal("printf '{\"n\":1}\\n{\"n\":2}\\n'").run().ok().stdout.clone();
    let verify = || standpipe(["verify", "--input", "cut"]).in_folder(&folder).run();
    for cut in 0..stream.len() {
        fs::write(&path, &stream[..cut]).expect("written");
        verify().fails(3);
    }
    fs::write(&path, &stream).expect("written");
    verify().ok();
}

/// Under a limit on its address space that is far below the size of the stream.
fn limited(args: &str) -> Cmd {
    let script = format!("ulimit -v 262144; exec \"$0\" {args}");
    Cmd::new("sh").args(["-c", &script]).arg(workspace_binary("standpipe"))
}

#[test]
fn memory_is_flat() {
    let many = "seal --id x -- sh -c 'yes \"{\\\"text\\\":\\\"$(printf %01000d 7)\\\"}\" | head -n 300000'";
    let (sealed, verified) = limited(many).pipe(limited("verify"));
    sealed.ok();
    assert_eq!(verified.ok().lines()[1], "whole: segments=1 records=300000");
    let (_, through) = limited(many).pipe(limited("through --same-count -- cat | tail -n1"));
    assert!(through.ok().stdout.contains("\"records\":300000,\"bytes\":303600000,"), "{}", through.stdout);
    let endless = limited("seal -- sh -c 'tr \"\\0\" x < /dev/zero'").run();
    aborted(&endless, 3);
    assert!(endless.last_error_line().ends_with("the line is longer than 16777216 bytes (--max-line-bytes)"));
}

#[test]
fn a_hundred_thousand_segments_are_read_in_little_memory() {
    let stream: String = (0..100_000).map(|n| segment(&format!("segment {n}"), "", 1, "{}\n")).collect();
    for command in [standpipe(["verify"]), standpipe(["through", "--", "cat"])] {
        let mut running = command.stdin_open().spawn();
        running.write(&stream);
        running.wait_until_it_reads();
        let peak = running.memory_peak();
        assert!(peak < 32 << 10, "{peak} KiB");
        running.finish().ok();
    }
}

#[test]
fn a_schema_of_more_than_a_mebibyte_is_78() {
    let document = |bytes: usize| {
        let (before, after) = ("{\"properties\":{\"v\":{\"type\":\"string\"}},\"$comment\":\"", "\"}");
        format!("{before}{}{after}", "c".repeat(bytes - before.len() - after.len()))
    };
    let most = 1 << 20;
    let stream = |bytes| segment("big", &format!(",\"schema\":{}", document(bytes)), 0, "");
    for command in ["verify", "through -- cat", "seal -- cat"] {
        let command = || Cmd::bin("standpipe").words(command);
        command().stdin(stream(most)).run().ok();
        let ran = command().stdin(stream(most + 1)).run();
        let said = "line 1 (byte 0): the schema of segment big has 1048577 bytes; at most 1048576 are read";
        assert!(ran.fails(78).stderr.contains(said), "{}", ran.stderr);
    }
    let folder = temp_dir();
    for (name, bytes) in [("most.json", most), ("more.json", most + 1)] {
        fs::write(folder.path().join(name), document(bytes)).expect("written");
    }
    let check =
        |path: &str| standpipe(["schema", "check", path]).in_folder(&folder).stdin("{\"v\":\"x\"}\n").run();
    check("./most.json").ok();
    for endless in ["./more.json", "/dev/zero"] {
        let ran = check(endless);
        assert!(ran.fails(78).stderr.contains("longer than 1048576 bytes"), "{}", ran.stderr);
        assert!(ran.stderr.contains(endless), "{}", ran.stderr);
    }
}
