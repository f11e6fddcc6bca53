//! What a load writes besides its tables: what it prints, the state file, the rejects.

use std::sync::Arc;

use etl_component::rejects::{Refusal, Rejects};
use etl_component::{Context, Fault};
use etl_schema::Schema;
use etl_stream::{Line, Values};
use serde_json::value::RawValue;

use crate::args::Settings;
use crate::emit::{Emit, Receipt};
use crate::front::Cuts;
use crate::progress::Estimates;
use crate::sink;
use crate::state::StateOut;

/// The files and streams of a run.
pub(super) struct Outputs {
    pub(super) emit: Emit,
    pub(super) rejects: Rejects,
    state_out: StateOut,
    /// The line, and the place, up to which records were passed on or set aside, by this attempt or an earlier one.
    furthest: (u64, u64),
    /// Whether it was said that the input is not sealed.
    pub(super) told_unsealed: bool,
    pub(super) estimates: Estimates,
}

impl Outputs {
    /// Opens them. `emit` is open already, so that its failure comes before that of a database.
    ///
    /// # Errors
    /// 74 if one cannot be created.
    pub(super) fn open(emit: Emit, settings: &Settings, context: &Context) -> Result<Outputs, Fault> {
        Ok(Outputs {
            emit,
            state_out: StateOut::create(settings.state_out.as_deref())?,
            rejects: Rejects::create(
                settings.rejects.as_deref(),
                settings.max_rejects,
                settings.cuts != Cuts::default(),
                context.producer(),
            )?,
            furthest: (0, 0),
            told_unsealed: false,
            estimates: Estimates::default(),
        })
    }

    /// The next load of the run starts.
    ///
    /// # Errors
    /// 74 if the rejects cannot be read.
    pub(super) fn start_load(&mut self) -> Result<(), Fault> {
        self.furthest = (0, 0);
        self.rejects.next_load()
    }

    /// An attempt at the load starts. Records that an earlier one passed on cannot be taken back.
    ///
    /// # Errors
    /// 74 if what an earlier one has kept or set aside cannot be forgotten.
    pub(super) fn start_attempt(&mut self) -> Result<(), Fault> {
        self.emit.start()?;
        self.rejects.restart()
    }

    /// The sink took a record for the table of this number.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be passed on.
    #[inline]
    pub(super) fn taken(&mut self, table: usize, line: Line<'_>, values: Values) -> Result<(), Fault> {
        let first_time = self.is_first_time(line);
        self.emit.taken(table, line, values)?;
        if first_time && !self.emit.waits() { self.emit.record(line) } else { Ok(()) }
    }

    /// Whether a record that was loaded before is still to be passed on.
    pub(super) fn wants(&self, line: Line<'_>) -> bool {
        self.emit.passes_on() && (line.number, line.offset) > self.furthest
    }

    /// Takes note of a record that was loaded before; it is passed on if it was not set aside then.
    ///
    /// # Errors
    /// 141 or 74 if it cannot be passed on.
    pub(super) fn passed(&mut self, line: Line<'_>, fits: bool) -> Result<(), Fault> {
        self.furthest = (line.number, line.offset);
        if fits { self.emit.record(line) } else { Ok(()) }
    }

    /// Sets a record aside.
    ///
    /// # Errors
    /// 3 if there are more than allowed, 74 if it cannot be written.
    pub(super) fn refused(
        &mut self,
        line: Line<'_>,
        refusal: &sink::Refusal,
        schema: &Schema,
        values: Values,
    ) -> Result<(), Fault> {
        self.is_first_time(line);
        add(&mut self.rejects, line, refusal, schema, values)
    }

    /// Sets the records aside that the database has refused; `schema_of` is told the number of the table of each.
    ///
    /// # Errors
    /// 3 if there are more than allowed, 74 if they cannot be written.
    pub(super) fn set_aside(&mut self, mut schema_of: impl FnMut(usize) -> Arc<Schema>) -> Result<(), Fault> {
        let Outputs { emit, rejects, .. } = self;
        emit.taken.each_refused(|table, line, values, refusal| {
            add(rejects, line, refusal, &schema_of(table), values)
        })
    }

    #[inline]
    fn is_first_time(&mut self, line: Line<'_>) -> bool {
        let first_time = (line.number, line.offset) > self.furthest;
        self.furthest = self.furthest.max((line.number, line.offset));
        first_time
    }

    /// Writes what must exist when the load is committed: the state, under a temporary name, and the rejects.
    ///
    /// # Errors
    /// 74 if it cannot be written.
    pub(super) fn prepare(&mut self, state: Option<&RawValue>) -> Result<(), Fault> {
        self.prepare_state(state)?;
        self.rejects.finish()
    }

    /// The same for a load that wrote no rejects.
    ///
    /// # Errors
    /// 74 if it cannot be written.
    pub(super) fn prepare_state(&mut self, state: Option<&RawValue>) -> Result<(), Fault> {
        self.state_out.prepare(state.map(RawValue::get))
    }

    /// The data is safe: publishes the state, and prints.
    ///
    /// # Errors
    /// 74 if the state file does not get its name, or if records cannot be printed.
    pub(super) fn committed(
        &mut self,
        receipts: &[Receipt],
        state: Option<&RawValue>,
        said: &[String],
    ) -> Result<(), Fault> {
        // First what the next run depends on: printing may have to wait for a slow reader.
        let published = self.state_out.publish();
        let printed = self.emit.committed(receipts, state, said);
        published.and(printed)
    }

    /// The run is over. Its rejects are needed most when it failed; but a run that failed without any must not replace
    /// those of an earlier one.
    ///
    /// # Errors
    /// 74 if the rejects cannot be written.
    pub(super) fn close_rejects(&mut self, failed: bool) -> Result<(), Fault> {
        if failed && self.rejects.count() == 0 {
            self.rejects.discard();
        }
        self.rejects.finish()
    }
}

/// Sets a record of a schema aside.
fn add(
    rejects: &mut Rejects,
    line: Line<'_>,
    refusal: &sink::Refusal,
    schema: &Schema,
    values: Values,
) -> Result<(), Fault> {
    let sink::Refusal { field, reason, said } = refusal;
    if rejects.add(&Refusal { line, field, reason, values, said: said.as_ref() })? {
        return Ok(());
    }
    let of = if schema.is_foreign() { format!("stream {}, ", schema.name) } else { String::new() };
    Err(rejects.too_many(line, &format!("{of}{refusal}"), schema.key_names()))
}
