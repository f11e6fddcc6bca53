//! Runs of the binary against a server, and what was sent to it.

mod arguments;
mod forms;
mod help;
mod readme;
mod requests;
mod streams;
mod support;
