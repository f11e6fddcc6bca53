//! What was typed, and what it means.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use etl_component::rejects::{Limit, SCHEMA as REJECT};
use etl_component::{CommandCard, Fault, Reads, Stdout, When, io};
use etl_schema::UnknownFields;
use etl_transform::TransformArgs;

pub(crate) const COMMANDS: &[CommandCard] = &[CommandCard {
    files: &[REJECT],
    when: &[When { flag: "--sample", values: &[], reads: Reads::Any, stdout: Stdout::Text }],
    ..CommandCard::new("", Reads::Any, Stdout::PassesOn)
}];

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Unknown {
    /// It makes the record bad.
    Error,
    /// It is counted, and the record passes with it.
    Drop,
}

/// Pass on the records that fit a schema as they are, and set the others aside: a gate before a loader, or before any
/// other program
#[derive(clap::Parser)]
#[command(after_help = "Examples:
  validate --schema orders.json --input orders.ndjson >good.ndjson
  extract-file in | validate --schema o.json --rejects bad.ndjson --max-rejects 1% | load-influx
  validate --schema orders.json --sample 1000 --input orders.ndjson
  validate --schema orders.json --stats=orders.stats.json --input orders.ndjson >good.ndjson")]
pub(crate) struct Args {
    /// The schema of the records: a name that `standpipe schema list` shows, or the path of a JSON Schema; default: that of the stream
    #[arg(long, value_name = "NAME|PATH", help_heading = "Check")]
    schema: Option<String>,
    /// What to do with a field the schema does not know
    #[arg(long, value_enum, default_value = "error", help_heading = "Check")]
    unknown_fields: Unknown,
    /// A file for records that do not fit, with --max-rejects; `standpipe unreject` reads it
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    rejects: Option<PathBuf>,
    /// How many records may not fit before the run fails, or which share of them, judged at the end of each segment
    #[arg(long, value_name = "N|P%", default_value = "0", value_parser = Limit::parse, help_heading = "Check")]
    max_rejects: Limit,
    /// Say of each field how many values, nulls and different values it has, and the least and the greatest; to stderr, or as JSON to a file
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-", help_heading = "Output")]
    stats: Option<PathBuf>,
    /// Read only so many records, print why some do not fit, with counts, and pass nothing on; 3 if any does not
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["rejects", "max_rejects", "stats"], help_heading = "Check")]
    pub(crate) sample: Option<u64>,
    #[command(flatten)]
    pub(crate) stream: TransformArgs,
}

/// The flags, as meant.
pub(crate) struct Settings {
    /// `--schema`.
    pub(crate) schema: Option<String>,
    /// `--unknown-fields`.
    pub(crate) unknown: UnknownFields,
    /// `--rejects`.
    pub(crate) rejects: Option<PathBuf>,
    /// `--max-rejects`.
    pub(crate) limit: Limit,
    /// `--stats`, and its file.
    pub(crate) stats: bool,
    pub(crate) stats_file: Option<PathBuf>,
}

impl Settings {
    /// What these flags mean.
    ///
    /// # Errors
    /// 2 if they contradict each other.
    pub(crate) fn new(args: &Args) -> Result<Settings, Fault> {
        if args.max_rejects != Limit::Count(0) && args.rejects.is_none() {
            return Err(Fault::usage(
                "--max-rejects needs --rejects FILE; otherwise the rejected records would be lost",
            ));
        }
        if args.rejects.as_deref() == Some(Path::new("-")) {
            return Err(Fault::usage("--rejects must name a file: stdout is for the good records"));
        }
        let stats_file = args.stats.clone().filter(|path| path != Path::new("-"));
        io::check_distinct(&[
            ("--input", Some(&args.stream.input().input)),
            ("--output", Some(&args.stream.output().output)),
            ("--rejects", args.rejects.as_deref()),
            ("--stats", stats_file.as_deref()),
        ])?;
        Ok(Settings {
            schema: args.schema.clone(),
            unknown: match args.unknown_fields {
                Unknown::Error => UnknownFields::Error,
                Unknown::Drop => UnknownFields::Drop,
            },
            rejects: args.rejects.clone(),
            limit: args.max_rejects,
            stats: args.stats.is_some(),
            stats_file,
        })
    }
}
