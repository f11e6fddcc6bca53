use super::*;

fn sh(script: &str) -> Cmd {
    Cmd::new("sh").args(["-c", script])
}

#[test]
fn codes_and_texts_come_back() {
    let ran = sh("cat; echo \"error: $X\" >&2; exit 3").env("X", "why").stdin("in\n").run();
    assert_eq!((ran.code, ran.stdout.as_str(), ran.last_error_line()), (3, "in\n", "why"));
    sh("kill -TERM $$").run().fails(143);
    sh("test -z \"$HOME\"").run().ok();
}

#[test]
fn pipes_are_real() {
    let (first, second) = sh("yes; exit 7").pipe(sh("head -n1"));
    assert_eq!((first.code, second.stdout.as_str()), (7, "y\n"));
}

#[test]
fn a_running_command_is_talked_to() {
    let mut running = sh("read line; echo got $line; exec cat").stdin_open().spawn();
    running.write("a\n");
    assert_eq!(running.wait_until_stdout_contains("got"), "got a\n");
    running.kill(Signal::INT);
    running.finish().fails(130);
}
