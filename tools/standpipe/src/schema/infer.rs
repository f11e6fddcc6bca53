//! `standpipe schema infer`: a schema for a person to read, from sample records or from a JSON Schema of someone else's.

mod document;
mod draft;
mod keys;
mod kinds;
mod sample;

use std::path::{Path, PathBuf};

use etl_component::{Fault, InputArgs};
use etl_stream::counted;

/// Flags of `schema infer`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Sample records, or with --json-schema a schema; `-` is stdin
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The table that the records are for; by default, the name of the file
    #[arg(long, value_name = "NAME", help_heading = "Schema")]
    table: Option<String>,
    /// FILE is a JSON Schema, such as pydantic writes, or an OpenAPI document, in JSON
    #[arg(long, help_heading = "Schema")]
    json_schema: bool,
    /// Where in the document the records' schema is, such as #/components/schemas/Order
    #[arg(long, value_name = "POINTER", requires = "json_schema", help_heading = "Schema")]
    at: Option<String>,
    #[command(flatten)]
    input: InputArgs,
}

/// Runs `standpipe schema infer`: returns the document and the summary.
///
/// # Errors
/// Those of the input; 3 if it has no records that a table could hold; 78 for a document that is not a schema.
pub(crate) fn run(mut args: Args) -> anyhow::Result<(String, String)> {
    super::positional(args.file.take(), &mut args.input)?;
    let source = match args.input.input.as_path() {
        path if path == Path::new("-") => "stdin".to_owned(),
        path => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let mut draft = if args.json_schema {
        document::draft(&document::read(&args.input.input)?, args.at.as_deref(), &source)?
    } else {
        sample::draft(&mut args.input.open()?, &source)?
    };
    let of_file = || table_of(&args.input.input);
    let of_source = || args.at.as_deref().map_or_else(of_file, |at| table_of(Path::new(at)));
    draft.table = args.table.or(draft.table).or_else(of_source);
    let text = draft.render();
    // What is printed is understood by every loader.
    etl_schema::Schema::from_json("inferred", &text).map_err(|fault| {
        let why = fault.message().strip_prefix("schema inferred: ").unwrap_or(fault.message()).to_owned();
        let message = format!("{source}: no table can be made of it: {why}");
        if args.json_schema { Fault::config(message) } else { Fault::data(message) }
    })?;
    let columns = counted(draft.columns.len() as u64, "column", "columns");
    Ok((text, format!("{columns} inferred from {source}: read the comments before you use it")))
}

/// The name of the file as that of a table: `2026 Orders.ndjson` is for `orders`.
fn table_of(path: &Path) -> Option<String> {
    let stem = path.file_name()?.to_str()?.split('.').next()?.to_lowercase();
    let words = stem.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.skip_while(|word| word.starts_with(|c: char| c.is_ascii_digit())).collect();
    (!words.is_empty()).then(|| words.join("_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_as_its_file() {
        for (path, table) in [
            ("in/2026 Orders.ndjson.gz", Some("orders")),
            ("order-lines_v2.json", Some("order_lines_v2")),
            ("#/components/schemas/Order", Some("order")),
            ("-", None),
            ("2026-01-31.ndjson", None),
            (".json", None),
        ] {
            assert_eq!(table_of(Path::new(path)).as_deref(), table, "{path}");
        }
    }
}
