//! `standpipe metrics`: what receipts say, in numbers, for Prometheus and OpenTelemetry. The receipts are passed on.
//!
//! Nothing is written before the stream has ended, verified: what is counted is durable. A stream that failed leaves the
//! numbers as they are, so that the time of the last success grows old.

mod otlp;
mod series;
mod textfile;

use std::path::{Path, PathBuf};

use etl_component::{CommandCard, Context, InputArgs, OutputArgs, Reads, Relay, Stdout, Variable, io};
use etl_http::HttpArgs;
use etl_stream::{Seal, counted};

use self::otlp::Otlp;
use self::series::Series;
use crate::receipts;

pub(crate) const CARD: CommandCard =
    CommandCard::new("metrics", Reads::Schemas(&[receipts::RECEIPT]), Stdout::PassesOn);

pub(crate) const VARIABLES: [Variable; 4] = otlp::VARIABLES;

/// Flags of `metrics`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  load-sqlite --db shop.db --input orders.ndjson | standpipe metrics --textfile standpipe.prom
  load-postgres | standpipe metrics --otlp http://collector:4318 | notify-slack --on failure")]
pub(crate) struct Args {
    /// A file in Prometheus's text format, which the textfile collector of node_exporter reads. The series of other pipelines and targets in it stay
    #[arg(long, value_name = "FILE", required_unless_present = "otlp", help_heading = "Metrics")]
    textfile: Option<PathBuf>,
    /// Where an OpenTelemetry collector takes OTLP over HTTP; the metrics go to `/v1/metrics` below it, as JSON
    #[arg(long, value_name = "URL", help_heading = "Metrics")]
    otlp: Option<String>,
    /// The pipeline of receipts that name none
    #[arg(long, value_name = "NAME", help_heading = "Metrics")]
    pipeline: Option<String>,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    http: HttpArgs,
}

/// Runs `standpipe metrics`.
pub(crate) fn run(mut args: Args, context: &Context) -> anyhow::Result<String> {
    // What is not sealed may be a part.
    args.input.seal = Seal::Required;
    let files: [(&str, Option<&Path>); 3] = [
        ("--input", Some(&args.input.input)),
        ("--output", Some(&args.output.output)),
        ("--textfile", args.textfile.as_deref()),
    ];
    io::check_distinct(&files)?;
    // Somebody who looks on has the summaries.
    let shown = context.env.terminal.stdout && args.output.output == Path::new("-");
    let mut relay = match shown {
        true => None,
        false => Some(Relay::new(args.output.open()?, context.producer(), "standpipe metrics")),
    };
    let otlp = args.otlp.as_deref().map(|url| Otlp::open(url, &args.http, context)).transpose()?;
    let mut series = Series::default();
    receipts::read(&mut args.input.open()?, &[receipts::RECEIPT], relay.as_mut(), |mut load| {
        load.pipeline = load.pipeline.or_else(|| args.pipeline.clone());
        series.add(&load);
    })?;
    if let Some(path) = &args.textfile {
        textfile::update(path, &series)?;
    }
    if let Some(otlp) = &otlp {
        otlp.send(&series)?;
    }
    if let Some(mut relay) = relay {
        relay.end()?;
        relay.close()?;
    }
    Ok(format!("metrics of {}", counted(series.len() as u64, "target", "targets")))
}
