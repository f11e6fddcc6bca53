//! Loads through the binary, and what is then in the database.

mod emit;
mod environment;
mod exact;
mod input;
mod memory;
mod modes;
mod odd;
mod once;
mod output;
mod pipes;
mod rejects;
mod seal;
mod segments;
mod signals;
mod state;
mod support;
mod tables;
