//! The flags of every loader.

mod values;

use std::path::{Path, PathBuf};
use std::time::Duration;

use etl_component::rejects::Limit;
use etl_component::{Env, Fault, InputArgs, OutputArgs, Variable, duration, io};
use etl_schema::{Schema, UnknownFields};
use etl_stream::Format;

pub use self::values::{Absent, AbsentRows, EmitKind, IfLoaded, Mode};
use self::values::{Unknown, percent};
use crate::evolve::{Change, Evolve};
use crate::format::{ConnectorArgs, Connectors};
use crate::front::Cuts;
use crate::history::History;

/// The variables every loader reads.
pub const VARIABLES: [Variable; 1] = [Variable {
    name: "ETL_LOAD_ID",
    aliases: &[],
    secret: false,
    required: false,
    unless: &[],
    help: "the load id, if --load-id is not given",
}];

/// The flags of every loader, as typed.
#[derive(clap::Args, Clone, Debug)]
pub struct StreamArgs {
    /// The table to load into; default: that of the schema
    #[arg(long, value_name = "TABLE", help_heading = "Table")]
    table: Option<String>,
    /// The schema of the records: a name that `standpipe schema list` shows, or the path of a JSON Schema; default: that of the stream, otherwise the table's own columns
    #[arg(long, value_name = "NAME|PATH", help_heading = "Table")]
    schema: Option<String>,
    /// Names the logical run: the first load with this id that commits wins [env: ETL_LOAD_ID]
    #[arg(long, value_name = "ID", help_heading = "Load")]
    load_id: Option<String>,
    /// Name of the pipeline under which the state is kept
    #[arg(long, value_name = "NAME", help_heading = "Load")]
    pipeline: Option<String>,
    /// A file to replace with the last state after the commit
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    state_out: Option<PathBuf>,
    /// What to do with a field the schema does not know; default: error, of a Singer tap or an Airbyte source drop
    #[arg(long, value_enum, help_heading = "Load")]
    unknown_fields: Option<Unknown>,
    /// A file for records that fail the checks, with --max-rejects; `standpipe unreject` reads it
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    rejects: Option<PathBuf>,
    /// How many records of a load may fail the checks, or what share of them
    #[arg(long, value_name = "N|P%", default_value = "0", value_parser = Limit::parse, help_heading = "Load")]
    max_rejects: Limit,
    /// What to print on stdout; default: the receipt, or for a Singer tap or an Airbyte source the states that are durable
    #[arg(long, value_enum, help_heading = "Output")]
    emit: Option<EmitKind>,
    /// Print the DDL and how each column is stored, and touch nothing
    #[arg(long, help_heading = "Load")]
    plan: bool,
    /// Where the stream comes from and how it is read.
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    format: ConnectorArgs,
    /// Where receipts or records go.
    #[command(flatten)]
    output: OutputArgs,
}

