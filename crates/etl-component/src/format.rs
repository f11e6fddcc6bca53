//! The flags that say how the lines of an input say what they are: records, or messages of a connector.

use std::fs;
use std::path::PathBuf;

use clap::ValueEnum;
use etl_stream::decode::{Level, catalog};
use etl_stream::reader::UNSEALED;
use etl_stream::{Class, Declared, Decoder, Fault, Format, Seal};

use crate::chosen::Chosen;
use crate::io::InputArgs;

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

/// The flags, as typed.
#[derive(clap::Args, Clone, Debug)]
pub struct FormatArgs {
    /// How the lines of the input say what they are: records, or messages of a Singer tap or an Airbyte source; `auto` goes by the first line that is not a control line
    #[arg(long, value_enum, default_value = "auto", help_heading = "Input")]
    format: Formats,
    /// The configured catalog that an Airbyte source was given: the schemas of its streams, and how they are written
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    catalog: Option<PathBuf>,
}

/// The flags, as meant.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    /// `--format`; `None` leaves it to the first line.
    pub format: Option<Format>,
    /// The streams of `--catalog`.
    pub catalog: Option<Vec<Declared>>,
    /// Whether an Airbyte source must say that each stream is complete, because the input need not be sealed.
    pub complete: bool,
}

impl FormatArgs {
    /// What these flags mean. The seal that an Airbyte source makes up for by saying that its streams are complete is no
    /// longer required of the input.
    ///
    /// # Errors
    /// 2 if they contradict each other, 66 or 78 for a catalog that cannot be read.
    pub fn meant(self, input: &mut InputArgs) -> Result<Messages, Fault> {
        let format = match self.format {
            Formats::Auto => None,
            Formats::Ndjson => Some(Format::Ndjson),
            Formats::Singer => Some(Format::Singer),
            Formats::Airbyte => Some(Format::Airbyte),
        };
        if let (Some(format @ (Format::Ndjson | Format::Singer)), Some(_)) = (format, &self.catalog) {
            let name = format.name();
            return Err(Fault::usage(format!("--catalog is for an Airbyte source, but --format is {name}")));
        }
        let read = |path: PathBuf| {
            let what = format!("the catalog {}", path.display());
            let text = fs::read_to_string(&path)
                .map_err(|error| Fault::new(Class::NoInput, format!("cannot read {what}")).because(error))?;
            catalog(&text).map_err(|fault| fault.within(&what))
        };
        let catalog = self.catalog.map(read).transpose()?;
        let complete = format == Some(Format::Airbyte) && input.seal == Seal::Required;
        if complete {
            input.seal = Seal::Auto;
        }
        Ok(Messages { format, catalog, complete })
    }
}

impl Messages {
    /// The decoder of an input in this format, of which one stream is taken.
    ///
    /// # Errors
    /// 2 if it is not clear which one, 78 for a source without a catalog.
    pub fn decoder(&mut self, format: Format, chosen: &mut Chosen) -> Result<Decoder, Fault> {
        let catalog = self.catalog.take();
        match (format, &catalog) {
            (Format::Ndjson, _) => chosen.none()?,
            (Format::Airbyte, None) => return Err(no_catalog()),
            _ => (),
        }
        let decoder = Decoder::new(format, &catalog.unwrap_or_default()).scanning();
        for stream in decoder.streams() {
            chosen.is(stream, &decoder)?;
        }
        Ok(decoder)
    }
}

/// Nothing says what the records of an Airbyte source are.
pub fn no_catalog() -> Fault {
    Fault::config(
        "an Airbyte source sends no schemas: --catalog FILE must name the configured catalog that it was given",
    )
}

/// Logs what a reader warns of, but for an input without a seal: whether it needs one is known with its format.
pub fn warn_but_unsealed(message: &str) {
    if message != UNSEALED {
        log::warn!("{message}");
    }
}

/// What a source says to people goes to the log.
pub fn log(level: Level, text: &str) {
    let level = match level {
        Level::Error => log::Level::Error,
        Level::Warn => log::Level::Warn,
        Level::Info => log::Level::Info,
        Level::Debug => log::Level::Debug,
        Level::Trace => log::Level::Trace,
    };
    log::log!(level, "the source says: {text}");
}
