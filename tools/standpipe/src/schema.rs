//! `standpipe schema`: the embedded schemas, and whether one of your own is understood.

mod infer;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use etl_component::{Fault, InputArgs, excerpt};
use etl_schema::{Checker, Dialect, Schema, UnknownFields};
use etl_stream::json::Scanner;
use etl_stream::writer::io_fault;
use etl_stream::{Event, Line, counted};

use crate::verify::positional;

/// How many bad records are reported one by one.
const SHOWN: u64 = 20;

/// Flags of `schema`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  standpipe schema list
  standpipe schema ddl openweather.current --dialect sqlite
  standpipe schema infer orders.ndjson
  standpipe schema check ./orders.schema.json orders.ndjson")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the schemas that are built in, with their titles
    #[command(after_help = "Examples:
  standpipe schema list")]
    List,
    /// Print the document of a built-in schema
    #[command(after_help = "Examples:
  standpipe schema show openweather.current | jq .properties")]
    Show {
        /// Its name
        name: String,
    },
    /// Print the CREATE TABLE of a schema
    #[command(after_help = "Examples:
  standpipe schema ddl openweather.current
  standpipe schema ddl ./orders.schema.json --dialect sqlite --table orders")]
    Ddl {
        /// Its name, or the path of its file
        #[arg(value_name = "NAME|PATH")]
        schema: String,
        /// The database it is for
        #[arg(long, value_enum, default_value_t = Sql::Postgres, help_heading = "Table")]
        dialect: Sql,
        /// The table; by default, that of the schema
        #[arg(long, help_heading = "Table")]
        table: Option<String>,
    },
    /// Write a schema from sample records, or from a JSON Schema of pydantic or OpenAPI, for a person to read
    #[command(after_help = "Examples:
  standpipe schema infer orders.ndjson
  extract-file orders.csv | standpipe schema infer --table orders
  standpipe schema infer --json-schema openapi.json --at '#/components/schemas/Order'")]
    Infer(infer::Args),
    /// Say what a schema is understood to mean; with data, check the records against it
    #[command(after_help = "Examples:
  standpipe schema check ./orders.schema.json
  standpipe schema check ./orders.schema.json orders.ndjson")]
    Check {
        /// Its name, or the path of its file
        #[arg(value_name = "NAME|PATH")]
        schema: String,
        /// Records to check; `-` is stdin
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        input: InputArgs,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Sql {
    Postgres,
    Sqlite,
}

/// Runs `standpipe schema`.
pub(crate) fn run(args: Args) -> anyhow::Result<String> {
    match args.command {
        Command::List => list(),
        Command::Show { name } => show(&name),
        Command::Ddl { schema, dialect, table } => ddl(&schema, dialect, table),
        Command::Infer(args) => {
            let (document, summary) = infer::run(args)?;
            print(&document)?;
            Ok(summary)
        }
        Command::Check { schema, file, mut input } => {
            let schema = Schema::from_flag(&schema)?;
            let given = file.is_some() || input.input != Path::new("-");
            positional(file, &mut input)?;
            if given { check_records(schema, &input) } else { understood(&schema) }
        }
    }
}

/// Prints a text to stdout.
pub(crate) fn print(text: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(io_fault)
}

fn list() -> anyhow::Result<String> {
    let mut text = String::new();
    let width = etl_schema::registry::names().map(str::len).max().unwrap_or_default();
    for name in etl_schema::registry::names() {
        let title = Schema::named(name)?.title.unwrap_or_default();
        writeln!(text, "{name:width$}  {title}").context("formatting")?;
    }
    print(&text)?;
    Ok(format!("{} schemas", etl_schema::registry::names().len()))
}

fn show(name: &str) -> anyhow::Result<String> {
    // This refuses a name that is not one or not known.
    Schema::named(name)?;
    print(etl_schema::registry::document(name).unwrap_or_default())?;
    Ok(format!("schema {name}"))
}

fn ddl(flag: &str, dialect: Sql, table: Option<String>) -> anyhow::Result<String> {
    let schema = Schema::from_flag(flag)?;
    let dialect = match dialect {
        Sql::Postgres => Dialect::Postgres,
        Sql::Sqlite => Dialect::Sqlite,
    };
    let table =
        table.or_else(|| schema.table.clone()).filter(|table| !table.is_empty()).ok_or_else(|| {
            Fault::usage(format!(
                "schema {} names no table (x-postgres.table); name one with --table",
                schema.name
            ))
        })?;
    print(&etl_schema::ddl(&schema, dialect, &table))?;
    Ok(format!("table {table}"))
}

fn understood(schema: &Schema) -> anyhow::Result<String> {
    let mut text = String::new();
    for column in &schema.columns {
        let null = if column.never_null() { "not null" } else { "null" };
        let required = if column.required { "required" } else { "optional" };
        let unit = column.unit.as_ref().map(|unit| format!(", unit {unit}")).unwrap_or_default();
        let ty = column.postgres();
        writeln!(text, "{}: {ty} {null}, {required}{unit}", column.name).context("formatting")?;
    }
    let key = schema.key_names().collect::<Vec<_>>().join(", ");
    let time = schema.time.map(|time| schema.columns[time].name.as_str()).unwrap_or_default();
    let table = schema.table.as_deref().unwrap_or_default();
    for (what, value) in [("key", key.as_str()), ("time", time), ("table", table)] {
        writeln!(text, "{what}: {}", if value.is_empty() { "none" } else { value }).context("formatting")?;
    }
    print(&text)?;
    Ok(format!("schema {}: {}", schema.name, counted(schema.columns.len() as u64, "column", "columns")))
}

fn check_records(schema: Schema, input: &InputArgs) -> anyhow::Result<String> {
    let name = schema.name.clone();
    let mut reader = input.open()?;
    let mut checker = Checker::new(Arc::new(schema), UnknownFields::Error);
    let (mut scanner, mut bad) = (Scanner::new(), 0);
    let mut read = || -> Result<u64, Fault> {
        while let Some(event) = reader.next()? {
            let Event::Record(line) = event else { continue };
            let Some(wrong) = wrong(&mut scanner, &mut checker, line) else { continue };
            bad += 1;
            if bad <= SHOWN {
                print(&format!("{wrong}\n"))?;
            }
        }
        Ok(reader.totals().records)
    };
    let records = read();
    if bad > SHOWN {
        print(&format!("and {} more\n", bad - SHOWN))?;
    }
    let records = records?;
    if bad > 0 {
        let records = counted(records, "record", "records");
        let broken = if bad == 1 { "breaks" } else { "break" };
        return Err(Fault::data(format!("{bad} of {records} {broken} schema {name}")).into());
    }
    let fit = if records == 1 { "fits" } else { "fit" };
    Ok(format!("{} {fit} schema {name}", counted(records, "record", "records")))
}

/// What is wrong with a line and where, if anything is.
fn wrong(scanner: &mut Scanner, checker: &mut Checker, line: Line<'_>) -> Option<String> {
    match etl_component::scan(line, scanner) {
        Err(fault) => Some(fault.to_string()),
        Ok(record) => {
            let violation = checker.check(&record).err()?;
            let key = checker.schema().key_names();
            Some(format!("{}: {violation}{}", line.place(), excerpt(line, key)))
        }
    }
}
