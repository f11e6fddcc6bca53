//! `extract-file`: CSV, TSV, JSON and NDJSON files, packed or not, as sealed records.

mod args;
mod csv;
mod files;
mod input;
mod json;
mod row;
mod values;

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use etl_component::{Class, CommandCard, Component, Context, Fault, Relay, Stdout, random_id};
use etl_stream::digest::Hasher;
use etl_stream::{Digest, Values, counted};

use args::{Cli, Format, Typed};
use files::Source;
use input::Input;

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: &[],
    commands: &[CommandCard::records("", Stdout::Any)],
};

/// The digits of a segment's id, which is 128 bits like a random one.
const ID_DIGITS: usize = 32;

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let typed = cli.typed()?;
    let sources = files::find(&cli.paths, cli.allow_empty)?;
    if cli.id.is_some() && sources.len() != 1 {
        let files = counted(sources.len() as u64, "file", "files");
        return Err(Fault::usage(format!("--id names the segment of one file, but there are {files}")).into());
    }
    let mut relay = cli.output.open(context, "extract-file", false)?;
    let mut ids: HashMap<String, &Source> = HashMap::new();
    let mut records = 0;
    for source in &sources {
        let digest = match &cli.id {
            None if source.is_regular => Some(Input::open(source, cli.max_line_bytes)?.digest_all()?),
            _ => None,
        };
        let id = match (&cli.id, digest) {
            (Some(id), _) => id.clone(),
            (None, Some(digest)) => derived_id(source, &cli.shape(typed.as_ref()), digest),
            (None, None) => random_id()?,
        };
        if let Some(other) = ids.insert(id.clone(), source) {
            return Err(Fault::usage(format!(
                "{} and {} have the same name and the same bytes, which would be one segment twice; give the folder that \
                 holds both, or one of them",
                other.shown(),
                source.shown()
            ))
            .into());
        }
        relay.identify(id);
        records += extract(source, digest, &cli, typed.as_ref(), &mut relay)?;
    }
    if sources.is_empty() {
        relay.begin(typed.as_ref().map(|typed| &typed.said), Values::Json)?;
        relay.end()?;
    }
    relay.close()?;
    let files = counted(sources.len() as u64, "file", "files");
    Ok(format!("{} of {files}", counted(records, "record", "records")))
}

/// Writes a file's records as a segment, and returns how many there are. `digest` is that of its bytes as they were
/// when they were read for the id.
fn extract(
    source: &Source,
    digest: Option<Digest>,
    cli: &Cli,
    typed: Option<&Typed>,
    relay: &mut Relay,
) -> Result<u64, Fault> {
    let mut input = Input::open(source, cli.max_line_bytes)?;
    if input.rest().is_empty() && !cli.allow_empty {
        let message = format!("{}: the file is empty (--allow-empty accepts that)", input.name);
        return Err(Fault::new(input.origin.cut(), message));
    }
    let format = match cli.format {
        Some(format) => format,
        None => format_of(&mut input, cli)?,
    };
    let is_text = typed.is_none() && matches!(format, Format::Csv | Format::Tsv);
    let values = if is_text { Values::Text } else { Values::Json };
    relay.begin(typed.map(|typed| &typed.said), values)?;
    let written = match format {
        Format::Csv => csv::extract(&mut input, cli, b',', typed, relay),
        Format::Tsv => csv::extract(&mut input, cli, b'\t', typed, relay),
        Format::Json => json::array(&mut input, relay),
        Format::Ndjson => json::lines(&mut input, relay),
    };
    // What is wrong with a file that was changed is for another run, unless the reader of the records went away.
    let is_closed = written.as_ref().is_err_and(Fault::is_closed);
    if let Some(digest) = digest.filter(|_| !is_closed)
        && input.digest_all().is_ok_and(|now| now != digest)
    {
        let message = format!("{} was changed while it was read", source.shown());
        return Err(Fault::new(Class::Transient, message));
    }
    written?;
    Ok(relay.end()?.records)
}

/// What a file is, by its first character, and otherwise by its first line that is not empty.
fn format_of(input: &mut Input, cli: &Cli) -> Result<Format, Fault> {
    while input.rest().trim_ascii_start().is_empty() && input.fill()? {}
    match input.rest().trim_ascii_start().first() {
        // The whole array may be a single line.
        Some(b'[') => return Ok(Format::Json),
        Some(b'{') => return Ok(Format::Ndjson),
        _ if cli.delimiter.is_some() => return Ok(Format::Csv),
        _ => (),
    }
    while !from_first_line(input).contains(&b'\n') && input.fill()? {}
    let line = from_first_line(input).split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |byte: u8| memchr::memchr_iter(byte, line).count();
    match count(b',') {
        commas if count(b'\t') > commas => Ok(Format::Tsv),
        0 if count(b';') > 0 => {
            Err(input.bad(0, "semicolons, but no comma; give --delimiter ';', or ',' for a single column"))
        }
        _ => Ok(Format::Csv),
    }
}

/// What was read, without empty lines in front.
fn from_first_line(input: &Input) -> &[u8] {
    let rest = input.rest();
    let empty = rest.iter().take_while(|&&byte| matches!(byte, b'\r' | b'\n')).count();
    &rest[empty..]
}

/// The id of a file's segment: the same for the same bytes of a file of the same name, wherever its folder is.
fn derived_id(source: &Source, shape: &str, digest: Digest) -> String {
    let mut hasher = Hasher::default();
    for part in [source.name.as_os_str().as_bytes(), shape.as_bytes(), digest.to_string().as_bytes()] {
        hasher.update(part.len().to_string().as_bytes()).update(b":").update(part);
    }
    let mut id = hasher.finish().to_string();
    id.truncate(ID_DIGITS);
    id
}
