//! Loads into a database that fails when it is told to.

mod attempts;
mod fake;
mod tables;
