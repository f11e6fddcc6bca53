//! The binary against a scripted server.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod demo;
mod extractor;
mod help;
mod replies;
mod runs;
