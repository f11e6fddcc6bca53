//! Runs processes in turn and compares what they cost.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

/// What the name of a contender ends with if it is of the build before.
const BEFORE: &str = " (before)";

/// One command that is measured.
pub(crate) struct Contender<'a> {
    name: String,
    program: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Option<String>,
    /// The program that writes its stdin, and its arguments.
    feeder: Option<(String, Vec<String>)>,
    /// Restores the same state before each run.
    before: Box<dyn Fn() -> anyhow::Result<()> + 'a>,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(name: &str, program: &str, args: &[&str]) -> Contender<'a> {
        Contender {
            name: name.to_owned(),
            program: program.to_owned(),
            args: owned(args),
            env: Vec::new(),
            stdin: None,
            feeder: None,
            before: Box::new(|| Ok(())),
        }
    }

    /// One of the build before, of the same name.
    pub(crate) fn of_before(mut self, is_before: bool) -> Contender<'a> {
        if is_before {
            self.name += BEFORE;
        }
        self
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
    pub(crate) fn stdin(mut self, file: &str) -> Contender<'a> {
        self.stdin = Some(file.to_owned());
        self
    }

    /// The program whose stdout it reads.
    pub(crate) fn fed_by(mut self, program: &str, args: &[&str]) -> Contender<'a> {
        self.feeder = Some((program.to_owned(), owned(args)));
        self
    }

    /// What is done before each run, unmeasured.
    pub(crate) fn before(mut self, before: impl Fn() -> anyhow::Result<()> + 'a) -> Contender<'a> {
        self.before = Box::new(before);
        self
    }

    /// Runs it, and measures the wall time; with `time`, which itself takes a moment, also CPU time and memory.
    fn run(&self, folder: &Path, under_time: bool) -> anyhow::Result<Cost> {
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
        let output = program.stdout(Stdio::piped()).output().with_context(cannot_run)?;
        // It no longer holds the end of the pipe that the feeder may still be writing to.
        drop(program);
        let fed = feeder.map(Child::wait_with_output).transpose()?;
        let wall = started.elapsed().as_secs_f64();
        for output in [Some(&output), fed.as_ref()].into_iter().flatten() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "{} failed: {stderr}", self.name);
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
#[derive(Clone, Copy, Default)]
struct Cost {
    wall: f64,
    cpu: Option<f64>,
    peak: Option<f64>,
    feeder: Option<f64>,
}

/// Commands that do the same; the others are compared with the first.
pub(crate) struct Group {
    title: String,
    records: u64,
    rows: Vec<(String, Cost)>,
}

impl Group {
    /// Runs each of them `runs` times, in turn, after one run that does not count, and prints the medians. Runs of a few
    /// milliseconds are measured without `time`.
    pub(crate) fn measure(
        title: &str,
        records: u64,
        runs: usize,
        folder: &Path,
        contenders: &[Contender<'_>],
    ) -> anyhow::Result<Group> {
        eprintln!("measuring: {title} ...");
        let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); contenders.len()];
        for run in 0..=runs {
            for (contender, costs) in contenders.iter().zip(&mut costs) {
                let cost = contender.run(folder, records > 1)?;
                if run > 0 {
                    costs.push(cost);
                }
            }
        }
        let rows =
            contenders.iter().zip(&costs).map(|(contender, costs)| (contender.name.clone(), median(costs)));
        let group = Group { title: title.to_owned(), records, rows: rows.collect() };
        group.print();
        Ok(group)
    }

    fn ratio(&self, cost: &Cost) -> f64 {
        self.rows.first().map_or(1.0, |(_, peer)| cost.wall / peer.wall)
    }

    fn print(&self) {
        let number = |number: Option<f64>, digits: usize| {
            number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
        };
        println!(
            "\n{:<52} {:>9} {:>6} {:>11} {:>7} {:>8}",
            self.title, "wall s", "ratio", "records/s", "CPU s", "peak MiB"
        );
        for (name, cost) in &self.rows {
            println!(
                "{name:<52} {:>9.4} {:>6.2} {:>11.0} {:>7} {:>8}",
                cost.wall,
                self.ratio(cost),
                self.records as f64 / cost.wall,
                number(cost.cpu, 2),
                number(cost.peak, 1)
            );
            if cost.feeder.is_some() {
                println!("{:<52} {:>45}", "  its feeder", number(cost.feeder, 1));
            }
        }
        for (name, now, before) in self.changes() {
            println!(
                "{:<52} {:>9} {:>6.2} {:>11} {:>7} {:>8}",
                format!("{name}: now / before"),
                "",
                now.wall / before.wall,
                "",
                number(ratio(now.cpu, before.cpu), 2),
                number(ratio(now.peak, before.peak), 2)
            );
        }
    }

    /// What was measured in two builds.
    fn changes(&self) -> impl Iterator<Item = (&str, Cost, Cost)> {
        self.rows.iter().filter_map(|(name, before)| {
            let name = name.strip_suffix(BEFORE)?;
            let (_, now) = self.rows.iter().find(|(now, _)| now == name)?;
            Some((name, *now, *before))
        })
    }

    /// The same as JSON.
    pub(crate) fn json(&self) -> Value {
        let row = |(name, cost): &(String, Cost)| json!({ "name": name, "wall_s": cost.wall, "ratio": self.ratio(cost), "cpu_s": cost.cpu, "peak_mib": cost.peak, "feeder_peak_mib": cost.feeder });
        json!({ "title": self.title, "records": self.records, "medians": self.rows.iter().map(row).collect::<Value>() })
    }
}

fn ratio(now: Option<f64>, before: Option<f64>) -> Option<f64> {
    Some(now? / before?)
}

fn median(costs: &[Cost]) -> Cost {
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
