//! What every loader shares, in the order a load runs through it.
//!
//! * [`args`]: the flags of every loader, and what they mean.
//! * [`load`]: the load itself: one transaction, or several one after the other, and another attempt at what failed.
//! * [`front`]: reads the stream and holds the first 8 MiB back, so that a short stream is verified whole before its
//!   sink opens a transaction, and a slow extractor holds none open.
//! * [`target`]: which schema and table a segment's records go to.
//! * [`sink`]: what a database is to a load: the one trait a loader implements.
//! * [`stamp`]: the columns of `--stamp`.
//! * [`rejects`]: sets aside records that fail the checks.
//! * [`emit`]: what the loader prints: its receipts, the records passed on, or those that are new.
//! * [`state`]: the cursor file that follows the commit.
//! * [`progress`]: the line on a terminal.

pub mod args;
pub mod emit;
pub mod front;
pub mod load;
pub mod progress;
pub mod rejects;
pub mod sink;
mod spool;
pub mod stamp;
pub mod state;
pub mod target;
mod tasks;

pub use args::{Evolve, LoadArgs, Mode, Settings, StreamArgs};
pub use load::run;
pub use sink::{Counts, Entry, Loaded, Plan, Refused, Sink};
pub use target::Target;
