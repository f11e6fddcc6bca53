//! How a run ends by a signal, and what it leaves behind: nothing.

use std::fs;

use etl_testkit::run::{Cmd, Folder, Running, Signal, wait_until, workspace_binary};
use etl_testkit::screen::Screen;

use super::{LOAD, folder, left, processes, program, rows, run, wait_for};

/// A run whose first step has printed a record and waits, once signals find the last one ready.
fn waiting(folder: &Folder, marker: &str, trap: &str) -> Running {
    let first = ["sh", "-c", &format!("{trap}; echo '{{\"id\":1}}'; echo >started; sleep 1000; sleep 1000")];
    let running = run(folder, &[], &[&first, &LOAD]).env("RUN_TEST", marker).spawn();
    wait_for(folder, "started");
    wait_until("the loader handles SIGTERM", || {
        let all = processes(&format!("RUN_TEST={marker}"), running.id());
        all.iter().any(|(pid, words)| words.starts_with("load-sqlite ") && handles_term(*pid))
    });
    running
}

/// Whether a process has a handler for SIGTERM (proc(5), `SigCgt`).
fn handles_term(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 << 14 != 0)
}

#[test]
fn a_signal_ends_all_steps_and_nothing_is_committed() {
    for (signal, name, code) in
        [(Signal::TERM, "SIGTERM", 143), (Signal::INT, "SIGINT", 130), (Signal::HUP, "SIGHUP", 129)]
    {
        for trap in ["true", "trap '' TERM INT HUP"] {
            let folder = folder();
            let running = waiting(&folder, name, trap);
            running.kill(signal);
            let ran = running.finish();
            // The loader may see the end of the first step before its own signal.
            let said = ran.fails(code).last_error_line().replace("the producer failed: ", "");
            let expected = format!("ended by {name}; load-sqlite: ended by {name}: nothing was committed");
            assert_eq!((said, rows(&folder)), (expected, vec![]));
            assert_eq!(left(&format!("RUN_TEST={name}")), [""; 0], "{trap}");
        }
    }
}

#[test]
fn a_program_at_the_end_that_takes_a_signal_for_a_success_has_not_ended_well() {
    let folder = folder();
    let last = ["sh", "-c", "trap 'exit 0' TERM; exec 3<&0; cat <&3 & echo >started; wait"];
    let first = ["sh", "-c", "echo '{\"id\":1}'; exec sleep 1000"];
    let running = run(&folder, &[], &[&first, &last]).spawn();
    wait_for(&folder, "started");
    running.kill(Signal::TERM);
    assert_eq!(running.finish().fails(143).last_error_line(), "ended by SIGTERM");
}

#[test]
fn what_steps_leave_behind_ends_with_the_run() {
    let folder = folder();
    // A process group of its own, without the pipes of its parent.
    let daemon = "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo '{\"id\":1}'";
    let ran = run(&folder, &[], &[&["sh", "-c", daemon], &LOAD]).env("RUN_TEST", "daemon").run();
    ran.ok();
    assert_eq!((rows(&folder), left("RUN_TEST=daemon")), (vec!["1|".to_owned()], vec![]));
}

#[test]
fn a_step_is_waited_for_even_where_the_parent_ignored_the_end_of_children() {
    let folder = folder();
    let ignore = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])";
    let python = |steps: &[&str]| {
        let standpipe = workspace_binary("standpipe");
        Cmd::new("python3")
            .args(["-c", ignore])
            .arg(standpipe)
            .args(["run", "--"])
            .args(steps)
            .in_folder(folder.path(""))
            .run()
    };
    python(&["sh", "-c", "exit 77"]).fails(77);
    python(&[&["extract-file", "meters.csv", "|"], &LOAD[..]].concat()).ok();
    assert_eq!(rows(&folder).len(), 2);
}

