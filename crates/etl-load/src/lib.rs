//! What every loader shares, in the order a load runs through it.
//!
//! * [`args`]: the flags of every loader, and what they mean.
//! * [`front`]: reads the stream and holds the first 8 MiB back, so that a short stream is verified whole before its
//!   sink opens a transaction, and a slow extractor holds none open.
//! * [`target`]: which schema and table a segment's records go to.
//! * [`rejects`]: sets aside records that fail the checks.
//! * [`emit`]: what the loader prints: its receipts, or the records passed on.
//! * [`state`]: the cursor file that follows the commit.
//! * [`progress`]: the line on a terminal.
//!
//! The sinks are concrete for now: the trait they will share is to be drawn from two of them.

pub mod args;
pub mod emit;
pub mod front;
pub mod progress;
pub mod rejects;
pub mod state;
pub mod target;

pub use args::{IfLoaded, LoadArgs, Mode, Settings};
pub use emit::{Emit, Receipt};
pub use front::Front;
pub use progress::Progress;
pub use rejects::Rejects;
pub use state::StateOut;
