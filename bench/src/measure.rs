//! Runs commands that do the same in turn, and compares what they cost.

use std::path::Path;

use serde_json::{Value, json};

use crate::contender::{Build, Contender, Cost, median};
use crate::print::number;

/// Of runs with at most as many records, which take milliseconds, only the first is under `time`.
const SHORT: u64 = 10_000;

/// What a command of ours is to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// So much of the time that the first contender takes.
    Wall(f64),
    /// So much of the CPU time of the build before.
    Cpu(f64),
    /// Milliseconds.
    Millis(f64),
}

/// How much a command goes through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) records: u64,
    /// Where they are what the rate is about.
    pub(crate) bytes: Option<u64>,
}

impl From<u64> for Size {
    fn from(records: u64) -> Size {
        Size { records, bytes: None }
    }
}

/// Commands that do the same; the others are compared with the first.
pub(crate) struct Group {
    title: String,
    size: Size,
    rows: Vec<Row>,
    /// The names of the commands that have goals.
    goals: Vec<(&'static str, Goal)>,
}

struct Row {
    name: String,
    build: Build,
    cost: Cost,
}

impl Group {
    /// Runs each of them `runs` times, in turn, after one run that does not count unless it is the only one, and prints the
    /// medians.
    pub(crate) fn measure(
        title: &str,
        size: Size,
        runs: usize,
        folder: &Path,
        contenders: &[Contender<'_>],
    ) -> anyhow::Result<Group> {
        eprintln!("measuring: {title} ...");
        let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); contenders.len()];
        let is_short = size.records <= SHORT;
        for run in 0..=runs {
            for (contender, costs) in contenders.iter().zip(&mut costs) {
                costs.push(contender.run(folder, run == 0 || !is_short)?);
            }
        }
        let row = |(contender, costs): (&Contender<'_>, &Vec<Cost>)| {
            let (first, counted) = costs.split_first()?;
            let cost = median(if counted.is_empty() { costs } else { counted });
            let cost = if is_short { Cost { wall: cost.wall, ..*first } } else { cost };
            Some(Row { name: contender.name.clone(), build: contender.build, cost })
        };
        let rows = contenders.iter().zip(&costs).filter_map(row).collect();
        let group = Group { title: title.to_owned(), size, rows, goals: Vec::new() };
        group.print();
        Ok(group)
    }

    /// Sets a goal for a command of ours.
    pub(crate) fn goal(mut self, name: &'static str, goal: Goal) -> Group {
        self.goals.push((name, goal));
        self
    }

    fn ratio(&self, cost: &Cost) -> f64 {
        self.rows.first().map_or(1.0, |peer| cost.wall / peer.cost.wall)
    }

    fn print(&self) {
        println!(
            "\n{:<52} {:>9} {:>6} {:>11} {:>7} {:>8}{}",
            self.title,
            "wall s",
            "ratio",
            "records/s",
            "CPU s",
            "peak MiB",
            self.size.bytes.map_or("", |_| "     MB/s")
        );
        for row in &self.rows {
            let cost = &row.cost;
            println!(
                "{:<52} {:>9.4} {:>6.2} {:>11.0} {:>7} {:>8}{}",
                row.label(),
                cost.wall,
                self.ratio(cost),
                self.size.records as f64 / cost.wall,
                number(cost.cpu, 2),
                number(cost.peak, 1),
                self.size
                    .bytes
                    .map_or(String::new(), |bytes| format!(" {:>8.0}", bytes as f64 / 1e6 / cost.wall))
            );
            if cost.feeder.is_some() {
                println!("{:<52} {:>45}", "  its feeder", number(cost.feeder, 1));
            }
        }
        for (name, now, before) in self.ours() {
            let Some(before) = before else { continue };
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

    /// What was measured of ours, now and in the build before.
    fn ours(&self) -> impl Iterator<Item = (&str, Cost, Option<Cost>)> {
        self.rows.iter().filter(|row| row.build == Build::Now).map(|row| {
            let before = self.rows.iter().find(|it| it.build == Build::Before && it.name == row.name);
            (row.name.as_str(), row.cost, before.map(|it| it.cost))
        })
    }

    /// A line for each command of ours, and for each further goal of it.
    pub(crate) fn summary(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (name, now, before) in self.ours() {
            let goals = self.goals.iter().filter(|(of, _)| *of == name).map(|(_, goal)| Some(*goal));
            let goals: Vec<_> = if goals.clone().next().is_some() { goals.collect() } else { vec![None] };
            for goal in goals {
                let (unit, of): (_, &dyn Fn(Cost) -> Option<f64>) = match goal {
                    None | Some(Goal::Wall(_)) => ("", &|cost| Some(self.ratio(&cost))),
                    Some(Goal::Cpu(_)) => (", CPU s", &|cost| cost.cpu),
                    Some(Goal::Millis(_)) => (", ms", &|cost| Some(cost.wall * 1000.0)),
                };
                lines.push(Line {
                    row: format!("{}: {name}{unit}", self.title).replace('|', "\\|"),
                    now: of(now),
                    before: before.and_then(of),
                    goal: match goal {
                        None => "-".to_owned(),
                        Some(Goal::Wall(goal) | Goal::Millis(goal)) => format!("{goal:.2}"),
                        Some(Goal::Cpu(goal)) => format!("{goal:.2} x before"),
                    },
                    peak: now.peak,
                });
            }
        }
        lines
    }

    /// The same as JSON.
    pub(crate) fn json(&self) -> Value {
        let row = |row: &Row| {
            let cost = &row.cost;
            json!({ "name": row.label(), "wall_s": cost.wall, "ratio": self.ratio(cost), "cpu_s": cost.cpu, "peak_mib": cost.peak, "feeder_peak_mib": cost.feeder })
        };
        json!({ "title": self.title, "records": self.size.records, "medians": self.rows.iter().map(row).collect::<Value>() })
    }
}

impl Row {
    fn label(&self) -> String {
        format!("{}{}", self.name, if self.build == Build::Before { " (before)" } else { "" })
    }
}

/// A line of the summary: where a command of ours stands.
pub(crate) struct Line {
    row: String,
    now: Option<f64>,
    before: Option<f64>,
    goal: String,
    peak: Option<f64>,
}

impl Line {
    /// Prints them as a table in Markdown, as in `bench/README.md`.
    pub(crate) fn print(lines: &[Line]) {
        let width = lines.iter().map(|line| line.row.len()).max().unwrap_or_default();
        println!(
            "\n| {:<width$} | {:>6} | {:>6} | {:>13} | {:>8} |",
            "", "now", "before", "goal", "peak MiB"
        );
        println!("|{:-<1$}|-------:|-------:|--------------:|---------:|", "", width + 2);
        for line in lines {
            let (now, before, peak) = (number(line.now, 2), number(line.before, 2), number(line.peak, 1));
            println!("| {:<width$} | {now:>6} | {before:>6} | {:>13} | {peak:>8} |", line.row, line.goal);
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "row": self.row, "now": self.now, "before": self.before, "goal": self.goal, "peak_mib": self.peak })
    }
}

fn ratio(now: Option<f64>, before: Option<f64>) -> Option<f64> {
    // What takes no time that `time` shows has none.
    Some(now? / before?).filter(|ratio| ratio.is_finite())
}
