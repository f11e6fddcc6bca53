//! One pipe: its processes, joined, watched and ended.
//!
//! This process keeps a copy of the writing end of each pipe until the step that writes to it has exited with 0. So no
//! step takes the death of the one before it for the end of the data, not even if that died between its `end` line and its
//! exit: the copy then writes one blank, which makes the stream one that was cut.

use std::io::{self, BufWriter, PipeReader, PipeWriter, Write};
use std::process::{ChildStdin, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use etl_component::{Class, Fault, stderr};
use etl_stream::reader::Options;
use etl_stream::{Origin, Reader, Seal};
use rustix::process::Signal;

use super::children::{Child, Children};
use super::lines::{self, Tail};
use super::outcome::{Outcome, StepOutcome, Stop, Told};
use super::step::{Kind, Step};
use super::stops::Stops;
use crate::{process, through};

/// How long the steps before one that has failed may take to fail by themselves: what they say is the first cause.
const HINDSIGHT: Duration = Duration::from_millis(100);
/// How long a program that is no component may take to end once it was told to,
const GRACE: Duration = Duration::from_millis(500);
/// and a component, which takes longer only if it waits for the answer to a COMMIT. Docker waits for ten seconds.
const COMMIT: Duration = Duration::from_secs(8);

/// How often the line on a terminal changes.
const DRAW: Duration = Duration::from_millis(200);

/// The longest line, as everywhere, in bytes.
const MAX_LINE: usize = 16 << 20;

/// What a pipe has around it.
pub(super) struct Around<'a> {
    pub(super) children: &'a Arc<Children>,
    pub(super) stops: &'a Stops,
    /// Which item it is of, if there are several.
    pub(super) item: Option<&'a str>,
    pub(super) deadline: Option<Duration>,
    /// Whether somebody sees how far it is.
    pub(super) shows: bool,
    pub(super) stdin: Stdio,
    pub(super) stdout: Stdio,
}

/// What happens to a pipe.
pub(super) enum Event {
    /// A step has ended.
    Ended(usize, io::Result<ExitStatus>),
    /// The last step, which is no component, has been fed, or never will be.
    Fed(Result<u64, Fault>),
    /// A signal has arrived.
    Signal(i32),
}

/// What is to be done at some time.
#[derive(Clone, Copy)]
enum Due {
    Deadline,
    /// End all steps before this one.
    EndBefore(usize),
    Kill(usize),
    /// Show how far the last step is.
    Draw,
}

struct Running<'a> {
    steps: Vec<RunningStep<'a>>,
    /// How the feeding of the last step has ended, if it is fed.
    fed: Option<Option<Fed>>,
    due: Vec<(Instant, Due)>,
    stop: Option<Stop>,
    started: Instant,
}

struct RunningStep<'a> {
    step: &'a Step,
    child: Child,
    tail: Tail,
    silent: Receiver<()>,
    /// Whether it was told to end while it was running.
    told: bool,
    ended: Option<Ended>,
}

struct Ended {
    status: io::Result<ExitStatus>,
    took: Duration,
    /// Whether all had been told to end before.
    after_stop: bool,
}

struct Fed {
    result: Result<u64, Fault>,
    /// Whether the step had ended before.
    after_end: bool,
    /// Whether all had been told to end before.
    after_stop: bool,
}

