//! What the messages of a connector do besides its records: cursors, versions, how far each stream is.

use etl_component::{Class, Fault};
use etl_stream::decode::{Statuses, for_source};
use etl_stream::{Format, Line, Status, StreamId};
use serde_json::value::RawValue;

use super::attempt::Attempt;
use crate::args::Mode;
use crate::sink::Sink;

/// What a connector has said in this attempt.
#[derive(Default)]
pub(super) struct Said {
    /// How far the source is with each stream; only Airbyte's says it.
    statuses: Statuses,
    /// Whether an empty cursor was warned of, and the streams whose versions were.
    empty: bool,
    versions: Vec<usize>,
    /// How many records of each stream its cursors cover.
    covered: Vec<u64>,
}

impl<S: Sink> Attempt<'_, '_, S> {
    /// A connector says what the records of a stream are.
    pub(super) fn schema(&mut self, stream: StreamId, line: Line<'_>) -> Result<(), Fault> {
        if self.before.is_some() {
            return Ok(());
        }
        self.open(stream).map(|_| ()).map_err(|fault| fault.at(&line.place()))
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

    /// Rows of other versions are no longer the stream; they stay, and that is said.
    pub(super) fn version(&mut self, stream: StreamId, version: i64) {
        if self.said.versions.contains(&stream.index()) {
            return;
        }
        self.said.versions.push(stream.index());
        if let Some(stream) = &self.decoder.declared(stream).stream {
            log::warn!(
                "{}: ACTIVATE_VERSION {version} is not followed: rows of other versions stay (--mode replace replaces all)",
                stream.label()
            );
        }
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
        let replaces = self.tables.iter().any(|table| table.plan.mode == Mode::Replace);
        let required = self.settings.connectors.complete || replaces;
        self.said.statuses.check(&self.decoder, read, sealed, required, cut)
    }
}

/// A STATE of a source as it comes back, with how many records became durable with it.
fn with_stats(state: &str, records: u64) -> String {
    let open = state.trim_end().strip_suffix('}').unwrap_or(state).trim_end();
    let comma = if open.ends_with('{') { "" } else { "," };
    format!(r#"{{"type":"STATE","state":{open}{comma}"destinationStats":{{"recordCount":{records}.0}}}}}}"#)
}
