//! What was typed, and what it means.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use etl_component::{Fault, RecordsArgs, args};
use etl_schema::Schema;
use etl_stream::SchemaRef;
use jiff::tz::TimeZone;

use crate::values::{Epoch, Reading};

/// Files as sealed records: CSV, TSV, a JSON array or a JSON object on each line, packed by gzip, zstd or not at all.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  extract-file orders.csv.gz | load-postgres --table orders
  extract-file /data/incoming | load-postgres --table orders
  extract-file 'in/*.tsv' --schema orders.schema.json | load-sqlite --db shop.db --table orders")]
pub(crate) struct Cli {
    /// Files, folders (all their files that are not hidden, sorted), or patterns such as 'in/*.csv', quoted; `-` is stdin
    #[arg(required = true, value_name = "FILE|FOLDER|-")]
    pub(crate) paths: Vec<PathBuf>,
    /// What the files are; otherwise their content decides
    #[arg(long, value_enum, help_heading = "Input")]
    pub(crate) format: Option<Format>,
    /// The names of the columns of a file without a header
    #[arg(long, value_name = "NAME,NAME…", value_delimiter = ',', help_heading = "Input")]
    pub(crate) columns: Vec<String>,
    /// What separates the fields, one ASCII character or `tab`; otherwise a comma in CSV and a tab in TSV
    #[arg(long, value_name = "CHARACTER", value_parser = separator, help_heading = "Input")]
    pub(crate) delimiter: Option<u8>,
    /// What encloses a field that has delimiters, quotes or line breaks in it, one ASCII character or `none`
    #[arg(long, value_name = "CHARACTER|none", default_value = "\"", value_parser = quote, help_heading = "Input")]
    pub(crate) quote: Quote,
    /// The text that means null where it is not in quotes; by default the empty one
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, help_heading = "Input")]
    pub(crate) null: String,
    /// The types of the values: a schema by name, or by path (with `/` in it or `.json` at its end)
    #[arg(long, value_name = "NAME|PATH", help_heading = "Values")]
    schema: Option<String>,
    /// With --schema: the zone of times without one, such as Europe/Lisbon or +01:00
    #[arg(long, value_name = "ZONE", value_parser = zone, requires = "schema", help_heading = "Values")]
    assume_zone: Option<(String, TimeZone)>,
    /// With --schema: what a time that is only a number counts since 1970
    #[arg(long, value_enum, requires = "schema", help_heading = "Values")]
    epoch: Option<Epoch>,
    /// The id of the segment, for one file only; otherwise it follows from the file, and that of stdin is random
    #[arg(long, help_heading = "Output")]
    pub(crate) id: Option<String>,
    /// The longest row or line accepted, in bytes
    #[arg(long, value_name = "BYTES", default_value = "16M", value_parser = args::bytes, help_heading = "Input")]
    pub(crate) max_line_bytes: usize,
    /// Accept an empty file, and a folder or a pattern without files
    #[arg(long, help_heading = "Input")]
    pub(crate) allow_empty: bool,
    #[command(flatten)]
    pub(crate) output: RecordsArgs,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values
    Csv,
    /// Tab-separated values
    Tsv,
    /// An array of objects
    Json,
    /// An object on each line
    Ndjson,
}

/// What encloses a field, if anything does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quote(pub(crate) Option<u8>);

/// The schema of all files.
pub(crate) struct Typed {
    /// As `begin` says it.
    pub(crate) said: SchemaRef,
    /// How texts become its values.
    pub(crate) reading: Reading,
}

impl Cli {
    /// The schema, if there is one.
    ///
    /// # Errors
    /// 78 if it is missing or broken.
    pub(crate) fn typed(&self) -> Result<Option<Typed>, Fault> {
        let Some(flag) = &self.schema else { return Ok(None) };
        let (schema, said) = Schema::said_by(flag)?;
        let zone = self.assume_zone.as_ref().map(|(_, zone)| zone.clone());
        Ok(Some(Typed { said, reading: Reading { schema, zone, epoch: self.epoch } }))
    }

    /// Everything typed that decides what the records of a file are, in one text.
    pub(crate) fn shape(&self, typed: Option<&Typed>) -> String {
        let schema = typed.map(|typed| match &typed.said {
            SchemaRef::Name(name) => name.as_str(),
            SchemaRef::Inline(raw) => raw.get(),
        });
        let zone = self.assume_zone.as_ref().map(|(name, _)| name);
        let (format, epoch) = (self.format.map(|f| format!("{f:?}")), self.epoch.map(|e| format!("{e:?}")));
        let (delimiter, quote) = (self.delimiter, self.quote.0);
        serde_json::json!([format, self.columns, delimiter, quote, self.null, schema, zone, epoch])
            .to_string()
    }
}

fn separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        [b'\n' | b'\r' | b'"' | 0] => Err("it cannot separate fields".to_owned()),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("write one ASCII character, or tab".to_owned()),
    }
}

fn quote(text: &str) -> Result<Quote, String> {
    match text.as_bytes() {
        _ if text == "none" => Ok(Quote(None)),
        [byte] if byte.is_ascii_punctuation() => Ok(Quote(Some(*byte))),
        _ => Err("write one ASCII punctuation character, or none".to_owned()),
    }
}

fn zone(text: &str) -> Result<(String, TimeZone), String> {
    let zone = offset(text).map_or_else(|| TimeZone::get(text), Ok);
    zone.map(|zone| (text.to_owned(), zone)).map_err(|_| {
        "it is not a time zone; write a name such as Europe/Lisbon, UTC or an offset such as +01:00"
            .to_owned()
    })
}

/// The zone of an offset such as `+01:00`.
fn offset(text: &str) -> Option<TimeZone> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let seconds = sign * (hours * 3600 + minutes * 60);
    (hours <= 15 && (0..60).contains(&minutes)).then_some(())?;
    jiff::tz::Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
}