/// Runs the steps of a pipe to their end.
///
/// # Errors
/// 78 if one of them cannot be started, 74 if the system lacks something; nothing is running then.
pub(super) fn run(steps: &[Step], around: Around<'_>) -> Result<Outcome, Fault> {
    let (tell, events) = mpsc::channel();
    let (children, deadline, shows) = (around.children, around.deadline, around.shows);
    let mut running =
        Running { steps: Vec::new(), fed: None, due: Vec::new(), stop: None, started: Instant::now() };
    // A signal that has already arrived is in the channel at once.
    let signals = tell.clone();
    around.stops.listen(move |signal| signals.send(Event::Signal(signal)).is_ok());
    let started = running.start(steps, around, &tell);
    if started.is_err() {
        running.steps.iter().for_each(|step| step.child.kill());
    }
    // One that is further away than the clock goes is none.
    if let Some(at) = deadline.and_then(|deadline| running.started.checked_add(deadline)) {
        running.due.push((at, Due::Deadline));
    }
    if shows {
        running.due.push((running.started + DRAW, Due::Draw));
    }
    while !running.is_over() {
        let next = running.due.iter().map(|(at, _)| *at).min();
        let event = match next {
            Some(at) => events.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match event {
            Ok(event) => running.take_note(event),
            Err(_) => running.do_what_is_due(),
        }
    }
    stderr::clear();
    children.tidy();
    started.map(|()| running.conclude(deadline))
}

/// What a step reads.
enum Input {
    First(Stdio),
    Pipe(PipeReader),
}

/// Reports the end of a step and, if it has ended well, lets the next one see the end of its input.
fn reporting(
    at: usize,
    gate: Option<PipeWriter>,
    tell: Sender<Event>,
) -> impl FnOnce(io::Result<ExitStatus>) + Send + 'static {
    move |status| {
        let well = status.as_ref().is_ok_and(ExitStatus::success);
        let _ = tell.send(Event::Ended(at, status));
        if let (false, Some(mut gate)) = (well, gate) {
            // This may wait for the reader, or fail because there is none any more.
            let _ = gate.write_all(b" ");
        }
    }
}

/// Feeds the last step the records of a verified stream, in a thread of its own. If the stream is not whole, the step is
/// killed before its stdin closes: it must not take that for the end of the data.
fn feed_in_background(
    reader: PipeReader,
    stdin: ChildStdin,
    child: Child,
    tell: Sender<Event>,
) -> Result<(), Fault> {
    let feeder = move || {
        let options = Options {
            seal: Seal::Auto,
            max_line_bytes: MAX_LINE,
            allow_empty: false,
            origin: Origin::Pipe,
            warn: |message| log::warn!("{message}"),
        };
        let mut stdin = BufWriter::with_capacity(64 * 1024, stdin);
        let fed = through::feed(&mut Reader::new(reader, options), &mut stdin, false);
        let failed = fed.is_err();
        // Sent first, so that the kill is not taken for the cause.
        let _ = tell.send(Event::Fed(fed.map(|input| input.records)));
        if failed {
            child.kill();
        }
    };
    thread::Builder::new().name("feeder".to_owned()).spawn(feeder).map_err(process::no_thread)?;
    Ok(())
}

