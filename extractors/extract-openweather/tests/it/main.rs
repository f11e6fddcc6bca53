//! The binary against a scripted server.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod demo;
mod extractor;
mod help;
mod history;
mod one_call;
mod pipelines;
mod readme;
mod replies;
mod runs;
