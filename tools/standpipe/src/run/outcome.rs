//! What became of a pipe, and which of its steps was the first cause.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use etl_component::{Class, Fault, counted};

use super::lines::Tail;
use super::step::Step;

const SIGPIPE: i32 = 13;

/// Why all steps were told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// This signal has arrived.
    Signal(i32),
    Deadline,
}

/// What a step was told before it ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// To end, because a later step has failed, or all were.
    pub(super) before: bool,
    /// All were told to end.
    pub(super) stopped: bool,
}

/// What became of a pipe.
pub(super) struct Outcome {
    pub(super) steps: Vec<StepOutcome>,
    pub(super) stop: Option<Stop>,
    pub(super) deadline: Option<Duration>,
    pub(super) took: Duration,
}

/// What became of a step.
pub(super) struct StepOutcome {
    pub(super) name: String,
    /// What it said of itself in its last line.
    closing: Option<String>,
    pub(super) fault: Option<Fault>,
    /// Whether it failed by itself: not because it was told to end, or because its reader had gone away.
    by_itself: bool,
    stopped: bool,
    took: Duration,
    /// The last lines of a program that says nothing in one.
    pub(super) lines: Vec<String>,
}

/// Why a pipe failed.
pub(super) struct Cause {
    /// Which step, if it was one.
    pub(super) step: Option<usize>,
    pub(super) class: Class,
    pub(super) message: String,
}

impl StepOutcome {
    pub(super) fn new(
        step: &Step,
        status: &io::Result<ExitStatus>,
        fed: Option<Result<u64, Fault>>,
        told: Told,
        took: Duration,
        tail: &Tail,
    ) -> StepOutcome {
        let ours = step.kind.is_ours();
        let (records, fed) = match fed {
            Some(Ok(records)) => (Some(counted(records, "record", "records")), None),
            Some(Err(fault)) => (None, Some(fault)),
            None => (None, None),
        };
        let (fault, by_signal) = judge(step, status, fed, told, tail.last());
        StepOutcome {
            name: step.name.clone(),
            closing: if ours { tail.last() } else { records },
            by_itself: fault.as_ref().is_some_and(|fault| fault.class() != Class::Closed)
                && !(told.before && by_signal),
            fault,
            stopped: told.stopped,
            took,
            lines: if ours { Vec::new() } else { tail.lines() },
        }
    }

    /// `load-sqlite: 3 records into t (0.41 s)`
    fn sentence(&self) -> String {
        let said = self.closing.as_ref().map(|closing| format!(": {closing}")).unwrap_or_default();
        format!("{}{said} ({})", self.name, seconds(self.took))
    }
}

/// The fault of a step, if it failed, and whether a signal ended it.
fn judge(
    step: &Step,
    status: &io::Result<ExitStatus>,
    fed: Option<Fault>,
    told: Told,
    last: Option<String>,
) -> (Option<Fault>, bool) {
    let place = &step.place;
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            return (Some(Fault::new(Class::Io, format!("{place}: its end was missed: {error}"))), false);
        }
    };
    let ours = step.kind.is_ours();
    let code = status.code().and_then(|code| u64::try_from(code).ok());
    let class = code.and_then(Class::from_code);
    let by_signal = status.signal().is_some() || matches!(class, Some(Class::Signal(_)));
    match (status.signal(), code) {
        // Its code says more than what the end of the pipe before it says.
        (None, Some(code)) if code > 0 => {
            let said = last.map(|last| format!(": {last}")).unwrap_or_default();
            let class = class.unwrap_or(Class::Transient);
            let message = if ours {
                format!("{place}{said}")
            } else {
                format!("{place} failed with exit code {code}{said}")
            };
            (Some(Fault::new(class, message)), by_signal)
        }
        _ if fed.is_some() => (fed.map(|fault| fault.at(place)), false),
        (Some(signal), _) => {
            let class = match signal {
                _ if ours => class_of_signal(signal),
                // Its stdout is that of the run.
                SIGPIPE => Class::Closed,
                _ => Class::Transient,
            };
            (Some(Fault::new(class, format!("{place} was ended by signal {signal}"))), true)
        }
        // A program may take a signal and exit 0 with half its work done.
        _ if told.before && !ours => (Some(Fault::new(Class::Transient, format!("{place} was ended"))), true),
        _ => (None, false),
    }
}

impl Outcome {
    /// The first cause of a failure: the first step that failed by itself, unless all were told to end before that. A
    /// step whose reader went away is none, except at the end: elsewhere its reader has failed, or wanted no more of it.
    pub(super) fn cause(&self) -> Option<Cause> {
        let steps = self.steps.iter().enumerate();
        let failed: Vec<_> = steps.filter_map(|(at, step)| Some((at, step, step.fault.as_ref()?))).collect();
        let first = failed.iter().find(|(_, step, _)| step.by_itself && !step.stopped);
        let (at, _, fault) = match (first, self.stop) {
            (Some(first), _) => first,
            (None, Some(stop)) if !failed.is_empty() => return Some(self.stopped(stop)),
            (None, _) => failed.last().filter(|(at, ..)| at + 1 == self.steps.len())?,
        };
        Some(Cause { step: Some(*at), class: fault.class(), message: text(fault) })
    }

    fn stopped(&self, stop: Stop) -> Cause {
        let last = self.steps.last();
        let said =
            last.filter(|last| last.stopped).and_then(|last| Some((&last.name, last.closing.as_ref()?)));
        let said = said.map(|(name, closing)| format!("; {name}: {closing}")).unwrap_or_default();
        let (class, message) = match stop {
            Stop::Signal(signal) => (class_of_signal(signal), format!("ended by {}{said}", name(signal))),
            Stop::Deadline => {
                let deadline = seconds(self.deadline.unwrap_or_default());
                (Class::Transient, format!("not done when the deadline of {deadline} was over{said}"))
            }
        };
        Cause { step: None, class, message }
    }

    /// What each step says of itself, and how long it took.
    pub(super) fn summary(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(StepOutcome::sentence).collect();
        format!(
            "{}; {} in {}",
            steps.join("; "),
            counted(steps.len() as u64, "step", "steps"),
            seconds(self.took)
        )
    }
}

/// A fault with its causes.
pub(super) fn text(fault: &Fault) -> String {
    let (mut text, mut source) = (fault.to_string(), std::error::Error::source(fault));
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

fn name(signal: i32) -> String {
    match signal {
        1 => "SIGHUP".to_owned(),
        2 => "SIGINT".to_owned(),
        15 => "SIGTERM".to_owned(),
        other => format!("signal {other}"),
    }
}

/// How a process ends by a signal.
pub(super) fn class_of_signal(signal: i32) -> Class {
    Class::Signal(u8::try_from(signal).unwrap_or(15))
}

pub(super) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests;
