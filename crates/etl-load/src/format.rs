//! What the flags say about the messages of Singer taps and Airbyte sources.

use std::path::PathBuf;

use clap::ValueEnum;
use etl_component::{Class, Fault, InputArgs};
use etl_schema::{Layout, Names};
use etl_stream::decode::catalog;
use etl_stream::{Declared, Format, Seal};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Formats {
    /// The first line that is not a control line decides.
    Auto,
    /// Each line is a record.
    Ndjson,
    /// Messages of a Singer tap.
    Singer,
    /// Messages of an Airbyte source.
    Airbyte,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum NamesArg {
    /// As the connector has them.
    Keep,
    /// In lower case.
    Lower,
    /// In lower case, with `_` between words.
    Snake,
}

/// The flags, as typed.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct FormatArgs {
    /// How the lines of the input say what they are: records, or messages of a Singer tap or an Airbyte source; `auto` goes by the first line that is not a control line
    #[arg(long, value_enum, default_value = "auto", help_heading = "Input")]
    format: Formats,
    /// The configured catalog that an Airbyte source was given: the schemas of its streams, and how they are written
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    catalog: Option<PathBuf>,
    /// The names of tables and columns that are made of a connector's
    #[arg(long, value_enum, default_value = "keep", help_heading = "Table")]
    names: NamesArg,
    /// How many levels of objects in a connector's records become columns, named like `address__city`; deeper ones stay JSON
    #[arg(long, value_name = "DEPTH", default_value_t = 0, help_heading = "Table")]
    flatten: u32,
}

/// The flags, as meant.
#[derive(Clone, Debug, Default)]
pub struct Connectors {
    /// `--format`; `None` leaves it to the first line.
    pub format: Option<Format>,
    /// The streams of `--catalog`.
    pub catalog: Option<Vec<Declared>>,
    /// `--names`, `--flatten`, and what a loader itself has to say of arrays.
    pub layout: Layout,
    /// Whether an Airbyte source must say that each stream is complete, because the input need not be sealed.
    pub complete: bool,
}

impl Connectors {
    /// What these flags mean. The seal that an Airbyte source makes up for by saying that its streams are complete is no
    /// longer required of the input.
    ///
    /// # Errors
    /// 2 if they contradict each other, 66 or 78 for a catalog that cannot be read.
    pub(crate) fn new(args: FormatArgs, input: &mut InputArgs) -> Result<Connectors, Fault> {
        let format = match args.format {
            Formats::Auto => None,
            Formats::Ndjson => Some(Format::Ndjson),
            Formats::Singer => Some(Format::Singer),
            Formats::Airbyte => Some(Format::Airbyte),
        };
        if let (Some(format @ (Format::Ndjson | Format::Singer)), Some(_)) = (format, &args.catalog) {
            let name = format.name();
            return Err(Fault::usage(format!("--catalog is for an Airbyte source, but --format is {name}")));
        }
        let read = |path: PathBuf| {
            let what = format!("the catalog {}", path.display());
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Fault::new(Class::NoInput, format!("cannot read {what}")).because(error))?;
            catalog(&text).map_err(|fault| fault.within(&what))
        };
        let catalog = args.catalog.map(read).transpose()?;
        let names = match args.names {
            NamesArg::Keep => Names::Keep,
            NamesArg::Lower => Names::Lower,
            NamesArg::Snake => Names::Snake,
        };
        let complete = format == Some(Format::Airbyte) && input.seal == Seal::Required;
        if complete {
            input.seal = Seal::Auto;
        }
        let layout = Layout { names, flatten: args.flatten, arrays: false };
        Ok(Connectors { format, catalog, layout, complete })
    }
}
