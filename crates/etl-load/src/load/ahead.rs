//! Looks at what a load begins with, as soon as it is read: the format, and each stream's target.

use etl_component::Fault;
use etl_component::format::no_catalog;
use etl_stream::json::Scanner;
use etl_stream::reader::UNSEALED;
use etl_stream::{Begin, Decoder, Event, Format, Line, Seal, Seen, StreamId, Values};

use super::outputs::Outputs;
use super::plans::Plans;
use crate::args::Settings;
use crate::front::Cuts;
use crate::sink::Sink;

/// Follows the events of a load that are held back.
pub(super) struct Ahead<'l, 's, S: Sink> {
    settings: &'s Settings,
    sink: &'l mut S,
    plans: &'l mut Plans<'s, S>,
    outputs: &'l mut Outputs,
    /// The format of the run's input, once it is known.
    format: &'l mut Option<Format>,
    decoder: Option<Decoder>,
    /// A `begin` that does not say what its records are, while the format is not known.
    waiting: Option<Begin>,
    sealed: bool,
    seen: usize,
    /// The stream whose first record says what the key is.
    awaited: Option<usize>,
    /// The streams of a tap of which nothing was sent yet.
    silent: Vec<StreamId>,
}

impl<'l, 's, S: Sink> Ahead<'l, 's, S> {
    pub(super) fn new(
        settings: &'s Settings,
        sink: &'l mut S,
        plans: &'l mut Plans<'s, S>,
        outputs: &'l mut Outputs,
        format: &'l mut Option<Format>,
    ) -> Ahead<'l, 's, S> {
        plans.start_load();
        let (decoder, waiting, sealed, seen, awaited, silent) = (None, None, false, 0, None, Vec::new());
        Ahead { settings, sink, plans, outputs, format, decoder, waiting, sealed, seen, awaited, silent }
    }

    /// Finds out what cannot work, without touching anything.
    ///
    /// # Errors
    /// 2 or 78 for what cannot be done with the streams of this format; those of [`Plans::look_ahead`].
    pub(super) fn see(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        if self.format.is_none() {
            *self.format = match event {
                Event::Begin(begin) if begin.schema.is_none() && begin.values == Values::Json => {
                    self.waiting = Some(begin.clone());
                    return Ok(());
                }
                Event::Record(line) => {
                    line.scan(&mut Scanner::new())?;
                    Some(Format::of(line.bytes))
                }
                _ => Some(Format::Ndjson),
            };
        }
        if self.decoder.is_none() {
            self.decoder = Some(self.start()?);
        }
        if let Some(begin) = self.waiting.take() {
            self.follow(&Event::Begin(begin))?;
        }
        self.follow(event)
    }

    /// The format is known.
    fn start(&mut self) -> Result<Decoder, Fault> {
        let format = self.format.unwrap_or_default();
        let catalog = self.settings.connectors.catalog.as_deref();
        if let Some(wanted) = self.settings.metadata.filter(|wanted| *wanted != format) {
            let (wanted, format) = (wanted.name(), format.name());
            return Err(Fault::usage(format!(
                "--{wanted}-metadata, but the format of the input is {format}"
            )));
        }
        if format != Format::Ndjson {
            self.outputs.emit.speak_to_connector(self.settings)?;
            if self.settings.cuts != Cuts::default() {
                return Err(Fault::usage(
                    "--commit-every and --commit-interval cut an input of records; what a connector sends is one load",
                ));
            }
        }
        if format == Format::Airbyte && catalog.is_none() {
            return Err(no_catalog());
        }
        let decoder = Decoder::new(format, catalog.unwrap_or_default());
        for stream in decoder.streams() {
            self.plans.look_ahead(self.sink, &decoder.declared(stream), true)?;
        }
        self.seen = decoder.streams().count();
        Ok(decoder)
    }

    fn follow(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        self.sealed |= matches!(event, Event::Begin(_));
        // Whether a source makes up for it by saying that its streams are complete is known only at the end.
        if let Event::Record(Line { record: 0, .. }) = event
            && *self.format != Some(Format::Airbyte)
            && !std::mem::replace(&mut self.outputs.told_unsealed, true)
            && self.settings.input.seal == Seal::Auto
        {
            log::warn!("{UNSEALED}");
        }
        let stream = match decoder.look_ahead(event, !self.silent.is_empty())? {
            None => return Ok(()),
            Some(Seen::Stream(stream)) => stream,
            Some(Seen::Estimate(stream, records)) => {
                self.outputs.estimates.put(stream, records);
                return Ok(());
            }
            Some(Seen::Sent { stream, versions }) => {
                let Some(at) = self.silent.iter().position(|silent| *silent == stream) else { return Ok(()) };
                self.silent.swap_remove(at);
                return self.plans.look_at_first(self.sink, &decoder.declared(stream), versions);
            }
        };
        if let Event::Begin(begin) = event
            && self.settings.load_id.is_none()
        {
            self.plans.see_segment(stream, &begin.id);
        }
        let new = (stream.index() >= self.seen).then(|| decoder.declared(stream));
        if new.as_ref().is_some_and(|declared| self.plans.awaits_first(declared)) {
            self.awaited = Some(stream.index());
        }
        if let Event::Record(line) = event
            && self.awaited == Some(stream.index())
        {
            self.plans.see_first(*line);
            self.awaited = None;
        }
        let Some(declared) = new else { return Ok(()) };
        self.seen = stream.index() + 1;
        if *self.format == Some(Format::Singer) {
            self.silent.push(stream);
        }
        self.plans.look_ahead(self.sink, &declared, self.sealed)
    }
}
