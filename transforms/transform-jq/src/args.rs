//! What was typed.

use std::fs;
use std::path::PathBuf;

use etl_component::{Class, CommandCard, Fault, Reads, Stdout, Variable};
use etl_transform::TransformArgs;

/// The key of the function `hash`.
pub(crate) const HASH_KEY: Variable = Variable {
    name: "HASH_KEY",
    aliases: &[],
    secret: true,
    required: false,
    unless: &[],
    help: "the key of the function `hash`",
};

pub(crate) const VARIABLES: &[Variable] = &[HASH_KEY];

pub(crate) const COMMANDS: &[CommandCard] = &[CommandCard::new("", Reads::Any, Stdout::Any)];

/// Change, drop and split records by a filter in the language of jq. It is called once for each record; each of its
/// outputs, which must be objects, is a record
#[derive(clap::Parser)]
#[command(after_help = "Examples:
  extract-file orders.csv | transform-jq 'del(.note)' | load-postgres --table orders
  transform-jq 'select(.level == $level)' --arg level high --input a.ndjson --output b.ndjson
  transform-jq '.email |= hash | .phone |= mask(3)' --schema users.json --input users.ndjson
  standpipe seal -- tap-csv --config c.json | transform-jq '{id, name}' --stream users")]
pub(crate) struct Args {
    /// The filter; functions besides jq's: `hash`, `mask`, `mask(N)`
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    /// A file with the filter
    #[arg(long, value_name = "FILE", conflicts_with = "filter", help_heading = "Filter")]
    file: Option<PathBuf>,
    /// Sets $NAME to a text
    #[arg(long, num_args = 2, value_names = ["NAME", "VALUE"], allow_hyphen_values = true, action = clap::ArgAction::Append, help_heading = "Filter")]
    arg: Vec<String>,
    /// Sets $NAME to a JSON value
    #[arg(long, num_args = 2, value_names = ["NAME", "JSON"], allow_hyphen_values = true, action = clap::ArgAction::Append, help_heading = "Filter")]
    argjson: Vec<String>,
    /// The flag of jq that reads all of the input at once
    #[arg(long, short, hide = true)]
    slurp: bool,
    /// The schema of what comes out: a name that `standpipe schema list` shows, or the path of a JSON Schema; otherwise it has none
    #[arg(long, value_name = "NAME|PATH", help_heading = "Output")]
    pub(crate) schema: Option<String>,
    #[command(flatten)]
    pub(crate) stream: TransformArgs,
}

/// The filter and its variables.
pub(crate) struct Program {
    /// The filter's text.
    pub(crate) code: String,
    /// The file that it is from.
    pub(crate) file: Option<PathBuf>,
    /// `$NAME`, its value as a text, and whether that is JSON.
    pub(crate) variables: Vec<(String, String, bool)>,
    schema: String,
}

impl Program {
    /// What these arguments say.
    ///
    /// # Errors
    /// 2 for what cannot be followed, 66 for a file that cannot be read.
    pub(crate) fn new(args: &Args) -> Result<Program, Fault> {
        if args.slurp {
            return Err(Fault::usage(
                "--slurp would hold all of the input in memory: the filter gets one record at a time",
            ));
        }
        let code = match (&args.filter, &args.file) {
            (Some(code), _) => code.clone(),
            (None, Some(path)) => fs::read_to_string(path).map_err(|error| {
                Fault::new(Class::NoInput, format!("cannot read the filter {}", path.display()))
                    .because(error)
            })?,
            (None, None) => return Err(Fault::usage("the filter is missing: FILTER, or --file FILE")),
        };
        let pairs = |pairs: &[String], json| -> Vec<(String, String, bool)> {
            let (pairs, _) = pairs.as_chunks();
            pairs.iter().map(|[name, value]| (format!("${name}"), value.clone(), json)).collect()
        };
        let mut variables = pairs(&args.arg, false);
        variables.extend(pairs(&args.argjson, true));
        for (at, (name, ..)) in variables.iter().enumerate() {
            if variables[..at].iter().any(|(other, ..)| other == name) {
                return Err(Fault::usage(format!("{name} is set twice")));
            }
        }
        Ok(Program {
            code,
            file: args.file.clone(),
            variables,
            schema: args.schema.clone().unwrap_or_default(),
        })
    }

    /// Everything that decides what comes out.
    pub(crate) fn identity(&self) -> Vec<&[u8]> {
        let variables = self
            .variables
            .iter()
            .flat_map(|(name, value, json)| [name.as_str(), value.as_str(), if *json { "j" } else { "t" }]);
        [self.code.as_str(), &self.schema].into_iter().chain(variables).map(str::as_bytes).collect()
    }
}
