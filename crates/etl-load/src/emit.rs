//! What a loader prints: receipts, the records passed on, or those that are new.

use std::io::Write;
use std::path::Path;

use etl_component::{Class, Context, Fault, Output, OutputArgs, Relay, io};
use etl_stream::writer::io_fault;
use etl_stream::{Line, SchemaRef, Values, counted, listed};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::args::{EmitKind, Mode, Settings};
use crate::evolve::Changes;
use crate::taken::Taken;

/// What became of the records that went to one table: a record of the schema `etl.receipt`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Receipt {
    /// The table.
    pub(crate) target: String,
    /// The load id; null if several sealed segments each had their own.
    pub(crate) load_id: Option<String>,
    /// How the records were combined with existing rows.
    pub(crate) mode: Mode,
    /// Records read.
    pub(crate) records: u64,
    /// Rows that are new.
    pub(crate) inserted: u64,
    /// Rows that changed.
    pub(crate) updated: u64,
    /// Records whose row was already as they say, or (mode ignore) whose key already existed.
    pub(crate) unchanged: u64,
    /// Records that another one with the same key superseded.
    pub(crate) superseded: u64,
    /// Records set aside.
    pub(crate) rejected: u64,
    /// Records that are left out because they are older than the database keeps such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) too_old: Option<u64>,
    /// Rows that were deleted: of earlier versions of the stream, that the load does not have, or that are gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deleted: Option<u64>,
    /// In mode history: current versions that ended without another one in their place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<u64>,
    /// Rows that had values which are NULL now because their records do not have the fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nulled: Option<u64>,
    /// In mode replace: how many rows the table had before, and has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows_before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows_after: Option<u64>,
    /// Fields that the schema does not know and that were dropped.
    pub(crate) dropped_fields: u64,
    /// The names of the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) unknown_fields: Vec<String>,
    /// What was changed about the table.
    #[serde(flatten)]
    pub(crate) changes: Changes,
    /// The digest of the load.
    pub(crate) sha256: String,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
    /// Whether an earlier run had loaded it, and this one did nothing.
    pub(crate) already_loaded: bool,
    /// When it was committed, by this run or by the earlier one.
    pub(crate) loaded_at: String,
    /// The pipeline the state is kept under.
    pub(crate) pipeline: Option<String>,
    /// The last state.
    pub(crate) state: Option<Box<RawValue>>,
}

impl Receipt {
    /// The receipt as a sentence for people.
    pub(crate) fn sentence(&self) -> String {
        let Receipt { target, records, inserted, updated, unchanged, superseded, rejected, seconds, .. } =
            self;
        if self.already_loaded {
            return format!(
                "{target}: nothing to do, this load was committed before (another --load-id loads it again)"
            );
        }
        let mut text = format!("{target}: {}, {inserted} inserted", counted(*records, "record", "records"));
        let others = [
            (updated, "updated"),
            (unchanged, "unchanged"),
            (superseded, "superseded"),
            (rejected, "rejected"),
            (&self.too_old.unwrap_or_default(), "too old"),
            (&self.deleted.unwrap_or_default(), "deleted"),
            (&self.closed.unwrap_or_default(), "closed"),
            (&self.nulled.unwrap_or_default(), "nulled"),
        ];
        for (count, name) in others.into_iter().filter(|(count, _)| **count > 0) {
            text += &format!(", {count} {name}");
        }
        if let Some(before) = self.rows_before {
            text += &format!(", in place of {}", counted(before, "row", "rows"));
        }
        text += &format!(" in {seconds:.2} s");
        let mut notes = Vec::new();
        if !self.changes.is_empty() {
            notes.push(self.changes.to_string());
        }
        if !self.unknown_fields.is_empty() {
            notes.push(format!("unknown fields dropped: {}", listed(&self.unknown_fields)));
        }
        if notes.is_empty() { text } else { text + &format!(" ({})", notes.join("; ")) }
    }
}

/// The loader's own output. Each load of a run prints a segment of its own.
pub(crate) struct Emit {
    kind: EmitKind,
    relay: Option<Relay>,
    /// Records that may be new rows, or that the database may refuse, wait until it has said so.
    pub(crate) taken: Taken,
    /// Whether the database may refuse records without failing the load.
    refuses: bool,
    /// Where the states of a connector go, in place of receipts.
    states: Option<Output>,
}

impl Emit {
    /// Opens the output.
    ///
    /// # Errors
    /// 74 if it cannot be created.
    pub(crate) fn open(
        kind: EmitKind,
        output: &OutputArgs,
        refuses: bool,
        context: &Context,
    ) -> Result<Emit, Fault> {
        let on_terminal = output.output == Path::new("-") && context.env.terminal.stdout;
        let kind = if kind == EmitKind::Receipt && on_terminal { EmitKind::None } else { kind };
        let what = match kind {
            EmitKind::None => None,
            EmitKind::Receipt => Some("--emit receipt"),
            EmitKind::Records => Some("--emit records"),
            EmitKind::New => Some("--emit new"),
        };
        let relay = match what {
            Some(what) => Some(Relay::new(output.open()?, context.producer(), what)),
            None => {
                io::never_abort();
                None
            }
        };
        Ok(Emit { kind, relay, taken: Taken::default(), refuses, states: None })
    }