/// The flags of a loader whose sink has tables, a ledger and transactions, as typed.
#[derive(clap::Args, Clone, Debug)]
pub struct LoadArgs {
    #[command(flatten)]
    stream: StreamArgs,
    /// Create the table if it is missing
    #[arg(long, help_heading = "Table")]
    create: bool,
    /// What may be changed about an existing table
    #[arg(long, value_enum, value_delimiter = ',', default_value = "none", help_heading = "Table")]
    evolve: Vec<Change>,
    /// Add the columns _etl_load_id and _etl_loaded_at to every row
    #[arg(long, help_heading = "Table")]
    stamp: bool,
    /// Add the columns of the Singer SDK's targets, _sdc_extracted_at and six others, to every row of a tap
    #[arg(long, conflicts_with = "airbyte_metadata", help_heading = "Table")]
    singer_metadata: bool,
    /// Add the columns of Airbyte's destinations, _airbyte_raw_id and three others, to every row of a source
    #[arg(long, help_heading = "Table")]
    airbyte_metadata: bool,
    /// How records are combined with existing rows; default: upsert if the schema has a key, otherwise append
    #[arg(long, value_enum, help_heading = "Load", display_order = 0)]
    mode: Option<Mode>,
    /// What an upsert makes of a column of a row that exists whose field the record does not have; default: null, or what `x-keep` of the schema says
    #[arg(long, value_enum, help_heading = "Load")]
    absent: Option<Absent>,
    /// What a sealed stream that has all records makes of rows that it does not have; default: they stay
    #[arg(long, value_enum, help_heading = "Load")]
    absent_rows: Option<AbsentRows>,
    /// The column that says since when a version of a row holds, in mode history; default: valid_from
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    valid_from: Option<String>,
    /// The column that says until when it held; default: valid_to
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    valid_to: Option<String>,
    /// The column that says whether it holds; default: is_current
    #[arg(long, value_name = "NAME", help_heading = "Table")]
    is_current: Option<String>,
    /// Refuse a load of fewer records than this; rejected ones do not count
    #[arg(long, value_name = "N", help_heading = "Load")]
    min_records: Option<u64>,
    /// Refuse a replacement, also of rows of earlier versions, after which the table has lost more than this share of its (current) rows, such as 20%
    #[arg(long, value_name = "P%", value_parser = percent, help_heading = "Load")]
    max_shrink: Option<f64>,
    /// What to do if the load id was used before, with different content
    #[arg(long, value_enum, default_value = "refuse", help_heading = "Load")]
    if_loaded: IfLoaded,
    /// How long the ledger remembers a load
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = duration, help_heading = "Load")]
    ledger_keep: Duration,
    /// Commit a load after this many records, at the end of a segment, and start the next one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Load")]
    commit_every: Option<u64>,
    /// Commit a load this long after its first record, at the end of a segment, and start the next one
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Load")]
    commit_interval: Option<Duration>,
    /// Print the newest state of --pipeline, and load nothing; 78 if it has none, unless --allow-empty
    #[arg(long, requires = "pipeline", conflicts_with = "plan", help_heading = "Load")]
    print_state: bool,
    /// Print the loads of the table that the ledger has, oldest first, as a segment of `etl.run` records, and load nothing
    #[arg(long, conflicts_with_all = ["plan", "print_state"], help_heading = "Load")]
    print_runs: bool,
}

/// What a loader was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// To load.
    Load,
    /// To say what it would do (`--plan`).
    Plan,
    /// To print the newest state of a pipeline (`--print-state`).
    PrintState,
    /// To print the loads of a table (`--print-runs`).
    PrintRuns,
}

/// The flags, as meant.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `--input` and how it is read.
    pub input: InputArgs,
    /// `--format` and what belongs to it.
    pub connectors: Connectors,
    /// `--output`.
    pub output: OutputArgs,
    /// `--table`.
    pub table: Option<String>,
    /// `--schema`.
    pub schema: Option<String>,
    /// `--mode`.
    pub mode: Option<Mode>,
    /// `--load-id` or `ETL_LOAD_ID`.
    pub load_id: Option<String>,
    /// `--min-records`.
    pub min_records: Option<u64>,
    /// `--max-shrink`, in percent.
    pub max_shrink: Option<f64>,
    /// `--if-loaded`.
    pub if_loaded: IfLoaded,
    /// `--pipeline`.
    pub pipeline: Option<String>,
    /// `--state-out`.
    pub state_out: Option<PathBuf>,
    /// `--ledger-keep`.
    pub ledger_keep: Duration,
    /// `--unknown-fields`.
    pub unknown_fields: Option<UnknownFields>,
    /// `--rejects`.
    pub rejects: Option<PathBuf>,
    /// `--max-rejects`.
    pub max_rejects: Limit,
    /// `--emit`.
    pub emit: EmitKind,
    /// Whether `--emit` was given, and so holds for connectors, too.
    pub emit_asked: bool,
    /// `--create`.
    pub create: bool,
    /// `--evolve`.
    pub evolve: Evolve,
    /// `--absent`.
    pub absent: Option<Absent>,
    /// `--absent-rows`.
    pub absent_rows: Option<AbsentRows>,
    /// The columns of `--mode history`, if that is the mode.
    pub history: Option<History>,
    /// `--stamp`.
    pub stamp: bool,
    /// `--singer-metadata`, `--airbyte-metadata`.
    pub metadata: Option<Format>,
    /// `--commit-every`, `--commit-interval`.
    pub cuts: Cuts,
    /// `--plan`, `--print-state`, `--print-runs`.
    pub task: Task,
    /// Whether a plain stream must not replace a table: everything but `--seal off` promises completeness.
    pub replace_needs_seal: bool,
}

