//! The client side of PostgreSQL, for every component that connects to a server.
//!
//! ```no_run
//! # use etl_component::{Env, Fault};
//! # use etl_postgres::{Session, Settings};
//! # fn rows(env: &Env) -> Result<(), Fault> {
//! let settings = Settings::new(env, "extract-example")?;
//! let mut session = Session::connect(&settings)?;
//! let mut copy = session.copy_out("table weather", "COPY weather TO STDOUT");
//! while let Some(bytes) = copy.chunk()? {
//!     // … text, CSV or binary, as the statement says
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A [`Session`] works on a thread of its own, so that the caller goes on while it waits for the server; a [`Reader`] reads many rows
//! at the least cost. Their failures are
//! [`Error`]s, whose predicates say what can be done about them; `?` makes a `Fault` of them.

mod broken;
mod cancel;
mod connect;
mod copy_in;
mod copy_out;
mod error;
pub mod names;
pub mod reader;
mod refusal;
mod session;
mod settings;
mod socket;
mod sqlstate;
#[cfg(test)]
mod support;
mod tap;
mod tls;
pub mod types;
mod wording;
mod worker;

pub use cancel::Canceller;
pub use copy_in::CopyIn;
pub use copy_out::CopyOut;
pub use error::{Error, RefusedRow};
pub use names::Name;
/// A row of a simple query, in which every value is a text or NULL.
pub use postgres::SimpleQueryRow as TextRow;
pub use reader::Reader;
pub use session::Session;
pub use settings::{Settings, VARIABLES};
pub use types::Kind;
