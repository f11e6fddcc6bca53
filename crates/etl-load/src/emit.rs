//! What a loader prints: receipts, or the records passed on.

use std::io::IsTerminal;
use std::path::Path;

use clap::ValueEnum;
use etl_component::{Fault, Output, OutputArgs, io, random_id};
use etl_stream::writer::io_fault;
use etl_stream::{Begin, Line, SchemaRef, Writer};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::args::{EmitKind, Mode};
use crate::spool::Spool;

/// What became of the records that went to one table: a record of the schema `etl.receipt`.
#[derive(Clone, Debug, Serialize)]
pub struct Receipt {
    /// The table.
    pub target: String,
    /// The load id; null if several sealed segments each had their own.
    pub load_id: Option<String>,
    /// How the records met the rows that were there.
    pub mode: Mode,
    /// Records read.
    pub records: u64,
    /// Rows that are new.
    pub inserted: u64,
    /// Rows that changed.
    pub updated: u64,
    /// Records that found their row as they are, or (mode ignore) were not wanted.
    pub unchanged: u64,
    /// Records that another of the same key took the place of.
    pub superseded: u64,
    /// Records set aside.
    pub rejected: u64,
    /// Fields the schema does not know, dropped.
    pub dropped_fields: u64,
    /// The digest of the load.
    pub sha256: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Whether an earlier run had loaded it, and this one did nothing.
    pub already_loaded: bool,
    /// The pipeline the state is kept under.
    pub pipeline: Option<String>,
    /// The last state.
    pub state: Option<Box<RawValue>>,
}

impl Receipt {
    /// The receipt as a person reads it.
    pub fn sentence(&self) -> String {
        let Receipt { target, records, inserted, updated, unchanged, superseded, rejected, seconds, .. } =
            self;
        if self.already_loaded {
            return format!(
                "{target}: nothing to do, this load was committed before (another --load-id loads it again)"
            );
        }
        let mut text = format!("{target}: {records} records, {inserted} inserted");
        let others = [
            (updated, "updated"),
            (unchanged, "unchanged"),
            (superseded, "superseded"),
            (rejected, "rejected"),
        ];
        for (count, name) in others.into_iter().filter(|(count, _)| **count > 0) {
            text += &format!(", {count} {name}");
        }
        text + &format!(" in {seconds:.2} s")
    }
}

/// The loader's own output. Each load of a run prints a segment of its own.
pub struct Emit {
    kind: EmitKind,
    writer: Option<Writer<Output>>,
    producer: String,
    /// The schema of the records passed on, once they have begun.
    begun: Option<Option<SchemaRef>>,
    /// New rows wait for the commit.
    spool: Spool,
    /// Why nothing more can be printed.
    lost: Option<Fault>,
}

impl Emit {
    /// Opens the output.
    ///
    /// # Errors
    /// 74 if it cannot be created.
    pub fn open(kind: EmitKind, output: &OutputArgs, producer: String) -> Result<Emit, Fault> {
        let on_terminal = output.output == Path::new("-") && std::io::stdout().is_terminal();
        let kind = if kind == EmitKind::Receipt && on_terminal { EmitKind::None } else { kind };
        let writer = match kind {
            EmitKind::None => {
                io::never_abort();
                None
            }
            EmitKind::Receipt | EmitKind::Records | EmitKind::New => Some(output.open()?),
        };
        Ok(Emit { kind, writer, producer, begun: None, spool: Spool::default(), lost: None })
    }

    /// An attempt at a load starts. The new rows of one before it are forgotten; records that it passed on are gone.
    pub fn start(&mut self) {
        self.spool.clear();
    }