#[test]
fn a_loader_in_its_commit_is_waited_for_and_its_success_is_that_of_the_run() {
    let folder = folder();
    // It takes TERM as a component does whose COMMIT is under way.
    let script =
        "trap 'sleep 1; echo committed >&2; exit 0' TERM\ncat >/dev/null\necho >started\nwhile :; do :; done";
    program(&folder, "load-sqlite", script);
    let running = run(&folder, &[], &[&["extract-file", "meters.csv"], &["./load-sqlite"]]).spawn();
    wait_for(&folder, "started");
    // The extractor has ended: the loader has seen the end of its input.
    running.kill(Signal::TERM);
    let ran = running.finish();
    assert!(ran.ok().stderr.contains("load-sqlite: committed ("), "{}", ran.stderr);
}

#[test]
fn run_as_the_first_process_of_a_container_leaves_nothing() {
    // As root only, and where the kernel allows it.
    let unshare = |args: &[&str]| Cmd::new("unshare").args(["--pid", "--fork", "--mount-proc"]).args(args);
    if Cmd::new("sh").args(["-c", "command -v unshare"]).run().code != 0 || unshare(&["true"]).run().code != 0
    {
        eprintln!("skipped: no process namespace can be made here");
        return;
    }
    let folder = folder();
    let standpipe = workspace_binary("standpipe").display().to_string();
    let first = "(setsid sh -c 'sleep 0.01; exit 1' &) ; echo '{\"id\":1}'";
    let steps = [&[standpipe.as_str(), "run", "--", "sh", "-c", first, "|"], &LOAD[..]].concat();
    unshare(&steps).in_folder(folder.path("")).run().ok();
    assert_eq!(rows(&folder), ["1|"]);
    let waits = [standpipe.as_str(), "run", "--", "sh", "-c", "echo >started; exec sleep 1000", "|", "cat"];
    let running =
        unshare(&["--kill-child"]).args(waits).env("RUN_TEST", "pid1").in_folder(folder.path("")).spawn();
    wait_for(&folder, "started");
    let run = || {
        let children =
            fs::read_to_string(format!("/proc/{0}/task/{0}/children", running.id())).unwrap_or_default();
        children.split_whitespace().next().and_then(|pid| pid.parse::<i32>().ok())
    };
    let pid = run().expect("unshare has a child");
    Cmd::new("kill").args(["-TERM", &pid.to_string()]).run().ok();
    running.finish().fails(143);
    wait_until("the end of its processes", || left("RUN_TEST=pid1").is_empty());
}

#[test]
fn a_second_signal_does_not_wait() {
    let folder = folder();
    // As a component whose COMMIT is never answered.
    program(&folder, "load-sqlite", "trap 'echo told >told' TERM\necho >started\nwhile :; do :; done");
    let running = run(&folder, &[], &[&["extract-file", "meters.csv"], &["./load-sqlite"]]).spawn();
    wait_for(&folder, "started");
    running.kill(Signal::TERM);
    wait_for(&folder, "told");
    running.kill(Signal::TERM);
    assert!(running.finish().fails(143).last_error_line().starts_with("ended by SIGTERM"));
}

#[test]
fn a_terminal_shows_how_far_the_last_step_is() {
    let folder = folder();
    Cmd::new("mkfifo").arg(folder.path("go")).run().ok();
    let standpipe = workspace_binary("standpipe").display().to_string();
    let steps = "-- sh -c 'echo \"{\\\"id\\\":1}\"; read go <go' '|' load-sqlite --db m.db --table meters --schema meter.json";
    let screen = Screen::run(&format!("'{standpipe}' run {steps}"), folder.path(""));
    let rows = screen.wait_for("load-sqlite: 0.");
    assert!(rows.iter().any(|row| row.contains(" MB read in ")), "{rows:?}");
    fs::write(folder.path("go"), "\n").expect("the first step reads it");
    let rows = screen.wait_for("ended 0");
    assert!(!rows.iter().any(|row| row.contains(" MB read in ")), "{rows:?}");
}