    /// The input is a connector's: what goes to stdout is what its runner expects, states that are durable, and after a
    /// failure nothing, unless receipts were asked for.
    ///
    /// # Errors
    /// 2 if its records are to be passed on; 74 if the output cannot be created.
    pub(crate) fn speak_to_connector(&mut self, settings: &Settings) -> Result<(), Fault> {
        match self.kind {
            EmitKind::Records | EmitKind::New => Err(Fault::usage(
                "--emit records and new pass on the records of one stream; a connector's input has messages of several",
            )),
            EmitKind::Receipt if !settings.emit_asked && self.states.is_none() && self.relay.is_some() => {
                self.relay = None;
                self.states = Some(settings.output.create()?);
                io::never_abort();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Starts an attempt at a load. The new rows of an earlier one are forgotten; records that it passed on cannot be
    /// taken back.
    ///
    /// # Errors
    /// 74 if they cannot be forgotten.
    pub(crate) fn start(&mut self) -> Result<(), Fault> {
        self.taken.clear()
    }

    /// A segment opens, or the plain stream begins. Everything that is passed on becomes one segment.
    ///
    /// # Errors
    /// 2 if a later segment has another schema: a segment has one.
    pub(crate) fn segment(&mut self, schema: Option<&SchemaRef>, values: Values) -> Result<(), Fault> {
        match (self.kind, &mut self.relay) {
            (EmitKind::Records, Some(relay)) => relay.begin(schema, values),
            (EmitKind::New, Some(relay)) => relay.expect(schema, values),
            _ => Ok(()),
        }
    }

    /// Whether records are passed on.
    pub(crate) fn passes_on(&self) -> bool {
        self.kind == EmitKind::Records
    }

    /// Whether those that the sink takes are passed on only once it is known that the database does not refuse them.
    pub(crate) fn waits(&self) -> bool {
        self.refuses
    }

    /// Passes on a record that is in the load's transaction or was loaded before.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be written.
    #[inline]
    pub(crate) fn record(&mut self, line: Line<'_>) -> Result<(), Fault> {
        match (self.kind, &mut self.relay) {
            (EmitKind::Records, Some(relay)) => relay.record(line.bytes),
            _ => Ok(()),
        }
    }

    /// Keeps a record that the sink took for the table of this number, because it may turn out to be new, or refused.
    ///
    /// # Errors
    /// 74 if it cannot be kept.
    #[inline]
    pub(crate) fn taken(&mut self, table: usize, line: Line<'_>, values: Values) -> Result<(), Fault> {
        if self.kind == EmitKind::New || self.refuses { self.taken.push(table, line, values) } else { Ok(()) }
    }

    /// Whether somebody asks which records are new rows.
    pub(crate) fn wants_news(&self) -> bool {
        self.kind == EmitKind::New
    }

    /// Writes what was gathered, before a wait.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be written.
    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        match (self.kind, &mut self.relay) {
            (EmitKind::Records, Some(relay)) => relay.flush(),
            _ => Ok(()),
        }
    }

    /// A load is committed: prints the receipts, or the `end` of the records.
    ///
    /// # Errors
    /// 74 if records cannot be printed: whatever reads them would take older ones, or none, for all. Receipts that
    /// cannot be printed are a warning, because the data is safe; nothing more is printed after it.
    pub(crate) fn committed(
        &mut self,
        receipts: &[Receipt],
        state: Option<&RawValue>,
        said: &[String],
    ) -> Result<(), Fault> {
        let printed = match &mut self.states {
            Some(output) => {
                let lines: String = said.iter().map(|line| format!("{line}\n")).collect();
                output.write_all(lines.as_bytes()).map_err(io_fault)
            }
            None => self.print(receipts, state),
        };
        self.judge(printed)
    }

    fn print(&mut self, receipts: &[Receipt], state: Option<&RawValue>) -> Result<(), Fault> {
        let Some(relay) = &mut self.relay else { return Ok(()) };
        if self.kind == EmitKind::Receipt {
            relay.begin(Some(&SchemaRef::Name("etl.receipt".to_owned())), Values::Json)?;
            receipts.iter().try_for_each(|receipt| relay.serialize(receipt))?;
        } else {
            self.taken.drain(self.kind == EmitKind::New, |line| relay.record(line))?;
            state.into_iter().for_each(|state| relay.state(state.to_owned()));
        }
        relay.end().map(|_| ())
    }

    /// Ends the output: a file appears under its name.
    ///
    /// # Errors
    /// As [`Emit::committed`].
    pub(crate) fn close(mut self) -> Result<(), Fault> {
        let published = match self.states.take() {
            Some(output) => output.publish(),
            None => self.relay.take().map_or(Ok(()), Relay::close),
        };
        self.judge(published)
    }

    fn judge(&mut self, printed: Result<(), Fault>) -> Result<(), Fault> {
        let Err(fault) = printed else { return Ok(()) };
        self.relay = None;
        let what = "the load is committed, but what it prints is not complete";
        if self.kind == EmitKind::Receipt && self.states.is_none() {
            log::warn!("{what}: {:#}", anyhow::Error::from(fault));
            return Ok(());
        }
        Err(Fault::new(Class::Io, what).because(fault))
    }
}