    /// A segment opens, or the plain stream begins. All that is passed on becomes one segment.
    ///
    /// # Errors
    /// 2 if a later segment has another schema: one segment has one. 141 or 74 if an earlier load of the run could not
    /// print its records: those of this one would be lost.
    pub fn segment(&mut self, schema: Option<SchemaRef>) -> Result<(), Fault> {
        if !matches!(self.kind, EmitKind::Records | EmitKind::New) {
            return Ok(());
        }
        if let Some(fault) = self.lost.take() {
            return Err(fault);
        }
        match &self.begun {
            Some(begun) if *begun == schema => Ok(()),
            Some(_) => {
                let kind = self.kind.to_possible_value();
                let kind = kind.as_ref().map_or("", |kind| kind.get_name());
                Err(Fault::usage(format!("--emit {kind} cannot pass on segments of different schemas")))
            }
            None => {
                self.begun = Some(schema);
                if self.kind == EmitKind::Records { self.begin() } else { Ok(()) }
            }
        }
    }

    fn begin(&mut self) -> Result<(), Fault> {
        let schema = match self.kind {
            EmitKind::Receipt => Some(SchemaRef::Name("etl.receipt".to_owned())),
            _ => self.begun.clone().flatten(),
        };
        let begin = Begin { id: random_id(), schema, producer: Some(self.producer.clone()) };
        self.writer.as_mut().map_or(Ok(()), |writer| writer.begin(&begin).map_err(io_fault))
    }

    /// Whether records are passed on.
    pub fn passes_on(&self) -> bool {
        self.kind == EmitKind::Records
    }

    /// Passes a record on, which is in the load's transaction or was loaded before.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be written.
    pub fn record(&mut self, line: Line<'_>) -> Result<(), Fault> {
        match (self.kind, &mut self.writer) {
            (EmitKind::Records, Some(writer)) => writer.line(line.bytes).map_err(io_fault),
            _ => Ok(()),
        }
    }

    /// Keeps a record that the sink took, for it may turn out to be new.
    ///
    /// # Errors
    /// 74 if it cannot be kept.
    pub fn taken(&mut self, line: Line<'_>) -> Result<(), Fault> {
        if self.kind == EmitKind::New { self.spool.push(line.bytes) } else { Ok(()) }
    }

    /// Where the sink tells which records are new rows, if anybody asks.
    pub fn news(&mut self) -> Option<impl FnMut(u64)> {
        (self.kind == EmitKind::New).then_some(|position| self.spool.want(position))
    }

    /// Passes on what was gathered, before a wait.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be written.
    pub fn flush(&mut self) -> Result<(), Fault> {
        match (self.kind, &mut self.writer) {
            (EmitKind::Records, Some(writer)) => writer.flush().map_err(io_fault),
            _ => Ok(()),
        }
    }

    /// A load is committed: prints the receipts, or the `end` of the records. What fails from here on is a warning,
    /// for the data is safe; nothing more is printed then.
    pub fn committed(&mut self, receipts: &[Receipt], state: Option<&RawValue>) {
        let printed = self.print(receipts, state);
        self.begun = None;
        self.warn(printed);
    }

    fn print(&mut self, receipts: &[Receipt], state: Option<&RawValue>) -> Result<(), Fault> {
        // The records' own `begin` is there already, unless there was not one.
        if self.kind != EmitKind::Records || self.begun.is_none() {
            self.begin()?;
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        if self.kind == EmitKind::Receipt {
            receipts.iter().try_for_each(|receipt| writer.record(receipt))?;
        } else {
            self.spool.drain(|line| writer.line(line).map_err(io_fault))?;
            state.map_or(Ok(()), |state| writer.state(state).map_err(io_fault))?;
        }
        writer.end().map(|_| ()).map_err(io_fault)
    }

    /// Nothing more comes: an output file appears.
    pub fn close(mut self) {
        let published = self.writer.take().map_or(Ok(()), io::publish);
        self.warn(published);
    }

    fn warn(&mut self, printed: Result<(), Fault>) {
        if let Err(fault) = printed {
            self.writer = None;
            let error = anyhow::Error::from(fault);
            log::warn!("the load is committed, but what it prints is not complete: {error:#}");
            self.lost = error.downcast().ok();
        }
    }
}
