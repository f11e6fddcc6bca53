//! Runs of the binary against a server that answers as Slack does, and what was sent to it.

mod about;
mod arguments;
mod emit;
mod failures;
mod help;
mod pipes;
mod records;
mod replies;
mod secrets;
mod support;
mod templates;
mod workflow;
