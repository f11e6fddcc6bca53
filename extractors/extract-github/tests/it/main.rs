//! The binary against a scripted server.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod extractor;
mod fixtures;
mod help;
mod history;
mod paging;
mod pipelines;
mod readme;
mod refusals;
mod runs;
