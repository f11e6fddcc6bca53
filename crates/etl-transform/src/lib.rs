//! What every transform shares, so that one is its arguments and what it does with a record.
//!
//! * [`Pass`]: reads one stream, of records or of a connector's messages, and calls a [`Transform`] for each record.
//! * [`Segments`]: what comes out, sealed. A segment that goes in becomes one that comes out, under an id that follows from
//!   its own and from what the transform does, so that the same input has the same ids.

mod pass;
mod segments;

pub use pass::{Pass, Passed, Transform, TransformArgs};
pub use segments::Segments;
