//! What the messages of a connector do besides its records: cursors, versions, how far each stream is.

use std::collections::BTreeSet;

use etl_component::{Class, Fault};
use etl_stream::decode::for_source;
use etl_stream::reader::UNSEALED;
use etl_stream::{Format, Line, Seal, Status, StreamId};
use serde_json::value::RawValue;

use super::attempt::Attempt;
use super::table::Table;
use crate::args::Mode;
use crate::metadata::VERSION;
use crate::sink::{Counts, Sink, Stay, Swept};

impl<S: Sink> Attempt<'_, '_, S> {
    /// A connector says what the records of a stream are.
    pub(super) fn schema(&mut self, stream: StreamId, line: Line<'_>) -> Result<(), Fault> {
        if self.before.is_some() {
            return Ok(());
        }
        let is_known = self.routes.get(stream.index()).is_some_and(Option::is_some);
        if is_known || self.has_stream(stream) {
            return self.open(stream).map(|_| ()).map_err(|fault| fault.at(&line.place()));
        }
        if !self.said.waiting.iter().any(|(waiting, _)| *waiting == stream) {
            self.said.waiting.push((stream, line.place()));
        }
        Ok(())
    }

    /// The first of what is sent of a stream shows whether it has versions.
    pub(super) fn open_first(&mut self, stream: StreamId, versions: bool) -> Result<usize, Fault> {
        if versions {
            let declared = self.decoder.declared(stream);
            self.plans.note_version(&declared);
        }
        let waiting = self.said.waiting.iter().position(|(waiting, _)| *waiting == stream);
        match waiting.map(|at| self.said.waiting.swap_remove(at)) {
            Some((_, place)) => self.open(stream).map_err(|fault| fault.at(&place)),
            None => self.open(stream),
        }
    }

    /// Opens the streams of which nothing was sent: they have tables, too.
    pub(super) fn open_waiting(&mut self) -> Result<(), Fault> {
        while self.before.is_none() && !self.said.waiting.is_empty() {
            let (stream, place) = self.said.waiting.remove(0);
            self.open(stream).map_err(|fault| fault.at(&place))?;
        }
        Ok(())
    }

    /// A cursor of a connector, as it is stored and as it is printed once it is durable.
    pub(super) fn cursor(&mut self, stream: Option<StreamId>, value: Box<RawValue>) -> Result<(), Fault> {
        if self.format != Format::Airbyte {
            if self.format == Format::Singer {
                self.states.say_last(value.get());
            }
            self.state(stream, value);
            return Ok(());
        }
        let records = match stream {
            Some(stream) => self.newly_covered(stream.index()),
            None => (0..self.routes.len()).map(|stream| self.newly_covered(stream)).sum(),
        };
        self.states.say(with_stats(value.get(), records));
        let stored = for_source(stream, value)?;
        self.state(stream, stored);
        Ok(())
    }

    /// How many records of a stream were read since its cursor before.
    fn newly_covered(&mut self, stream: usize) -> u64 {
        let Some(Some(route)) = self.routes.get(stream) else { return 0 };
        let read = self.tables[route.table].records;
        if self.said.covered.len() <= stream {
            self.said.covered.resize(stream + 1, 0);
        }
        read - std::mem::replace(&mut self.said.covered[stream], read)
    }

    /// A cursor that says nothing: what is stored stays.
    pub(super) fn empty_state(&mut self) {
        if !std::mem::replace(&mut self.said.empty, true) {
            log::warn!("the tap has sent an empty STATE: it is left out, and the state before it stays");
        }
    }

    /// Rows of other versions are no longer the stream: they go at the end of the load.
    pub(super) fn version(&mut self, stream: StreamId, version: i64) -> Result<(), Fault> {
        if self.before.is_some() {
            return Ok(());
        }
        let table = self.open_first(stream, true)?;
        if self.skips(table) {
            return Ok(());
        }
        if self.tables[table].version_column().is_some() {
            self.tables[table].activated = Some(BTreeSet::from([version]));
            return Ok(());
        }
        if !self.said.versions.contains(&stream.index()) {
            self.said.versions.push(stream.index());
            let (stream, table) = (self.decoder.label(stream), &self.tables[table].plan.name);
            log::warn!(
                "{stream}: ACTIVATE_VERSION {version} is not followed: table {table} has no column {VERSION} (--singer-metadata \
                 with --evolve add-columns adds it), so rows of other versions stay; --mode replace replaces all"
            );
        }
        Ok(())
    }

    /// Deletes rows of earlier versions and generations, where the load is known to be complete.
    pub(super) fn sweep(&mut self, sealed: bool, counts: &mut [Counts]) -> Result<(), Fault> {
        let complete = sealed || !self.settings.replace_needs_seal;
        for (index, counts) in counts.iter_mut().enumerate() {
            let table = &self.tables[index];
            let Some(stay) = table.stay() else { continue };
            // A segment that was loaded before has done it.
            if !table.fresh {
                continue;
            }
            if let (Stay::Versions(..), false, Some(stream)) = (&stay, complete, &table.stream) {
                log::warn!(
                    "{}: ACTIVATE_VERSION is not followed: the input is not sealed, so it may not be all of the stream, and rows \
                     of other versions stay (`standpipe seal -- TAP …`)",
                    stream.label()
                );
                continue;
            }
            let number = self.ready(index)?;
            let closes = self.tables[index].mode == Mode::History;
            let Swept { gone, left, before } = self.sink.sweep(number, &stay)?;
            *(if closes { &mut counts.closed } else { &mut counts.deleted }) += gone;
            let before = before.unwrap_or((counts.deleted + left).saturating_sub(counts.inserted));
            self.check_swept(index, gone, (before, left))?;
        }
        Ok(())
    }

    /// How far the source is with a stream. One that has nothing to send is loaded, too.
    pub(super) fn status(&mut self, stream: StreamId, status: Status) -> Result<(), Fault> {
        self.said.statuses.put(stream, status);
        if self.before.is_none() { self.open(stream).map(|_| ()) } else { Ok(()) }
    }

    /// Whether an Airbyte source has sent all of each stream: only then is anything of any of them committed.
    ///
    /// # Errors
    /// Those of [`Statuses::check`].
    pub(super) fn check_complete(&self, sealed: bool, cut: Class) -> Result<(), Fault> {
        if self.format != Format::Airbyte {
            return Ok(());
        }
        let read = |stream: usize| {
            let route = self.routes.get(stream).copied().flatten();
            route.is_some_and(|route| self.tables[route.table].records > 0)
        };
        let replaces = |table: &Table<S::Details>| table.replaces() || table.stay().is_some();
        let required = self.settings.connectors.complete || self.tables.iter().any(replaces);
        self.said.statuses.check(&self.decoder, read, sealed, required, cut)?;
        if !sealed && !self.said.statuses.are_said() && self.settings.input.seal == Seal::Auto {
            log::warn!("{UNSEALED}");
        }
        Ok(())
    }
}

/// A STATE of a source as it comes back, with how many records became durable with it.
fn with_stats(state: &str, records: u64) -> String {
    let open = state.trim_end().strip_suffix('}').unwrap_or(state).trim_end();
    let comma = if open.ends_with('{') { "" } else { "," };
    format!(r#"{{"type":"STATE","state":{open}{comma}"destinationStats":{{"recordCount":{records}.0}}}}}}"#)
}
