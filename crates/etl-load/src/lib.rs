//! What every loader shares, in the order a load runs through it.
//!
//! * [`args`]: the flags of every loader, and what they mean.
//! * [`card`]: what a loader reads and prints.
//! * [`Connectors`]: what the flags say about Singer taps and Airbyte sources.
//! * [`front`]: reads the stream and holds the first 8 MiB back, so that a short stream is verified whole before its
//!   sink opens a transaction, and a slow extractor holds none open.
//! * [`load`]: one load after the other. Its plans are made as soon as a target is known; an attempt decodes the events
//!   into messages and does what each says; the outputs are told what became of them.
//! * [`target`]: which schema, table and mode the records of a stream have; [`Evolve`]: what of a table may change for them.
//! * [`sink`]: what a database is to a load: the one trait a loader implements.
//! * [`stamp`]: the columns of `--stamp`; [`History`]: those of `--mode history`; [`metadata`]: those of `--singer-metadata` and `--airbyte-metadata`.

pub mod args;
pub mod card;
mod emit;
mod evolve;
mod flatten;
mod format;
pub mod front;
mod history;
pub mod load;
pub mod metadata;
mod progress;
pub mod sink;
pub mod stamp;
mod state;
mod taken;
pub mod target;
mod tasks;

pub use args::{Absent, LoadArgs, Mode, Settings, StreamArgs};
pub use evolve::{Changes, Evolve};
pub use format::Connectors;
pub use history::History;
pub use load::run;
pub use sink::{Counts, Culprit, Entry, Loaded, Newest, Refusal, Refuse, Refused, Run, Sink, Stay, Swept};
pub use target::{FirstRecord, Plan, PlanError, Target, VersionColumn};
