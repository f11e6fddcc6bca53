//! The runs of a pipeline, one for each item.

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::AsFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use etl_component::{Class, Fault, Terminal, counted};

use super::children::Children;
use super::outcome::{self, Cause};
use super::pipe::{self, Around};
use super::stops::Stops;
use super::{Unit, failure};

/// What all runs share.
struct Runs<'a> {
    children: Arc<Children>,
    stops: Arc<Stops>,
    deadline: Option<Duration>,
    terminal: Terminal,
    /// Whether several run at once.
    at_once: bool,
    units: &'a [Unit],
    next: AtomicUsize,
    /// What became of each: a summary, or the cause of its failure.
    results: Mutex<Vec<Option<Result<String, Cause>>>>,
}

/// Runs them, `jobs` at once, and returns the summary.
///
/// # Errors
/// That of the first one that failed, in their order.
pub(super) fn run(
    pipeline: Option<&str>,
    units: &[Unit],
    jobs: usize,
    deadline: Option<Duration>,
    terminal: Terminal,
) -> anyhow::Result<String> {
    let (started, jobs) = (Instant::now(), jobs.min(units.len()));
    let runs = Runs {
        children: Children::adopt(),
        stops: Stops::watch()?,
        deadline,
        terminal,
        at_once: jobs > 1,
        units,
        next: AtomicUsize::new(0),
        results: Mutex::new(units.iter().map(|_| None).collect()),
    };
    // What goes to stdout from here on is up to the last steps.
    etl_component::io::never_abort();
    thread::scope(|scope| {
        for _ in 1..jobs {
            scope.spawn(|| runs.work());
        }
        runs.work();
    });
    runs.children.tidy();
    let stopped = runs.stops.arrived();
    let results = runs.results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let name = pipeline.map(|name| format!("{name}: ")).unwrap_or_default();
    let sentence = match units {
        [_] => only(results)?,
        _ => all(units, results, stopped, started.elapsed())?,
    };
    Ok(format!("{name}{sentence}"))
}

fn only(results: Vec<Option<Result<String, Cause>>>) -> Result<String, Fault> {
    match results.into_iter().next().flatten() {
        Some(Ok(summary)) => Ok(summary),
        Some(Err(cause)) => Err(Fault::new(cause.class, cause.message)),
        None => Err(Fault::new(Class::Bug, "nothing was run")),
    }
}

/// Of several, each has already been reported.
fn all(
    units: &[Unit],
    results: Vec<Option<Result<String, Cause>>>,
    stopped: Option<i32>,
    took: Duration,
) -> Result<String, Fault> {
    let (count, failed) =
        (units.len(), results.iter().filter(|result| !matches!(result, Some(Ok(_)))).count());
    let first = units.iter().zip(&results).find_map(|(unit, result)| match result {
        Some(Err(cause)) => Some((unit.label.as_deref().unwrap_or_default(), cause)),
        _ => None,
    });
    let class = stopped.map(outcome::class_of_signal).or(first.map(|(_, cause)| cause.class));
    match class {
        Some(class) if failed > 0 => {
            let first = first.map(|(label, cause)| format!("; the first is {label}: {}", cause.message));
            let what = if stopped.is_some() { "failed or were not started" } else { "failed" };
            Err(Fault::new(class, format!("{failed} of {count} items {what}{}", first.unwrap_or_default())))
        }
        _ => Ok(format!("{} in {}", counted(count as u64, "item", "items"), outcome::seconds(took))),
    }
}

impl Runs<'_> {
    /// Runs one after the other until none is left, or a signal has arrived.
    fn work(&self) {
        while self.stops.arrived().is_none() {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(unit) = self.units.get(at) else { return };
            let result = self.one(unit);
            if let Some(label) = &unit.label {
                match &result {
                    Ok(summary) => log::info!("{label}: {summary}"),
                    Err(cause) => log::error!("{label}: {}", cause.message),
                }
            }
            self.results.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(result);
        }
    }

    fn one(&self, unit: &Unit) -> Result<String, Cause> {
        let fault = |fault: Fault| Cause { step: None, class: fault.class(), message: outcome::text(&fault) };
        // Whole streams of several runs may follow each other on stdout, parts of them may not.
        let own = if self.at_once && !self.terminal.stdout {
            Some(tempfile::tempfile().map_err(io_fault))
        } else {
            None
        };
        let own = own.transpose().map_err(fault)?;
        let outcome = pipe::run(
            &unit.steps,
            Around {
                children: &self.children,
                stops: &self.stops,
                item: unit.label.as_deref(),
                deadline: self.deadline,
                shows: self.terminal.stderr && !self.at_once,
                stdin: if self.units.len() == 1 { Stdio::inherit() } else { Stdio::null() },
                stdout: own
                    .as_ref()
                    .map_or(Ok(Stdio::inherit()), own_stdout)
                    .map_err(io_fault)
                    .map_err(fault)?,
            },
        );
        let printed = own.map_or(Ok(()), |file| self.print(file)).map_err(fault);
        let cause = match &outcome {
            Ok(outcome) => outcome.cause(),
            Err(error) => Some(Cause { step: None, class: error.class(), message: outcome::text(error) }),
        };
        let Some(cause) = cause else {
            printed?;
            return Ok(outcome.map(|outcome| outcome.summary()).unwrap_or_default());
        };
        // There is no time for it after a signal, and nobody to be told of a reader that went away.
        if let (Some(on_failure), None) = (&unit.on_failure, self.stops.arrived())
            && cause.class != Class::Closed
        {
            let failed =
                cause.step.zip(outcome.as_ref().ok()).and_then(|(at, outcome)| outcome.steps.get(at));
            failure::report(
                on_failure,
                &unit.name,
                &cause,
                failed,
                unit.label.as_deref(),
                &self.children,
                &self.stops,
            );
        }
        Err(cause)
    }

    /// Prints what a run has printed.
    fn print(&self, mut file: File) -> Result<(), Fault> {
        let _whole = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let copied = file.rewind().and_then(|()| io::copy(&mut file, &mut io::stdout().lock()));
        copied.map(drop).map_err(etl_stream::writer::io_fault)
    }
}

fn own_stdout(file: &File) -> io::Result<Stdio> {
    Ok(Stdio::from(file.as_fd().try_clone_to_owned()?))
}

fn io_fault(error: io::Error) -> Fault {
    Fault::new(Class::Io, "cannot keep what an item prints").because(error)
}
