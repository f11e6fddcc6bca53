//! The stream that an extractor writes.

use anyhow::Context as _;
use etl_component::{Class, Context, Fault, Relay};
use etl_stream::digest::Hasher;
use etl_stream::writer::to_line;
use etl_stream::{SchemaRef, Values, counted};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::args::ExtractArgs;

/// The digits of a segment's id, which is 128 bits like a random one.
const ID_DIGITS: usize = 32;

/// Writes what `extract` reads from the source as one sealed segment of `schema`, and returns the summary. `extract`
/// returns what the records are of, such as `2 locations` (see [`counted`]).
///
/// A live run writes `begin`, with a random id, before `extract` sends its first request, so that a loader which
/// cannot load this says so at once. In a replay the id is derived from what is written: the same cassettes make the
/// same stream, other cassettes or another mapping another one; the records wait for it in a spool.
///
/// # Errors
/// Those of `extract`; 74 if the output cannot be created, written or published, 141 if its reader went away. Nothing is
/// published then, and the stream has no `end`.
pub fn run(
    context: &Context,
    args: &ExtractArgs,
    schema: &str,
    extract: impl FnOnce(&mut Stream) -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    let is_replay = args.source.replay.is_some();
    let mut stream = Stream {
        relay: args.output.open(context, "an extractor", is_replay)?,
        digest: is_replay.then(Hasher::default),
        state: None,
        line: Vec::new(),
        part: String::new(),
        is_broken: false,
    };
    stream.take_in(schema.as_bytes());
    stream.relay.begin(Some(&SchemaRef::Name(schema.to_owned())), Values::Json)?;
    let of = extract(&mut stream)?;
    Ok(format!("{schema}: {} of {of}", counted(stream.end()?, "record", "records")))
}

/// Takes what an extractor reads.
pub struct Stream {
    relay: Relay,
    /// Of a replay: what the id is derived from.
    digest: Option<Hasher>,
    /// The last cursor.
    state: Option<Box<RawValue>>,
    line: Vec<u8>,
    /// What is being read, with a colon and a blank after it; empty between parts.
    part: String,
    /// Whether the output failed, which no part of the source has to do with.
    is_broken: bool,
}

impl Stream {
    /// Reads a part of the source, such as a location, a project or a feed: its name goes in front of warnings and errors
    /// of `read`, and its records are passed on before the next request.
    ///
    /// # Errors
    /// Those of `read`, with the part's name; 141 or 74 if the output cannot be written.
    pub fn part<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Stream) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let outer = self.part.len();
        self.part.push_str(&format!("{name}: "));
        let result = read(self);
        self.part.truncate(outer);
        let done = if self.is_broken { result? } else { result.with_context(|| name.to_owned())? };
        self.flush()?;
        Ok(done)
    }

    /// Writes a record.
    ///
    /// # Errors
    /// 70 if it does not serialize to an object without the key `_etl` in front; 141 or 74 if the output cannot be written.
    pub fn record(&mut self, record: &impl Serialize) -> Result<(), Fault> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        to_line(record, &mut line)?;
        self.take_in(b"\n");
        self.take_in(&line);
        let written = self.relay.record(&line);
        self.line = line;
        self.output(written)
    }

    /// Logs what is odd about the source but does not make it wrong, after the name of the part it was found in.
    pub fn warn(&self, warning: &str) {
        log::warn!("{}{warning}", self.part);
    }

    /// Sets the cursor: how far the source has been read. The last one is written, and covers all records.
    ///
    /// # Errors
    /// 70 if it does not serialize to JSON.
    pub fn state(&mut self, cursor: &impl Serialize) -> Result<(), Fault> {
        let state = serde_json::value::to_raw_value(cursor);
        self.state = Some(state.map_err(|error| Fault::new(Class::Bug, "not a cursor").because(error))?);
        Ok(())
    }

    /// Passes on what was gathered, before the wait for another reply.
    ///
    /// # Errors
    /// 141 or 74 if the output cannot be written.
    pub fn flush(&mut self) -> Result<(), Fault> {
        let flushed = self.relay.flush();
        self.output(flushed)
    }

    /// Ends the segment, publishes the output, and returns the number of records.
    fn end(mut self) -> Result<u64, Fault> {
        if let Some(state) = self.state.take() {
            // No record starts so: a state cannot be taken for one.
            self.take_in(b"\n{\"_etl\":");
            self.take_in(state.get().as_bytes());
            self.relay.state(state);
        }
        if let Some(mut digest) = self.digest.take() {
            let mut id = digest.finish().to_string();
            id.truncate(ID_DIGITS);
            self.relay.identify(id);
        }
        let segment = self.relay.end()?;
        self.relay.close()?;
        Ok(segment.records)
    }

    fn take_in(&mut self, bytes: &[u8]) {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
    }

    fn output(&mut self, written: Result<(), Fault>) -> Result<(), Fault> {
        self.is_broken |= written.is_err();
        written
    }
}

#[cfg(test)]
mod tests;