impl Settings {
    /// What these flags mean in this environment.
    ///
    /// # Errors
    /// 2 if they contradict each other, 78 if `ETL_LOAD_ID` is empty.
    pub fn new(args: LoadArgs, env: &Env) -> Result<Settings, Fault> {
        let cuts = Cuts { every: args.commit_every, interval: args.commit_interval };
        let settings = Settings::of_stream(args.stream, cuts, env)?;
        if cuts != Cuts::default() {
            if settings.load_id.is_some() {
                let what = "--commit-every and --commit-interval make many loads, but a load id (--load-id, ETL_LOAD_ID) names one";
                return Err(Fault::usage(what));
            }
            if args.mode == Some(Mode::Replace) {
                let what = "--mode replace replaces a table with a whole input; --commit-every and --commit-interval cut it into parts";
                return Err(Fault::usage(what));
            }
            if args.min_records.is_some() {
                let what = "--min-records counts the records of a whole input; --commit-every and --commit-interval cut it into parts";
                return Err(Fault::usage(what));
            }
        }
        let other = args.mode.is_some_and(|mode| mode != Mode::Upsert);
        if args.absent == Some(Absent::Keep) && other {
            return Err(Fault::usage("--absent keep is about rows that exist: it needs --mode upsert"));
        }
        if let Some(absent) = args.absent_rows {
            let fits = match absent {
                AbsentRows::Delete => !other,
                AbsentRows::Close => args.mode == Some(Mode::History),
            };
            if !fits || cuts != Cuts::default() {
                return Err(Fault::usage(format!(
                    "{absent} compares a table with a whole input: it needs --mode {}, without --commit-every and \
                     --commit-interval",
                    absent.mode()
                )));
            }
            if settings.sets_aside() {
                let what = "--absent-rows needs all records: a row whose record is set aside would be taken for absent, so \
                            --max-rejects cannot be used with it";
                return Err(Fault::usage(what));
            }
        }
        let names = [args.valid_from, args.valid_to, args.is_current];
        let history = match args.mode {
            Some(Mode::History) => Some(History::new(names)?),
            _ if names.iter().any(Option::is_some) => {
                let what = "--valid-from, --valid-to and --is-current name columns of --mode history";
                return Err(Fault::usage(what));
            }
            _ => None,
        };
        let Connectors { format, catalog, .. } = &settings.connectors;
        let from_connector = catalog.is_some() || format.is_some_and(|format| format != Format::Ndjson);
        let replaces = args.mode == Some(Mode::Replace) || args.absent_rows.is_some();
        if args.max_shrink.is_some() && !replaces && !from_connector {
            return Err(Fault::usage(
                "--max-shrink guards a replacement: it needs --mode replace, --absent-rows, --catalog, or --format singer",
            ));
        }
        Ok(Settings {
            mode: args.mode,
            min_records: args.min_records,
            max_shrink: args.max_shrink,
            if_loaded: args.if_loaded,
            ledger_keep: args.ledger_keep,
            create: args.create,
            evolve: Evolve::new(&args.evolve)?,
            absent: args.absent,
            absent_rows: args.absent_rows,
            history,
            stamp: args.stamp,
            metadata: match (args.singer_metadata, args.airbyte_metadata) {
                (true, _) => Some(Format::Singer),
                (_, true) => Some(Format::Airbyte),
                _ => None,
            },
            task: match (args.print_state, args.print_runs) {
                (true, _) => Task::PrintState,
                (_, true) => Task::PrintRuns,
                _ => settings.task,
            },
            ..settings
        })
    }

