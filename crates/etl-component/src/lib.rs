//! What the `main` of every component calls.
//!
//! A component declares itself ([`Component`]) and hands [`main`] its clap arguments and one function. The rest is the
//! same for all and lives here: flags that every component has, logs and the closing line on stderr, exit codes,
//! `abort` on stdout, signals, panics, `--describe`, secrets, input and output files.

pub mod args;
mod chosen;
mod command_line;
mod component;
pub mod cuts;
mod describe;
pub mod env;
mod excerpt;
pub mod format;
pub mod io;
pub mod logs;
mod manual;
mod records;
pub mod rejects;
mod relay;
mod runner;
pub mod secret;
pub mod signals;
pub mod spool;
pub mod stderr;
mod visible;

pub use args::{derived_id, duration, random_id};
pub use chosen::Chosen;
pub use component::{CommandCard, Component, Context, Reads, Stdout, When};
pub use env::{Env, Terminal, Variable};
pub use etl_stream::{Class, Details, Fault, counted};
pub use excerpt::{check_record, excerpt, scan};
pub use io::{InputArgs, Output, OutputArgs};
pub use logs::instant;
pub use records::{RecordsArgs, SINGER};
pub use relay::Relay;
pub use runner::{Differs, main};
pub use secret::{Secret, redact};
pub use spool::Spool;
pub use visible::visible;
