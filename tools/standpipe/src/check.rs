//! `standpipe check`: whether the newest loads are as they should be.

use std::time::Duration;

use etl_component::rejects::Limit;
use etl_component::{CommandCard, Context, Fault, duration, instant};
use etl_stream::counted;
use jiff::Timestamp;

use crate::receipts::Load;
use crate::runs::source::Source;
use crate::runs::{self, age, span};

pub(crate) const CARD: CommandCard = CommandCard { name: "check", ..runs::OF_RUNS };

/// Flags of `check`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  standpipe check --postgres --table openweather_current --max-age 2h --min-records 1
  load-sqlite --db shop.db --table orders | standpipe check --max-rejects 1%")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// How old the newest load of each pipeline and target may be
    #[arg(long, value_name = "DURATION", value_parser = duration, required_unless_present_any = ["min_records", "max_rejects"], help_heading = "Check")]
    max_age: Option<Duration>,
    /// How many records it must have read
    #[arg(long, value_name = "N", help_heading = "Check")]
    min_records: Option<u64>,
    /// How many of them may have been rejected, or what share
    #[arg(long, value_name = "N|P%", value_parser = Limit::parse, help_heading = "Check")]
    max_rejects: Option<Limit>,
}

/// Runs `standpipe check`.
pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<String> {
    let loads = args.source.loads(context.env.terminal)?;
    if loads.is_empty() && !args.source.allows_none() {
        let of = args.source.pipeline().map(|name| format!(" of pipeline {name}")).unwrap_or_default();
        return Err(Fault::data(format!("there is no run{of}")).into());
    }
    let (now, mut wrong, mut targets) = (Timestamp::now(), Vec::new(), 0_u64);
    for (pipeline, loads) in runs::by_pipeline(&loads) {
        for newest in newest(&loads) {
            targets += 1;
            let name = match pipeline {
                Some(pipeline) => format!("{} (pipeline {pipeline})", newest[0].target),
                None => newest[0].target.clone(),
            };
            let found = args.judge(&newest, now);
            wrong.extend(found.into_iter().map(|reason| format!("{name}: {reason}")));
        }
    }
    if !wrong.is_empty() {
        return Err(Fault::data(wrong.join("; ")).into());
    }
    let runs = counted(loads.len() as u64, "run", "runs");
    Ok(format!("{runs} of {}: as they should be", counted(targets, "target", "targets")))
}

/// The loads of each target, the newest one first.
fn newest<'l>(loads: &[&'l Load]) -> Vec<Vec<&'l Load>> {
    let mut targets: Vec<Vec<&Load>> = Vec::new();
    for load in loads.iter().rev() {
        match targets.iter_mut().find(|known| known[0].target == load.target) {
            Some(known) => known.push(load),
            None => targets.push(vec![load]),
        }
    }
    targets.sort_by(|one, other| one[0].target.cmp(&other[0].target));
    targets
}

impl Args {
    /// What is wrong with the newest of the loads of a target.
    fn judge(&self, loads: &[&Load], now: Timestamp) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(most) = self.max_age {
            match loads[0].loaded_at {
                Some(at) if now.duration_since(at).as_secs_f64() > most.as_secs_f64() => {
                    let (at, age, most) = (instant(at), age(now, at), span(most.as_secs()));
                    wrong.push(format!("the newest load, of {at}, is {age} old; --max-age is {most}"));
                }
                Some(_) => (),
                None => {
                    wrong.push("the newest load does not say when it was committed (--max-age)".to_owned())
                }
            }
        }
        // One that an earlier run had committed says nothing of its records.
        let Some(load) = loads.iter().find(|load| !load.already_loaded) else { return wrong };
        if let Some(least) = self.min_records.filter(|least| load.records < *least) {
            let records = counted(load.records, "record", "records");
            wrong.push(format!("the newest load has {records}; --min-records is {least}"));
        }
        match (self.max_rejects, load.rejected) {
            (Some(limit), Some(rejected)) if limit.is_over(rejected, load.records) => {
                let records = counted(load.records, "record", "records");
                wrong.push(format!(
                    "the newest load has {rejected} rejected of {records}; --max-rejects is {limit}"
                ));
            }
            (Some(_), None) => {
                wrong.push(
                    "the newest load does not say how many records were rejected (--max-rejects)".to_owned(),
                );
            }
            _ => (),
        }
        wrong
    }
}
