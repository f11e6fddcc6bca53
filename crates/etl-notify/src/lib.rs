//! What every alerter shares: what is told of a stream, whatever tells it.
//!
//! * [`tell`] reads a stream to its verified end and calls an [`Alerter`]: for each record that is wanted, at the end, or
//!   with the one [`Failure`] that it ended with.
//! * [`Templates`] are `--when` and `--template`; [`Receipt`] is what a loader prints after its commit.
//! * [`Workflow`] is the end of a workflow, which is told without a stream.
//! * [`Invocation`] and the structs of `args` are the flags, which all alerters have.

pub mod args;
mod failure;
mod gather;
mod input;
mod list;
mod receipt;
mod stream;
mod template;
pub mod text;
mod workflow;

pub use args::{About, Invocation, On, Records};
pub use failure::Failure;
pub use gather::{Counts, Wanted};
pub use list::List;
pub use receipt::{Receipt, fields};
pub use stream::{Alerter, tell};
pub use template::{Escaping, Sources, Templates, variables};
pub use workflow::{FailedNode, Status, Workflow};
