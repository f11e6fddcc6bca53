//! What the flags say about the messages of Singer taps and Airbyte sources.

use clap::ValueEnum;
use etl_component::{Fault, InputArgs, format};
use etl_schema::{Layout, Names};
use etl_stream::{Declared, Format};

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
pub(crate) struct ConnectorArgs {
    #[command(flatten)]
    format: format::FormatArgs,
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
    pub(crate) fn new(args: ConnectorArgs, input: &mut InputArgs) -> Result<Connectors, Fault> {
        let format::Messages { format, catalog, complete } = args.format.meant(input)?;
        let names = match args.names {
            NamesArg::Keep => Names::Keep,
            NamesArg::Lower => Names::Lower,
            NamesArg::Snake => Names::Snake,
        };
        let layout = Layout { names, flatten: args.flatten, arrays: false };
        Ok(Connectors { format, catalog, layout, complete })
    }
}