    /// What the flags that every loader has mean; the other settings have their defaults.
    ///
    /// # Errors
    /// Those of [`Settings::new`].
    pub fn of_stream(args: StreamArgs, cuts: Cuts, env: &Env) -> Result<Settings, Fault> {
        let [variable] = VARIABLES;
        let load_id = match (args.load_id, env.text(&variable)?) {
            (Some(id), _) if id.is_empty() => return Err(Fault::usage("--load-id is empty")),
            (Some(id), _) => Some(id),
            (None, id) => id.map(|(_, id)| id.to_owned()),
        };
        if args.max_rejects != Limit::Count(0) && args.rejects.is_none() {
            return Err(Fault::usage(
                "--max-rejects needs --rejects FILE; otherwise the rejected records would be lost",
            ));
        }
        if args.table.as_deref() == Some("") {
            return Err(Fault::usage("--table is empty"));
        }
        let mut input = args.input;
        let connectors = Connectors::new(args.format, &mut input)?;
        Ok(Settings {
            replace_needs_seal: input.seal != etl_stream::Seal::Off,
            input,
            connectors,
            output: args.output,
            table: args.table,
            schema: args.schema,
            mode: None,
            load_id,
            min_records: None,
            max_shrink: None,
            if_loaded: IfLoaded::Refuse,
            pipeline: args.pipeline,
            state_out: args.state_out,
            ledger_keep: Duration::MAX,
            unknown_fields: args.unknown_fields.map(|unknown| match unknown {
                Unknown::Error => UnknownFields::Error,
                Unknown::Drop => UnknownFields::Drop,
            }),
            rejects: args.rejects,
            max_rejects: args.max_rejects,
            emit: args.emit.unwrap_or(EmitKind::Receipt),
            emit_asked: args.emit.is_some(),
            create: false,
            evolve: Evolve::default(),
            absent: None,
            absent_rows: None,
            history: None,
            stamp: false,
            metadata: None,
            cuts,
            task: if args.plan { Task::Plan } else { Task::Load },
        })
    }

    /// Checks that the mode of a table does what the flags ask, for records of a schema of which some columns keep what a row
    /// has.
    ///
    /// # Errors
    /// 78 if it does not.
    pub fn suit(&self, table: &str, mode: Mode, schema: &Schema, keeps: &[bool]) -> Result<(), Fault> {
        let asked = match (self.absent, self.absent_rows) {
            (Some(Absent::Keep), _) => Some("--absent keep"),
            (_, Some(AbsentRows::Delete)) => Some("--absent-rows delete"),
            _ => None,
        };
        if let Some(asked) = asked.filter(|_| mode != Mode::Upsert) {
            let why = "is about rows that exist, so it needs a key and mode upsert";
            return Err(Fault::config(format!("table {table} (mode {mode}): {asked} {why}")));
        }
        if mode == Mode::Upsert && schema.deleted.is_some() && keeps.contains(&true) {
            let name = &schema.name;
            return Err(Fault::config(format!(
                "table {table}: schema {name} has x-deleted, so its records say all of a row, and none of its values can be \
                 kept (--absent keep, x-keep)"
            )));
        }
        Ok(())
    }

    /// Whether a load in this mode deletes rows because their records say that they are gone, or because it does not have
    /// them.
    pub fn deletes(&self, mode: Mode, schema: &Schema) -> bool {
        let deletes = schema.deleted.is_some() || self.absent_rows == Some(AbsentRows::Delete);
        mode == Mode::Upsert && deletes
    }

    /// Whether records may be set aside.
    pub fn sets_aside(&self) -> bool {
        self.max_rejects != Limit::Count(0)
    }

    /// Refuses paths that would overwrite one another, or the database file of an embedded sink.
    ///
    /// # Errors
    /// 2, naming both flags.
    pub fn check_paths(&self, database: Option<&Path>) -> Result<(), Fault> {
        let files = [
            ("--db", database),
            ("--input", Some(&self.input.input)),
            ("--output", Some(&self.output.output)),
            ("--rejects", self.rejects.as_deref()),
            ("--state-out", self.state_out.as_deref()),
        ];
        for (flag, path) in &files {
            if *path == Some(Path::new("-")) && matches!(*flag, "--rejects" | "--state-out") {
                return Err(Fault::usage(format!("{flag} must name a file: stdout is for the receipts")));
            }
        }
        io::check_distinct(&files)
    }
}
