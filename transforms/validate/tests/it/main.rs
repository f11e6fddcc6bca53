//! `validate` as its users run it.

mod gate;
mod help;
mod readme;
mod rejects;
mod sample;
mod stats;
mod streams;
mod support;
