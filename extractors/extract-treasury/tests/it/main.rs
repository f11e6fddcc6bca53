//! The binary against a scripted server.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod extractor;
mod files;
mod help;
mod history;
mod pipelines;
mod readme;
