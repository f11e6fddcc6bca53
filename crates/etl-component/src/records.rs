//! What the commands have in common that make records: where these go, and in which form.

use clap::ValueEnum;
use etl_stream::Fault;

use crate::component::{CommandCard, Context, Reads, Stdout, When};
use crate::io::OutputArgs;
use crate::relay::Relay;

/// The flags of a command that makes records; see [`CommandCard::records`].
#[derive(clap::Args, Clone, Debug)]
pub struct RecordsArgs {
    #[command(flatten)]
    output: OutputArgs,
    /// What is written: sealed records, or the messages of a Singer tap
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "ndjson",
        global = true,
        help_heading = "Output"
    )]
    output_format: OutputFormat,
    /// With --output-format singer: the name of the stream; by default that of the table of the records' schema
    #[arg(long, value_name = "NAME", global = true, help_heading = "Output")]
    stream_name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// Records, a JSON object on each line, in sealed segments
    Ndjson,
    /// SCHEMA, RECORD and STATE, which have no seal: only the exit code says whether all of them were written
    Singer,
}

impl RecordsArgs {
    /// Opens the output. In messages, `what` names what makes the records. `held` is for segments whose id follows from
    /// what they contain ([`Relay::held`]).
    ///
    /// # Errors
    /// 2 for a name that nothing bears; 74 if the output cannot be created.
    pub fn open(&self, context: &Context, what: &'static str, held: bool) -> Result<Relay, Fault> {
        if self.output_format == OutputFormat::Singer {
            return Ok(Relay::singer(self.output.open()?, what, self.stream_name.clone()));
        }
        if self.stream_name.is_some() {
            return Err(Fault::usage("--stream-name is for --output-format singer"));
        }
        let relay = if held { Relay::held } else { Relay::new };
        Ok(relay(self.output.open()?, context.producer(), what))
    }
}

/// What a Singer target reads is not a stream, so that a failure does not end it with `abort`.
pub const SINGER: When =
    When { flag: "--output-format", values: &["singer"], reads: Reads::Nothing, stdout: Stdout::Text };

impl CommandCard {
    /// A command with [`RecordsArgs`] that reads no stream. One with a list of flags of its own puts [`SINGER`] first.
    pub const fn records(name: &'static str, stdout: Stdout) -> CommandCard {
        CommandCard { when: &[SINGER], ..CommandCard::new(name, Reads::Nothing, stdout) }
    }
}