impl<'a> Running<'a> {
    fn start(&mut self, steps: &'a [Step], around: Around<'_>, tell: &Sender<Event>) -> Result<(), Fault> {
        let Around { children, item, .. } = around;
        let (mut input, mut stdout) = (Input::First(around.stdin), Some(around.stdout));
        for (at, step) in steps.iter().enumerate() {
            let (output, gate, next) = if at + 1 == steps.len() {
                (stdout.take().unwrap_or_else(Stdio::null), None, None)
            } else {
                let (reader, writer) = io::pipe().map_err(no_pipe)?;
                (Stdio::from(writer.try_clone().map_err(no_pipe)?), Some(writer), Some(reader))
            };
            let mut command = step.command();
            let (stdin, feed) = match input {
                Input::First(stdin) => (stdin, None),
                Input::Pipe(reader) if step.kind == Kind::Fed => (Stdio::piped(), Some(reader)),
                Input::Pipe(reader) => (Stdio::from(reader), None),
            };
            input = next.map_or_else(|| Input::First(Stdio::null()), Input::Pipe);
            command.stdin(stdin).stdout(output).stderr(Stdio::piped());
            let ended = reporting(at, gate, tell.clone());
            let (mut started, child) = children
                .start(&mut command, step.leads, ended)
                .map_err(|error| Fault::config(format!("{} cannot be started", step.place)).because(error))?;
            let (tail, silent) = (Tail::default(), mpsc::channel());
            self.steps.push(RunningStep {
                step,
                child: child.clone(),
                tail: tail.clone(),
                silent: silent.1,
                told: false,
                ended: None,
            });
            if let Some(stderr) = started.stderr.take() {
                lines::pass_on(stderr, item.map(str::to_owned), tail, silent.0)?;
            }
            if let (Some(reader), Some(stdin)) = (feed, started.stdin.take()) {
                feed_in_background(reader, stdin, child, tell.clone())?;
                self.fed = Some(None);
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.steps.iter().all(|step| step.ended.is_some()) && !matches!(self.fed, Some(None))
    }

    fn take_note(&mut self, event: Event) {
        match event {
            Event::Ended(at, status) => {
                let well = status.as_ref().is_ok_and(ExitStatus::success);
                let (took, after_stop) = (self.started.elapsed(), self.stop.is_some());
                self.steps[at].ended = Some(Ended { status, took, after_stop });
                if !well {
                    self.due.push((Instant::now() + HINDSIGHT, Due::EndBefore(at)));
                }
            }
            Event::Fed(fed) => {
                if fed.is_err() {
                    self.due.push((Instant::now() + HINDSIGHT, Due::EndBefore(self.steps.len() - 1)));
                }
                let after_end = self.steps.last().is_some_and(|last| last.ended.is_some());
                self.fed = Some(Some(Fed { result: fed, after_end, after_stop: self.stop.is_some() }));
            }
            Event::Signal(signal) if self.stop.is_none() => {
                let all = self.steps.len();
                self.stop = Some(Stop::Signal(signal));
                self.end(all, Signal::from_named_raw(signal).unwrap_or(Signal::TERM));
            }
            // Whoever asks twice does not want to wait.
            Event::Signal(_) => self.steps.iter().for_each(|step| step.child.kill()),
        }
    }

    fn do_what_is_due(&mut self) {
        let now = Instant::now();
        let due: Vec<Due> = self.due.extract_if(.., |(at, _)| *at <= now).map(|(_, due)| due).collect();
        for due in due {
            match due {
                Due::Kill(at) => self.steps[at].child.kill(),
                Due::EndBefore(at) => self.end(at, Signal::TERM),
                Due::Deadline if self.stop.is_none() => {
                    self.stop = Some(Stop::Deadline);
                    self.end(self.steps.len(), Signal::TERM);
                }
                Due::Deadline => (),
                Due::Draw => {
                    self.draw();
                    self.due.push((now + DRAW, Due::Draw));
                }
            }
        }
    }

    /// What the last step has read is what all of them have done.
    fn draw(&self) {
        let last = self.steps.last().filter(|last| last.ended.is_none());
        let Some((last, bytes)) = last.and_then(|last| Some((last, last.child.has_read()?))) else {
            return;
        };
        let (name, elapsed) = (&last.step.name, self.started.elapsed().as_secs());
        stderr::stand(&format!("{name}: {:.1} MB read in {elapsed} s", bytes as f64 / 1e6));
    }

    /// Tells the first steps to end, and sees to it that they do.
    fn end(&mut self, first: usize, signal: Signal) {
        let now = Instant::now();
        for (at, running) in self.steps.iter_mut().enumerate().take(first) {
            if running.ended.is_none() && !running.told {
                running.told = true;
                running.child.signal(signal);
                let patience = if running.step.kind.is_ours() { COMMIT } else { GRACE };
                self.due.push((now + patience, Due::Kill(at)));
            }
        }
    }

    /// All have ended.
    fn conclude(self, deadline: Option<Duration>) -> Outcome {
        let (mut fed, mut steps) = (self.fed.flatten(), Vec::new());
        for running in self.steps {
            // What it has started may keep its stderr open for as long as it likes.
            let _ = running.silent.recv_timeout(GRACE);
            let Some(ended) = running.ended else { continue };
            let fed = if running.step.kind == Kind::Fed { fed.take() } else { None };
            let after_stop = ended.after_stop || fed.as_ref().is_some_and(|fed| fed.after_stop);
            let well = ended.status.as_ref().is_ok_and(ExitStatus::success);
            let told = Told { before: running.told, stopped: after_stop };
            // What ended a step by itself says more than that it could not be fed then.
            let fed = fed.filter(|fed| well || !fed.after_end).map(|fed| fed.result);
            steps.push(StepOutcome::new(running.step, &ended.status, fed, told, ended.took, &running.tail));
        }
        Outcome { steps, stop: self.stop, deadline, took: self.started.elapsed() }
    }
}

fn no_pipe(error: io::Error) -> Fault {
    Fault::new(Class::Io, "cannot make a pipe").because(error)
}
