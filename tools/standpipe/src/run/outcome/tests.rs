use super::*;

const TOLD: (Class, bool) = (Class::Signal(15), false);
const CLOSED: (Class, bool) = (Class::Closed, false);

/// What became of a step: its class, and whether it failed by itself.
fn step(failed: Option<(Class, bool)>, stopped: bool) -> StepOutcome {
    StepOutcome {
        name: "x".to_owned(),
        closing: None,
        by_itself: failed.is_some_and(|(_, by_itself)| by_itself),
        fault: failed.map(|(class, _)| Fault::new(class, "failed")),
        stopped,
        took: Duration::ZERO,
        lines: Vec::new(),
    }
}

#[test]
fn the_first_cause_is_the_first_step_that_failed_by_itself() {
    let (denied, cut) = ((Class::Denied, true), (Class::Transient, true));
    for (steps, cause) in [
        (&[None, None][..], None),
        (&[Some(denied), Some(cut), Some(cut)], Some((0, 77))),
        (&[None, Some(denied), Some(cut)], Some((1, 77))),
        (&[Some(TOLD), Some(CLOSED), Some(denied)], Some((2, 77))),
        // The reader of stdout went away.
        (&[Some(TOLD), Some(CLOSED)], Some((1, 141))),
        // The last one wanted no more.
        (&[Some(TOLD), Some(CLOSED), None], None),
    ] {
        let steps = steps.iter().map(|failed| step(*failed, false)).collect();
        let outcome = Outcome { steps, stop: None, deadline: None, took: Duration::ZERO };
        assert_eq!(outcome.cause().map(|cause| (cause.step.unwrap(), cause.class.code())), cause);
    }
}

#[test]
fn what_fails_after_all_were_told_to_end_is_no_cause() {
    let of = |steps: Vec<StepOutcome>, stop| {
        let outcome = Outcome {
            steps,
            stop: Some(stop),
            deadline: Some(Duration::from_secs(60)),
            took: Duration::ZERO,
        };
        outcome.cause().map(|cause| (cause.step, cause.class.code(), cause.message))
    };
    let cut = Some((Class::Transient, true));
    let after = || vec![step(Some(TOLD), true), step(cut, true)];
    assert_eq!(of(after(), Stop::Signal(2)), Some((None, 130, "ended by SIGINT".to_owned())));
    let over = "not done when the deadline of 60.00 s was over".to_owned();
    assert_eq!(of(after(), Stop::Deadline), Some((None, 75, over)));
    assert_eq!(of(vec![step(cut, false), step(cut, true)], Stop::Deadline).map(|(at, ..)| at), Some(Some(0)));
    // A COMMIT that was under way has succeeded.
    assert_eq!(of(vec![step(None, false), step(None, true)], Stop::Signal(15)), None);
}

#[test]
fn the_summary_says_what_each_step_said() {
    let mut load = step(None, false);
    (load.name, load.closing) = ("load".to_owned(), Some("3 records".to_owned()));
    let outcome =
        Outcome { steps: vec![step(None, false), load], stop: None, deadline: None, took: Duration::ZERO };
    assert_eq!(outcome.summary(), "x (0.00 s); load: 3 records (0.00 s); 2 steps in 0.00 s");
}
