//! One command that is measured, and what a run of it costs.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// Another program.
    Peer,
    /// Ours, as it is now.
    Now,
    /// Ours, of the build before.
    Before,
}

/// One command that is measured.
pub(crate) struct Contender<'a> {
    pub(crate) name: String,
    pub(crate) build: Build,
    program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Option<String>,
    /// The program that writes its stdin, and its arguments.
    feeder: Option<(String, Vec<String>)>,
    /// Whether the time ends with the first byte of its stdout.
    until_first_byte: bool,
    /// Restores the same state before each run.
    before: Box<dyn Fn() -> anyhow::Result<()> + 'a>,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(name: &str, program: &str, args: &[&str]) -> Contender<'a> {
        Contender {
            name: name.to_owned(),
            build: Build::Peer,
            program: program.to_owned(),
            args: owned(args),
            env: Vec::new(),
            stdin: None,
            feeder: None,
            until_first_byte: false,
            before: Box::new(|| Ok(())),
        }
    }

    /// One of ours, of this build.
    pub(crate) fn of(self, build: Build) -> Contender<'a> {
        Contender { build, ..self }
    }

    pub(crate) fn env(mut self, env: &[(String, String)]) -> Contender<'a> {
        self.env.extend_from_slice(env);
        self
    }

    /// Another program in the same surroundings.
    pub(crate) fn program(self, program: &str, args: &[&str]) -> Contender<'a> {
        Contender { program: program.to_owned(), args: owned(args), ..self }
    }

    /// The file in the folder that it reads.
    pub(crate) fn stdin(self, file: &str) -> Contender<'a> {
        Contender { stdin: Some(file.to_owned()), ..self }
    }

    /// The program whose stdout it reads.
    pub(crate) fn fed_by(self, program: &str, args: &[&str]) -> Contender<'a> {
        Contender { feeder: Some((program.to_owned(), owned(args))), ..self }
    }

    /// Only what passes until it writes is measured.
    pub(crate) fn until_first_byte(self) -> Contender<'a> {
        Contender { until_first_byte: true, ..self }
    }

    /// What is done before each run, unmeasured.
    pub(crate) fn before(self, before: impl Fn() -> anyhow::Result<()> + 'a) -> Contender<'a> {
        Contender { before: Box::new(before), ..self }
    }

    /// How many instructions valgrind counts in a run. It knows no SHA instructions, so a digest is always computed without.
    pub(crate) fn instructions(&self, folder: &Path) -> anyhow::Result<u64> {
        (self.before)()?;
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
        valgrind.arg("--log-file=valgrind.txt").arg(&self.program).args(&self.args);
        valgrind.envs(self.env.iter().cloned()).current_dir(folder).stdin(Stdio::null());
        succeeded(&self.name, &valgrind.output().context("cannot run valgrind")?)?;
        let log = std::fs::read_to_string(folder.join("valgrind.txt"))?;
        // `==PID== I   refs:      1,234,567`
        let count =
            log.lines().find_map(|line| line.split_once("refs:")).map(|(_, count)| count.replace(',', ""));
        let count = count.with_context(|| format!("valgrind counted nothing: {log}"))?;
        count.trim().parse().with_context(|| format!("valgrind counted {count}"))
    }

    /// Runs it, and measures the wall time; with `time`, which itself takes a moment, also CPU time and memory.
    pub(crate) fn run(&self, folder: &Path, under_time: bool) -> anyhow::Result<Cost> {
        (self.before)()?;
        let command = |program: &str, args: &[String], report: &str| {
            let mut command = Command::new(if under_time { "/usr/bin/time" } else { program });
            if under_time {
                command.args(["-o", report, "-f", "%U %S %M", program]);
            }
            command.args(args).envs(self.env.iter().cloned()).current_dir(folder).stderr(Stdio::piped());
            command
        };
        let mut program = command(&self.program, &self.args, "time.txt");
        program.stdin(match &self.stdin {
            Some(file) => Stdio::from(File::open(folder.join(file))?),
            None => Stdio::null(),
        });
        let cannot_run = || format!("cannot run {}", self.name);
        let started = Instant::now();
        let mut feeder: Option<Child> = None;
        if let Some((name, args)) = &self.feeder {
            let mut feeding = command(name, args, "feeder.txt");
            let child = feeding.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
            let child = feeder.insert(child.with_context(cannot_run)?);
            program.stdin(child.stdout.take().context("a pipe")?);
        }
        let mut child = program.stdout(Stdio::piped()).spawn().with_context(cannot_run)?;
        // It no longer holds the end of the pipe that the feeder may still be writing to.
        drop(program);
        let mut wall = None;
        if self.until_first_byte {
            let stdout = child.stdout.as_mut().context("a pipe")?;
            stdout.read_exact(&mut [0]).with_context(|| format!("{} printed nothing", self.name))?;
            wall = Some(started.elapsed().as_secs_f64());
        }
        let output = child.wait_with_output().with_context(cannot_run)?;
        let fed = feeder.map(Child::wait_with_output).transpose()?;
        let wall = wall.unwrap_or_else(|| started.elapsed().as_secs_f64());
        for output in [Some(&output), fed.as_ref()].into_iter().flatten() {
            succeeded(&self.name, output)?;
        }
        if !under_time {
            return Ok(Cost { wall, ..Cost::default() });
        }
        let (cpu, peak) = spent(&folder.join("time.txt"))?;
        let Some(_) = fed else { return Ok(Cost { wall, cpu: Some(cpu), peak: Some(peak), feeder: None }) };
        let (more, feeder) = spent(&folder.join("feeder.txt"))?;
        Ok(Cost { wall, cpu: Some(cpu + more), peak: Some(peak), feeder: Some(feeder) })
    }
}

fn succeeded(name: &str, output: &Output) -> anyhow::Result<()> {
    ensure!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn owned(args: &[&str]) -> Vec<String> {
    args.iter().map(ToString::to_string).collect()
}

/// What `time` reports: seconds of CPU time, and MiB.
fn spent(report: &Path) -> anyhow::Result<(f64, f64)> {
    let text = std::fs::read_to_string(report)?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [user, system, kilobytes] = numbers[..] else { anyhow::bail!("time printed {text:?}") };
    Ok((user + system, kilobytes / 1024.0))
}

/// What a run took: seconds, and memory in MiB, also of the feeder.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) wall: f64,
    pub(crate) cpu: Option<f64>,
    pub(crate) peak: Option<f64>,
    pub(crate) feeder: Option<f64>,
}

/// The median of each number.
pub(crate) fn median(costs: &[Cost]) -> Cost {
    let of = |each: fn(&Cost) -> Option<f64>| {
        let mut values: Vec<f64> = costs.iter().filter_map(each).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Cost {
        wall: of(|cost| Some(cost.wall)).unwrap_or_default(),
        cpu: of(|cost| cost.cpu),
        peak: of(|cost| cost.peak),
        feeder: of(|cost| cost.feeder),
    }
}
