//! The records of a stream: its lines, or what is in the messages of a tap or a source.

use std::fs::File;

use etl_component::format::{self, Messages};
use etl_component::{Chosen, Fault};
use etl_stream::decode::Statuses;
use etl_stream::reader::UNSEALED;
use etl_stream::{Decoder, Event, Format, Line, Message, Reader, Seal, StreamId};
use serde_json::value::RawValue;

/// What a line is.
pub(crate) enum Said<'l> {
    /// A record.
    Record(Line<'l>),
    /// A cursor.
    State(Box<RawValue>),
    /// Something else, or a record of a stream that is not wanted.
    Nothing,
}

/// Finds the records.
pub(crate) struct Input {
    messages: Messages,
    chosen: Chosen,
    /// The format of the input and its decoder, once they are known.
    decoder: Option<(Format, Decoder)>,
    statuses: Statuses,
    /// The streams that had records.
    read: Vec<StreamId>,
    seal: Seal,
}

impl Input {
    /// `stream` is the connector's stream that is wanted, if there are several.
    pub(crate) fn new(messages: Messages, stream: Option<String>, seal: Seal) -> Input {
        let (chosen, statuses) = (Chosen::new(stream), Statuses::default());
        Input { messages, chosen, decoder: None, statuses, read: Vec::new(), seal }
    }

    /// What a line says. `sealed` says whether it is in a segment.
    ///
    /// # Errors
    /// 2 if it is not clear which stream is wanted, 78 for a source without a catalog, 3 for what is not a message.
    pub(crate) fn line<'l>(&mut self, line: Line<'l>, sealed: bool) -> Result<Said<'l>, Fault> {
        if self.decoder.is_none() {
            let format = self.messages.format.unwrap_or_else(|| Format::of(line.bytes));
            if !sealed && format != Format::Airbyte && self.seal == Seal::Auto {
                log::warn!("{UNSEALED}");
            }
            self.start(format)?;
        }
        let Some((format, decoder)) = &mut self.decoder else { return Ok(Said::Record(line)) };
        if *format == Format::Ndjson {
            return Ok(Said::Record(line));
        }
        Ok(match decoder.decode(Event::Record(line))? {
            Message::Record(stream, line, _) => {
                if !self.read.contains(&stream) {
                    self.read.push(stream);
                }
                if self.chosen.is(stream, decoder)? {
                    return Ok(Said::Record(line));
                }
                self.chosen.leave_out();
                Said::Nothing
            }
            Message::Schema(stream, _) => {
                self.chosen.is(stream, decoder)?;
                Said::Nothing
            }
            Message::State(Some(stream), _) if !self.chosen.is(stream, decoder)? => Said::Nothing,
            Message::State(_, value) => Said::State(value),
            Message::Batch(stream, _, line) if self.chosen.is(stream, decoder)? => {
                let what =
                    "the records of a BATCH are in files, which only loaders read: let the tap write records";
                return Err(Fault::config(format!("{}: {what}", line.place())));
            }
            Message::Status(stream, status) => {
                self.statuses.put(stream, status);
                Said::Nothing
            }
            Message::Log(level, text) => {
                format::log(level, &text);
                Said::Nothing
            }
            Message::Ignored(warning) => {
                warning.iter().for_each(|warning| log::warn!("{warning}"));
                Said::Nothing
            }
            _ => Said::Nothing,
        })
    }

    /// The format is known.
    fn start(&mut self, format: Format) -> Result<(), Fault> {
        self.decoder = Some((format, self.messages.decoder(format, &mut self.chosen)?));
        Ok(())
    }

    /// The input has ended.
    ///
    /// # Errors
    /// 2 if it did not have the stream that was named; what an Airbyte source that is not complete is.
    pub(crate) fn end(&self, reader: &Reader<File>) -> Result<(), Fault> {
        let Some((format, decoder)) = &self.decoder else { return Ok(()) };
        if *format == Format::Ndjson {
            return Ok(());
        }
        self.chosen.check_found()?;
        if *format != Format::Airbyte {
            return Ok(());
        }
        let read = |stream: usize| self.read.iter().any(|known| known.index() == stream);
        let sealed = reader.totals().sealed;
        self.statuses.check(decoder, read, sealed, self.messages.complete, reader.cut_class())?;
        if !sealed && !self.statuses.are_said() && self.seal == Seal::Auto {
            log::warn!("{UNSEALED}");
        }
        Ok(())
    }
}
