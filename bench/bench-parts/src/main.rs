//! `bench-parts PART INPUT [DECLARED]`: runs one part of the way of a record over a file, and nothing else, so that its time
//! and its instructions can be counted from outside. DECLARED is the schema or the catalog, where the part needs one.

use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use etl_schema::{Checker, Schema, UnknownFields};
use etl_stream::digest::Hasher;
use etl_stream::json::Scanner;
use etl_stream::reader::Options;
use etl_stream::{Begin, Decoder, Event, Format, Message, Origin, Reader, Seal, Writer};

/// How much is read at once.
const PIECE: usize = 64 << 10;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match *args.as_slice() {
        [part, input] => run(part, input, None),
        [part, input, declared] => run(part, input, Some(declared)),
        _ => Err(anyhow::anyhow!("bench-parts PART INPUT [DECLARED]")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(part: &str, input: &str, declared: Option<&str>) -> anyhow::Result<()> {
    let declared = || {
        let path = declared.context("a schema or a catalog is missing")?;
        std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
    };
    match part {
        "newlines" => {
            let mut count = 0;
            pieces(input, |bytes| count += memchr::memchr_iter(b'\n', bytes).count())?;
            black_box(count);
        }
        "digest" => {
            let mut hasher = Hasher::default();
            pieces(input, |bytes| {
                hasher.update(bytes);
            })?;
            black_box(hasher.finish());
        }
        "lines" => read(input, |_| Ok(()))?,
        "scan" => {
            let mut scanner = Scanner::new();
            read(input, |line| {
                black_box(scanner.scan(line).map_err(|error| anyhow::anyhow!(error.message))?);
                Ok(())
            })?;
        }
        "check" => {
            let mut scanner = Scanner::new();
            let schema = Arc::new(Schema::from_json("bench", &declared()?)?);
            let mut checker = Checker::new(schema, UnknownFields::Error);
            read(input, |line| {
                let record = scanner.scan(line).map_err(|error| anyhow::anyhow!(error.message))?;
                black_box(checker.check(&record).map_err(|refused| anyhow::anyhow!(refused.to_string()))?);
                Ok(())
            })?;
        }
        "write" => {
            let mut writer = Writer::new(std::io::sink());
            writer.begin(&Begin { id: "a".into(), ..Begin::default() })?;
            let (mut lines, mut line) = (BufReader::with_capacity(PIECE, file(input)?), Vec::new());
            while lines.read_until(b'\n', &mut line)? > 0 {
                writer.line(line.trim_ascii_end())?;
                line.clear();
            }
            black_box(writer.end()?);
        }
        "ndjson" => decode(input, Decoder::default())?,
        "singer" => decode(input, Decoder::new(Format::Singer, &[]))?,
        "airbyte" => {
            let streams = etl_stream::decode::catalog(&declared()?)?;
            decode(input, Decoder::new(Format::Airbyte, &streams))?;
        }
        _ => bail!("{part} is not a part"),
    }
    Ok(())
}

/// Reads a stream to its verified end.
fn read(input: &str, mut each: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut reader = open(input, Seal::Required)?;
    while let Some(event) = reader.next()? {
        if let Event::Record(line) = event {
            each(line.bytes)?;
        }
    }
    Ok(())
}

/// Reads an input without a seal, and what its lines say.
fn decode(input: &str, mut decoder: Decoder) -> anyhow::Result<()> {
    let mut reader = open(input, Seal::Off)?;
    while let Some(event) = reader.next()? {
        if let Message::Record(stream, line, _) = decoder.decode(event)? {
            black_box((stream, line));
        }
    }
    Ok(())
}

fn open(input: &str, seal: Seal) -> anyhow::Result<Reader<File>> {
    Ok(Reader::new(file(input)?, Options { seal, origin: Origin::File, ..Options::default() }))
}

/// The bytes of a file, piece by piece.
fn pieces(input: &str, mut each: impl FnMut(&[u8])) -> anyhow::Result<()> {
    let (mut file, mut piece) = (file(input)?, vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            length => each(&piece[..length]),
        }
    }
}

fn file(input: &str) -> anyhow::Result<File> {
    File::open(input).with_context(|| format!("cannot open {input}"))
}
