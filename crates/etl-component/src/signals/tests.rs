use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Stdio;

use super::*;

/// A shell that says when it is ready.
fn start(script: &str, leader: bool) -> (Child, ChildGuard) {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdout(Stdio::piped());
    if leader {
        command.process_group(0);
    }
    let (mut child, guard) = spawn(&mut command).unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
    (child, guard)
}

fn ended_by((mut child, guard): (Child, ChildGuard)) -> Option<i32> {
    drop(guard);
    child.wait().unwrap().signal()
}

// One test, because the children belong to the process.
#[test]
fn every_child_gets_the_signal_and_those_that_ignore_it_are_killed_together() {
    let plain = start("echo ok; exec sleep 1000", false);
    let stubborn = start("trap '' TERM; echo ok; while :; do sleep 1000; done", true);
    // The pipe of its stdout stays open for as long as the child that it has started lives.
    let (mut leader, guard) = start("sleep 1000 & echo ok; wait", true);
    let (mut forgotten, gone) = start("echo ok; exec sleep 1000", false);
    drop(gone);

    let asked = Instant::now();
    end_children(SIGTERM);
    assert!(asked.elapsed() >= PATIENCE && asked.elapsed() < 4 * PATIENCE, "{:?}", asked.elapsed());
    assert_eq!(ended_by(plain), Some(SIGTERM));
    assert_eq!(ended_by(stubborn), Some(9));
    assert_eq!(leader.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap(), 0);
    assert_eq!(ended_by((leader, guard)), Some(SIGTERM));
    assert_eq!(forgotten.try_wait().unwrap(), None);
    forgotten.kill().unwrap();
    forgotten.wait().unwrap();

    // With no children left, it does not wait.
    let asked = Instant::now();
    end_children(SIGTERM);
    assert!(asked.elapsed() < PATIENCE);
}
